/** Linux's boot protocols and PVH against hand-built images: what the guest finds in memory and registers. */
import { describe, expect, it } from "vitest";
import { TestRam, buildBzImage, buildElf, buildNote, filled } from "../../../test/boot/images.ts";
import { loadKernel } from "./load.ts";

const MIB = 1024 * 1024;
const vmlinux = (): Uint8Array =>
  buildElf({
    bits: 64,
    entry: 0x1000000,
    segments: [
      { physical: 0x1000000, virtual: 0xffffffff81000000n, data: filled(0x2000, 0x90) },
      { physical: 0x1200000, virtual: 0xffffffff81200000n, data: filled(0x100, 0x11), memorySize: 0x3000 },
    ],
  });

describe("ELF vmlinux by the 64-bit boot protocol", () => {
  const ram = new TestRam(64 * MIB);
  ram.bytes.fill(0xee);
  const initrds = [filled(5, 1), filled(7, 2)];
  const entry = loadKernel({ kernel: vmlinux(), initrds, cmdline: "console=ttyS0 ünïcode" }, ram);
  const bp = entry.registers.rsi;

  it("starts in long mode at the physical entry point", () => {
    expect(entry).toMatchObject({ protocol: "linux64", mode: "long", entry: 0x1000000, cr4: 0x20, efer: 0x500, cr0: 0x80000011, rflags: 2 });
    expect(entry.segments.cs).toEqual({ selector: 0x10, descriptor: 0x00af9b000000ffffn });
    expect(entry.segments.ds.selector).toBe(0x18);
    expect(ram.u64(entry.gdt.base + 0x10)).toBe(0x00af9b000000ffffn);
    expect(ram.u64(entry.gdt.base + 0x18)).toBe(0x00cf93000000ffffn);
    expect(ram.u64(entry.gdt.base)).toBe(0n);
  });

  it("maps the first 4 GiB to themselves", () => {
    for (const address of [0, 0x1234567, 0x7fffffff, 0xfee00123, 0xffffffff]) {
      const pml4e = ram.u64(entry.cr3);
      const pdpte = ram.u64(Number(pml4e & ~0xfffn) + Math.floor(address / 2 ** 30) * 8);
      const pde = ram.u64(Number(pdpte & ~0xfffn) + (Math.floor(address / 2 ** 21) % 512) * 8);
      expect(pml4e & 3n).toBe(3n);
      expect(pdpte & 0x83n).toBe(3n);
      expect(pde & 0x83n).toBe(0x83n);
      expect(Number(pde & ~0x1fffffn) + (address % 2 ** 21)).toBe(address);
    }
    expect(ram.u64(entry.cr3 + 8)).toBe(0n);
  });

  it("loads segments and clears the rest of their memory", () => {
    expect(ram.read(0x1000000, 0x2000)).toEqual(filled(0x2000, 0x90));
    expect(ram.read(0x1200000, 0x100)).toEqual(filled(0x100, 0x11));
    expect(ram.read(0x1200100, 0x2f00)).toEqual(filled(0x2f00, 0));
    expect(ram.u8(0x1203000)).toBe(0xee);
  });

  it("fills boot_params", () => {
    expect(ram.u16(bp + 0x1fe)).toBe(0xaa55);
    expect(ram.u32(bp + 0x202)).toBe(0x53726448);
    expect(ram.u16(bp + 0x206)).toBe(0x20f);
    expect(ram.u8(bp + 0x210)).toBe(0xff);
    expect(ram.u8(bp + 0x211) & 1).toBe(1);
    expect(ram.u8(bp + 0x1ef)).toBe(0); // sentinel
    expect(ram.u64(bp + 0x258)).toBe(0x1000000n);
    expect(ram.u32(bp + 0x260)).toBe(0x203000);
    expect(ram.string(ram.u32(bp + 0x228))).toBe("console=ttyS0 ünïcode");
  });

  it("describes a VGA text screen", () => {
    expect([0x6, 0x7, 0xe, 0xf, 0x10].map((o) => ram.u8(bp + o))).toEqual([3, 80, 25, 1, 16]);
  });

  it("lists memory as a PC does", () => {
    const count = ram.u8(bp + 0x1e8);
    const map = Array.from({ length: count }, (_, i) => bp + 0x2d0 + i * 20).map((at) => [Number(ram.u64(at)), Number(ram.u64(at + 8)), ram.u32(at + 16)]);
    expect(map).toEqual([
      [0, 0x9fc00, 1],
      [0x9fc00, 0x400, 2],
      [0xf0000, 0x10000, 2],
      [0x100000, 63 * MIB, 1],
    ]);
  });

  it("puts the initrds at the top, each 4-byte aligned", () => {
    const at = ram.u32(bp + 0x218);
    expect(at).toBe(64 * MIB - 0x1000);
    expect(ram.u32(bp + 0x21c)).toBe(15);
    expect([...ram.read(at, 15)]).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2]);
  });

  it("keeps boot data within low RAM", () => {
    for (const address of [bp, entry.cr3, entry.gdt.base, ram.u32(bp + 0x228)]) {
      expect(address).toBeGreaterThanOrEqual(0x10000);
      expect(address).toBeLessThan(0x9fc00);
    }
  });

  it("enters 32-bit kernels by the 32-bit protocol", () => {
    const kernel = buildElf({ bits: 32, entry: 0x1000000, segments: [{ physical: 0x1000000, virtual: 0xc1000000n, data: filled(64, 0x90) }] });
    const e = loadKernel({ kernel, initrds: [], cmdline: "" }, new TestRam(32 * MIB));
    expect(e).toMatchObject({ protocol: "linux32", mode: "protected", entry: 0x1000000, cr0: 0x11, cr3: 0, efer: 0 });
    expect(e.segments.cs).toEqual({ selector: 0x10, descriptor: 0x00cf9b000000ffffn });
    expect(e.registers).toMatchObject({ rbx: 0, rbp: 0, rdi: 0 });
    expect(e.registers.rsi).toBeGreaterThan(0);
  });
});

describe("bzImage", () => {
  it("is entered at its 64-bit entry point", () => {
    const ram = new TestRam(64 * MIB);
    const e = loadKernel({ kernel: buildBzImage(), initrds: [], cmdline: "quiet" }, ram);
    expect(e).toMatchObject({ protocol: "linux64", entry: 0x1000200 });
    expect(ram.read(0x1000000, 0x400)).toEqual(filled(0x400, 0xcc));
    expect(ram.u32(e.registers.rsi + 0x214)).toBe(0x1000000);
    expect(ram.u32(e.registers.rsi + 0x218)).toBe(0);
  });

  it("without XLF_KERNEL_64 is entered by the 32-bit protocol", () => {
    const e = loadKernel({ kernel: buildBzImage({ xloadFlags: 0 }), initrds: [], cmdline: "" }, new TestRam(64 * MIB));
    expect(e).toMatchObject({ protocol: "linux32", mode: "protected", entry: 0x1000000 });
  });

  it("of protocol 2.06 loads at 1 MiB", () => {
    const e = loadKernel({ kernel: buildBzImage({ version: 0x206, relocatable: false }), initrds: [], cmdline: "" }, new TestRam(8 * MIB));
    expect(e).toMatchObject({ protocol: "linux32", entry: 0x100000 });
  });

  it("gets its initrd below initrd_addr_max", () => {
    const ram = new TestRam(64 * MIB);
    const e = loadKernel({ kernel: buildBzImage({ initrdAddrMax: 0x2ffffff }), initrds: [filled(0x1001, 7)], cmdline: "" }, ram);
    expect(ram.u32(e.registers.rsi + 0x218)).toBe(0x2ffe000);
  });
});

describe("PVH", () => {
  const segments = [
    { physical: 0x1000000, virtual: 0xffffffff81000000n, data: filled(0x1000, 0x90) },
    { physical: 0, data: buildNote("Xen", 18, [0x40, 0, 0, 1]), type: 4 },
  ];

  it("is taken when the ELF entry point is a virtual address", () => {
    const ram = new TestRam(32 * MIB);
    const kernel = buildElf({ bits: 64, entry: 0xffffffff81000000n, segments });
    const e = loadKernel({ kernel, initrds: [filled(9, 5)], cmdline: "hello" }, ram);
    expect(e).toMatchObject({ protocol: "pvh", mode: "protected", entry: 0x1000040, cr0: 0x11, cr4: 0 });
    expect(e.segments.tr).toEqual({ selector: 0x20, descriptor: 0x00008b0000000067n });
    const info = e.registers.rbx;
    expect(ram.u32(info)).toBe(0x336ec578);
    expect(ram.u32(info + 4)).toBe(1);
    expect(ram.u32(info + 12)).toBe(1);
    const module = Number(ram.u64(info + 16));
    expect(ram.read(Number(ram.u64(module)), 9)).toEqual(filled(9, 5));
    expect(ram.u64(module + 8)).toBe(9n);
    expect(ram.string(Number(ram.u64(info + 24)))).toBe("hello");
    const map = Number(ram.u64(info + 40));
    expect(ram.u32(info + 48)).toBe(4);
    expect([Number(ram.u64(map + 72)), Number(ram.u64(map + 80)), ram.u32(map + 88)]).toEqual([0x100000, 31 * MIB, 1]);
  });

  it("yields to the Linux protocol where there is a physical entry point, unless asked for", () => {
    const kernel = buildElf({ bits: 64, entry: 0x1000000, segments });
    const images = { kernel, initrds: [], cmdline: "" };
    expect(loadKernel(images, new TestRam(32 * MIB)).protocol).toBe("linux64");
    expect(loadKernel(images, new TestRam(32 * MIB), { protocol: "pvh" }).protocol).toBe("pvh");
  });
});
