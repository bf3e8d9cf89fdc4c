/** The guest stack as far transfers use it: pushes that happen all or not at all, and pops that move RSP only at the end. */
import { GuestFault, VECTOR } from "../fault.ts";
import { SEG_MAX_WRITE, SEG_MIN, SEG_STRIDE, SS, STATE } from "../layout.ts";
import { ATTR } from "../state.ts";
import { type Core, type Descriptor } from "./core.ts";

const RSP = 4;
const MAX_WORDS = 64;

/** A run of pushes. `useCurrent` or `useNew`, then `push`es, then `check`, then `write`: nothing changes before `write`. */
export class PushFrame {
  private readonly values = new Int32Array(MAX_WORDS);
  private readonly uppers = new Int32Array(MAX_WORDS);
  private readonly lows = new Int32Array(MAX_WORDS);
  private readonly highs = new Int32Array(MAX_WORDS);
  private count = 0;
  private size = 4;
  private spLo = 0;
  private spHi = 0;
  private wide = false;
  private mask = -1;
  private base = 0;
  private min = 0;
  private max = 0xffffffff;
  private index = 0;
  private errorCode = 0;

  constructor(private readonly core: Core) {}

  /** Pushes `size` bytes each on the present stack. */
  useCurrent(size: number): void {
    const { state } = this.core;
    this.begin(size, this.core.regLo(RSP), this.core.regHi(RSP), this.core.memory.index(), 0);
    this.wide = state.mode64;
    this.mask = state.u32[STATE.spMask >> 2] | 0;
    this.base = this.core.segBaseLo(SS);
    const at = (STATE.seg + SS * SEG_STRIDE) >> 2;
    this.min = state.i32[at + (SEG_MIN >> 2) + 1] ? Infinity : state.u32[at + (SEG_MIN >> 2)];
    this.max = state.u32[at + (SEG_MAX_WRITE >> 2)];
  }

  /** Pushes on another stack segment at esp, at privilege level `cpl`; #SS(errorCode) where it has no room. */
  useSegment(size: number, ss: Descriptor, esp: number, cpl: number, errorCode: number): void {
    this.begin(size, esp, 0, this.core.memory.indexAt(cpl), errorCode);
    this.wide = false;
    this.mask = ss.big ? -1 : 0xffff;
    this.base = ss.base;
    const down = (ss.hi & 0x400) !== 0;
    this.min = down ? ss.limit + 1 : 0;
    this.max = down ? (ss.big ? 0xffffffff : 0xffff) : ss.limit;
  }

  /** Pushes on a 64-bit stack, without segment. */
  use64(size: number, lo: number, hi: number, cpl: number, errorCode: number): void {
    this.begin(size, lo, hi, this.core.memory.indexAt(cpl), errorCode);
    this.wide = true;
  }

  private begin(size: number, lo: number, hi: number, index: number, errorCode: number): void {
    this.count = 0;
    this.size = size;
    this.spLo = lo;
    this.spHi = hi;
    this.index = index;
    this.errorCode = errorCode;
  }

  push(value: number, upper = 0): void {
    this.values[this.count] = value;
    this.uppers[this.count] = upper;
    this.count++;
  }

  /** Raises what the pushes would raise. */
  check(): void {
    const m = this.core.memory;
    let lo = this.spLo;
    let hi = this.spHi;
    for (let i = 0; i < this.count; i++) {
      const next = (lo - this.size) | 0;
      if (next >>> 0 > lo >>> 0) hi = (hi - 1) | 0;
      lo = next;
      if (this.wide) {
        if (!m.canonical(hi)) throw new GuestFault(VECTOR.SS, this.errorCode);
        this.lows[i] = lo;
        this.highs[i] = hi;
      } else {
        const offset = (lo & this.mask) >>> 0;
        if (offset < this.min || offset + this.size - 1 > this.max) throw new GuestFault(VECTOR.SS, this.errorCode);
        this.lows[i] = (this.base + offset) | 0;
        this.highs[i] = 0;
      }
      m.probeWrite(this.lows[i], this.highs[i], this.size, this.index);
    }
    this.spLo = lo;
    this.spHi = hi;
  }

  /** Writes the frame; RSP is set by `commitPointer`. */
  write(): void {
    const m = this.core.memory;
    for (let i = 0; i < this.count; i++) m.write(this.lows[i], this.highs[i], this.size, this.index, this.values[i], this.uppers[i]);
  }

  /** Sets rSP. Its upper part stays outside a 16-bit stack's pointer. */
  commitPointer(): void {
    const { core } = this;
    if (this.wide) core.setReg64(RSP, this.spLo, this.spHi);
    else if (this.mask === -1) core.setReg64(RSP, this.spLo, 0);
    else core.setReg64(RSP, (core.regLo(RSP) & ~this.mask) | (this.spLo & this.mask), core.regHi(RSP));
  }
}

/** Pops from the present stack; RSP moves at `commit`. */
export class PopReader {
  private lo = 0;
  private hiHalf = 0;
  /** Upper half of the last value. */
  hi = 0;

  constructor(private readonly core: Core) {}

  begin(): void {
    this.lo = this.core.regLo(RSP);
    this.hiHalf = this.core.regHi(RSP);
  }

  pop(size: number): number {
    const { core } = this;
    const { state, memory } = core;
    let linearLo = this.lo;
    let linearHi = this.hiHalf;
    if (state.mode64) memory.requireStackCanonical(linearHi);
    else {
      const offset = (this.lo & state.i32[STATE.spMask >> 2]) >>> 0;
      const at = (STATE.seg + SS * SEG_STRIDE) >> 2;
      const min = state.i32[at + (SEG_MIN >> 2) + 1] ? Infinity : state.u32[at + (SEG_MIN >> 2)];
      // A stack segment is writable, so both maxima are equal.
      if (offset < min || offset + size - 1 > state.u32[at + (SEG_MAX_WRITE >> 2)]) throw new GuestFault(VECTOR.SS, 0);
      linearLo = (core.segBaseLo(SS) + offset) | 0;
      linearHi = 0;
    }
    const value = memory.read(linearLo, linearHi, size, memory.index());
    this.hi = memory.hi;
    this.skip(size);
    return value;
  }

  /** Moves past `bytes` without reading. */
  skip(bytes: number): void {
    const next = (this.lo + bytes) | 0;
    if (next >>> 0 < this.lo >>> 0) this.hiHalf = (this.hiHalf + 1) | 0;
    this.lo = next;
  }

  /** Sets rSP behind what was popped. Call before SS changes. */
  commit(): void {
    const { core } = this;
    if (core.state.mode64) core.setReg64(RSP, this.lo, this.hiHalf);
    else {
      const mask = core.state.i32[STATE.spMask >> 2];
      core.setReg64(RSP, (core.regLo(RSP) & ~mask) | (this.lo & mask), mask === -1 ? 0 : core.regHi(RSP));
    }
  }
}

/** Sets rSP of the stack segment now in SS (outside 64-bit mode: only SP when SS.B is clear). */
export function setStackPointer(core: Core, lo: number, hi: number): void {
  const { state } = core;
  if (state.mode64) core.setReg64(RSP, lo, hi);
  else if (state.attr[SS] & ATTR.DB) core.setReg64(RSP, lo, 0);
  else core.setReg64(RSP, (core.regLo(RSP) & ~0xffff) | (lo & 0xffff), core.regHi(RSP));
}
