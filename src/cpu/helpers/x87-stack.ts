/** The x87 register stack over the state block: physical registers, tags, TOP, status and control words. SDM Vol. 1 §8.1. */
import { STATE } from "../layout.ts";
import type { CpuState } from "../state.ts";
import type { Extended } from "./x87-round.ts";
import { SW } from "./x87-ops.ts";

export interface FerrPin {
  waits(): boolean;
  raised(): void;
}

export class X87Stack {
  ferr: FerrPin | null = null;
  constructor(readonly state: CpuState) {}

  get cw(): number {
    return this.state.i32[STATE.fpuCw >> 2];
  }
  get sw(): number {
    return this.state.i32[STATE.fpuSw >> 2];
  }
  get top(): number {
    return this.state.i32[STATE.fpuTop >> 2];
  }
  set top(n: number) {
    this.state.i32[STATE.fpuTop >> 2] = n & 7;
  }
  physical(i: number): number {
    return (this.state.i32[STATE.fpuTop >> 2] + i) & 7;
  }
  isEmpty(i: number): boolean {
    return ((this.state.i32[STATE.fpuTag >> 2] >> (2 * this.physical(i))) & 3) === 3;
  }
  setEmpty(i: number): void {
    this.state.i32[STATE.fpuTag >> 2] |= 3 << (2 * this.physical(i));
  }
  /** Copies ST(i). */
  read(i: number, to: Extended): void {
    const { u32 } = this.state;
    const at = (STATE.fpr + 16 * this.physical(i)) >> 2;
    to.lo = u32[at];
    to.hi = u32[at + 1];
    to.se = u32[at + 2] & 0xffff;
  }
  /** Writes ST(i) and marks it used: the class that tags tell besides "empty" follows from the contents (fpstate.ts, fullTags). */
  write(i: number, v: Extended): void {
    const { i32 } = this.state;
    const p = this.physical(i);
    const at = (STATE.fpr + 16 * p) >> 2;
    i32[at] = v.lo;
    i32[at + 1] = v.hi;
    i32[at + 2] = v.se;
    i32[at + 3] = 0;
    i32[STATE.fpuTag >> 2] &= ~(3 << (2 * p));
  }
  pop(): void {
    this.setEmpty(0);
    this.top = this.top + 1;
  }
  push(v: Extended): void {
    this.top = this.top - 1;
    this.write(0, v);
  }

  /** Unmasked exceptions that stand in the status word. */
  get pending(): boolean {
    return (this.sw & ~this.cw & 0x3f) !== 0;
  }
  /** Sets the status word, with error summary and busy as control and status say. */
  setStatus(sw: number): void {
    const clean = sw & ~(SW.ES | SW.B | 0x3800);
    if (clean & ~this.cw & 0x3f && !this.pending) this.ferr?.raised();
    this.state.i32[STATE.fpuSw >> 2] = clean & ~this.cw & 0x3f ? clean | SW.ES | SW.B : clean;
  }
}
