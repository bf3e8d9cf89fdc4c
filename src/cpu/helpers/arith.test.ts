import { describe, expect, it } from "vitest";
import { FLAG, SS, STATUS } from "../layout.ts";
import { AT, Rig, SEL } from "./testing.ts";

describe("DIV and IDIV of 128 bits", () => {
  const r = new Rig().longMode();
  const set = (high: bigint, low: bigint): void => {
    r.state.setReg(2, BigInt.asUintN(64, high));
    r.state.setReg(0, BigInt.asUintN(64, low));
  };
  it("unsigned", () => {
    set(1n, 5n);
    expect(r.h.divide128(-1n, 0)).toBe(STATUS.next);
    expect([r.state.reg(0), r.state.reg(2)]).toEqual([1n, 6n]);
    set(5n, 0n);
    expect(r.h.divide128(5n, 0)).toBe(STATUS.fault);
    expect(r.fault[0]).toBe(0);
    expect(r.h.divide128(0n, 0)).toBe(STATUS.fault);
  });
  it("signed: truncates towards zero, the remainder has the dividend's sign", () => {
    set(-1n, -7n);
    r.h.divide128(2n, 1);
    expect([BigInt.asIntN(64, r.state.reg(0)), BigInt.asIntN(64, r.state.reg(2))]).toEqual([-3n, -1n]);
    set(-1n, -(1n << 63n));
    expect(r.h.divide128(-1n, 1)).toBe(STATUS.fault);
    expect(r.h.divide128(1n, 1)).toBe(STATUS.next);
  });
});

describe("decimal adjustment (examples of SDM 2A)", () => {
  const r = new Rig().protectedMode();
  const run = (name: "daa" | "das" | "aaa" | "aas", ax: number, flags: number): [number, number] => {
    r.state.setReg(0, BigInt(ax));
    r.state.setFlags(flags | 2);
    r.h[name]();
    return [r.state.reg32(0) & 0xffff, r.state.flags() & (FLAG.CF | FLAG.AF)];
  };
  it("DAA: 79H + 35H = AEH adjusts to 14H with carry", () => {
    expect(run("daa", 0xae, 0)).toEqual([0x14, FLAG.CF | FLAG.AF]);
    expect(run("daa", 0x2e, 0)).toEqual([0x34, FLAG.AF]);
    expect(run("daa", 0x12, FLAG.CF)).toEqual([0x72, FLAG.CF]);
  });
  it("DAS: 35H - 47H = EEH adjusts to 88H with carry", () => {
    expect(run("das", 0xee, FLAG.CF | FLAG.AF)).toEqual([0x88, FLAG.CF | FLAG.AF]);
    expect(run("das", 0x03, FLAG.AF)).toEqual([0xfd, FLAG.CF | FLAG.AF]);
  });
  it("AAA and AAS carry into AH", () => {
    expect(run("aaa", 0x010c, 0)).toEqual([0x0202, FLAG.CF | FLAG.AF]);
    expect(run("aaa", 0x0109, 0)).toEqual([0x0109, 0]);
    expect(run("aas", 0x020d, 0)).toEqual([0x0107, FLAG.CF | FLAG.AF]);
  });
  it("AAM and AAD", () => {
    r.state.setReg(0, 0x3fn);
    r.h.aam(10);
    expect(r.state.reg(0)).toBe(0x0603n);
    r.h.aad(10);
    expect(r.state.reg(0)).toBe(0x3fn);
    expect(r.h.aam(0)).toBe(STATUS.fault);
    expect(r.fault[0]).toBe(0);
  });
});

describe("ENTER and BOUND", () => {
  it("level 0 in 64-bit mode", () => {
    const r = new Rig().longMode();
    const sp = AT.stack0 - 0x100;
    r.state.setReg(5, 0x1122334455667788n);
    expect(r.h.enter(0x20, 0, 64)).toBe(STATUS.next);
    expect(r.r64(sp - 8, 1)).toEqual([0x1122334455667788n]);
    expect([r.state.reg(5), r.state.reg(4)]).toEqual([BigInt(sp - 8), BigInt(sp - 8 - 0x20)]);
  });
  it("level 3 copies the display", () => {
    const r = new Rig().protectedMode();
    const sp = AT.stack0 - 0x100;
    r.state.setReg(5, BigInt(AT.data));
    r.w32(AT.data - 8, 0x222, 0x111);
    r.h.enter(8, 3, 32);
    expect(r.r32(sp - 16, 4)).toEqual([sp - 4, 0x222, 0x111, AT.data]);
    expect([r.state.reg(5), r.state.reg(4)]).toEqual([BigInt(sp - 4), BigInt(sp - 24)]);
  });
  it("faults with RBP and RSP unchanged", () => {
    const r = new Rig().protectedMode();
    r.state.setSegment(SS, SEL.data0, 0n, 0xfff, 0x4093);
    r.state.setReg(4, 0x10n);
    r.state.setReg(5, 0x55n);
    expect(r.h.enter(0x20, 0, 32)).toBe(STATUS.fault);
    expect([r.fault, r.state.reg(4), r.state.reg(5)]).toEqual([[12, 0], 0x10n, 0x55n]);
  });
  it("BOUND", () => {
    const r = new Rig().protectedMode();
    expect(r.h.bound(-1n, -1n, 5n)).toBe(STATUS.next);
    expect(r.h.bound(6n, -1n, 5n)).toBe(STATUS.fault);
    expect(r.fault[0]).toBe(5);
  });
});
