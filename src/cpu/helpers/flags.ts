/** Instructions on RFLAGS: PUSHF, POPF, CLI, STI, CLAC, STAC. SDM 2A/2B; SDM 3A §5.9, §6.8.1. */
import { generalProtection } from "../fault.ts";
import { ARITH_FLAGS, FLAG, STATE, STATUS } from "../layout.ts";
import type { ControlRegisters } from "./control.ts";
import type { Core } from "./core.ts";
import { PopReader, PushFrame } from "./stack.ts";

const RSP = 4;

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
    this.requireVirtualIopl();
    const { frame } = this;
    frame.useCurrent(bits >> 3);
    frame.push(flags);
    frame.check();
    frame.write();
    frame.commitPointer();
    return STATUS.next;
  }

  popf(bits: number, nextRip: bigint): number {
    const { core, pops } = this;
    const { state } = core;
    this.requireVirtualIopl();
    pops.begin();
    const value = pops.pop(bits >> 3);
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

  /** PUSHF, POPF, CLI and STI in virtual-8086 mode need IOPL 3 (without CR4.VME). */
  private requireVirtualIopl(): void {
    if (this.core.eflags & FLAG.VM && this.core.iopl < 3) throw generalProtection();
  }
  private requireIopl(): void {
    const { core } = this;
    if (core.state.cpl > core.iopl && core.state.protectedMode) throw generalProtection();
  }

  cli(): number {
    this.requireIopl();
    this.core.state.i32[STATE.eflags >> 2] &= ~FLAG.IF;
    return STATUS.next;
  }

  /** Interrupts are held off for one more instruction when IF was clear. */
  sti(): number {
    this.requireIopl();
    const { state, env } = this.core;
    const eflags = state.i32[STATE.eflags >> 2];
    if (eflags & FLAG.IF) return STATUS.next;
    state.i32[STATE.eflags >> 2] = eflags | FLAG.IF;
    state.castInterruptShadow();
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
