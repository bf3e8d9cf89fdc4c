/** Delivery of interrupts and exceptions. SDM 3A chapter 6, SDM 2A "INT n/INTO/INT3/INT1". */
import type { DeliveryTap } from "../debug-tap.ts";
import { type EventKind, GuestFault, VECTOR, generalProtection } from "../fault.ts";
import { CS, DS, ES, FLAG, FS, GS, SS, STATE, STATUS, SHADOW_NONE } from "../layout.ts";
import { type Core, Descriptor, SYSTEM, isNull } from "./core.ts";
import { CR4 } from "../state.ts";
import { virtualImage } from "./flags.ts";
import type { FarTransfers } from "./far.ts";
import type { Segments } from "./segments.ts";
import { PushFrame } from "./stack.ts";
import type { Tasks } from "./tasks.ts";

export type DeliveryResult = "ok" | "triple-fault";

const bits = (...vectors: number[]): number => vectors.reduce((m, v) => m | (1 << v), 0);
/** Vectors that push an error code. */
const WITH_ERROR_CODE = bits(8, 10, 11, 12, 13, 14, 17, 21);
/** Contributory exceptions, SDM 3A table 6-5. */
const CONTRIBUTORY = bits(VECTOR.DE, VECTOR.TS, VECTOR.NP, VECTOR.SS, VECTOR.GP, 21);
/** EFLAGS bits that entering a handler clears, besides IF for interrupt gates. SDM 3A §6.12.1.3. */
const CLEARED = FLAG.TF | FLAG.NT | FLAG.RF | FLAG.VM;

type FaultClass = "benign" | "contributory" | "page" | "double";

function classOf(vector: number, kind: EventKind): FaultClass {
  if ((kind !== "fault" && kind !== "trap") || vector > 31) return "benign";
  if (vector === VECTOR.DF) return "double";
  // A virtualization exception (20) counts as a page fault does.
  if (vector === VECTOR.PF || vector === 20) return "page";
  return (CONTRIBUTORY >> vector) & 1 ? "contributory" : "benign";
}

export class Interrupts {
  /** Handlers entered since construction, by vector; the address that was interrupted last, in halves. For inspection. */
  readonly counts = new Float64Array(256);
  readonly lastAt = new Int32Array(512);
  tap: DeliveryTap | null = null;
  private readonly gate = new Descriptor();
  private readonly frame: PushFrame;
  /** Events that came between instructions, ever: with the count of instructions, a point of the machine's history. */
  deliveries = 0;

  constructor(
    private readonly core: Core,
    private readonly segments: Segments,
    private readonly far: FarTransfers,
    private readonly tasks: Tasks,
  ) {
    this.frame = new PushFrame(core);
  }

  /**
   * Delivers an event to the guest. `returnRip` is the linear address to save (the faulting instruction, or the next one).
   * A fault met on the way is delivered in its place by the rules of SDM 3A table 6-5; memory and registers are as before
   * the event when that happens. After a triple fault nothing has changed.
   */
  deliver(vector: number, errorCode: number | null, kind: EventKind, returnRip: bigint): DeliveryResult {
    this.core.split(returnRip);
    return this.deliverAt(vector, errorCode ?? 0, kind, this.core.lo, this.core.hi);
  }

  /** The same with STATE.rip as the address to save. */
  deliverHere(vector: number, errorCode: number, kind: EventKind): DeliveryResult {
    this.deliveries++;
    return this.deliverAt(vector, errorCode, kind, this.core.ripLo, this.core.ripHi);
  }

  private deliverAt(firstVector: number, firstError: number, firstKind: EventKind, lo: number, hi: number): DeliveryResult {
    const { state } = this.core;
    let vector = firstVector;
    let error = firstError;
    let kind = firstKind;
    for (;;) {
      state.delivering = vector;
      try {
        const coded = (kind === "fault" || kind === "trap") && vector < 32 && ((WITH_ERROR_CODE >> vector) & 1) !== 0;
        this.enter(vector, coded ? error : -1, kind, lo, hi);
        state.delivering = -1;
        return "ok";
      } catch (e) {
        state.delivering = -1;
        if (!(e instanceof GuestFault)) throw e;
        const first = classOf(vector, kind);
        const second = classOf(e.vector, "fault");
        if (first === "double" && second !== "benign") return "triple-fault";
        if ((first === "contributory" && second === "contributory") || (first === "page" && second !== "benign")) {
          vector = VECTOR.DF;
          error = 0;
        } else {
          // A processor delivers #AC on a misaligned stack without end. Here it goes on with the instruction that faults again,
          // which comes to the same, and the host stays in control.
          if (e.vector === VECTOR.AC && vector === VECTOR.AC && kind === "fault") return "ok";
          vector = e.vector;
          error = e.errorCode;
        }
        kind = "fault";
      }
    }
  }

  /** INT n. In virtual-8086 mode it needs IOPL 3, or CR4.VME and a clear bit in the redirection bitmap. SDM 3B table 20-2. */
  softwareInterrupt(vector: number, nextRip: bigint): number {
    if (this.core.state.v86) {
      if (this.core.state.cr4 & CR4.VME && this.redirected(vector & 0xff)) return this.enterV86(vector & 0xff, nextRip);
      if (this.core.iopl < 3) throw generalProtection();
    }
    return this.enterFrom(vector & 0xff, "software", nextRip);
  }
  /** Whether the TSS's bitmap, 32 bytes below that of I/O permissions, sends the vector to the 8086 program's own handler. */
  private redirected(vector: number): boolean {
    const { core } = this;
    const { memory, state } = core;
    const { tr } = state;
    const system = memory.systemIndex();
    const type = tr.attr & 15;
    if ((type !== SYSTEM.TSS && type !== SYSTEM.TSS_BUSY) || tr.limit < 103) throw generalProtection();
    core.addressIn(tr, 102);
    const at = memory.read(core.lo, core.hi, 2, system) - 32 + (vector >> 3);
    if (at < 0 || at > tr.limit) throw generalProtection();
    core.addressIn(tr, at);
    return !((memory.read(core.lo, core.hi, 1, system) >> (vector & 7)) & 1);
  }

  /** An 8086-style interrupt inside virtual-8086 mode: vector table at linear address 0. SDM 3B §20.3.3. */
  private enterV86(vector: number, nextRip: bigint): number {
    const { core, frame } = this;
    const { memory, state } = core;
    const virtual = core.iopl < 3;
    const flags = state.flags();
    core.split(nextRip);
    const at = core.lo;
    const returnIp = core.ipOf(at);
    const entry = memory.read(vector * 4, 0, 4, memory.index());
    frame.useCurrent(2);
    frame.push(virtual ? virtualImage(flags) : flags);
    frame.push(state.selector[CS]);
    frame.push(returnIp);
    frame.check();
    frame.write();
    frame.commitPointer();
    state.i32[STATE.eflags >> 2] &= ~(FLAG.TF | FLAG.RF | FLAG.AC | (virtual ? FLAG.VIF : FLAG.IF));
    this.far.jumpReal(entry >>> 16, entry & 0xffff);
    state.eventTaken = true;
    this.note(vector, "software", -1, at, 0);
    return STATUS.jump;
  }

  int3(nextRip: bigint): number {
    return this.enterFrom(VECTOR.BP, "software", nextRip);
  }
  into(nextRip: bigint): number {
    return this.core.state.flags() & FLAG.OF ? this.enterFrom(VECTOR.OF, "software", nextRip) : STATUS.next;
  }
  icebp(nextRip: bigint): number {
    return this.enterFrom(VECTOR.DB, "icebp", nextRip);
  }
  private enterFrom(vector: number, kind: EventKind, nextRip: bigint): number {
    this.core.split(nextRip);
    this.enter(vector, -1, kind, this.core.lo, this.core.hi);
    return STATUS.jump;
  }

  /** Enters the handler of `vector`, or throws GuestFault with nothing changed. `errorCode` -1: none. */
  private enter(vector: number, errorCode: number, kind: EventKind, lo: number, hi: number): void {
    const { state } = this.core;
    if (!state.protectedMode) this.enterReal(vector, lo);
    else if (state.longMode) this.enter64(vector, errorCode, kind, lo, hi);
    else this.enterProtected(vector, errorCode, kind, lo);
    state.halted = false;
    state.setShadow(SHADOW_NONE);
    state.eventTaken = true;
    this.note(vector, kind, errorCode, lo, hi);
  }

  private note(vector: number, kind: EventKind, errorCode: number, lo: number, hi: number): void {
    this.counts[vector]++;
    this.lastAt[2 * vector] = lo;
    this.lastAt[2 * vector + 1] = hi;
    this.tap?.delivered(vector, kind, errorCode);
  }

  /** RFLAGS as the frame shows them: RF is set for faults. SDM 3A §6.8.3 (RF), SDM 3B §17.3.1.1. */
  private savedFlags(vector: number, kind: EventKind): number {
    const f = this.core.state.flags();
    return kind === "fault" && vector !== VECTOR.DB ? f | FLAG.RF : f;
  }

  private clearFlags(interruptGate: boolean): void {
    this.core.state.i32[STATE.eflags >> 2] &= interruptGate ? ~(CLEARED | FLAG.IF) : ~CLEARED;
  }

  /** Real mode: the interrupt vector table. No error codes. SDM 3A §20.1.4. */
  private enterReal(vector: number, lo: number): void {
    const { core, frame } = this;
    const { state, memory } = core;
    if (vector * 4 + 3 > state.idtr.limit) throw generalProtection(vector * 8 + 2);
    core.addressIn(state.idtr, vector * 4);
    const entry = memory.read(core.lo, core.hi, 4, memory.systemIndex());
    frame.useCurrent(2);
    frame.push(state.flags());
    frame.push(state.selector[CS]);
    frame.push(core.ipOf(lo));
    frame.check();
    frame.write();
    frame.commitPointer();
    state.i32[STATE.eflags >> 2] &= ~(FLAG.IF | FLAG.TF | FLAG.AC | FLAG.RF);
    this.far.jumpReal(entry >>> 16, entry & 0xffff);
  }

  /** Legacy protected mode and virtual-8086 mode: 16- and 32-bit gates. SDM 3A §6.12, SDM 3B §20.3. */
  private enterProtected(vector: number, errorCode: number, kind: EventKind, lo: number): void {
    const { core, gate, far, segments, frame } = this;
    const { state, memory } = core;
    const { cs, ss } = far;
    const software = kind === "software";
    const ext = software ? 0 : 1;
    const idtError = vector * 8 + 2;
    if (vector * 8 + 7 > state.idtr.limit) throw generalProtection(idtError | ext);
    core.addressIn(state.idtr, vector * 8);
    const at = memory.readable(core.lo, core.hi, 8, memory.systemIndex());
    gate.lo = memory.get32(at);
    gate.hi = memory.get32(at + 4);
    const type = gate.systemType;
    if (type !== SYSTEM.INT && type !== SYSTEM.TRAP && type !== SYSTEM.INT16 && type !== SYSTEM.TRAP16 && type !== SYSTEM.TASK_GATE) {
      throw generalProtection(idtError | ext);
    }
    if (software && gate.dpl < state.cpl) throw generalProtection(idtError);
    if (!gate.present) throw new GuestFault(VECTOR.NP, idtError | ext);
    const target = gate.gateSelector;
    if (type === SYSTEM.TASK_GATE) {
      this.tasks.switchTo(target, "event", lo, errorCode, ext, this.savedFlags(vector, kind));
      return;
    }
    if (isNull(target)) throw generalProtection(ext);
    const error = (target & 0xfffc) | ext;
    core.fetchOrFault(cs, target, VECTOR.GP, ext);
    if (!cs.isCode || cs.dpl > state.cpl) throw generalProtection(error);
    if (!cs.present) throw new GuestFault(VECTOR.NP, error);
    const v86 = state.v86;
    const wide = (type & 8) !== 0;
    const size = wide ? 4 : 2;
    const eip = wide ? gate.gateOffset : gate.gateOffset & 0xffff;
    const inner = !cs.isConforming && cs.dpl < state.cpl;
    // Virtual-8086 code is interrupted into ring 0 only.
    if (v86 && (!inner || cs.dpl !== 0)) throw generalProtection(error);
    const flags = this.savedFlags(vector, kind);
    let stackSelector = 0;
    if (inner) {
      const stack = far.stackFromTss(cs.dpl, ext);
      stackSelector = stack.selector;
      if (isNull(stackSelector)) throw new GuestFault(VECTOR.TS, ext);
      segments.checkStack(ss, stackSelector, cs.dpl, VECTOR.TS, ext);
      frame.useSegment(size, ss, stack.lo, cs.dpl, (stackSelector & 0xfffc) | ext);
      if (v86) for (const s of V86_SAVED) frame.push(state.selector[s]);
      frame.push(state.selector[SS]);
      frame.push(core.regLo(4));
    } else frame.useCurrent(size);
    frame.push(flags);
    frame.push(state.selector[CS]);
    frame.push(core.ipOf(lo));
    if (errorCode >= 0) frame.push(errorCode);
    frame.check();
    far.checkOffset(cs, eip, 0, ext);
    if (inner) core.setTypeBits(ss, 1);
    core.setTypeBits(cs, 1);
    frame.write();
    // Everything that may fault is done.
    const cpl = inner ? cs.dpl : state.cpl;
    this.clearFlags(type === SYSTEM.INT || type === SYSTEM.INT16);
    if (inner) {
      segments.commit(SS, stackSelector, ss);
      if (v86) for (const s of V86_SAVED) segments.loadNull(s, 0);
    }
    far.commitCode(cs, target, cpl, eip, 0);
    frame.commitPointer();
  }

  /** Long mode: 16-byte gates, IST, and an aligned frame that always holds SS:RSP. SDM 3A §6.14. */
  private enter64(vector: number, errorCode: number, kind: EventKind, lo: number, hi: number): void {
    const { core, far } = this;
    const { state, memory } = core;
    const { cs } = far;
    const software = kind === "software";
    const ext = software ? 0 : 1;
    const idtError = vector * 8 + 2;
    const system = memory.systemIndex();
    if (vector * 16 + 15 > state.idtr.limit) throw generalProtection(idtError | ext);
    core.addressIn(state.idtr, vector * 16);
    const at = memory.readable(core.lo, core.hi, 12, system);
    const gateLo = memory.get32(at);
    const gateHi = memory.get32(at + 4);
    const entryHi = memory.get32(at + 8);
    const type = (gateHi >>> 8) & 31;
    if (type !== SYSTEM.INT && type !== SYSTEM.TRAP) throw generalProtection(idtError | ext);
    if (software && ((gateHi >>> 13) & 3) < state.cpl) throw generalProtection(idtError);
    if (!(gateHi & 0x8000)) throw new GuestFault(VECTOR.NP, idtError | ext);
    const target = gateLo >>> 16;
    if (isNull(target)) throw generalProtection(ext);
    const error = (target & 0xfffc) | ext;
    core.fetchOrFault(cs, target, VECTOR.GP, ext);
    if (!cs.isCode || cs.dpl > state.cpl || !cs.long || cs.big) throw generalProtection(error);
    if (!cs.present) throw new GuestFault(VECTOR.NP, error);

    const inner = !cs.isConforming && cs.dpl < state.cpl;
    const cpl = inner ? cs.dpl : state.cpl;
    const ist = gateHi & 7;
    const oldSpLo = core.regLo(4);
    const oldSpHi = core.regHi(4);
    let spLo = oldSpLo;
    let spHi = oldSpHi;
    if (ist !== 0 || inner) {
      const tr = state.tr;
      const offset = ist !== 0 ? 0x1c + 8 * ist : 4 + 8 * cpl;
      if (offset + 7 > tr.limit) throw new GuestFault(VECTOR.TS, (tr.selector & 0xfffc) | ext);
      core.addressIn(tr, offset);
      spLo = memory.read(core.lo, core.hi, 8, system);
      spHi = memory.hi;
      memory.requireStackCanonical(spHi, ext);
    }
    const size = errorCode >= 0 ? 48 : 40;
    const top = spLo & ~15;
    spLo = (top - size) | 0;
    if (spLo >>> 0 > top >>> 0) spHi = (spHi - 1) | 0;
    memory.requireStackCanonical(spHi, ext);
    const entryLo = (gateLo & 0xffff) | (gateHi & 0xffff0000);
    if (!memory.canonical(entryHi)) throw generalProtection(ext);

    const flags = this.savedFlags(vector, kind);
    core.setTypeBits(cs, 1);
    const index = memory.indexAt(cpl);
    // CR2 of a failing push is that of the first word, from the top.
    if ((spLo & 0xfff) + size > 4096) for (let at = size - 8; at > 0; at -= 8) memory.writable((spLo + at) | 0, spHi, 8, index);
    else memory.writable(spLo + size - 8, spHi, 8, index);
    const frame = memory.writable(spLo, spHi, size, index);
    let p = frame;
    if (errorCode >= 0) {
      memory.put64(p, errorCode, 0);
      p += 8;
    }
    memory.put64(p, core.ipOf(lo), state.mode64 ? hi : 0);
    memory.put64(p + 8, state.selector[CS], 0);
    memory.put64(p + 16, flags, 0);
    memory.put64(p + 24, oldSpLo, oldSpHi);
    memory.put64(p + 32, state.selector[SS], 0);
    memory.commit(frame);

    this.clearFlags(type === SYSTEM.INT);
    if (inner) this.segments.loadNull(SS, cpl);
    core.setReg64(4, spLo, spHi);
    far.commitCode(cs, target, cpl, entryLo, entryHi);
  }
}

/** In the order they are pushed. */
const V86_SAVED = [GS, FS, DS, ES] as const;
