import { describe, expect, it } from "vitest";
import { CS, DS, ES, FS, GS, SS, STATUS } from "../layout.ts";
import { AT, Rig, SEL, descriptor, gate } from "./testing.ts";

describe("loading segment registers (SDM 2B MOV, SDM 3A §5.6)", () => {
  it("real mode: base is selector * 16, the limit stays", () => {
    const r = new Rig().realMode();
    r.state.setSegment(DS, 0, 0n, 0xffffffff, 0x93);
    expect(r.h.loadSegment(DS, 0x1234)).toBe(STATUS.next);
    expect([r.state.segBase(DS), r.state.limit[DS]]).toEqual([0x12340n, 0xffffffff]);
  });
  it("protected mode: fills the cache and sets the accessed bit", () => {
    const r = new Rig().protectedMode();
    r.w32(AT.gdt + SEL.data1 - 1, ...descriptor(0x12345678, 0x12345, 0x4092));
    expect(r.h.loadSegment(ES, SEL.data1 & ~7)).toBe(STATUS.next);
    expect([r.state.segBase(ES), r.state.limit[ES], r.state.attr[ES]]).toEqual([0x12345678n, 0x12345, 0x4093]);
    expect(r.r8(AT.gdt + (SEL.data1 & ~7) + 5)).toBe(0x93);
  });
  it.each([
    ["null SS", SS, 0, 13, 0],
    ["SS with a wrong RPL", SS, SEL.data0 | 3, 13, SEL.data0],
    ["SS that is code", SS, SEL.code0, 13, SEL.code0],
    ["SS of another level", SS, SEL.data3 & ~3, 13, SEL.data3 & ~3],
    ["DS beyond the table", DS, 0xf8, 13, 0xf8],
    ["DS in an absent LDT", DS, 0x0c, 13, 0x0c],
    ["DS that cannot be read", DS, SEL.executeOnly, 13, SEL.executeOnly],
    ["DS with an RPL above its DPL", DS, SEL.data0 | 3, 13, SEL.data0],
    ["DS that is a system segment", DS, SEL.tss, 13, SEL.tss],
    ["DS not present", DS, SEL.absent, 11, SEL.absent],
  ])("%s", (_what, s, selector, vector, code) => {
    const r = new Rig().protectedMode();
    r.state.ldtr.attr = 0;
    r.w32(AT.gdt + SEL.absent, ...descriptor(0, 0xfffff, 0xc012));
    const before = r.cpu.persistence.save();
    expect(r.h.loadSegment(s, selector)).toBe(STATUS.fault);
    expect(r.fault).toEqual([vector, code]);
    expect(r.cpu.persistence.save()).toEqual(before);
  });
  it("SS not present is #SS", () => {
    const r = new Rig().protectedMode();
    r.w32(AT.gdt + SEL.absent, ...descriptor(0, 0xfffff, 0xc012));
    r.h.loadSegment(SS, SEL.absent);
    expect(r.fault).toEqual([12, SEL.absent]);
  });
  it("a null SS is allowed in 64-bit mode below CPL 3", () => {
    const r = new Rig().longMode();
    expect(r.h.loadSegment(SS, 0)).toBe(STATUS.next);
    expect(r.state.interruptShadow).toBe(true);
    const u = new Rig().longMode(3);
    expect(u.h.loadSegment(SS, 3)).toBe(STATUS.fault);
    expect(u.fault).toEqual([13, 0]);
    expect(u.h.loadSegment(GS, 0)).toBe(STATUS.next);
  });
  it("conforming code may be read from any level", () => {
    const r = new Rig().protectedMode(3);
    expect(r.h.loadSegment(FS, SEL.conforming | 3)).toBe(STATUS.next);
  });
});

describe("LLDT, LTR, LAR, LSL, VERR, VERW", () => {
  it("LTR marks the TSS busy and refuses a busy one", () => {
    const r = new Rig().longMode();
    r.w32(AT.gdt + SEL.tss, ...descriptor(AT.tss, 0x67, 0x89), -1, 0);
    expect(r.h.ltr(SEL.tss)).toBe(STATUS.next);
    expect(r.state.tr.base).toBe(0xffffffff00003000n);
    expect(r.r8(AT.gdt + SEL.tss + 5)).toBe(0x8b);
    expect(r.h.ltr(SEL.tss)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, SEL.tss]);
  });
  it("LLDT takes a null selector, no other type, and no LDT selector", () => {
    const r = new Rig().protectedMode();
    r.w32(AT.gdt + SEL.ldt, ...descriptor(AT.ldt, 0xff, 0x82));
    expect(r.h.lldt(SEL.ldt)).toBe(STATUS.next);
    expect(r.state.ldtr).toEqual({ selector: SEL.ldt, base: BigInt(AT.ldt), limit: 0xff, attr: 0x82 });
    expect(r.h.lldt(SEL.data0)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, SEL.data0]);
    r.h.lldt(SEL.ldt | 4);
    expect(r.fault).toEqual([13, SEL.ldt | 4]);
    expect(r.h.lldt(0)).toBe(STATUS.next);
    expect(r.state.ldtr.attr).toBe(0);
  });
  it("is undefined in real mode", () => {
    const r = new Rig().realMode();
    r.h.lldt(0);
    expect(r.fault[0]).toBe(6);
  });
  it("LAR and LSL as a real processor answers them (measured: user code segment 0x33 of Linux)", () => {
    const r = new Rig().longMode(3);
    r.h.lar(SEL.user64, 32);
    expect([r.ret(0), r.ret(1)]).toEqual([0x00affb00n, 1n]);
    r.h.lsl(SEL.user64, 32);
    expect([r.ret(0), r.ret(1)]).toEqual([0xffffffffn, 1n]);
    r.h.lar(SEL.code64, 32);
    expect(r.ret(1)).toBe(0n);
    r.h.verify(SEL.user64, 1);
    expect(r.ret(1)).toBe(0n);
    r.h.verify(SEL.user64, 0);
    expect(r.ret(1)).toBe(1n);
  });
  it("UMIP hides the tables from user code", () => {
    const r = new Rig().longMode(3);
    expect(r.h.storeSystem(0)).toBe(STATUS.next);
    expect([r.ret(0), r.ret(1)]).toEqual([0x9fn, BigInt(AT.gdt)]);
    r.state.cr4 |= 2048;
    expect(r.h.storeSystem(0)).toBe(STATUS.fault);
  });
});

describe("far transfers (SDM 2A CALL, JMP; SDM 2B RET)", () => {
  it("real mode far call and return", () => {
    const r = new Rig().realMode();
    expect(r.h.farCall(0x2000, 0x50n, 16, 0x10105n)).toBe(STATUS.jump);
    expect(r.state.rip).toBe(0x20050n);
    expect(r.r16(0x7ffc, 2)).toEqual([0x105, 0x1000]);
    expect(r.h.farReturn(16, 4)).toBe(STATUS.jump);
    expect([r.state.rip, r.state.reg(4)]).toEqual([0x10105n, 0x8004n]);
  });
  it("jumps to code with a base: STATE.rip is linear", () => {
    const r = new Rig().protectedMode();
    expect(r.h.farJump(SEL.code16, 0x123n, 16, 0n)).toBe(STATUS.jump);
    expect([r.state.rip, r.state.codeBits]).toEqual([0x20123n, 16]);
  });
  it("#GP for offsets beyond the limit, data, other levels; #NP", () => {
    const r = new Rig().protectedMode();
    r.h.farJump(SEL.code16, 0x10000n, 32, 0n);
    expect(r.fault).toEqual([13, 0]);
    r.h.farJump(SEL.data0, 0n, 32, 0n);
    expect(r.fault).toEqual([13, SEL.data0]);
    r.h.farJump(SEL.code3, 0n, 32, 0n);
    expect(r.fault).toEqual([13, SEL.code3 & ~3]);
    r.w32(AT.gdt + SEL.absent, ...descriptor(0, 0xfffff, 0xc01b));
    r.h.farJump(SEL.absent, 0n, 32, 0n);
    expect(r.fault).toEqual([11, SEL.absent]);
    r.h.farJump(0, 0n, 32, 0n);
    expect(r.fault).toEqual([13, 0]);
  });
  it("conforming code runs at the caller's level", () => {
    const r = new Rig().protectedMode(3);
    expect(r.h.farJump(SEL.conforming, 0x10n, 32, 0n)).toBe(STATUS.jump);
    expect([r.state.cpl, r.state.selector[CS]]).toEqual([3, SEL.conforming | 3]);
  });
  it("a call gate changes stack, copies parameters, and RET releases them on both", () => {
    const r = new Rig().protectedMode(3);
    r.w32(AT.gdt + SEL.gate, ...gate(SEL.code0, 0x4000, 0xec, 2));
    r.w32(AT.stack3, 0x11111111, 0x22222222);
    expect(r.h.farCall(SEL.gate | 3, 0n, 32, BigInt(AT.code + 7))).toBe(STATUS.jump);
    expect([r.state.cpl, r.state.rip]).toEqual([0, 0x4000n]);
    expect(r.r32(AT.stack0 - 24, 6)).toEqual([AT.code + 7, SEL.code3, 0x11111111, 0x22222222, AT.stack3, SEL.data3]);
    r.h.loadSegment(DS, SEL.data0);
    expect(r.h.farReturn(32, 8)).toBe(STATUS.jump);
    expect([r.state.cpl, r.state.rip, r.state.reg(4)]).toEqual([3, BigInt(AT.code + 7), BigInt(AT.stack3 + 8)]);
    expect([r.state.selector[DS], r.state.selector[ES]]).toEqual([0, SEL.data3]);
  });
  it("a 64-bit call gate: wide frame, null SS", () => {
    const r = new Rig().longMode(3);
    r.w32(AT.gdt + SEL.gate, ...gate(SEL.code64, 0x4000, 0xec), -1, 0);
    expect(r.h.farCall(SEL.gate | 3, 0n, 32, BigInt(AT.code + 7))).toBe(STATUS.jump);
    expect(r.state.rip).toBe(0xffffffff00004000n);
    expect(r.r64(AT.stack0 - 32, 4)).toEqual([BigInt(AT.code + 7), BigInt(SEL.user64), BigInt(AT.stack3), BigInt(SEL.data3)]);
    expect([r.state.selector[SS], r.state.attr[SS]]).toEqual([0, 0]);
    expect(r.h.farReturn(64, 0)).toBe(STATUS.jump);
    expect([r.state.cpl, r.state.reg(4)]).toEqual([3, BigInt(AT.stack3)]);
  });
  it("long mode has no TSS or task gate to jump to", () => {
    const r = new Rig().longMode();
    r.w32(AT.gdt + SEL.tss, ...descriptor(AT.tss, 0x67, 0x89), 0, 0);
    r.h.farJump(SEL.tss, 0n, 32, 0n);
    expect(r.fault).toEqual([13, SEL.tss]);
    expect(r.unimplemented).toEqual([]);
  });
  it("a 64-bit far jump to compatibility mode truncates", () => {
    const r = new Rig().longMode();
    expect(r.h.farJump(SEL.code0, 0x1000n, 32, 0n)).toBe(STATUS.jump);
    expect([r.state.codeBits, r.state.rip]).toEqual([32, 0x1000n]);
    expect(r.h.farJump(SEL.code64, 0x2000n, 32, 0n)).toBe(STATUS.jump);
    expect(r.state.codeBits).toBe(64);
  });
  it("RET to an inner level faults", () => {
    const r = new Rig().protectedMode(3);
    r.w32(AT.stack3, 0, SEL.code0);
    r.h.farReturn(32, 0);
    expect(r.fault).toEqual([13, SEL.code0]);
  });
});
