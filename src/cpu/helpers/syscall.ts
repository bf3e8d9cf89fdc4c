/** SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS. SDM 2B, SDM 3A §5.8.7 and §5.8.8; AMD's differences from APM 3. */
import { generalProtection, undefinedOpcode } from "../fault.ts";
import { ATTR, EFER } from "../state.ts";
import { CS, FAST_MSR, FLAG, GS, SS, STATE, STATUS, SHADOW_NONE } from "../layout.ts";
import { CALL_SEGMENTS, SYSRET_FLAGS } from "../system-calls.ts";
import type { Core } from "./core.ts";

export const MSR_SYSENTER_CS = 0x174;
export const MSR_SYSENTER_ESP = 0x175;
export const MSR_SYSENTER_EIP = 0x176;

const RCX = 1;
const RDX = 2;
const RSP = 4;
const R11 = 11;

const { code32, code64, data, limit: FLAT } = CALL_SEGMENTS;

export class SystemCalls {
  constructor(private readonly core: Core) {}

  /** Flat code and stack segments at privilege level `cpl`. */
  private enter(cs: number, codeAttr: number, ss: number, cpl: number): void {
    const { state } = this.core;
    const dpl = cpl === 3 ? ATTR.DPL : 0;
    state.loadSegmentCache(CS, cs, 0, FLAT, codeAttr | dpl);
    state.loadSegmentCache(SS, ss, 0, FLAT, data | dpl);
    state.setCpl(cpl);
    state.updateMode();
    state.setShadow(SHADOW_NONE);
  }

  syscall(nextRip: bigint): number {
    const { core } = this;
    const { state } = core;
    const mode64 = state.mode64;
    // Intel has SYSCALL in 64-bit mode only.
    if (!(state.efer & EFER.SCE) || (!mode64 && !core.model.amd)) throw undefinedOpcode();
    const msr = state.fastMsr32;
    core.split(nextRip);
    const selectors = msr[2 * FAST_MSR.STAR + 1];
    const cs = selectors & 0xfffc;
    if (!state.longMode) {
      // AMD, legacy mode: EIP from STAR, no mask.
      core.setReg64(RCX, core.ipOf(core.lo), 0);
      state.i32[STATE.eflags >> 2] &= ~(FLAG.IF | FLAG.VM | FLAG.RF);
      this.enter(cs, code32, cs + 8, 0);
      core.setRip(msr[2 * FAST_MSR.STAR], 0);
      return STATUS.jump;
    }
    core.setReg64(RCX, core.ipOf(core.lo), mode64 ? core.hi : 0);
    const flags = state.flags();
    core.setReg64(R11, flags, 0);
    state.setFlags(flags & ~msr[2 * FAST_MSR.FMASK] & ~FLAG.RF);
    this.enter(cs, code64, cs + 8, 0);
    const entry = 2 * (mode64 ? FAST_MSR.LSTAR : FAST_MSR.CSTAR);
    core.setRip(msr[entry], msr[entry + 1]);
    return STATUS.jump;
  }

  sysret(bits: number): number {
    const { core } = this;
    const { state } = core;
    if (!(state.efer & EFER.SCE) || (!state.mode64 && (!core.model.amd || !state.protectedMode))) throw undefinedOpcode();
    core.requireCpl0();
    const base = (state.fastMsr32[2 * FAST_MSR.STAR + 1] >>> 16) & 0xfffc;
    const lo = core.regLo(RCX);
    const hi = core.regHi(RCX);
    if (bits === 64) {
      // Intel faults here, still in ring 0; AMD at the next fetch.
      if (!core.memory.canonical(hi) && !core.model.amd) throw generalProtection();
      state.setFlags(core.regLo(R11) & SYSRET_FLAGS);
      this.enter((base + 16) | 3, code64, (base + 8) | 3, 3);
      core.setRip(lo, hi);
    } else {
      if (state.longMode) state.setFlags(core.regLo(R11) & SYSRET_FLAGS);
      else state.i32[STATE.eflags >> 2] |= FLAG.IF;
      this.enter(base | 3, code32, (base + 8) | 3, 3);
      core.setRip(lo, 0);
    }
    if (core.wantsExit()) core.stopSoon();
    return STATUS.jump;
  }

  sysenter(_nextRip: bigint): number {
    const { core } = this;
    const { state } = core;
    const long = state.longMode;
    if (long && core.model.amd) throw undefinedOpcode();
    if (!state.protectedMode) throw generalProtection();
    const cs = this.sysenterCs();
    core.split(state.msr.get(MSR_SYSENTER_ESP) ?? 0n);
    core.setReg64(RSP, core.lo, long ? core.hi : 0);
    core.split(state.msr.get(MSR_SYSENTER_EIP) ?? 0n);
    state.i32[STATE.eflags >> 2] &= ~(FLAG.IF | FLAG.VM | FLAG.RF);
    this.enter(cs, long ? code64 : code32, cs + 8, 0);
    core.setRip(core.lo, long ? core.hi : 0);
    return STATUS.jump;
  }

  sysexit(bits: number): number {
    const { core } = this;
    const { state } = core;
    if (state.longMode && core.model.amd) throw undefinedOpcode();
    if (!state.protectedMode) throw generalProtection();
    const cs = this.sysenterCs();
    core.requireCpl0();
    const ipLo = core.regLo(RDX);
    const ipHi = core.regHi(RDX);
    const spLo = core.regLo(RCX);
    const spHi = core.regHi(RCX);
    if (bits === 64) {
      if (!core.memory.canonical(ipHi) || !core.memory.canonical(spHi)) throw generalProtection();
      this.enter((cs + 32) | 3, code64, (cs + 40) | 3, 3);
      core.setReg64(RSP, spLo, spHi);
      core.setRip(ipLo, ipHi);
    } else {
      this.enter((cs + 16) | 3, code32, (cs + 24) | 3, 3);
      core.setReg64(RSP, spLo, 0);
      core.setRip(ipLo, 0);
    }
    if (core.wantsExit()) core.stopSoon();
    return STATUS.jump;
  }

  private sysenterCs(): number {
    const cs = Number((this.core.state.msr.get(MSR_SYSENTER_CS) ?? 0n) & 0xfffcn);
    if (cs === 0) throw generalProtection();
    return cs;
  }

  swapgs(): number {
    const { core } = this;
    const { state } = core;
    if (!state.mode64) throw undefinedOpcode();
    core.requireCpl0();
    const msr = state.fastMsr32;
    const at = 2 * FAST_MSR.KERNEL_GS_BASE;
    const lo = core.segBaseLo(GS);
    const hi = core.segBaseHi(GS);
    core.setSegBase(GS, msr[at], msr[at + 1]);
    msr[at] = lo;
    msr[at + 1] = hi;
    return STATUS.next;
  }
}
