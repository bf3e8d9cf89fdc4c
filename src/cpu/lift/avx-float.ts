/** AVX floating-point arithmetic, comparison, rounding and conversion: the cores of sse-float.ts and sse-convert.ts on halves. F16C. */
import type { Value } from "../ir/ir.ts";
import { kindOf, SSE_OP } from "../helpers/sse-ops.ts";
import { avx, clearUpper, halvesOf, readVec, registerVec, setVec, unary, vector1, vector2 } from "./avx-common.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import { imm8, lane32, lane64, source32, source64, splat32, splat64, bits, type Vec } from "./sse-common.ts";
import { floatToGpr, fromIntegers, gprToFloat, integersToDoubles, scalarToScalar, toDoubles, toIntegers, toSingles } from "./sse-convert.ts";
import {
  addsub, approximate, arithmetic, callExact, compare, compareFlags, dotProduct, exactResult, extreme, type FloatBinary, getFloat, horizontal, PD, PS, round, SD,
  type Shape, sourceFloat, squareRoot, SS,
} from "./sse-float.ts";

/** A scalar result: the rest of the low 128 bits comes from operand `from`. */
export function setScalar(c: LiftContext, s: Shape, v: Value, from = 1): void {
  const rest = c.get(128, c.ref(from));
  c.set(128, c.ref(0), c.emit(s.double ? "f64x2.replace_lane" : "f32x4.replace_lane", [rest, v]));
  clearUpper(c, 0);
}

const lift2 = (s: Shape, op: FloatBinary): Lifter => (s.packed ? vector2((c, a, b) => op(c, s, a, b)) : avx((c) => {
  const b = sourceFloat(c, 2, s);
  setScalar(c, s, op(c, s, [getFloat(c, 1, s)], [b])[0]);
}));
const liftRoot = (s: Shape): Lifter => (s.packed ? vector1((c, a) => squareRoot(c, s, a)) : avx((c) => {
  setScalar(c, s, squareRoot(c, s, [sourceFloat(c, 2, s)])[0]);
}));
const liftRound = (s: Shape): Lifter => (s.packed ? vector1((c, a) => round(c, s, a, imm8(c))) : avx((c) => {
  const a = sourceFloat(c, 2, s);
  setScalar(c, s, round(c, s, [a], imm8(c))[0]);
}));
const liftDot = (s: Shape): Lifter => vector2((c, a, b) => dotProduct(c, s, a, b, imm8(c)));

const predicate = (c: LiftContext): Value => bits(c, c.immediate(32), 0, 31);
const liftCompare = (s: Shape): Lifter => (s.packed ? vector2((c, a, b) => compare(c, s, a, b, predicate(c))) : avx((c) => {
  const b = c.isMem(2) ? c.emit(s.double ? "f64x2.splat" : "f32x4.splat", [sourceFloat(c, 2, s)]) : c.get(128, c.ref(2));
  const a = c.get(128, c.ref(1));
  const [v] = compare(c, s, [a], [b], predicate(c));
  c.set(128, c.ref(0), s.double
    ? c.emit("i64x2.replace_lane", [a, lane64(c, v, 0)])
    : c.emit("i32x4.replace_lane", [a, lane32(c, v, 0)]));
  clearUpper(c, 0);
}));

const liftApproximate = (root: boolean): Lifter => avx((c) => {
  const a = c.isMem(2) ? splat32(c, source32(c, 2)) : c.get(128, c.ref(2));
  setScalar(c, SS, c.emit("f32x4.extract_lane", [approximate(c, root, a)]));
});

// --- Conversions ----------------------------------------------------------------------------------------------------
const scalarConvert = (from: Shape): Lifter => avx((c) => {
  const a = sourceFloat(c, 2, from);
  setScalar(c, from.double ? SS : SD, scalarToScalar(c, from, a));
});
const fromGpr = (s: Shape): Lifter => avx((c) => setScalar(c, s, gprToFloat(c, s, 2)));
/** The low 64 bits, or all 128 where operand 0 is twice as wide. */
const narrowSource = (c: LiftContext): Value => (halvesOf(c, 0) === 2 ? readVec(c, 1)[0] : splat64(c, source64(c, 1)));
const widen = (op: (c: LiftContext, a: Value, halves: number) => Vec): Lifter => avx((c) => setVec(c, 0, op(c, narrowSource(c), halvesOf(c, 0))));
const integers = (s: Shape, truncate: boolean): Lifter => vector1((c, a) => toIntegers(c, s, a, s.lanes * a.length, truncate));

/** F16C always takes the exact helper. */
const fromHalf = avx((c) => {
  const halves = halvesOf(c, 0);
  callExact(c, SSE_OP.fromHalf, kindOf(false, 4 * halves), c.i32(0), [[narrowSource(c)]]);
  setVec(c, 0, Array.from({ length: halves }, (_, h) => exactResult(c, "128", h)));
});
/** Four or eight singles of operand 1 to 64 or 128 bits. A fault of the store comes after the exceptions. */
const toHalf = avx((c) => {
  const a = registerVec(c, 1);
  callExact(c, SSE_OP.toHalf, kindOf(false, 4 * a.length), imm8(c), [a]);
  const v = exactResult(c, "128");
  if (!c.isMem(0)) setVec(c, 0, [v]);
  else if (a.length === 2) c.store(128, c.address(16, true), v);
  else c.store(64, c.address(8, true), lane64(c, v, 0));
});

const table: Record<string, Lifter> = {};
for (const [suffix, s] of Object.entries({ ss: SS, sd: SD, ps: PS, pd: PD })) {
  for (const name of ["add", "sub", "mul", "div"] as const) table[`v${name}${suffix}`] = lift2(s, arithmetic(name));
  for (const name of ["min", "max"] as const) table[`v${name}${suffix}`] = lift2(s, extreme(name));
  table[`vsqrt${suffix}`] = liftRoot(s);
  table[`vround${suffix}`] = liftRound(s);
  table[`vcmp${suffix}`] = liftCompare(s);
  if (s.packed) {
    table[`vhadd${suffix}`] = lift2(s, horizontal("add"));
    table[`vhsub${suffix}`] = lift2(s, horizontal("sub"));
    table[`vaddsub${suffix}`] = lift2(s, addsub);
    table[`vdp${suffix}`] = liftDot(s);
  } else {
    table[`vcomi${suffix}`] = avx(compareFlags(s, SSE_OP.comi));
    table[`vucomi${suffix}`] = avx(compareFlags(s, SSE_OP.ucomi));
    table[`vcvt${suffix}2si`] = avx(floatToGpr(s, false));
    table[`vcvtt${suffix}2si`] = avx(floatToGpr(s, true));
    table[`vcvtsi2${suffix}`] = fromGpr(s);
  }
}

export const AVX_FLOAT: LifterTable = {
  ...table,
  vrcpps: unary((c, a) => approximate(c, false, a)), vrsqrtps: unary((c, a) => approximate(c, true, a)),
  vrcpss: liftApproximate(false), vrsqrtss: liftApproximate(true),
  vcvtss2sd: scalarConvert(SS), vcvtsd2ss: scalarConvert(SD),
  vcvtps2pd: widen(toDoubles), vcvtdq2pd: widen(integersToDoubles),
  vcvtpd2ps: vector1((c, a) => [toSingles(c, a)]), vcvtdq2ps: vector1((c, a) => fromIntegers(c, a, 4 * a.length)),
  vcvtps2dq: integers(PS, false), vcvttps2dq: integers(PS, true), vcvtpd2dq: integers(PD, false), vcvttpd2dq: integers(PD, true),
  vcvtph2ps: fromHalf, vcvtps2ph: toHalf,
};
