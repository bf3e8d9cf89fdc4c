/** What all helpers share: the context, descriptors, and small pieces of state access. */
import { Breakpoints } from "../breakpoints.ts";
import type { CpuEnvironment } from "../env.ts";
import { GuestFault, generalProtection, undefinedOpcode, VECTOR } from "../fault.ts";
import { CS, FLAG, SEG_BASE, SEG_STRIDE, STATE } from "../layout.ts";
import type { Mmu } from "../mmu/mmu.ts";
import { ATTR, type CpuState, type SystemSegment } from "../state.ts";
import type { CpuModel } from "./model.ts";
import { LinearMemory } from "./memory.ts";

export interface HelperContext {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly env: CpuEnvironment;
  readonly model: CpuModel;
  /** An instruction that decodes but is not implemented was met: its ISA entry id. */
  countUnimplemented(entryId: number): void;
}

/** DR6 beside B0 to B3. SDM 3B §17.2.3. */
export const DR6 = { BD: 1 << 13, BS: 1 << 14, BT: 1 << 15 } as const;

/** System descriptor types, SDM 3A table 3-2. */
export const SYSTEM = { TSS16: 1, LDT: 2, TSS16_BUSY: 3, CALL16: 4, TASK_GATE: 5, INT16: 6, TRAP16: 7, TSS: 9, TSS_BUSY: 11, CALL: 12, INT: 14, TRAP: 15 } as const;

/** One 8-byte descriptor as it stands in its table, with accessors for its fields (SDM 3A §3.4.5). Reused, not allocated. */
export class Descriptor {
  lo = 0;
  hi = 0;
  /** Linear address. */
  atLo = 0;
  atHi = 0;

  get base(): number {
    return ((this.lo >>> 16) | ((this.hi & 0xff) << 16) | (this.hi & 0xff000000)) >>> 0;
  }
  /** In bytes, inclusive, unsigned. */
  get limit(): number {
    const l = (this.lo & 0xffff) | (this.hi & 0xf0000);
    return this.hi & 0x800000 ? ((l << 12) | 0xfff) >>> 0 : l;
  }
  /** In the form of CpuState.attr. */
  get attr(): number {
    return (this.hi >>> 8) & 0xf0ff;
  }
  get dpl(): number {
    return (this.hi >>> 13) & 3;
  }
  get present(): boolean {
    return (this.hi & 0x8000) !== 0;
  }
  /** System descriptor type, or -1 for a code or data segment. */
  get systemType(): number {
    return this.hi & 0x1000 ? -1 : (this.hi >>> 8) & 15;
  }
  get isCode(): boolean {
    return (this.hi & 0x1800) === 0x1800;
  }
  get isConforming(): boolean {
    return (this.hi & 0x1c00) === 0x1c00;
  }
  get isWritableData(): boolean {
    return (this.hi & 0x1a00) === 0x1200;
  }
  /** Data, or readable code. */
  get isReadable(): boolean {
    return (this.hi & 0x1000) !== 0 && ((this.hi & 0x800) === 0 || (this.hi & 0x200) !== 0);
  }
  /** L bit. */
  get long(): boolean {
    return (this.hi & 0x200000) !== 0;
  }
  /** D/B bit. */
  get big(): boolean {
    return (this.hi & 0x400000) !== 0;
  }
  // Gates, SDM 3A §5.8.3: the low half of the offset, selector, parameter count.
  get gateSelector(): number {
    return this.lo >>> 16;
  }
  get gateOffset(): number {
    return ((this.lo & 0xffff) | (this.hi & 0xffff0000)) >>> 0;
  }
}

export class Core {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly env: CpuEnvironment;
  readonly model: CpuModel;
  readonly memory: LinearMemory;
  readonly breakpoints: Breakpoints;
  /** Result of `addressIn`. */
  lo = 0;
  hi = 0;

  constructor(readonly context: HelperContext) {
    this.state = context.state;
    this.mmu = context.mmu;
    this.env = context.env;
    this.model = context.model;
    this.memory = new LinearMemory(this.state, this.mmu);
    this.breakpoints = new Breakpoints(this.state);
  }

  /** RFLAGS without the arithmetic flags. */
  get eflags(): number {
    return this.state.i32[STATE.eflags >> 2];
  }
  get iopl(): number {
    return (this.eflags >>> 12) & 3;
  }

  requireCpl0(): void {
    if (this.state.cpl !== 0) throw generalProtection();
  }
  /** #UD in real and virtual-8086 mode, where the instruction is not recognized. */
  requireProtected(): void {
    if (!this.state.protectedMode || this.state.v86) throw undefinedOpcode();
  }

  /** STATE.ret[n]. */
  setRet(n: number, lo: number, hi = 0): void {
    const i = (STATE.ret >> 2) + 2 * n;
    this.state.i32[i] = lo;
    this.state.i32[i + 1] = hi;
  }
  regLo(n: number): number {
    return this.state.i32[(STATE.gpr >> 2) + 2 * n];
  }
  regHi(n: number): number {
    return this.state.i32[(STATE.gpr >> 2) + 2 * n + 1];
  }
  setReg64(n: number, lo: number, hi: number): void {
    const i = (STATE.gpr >> 2) + 2 * n;
    this.state.i32[i] = lo;
    this.state.i32[i + 1] = hi;
  }
  get ripLo(): number {
    return this.state.i32[STATE.rip >> 2];
  }
  get ripHi(): number {
    return this.state.i32[(STATE.rip >> 2) + 1];
  }
  setRip(lo: number, hi: number): void {
    this.state.i32[STATE.rip >> 2] = lo;
    this.state.i32[(STATE.rip >> 2) + 1] = hi;
  }
  /** Sets STATE.rip to CS:eip outside 64-bit mode. */
  setEip(eip: number): void {
    this.setRip((this.segBaseLo(CS) + eip) | 0, 0);
  }
  segBaseLo(s: number): number {
    return this.state.i32[(STATE.seg + s * SEG_STRIDE + SEG_BASE) >> 2];
  }
  segBaseHi(s: number): number {
    return this.state.i32[((STATE.seg + s * SEG_STRIDE + SEG_BASE) >> 2) + 1];
  }
  setSegBase(s: number, lo: number, hi: number): void {
    const i = (STATE.seg + s * SEG_STRIDE + SEG_BASE) >> 2;
    this.state.i32[i] = lo;
    this.state.i32[i + 1] = hi;
  }
  /** Low half of the architectural instruction pointer for a linear address in the present CS. */
  ipOf(linearLo: number): number {
    return this.state.mode64 ? linearLo : (linearLo - this.segBaseLo(CS)) | 0;
  }

  /** Splits a bigint into halves without allocating: `lo` and `hi`. */
  split(value: bigint): void {
    this.state.u64[(STATE.ret >> 3) + 3] = value;
    this.lo = this.state.i32[(STATE.ret >> 2) + 6];
    this.hi = this.state.i32[(STATE.ret >> 2) + 7];
  }

  /** Linear address of byte `offset` (unsigned 32-bit) of a descriptor table or TSS, in `lo` and `hi`. */
  addressIn(table: SystemSegment, offset: number): void {
    this.split(table.base);
    const base = this.lo;
    this.lo = (base + offset) | 0;
    if (this.lo >>> 0 < base >>> 0) this.hi = (this.hi + 1) | 0;
  }

  /** Reads the descriptor that `selector` names. False when it is outside its table's limit. */
  fetch(d: Descriptor, selector: number): boolean {
    const table = selector & 4 ? this.state.ldtr : this.state.gdtr;
    const offset = selector & 0xfff8;
    if (offset + 7 > table.limit || (selector & 4 && !(table.attr & ATTR.P))) return false;
    this.addressIn(table, offset);
    d.atLo = this.lo;
    d.atHi = this.hi;
    const m = this.memory;
    const at = m.readable(this.lo, this.hi, 8, m.systemIndex());
    d.lo = m.get32(at);
    d.hi = m.get32(at + 4);
    return true;
  }

  /** `fetch` that raises `vector`(selector | ext) for a selector outside its table. */
  fetchOrFault(d: Descriptor, selector: number, vector: number = VECTOR.GP, ext = 0): void {
    if (!this.fetch(d, selector)) throw new GuestFault(vector, (selector & 0xfffc) | ext);
  }

  /** Second half of a 16-byte system descriptor (long mode): its low word; #GP(selector) outside the table or when its type is not 0. */
  fetchUpper(d: Descriptor, selector: number): number {
    const table = selector & 4 ? this.state.ldtr : this.state.gdtr;
    const offset = selector & 0xfff8;
    if (offset + 15 > table.limit) throw generalProtection(selector & 0xfffc);
    const lo = (d.atLo + 8) | 0;
    const hi = lo >>> 0 < d.atLo >>> 0 ? (d.atHi + 1) | 0 : d.atHi;
    const m = this.memory;
    const at = m.readable(lo, hi, 8, m.systemIndex());
    if (m.get32(at + 4) & 0x1f00) throw generalProtection(selector & 0xfffc);
    return m.get32(at);
  }

  /** Writes type bits back into the descriptor's byte 5: the accessed bit, or busy for a TSS. */
  setTypeBits(d: Descriptor, bits: number): void {
    const mask = bits << 8;
    if ((d.hi & mask) === mask) return;
    d.hi |= mask;
    const lo = (d.atLo + 4) | 0;
    const hi = lo >>> 0 < d.atLo >>> 0 ? (d.atHi + 1) | 0 : d.atHi;
    this.memory.write(lo, hi, 4, this.memory.systemIndex(), d.hi);
  }

  /** Clears type bits in the descriptor's byte 5: busy. */
  clearTypeBits(d: Descriptor, bits: number): void {
    d.hi &= ~(bits << 8);
    const lo = (d.atLo + 4) | 0;
    const hi = lo >>> 0 < d.atLo >>> 0 ? (d.atHi + 1) | 0 : d.atHi;
    this.memory.write(lo, hi, 4, this.memory.systemIndex(), d.hi);
  }

  /** Whether the run loop has work once interrupts are on: an interrupt is pending, or the trap flag is set. */
  wantsExit(): boolean {
    const f = this.eflags;
    return (f & FLAG.TF) !== 0 || ((f & FLAG.IF) !== 0 && this.env.interruptPending());
  }
  /** For helpers that return STATUS.jump: makes `run` leave before the next instruction. */
  stopSoon(): void {
    this.state.i32[STATE.limit >> 2] = 0;
  }
}

/** Null selectors have index 0 in the GDT. */
export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;
