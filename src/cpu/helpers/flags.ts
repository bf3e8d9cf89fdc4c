/** Instructions on RFLAGS: PUSHF, POPF, CLI, STI, CLAC, STAC. SDM 2A/2B; SDM 3A §5.9, §6.8.1. */
import { generalProtection } from "../fault.ts";
import { ARITH_FLAGS, FLAG, STATE, STATUS } from "../layout.ts";
import { CR4 } from "../state.ts";
import type { ControlRegisters } from "./control.ts";
import type { Core } from "./core.ts";
import { PopReader, PushFrame } from "./stack.ts";

const RSP = 4;

/** FLAGS as virtual-8086 code below IOPL 3 sees them with CR4.VME: VIF for IF, and an IOPL of 3. */
export const virtualImage = (flags: number): number => (flags & ~FLAG.IF) | FLAG.IOPL | (flags & FLAG.VIF ? FLAG.IF : 0);

export class Flags {
  private readonly frame: PushFrame;
  private readonly pops: PopReader;
  constructor(
    private readonly core: Core,
    private readonly control: ControlRegisters,
  ) {
    this.frame = new PushFrame(core);
    this.pops = new PopReader(core);
  }

  pushf(bits: number): number {
    const { core } = this;
    const { state } = core;
    // VM and RF are pushed as zero.
    const flags = state.flags() & ~(FLAG.VM | FLAG.RF);
    if (bits === 64) {
      const { memory } = core;
      const sp = core.regLo(RSP);
      const lo = (sp - 8) | 0;
      const hi = lo >>> 0 > sp >>> 0 ? (core.regHi(RSP) - 1) | 0 : core.regHi(RSP);
      memory.requireStackCanonical(hi);
      memory.write(lo, hi, 8, memory.index(), flags, 0);
      core.setReg64(RSP, lo, hi);
      return STATUS.next;
    }
    const { frame } = this;
    frame.useCurrent(bits >> 3);
    frame.push(this.virtualFlags(bits) ? virtualImage(flags) : flags);
    frame.check();
    frame.write();
    frame.commitPointer();
    return STATUS.next;
  }

  popf(bits: number, nextRip: bigint): number {
    const { core, pops } = this;
    const { state } = core;
    const virtual = this.virtualFlags(bits);
    pops.begin();
    const value = pops.pop(bits >> 3);
    if (virtual) {
      if (value & FLAG.TF || (value & FLAG.IF && core.eflags & FLAG.VIP)) throw generalProtection();
      pops.commit();
      const keep = core.eflags & ~(ARITH_FLAGS | FLAG.DF | FLAG.NT | FLAG.TF | FLAG.VIF);
      state.setFlags((value & (ARITH_FLAGS | FLAG.DF | FLAG.NT)) | keep | (value & FLAG.IF ? FLAG.VIF : 0));
      return STATUS.next;
    }
    let mask = ARITH_FLAGS | FLAG.TF | FLAG.DF | FLAG.NT;
    if (bits !== 16) mask |= FLAG.AC | FLAG.ID;
    if (state.cpl <= core.iopl) mask |= FLAG.IF;
    if (state.cpl === 0) mask |= FLAG.IOPL;
    const before = core.eflags;
    // RF is cleared, VM, VIF and VIP stay.
    const kept = bits === 16 ? before & ~mask : before & ~mask & ~FLAG.RF;
    pops.commit();
    state.setFlags((value & mask) | kept);
    if ((before ^ core.eflags) & FLAG.AC) {
      state.updateMode();
      state.rip = nextRip;
      if (core.wantsExit()) core.stopSoon();
      return STATUS.jump;
    }
    return core.wantsExit() ? STATUS.leave : STATUS.next;
  }

  /**
   * PUSHF and POPF in virtual-8086 mode below IOPL 3: #GP(0), but with CR4.VME the 16-bit forms show VIF as IF (true).
   * SDM 3B §20.3.
   */
  private virtualFlags(bits: number): boolean {
    const { core } = this;
    if (!(core.eflags & FLAG.VM) || core.iopl === 3) return false;
    if (!(core.state.cr4 & CR4.VME) || bits !== 16) throw generalProtection();
    return true;
  }

  /**
   * CLI and STI above IOPL: #GP(0), or they work on VIF (true): CR4.VME in virtual-8086 mode, CR4.PVI at CPL 3 of protected
   * mode. SDM 3B §20.3.2, §20.4.
   */
  private virtualInterrupts(): boolean {
    const { core } = this;
    const { state } = core;
    if (!state.protectedMode || state.cpl <= core.iopl) return false;
    const on = core.eflags & FLAG.VM ? state.cr4 & CR4.VME : state.cpl === 3 ? state.cr4 & CR4.PVI : 0;
    if (!on) throw generalProtection();
    return true;
  }

  cli(): number {
    if (this.virtualInterrupts()) {
      this.core.state.i32[STATE.eflags >> 2] &= ~FLAG.VIF;
      return STATUS.next;
    }
    this.core.state.i32[STATE.eflags >> 2] &= ~FLAG.IF;
    return STATUS.next;
  }

  /** Interrupts are held off for one more instruction when IF was clear. */
  sti(): number {
    if (this.virtualInterrupts()) {
      if (this.core.eflags & FLAG.VIP) throw generalProtection();
      this.core.state.i32[STATE.eflags >> 2] |= FLAG.VIF;
      return STATUS.next;
    }
    const { state, env } = this.core;
    const eflags = state.i32[STATE.eflags >> 2];
    if (eflags & FLAG.IF) return STATUS.next;
    state.i32[STATE.eflags >> 2] = eflags | FLAG.IF;
    state.castInterruptShadow(false);
    return env.interruptPending() ? STATUS.leave : STATUS.next;
  }

  clac(nextRip: bigint): number {
    this.control.requireSmap();
    const { state } = this.core;
    state.i32[STATE.eflags >> 2] &= ~FLAG.AC;
    state.updateMode();
    state.rip = nextRip;
    return STATUS.jump;
  }
  stac(nextRip: bigint): number {
    this.control.requireSmap();
    const { state } = this.core;
    state.i32[STATE.eflags >> 2] |= FLAG.AC;
    state.updateMode();
    state.rip = nextRip;
    return STATUS.jump;
  }
}
