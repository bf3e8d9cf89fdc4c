/** SSE conversions between floats, doubles and signed integers, MMX ones included. SDM Vol. 2, CVTxxx. The environment: sse-float.ts. */
import { fixed, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import { kindOf, SSE_OP } from "../helpers/sse-ops.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import {
  all32, enterMmx, gate, isMmx, lane64, setMmx, shuffle, source128, source32, source64, splat64, sse, type Vec,
} from "./sse-common.ts";
import { callExact, constant, exactResult, hasNan, PD, PS, SD, type Shape, sourceFloat, special, SS } from "./sse-float.ts";

/** `fast`, or under a special MXCSR (or when `also` is nonzero) what the helper leaves where `get` reads. */
function otherwise(c: LiftContext, fast: Vec, op: number, kind: number, imm: number, a: Vec, read: (half: number) => Value, also: Value | null = null): Vec {
  const r = fast.map((v) => c.variable(v));
  const wanted = special(c);
  c.if(also === null ? wanted : c.emit("i32.or", [wanted, also]), () => {
    callExact(c, op, kind, c.i32(imm), [a]);
    r.forEach((v, half) => c.assign(v, read(half)));
  });
  return r.map((v) => c.read(v));
}
const exactVector = (c: LiftContext) => (half: number): Value => exactResult(c, "128", half);
/** Lanes 2 and 3 of 32 bits, where a promotion reads 0 and 1. */
const upperPair = (c: LiftContext, v: Value): Value => shuffle(c, 8, v, v, [1, 1]);
/** The low 64 bits of both. */
const joinLow = (c: LiftContext, low: Value, high: Value): Value => shuffle(c, 8, low, high, [0, 2]);

// --- Between float formats ------------------------------------------------------------------------------------------
/** CVTSS2SD, CVTSD2SS; `from` is the source's shape. */
export function scalarToScalar(c: LiftContext, from: Shape, a: Value): Value {
  const to = from.double ? SS : SD;
  const v = [c.emit(from.double ? "f32.demote_f64" : "f64.promote_f32", [a])];
  return otherwise(c, v, SSE_OP.convert, from.kind, 0, [a], () => exactResult(c, to.get), hasNan(c, to, v))[0];
}
const liftScalarToScalar = (from: Shape): Lifter => sse((c) => {
  const r = scalarToScalar(c, from, sourceFloat(c, 1, from));
  c.emit(`set.${from.double ? "f32" : "f64"}`, [r], { ref: c.ref(0) });
});
/** Singles from one or two halves of doubles, zeroes above two. */
export function toSingles(c: LiftContext, a: Vec): Value {
  const parts = a.map((x) => c.emit("f32x4.demote_f64x2_zero", [x]));
  const v = [parts.length === 1 ? parts[0] : joinLow(c, parts[0], parts[1])];
  return otherwise(c, v, SSE_OP.convert, kindOf(true, 2 * a.length), 0, a, exactVector(c), hasNan(c, PS, v))[0];
}
/** Doubles from the low two or (`halves` 2) all four singles. */
export function toDoubles(c: LiftContext, a: Value, halves: number): Vec {
  const v = [a, ...(halves === 2 ? [upperPair(c, a)] : [])].map((x) => c.emit("f64x2.promote_low_f32x4", [x]));
  return otherwise(c, v, SSE_OP.convert, kindOf(false, 2 * halves), 0, [a], exactVector(c), hasNan(c, PD, v));
}
const cvtpd2ps = sse((c) => {
  const a = source128(c, 1);
  c.set(128, c.ref(0), toSingles(c, [a]));
});
const cvtps2pd = sse((c) => {
  const a = splat64(c, source64(c, 1));
  c.set(128, c.ref(0), toDoubles(c, a, 1)[0]);
});

// --- To integers ----------------------------------------------------------------------------------------------------
/** CVTxx2SI: the saturating conversion is right but for NaN and positive overflow, where x86 gives the lowest integer. */
export function toInteger(c: LiftContext, s: Shape, a: Value, width: 32 | 64, truncate: boolean): Value {
  const rounded = truncate ? a : c.emit(`${s.prefix}.nearest`, [a]);
  const saturated = c.emit(`i${width}.trunc_sat_${s.prefix}_s`, [rounded]);
  const inside = c.emit(`${s.prefix}.lt`, [rounded, constant(c, s, 2 ** (width - 1))]);
  const v = c.select(inside, saturated, c.constant(width, -(2n ** BigInt(width - 1))));
  return otherwise(c, [v], width === 64 ? SSE_OP.toInt64 : SSE_OP.toInt32, s.kind, truncate ? 1 : 0, [a], () => c.get(width, fixed(STATE.ret)))[0];
}
export const floatToGpr = (s: Shape, truncate: boolean) => (c: LiftContext): void => {
  const a = sourceFloat(c, 1, s);
  const width = c.operand(0).width === 64 ? 64 : 32;
  c.setReg(width, c.ref(0), toInteger(c, s, a, width, truncate));
};

/** Packed: floats in one or two halves, or doubles into the low half with zeroes above two. `lanes` says how many count for exceptions. */
export function toIntegers(c: LiftContext, s: Shape, a: Vec, lanes: number, truncate: boolean): Vec {
  const parts = a.map((x) => {
    const rounded = truncate ? x : c.emit(`${s.prefix}.nearest`, [x]);
    const saturated = c.emit(s.double ? "i32x4.trunc_sat_f64x2_s_zero" : "i32x4.trunc_sat_f32x4_s", [rounded]);
    let inside = c.emit(`${s.prefix}.lt`, [rounded, constant(c, s, 2 ** 31)]);
    // One mask lane for two; the upper result lanes are zero, which "inside" keeps.
    if (s.double) inside = shuffle(c, 4, inside, all32(c, -1), [0, 2, 4, 4]);
    return c.emit("v128.bitselect", [saturated, all32(c, 0x80000000), inside]);
  });
  const v = s.double && parts.length === 2 ? [joinLow(c, parts[0], parts[1])] : parts;
  return otherwise(c, v, SSE_OP.toInt32, kindOf(s.double, lanes), truncate ? 1 : 0, a, exactVector(c));
}
const floatsToIntegers = (s: Shape, truncate: boolean): Lifter => sse((c) => {
  const a = source128(c, 1);
  c.set(128, c.ref(0), toIntegers(c, s, [a], s.lanes, truncate)[0]);
});
/** CVTPS2PI and the like: into an MMX register. Hardware enters MMX mode even when #XM follows. */
const floatsToMmx = (s: Shape, truncate: boolean): Lifter => (c) => {
  gate(c, 2);
  gate(c, 1);
  const a = s.double ? source128(c, 1) : splat64(c, source64(c, 1));
  enterMmx(c);
  setMmx(c, 0, lane64(c, toIntegers(c, s, [a], 2, truncate)[0], 0));
};

// --- From integers --------------------------------------------------------------------------------------------------
/** CVTSI2SS, CVTSI2SD of operand `i`. Only a 32-bit integer to double is always exact. */
export function gprToFloat(c: LiftContext, s: Shape, i: number): Value {
  const width = c.operand(i).width === 64 ? 64 : 32;
  const a = width === 64 ? source64(c, i) : source32(c, i);
  const v = c.emit(`${s.prefix}.convert_i${width}_s`, [a]);
  if (s.double && width === 32) return v;
  return otherwise(c, [v], width === 64 ? SSE_OP.fromInt64 : SSE_OP.fromInt32, s.kind, 0, [a], () => exactResult(c, s.get))[0];
}
const liftGprToFloat = (s: Shape): Lifter => sse((c) => {
  c.emit(`set.${s.get}`, [gprToFloat(c, s, 1)], { ref: c.ref(0) });
});
/** `lanes` of i32 to floats. */
export function fromIntegers(c: LiftContext, a: Vec, lanes: number): Vec {
  const v = a.map((x) => c.emit("f32x4.convert_i32x4_s", [x]));
  return otherwise(c, v, SSE_OP.fromInt32, kindOf(false, lanes), 0, a, exactVector(c));
}
/** The low two, or all four (`halves` 2), to doubles. Always exact. */
export const integersToDoubles = (c: LiftContext, a: Value, halves: number): Vec =>
  [a, ...(halves === 2 ? [upperPair(c, a)] : [])].map((x) => c.emit("f64x2.convert_low_i32x4_s", [x]));
const cvtdq2ps = sse((c) => {
  const a = source128(c, 1);
  c.set(128, c.ref(0), fromIntegers(c, [a], 4)[0]);
});
const cvtdq2pd = sse((c) => {
  const a = splat64(c, source64(c, 1));
  c.set(128, c.ref(0), integersToDoubles(c, a, 1)[0]);
});
/** CVTPI2PS writes the low half, CVTPI2PD all. With a memory operand they are no MMX instructions. */
const mmxToFloats = (double: boolean): Lifter => (c) => {
  gate(c, 2);
  const registers = isMmx(c, 1);
  if (registers) gate(c, 1);
  const a = splat64(c, source64(c, 1));
  if (registers) enterMmx(c);
  const v = double ? c.emit("f64x2.convert_low_i32x4_s", [a]) : fromIntegers(c, [a], 2)[0];
  if (double) c.set(128, c.ref(0), v);
  else c.set(64, c.ref(0), lane64(c, v, 0));
};

export const SSE_CONVERT: LifterTable = {
  cvtss2sd: liftScalarToScalar(SS), cvtsd2ss: liftScalarToScalar(SD), cvtpd2ps, cvtps2pd,
  cvtss2si: sse(floatToGpr(SS, false)), cvttss2si: sse(floatToGpr(SS, true)), cvtsd2si: sse(floatToGpr(SD, false)), cvttsd2si: sse(floatToGpr(SD, true)),
  cvtps2dq: floatsToIntegers(PS, false), cvttps2dq: floatsToIntegers(PS, true),
  cvtpd2dq: floatsToIntegers(PD, false), cvttpd2dq: floatsToIntegers(PD, true),
  cvtps2pi: floatsToMmx(PS, false), cvttps2pi: floatsToMmx(PS, true), cvtpd2pi: floatsToMmx(PD, false), cvttpd2pi: floatsToMmx(PD, true),
  cvtsi2ss: liftGprToFloat(SS), cvtsi2sd: liftGprToFloat(SD), cvtdq2ps, cvtdq2pd, cvtpi2ps: mmxToFloats(false), cvtpi2pd: mmxToFloats(true),
};
