/** Far jumps, calls and returns. SDM 2A "CALL", "JMP", SDM 2B "RET", SDM 3A §5.8. */
import { GuestFault, VECTOR, generalProtection } from "../fault.ts";
import { CS, SS, STATUS } from "../layout.ts";
import { type Core, Descriptor, SYSTEM, isNull } from "./core.ts";
import type { Segments } from "./segments.ts";
import { PopReader, PushFrame, setStackPointer } from "./stack.ts";
import type { Tasks } from "./tasks.ts";

/** Code and stack of an inner level, out of the TSS. */
export interface InnerStack {
  selector: number;
  lo: number;
  hi: number;
}

export class FarTransfers {
  readonly cs = new Descriptor();
  readonly ss = new Descriptor();
  private readonly gate = new Descriptor();
  private readonly frame: PushFrame;
  private readonly pops: PopReader;
  private readonly inner: InnerStack = { selector: 0, lo: 0, hi: 0 };
  /** Entry point taken from a call gate. */
  private entryLo = 0;
  private entryHi = 0;

  constructor(
    private readonly core: Core,
    private readonly segments: Segments,
    private readonly tasks: Tasks,
  ) {
    this.frame = new PushFrame(core);
    this.pops = new PopReader(core);
  }

  private isReal(): boolean {
    return !this.core.state.protectedMode || this.core.state.v86;
  }

  /** Loads CS:offset in real or virtual-8086 mode. */
  jumpReal(selector: number, eip: number): void {
    this.segments.loadReal(CS, selector);
    this.core.state.updateMode();
    this.core.setEip(eip);
  }

  /** #GP(0) unless `offset` lies inside the code segment that real-mode CS will be. */
  checkRealOffset(offset: number): void {
    const { state } = this.core;
    if (offset >>> 0 > (state.v86 ? 0xffff : state.limit[CS])) throw generalProtection();
  }

  /** Loads CS from a checked descriptor with privilege level `cpl` and sets the instruction pointer. */
  commitCode(d: Descriptor, selector: number, cpl: number, lo: number, hi: number): void {
    const { core } = this;
    const { state } = core;
    state.loadSegmentCache(CS, (selector & 0xfffc) | cpl, d.base, d.limit, d.attr);
    state.setCpl(cpl);
    state.updateMode();
    if (state.mode64) core.setRip(lo, hi);
    else core.setEip(lo);
  }

  /** Whether code under descriptor `d` runs in 64-bit mode. */
  is64(d: Descriptor): boolean {
    return this.core.state.longMode && d.long;
  }

  /** #GP(ext) unless hi:lo lies in the code segment: canonical, or below the limit. */
  checkOffset(d: Descriptor, lo: number, hi: number, ext = 0): void {
    if (this.is64(d)) {
      if (!this.core.memory.canonical(hi)) throw generalProtection(ext);
    } else if (lo >>> 0 > d.limit || hi !== 0) throw generalProtection(ext);
  }

  /** The checks of a direct transfer to the code segment in `cs`. */
  private checkDirect(selector: number): void {
    const d = this.cs;
    const { state } = this.core;
    const error = selector & 0xfffc;
    if (this.is64(d) && d.big) throw generalProtection(error);
    if (d.isConforming) {
      if (d.dpl > state.cpl) throw generalProtection(error);
    } else if ((selector & 3) > state.cpl || d.dpl !== state.cpl) throw generalProtection(error);
    if (!d.present) throw new GuestFault(VECTOR.NP, error);
  }

  private truncate(offset: bigint, bits: number): void {
    this.core.split(offset);
    if (bits !== 64) this.core.hi = 0;
    if (bits === 16) this.core.lo &= 0xffff;
  }

  farJump(selectorArg: number, offset: bigint, bits: number, nextRip: bigint): number {
    const { core, cs } = this;
    const selector = selectorArg & 0xffff;
    this.truncate(offset, bits);
    const { lo, hi } = core;
    if (this.isReal()) {
      this.checkRealOffset(lo);
      this.jumpReal(selector, lo);
      return STATUS.jump;
    }
    if (isNull(selector)) throw generalProtection();
    core.fetchOrFault(cs, selector);
    if (cs.isCode) {
      this.checkDirect(selector);
      this.checkOffset(cs, lo, hi);
      core.setTypeBits(cs, 1);
      this.commitCode(cs, selector, core.state.cpl, lo, hi);
      return STATUS.jump;
    }
    if (this.checkGate(selector, "jump", nextRip)) return STATUS.jump;
    const target = this.gate.gateSelector;
    const error = target & 0xfffc;
    // JMP through a gate never changes the privilege level.
    if (cs.isConforming ? cs.dpl > core.state.cpl : cs.dpl !== core.state.cpl) throw generalProtection(error);
    if (!cs.present) throw new GuestFault(VECTOR.NP, error);
    this.checkOffset(cs, this.entryLo, this.entryHi);
    core.setTypeBits(cs, 1);
    this.commitCode(cs, target, core.state.cpl, this.entryLo, this.entryHi);
    return STATUS.jump;
  }

  /** `cs` holds a system descriptor: checks a call gate and fetches its code segment into `cs`. True: it was a task, which runs now. */
  private checkGate(selector: number, source: "jump" | "call", nextRip: bigint): boolean {
    const { core, cs, gate } = this;
    const { state } = core;
    const error = selector & 0xfffc;
    const type = cs.systemType;
    const callGate = type === SYSTEM.CALL || (type === SYSTEM.CALL16 && !state.longMode);
    const task = !state.longMode && (type === SYSTEM.TASK_GATE || type === SYSTEM.TSS || type === SYSTEM.TSS16);
    if (!callGate && !task) throw generalProtection(error);
    if (cs.dpl < state.cpl || cs.dpl < (selector & 3)) throw generalProtection(error);
    if (!cs.present) throw new GuestFault(VECTOR.NP, error);
    if (task) {
      core.split(nextRip);
      this.tasks.switchTo(type === SYSTEM.TASK_GATE ? cs.gateSelector : selector, source, core.lo, -1, 0, state.flags());
      return true;
    }
    gate.lo = cs.lo;
    gate.hi = cs.hi;
    this.entryHi = state.longMode ? core.fetchUpper(cs, selector) : 0;
    this.entryLo = type === SYSTEM.CALL16 ? gate.gateOffset & 0xffff : gate.gateOffset;
    const target = gate.gateSelector;
    if (isNull(target)) throw generalProtection();
    core.fetchOrFault(cs, target);
    const targetError = target & 0xfffc;
    if (!cs.isCode || cs.dpl > state.cpl) throw generalProtection(targetError);
    // SDM 3A §5.8.3.1: a 64-bit call gate leads to 64-bit code.
    if (state.longMode && (!cs.long || cs.big)) throw generalProtection(targetError);
    return false;
  }

  farCall(selectorArg: number, offset: bigint, bits: number, nextRip: bigint): number {
    const { core, cs, frame } = this;
    const { state } = core;
    const selector = selectorArg & 0xffff;
    core.split(nextRip);
    const returnLo = core.ipOf(core.lo);
    const returnHi = state.mode64 ? core.hi : 0;
    this.truncate(offset, bits);
    const { lo, hi } = core;
    const oldCs = state.selector[CS];
    if (this.isReal()) {
      this.checkRealOffset(lo);
      frame.useCurrent(bits >> 3);
      frame.push(oldCs);
      frame.push(returnLo);
      frame.check();
      frame.write();
      frame.commitPointer();
      this.jumpReal(selector, lo);
      return STATUS.jump;
    }
    if (isNull(selector)) throw generalProtection();
    core.fetchOrFault(cs, selector);
    if (cs.isCode) {
      this.checkDirect(selector);
      this.checkOffset(cs, lo, hi);
      this.callSame(bits >> 3, selector, lo, hi, oldCs, returnLo, returnHi);
      return STATUS.jump;
    }
    const size = cs.systemType === SYSTEM.CALL16 ? 2 : state.longMode ? 8 : 4;
    if (this.checkGate(selector, "call", nextRip)) return STATUS.jump;
    const target = this.gate.gateSelector;
    if (!cs.present) throw new GuestFault(VECTOR.NP, target & 0xfffc);
    if (cs.isConforming || cs.dpl === state.cpl) {
      this.checkOffset(cs, this.entryLo, this.entryHi);
      this.callSame(size, target, this.entryLo, this.entryHi, oldCs, returnLo, returnHi);
    } else this.callInner(size, target, oldCs, returnLo, returnHi);
    return STATUS.jump;
  }

  private callSame(size: number, selector: number, lo: number, hi: number, oldCs: number, returnLo: number, returnHi: number): void {
    const { core, cs, frame } = this;
    frame.useCurrent(size);
    frame.push(oldCs);
    frame.push(returnLo, returnHi);
    frame.check();
    core.setTypeBits(cs, 1);
    frame.write();
    frame.commitPointer();
    this.commitCode(cs, selector, core.state.cpl, lo, hi);
  }

  /** Call gate to a more privileged level: a new stack from the TSS, with the gate's count of parameters. SDM 3A §5.8.5. */
  private callInner(size: number, target: number, oldCs: number, returnLo: number, returnHi: number): void {
    const { core, cs, ss, frame, inner } = this;
    const { state, memory } = core;
    const cpl = cs.dpl;
    this.stackFromTss(cpl, 0);
    const oldSs = state.selector[SS];
    const oldLo = core.regLo(4);
    const oldHi = core.regHi(4);
    if (state.longMode) {
      memory.requireStackCanonical(inner.hi);
      frame.use64(8, inner.lo, inner.hi, cpl, 0);
      frame.push(oldSs);
      frame.push(oldLo, oldHi);
    } else {
      if (isNull(inner.selector)) throw new GuestFault(VECTOR.TS, 0);
      this.segments.checkStack(ss, inner.selector, cpl, VECTOR.TS, 0);
      frame.useSegment(size, ss, inner.lo, cpl, inner.selector & 0xfffc);
      frame.push(oldSs);
      frame.push(oldLo);
      const count = this.gate.hi & 31;
      for (let i = count - 1; i >= 0; i--) {
        this.pops.begin();
        this.pops.skip(i * size);
        frame.push(this.pops.pop(size));
      }
    }
    frame.push(oldCs);
    frame.push(returnLo, returnHi);
    frame.check();
    this.checkOffset(cs, this.entryLo, this.entryHi);
    if (!state.longMode) core.setTypeBits(ss, 1);
    core.setTypeBits(cs, 1);
    frame.write();
    if (state.longMode) this.segments.loadNull(SS, cpl);
    else this.segments.commit(SS, inner.selector, ss);
    this.commitCode(cs, target, cpl, this.entryLo, this.entryHi);
    frame.commitPointer();
  }

  /** The stack for privilege level `cpl` out of the present TSS: `inner`. #TS when the TSS is too short. SDM 3A §7.2.1, §7.7. */
  stackFromTss(cpl: number, ext: number): InnerStack {
    const { core, inner } = this;
    const { state, memory } = core;
    const tr = state.tr;
    const error = (tr.selector & 0xfffc) | ext;
    const system = memory.systemIndex();
    const wide = (tr.attr & 8) !== 0;
    const offset = state.longMode ? 4 + 8 * cpl : wide ? 4 + 8 * cpl : 2 + 4 * cpl;
    const bytes = state.longMode ? 8 : wide ? 6 : 4;
    if (offset + bytes - 1 > tr.limit) throw new GuestFault(VECTOR.TS, error);
    core.addressIn(tr, offset);
    if (state.longMode) {
      inner.selector = cpl;
      inner.lo = memory.read(core.lo, core.hi, 8, system);
      inner.hi = memory.hi;
      return inner;
    }
    const { lo, hi } = core;
    inner.lo = memory.read(lo, hi, wide ? 4 : 2, system);
    inner.hi = 0;
    inner.selector = memory.read((lo + (wide ? 4 : 2)) | 0, hi, 2, system) & 0xffff;
    return inner;
  }

  farReturn(bits: number, release: number): number {
    const { core, cs, pops } = this;
    const { state } = core;
    const size = bits >> 3;
    pops.begin();
    const lo = pops.pop(size);
    const hi = pops.hi;
    const selector = pops.pop(size) & 0xffff;
    if (this.isReal()) {
      this.checkRealOffset(lo);
      pops.skip(release);
      pops.commit();
      this.jumpReal(selector, lo);
      return STATUS.jump;
    }
    const rpl = selector & 3;
    this.checkReturnCode(selector);
    this.checkOffset(cs, lo, hi);
    if (rpl === state.cpl) {
      core.setTypeBits(cs, 1);
      pops.skip(release);
      pops.commit();
      this.commitCode(cs, selector, rpl, lo, hi);
      return STATUS.jump;
    }
    pops.skip(release);
    const spLo = pops.pop(size);
    const spHi = pops.hi;
    const ssSelector = pops.pop(size) & 0xffff;
    this.checkReturnStack(ssSelector, rpl);
    core.setTypeBits(cs, 1);
    this.commitOuter(selector, lo, hi, ssSelector, spLo, spHi);
    // The parameters are released on the outer stack too.
    if (state.mode64) {
      const next = (spLo + release) | 0;
      core.setReg64(4, next, next >>> 0 < spLo >>> 0 ? (spHi + 1) | 0 : spHi);
    } else setStackPointer(core, (spLo + release) | 0, 0);
    return STATUS.jump;
  }

  /** Fetches and checks the code segment that a return goes to, for RET and IRET. */
  checkReturnCode(selector: number): void {
    const { core, cs } = this;
    const error = selector & 0xfffc;
    if (isNull(selector)) throw generalProtection();
    if ((selector & 3) < core.state.cpl) throw generalProtection(error);
    core.fetchOrFault(cs, selector);
    if (!cs.isCode || (this.is64(cs) && cs.big)) throw generalProtection(error);
    if (cs.isConforming ? cs.dpl > (selector & 3) : cs.dpl !== (selector & 3)) throw generalProtection(error);
    if (!cs.present) throw new GuestFault(VECTOR.NP, error);
  }

  /** Checks the stack segment that a return loads; `cs` holds its code segment. Null is fine for 64-bit code below CPL 3. */
  checkReturnStack(selector: number, rpl: number): void {
    if (isNull(selector)) {
      if (!this.is64(this.cs) || rpl === 3 || (selector & 3) !== rpl) throw generalProtection();
      return;
    }
    this.segments.checkStack(this.ss, selector, rpl, VECTOR.GP, 0);
    this.core.setTypeBits(this.ss, 1);
  }

  /** Loads the CS and SS that were checked, the stack pointer and the instruction pointer; drops unusable data segments. */
  commitOuter(selector: number, lo: number, hi: number, ssSelector: number, spLo: number, spHi: number): void {
    const { core } = this;
    const { state } = core;
    const outer = (selector & 3) > state.cpl;
    if (isNull(ssSelector)) this.segments.loadNull(SS, ssSelector);
    else this.segments.commit(SS, ssSelector, this.ss);
    this.commitCode(this.cs, selector, selector & 3, lo, hi);
    setStackPointer(core, spLo, spHi);
    if (outer) this.segments.nullInaccessible(state.cpl);
  }
}

