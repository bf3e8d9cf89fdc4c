/** IRET in every mode. SDM 2A "IRET/IRETD/IRETQ". */
import { generalProtection } from "../fault.ts";
import { CS, DS, ES, FLAG, FS, GS, SS, STATUS, SHADOW_NONE } from "../layout.ts";
import { CR4 } from "../state.ts";
import { IRET_ALWAYS } from "../system-calls.ts";
import { type Core } from "./core.ts";
import type { FarTransfers } from "./far.ts";
import { V86_ATTR } from "./segments.ts";
import { PopReader } from "./stack.ts";
import type { Tasks } from "./tasks.ts";

export class InterruptReturn {
  private readonly pops: PopReader;
  constructor(
    private readonly core: Core,
    private readonly far: FarTransfers,
    private readonly tasks: Tasks,
  ) {
    this.pops = new PopReader(core);
  }

  iret(bits: number, nextRip: bigint): number {
    const { core } = this;
    const { state } = core;
    // Even an IRET that faults ends the blocking of NMIs. SDM 3A §6.7.1.
    state.nmiBlocked = false;
    if (!state.protectedMode || state.v86) this.returnReal(bits);
    else if (core.eflags & FLAG.NT) {
      if (state.longMode) throw generalProtection();
      this.returnFromTask(nextRip);
    } else if (state.mode64) this.return64(bits);
    else this.returnProtected(bits);
    state.setShadow(SHADOW_NONE);
    if (core.wantsExit() || state.nmiPending || core.eflags & FLAG.RF) {
      state.attention ||= state.nmiPending;
      core.stopSoon();
    }
    return STATUS.jump;
  }

  /** Replaces the flags in `mask`. */
  private setFlags(value: number, mask: number): void {
    const { state } = this.core;
    // The arithmetic flags are always in the mask, so the lazy ones need not be computed.
    state.setFlags((value & mask) | (this.core.eflags & ~mask));
  }

  /** Flags that IRET at the present privilege level may change. */
  private flagMask(bits: number): number {
    const { core } = this;
    let mask: number = IRET_ALWAYS;
    if (bits >= 32) mask |= FLAG.AC | FLAG.ID | this.resume;
    if (core.state.cpl <= core.iopl) mask |= FLAG.IF;
    if (core.state.cpl === 0) {
      mask |= FLAG.IOPL;
      if (bits >= 32) mask |= FLAG.VIF | FLAG.VIP;
    }
    return mask;
  }

  /** RF lasts for one instruction and holds off execution breakpoints: loaded where there are any. SDM 3B §17.3.1.1. */
  private get resume(): number {
    return this.core.breakpoints.execution.length > 0 ? FLAG.RF : 0;
  }

  private returnReal(bits: number): void {
    const { core, far, pops } = this;
    const { state } = core;
    const v86 = state.v86;
    // CR4.VME: a 16-bit IRET below IOPL 3 works on VIF. SDM 3B §20.3.
    const virtual = v86 && core.iopl < 3;
    if (virtual && (!(state.cr4 & CR4.VME) || bits !== 16)) throw generalProtection();
    const size = bits === 16 ? 2 : 4;
    pops.begin();
    const eip = pops.pop(size);
    const selector = pops.pop(size) & 0xffff;
    const flags = pops.pop(size);
    far.checkRealOffset(eip);
    if (virtual) {
      if (flags & FLAG.TF || (flags & FLAG.IF && core.eflags & FLAG.VIP)) throw generalProtection();
      pops.commit();
      this.setFlags(flags & FLAG.IF ? flags | FLAG.VIF : flags & ~FLAG.VIF, IRET_ALWAYS | FLAG.VIF);
      far.jumpReal(selector, eip);
      return;
    }
    pops.commit();
    let mask = IRET_ALWAYS | FLAG.IF;
    if (size === 4) mask |= FLAG.AC | FLAG.ID | this.resume;
    if (!v86) mask |= FLAG.IOPL;
    this.setFlags(flags, mask);
    far.jumpReal(selector, eip);
  }

  private returnFromTask(nextRip: bigint): void {
    const { core } = this;
    const { memory, state } = core;
    // The back link of the present TSS names the task to return to.
    core.addressIn(state.tr, 0);
    const link = memory.read(core.lo, core.hi, 2, memory.systemIndex()) & 0xffff;
    core.split(nextRip);
    this.tasks.switchTo(link, "iret", core.lo, -1, 0, state.flags());
  }

  /** From 64-bit mode: five words in one piece. */
  private return64(bits: number): void {
    const { core, far } = this;
    const { memory } = core;
    const size = bits >> 3;
    const spLo = core.regLo(4);
    const spHi = core.regHi(4);
    memory.requireStackCanonical(spHi);
    const at = memory.readable(spLo, spHi, 5 * size, memory.index());
    let ipLo: number;
    let ipHi = 0;
    let newSpLo: number;
    let newSpHi = 0;
    let flags: number;
    if (size === 2) {
      ipLo = memory.get16(at);
      flags = memory.get16(at + 4);
      newSpLo = memory.get16(at + 6);
    } else {
      ipLo = memory.get32(at);
      flags = memory.get32(at + 2 * size);
      newSpLo = memory.get32(at + 3 * size);
      if (size === 8) {
        ipHi = memory.get32(at + 4);
        newSpHi = memory.get32(at + 28);
      }
    }
    const selector = memory.get16(at + size);
    const ssSelector = memory.get16(at + 4 * size);
    far.checkReturnCode(selector);
    far.checkReturnStack(ssSelector, selector & 3);
    far.checkOffset(far.cs, ipLo, ipHi);
    core.setTypeBits(far.cs, 1);
    this.setFlags(flags, this.flagMask(bits));
    far.commitOuter(selector, ipLo, ipHi, ssSelector, newSpLo, newSpHi);
  }

  /** From legacy protected mode or compatibility mode. */
  private returnProtected(bits: number): void {
    const { core, far, pops } = this;
    const { state } = core;
    const size = bits >> 3;
    pops.begin();
    const lo = pops.pop(size);
    const hi = pops.hi;
    const selector = pops.pop(size) & 0xffff;
    const flags = pops.pop(size);
    if (size === 4 && flags & FLAG.VM && state.cpl === 0 && !state.longMode) {
      this.returnToV86(lo, selector, flags);
      return;
    }
    far.checkReturnCode(selector);
    const mask = this.flagMask(bits);
    if ((selector & 3) === state.cpl) {
      far.checkOffset(far.cs, lo, hi);
      core.setTypeBits(far.cs, 1);
      pops.commit();
      this.setFlags(flags, mask);
      far.commitCode(far.cs, selector, state.cpl, lo, hi);
      return;
    }
    const spLo = pops.pop(size);
    const spHi = pops.hi;
    const ssSelector = pops.pop(size) & 0xffff;
    far.checkReturnStack(ssSelector, selector & 3);
    far.checkOffset(far.cs, lo, hi);
    core.setTypeBits(far.cs, 1);
    this.setFlags(flags, mask);
    far.commitOuter(selector, lo, hi, ssSelector, spLo, spHi);
  }

  /** SDM 3B §20.2.5: six more words, and a CPL of 3. */
  private returnToV86(eip: number, selector: number, flags: number): void {
    const { core, far, pops } = this;
    const { state } = core;
    if (eip >>> 0 > 0xffff) throw generalProtection();
    const esp = pops.pop(4);
    const selectors = V86_LOADED.map(() => pops.pop(4) & 0xffff);
    state.setFlags(flags & (IRET_ALWAYS | this.resume | FLAG.AC | FLAG.ID | FLAG.IF | FLAG.IOPL | FLAG.VIF | FLAG.VIP | FLAG.VM));
    V86_LOADED.forEach((s, i) => state.loadSegmentCache(s, selectors[i], selectors[i] << 4, 0xffff, V86_ATTR));
    state.setCpl(3);
    core.setReg64(4, esp, 0);
    state.loadSegmentCache(CS, selector, selector << 4, 0xffff, V86_ATTR);
    far.jumpReal(selector, eip);
  }
}

/** In the order they are popped. */
const V86_LOADED = [SS, ES, DS, FS, GS] as const;
