/** All lifters, and lifting one form to IR. */
import type { Node } from "../ir/ir.ts";
import { AVX_FLOAT } from "./avx-float.ts";
import { AVX_FMA } from "./avx-fma.ts";
import { AVX_INT } from "./avx-int.ts";
import { AVX_MASKED } from "./avx-masked.ts";
import { AVX_MOVE } from "./avx-move.ts";
import { AVX_PERMUTE } from "./avx-permute.ts";
import { AVX_STRING } from "./avx-string.ts";
import { BMI } from "./bmi.ts";
import { ALU } from "./alu.ts";
import { CONTROL } from "./control.ts";
import type { LiftContext } from "./context.ts";
import { liftName } from "./form.ts";
import { MOVE } from "./move.ts";
import { MULDIV } from "./muldiv.ts";
import type { LifterTable } from "./registry.ts";
import { SHIFT } from "./shift.ts";
import { SSE_CONVERT } from "./sse-convert.ts";
import { SSE_FLOAT } from "./sse-float.ts";
import { SSE_INT } from "./sse-int.ts";
import { SSE_MOVE } from "./sse-move.ts";
import { SSE_SHUFFLE } from "./sse-shuffle.ts";
import { SSE_STRING } from "./sse-string.ts";
import { STRING } from "./string.ts";
import { SYSTEM } from "./system.ts";
import { SYSTEM_CALLS } from "./system-calls.ts";
import { X87 } from "./x87.ts";

export const LIFTERS: LifterTable = {
  ...ALU, ...SHIFT, ...MULDIV, ...MOVE, ...CONTROL, ...STRING, ...SYSTEM, ...SYSTEM_CALLS,
  ...SSE_MOVE, ...SSE_INT, ...SSE_SHUFFLE, ...SSE_FLOAT, ...SSE_CONVERT, ...SSE_STRING, ...X87,
  ...BMI, ...AVX_MOVE, ...AVX_INT, ...AVX_PERMUTE, ...AVX_FLOAT, ...AVX_FMA, ...AVX_MASKED, ...AVX_STRING,
};

/** The IR of a form; what has no lifter raises #UD in the guest and is counted. */
export function lift(c: LiftContext): Node[] {
  const lifter = LIFTERS[liftName(c.form.entry)];
  if (lifter === undefined) c.unimplemented();
  else lifter(c);
  return c.finish();
}
