import { describe, expect, it } from "vitest";
import { CS, DS, ES, FLAG, FS, GS, SS, STATE, STATUS } from "../layout.ts";
import { descriptor, AT, Rig, SEL } from "./testing.ts";

const RF = 0x10000;

describe("real mode (SDM 3A §20.1.4)", () => {
  it("pushes FLAGS, CS, IP and clears IF and TF", () => {
    const r = new Rig().realMode();
    r.w16(0x21 * 4, 0x1234);
    r.w16(0x21 * 4 + 2, 0xabcd);
    r.state.setFlags(FLAG.IF | FLAG.CF | 2);
    expect(r.h.softwareInterrupt(0x21, 0x10102n)).toBe(STATUS.jump);
    expect(r.state.rip).toBe(0xabcd0n + 0x1234n);
    expect(r.state.selector[CS]).toBe(0xabcd);
    expect(r.state.reg(4)).toBe(0x7ffan);
    expect(r.r16(0x7ffa, 3)).toEqual([0x102, 0x1000, 0x203]);
    expect(r.state.flags()).toBe(0x03);
  });
  it("returns with IRET", () => {
    const r = new Rig().realMode();
    r.state.setReg(4, 0x7ffan);
    r.w16(0x7ffa, 0x102);
    r.w16(0x7ffc, 0x1000);
    r.w16(0x7ffe, 0x7203);
    expect(r.h.iret(16, 0n)).toBe(STATUS.jump);
    expect(r.state.rip).toBe(0x10102n);
    expect(r.state.reg(4)).toBe(0x8000n);
    expect(r.state.flags()).toBe(0x7203);
  });
  it("shuts down when the vector table is too short for every handler", () => {
    const r = new Rig().realMode();
    r.state.idtr.limit = 0;
    expect(r.cpu.interrupts.deliver(6, null, "fault", r.state.rip)).toBe("triple-fault");
    expect(r.state.rip).toBe(0x10100n);
  });
});

describe("32-bit protected mode (SDM 3A §6.12)", () => {
  it("stays on the stack at the same level; RF is set in the image of a fault", () => {
    const r = new Rig().protectedMode();
    r.idt(13, SEL.code0, 0x5000, 0x8e);
    r.state.setFlags(FLAG.IF | FLAG.NT | 2);
    const sp = Number(r.state.reg(4));
    expect(r.cpu.interrupts.deliver(13, 0x18, "fault", r.state.rip)).toBe("ok");
    expect(r.state.reg(4)).toBe(BigInt(sp - 16));
    expect(r.r32(sp - 16, 4)).toEqual([0x18, AT.code, SEL.code0, FLAG.IF | FLAG.NT | 2 | RF]);
    expect(r.state.flags()).toBe(2);
    expect(r.state.rip).toBe(0x5000n);
  });
  it("leaves IF alone through a trap gate", () => {
    const r = new Rig().protectedMode();
    r.idt(3, SEL.code0, 0x5000, 0x8f);
    r.state.setFlags(FLAG.IF | 2);
    expect(r.h.int3(BigInt(AT.code + 1))).toBe(STATUS.jump);
    expect(r.state.flags()).toBe(FLAG.IF | 2);
  });
  it("switches to the stack of the TSS from ring 3", () => {
    const r = new Rig().protectedMode(3);
    r.idt(0x80, SEL.code0, 0x5000, 0xee);
    expect(r.h.softwareInterrupt(0x80, BigInt(AT.code + 2))).toBe(STATUS.jump);
    expect(r.r32(AT.stack0 - 20, 5)).toEqual([AT.code + 2, SEL.code3, 2, AT.stack3, SEL.data3]);
    expect([r.state.cpl, r.state.selector[CS], r.state.selector[SS]]).toEqual([0, SEL.code0, SEL.data0]);
    // And back.
    expect(r.h.iret(32, 0n)).toBe(STATUS.jump);
    expect([r.state.cpl, r.state.selector[CS], r.state.selector[SS]]).toEqual([3, SEL.code3, SEL.data3]);
    expect(r.state.reg(4)).toBe(BigInt(AT.stack3));
    expect(r.state.rip).toBe(BigInt(AT.code + 2));
  });
  it("pushes words through a 16-bit gate", () => {
    const r = new Rig().protectedMode();
    r.idt(0x30, SEL.code0, 0x12345678, 0x86);
    const sp = Number(r.state.reg(4));
    r.h.softwareInterrupt(0x30, BigInt(AT.code + 2));
    expect(r.r16(sp - 6, 3)).toEqual([(AT.code + 2) & 0xffff, SEL.code0, 2]);
    expect(r.state.rip).toBe(0x5678n);
  });
  it("#GP(vector*8+2) for a privileged gate of INT n, and without EXT", () => {
    const r = new Rig().protectedMode(3);
    r.idt(0x20, SEL.code0, 0x5000, 0x8e);
    expect(r.h.softwareInterrupt(0x20, 2n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0x20 * 8 + 2]);
    // Beyond the limit, and a not present gate.
    r.state.idtr.limit = 0x20 * 8;
    expect(r.h.softwareInterrupt(0x20, 2n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0x102]);
    r.state.idtr.limit = 0x7ff;
    r.idt(0x21, SEL.code0, 0x5000, 0x6e);
    r.h.softwareInterrupt(0x21, 2n);
    expect(r.fault).toEqual([11, 0x21 * 8 + 2]);
  });
  it("sets EXT in the error code when an external event fails", () => {
    const r = new Rig().protectedMode();
    r.idt(0x20, SEL.absent, 0x5000, 0x8e);
    r.idt(13, SEL.code0, 0x6000, 0x8e);
    const sp = Number(r.state.reg(4));
    expect(r.cpu.interrupts.deliver(0x20, null, "external", r.state.rip)).toBe("ok");
    // The target is no code segment: #GP(selector + EXT).
    expect(r.r32(sp - 16, 1)).toEqual([SEL.absent | 1]);
    expect(r.state.rip).toBe(0x6000n);
  });
  it("#TS for a bad stack in the TSS", () => {
    const r = new Rig().protectedMode(3);
    r.idt(0x80, SEL.code0, 0x5000, 0xee);
    r.w32(AT.tss + 8, SEL.data3);
    r.h.softwareInterrupt(0x80, 2n);
    expect(r.fault).toEqual([10, SEL.data3 & ~3]);
    r.state.tr.limit = 8;
    r.h.softwareInterrupt(0x80, 2n);
    expect(r.fault).toEqual([10, SEL.tss]);
  });
  it("#SS for a stack without room", () => {
    const r = new Rig().protectedMode();
    r.idt(0x80, SEL.code0, 0x5000, 0x8e);
    r.state.setSegment(SS, SEL.data0, 0n, 0xfff, 0x4093);
    r.state.setReg(4, 0x1004n);
    expect(r.h.softwareInterrupt(0x80, 2n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([12, 0]);
    expect(r.state.reg(4)).toBe(0x1004n);
  });
  it("#GP for a task gate that does not name a TSS that is there and not busy", () => {
    const r = new Rig().protectedMode();
    for (const [selector, error] of [[SEL.code0, SEL.code0], [SEL.tss | 4, SEL.tss | 4], [0, 0]]) {
      r.idt(0x40, selector, 0, 0xe5);
      expect(r.h.softwareInterrupt(0x40, 2n)).toBe(STATUS.fault);
      expect(r.fault).toEqual([13, error]);
    }
    r.idt(0x40, SEL.tss, 0, 0xe5);
    r.w32(AT.gdt + SEL.tss, ...descriptor(AT.tss, 0x67, 0x8b));
    r.h.softwareInterrupt(0x40, 2n);
    expect(r.fault).toEqual([13, SEL.tss]);
    r.w32(AT.gdt + SEL.tss, ...descriptor(AT.tss, 0x66, 0x89));
    r.h.softwareInterrupt(0x40, 2n);
    expect(r.fault).toEqual([10, SEL.tss]);
    r.w32(AT.gdt + SEL.tss, ...descriptor(AT.tss, 0x67, 0x09));
    r.h.softwareInterrupt(0x40, 2n);
    expect(r.fault).toEqual([11, SEL.tss]);
  });
  it("enters ring 0 from virtual-8086 mode with four more segments, and returns", () => {
    const r = new Rig().protectedMode();
    const s = r.state;
    r.idt(13, SEL.code0, 0x5000, 0x8e);
    // IRETD to virtual-8086 mode: SDM 3B §20.2.5.
    const sp = Number(s.reg(4));
    r.w32(sp, 0x100, 0x1234, FLAG.VM | FLAG.IF | 2, 0x8000, 0x2000, 0xe, 0xd, 0xf, 0x6);
    expect(r.h.iret(32, 0n)).toBe(STATUS.jump);
    expect([s.cpl, s.v86, s.rip]).toEqual([3, true, 0x12340n + 0x100n]);
    expect([ES, CS, SS, DS, FS, GS].map((i) => s.selector[i])).toEqual([0xe, 0x1234, 0x2000, 0xd, 0xf, 0x6]);
    expect(s.segBase(SS)).toBe(0x20000n);
    // CLI with IOPL 0.
    expect(r.h.cli()).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
    expect(r.h.softwareInterrupt(0x21, 0n)).toBe(STATUS.fault);
    expect(r.cpu.interrupts.deliver(13, 0, "fault", s.rip)).toBe("ok");
    expect(r.r32(AT.stack0 - 40, 10)).toEqual([0, 0x100, 0x1234, FLAG.VM | FLAG.IF | 2 | RF, 0x8000, 0x2000, 0xe, 0xd, 0xf, 0x6]);
    expect([s.v86, s.cpl, s.selector[DS], s.attr[GS]]).toEqual([false, 0, 0, 0]);
  });
});

describe("double and triple faults (SDM 3A table 6-5)", () => {
  it("#GP during #NP is a double fault with error code 0", () => {
    const r = new Rig().protectedMode();
    r.idt(8, SEL.code0, 0x6000, 0x8e);
    const sp = Number(r.state.reg(4));
    expect(r.cpu.interrupts.deliver(11, 0x1234, "fault", r.state.rip)).toBe("ok");
    expect(r.state.rip).toBe(0x6000n);
    expect(r.r32(sp - 16, 2)).toEqual([0, AT.code]);
  });
  it("a fault during a benign exception is delivered in its place", () => {
    const r = new Rig().protectedMode();
    r.idt(13, SEL.code0, 0x7000, 0x8e);
    const sp = Number(r.state.reg(4));
    expect(r.cpu.interrupts.deliver(6, null, "fault", r.state.rip)).toBe("ok");
    expect(r.state.rip).toBe(0x7000n);
    // IDT entry 6, IDT bit, EXT.
    expect(r.r32(sp - 16, 1)).toEqual([6 * 8 + 3]);
  });
  it("a page fault during a contributory exception is delivered as a page fault", () => {
    const r = new Rig().longMode();
    r.idt(14, SEL.code64, 0x7000, 0x8e, 1);
    r.idt(13, SEL.code64, 0x6000, 0x8e);
    r.state.setReg(4, 0x40000000n);
    expect(r.cpu.interrupts.deliver(13, 0, "fault", r.state.rip)).toBe("ok");
    expect(r.state.rip).toBe(0x7000n);
    expect(r.state.cr2).toBe(0x3ffffff8n);
    expect(r.r64(AT.ist - 48, 1)).toEqual([2n]);
  });
  it("a page fault during a page fault is a double fault; a third is a triple fault", () => {
    const r = new Rig().longMode();
    r.idt(14, SEL.code64, 0x7000, 0x8e);
    r.idt(8, SEL.code64, 0x8000, 0x8e, 1);
    r.state.setReg(4, 0x40000000n);
    expect(r.cpu.interrupts.deliver(14, 2, "fault", r.state.rip)).toBe("ok");
    expect(r.state.rip).toBe(0x8000n);
    const t = new Rig().longMode();
    t.idt(14, SEL.code64, 0x7000, 0x8e);
    t.idt(8, SEL.code64, 0x8000, 0x8e);
    t.state.setReg(4, 0x40000000n);
    const before = t.cpu.persistence.save();
    expect(t.cpu.interrupts.deliver(14, 2, "fault", t.state.rip)).toBe("triple-fault");
    expect({ ...t.cpu.persistence.save(), cr2: 0n }).toEqual({ ...before, cr2: 0n });
  });
  it("an external interrupt with the number of a page fault is benign", () => {
    const r = new Rig().protectedMode();
    r.idt(13, SEL.code0, 0x7000, 0x8e);
    expect(r.cpu.interrupts.deliver(14, null, "external", r.state.rip)).toBe("ok");
    expect(r.state.rip).toBe(0x7000n);
  });
});

describe("64-bit mode (SDM 3A §6.14)", () => {
  it("aligns the frame and always pushes SS:RSP", () => {
    const r = new Rig().longMode();
    r.idt(0x20, SEL.code64, 0x5000, 0x8e);
    r.state.setFlags(FLAG.IF | FLAG.ZF | 2);
    r.state.setReg(4, BigInt(AT.stack0 - 3));
    expect(r.cpu.interrupts.deliver(0x20, null, "external", BigInt(AT.code))).toBe("ok");
    const top = AT.stack0 - 16;
    expect(r.state.reg(4)).toBe(BigInt(top - 40));
    expect(r.r64(top - 40, 5)).toEqual([BigInt(AT.code), BigInt(SEL.code64), 0x242n, BigInt(AT.stack0 - 3), BigInt(SEL.data0)]);
    expect(r.state.selector[SS]).toBe(SEL.data0);
    expect(r.state.flags() & FLAG.IF).toBe(0);
    r.h.iret(64, 0n);
    expect(r.state.reg(4)).toBe(BigInt(AT.stack0 - 3));
    expect(r.state.flags()).toBe(0x242);
  });
  it("loads RSP0 and a null SS from ring 3, and IRETQ goes back", () => {
    const r = new Rig().longMode(3);
    r.idt(14, SEL.code64, 0x5000, 0x8e);
    expect(r.cpu.interrupts.deliver(14, 7, "fault", r.state.rip)).toBe("ok");
    expect(r.r64(AT.stack0 - 48, 6)).toEqual([7n, BigInt(AT.code), BigInt(SEL.user64), BigInt(2 | RF), BigInt(AT.stack3), BigInt(SEL.data3)]);
    expect([r.state.cpl, r.state.selector[SS], r.state.attr[SS], r.state.i32[STATE.cpl >> 2]]).toEqual([0, 0, 0, 0]);
    r.state.setReg(4, r.state.reg(4) + 8n);
    expect(r.h.iret(64, 0n)).toBe(STATUS.jump);
    expect([r.state.cpl, r.state.selector[CS], r.state.selector[SS]]).toEqual([3, SEL.user64, SEL.data3]);
    expect(r.state.reg(4)).toBe(BigInt(AT.stack3));
  });
  it("takes the IST stack at any level", () => {
    const r = new Rig().longMode();
    r.idt(2, SEL.code64, -0x1000, 0x8e, 1);
    expect(r.cpu.interrupts.deliver(2, null, "external", r.state.rip)).toBe("ok");
    expect(r.state.rip).toBe(0xfffffffffffff000n);
    expect(r.state.reg(4)).toBe(BigInt(AT.ist - 40));
    expect(r.r64(AT.ist - 16, 2)).toEqual([BigInt(AT.stack0 - 0x100), BigInt(SEL.data0)]);
  });
  it("#GP for a gate to 32-bit code, #TS for a short TSS", () => {
    const r = new Rig().longMode(3);
    r.idt(0x80, SEL.code0, 0x5000, 0xee);
    expect(r.h.softwareInterrupt(0x80, 0n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, SEL.code0]);
    r.idt(0x80, SEL.code64, 0x5000, 0xee);
    r.state.tr.limit = 10;
    r.h.softwareInterrupt(0x80, 0n);
    expect(r.fault).toEqual([10, SEL.tss]);
  });
  it("#SS for a non-canonical stack", () => {
    const r = new Rig().longMode(3);
    r.idt(0x80, SEL.code64, 0x5000, 0xee);
    r.w64(AT.tss + 4, 0x0001_0000_0000_0000n);
    r.h.softwareInterrupt(0x80, 0n);
    expect(r.fault).toEqual([12, 0]);
  });
  it("pushes with supervisor rights: SMAP forbids a user stack", () => {
    const r = new Rig().longMode(3);
    r.idt(14, SEL.code64, 0x5000, 0x8e);
    r.idt(8, SEL.code64, 0x6000, 0x8e, 1);
    r.state.cr4 |= 1 << 21;
    r.mmu.flushAll();
    r.state.updateMode();
    // All of memory is a user page here, tables too.
    expect(r.cpu.interrupts.deliver(14, 7, "fault", r.state.rip)).toBe("triple-fault");
  });
});

describe("IRET", () => {
  it("#GP with NT in long mode", () => {
    const r = new Rig().longMode();
    r.state.setFlags(FLAG.NT | 2);
    expect(r.h.iret(64, 0n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
  });
  it("#GP(selector) to an inner level and to data", () => {
    const r = new Rig().longMode(3);
    r.w64(AT.stack3, 0x1000n, BigInt(SEL.code64), 2n, 0n, BigInt(SEL.data3));
    expect(r.h.iret(64, 0n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, SEL.code64]);
    r.w64(AT.stack3 + 8, BigInt(SEL.data3));
    r.h.iret(64, 0n);
    expect(r.fault).toEqual([13, SEL.data3 & ~3]);
  });
  it("changes IF and IOPL only with the privilege to", () => {
    const r = new Rig().longMode(3);
    r.w64(AT.stack3, 0x1000n, BigInt(SEL.user64), BigInt(FLAG.IF | FLAG.IOPL | FLAG.AC | FLAG.CF | 2), BigInt(AT.stack3), BigInt(SEL.data3));
    r.h.iret(64, 0n);
    expect(r.state.flags()).toBe(FLAG.AC | FLAG.CF | 2);
  });
  it("reaches compatibility mode, and nulls kernel data segments on the way", () => {
    const r = new Rig().longMode();
    const sp = AT.stack0 - 0x100;
    r.state.setSegment(DS, SEL.data0, 0n, 0xffffffff, 0xc093);
    r.w64(sp, 0x1000n, BigInt(SEL.code3), 2n, 0x8000n, BigInt(SEL.data3));
    r.h.iret(64, 0n);
    expect([r.state.codeBits, r.state.cpl, r.state.selector[DS], r.state.reg(4)]).toEqual([32, 3, 0, 0x8000n]);
  });
  it("leaves soon when interrupts come on with one pending", () => {
    const r = new Rig().longMode();
    r.pendingInterrupt = true;
    r.state.i32[STATE.limit >> 2] = 1000;
    r.w64(AT.stack0 - 0x100, 0x1000n, BigInt(SEL.code64), BigInt(FLAG.IF | 2), BigInt(AT.stack0), 0n);
    r.h.iret(64, 0n);
    expect(r.state.i32[STATE.limit >> 2]).toBe(0);
    expect(r.state.selector[SS]).toBe(0);
  });
  it("#SS for a non-canonical RSP, #GP for a non-canonical RIP", () => {
    const r = new Rig().longMode();
    r.w64(AT.stack0 - 0x100, 1n << 60n, BigInt(SEL.code64), 2n, 0n, 0n);
    r.h.iret(64, 0n);
    expect(r.fault).toEqual([13, 0]);
    r.state.setReg(4, 1n << 50n);
    r.h.iret(64, 0n);
    expect(r.fault).toEqual([12, 0]);
  });
});
