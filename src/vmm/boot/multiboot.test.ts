/** Multiboot 1 kernels, ELF and with address fields: load, information structure, modules. */
import { describe, expect, it } from "vitest";
import { TestRam, buildElf, filled, multibootHeader } from "../../../test/boot/images.ts";
import { loadKernel } from "./load.ts";

const MIB = 1024 * 1024;

function elf32(flags = 0): Uint8Array {
  const data = filled(0x1000, 0x90);
  data.set(multibootHeader(flags), 0x20);
  return buildElf({ bits: 32, entry: 0x100010, segments: [{ physical: 0x100000, data, memorySize: 0x5000 }] });
}

describe("Multiboot 1", () => {
  it("starts flat in protected mode with the magic in EAX", () => {
    const ram = new TestRam(16 * MIB);
    const e = loadKernel({ kernel: elf32(), initrds: [], cmdline: "" }, ram, { kernelName: "test.elf" });
    expect(e).toMatchObject({ protocol: "multiboot", mode: "protected", entry: 0x100010, cr0: 0x11, cr4: 0, efer: 0 });
    expect(e.registers.rax).toBe(0x2badb002);
    expect(e.segments.cs.descriptor).toBe(0x00cf9b000000ffffn);
    expect(ram.string(ram.u32(e.registers.rbx + 16))).toBe("test.elf");
    expect(ram.u32(e.registers.rbx) & 8).toBe(0);
  });

  it("describes memory, modules and command lines", () => {
    const ram = new TestRam(16 * MIB);
    const initrds = [filled(0x1800, 1), new Uint8Array(0), filled(3, 3)];
    const moduleStrings = ["a.bin one two", "empty", "b.bin"];
    const e = loadKernel({ kernel: elf32(7), initrds, cmdline: "x=1 y" }, ram, { moduleStrings });
    const info = e.registers.rbx;
    expect(ram.u32(info)).toBe(0x24d);
    expect(ram.u32(info + 4)).toBe(639);
    expect(ram.u32(info + 8)).toBe(15 * 1024);
    expect(ram.string(ram.u32(info + 16))).toBe("kernel x=1 y");
    expect(ram.string(ram.u32(info + 64))).toBe("Tabvisor");
    expect(ram.u32(info + 20)).toBe(3);
    const mods = ram.u32(info + 24);
    const seen = initrds.map((bytes, i) => {
      const start = ram.u32(mods + i * 16);
      const end = ram.u32(mods + i * 16 + 4);
      expect(start % 0x1000).toBe(0);
      expect(start).toBeGreaterThanOrEqual(0x105000);
      expect(ram.read(start, end - start)).toEqual(bytes);
      return ram.string(ram.u32(mods + i * 16 + 8));
    });
    expect(seen).toEqual(moduleStrings);
    let at = ram.u32(info + 48);
    const end = at + ram.u32(info + 44);
    const types: number[] = [];
    for (; at < end; at += ram.u32(at) + 4) types.push(ram.u32(at + 20));
    expect(at).toBe(end);
    expect(types).toEqual([1, 2, 2, 1]);
  });

  it("takes the address fields before ELF headers, also in files that are no ELF", () => {
    const file = filled(0x1000, 0x90);
    file.set(multibootHeader(1 << 16, [0x200100, 0x2000f0, 0x200800, 0x201000, 0x200200]), 0x40);
    const ram = new TestRam(16 * MIB);
    ram.bytes.fill(0xee);
    const e = loadKernel({ kernel: file, initrds: [], cmdline: "" }, ram);
    expect(e).toMatchObject({ protocol: "multiboot", entry: 0x200200 });
    expect(ram.read(0x2000f0, 0x710)).toEqual(file.subarray(0x30, 0x740));
    expect(ram.read(0x200800, 0x800)).toEqual(filled(0x800, 0));
    expect(ram.u8(0x201000)).toBe(0xee);
  });

  it("loads to the end of the file when the load end address is 0", () => {
    const file = filled(0x100, 0x90);
    file.set(multibootHeader(1 << 16, [0x100000, 0x100000, 0, 0, 0x100020]));
    const ram = new TestRam(16 * MIB);
    loadKernel({ kernel: file, initrds: [], cmdline: "" }, ram);
    expect(ram.u8(0x1000ff)).toBe(0x90);
  });

  it("finds room for its information beside a kernel in low memory", () => {
    const data = filled(0x8f000, 0x90);
    data.set(multibootHeader(0));
    const kernel = buildElf({ bits: 32, entry: 0x10010, segments: [{ physical: 0x10000, data }] });
    const e = loadKernel({ kernel, initrds: [], cmdline: "" }, new TestRam(16 * MIB));
    expect(e.registers.rbx === 0x9f000 || e.registers.rbx >= 0x100000).toBe(true);
  });
});
