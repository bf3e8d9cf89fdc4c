import { describe, expect, it } from "vitest";
import { CS, DS, FLAG, GS, SS, STATE, STATUS, tlbAddress } from "../layout.ts";
import { CR0, CR4, EFER } from "../state.ts";
import { MSR } from "./index.ts";
import { AT, Rig, SEL } from "./testing.ts";

const STAR = 0x0023_0010n << 32n;

describe("SYSCALL and SYSRET (SDM 2B)", () => {
  const rig = (): Rig => {
    const r = new Rig().longMode(3);
    r.cpu.msrs.write(MSR.STAR, STAR);
    r.cpu.msrs.write(MSR.LSTAR, 0xffffffff80001000n);
    r.cpu.msrs.write(MSR.FMASK, BigInt(FLAG.IF | FLAG.TF | FLAG.DF));
    return r;
  };
  it("enters with RCX, R11, masked flags and fixed segments", () => {
    const r = rig();
    r.state.setFlags(FLAG.IF | FLAG.CF | FLAG.DF | 2);
    expect(r.h.syscall(0x7fff12345678n)).toBe(STATUS.jump);
    const s = r.state;
    expect([s.rip, s.reg(1), s.reg(11)]).toEqual([0xffffffff80001000n, 0x7fff12345678n, BigInt(FLAG.IF | FLAG.CF | FLAG.DF | 2)]);
    expect([s.flags(), s.cpl, s.selector[CS], s.selector[SS]]).toEqual([FLAG.CF | 2, 0, 0x10, 0x18]);
    expect([s.attr[CS], s.attr[SS], s.limit[CS]]).toEqual([0xa09b, 0xc093, 0xffffffff]);
    s.setReg(11, 0xffffffffn);
    expect(r.h.sysret(64)).toBe(STATUS.jump);
    expect([s.rip, s.flags(), s.cpl, s.selector[CS], s.selector[SS], s.attr[CS]]).toEqual([0x7fff12345678n, 0x3c7fd7, 3, 0x33, 0x2b, 0xa0fb]);
  });
  it("SYSRETL goes to compatibility mode", () => {
    const r = rig();
    r.h.syscall(0x1000n);
    r.state.setReg(1, 0xffff_1234_5678n);
    r.h.sysret(32);
    expect([r.state.rip, r.state.codeBits, r.state.selector[CS]]).toEqual([0x12345678n, 32, 0x23]);
  });
  it("SYSRET to a non-canonical address faults in ring 0", () => {
    const r = rig();
    r.h.syscall(0n);
    r.state.setReg(1, 0x8000_0000_0000n);
    expect(r.h.sysret(64)).toBe(STATUS.fault);
    expect([r.fault, r.state.cpl]).toEqual([[13, 0], 0]);
  });
  it("#UD without EFER.SCE and outside 64-bit mode; #GP above ring 0", () => {
    const r = rig();
    expect(r.h.sysret(64)).toBe(STATUS.fault);
    expect(r.fault[0]).toBe(13);
    r.state.efer &= ~EFER.SCE;
    r.h.syscall(0n);
    expect(r.fault[0]).toBe(6);
    const p = new Rig().protectedMode();
    p.h.syscall(0n);
    expect(p.fault[0]).toBe(6);
  });
});

describe("SYSENTER and SYSEXIT", () => {
  it("32-bit round trip", () => {
    const r = new Rig().protectedMode(3);
    r.h.sysenter(0n);
    expect(r.fault).toEqual([13, 0]);
    r.cpu.msrs.write(MSR.SYSENTER_CS, 0x8bn);
    r.cpu.msrs.write(MSR.SYSENTER_ESP, 0x9000n);
    r.cpu.msrs.write(MSR.SYSENTER_EIP, 0x7000n);
    r.state.setFlags(FLAG.IF | 2);
    expect(r.h.sysenter(0n)).toBe(STATUS.jump);
    const s = r.state;
    expect([s.rip, s.reg(4), s.selector[CS], s.selector[SS], s.cpl, s.flags()]).toEqual([0x7000n, 0x9000n, 0x88, 0x90, 0, 2]);
    s.setReg(1, 0x1111n);
    s.setReg(2, 0x2222n);
    expect(r.h.sysexit(32)).toBe(STATUS.jump);
    expect([s.rip, s.reg(4), s.selector[CS], s.selector[SS], s.cpl]).toEqual([0x2222n, 0x1111n, 0x9b, 0xa3, 3]);
  });
  it("SYSEXITQ selects CS + 32", () => {
    const r = new Rig().longMode();
    r.cpu.msrs.write(MSR.SYSENTER_CS, 0x10n);
    r.state.setReg(2, 1n << 47n);
    expect(r.h.sysexit(64)).toBe(STATUS.fault);
    r.state.setReg(2, 0x1000n);
    r.h.sysexit(64);
    expect([r.state.selector[CS], r.state.selector[SS], r.state.codeBits]).toEqual([0x33, 0x3b, 64]);
  });
});

describe("control registers (SDM 2B MOV to CR)", () => {
  it.each([
    ["PG without PE", 0, 0x80000000n],
    ["NW without CD", 0, 0x20000001n],
    ["reserved CR4 bits", 4, 1n << 13n],
  ])("#GP: %s", (_what, cr, value) => {
    const r = new Rig().realMode();
    expect(r.h.writeCr(cr, value, 0n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
  });
  it.each([
    ["CR0 bit 32", 0, 1n << 32n],
    ["PG off in 64-bit mode", 0, 1n],
    ["PAE off in long mode", 4, 0n],
    ["CR3 above the physical address width", 3, 1n << 40n],
    ["CR8 above 15", 8, 16n],
  ])("#GP in 64-bit mode: %s", (_what, cr, value) => {
    const r = new Rig().longMode();
    expect(r.h.writeCr(cr, value, 0n)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
  });
  it("#GP above ring 0, #UD for registers that do not exist", () => {
    const r = new Rig().longMode(3);
    r.h.readCr(0);
    expect(r.fault[0]).toBe(13);
    const k = new Rig().longMode();
    k.h.readCr(1);
    expect(k.fault[0]).toBe(6);
  });
  it("activates and leaves long mode (SDM 3A §9.8.5)", () => {
    const r = new Rig().protectedMode();
    r.h.wrmsr(0n);
    r.state.setReg(1, BigInt(MSR.EFER));
    r.setEdxEax(BigInt(EFER.LME));
    expect(r.h.wrmsr(5n)).toBe(STATUS.jump);
    expect(r.h.writeCr(0, 0x80000001n, 0n)).toBe(STATUS.fault);
    expect(r.h.writeCr(4, BigInt(CR4.PAE), 0n)).toBe(STATUS.jump);
    expect(r.h.writeCr(0, 0x80000001n, 0x1234n)).toBe(STATUS.jump);
    expect([r.state.rip, r.state.longMode, r.state.codeBits]).toEqual([0x1234n, true, 32]);
    // LME is fixed while paging is on.
    r.setEdxEax(0n);
    expect(r.h.wrmsr(0n)).toBe(STATUS.fault);
    expect(r.h.writeCr(0, 1n, 0n)).toBe(STATUS.jump);
    expect(r.state.longMode).toBe(false);
  });
  it("PAE paging checks the reserved bits of PDPTEs", () => {
    const r = new Rig().protectedMode();
    r.h.writeCr(4, BigInt(CR4.PAE), 0n);
    r.h.writeCr(3, BigInt(AT.pdpt), 0n);
    r.w64(AT.pdpt, 3n);
    expect(r.h.writeCr(0, 0x80000001n, 0n)).toBe(STATUS.fault);
    r.w64(AT.pdpt, 1n);
    expect(r.h.writeCr(0, 0x80000001n, 0n)).toBe(STATUS.jump);
  });
  it("LMSW sets PE and cannot clear it", () => {
    const r = new Rig().realMode();
    r.h.lmsw(1);
    r.h.lmsw(0xfff8);
    expect(r.state.cr0 & 0xf).toBe(9);
    r.h.clts();
    expect(r.state.cr0 & 0xf).toBe(1);
  });
  it("DR4 is DR6 unless CR4.DE; DR7.GD raises #DB and shows in DR6", () => {
    const r = new Rig().longMode();
    r.h.writeDr(6, 0xffffffffn, 0n);
    r.h.readDr(4);
    expect(r.ret(0)).toBe(0xffffefffn);
    expect(r.h.writeDr(7, 1n << 32n, 0n)).toBe(STATUS.fault);
    r.h.writeDr(7, 0x2000n, 0n);
    expect(r.h.readDr(0)).toBe(STATUS.fault);
    expect(r.fault[0]).toBe(1);
    expect(r.state.dr[7]).toBe(0x400n);
    r.state.cr4 |= CR4.DE;
    r.h.readDr(5);
    expect(r.fault[0]).toBe(6);
  });
  it("STAC and CLAC change the MMU index under SMAP", () => {
    const r = new Rig().longMode();
    r.h.writeCr(4, BigInt(r.state.cr4 | CR4.SMAP), 0n);
    expect(r.state.i32[STATE.tlbBase >> 2]).toBe(tlbAddress(1));
    expect(r.h.stac(7n)).toBe(STATUS.jump);
    expect([r.state.rip, r.state.i32[STATE.tlbBase >> 2]]).toEqual([7n, tlbAddress(2)]);
    r.h.clac(8n);
    expect(r.state.i32[STATE.tlbBase >> 2]).toBe(tlbAddress(1));
  });
  it("INVLPG drops a translation of a small page", () => {
    const r = new Rig().longMode();
    const pt = 0x13000;
    r.w64(AT.pd + 8, BigInt(pt) | 7n);
    r.w64(pt, 0x60000n | 0x67n);
    r.w32(0x60000, 0x11);
    r.w32(0x61000, 0x22);
    expect(r.mmu.read(0x200000n, 4)).toBe(0x11n);
    r.w64(pt, 0x61000n | 0x67n);
    r.h.invlpg(0x200000n);
    expect(r.mmu.read(0x200000n, 4)).toBe(0x22n);
  });
});

describe("MSRs", () => {
  it("unknown ones, and reserved bits, are #GP", () => {
    const r = new Rig().longMode();
    for (const [n, v] of [[0x12345, 0n], [MSR.EFER, 1n << 12n], [MSR.PAT, 2n], [MSR.LSTAR, 1n << 47n], [MSR.FS_BASE, 1n << 63n], [MSR.MTRRCAP, 0n]] as const) {
      r.state.setReg(1, BigInt(n));
      r.setEdxEax(v);
      expect(r.h.wrmsr(0n)).toBe(STATUS.fault);
      expect(r.fault).toEqual([13, 0]);
    }
    r.state.setReg(1, 0x12345n);
    expect(r.h.rdmsr()).toBe(STATUS.fault);
  });
  it("GS bases and SWAPGS", () => {
    const r = new Rig().longMode();
    const set = (n: number, v: bigint): void => {
      r.state.setReg(1, BigInt(n));
      r.setEdxEax(v);
      expect(r.h.wrmsr(0n)).toBe(STATUS.next);
    };
    set(MSR.GS_BASE, 0x7fff_1234_5678n);
    set(MSR.KERNEL_GS_BASE, 0xffff_8880_0000_0000n);
    r.h.swapgs();
    expect(r.state.segBase(GS)).toBe(0xffff_8880_0000_0000n);
    expect(r.cpu.msrs.read(MSR.KERNEL_GS_BASE)).toBe(0x7fff_1234_5678n);
    r.state.setReg(1, BigInt(MSR.GS_BASE));
    r.h.rdmsr();
    expect([r.state.reg(0), r.state.reg(2)]).toEqual([0n, 0xffff8880n]);
  });
  it("the TSC can be set, and IA32_TSC_ADJUST follows", () => {
    const r = new Rig().longMode();
    r.cpu.msrs.write(MSR.TSC, 0n);
    r.tsc = 1500n;
    r.h.rdtsc();
    expect(r.state.reg(0)).toBe(500n);
    expect(BigInt.asIntN(64, r.cpu.msrs.read(MSR.TSC_ADJUST))).toBe(-1000n);
    r.cpu.msrs.write(MSR.TSC_ADJUST, 0n);
    expect(r.cpu.msrs.timestamp()).toBe(1500n);
    expect(r.state.msr.size).toBe(0);
  });
  it("the local APIC's are its own: CR8 is its TPR, IA32_APIC_BASE and 800h..8FFh are asked of it", () => {
    const calls: string[] = [];
    const apic = {
      present: true, taskPriority: 3, deadline: 0n,
      readMsr: (n: number) => (n === 0x803 ? null : BigInt(n)),
      writeMsr: (n: number, v: bigint) => (calls.push(`${n.toString(16)} ${v}`), n !== 0x803),
    };
    const r = new Rig("x86-64-v2", apic).longMode();
    r.h.readCr(8);
    expect(r.state.i32[STATE.ret >> 2]).toBe(3);
    r.h.writeCr(8, 9n, 0n);
    expect(apic.taskPriority).toBe(9);
    expect([r.cpu.msrs.read(0x1b), r.cpu.msrs.read(0x802)]).toEqual([0x1bn, 0x802n]);
    r.cpu.msrs.write(0x80b, 0n);
    expect(calls).toEqual(["80b 0"]);
    expect(() => r.cpu.msrs.read(0x803)).toThrow();
    expect(() => r.cpu.msrs.write(0x803, 0n)).toThrow();
    const without = new Rig("x86-64-v2,-x2apic,-tsc-deadline", apic).longMode();
    expect(() => without.cpu.msrs.read(0x802)).toThrow();
    expect(() => without.cpu.msrs.write(MSR.TSC_DEADLINE, 1n)).toThrow();
  });
  it("CPUID's APIC flag follows IA32_APIC_BASE.EN (SDM 3A §10.4.3)", () => {
    const apic = { present: true, taskPriority: 0, deadline: 0n, readMsr: () => null, writeMsr: () => false };
    const r = new Rig("x86-64-v2", apic).longMode();
    const flag = (): bigint => {
      r.state.setReg(0, 1n);
      r.h.cpuid();
      return (r.state.reg(2) >> 9n) & 1n;
    };
    expect(flag()).toBe(1n);
    apic.present = false;
    expect(flag()).toBe(0n);
  });
  it("IA32_TSC_DEADLINE is in the guest's TSC, however that is adjusted (SDM 3A §10.5.4.1)", () => {
    const apic = { present: true, taskPriority: 0, deadline: 0n, readMsr: () => null, writeMsr: () => false };
    const r = new Rig("x86-64-v2", apic).longMode();
    const { msrs } = r.cpu;
    r.tsc = 1000n;
    msrs.write(MSR.TSC, 50_000n);
    msrs.write(MSR.TSC_DEADLINE, 50_700n);
    expect([apic.deadline, msrs.read(MSR.TSC_DEADLINE)]).toEqual([1700n, 50_700n]);
    msrs.write(MSR.TSC, 50_500n);
    expect([apic.deadline, msrs.read(MSR.TSC_DEADLINE)]).toEqual([1200n, 50_700n]);
    // The past is now; zero disarms.
    msrs.write(MSR.TSC_DEADLINE, 3n);
    expect(apic.deadline).toBe(1000n);
    msrs.write(MSR.TSC_DEADLINE, 0n);
    expect([apic.deadline, msrs.read(MSR.TSC_DEADLINE)]).toEqual([0n, 0n]);
  });
  it("CR4.TSD keeps RDTSC from user code", () => {
    const r = new Rig().longMode(3);
    r.state.cr4 |= CR4.TSD;
    expect(r.h.rdtsc()).toBe(STATUS.fault);
  });
  it("reports no speculation bugs", () => {
    const r = new Rig().longMode();
    expect(r.cpu.msrs.read(MSR.ARCH_CAPABILITIES) & 0x17bn).toBe(0x17bn);
  });
});

describe("flags, ports, halting", () => {
  it("CLI and STI need IOPL; STI casts a shadow and asks to leave", () => {
    const r = new Rig().longMode(3);
    expect(r.h.cli()).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
    const k = new Rig().longMode();
    expect(k.h.sti()).toBe(STATUS.next);
    expect(k.state.interruptShadow).toBe(true);
    k.h.cli();
    k.pendingInterrupt = true;
    expect(k.h.sti()).toBe(STATUS.leave);
    expect(k.h.hlt(0n)).toBe(STATUS.leave);
    expect([k.state.halted, k.state.interruptShadow]).toEqual([true, false]);
  });
  it("PUSHF and POPF: IF and IOPL by privilege, RF never", () => {
    const r = new Rig().longMode(3);
    r.state.setFlags(FLAG.IF | FLAG.RF | FLAG.ZF | 2);
    r.h.pushf(64);
    expect(r.r64(AT.stack3 - 8, 1)).toEqual([BigInt(FLAG.IF | FLAG.ZF | 2)]);
    r.w64(AT.stack3 - 8, BigInt(FLAG.IOPL | FLAG.CF | FLAG.RF | FLAG.VM | FLAG.ID));
    expect(r.h.popf(64, 0n)).toBe(STATUS.next);
    expect(r.state.flags()).toBe(FLAG.IF | FLAG.CF | FLAG.ID | 2);
    expect(r.state.reg(4)).toBe(BigInt(AT.stack3));
    const k = new Rig().longMode();
    k.w64(AT.stack0 - 0x100, BigInt(FLAG.IOPL | FLAG.IF | FLAG.AC));
    expect(k.h.popf(64, 0x77n)).toBe(STATUS.jump);
    expect([k.state.flags(), k.state.rip]).toEqual([FLAG.IOPL | FLAG.IF | FLAG.AC | 2, 0x77n]);
  });
  it("the I/O bitmap decides above IOPL (SDM 1 §18.5.2)", () => {
    const r = new Rig().longMode(3);
    r.w16(AT.tss + 102, 0x68);
    r.state.tr.limit = 0x68 + 0x80;
    r.w16(AT.tss + 0x68 + (0x3f8 >> 3), 0x0100);
    expect(r.h.portIn(0x3f8, 1)).toBe(STATUS.next);
    expect(r.ret(0)).toBe(0x78n);
    expect(r.h.portIn(0x3fe, 2)).toBe(STATUS.next);
    expect(r.h.portIn(0x400, 1)).toBe(STATUS.fault);
    expect(r.fault).toEqual([13, 0]);
    expect(r.h.portIn(0x3ff, 2)).toBe(STATUS.fault);
    r.state.tr.limit = 0x67;
    expect(r.h.portOut(0x3f8, 1, 0x41)).toBe(STATUS.fault);
    r.state.setFlags(FLAG.IOPL | 2);
    expect(r.h.portOut(0x3f8, 1, 0x141)).toBe(STATUS.next);
    expect(r.ports.at(-1)).toEqual([0x3f8, 1, 0x41]);
  });
  it("FS/GS base instructions need CR4.FSGSBASE and a canonical value", () => {
    const r = new Rig().longMode(3);
    r.h.readBase(1);
    expect(r.fault[0]).toBe(6);
    r.state.cr4 |= CR4.FSGSBASE;
    expect(r.h.writeBase(1, 1n << 48n)).toBe(STATUS.fault);
    expect(r.h.writeBase(1, -4096n)).toBe(STATUS.next);
    r.h.readBase(1);
    expect(r.ret(0)).toBe(0xfffffffffffff000n);
  });
  it("XSETBV checks what the model has", () => {
    const r = new Rig().longMode();
    r.state.setReg(1, 0n);
    r.setEdxEax(3n);
    r.h.xsetbv();
    expect(r.fault[0]).toBe(6);
    r.h.writeCr(4, BigInt(r.state.cr4 | CR4.OSXSAVE), 0n);
    expect(r.h.xsetbv()).toBe(STATUS.next);
    r.setEdxEax(7n);
    expect(r.h.xsetbv()).toBe(STATUS.fault);
    r.setEdxEax(2n);
    expect(r.h.xsetbv()).toBe(STATUS.fault);
    r.h.xgetbv();
    expect(r.state.reg(0)).toBe(3n);
  });
  it("names the trap of a gated FPU instruction", () => {
    const r = new Rig().longMode();
    r.state.cr0 |= CR0.TS;
    r.h.fpuTrap(2);
    expect(r.fault[0]).toBe(7);
    r.state.cr0 |= CR0.EM;
    r.h.fpuTrap(2);
    expect(r.fault[0]).toBe(6);
    r.h.fpuTrap(1);
    expect(r.fault[0]).toBe(7);
  });
  it("counts an unimplemented instruction by its entry", () => {
    const r = new Rig().longMode();
    expect(r.h.undefinedInstruction(42)).toBe(STATUS.fault);
    expect([r.fault[0], r.unimplemented]).toEqual([6, [42]]);
    expect(r.h.undefinedInstruction(-1)).toBe(STATUS.fault);
    expect(r.unimplemented).toEqual([42]);
  });
  it("the selectors of the rig are what they say", () => {
    const r = new Rig().longMode();
    r.h.loadSegment(DS, SEL.data0);
    expect(r.state.limit[DS]).toBe(0xffffffff);
  });
});
