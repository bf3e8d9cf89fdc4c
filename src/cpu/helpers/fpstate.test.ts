import { MXCSR_EXACT } from "./sse-ops.ts";
import { describe, expect, it } from "vitest";
import { FLAG, STATE, STATUS, XMM_STRIDE } from "../layout.ts";
import { CpuModel } from "./model.ts";
import { VECTOR } from "../fault.ts";
import { CR0, CR4 } from "../state.ts";
import { AT, Rig } from "./testing.ts";

function filled(): Rig {
  const r = new Rig().longMode();
  const s = r.state;
  s.i32[STATE.fpuCw >> 2] = 0x27f;
  s.i32[STATE.fpuSw >> 2] = 0x4101;
  s.i32[STATE.fpuTop >> 2] = 6;
  // ST0 (physical 6) = 1.0, ST1 (physical 7) = +0; the rest empty.
  s.i32[STATE.fpuTag >> 2] = 0x4fff;
  s.u64[(STATE.fpr + 6 * 16) >> 3] = 0x8000000000000000n;
  s.u64[(STATE.fpr + 6 * 16 + 8) >> 3] = 0x3fffn;
  s.i32[STATE.mxcsr >> 2] = 0x9fc0;
  for (let i = 0; i < 16; i++) s.u64[(STATE.xmm + i * XMM_STRIDE) >> 3] = BigInt(0x1000 + i);
  return r;
}

describe("FXSAVE (SDM 1 table 10-2)", () => {
  it("lays the image out", () => {
    const r = filled();
    expect(r.h.fxsave(BigInt(AT.data), 1)).toBe(STATUS.next);
    // FSW holds TOP; the abridged tags are by physical register.
    expect(r.r16(AT.data, 3)).toEqual([0x27f, 0x7101, 0x00c0]);
    expect(r.r32(AT.data + 24, 2)).toEqual([0x9fc0, 0xffff]);
    expect(r.r64(AT.data + 32, 4)).toEqual([0x8000000000000000n, 0x3fffn, 0n, 0n]);
    expect(r.r64(AT.data + 160 + 15 * 16, 1)).toEqual([0x100fn]);
  });
  it("is undone by FXRSTOR", () => {
    const r = filled();
    r.h.fxsave(BigInt(AT.data), 1);
    const before = r.cpu.persistence.save();
    const o = new Rig().longMode();
    for (let i = 0; i < 512; i += 8) o.w64(AT.data + i, r.r64(AT.data + i, 1)[0]);
    expect(o.h.fxrstor(BigInt(AT.data), 1)).toBe(STATUS.next);
    expect(o.cpu.persistence.save()).toEqual(before);
    expect(o.state.i32[STATE.fpuTag >> 2]).toBe(0x4fff);
  });
  it("leaves XMM8-15 and bytes 464-511 alone outside 64-bit mode", () => {
    const r = filled();
    r.protectedMode();
    r.w32(AT.data + 160 + 8 * 16, 0x55555555);
    r.h.fxsave(BigInt(AT.data), 0);
    expect(r.r32(AT.data + 160 + 7 * 16, 1)).toEqual([0x1007]);
    expect(r.r32(AT.data + 160 + 8 * 16, 1)).toEqual([0x55555555]);
  });
  it("#GP for misalignment and for reserved MXCSR bits, #PF before anything is written", () => {
    const r = filled();
    expect(r.h.fxsave(BigInt(AT.data + 8), 1)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
    r.w32(AT.data + 24, 0x10000);
    const before = r.cpu.persistence.save();
    expect(r.h.fxrstor(BigInt(AT.data), 1)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
    expect(r.cpu.persistence.save()).toEqual(before);
    // The second page is not mapped.
    r.w32(0x3fff00, 0x77777777);
    expect(r.h.fxsave(0x3fff00n, 1)).toBe(STATUS.fault);
    expect(r.fault).toEqual([14, 2]);
    expect(r.state.cr2 & ~0xfffn).toBe(0x400000n);
    expect(r.r32(0x3fff00, 1)).toEqual([0x77777777]);
  });
});

describe("XSAVE and XRSTOR (SDM 1 chapter 13)", () => {
  function withXsave(): Rig {
    const r = filled();
    r.state.cr4 |= CR4.OSXSAVE;
    r.state.xcr0 = 3n;
    r.setEdxEax(0xffffffffffffffffn);
    return r;
  }
  it("needs CR4.OSXSAVE and 64-byte alignment", () => {
    const r = filled();
    r.h.xsave(BigInt(AT.data), 1, 0);
    expect(r.fault[0]).toBe(6);
    const o = withXsave();
    o.h.xsave(BigInt(AT.data + 16), 1, 0);
    expect(o.fault).toEqual([13, 0]);
  });
  it("marks what it saved and keeps other components' bits", () => {
    const r = withXsave();
    r.w64(AT.data + 512, 6n);
    r.setEdxEax(1n);
    expect(r.h.xsave(BigInt(AT.data), 1, 0)).toBe(STATUS.next);
    expect(r.r64(AT.data + 512, 2)).toEqual([7n, 0n]);
    // MXCSR belongs to SSE, which was not asked for.
    expect(r.r32(AT.data + 24, 1)).toEqual([0]);
    expect(r.r16(AT.data, 1)).toEqual([0x27f]);
  });
  it.each([0, 1, 2])("form %i round trip", (form) => {
    const r = withXsave();
    r.h.xsave(BigInt(AT.data), 1, form);
    expect(r.r64(AT.data + 520, 1)[0]).toBe(form === 2 ? 0x8000000000000003n : 0n);
    const before = r.cpu.persistence.save();
    r.state.u8.fill(0, STATE.xmm, STATE.xmm + 512);
    r.state.i32[STATE.fpuTop >> 2] = 0;
    r.state.i32[STATE.mxcsr >> 2] = 0x1f80;
    expect(r.h.xrstor(BigInt(AT.data), 1, 0)).toBe(STATUS.next);
    expect(r.cpu.persistence.save()).toEqual(before);
  });
  it("initializes what the header leaves out", () => {
    const r = withXsave();
    r.w32(AT.data + 24, 0x1fa0);
    expect(r.h.xrstor(BigInt(AT.data), 1, 0)).toBe(STATUS.next);
    const s = r.state;
    expect([s.i32[STATE.fpuCw >> 2], s.i32[STATE.fpuTag >> 2], s.i32[STATE.mxcsr >> 2], s.u64[STATE.xmm >> 3]]).toEqual([0x37f, 0xffff, 0x1fa0, 0n]);
    r.state.setReg(1, 1n);
    r.h.xgetbv();
    expect(r.state.reg(0)).toBe(0n);
  });
  it("#GP for reserved header bits", () => {
    for (const [at, v] of [[512, 4n], [520, 1n], [528, 1n], [520, 1n << 63n | 4n]] as const) {
      const r = withXsave();
      r.w64(AT.data + at, v);
      expect(r.h.xrstor(BigInt(AT.data), 1, 0)).toBe(STATUS.fault);
      expect(r.fault).toEqual([13, 0]);
    }
  });
  it("a program that clears MXCSR's flags gets exact ones, and only it", () => {
    const r = filled();
    const exact = (): boolean => (r.state.i32[STATE.mxcsr >> 2] & MXCSR_EXACT) !== 0;
    r.state.setCpl(0);
    r.h.ldmxcsr(0x1f80);
    expect(exact()).toBe(false);
    r.state.setCpl(3);
    r.h.ldmxcsr(0x1fa0);
    expect(exact()).toBe(false);
    r.h.ldmxcsr(0x1f80);
    expect(exact()).toBe(true);
    const own = r.state.cr3;
    r.state.cr3 = own + 0x1000n;
    r.h.ldmxcsr(0x1fa0);
    expect(exact()).toBe(false);
    r.state.cr3 = own;
    r.h.ldmxcsr(0x1fa0);
    expect(exact()).toBe(true);
  });
  it("LDMXCSR refuses reserved bits", () => {
    const r = filled();
    expect(r.h.ldmxcsr(0x10000)).toBe(STATUS.fault);
    expect(r.h.ldmxcsr(0x1f80)).toBe(STATUS.next);
  });
});

describe("AVX state", () => {
  const upper = (i: number): number => (STATE.xmm + i * XMM_STRIDE + 16) >> 3;
  it("survives saving and restoring, and XSAVE with XRSTOR in both layouts", () => {
    const r = new Rig("x86-64-v3").longMode();
    for (let i = 0; i < 16; i++) r.state.u64[upper(i)] = BigInt(0x2000 + i);
    const saved = r.cpu.persistence.save();
    expect((saved["vectors"] as Uint8Array)[15 * XMM_STRIDE + 16]).toBe(0x0f);
    r.state.cr4 |= CR4.OSXSAVE;
    r.state.xcr0 = 7n;
    for (const form of [0, 2]) {
      r.setEdxEax(6n);
      expect(r.h.xsave(BigInt(AT.data), 1, form)).toBe(STATUS.next);
      expect(r.r64(AT.data + 576 + 15 * 16, 1)).toEqual([0x200fn]);
      for (let i = 0; i < 16; i++) r.state.u64[upper(i)] = 0n;
      expect(r.h.xrstor(BigInt(AT.data), 1, 0)).toBe(STATUS.next);
      expect(r.state.u64[upper(15)]).toBe(0x200fn);
    }
  });
});

// SDM 1 §13.4.3, §13.5.7, §13.11, §13.12.
describe("PKRU and XSAVES", () => {
  const ready = (): Rig => {
    const r = new Rig("max").longMode();
    r.state.cr4 |= CR4.OSXSAVE;
    r.state.xcr0 = 0x207n;
    r.w64(AT.data + 512, 0n);
    return r;
  };
  it("CPUID tells where the component is, and the sizes", () => {
    const r = ready();
    const leaf = (n: number): number[] => Object.values(new CpuModel("max").cpuid(0xd, n, r.state, 1e6));
    expect(leaf(0)).toEqual([0x207, 840, 840, 0]);
    expect(leaf(9)).toEqual([8, 832, 0, 0]);
    r.state.xcr0 = 0x203n;
    expect([leaf(0)[1], leaf(1)[1]]).toEqual([840, 584]);
  });
  // Form, components asked for, place of PKRU.
  it.each([[0, 0x207n, 832], [1, 0x200n, 832], [2, 0x207n, 832], [2, 0x201n, 576], [3, 0x203n, 576]] as const)("form %i with components %d", (form, components, at) => {
    const r = ready();
    r.state.pkru = 0x55555554;
    r.setEdxEax(components);
    expect(r.h.xsave(BigInt(AT.data), 1, form)).toBe(STATUS.next);
    expect(r.r64(AT.data + at, 1)).toEqual([0x55555554n]);
    expect(r.r64(AT.data + 512, 2)).toEqual([0x200n, form < 2 ? 0n : components | (1n << 63n)].map((v, i) => (i === 0 ? v | (r.r64(AT.data + 512, 1)[0] & 7n) : v)));
    r.state.pkru = 0;
    expect(r.h.xrstor(BigInt(AT.data), 1, form === 3 ? 1 : 0)).toBe(STATUS.next);
    expect(r.state.pkru).toBe(0x55555554);
    // What the header leaves out becomes zero.
    r.w64(AT.data + 512, 0n);
    expect(r.h.xrstor(BigInt(AT.data), 1, form === 3 ? 1 : 0)).toBe(STATUS.next);
    expect(r.state.pkru).toBe(0);
  });
  it("XSAVES and XRSTORS are the kernel's, and XRSTORS takes compacted images alone", () => {
    const r = ready();
    r.setEdxEax(7n);
    expect(r.h.xrstor(BigInt(AT.data), 1, 1)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
    r.state.setCpl(3);
    for (const run of [(): number => r.h.xsave(BigInt(AT.data), 1, 3), (): number => r.h.xrstor(BigInt(AT.data), 1, 1)]) {
      expect(run()).toBe(STATUS.fault);
      expect(r.fault).toEqual([13, 0]);
    }
    const without = new Rig("x86-64-v3").longMode();
    without.state.cr4 |= CR4.OSXSAVE;
    expect(without.h.xsave(BigInt(AT.data), 1, 3)).toBe(STATUS.fault);
    expect(without.fault[0]).toBe(6);
  });
});

describe("the VEX gate (SDM 2A §2.3, table 2-18)", () => {
  const gate = (r: Rig): number => r.state.i32[STATE.fpuGate >> 2] & 12;
  const trap = (r: Rig, unit: number): number => {
    r.h.fpuTrap(unit);
    return r.fault[0];
  };
  const ready = (r: Rig): Rig => {
    r.state.cr4 |= CR4.OSXSAVE;
    r.state.xcr0 = 7n;
    r.state.updateMode();
    return r;
  };
  it("is open in protected and long mode once the system has enabled AVX", () => {
    for (const r of [new Rig("max").protectedMode(), new Rig("max").longMode()]) {
      expect(gate(r)).toBe(4);
      expect(trap(r, 4)).toBe(VECTOR.UD);
      expect(gate(ready(r))).toBe(0);
      r.state.xcr0 = 3n;
      r.state.updateMode();
      expect(gate(r)).toBe(4);
      expect(trap(r, 4)).toBe(VECTOR.UD);
    }
  });
  it("is shut in real and virtual-8086 mode, for BMI too", () => {
    const real = ready(new Rig("max").realMode());
    const virtual = ready(new Rig("max").protectedMode(3));
    virtual.state.setFlags(2 | FLAG.VM);
    virtual.state.updateMode();
    for (const r of [real, virtual]) {
      expect(gate(r)).toBe(12);
      expect([trap(r, 4), trap(r, 8)]).toEqual([VECTOR.UD, VECTOR.UD]);
    }
  });
  it("gives #NM for CR0.TS, and does not ask CR0.EM", () => {
    const r = ready(new Rig("max").longMode());
    r.state.cr0 |= CR0.TS;
    r.state.updateMode();
    expect(gate(r)).toBe(4);
    expect(trap(r, 4)).toBe(VECTOR.NM);
    r.state.cr0 = (r.state.cr0 & ~CR0.TS) | CR0.EM;
    r.state.updateMode();
    expect(gate(r)).toBe(0);
  });
  it("opens with XSETBV", () => {
    const r = new Rig("max").longMode();
    r.state.cr4 |= CR4.OSXSAVE;
    r.state.updateMode();
    r.state.setReg(1, 0n);
    r.setEdxEax(7n);
    expect(r.h.xsetbv()).toBe(STATUS.next);
    expect(gate(r)).toBe(0);
  });
});
