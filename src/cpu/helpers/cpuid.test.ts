import { describe, expect, it } from "vitest";
import { UserError } from "../../base/errors.ts";
import { CR4 } from "../state.ts";
import { CpuModel } from "./index.ts";
import { FEATURES, MODELS, isImplemented } from "./features.ts";
import { Rig } from "./testing.ts";

const bit = (v: number, n: number): boolean => ((v >>> n) & 1) === 1;
const chars = (...words: number[]): string => words.map((w) => String.fromCharCode(w & 255, (w >>> 8) & 255, (w >>> 16) & 255, w >>> 24)).join("");

describe("CPU models", () => {
  it("advertise only what is implemented", () => {
    for (const [name, m] of Object.entries(MODELS)) {
      for (const f of m.features.split(" ")) {
        expect(FEATURES.has(f), `${name}: ${f}`).toBe(true);
        expect(isImplemented(f), `${name}: ${f}`).toBe(true);
      }
    }
  });
  it("take flags in QEMU's notation, with '_', '-' or '.'", () => {
    const m = new CpuModel("x86-64-v2,-sse4.2,+pcid,-sse4_1,xsave=off,-avx");
    expect(["sse4-2", "pcid", "sse4-1", "xsave"].map((f) => m.has(f))).toEqual([false, true, false, false]);
    expect(m.xcr0Supported).toBe(0);
  });
  it.each([
    ["pentium9", /^unknown CPU model 'pentium9'; models: x86-64-v2, qemu64$/],
    ["", /^unknown CPU model ''/],
    ["constructor", /^unknown CPU model/],
    ["x86-64-v2,+bogus", /^CPU flag 'bogus' is unknown; flags: .*\bsse2\b/],
    ["x86-64-v2,+avx", /^CPU flag 'avx' is not implemented; flags: /],
    ["x86-64-v2,sse2", /^CPU flag 'sse2' is not of the form/],
    ["x86-64-v2,", /^CPU flag '' is not of the form/],
  ])("refuse '%s' in one line", (notation, message) => {
    let error: unknown;
    try {
      new CpuModel(notation);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(message);
    expect((error as UserError).message).not.toContain("\n");
  });
});

describe("CPUID (SDM 2A)", () => {
  const r = new Rig().longMode();
  const leaf = (n: number, sub = 0, rig = r) => rig.model.cpuid(n, sub, rig.state, 1000000);

  it("vendor, brand, hypervisor", () => {
    const v = leaf(0);
    expect(chars(v.ebx, v.edx, v.ecx)).toBe("GenuineIntel");
    const h = leaf(0x40000000);
    expect(chars(h.ebx, h.ecx, h.edx)).toBe("TabvisorTabv");
    const brand = [2, 3, 4].map((i) => leaf(0x80000000 + i)).map((b) => chars(b.eax, b.ebx, b.ecx, b.edx)).join("");
    expect(brand.replace(/\0+$/, "")).toBe("Tabvisor x86-64-v2 virtual CPU");
  });
  it("leaf 1: signature and features; OSXSAVE mirrors CR4", () => {
    const a = leaf(1);
    expect(a.eax).toBe(0x106a3);
    expect([0, 4, 5, 6, 8, 15, 24, 25, 26].every((n) => bit(a.edx, n))).toBe(true);
    expect([bit(a.edx, 9), bit(a.ecx, 21), bit(a.ecx, 24)]).toEqual([true, true, true]);
    expect([0, 9, 13, 19, 20, 23, 26, 31].every((n) => bit(a.ecx, n))).toBe(true);
    expect([bit(a.ecx, 27), bit(a.ecx, 3), bit(a.ecx, 28)]).toEqual([false, false, false]);
    r.state.cr4 |= CR4.OSXSAVE;
    expect(bit(leaf(1).ecx, 27)).toBe(true);
  });
  it("extended leaves: SYSCALL, NX, LM, LAHF; 40 physical and 48 linear bits", () => {
    const a = leaf(0x80000001);
    expect([11, 20, 27, 29].every((n) => bit(a.edx, n))).toBe(true);
    expect(bit(a.ecx, 0)).toBe(true);
    expect(leaf(0x80000008).eax).toBe(0x3028);
    expect(leaf(0x80000000).eax >>> 0).toBe(0x80000008);
  });
  it("the TSC frequency: crystal * EBX / EAX, small enough for Linux's 32-bit product", () => {
    for (const khz of [1000000, 2400000, 1234000, 1234567]) {
      const t = r.model.cpuid(0x15, 0, r.state, khz);
      expect((t.ecx * t.ebx) / t.eax).toBe(khz * 1000);
      expect((t.ecx / 1000) * t.ebx).toBeLessThan(2 ** 32);
    }
  });
  it("XSAVE sizes", () => {
    expect(leaf(0xd)).toEqual({ eax: 3, ebx: 576, ecx: 576, edx: 0 });
    expect(leaf(0xd, 1).eax).toBe(7);
  });
  it("leaves out of range: the highest basic leaf on Intel, zeros on AMD", () => {
    expect(leaf(0x17)).toEqual(leaf(0x16));
    expect(leaf(0x90000000)).toEqual(leaf(0x16));
    const amd = new Rig("qemu64").longMode();
    expect(leaf(0x17, 0, amd)).toEqual({ eax: 0, ebx: 0, ecx: 0, edx: 0 });
    const v = leaf(0x80000000, 0, amd);
    expect(chars(v.ebx, v.edx, v.ecx)).toBe("AuthenticAMD");
    expect(bit(leaf(0x80000001, 0, amd).edx, 0)).toBe(true);
  });
  it("the instruction clears the upper halves", () => {
    r.state.setReg(0, -1n);
    r.state.setReg(3, -1n);
    r.state.setReg32(0, 0);
    r.h.cpuid();
    expect([r.state.reg(0), r.state.reg(3)]).toEqual([0x16n, 0x756e6547n]);
  });
  it("CR4 follows the model", () => {
    const noSmep = new Rig("x86-64-v2,-smep").longMode();
    expect(noSmep.h.writeCr(4, BigInt(noSmep.state.cr4 | CR4.SMEP), 0n)).toBe(1);
    expect(r.h.writeCr(4, BigInt(r.state.cr4 | CR4.SMEP), 0n)).toBe(2);
  });
});
