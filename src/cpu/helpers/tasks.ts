/** Hardware task switching between 16- and 32-bit TSSs. SDM 3A chapter 7. */
import { GuestFault, VECTOR, generalProtection } from "../fault.ts";
import { CS, DS, ES, FLAG, FS, GS, SS, SHADOW_NONE } from "../layout.ts";
import { ATTR, CR0 } from "../state.ts";
import { type Core, Descriptor, DR6, SYSTEM, isNull } from "./core.ts";
import type { ControlRegisters } from "./control.ts";
import { type Segments, V86_ATTR } from "./segments.ts";
import { PushFrame } from "./stack.ts";

/** What asks for the switch: it decides busy flags, NT and the back link (SDM 3A table 7-2). */
export type TaskSwitchSource = "jump" | "call" | "event" | "iret";

/** Where a TSS keeps its fields: SDM 3A figures 7-2 and 7-10. Registers are EAX ECX EDX EBX ESP EBP ESI EDI. */
interface TssLayout {
  readonly minLimit: number;
  readonly ip: number;
  readonly flags: number;
  readonly registers: number;
  /** Bytes of a register or instruction pointer; selectors take as much room. */
  readonly size: 2 | 4;
  readonly segments: number;
  readonly segmentCount: number;
  readonly ldt: number;
}

const TSS32: TssLayout = { minLimit: 0x67, ip: 0x20, flags: 0x24, registers: 0x28, size: 4, segments: 0x48, segmentCount: 6, ldt: 0x60 };
const TSS16: TssLayout = { minLimit: 0x2b, ip: 0x0e, flags: 0x10, registers: 0x12, size: 2, segments: 0x22, segmentCount: 4, ldt: 0x2a };
const TSS32_CR3 = 0x1c;
const TSS32_TRAP = 0x64;

/** In the order of the TSS. */
const SEGMENTS = [ES, CS, SS, DS, FS, GS] as const;
const WIDE = 8;
const BUSY = 2;
/** DR7.L0-L3 and LE end with the task. SDM 3B §17.2.4. */
const DR7_LOCAL = 0x155n;

export class Tasks {
  private readonly tss = new Descriptor();
  private readonly old = new Descriptor();
  private readonly segment = new Descriptor();
  private readonly frame: PushFrame;
  /** What stands in the new TSS, read before anything changes. */
  private readonly registers = new Int32Array(8);
  private readonly selectors = new Uint16Array(6);
  private ip = 0;
  private flags = 0;
  private cr3 = 0;
  private ldt = 0;
  private trap = false;

  constructor(
    private readonly core: Core,
    private readonly segments: Segments,
    private readonly control: ControlRegisters,
  ) {
    this.frame = new PushFrame(core);
  }

  /**
   * Switches to the task of TSS `selector`. `returnLo` is the linear address to save, `flags` the EFLAGS image to save;
   * `errorCode` is pushed on the new stack for an event that has one, or -1. Throws before anything has changed. A fault
   * of the new task (its selectors, its stack) is left in state.taskFault: it belongs to that task's first instruction.
   */
  switchTo(selector: number, source: TaskSwitchSource, returnLo: number, errorCode: number, ext: number, flags: number): void {
    const { core } = this;
    const { state } = core;
    const layout = this.checkNew(selector, source, ext);
    this.read(layout);
    this.save(source, returnLo, flags, layout);
    // From here on the new task runs: what fails now, fails in it.
    if (source !== "iret") core.setTypeBits(this.tss, BUSY);
    const link = source === "call" || source === "event";
    state.cr0 |= CR0.TS;
    const { tr } = state;
    tr.selector = selector;
    tr.base = BigInt(this.tss.base);
    tr.limit = this.tss.limit;
    tr.attr = this.tss.attr | BUSY;
    try {
      this.load(layout, link, ext);
      if (errorCode >= 0) this.pushError(layout.size, errorCode);
    } catch (e) {
      if (!(e instanceof GuestFault)) throw e;
      state.taskFault = { vector: e.vector, errorCode: e.errorCode };
    }
    if (this.trap) state.pendingDebug |= DR6.BT;
    state.halted = false;
    state.setShadow(SHADOW_NONE);
    state.attention = true;
    core.stopSoon();
  }

  /** The TSS descriptor and its limit: in `tss`. */
  private checkNew(selector: number, source: TaskSwitchSource, ext: number): TssLayout {
    const { core, tss } = this;
    const error = (selector & 0xfffc) | ext;
    // IRET finds its selector in a TSS, so that a bad one is a bad TSS. SDM 3A table 7-1.
    const vector = source === "iret" ? VECTOR.TS : VECTOR.GP;
    if (selector & 4 || isNull(selector)) throw new GuestFault(vector, error);
    core.fetchOrFault(tss, selector, vector, ext);
    const wanted = source === "iret" ? [SYSTEM.TSS_BUSY, SYSTEM.TSS16_BUSY] : [SYSTEM.TSS, SYSTEM.TSS16];
    if (!(wanted as number[]).includes(tss.systemType)) throw new GuestFault(vector, error);
    if (!tss.present) throw new GuestFault(VECTOR.NP, error);
    const layout = tss.systemType & WIDE ? TSS32 : TSS16;
    if (tss.limit < layout.minLimit) throw new GuestFault(VECTOR.TS, error);
    return layout;
  }

  private field(base: number, offset: number, size: number): number {
    const m = this.core.memory;
    return m.read((base + offset) | 0, 0, size, m.systemIndex());
  }
  private put(base: number, offset: number, size: number, value: number): void {
    const m = this.core.memory;
    m.write((base + offset) | 0, 0, size, m.systemIndex(), value);
  }

  private read(layout: TssLayout): void {
    const { base } = this.tss;
    const wide = layout.size === 4;
    this.ip = this.field(base, layout.ip, layout.size);
    this.flags = this.field(base, layout.flags, layout.size);
    // A 16-bit TSS leaves the upper halves of the registers undefined: zero, as QEMU has it.
    for (let i = 0; i < 8; i++) this.registers[i] = this.field(base, layout.registers + i * layout.size, layout.size) & (wide ? -1 : 0xffff);
    this.selectors.fill(0);
    for (let i = 0; i < layout.segmentCount; i++) this.selectors[i] = this.field(base, layout.segments + i * layout.size, 2);
    this.ldt = this.field(base, layout.ldt, 2) & 0xffff;
    this.cr3 = wide ? this.field(base, TSS32_CR3, 4) : 0;
    this.trap = wide && (this.field(base, TSS32_TRAP, 2) & 1) !== 0;
  }

  /** The present state into the present TSS, the back link into the new one; busy of the old one. All writes are probed first. */
  private save(source: TaskSwitchSource, returnLo: number, flagsArg: number, next: TssLayout): void {
    const { core, old } = this;
    const { state, memory } = core;
    const tr = state.tr;
    core.split(tr.base);
    const base = core.lo;
    const system = memory.systemIndex();
    const layout = tr.attr & WIDE ? TSS32 : TSS16;
    const end = layout.segments + layout.segmentCount * layout.size - 1;
    if (tr.limit < end) throw new GuestFault(VECTOR.TS, tr.selector & 0xfffc);
    memory.probeWrite((base + layout.ip) | 0, 0, end - layout.ip + 1, system);
    const link = source === "call" || source === "event";
    if (link) memory.probeWrite(this.tss.base | 0, 0, next.size, system);
    if (source !== "iret") memory.probeWrite((this.tss.atLo + 4) | 0, this.tss.atHi, 4, system);
    if (!link) {
      core.fetchOrFault(old, tr.selector, VECTOR.TS);
      // Of a task that jumps to itself, `read` has seen the busy flag already: it may not.
      core.clearTypeBits(old, BUSY);
    }
    const flags = source === "iret" ? flagsArg & ~FLAG.NT : flagsArg;
    const { size } = layout;
    this.put(base, layout.ip, size, core.ipOf(returnLo));
    this.put(base, layout.flags, size, flags);
    for (let i = 0; i < 8; i++) this.put(base, layout.registers + i * size, size, core.regLo(i));
    for (let i = 0; i < layout.segmentCount; i++) this.put(base, layout.segments + i * size, 2, state.selector[SEGMENTS[i]]);
    if (link) this.put(this.tss.base, 0, 2, tr.selector);
  }

  private load(layout: TssLayout, link: boolean, ext: number): void {
    const { core } = this;
    const { state } = core;
    if (layout === TSS32 && state.cr0 & CR0.PG) this.control.loadTaskCr3(BigInt(this.cr3 >>> 0));
    state.dr[7] &= ~DR7_LOCAL;
    state.debugChanged = true;
    const v86 = layout === TSS32 && (this.flags & FLAG.VM) !== 0;
    const flags = layout === TSS32 ? this.flags : (this.flags & 0xffff) | (core.eflags & ~0xffff & ~FLAG.VM);
    state.setFlags((flags & TASK_FLAGS) | (link ? FLAG.NT : 0) | 2);
    for (let i = 0; i < 8; i++) state.setReg32(i, this.registers[i]);
    // Until its descriptor is checked, a register holds its selector and is unusable.
    for (const [i, s] of SEGMENTS.entries()) {
      const selector = this.selectors[i];
      if (v86) state.loadSegmentCache(s, selector, selector << 4, 0xffff, V86_ATTR);
      else if (s !== CS) state.loadSegmentCache(s, selector, 0, 0, 0);
    }
    const cs = this.selectors[1];
    const cpl = v86 ? 3 : cs & 3;
    state.setCpl(cpl);
    if (!v86) state.loadSegmentCache(CS, cs, 0, 0xffffffff, ATTR.P | ATTR.S | 11 | (cpl << 5) | (layout === TSS32 ? ATTR.DB : 0));
    state.updateMode();
    core.setEip(layout === TSS32 ? this.ip : this.ip & 0xffff);
    this.loadLdt(ext);
    if (v86) return;
    this.loadSegments(cs, cpl, ext);
    if (this.ip >>> 0 > state.limit[CS]) throw generalProtection(ext);
  }

  private loadLdt(ext: number): void {
    const { core, segment } = this;
    const { ldtr } = core.state;
    Object.assign(ldtr, { selector: this.ldt, base: 0n, limit: 0, attr: 0 });
    if (isNull(this.ldt)) return;
    const error = (this.ldt & 0xfffc) | ext;
    if (this.ldt & 4) throw new GuestFault(VECTOR.TS, error);
    core.fetchOrFault(segment, this.ldt, VECTOR.TS, ext);
    if (segment.systemType !== SYSTEM.LDT || !segment.present) throw new GuestFault(VECTOR.TS, error);
    Object.assign(ldtr, { base: BigInt(segment.base), limit: segment.limit, attr: segment.attr });
  }

  /** SDM 3A table 7-1, from the stack on. */
  private loadSegments(cs: number, cpl: number, ext: number): void {
    const { core, segment: d, segments } = this;
    const { state } = core;
    const fail = (selector: number, vector: number = VECTOR.TS): GuestFault => new GuestFault(vector, (selector & 0xfffc) | ext);
    if (isNull(cs)) throw fail(cs);
    core.fetchOrFault(d, cs, VECTOR.TS, ext);
    if (!d.isCode || (d.isConforming ? d.dpl > cpl : d.dpl !== cpl)) throw fail(cs);
    if (!d.present) throw fail(cs, VECTOR.NP);
    core.setTypeBits(d, 1);
    state.loadSegmentCache(CS, cs, d.base, d.limit, d.attr);
    state.updateMode();
    core.setEip(this.ip);
    const ss = this.selectors[2];
    if (isNull(ss)) throw fail(ss);
    segments.checkStack(d, ss, cpl, VECTOR.TS, ext);
    core.setTypeBits(d, 1);
    segments.commit(SS, ss, d);
    state.updateMode();
    for (const s of [ES, DS, FS, GS] as const) {
      const selector = this.selectors[SEGMENTS.indexOf(s)];
      if (isNull(selector)) continue;
      core.fetchOrFault(d, selector, VECTOR.TS, ext);
      if (!d.isReadable || (!d.isConforming && (d.dpl < cpl || d.dpl < (selector & 3)))) throw fail(selector);
      if (!d.present) throw fail(selector, VECTOR.NP);
      core.setTypeBits(d, 1);
      segments.commit(s, selector, d);
    }
  }

  private pushError(size: number, errorCode: number): void {
    const { frame } = this;
    frame.useCurrent(size);
    frame.push(errorCode);
    frame.check();
    frame.write();
    frame.commitPointer();
  }
}

/** What a TSS's EFLAGS may set: all that is defined. */
const TASK_FLAGS = 0xd5 | FLAG.TF | FLAG.IF | FLAG.DF | FLAG.OF | FLAG.IOPL | FLAG.NT | FLAG.VM | FLAG.AC | FLAG.VIF | FLAG.VIP | FLAG.ID;
