/** Bad images: each gives one clear UserError line, whatever is cut off or overwritten. */
import { describe, expect, it } from "vitest";
import { TestRam, buildBzImage, buildElf, buildNote, filled, multibootHeader } from "../../../test/boot/images.ts";
import { UserError } from "../../base/errors.ts";
import { loadKernel, type LoadOptions } from "./load.ts";

const MIB = 1024 * 1024;
const segment = { physical: 0x1000000, virtual: 0xffffffff81000000n, data: filled(0x800, 0x90) };
const vmlinux = buildElf({ bits: 64, entry: 0x1000000, segments: [segment, { physical: 0, data: buildNote("Xen", 18, [0, 0, 0, 1]), type: 4 }] });

function multiboot(flags: number, addresses: readonly number[] = []): Uint8Array {
  const file = filled(0x1000, 0x90);
  file.set(multibootHeader(flags, addresses));
  return file;
}

interface Case {
  name: string;
  kernel: Uint8Array;
  message: RegExp;
  initrds?: Uint8Array[];
  cmdline?: string;
  mib?: number;
  options?: LoadOptions;
}

const elf = (o: Partial<Parameters<typeof buildElf>[0]>): Uint8Array => buildElf({ bits: 64, entry: 0x1000000, segments: [segment], ...o });

const CASES: Case[] = [
  { name: "empty", kernel: new Uint8Array(0), message: /the file is empty/ },
  { name: "text", kernel: new TextEncoder().encode("#!/bin/sh\n"), message: /not in a known format \(it starts with 23 21 2f 62/ },
  { name: "gzip", kernel: Uint8Array.of(0x1f, 0x8b, 8, 0), message: /gzip-compressed/ },
  { name: "cpio as kernel", kernel: new TextEncoder().encode("070701"), message: /cpio archive: give it as an initrd/ },
  { name: "other machine", kernel: elf({ machine: 183 }), message: /for another machine \(AArch64\)/ },
  { name: "relocatable", kernel: elf({ type: 1 }), message: /relocatable object file/ },
  { name: "program", kernel: elf({ segments: [{ ...segment, type: 3 }] }), message: /dynamically linked program/ },
  { name: "nothing to load", kernel: elf({ segments: [{ ...segment, type: 4 }] }), message: /nothing to load/ },
  { name: "ELF cut in a segment", kernel: vmlinux.subarray(0, 0x1100), message: /truncated: segment 0 ends at 6144, the file at 4352/ },
  { name: "ELF cut in the header", kernel: vmlinux.subarray(0, 20), message: /truncated/ },
  { name: "entry outside", kernel: elf({ entry: 0x2000000 }), message: /entry point 0x2000000 is in no loaded segment/ },
  { name: "overlap", kernel: elf({ segments: [segment, { ...segment, physical: 0x1000400 }] }), message: /ELF segment 1 at 0x1000400\.\.0x1000c00 overlaps ELF segment 0/ },
  { name: "in the ROM area", kernel: elf({ entry: 0xc0000, segments: [{ physical: 0xc0000, data: filled(16, 0) }] }), message: /overlaps the PC's video memory and ROM area/ },
  { name: "low", kernel: elf({ entry: 0x8000, segments: [{ physical: 0x8000, data: filled(16, 0) }] }), message: /below 1 MiB/ },
  { name: "above 4 GiB", kernel: elf({ segments: [segment, { physical: 0x1_0000_0000, data: filled(16, 0) }] }), message: /above 4 GiB/ },
  { name: "RAM too small for the kernel", kernel: vmlinux, mib: 16, message: /RAM too small: ELF segment 0 at 0x1000000 needs at least 17 MiB, the machine has 16 MiB/ },
  { name: "RAM too small for the initrd", kernel: vmlinux, mib: 20, initrds: [filled(16 * MIB, 1)], message: /RAM too small: initrd needs at least 33 MiB, the machine has 20 MiB/ },
  { name: "RAM too small for anything", kernel: vmlinux, mib: 1, message: /at least 2 MiB/ },
  { name: "initrd above its limit", kernel: buildBzImage({ initrdAddrMax: 0x17fffff }), initrds: [filled(16 * MIB, 1)], message: /initrd: 16 MiB do not fit: the kernel takes it between/ },
  { name: "empty initrd", kernel: vmlinux, initrds: [filled(4, 1), new Uint8Array(0)], message: /initrd: file 2 is empty/ },
  { name: "long command line", kernel: vmlinux, cmdline: "x".repeat(2048), message: /command line: 2048 bytes, the kernel takes at most 2047/ },
  { name: "bzImage's own limit", kernel: buildBzImage({ cmdlineSize: 255 }), cmdline: "ü".repeat(128), message: /256 bytes, the kernel takes at most 255/ },
  { name: "NUL in the command line", kernel: vmlinux, cmdline: "a\0b", message: /contains a NUL/ },
  { name: "old bzImage", kernel: buildBzImage({ version: 0x204 }), message: /boot protocol 2\.04 is older than 2\.06/ },
  { name: "zImage", kernel: buildBzImage({ loadFlags: 0 }), message: /zImage/ },
  { name: "cut bzImage", kernel: buildBzImage().subarray(0, 0x700), message: /bzImage is truncated: 1792 bytes of 2560/ },
  { name: "bzImage, RAM too small", kernel: buildBzImage({ initSize: 48 * MIB }), message: /RAM too small: the kernel at 0x1000000 needs at least 64 MiB/, mib: 32 },
  { name: "PVH of a bzImage", kernel: buildBzImage(), options: { protocol: "pvh" }, message: /bzImage has no PVH entry point/ },
  { name: "PVH without the note", kernel: elf({}), options: { protocol: "pvh" }, message: /no PVH entry point/ },
  { name: "Multiboot without addresses", kernel: multiboot(0), message: /neither ELF nor does its header give load addresses/ },
  { name: "Multiboot with unknown needs", kernel: multiboot(0x80), message: /requires features that are not known/ },
  { name: "Multiboot cut", kernel: multiboot(1 << 16, [0x100000, 0x100000, 0x109000, 0, 0x100000]), message: /truncated: 4096 bytes of 36864/ },
  { name: "Multiboot inverted", kernel: multiboot(1 << 16, [0x100000, 0x200000, 0, 0, 0x100000]), message: /does not fit its header/ },
  { name: "Multiboot entry", kernel: multiboot(1 << 16, [0x100000, 0x100000, 0, 0, 0x700000]), message: /entry point 0x700000 is not in the loaded image/ },
  { name: "Multiboot module too large", kernel: multiboot(1 << 16, [0x100000, 0x100000, 0, 0, 0x100000]), mib: 2, initrds: [filled(4 * MIB, 0)], message: /RAM too small: module 1 at 0x101000 needs at least 6 MiB/ },
];

function load(c: Omit<Case, "message" | "name">): void {
  loadKernel({ kernel: c.kernel, initrds: c.initrds ?? [], cmdline: c.cmdline ?? "" }, new TestRam((c.mib ?? 32) * MIB), c.options);
}

describe("bad images", () => {
  it.each(CASES)("$name", (c) => {
    expect(() => load(c)).toThrow(UserError);
    expect(() => load(c)).toThrow(c.message);
    expect(() => load(c)).not.toThrow(/\n/);
  });
});

/** xorshift32: the same cases every time. */
function random(seed: number): (below: number) => number {
  let s = seed;
  return (below) => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return (s >>> 0) % below;
  };
}

describe("damaged images load or give a UserError, never anything else", () => {
  const mbElf = filled(0x1000, 0x90);
  mbElf.set(multibootHeader(3), 0x20);
  const kernels: [string, Uint8Array, LoadOptions][] = [
    ["vmlinux", vmlinux, {}],
    ["PVH", vmlinux, { protocol: "pvh" }],
    ["bzImage", buildBzImage(), {}],
    ["Multiboot ELF", buildElf({ bits: 32, entry: 0x100010, segments: [{ physical: 0x100000, data: mbElf }] }), {}],
    ["Multiboot with addresses", multiboot(1 << 16, [0x100000, 0x100000, 0, 0, 0x100000]), {}],
  ];
  it.each(kernels)("%s", (_, kernel, options) => {
    const ram = new TestRam(20 * MIB);
    const next = random(kernel.length + 1);
    let loaded = 0;
    for (let round = 0; round < 4000; round++) {
      const damaged = kernel.slice(0, round % 3 === 0 ? next(kernel.length) : kernel.length);
      if (round % 3 !== 0 && damaged.length > 0) {
        for (let n = 1 + next(4); n > 0; n--) {
          // Headers are where damage matters; extreme values are what breaks arithmetic.
          const at = next(2) === 0 ? next(Math.min(0x80, damaged.length)) : 0x1f0 + next(0x80);
          const value = [0, 0xff, 0x7f, 0x80, next(256)][next(5)];
          damaged.fill(value, at, at + 1 + next(8));
        }
      }
      try {
        loadKernel({ kernel: damaged, initrds: [filled(100, 1)], cmdline: "a b" }, ram, options);
        loaded++;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        expect(error.message).not.toMatch(/\n|NaN|undefined|Infinity/);
      }
    }
    expect(loaded).toBeGreaterThan(0);
  });
});
