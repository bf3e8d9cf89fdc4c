/** What the code of a region takes for granted, and the check of it when the region is entered. */
import { MXCSR_CONTROL, MXCSR_DEFAULT } from "../../cpu/helpers/sse-ops.ts";
import { STATE } from "../../cpu/layout.ts";
import type { FunctionBuilder } from "../wasm/function.ts";

export interface Assumptions {
  /** STATE.fpuGate bits that are clear. */
  fpuGate: number;
  /** MXCSR's control bits are the default. */
  mxcsr: boolean;
}

/** Leaves a value on the stack that is nonzero when one of them does not hold. `tlbBase`: the data TLB that the code is for. */
export function emitAssumptions(fb: FunctionBuilder, assumptions: Assumptions, tlbBase: number): void {
  const or = (): FunctionBuilder => fb.op("i32.or");
  fb.i32(0).mem("i32.load", STATE.tlbBase).i32(tlbBase).op("i32.ne");
  if (assumptions.fpuGate !== 0) fb.i32(0).mem("i32.load", STATE.fpuGate).i32(assumptions.fpuGate).op("i32.and").op("i32.or");
  if (assumptions.mxcsr) {
    fb.i32(0).mem("i32.load", STATE.mxcsr).i32(MXCSR_CONTROL).op("i32.and").i32(MXCSR_DEFAULT).op("i32.ne");
    or();
  }
}
