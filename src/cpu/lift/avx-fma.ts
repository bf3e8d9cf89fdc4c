/**
 * FMA3: a * b + c rounded once. The IR's fma computes it under the default environment; NaNs, MXCSR's other settings and extreme doubles go
 * to the exact helper, as in sse-float.ts. SDM Vol. 1 §14.5, Vol. 2, VFMADDxxx.
 */
import type { Value } from "../ir/ir.ts";
import { FMA_NEGATE, SSE_OP } from "../helpers/sse-ops.ts";
import { avx, readVec, registerVec, setVec } from "./avx-common.ts";
import { setScalar } from "./avx-float.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import { v32, v64, type Vec } from "./sse-common.ts";
import { getFloat, hasNan, orExact, PD, PS, SD, type Shape, sourceFloat, SS } from "./sse-float.ts";

/** `negate`: FMA_NEGATE. */
export function fused(c: LiftContext, s: Shape, a: Vec, b: Vec, addend: Vec, negate: number): Vec {
  const vector = (v: Value): Value => (s.packed ? v : c.emit(s.double ? "f64x2.splat" : "f32x4.splat", [v]));
  const signs = (even: boolean, odd: boolean): Value => {
    const lane = (i: number): boolean => (i & 1 ? odd : even);
    return s.double ? v64(c, [0, 1].map((i) => (lane(i) ? 1n << 63n : 0n))) : v32(c, [0, 1, 2, 3].map((i) => (lane(i) ? 0x80000000 : 0)));
  };
  const flip = (v: Value, even: boolean, odd: boolean): Value => (even || odd ? c.emit("v128.xor", [v, signs(even, odd)]) : v);
  const product = (negate & FMA_NEGATE.product) !== 0;
  const r = a.map((x, h) => {
    const v = c.emit(s.double ? "f64x2.fma" : "f32x4.fma", [
      flip(vector(x), product, product), vector(b[h]), flip(vector(addend[h]), (negate & FMA_NEGATE.even) !== 0, (negate & FMA_NEGATE.odd) !== 0),
    ]);
    return s.packed ? v : c.emit(s.double ? "f64x2.extract_lane" : "f32x4.extract_lane", [v]);
  });
  return orExact(c, s, r, hasNan(c, s, r), { op: SSE_OP.fma, imm: c.i32(negate), operands: [a, b, addend] });
}

/** Which operands are factors and which the addend: the digits of the mnemonic. */
const ORDERS = { 132: [0, 2, 1], 213: [1, 0, 2], 231: [1, 2, 0] } as const;
const { product, even, odd } = FMA_NEGATE;
const KINDS = { fmadd: 0, fmsub: even | odd, fnmadd: product, fnmsub: product | even | odd, fmaddsub: even, fmsubadd: odd };

const lift = (s: Shape, order: readonly number[], negate: number): Lifter => avx((c) => {
  const memory = s.packed ? readVec(c, 2) : [sourceFloat(c, 2, s)];
  const operands = [0, 1].map((i) => (s.packed ? registerVec(c, i) : [getFloat(c, i, s)]));
  operands.push([...memory]);
  const [a, b, addend] = order.map((i) => operands[i]);
  const v = fused(c, s, a, b, addend, negate);
  if (s.packed) setVec(c, 0, v);
  else setScalar(c, s, v[0], 0);
});

const table: Record<string, Lifter> = {};
for (const [kind, negate] of Object.entries(KINDS)) {
  for (const [digits, order] of Object.entries(ORDERS)) {
    for (const [suffix, s] of Object.entries({ ps: PS, pd: PD, ss: SS, sd: SD })) {
      if (s.packed || !kind.includes("sub") || kind.length < 7) table[`v${kind}${digits}${suffix}`] = lift(s, order, negate);
    }
  }
}
export const AVX_FMA: LifterTable = table;
