/** Time stamps, random numbers, XCR0, FS and GS bases, HLT, port I/O, and the ways to raise a fault. */
import type { IoWidth } from "../env.ts";
import { GuestFault, VECTOR, generalProtection, undefinedOpcode } from "../fault.ts";
import { FLAG, FS, GATE_UNPROTECTED, GS, STATE, STATUS, SHADOW_NONE } from "../layout.ts";
import { CR0, CR4 } from "../state.ts";
import { type Core, SYSTEM } from "./core.ts";
import type { FpState } from "./fpstate.ts";
import { MSR, type Msrs } from "./msr.ts";

export class Miscellaneous {
  private readonly random = new Uint8Array(8);
  private readonly randomWords = new Int32Array(this.random.buffer);

  constructor(
    private readonly core: Core,
    private readonly msrs: Msrs,
    private readonly fp: FpState,
  ) {}

  private raiseNow(vector: number): number {
    const { fault } = this.core.mmu;
    fault.vector = vector;
    fault.errorCode = 0;
    return STATUS.fault;
  }

  undefinedInstruction(entryId: number): number {
    if (entryId >= 0) this.core.context.countUnimplemented(entryId);
    return this.raiseNow(VECTOR.UD);
  }

  raise(vector: number): number {
    return this.raiseNow(vector);
  }

  /** SDM 3A table 2-2, table 13-1. `unit`: 1 x87, 2 SSE, 3 MMX. */
  fpuTrap(unit: number): number {
    const { cr0, cr4 } = this.core.state;
    if (unit === 1) return this.raiseNow(VECTOR.NM);
    if (unit >= 4) {
      const { i32, xcr0 } = this.core.state;
      const off = (i32[STATE.fpuGate >> 2] & GATE_UNPROTECTED) !== 0 || (unit === 4 && (!(cr4 & CR4.OSXSAVE) || (xcr0 & 6n) !== 6n));
      return this.raiseNow(off ? VECTOR.UD : VECTOR.NM);
    }
    const undefinedHere = cr0 & CR0.EM || (unit === 2 && !(cr4 & CR4.OSFXSR));
    return this.raiseNow(undefinedHere ? VECTOR.UD : VECTOR.NM);
  }

  private readTimestamp(): void {
    const { core } = this;
    const { state } = core;
    if (state.cr4 & CR4.TSD && state.cpl !== 0) throw generalProtection();
    core.split(this.msrs.timestamp());
    state.setReg32(0, core.lo);
    state.setReg32(2, core.hi);
  }
  rdtsc(): number {
    this.readTimestamp();
    return STATUS.next;
  }
  rdtscp(): number {
    const { core } = this;
    if (!core.model.has("rdtscp")) throw undefinedOpcode();
    this.readTimestamp();
    core.split(this.msrs.read(MSR.TSC_AUX));
    core.state.setReg32(1, core.lo);
    return STATUS.next;
  }
  rdpid(): number {
    const { core } = this;
    if (!core.model.has("rdpid")) throw undefinedOpcode();
    core.split(this.msrs.read(MSR.TSC_AUX));
    core.setRet(0, core.lo);
    return STATUS.next;
  }
  /** There are no performance counters, so every index is invalid. */
  rdpmc(): number {
    throw generalProtection();
  }

  /** Protection keys' rights. SDM 2B "RDPKRU", "WRPKRU"; SDM 3A §4.6.2. */
  private requirePkru(): void {
    const { state } = this.core;
    if (!(state.cr4 & CR4.PKE)) throw undefinedOpcode();
    if (state.reg32(1) !== 0) throw generalProtection();
  }
  rdpkru(): number {
    this.requirePkru();
    const { state } = this.core;
    state.setReg32(0, state.pkru);
    state.setReg32(2, 0);
    return STATUS.next;
  }
  wrpkru(): number {
    this.requirePkru();
    const { core } = this;
    if (core.regLo(2) !== 0) throw generalProtection();
    this.fp.setPkru(core.regLo(0));
    return STATUS.next;
  }

  /** ECX 0: XCR0; 1: XCR0 and what is in use. */
  xgetbv(): number {
    const { core } = this;
    const { state, model } = core;
    if (!(state.cr4 & CR4.OSXSAVE)) throw undefinedOpcode();
    const which = state.reg32(1);
    if (which > 1 || (which === 1 && !model.has("xgetbv1"))) throw generalProtection();
    const xcr0 = Number(state.xcr0);
    state.setReg32(0, which === 0 ? xcr0 : this.fp.inUse(xcr0));
    state.setReg32(2, 0);
    return STATUS.next;
  }
  xsetbv(): number {
    const { core } = this;
    const { state, model } = core;
    if (!(state.cr4 & CR4.OSXSAVE)) throw undefinedOpcode();
    core.requireCpl0();
    const value = core.regLo(0);
    if (state.reg32(1) !== 0 || core.regLo(2) !== 0 || value & ~model.xcr0Supported || !(value & 1)) throw generalProtection();
    // AVX state contains SSE state.
    if ((value & 6) === 4) throw generalProtection();
    state.xcr0 = BigInt(value);
    state.updateMode();
    return STATUS.next;
  }

  private requireFsgsbase(): void {
    const { state } = this.core;
    if (!state.mode64 || !(state.cr4 & CR4.FSGSBASE)) throw undefinedOpcode();
  }
  readBase(which: number): number {
    this.requireFsgsbase();
    const { core } = this;
    const s = which === 0 ? FS : GS;
    core.setRet(0, core.segBaseLo(s), core.segBaseHi(s));
    return STATUS.next;
  }
  writeBase(which: number, value: bigint): number {
    this.requireFsgsbase();
    const { core } = this;
    core.split(value);
    if (!core.memory.canonical(core.hi)) throw generalProtection();
    core.setSegBase(which === 0 ? FS : GS, core.lo, core.hi);
    return STATUS.next;
  }

  rdrand(bits: number): number {
    return this.randomNumber("rdrand", bits);
  }
  rdseed(bits: number): number {
    return this.randomNumber("rdseed", bits);
  }
  private randomNumber(feature: string, bits: number): number {
    const { core } = this;
    if (!core.model.has(feature)) throw undefinedOpcode();
    core.env.entropy(this.random);
    const lo = this.randomWords[0];
    core.setRet(0, bits === 16 ? lo & 0xffff : lo, bits === 64 ? this.randomWords[1] : 0);
    core.setRet(1, 1);
    return STATUS.next;
  }

  /** Not advertised. */
  monitor(): number {
    return this.raiseNow(VECTOR.UD);
  }
  mwait(_nextRip: bigint): number {
    return this.raiseNow(VECTOR.UD);
  }

  hlt(_nextRip: bigint): number {
    const { core } = this;
    core.requireCpl0();
    core.state.halted = true;
    core.state.setShadow(SHADOW_NONE);
    return STATUS.leave;
  }

  /** SDM 1 §18.5.2: above IOPL, and always in virtual-8086 mode, the TSS's bitmap decides. */
  private checkPort(port: number, width: number): void {
    const { core } = this;
    const { state, memory } = core;
    if (!state.protectedMode || (state.cpl <= core.iopl && !(core.eflags & FLAG.VM))) return;
    const { tr } = state;
    const type = tr.attr & 15;
    if ((type !== SYSTEM.TSS && type !== SYSTEM.TSS_BUSY) || tr.limit < 103) throw generalProtection();
    const system = memory.systemIndex();
    core.addressIn(tr, 102);
    const offset = memory.read(core.lo, core.hi, 2, system) + (port >> 3);
    // Two bytes are read always, so the bitmap ends with a byte of ones.
    if (offset + 1 > tr.limit) throw generalProtection();
    core.addressIn(tr, offset);
    const map = memory.read(core.lo, core.hi, 2, system) >> (port & 7);
    if (map & ((1 << width) - 1)) throw generalProtection();
  }

  portCheck(port: number, width: number): number {
    this.checkPort(port & 0xffff, width);
    return STATUS.next;
  }

  /** SDM 1 §3.3.7.1. */
  checkCanonical(linear: bigint): number {
    const bits = this.core.state.cr4 & CR4.LA57 ? 57 : 48;
    if (BigInt.asIntN(bits, linear) !== BigInt.asIntN(64, linear)) throw generalProtection();
    return STATUS.next;
  }

  /** Of an indirect call in 64-bit code that pushes eight bytes to `slot`: a push that faults comes first. */
  checkCallTarget(linear: bigint, slot: bigint): number {
    const { core } = this;
    core.split(slot);
    if (!core.memory.canonical(core.hi)) throw new GuestFault(VECTOR.SS, 0);
    const { lo, hi, memory } = core;
    memory.writable(lo, hi, 1, memory.index());
    // A store's CR2 is the first byte that cannot be written; others report the last of all.
    const second = (lo + 7) & ~0xfff;
    if ((second ^ lo) & ~0xfff) memory.writable(second, second === 0 ? (hi + 1) | 0 : hi, 1, memory.index());
    return this.checkCanonical(linear);
  }

  portIn(portArg: number, width: number): number {
    const { core } = this;
    const port = portArg & 0xffff;
    this.checkPort(port, width);
    if (core.breakpoints.ports.length > 0) core.breakpoints.portAccess(port, width);
    const value = core.env.portRead(port, width as IoWidth);
    core.setRet(0, value);
    core.breakpoints.portTap?.portAccess(port, width, false, value);
    return STATUS.next;
  }

  portOut(portArg: number, width: number, value: number): number {
    const { core } = this;
    const port = portArg & 0xffff;
    this.checkPort(port, width);
    if (core.breakpoints.ports.length > 0) core.breakpoints.portAccess(port, width);
    const masked = width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff);
    core.env.portWrite(port, width as IoWidth, masked);
    core.breakpoints.portTap?.portAccess(port, width, true, masked);
    return (core.eflags & FLAG.IF) !== 0 && core.env.interruptPending() ? STATUS.leave : STATUS.next;
  }
}

/** A GuestFault as it arrives at the helper boundary. */
export function storeFault(core: Core, fault: GuestFault): number {
  core.mmu.fault.vector = fault.vector;
  core.mmu.fault.errorCode = fault.errorCode;
  return STATUS.fault;
}
