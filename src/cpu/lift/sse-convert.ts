/** SSE conversions between floats, doubles and signed integers, MMX ones included. SDM Vol. 2, CVTxxx. The environment: sse-float.ts. */
import { fixed, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import { kindOf, SSE_OP } from "../helpers/sse-ops.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import {
  all32, enterMmx, gate, isMmx, lane64, setMmx, shuffle, source128, source32, source64, splat64, sse,
} from "./sse-common.ts";
import { callExact, constant, exactResult, hasNan, PD, PS, SD, type Shape, sourceFloat, special, SS } from "./sse-float.ts";

/** `fast`, or under a special MXCSR (or when `also` is nonzero) what the helper leaves where `get` reads. */
function otherwise(c: LiftContext, fast: Value, op: number, kind: number, imm: number, a: Value, read: () => Value, also: Value | null = null): Value {
  const r = c.variable(fast);
  const wanted = special(c);
  c.if(also === null ? wanted : c.emit("i32.or", [wanted, also]), () => {
    callExact(c, op, kind, c.i32(imm), a);
    c.assign(r, read());
  });
  return c.read(r);
}

// --- Between float formats ------------------------------------------------------------------------------------------
/** CVTSS2SD, CVTSD2SS; `from` is the source's shape. */
const scalarToScalar = (from: Shape): Lifter => sse((c) => {
  const a = sourceFloat(c, 1, from);
  const to = from.double ? SS : SD;
  const v = c.emit(from.double ? "f32.demote_f64" : "f64.promote_f32", [a]);
  const r = otherwise(c, v, SSE_OP.convert, from.kind, 0, a, () => exactResult(c, to.get), hasNan(c, to, v));
  c.emit(`set.${to.get}`, [r], { ref: c.ref(0) });
});
/** Two lanes: into the low ones with zeroes above (demotion), or from the low ones (promotion). */
export function convertPair(c: LiftContext, a: Value, fromDouble: boolean): Value {
  const v = c.emit(fromDouble ? "f32x4.demote_f64x2_zero" : "f64x2.promote_low_f32x4", [a]);
  return otherwise(c, v, SSE_OP.convert, kindOf(fromDouble, 2), 0, a, () => exactResult(c, "128"), hasNan(c, fromDouble ? PS : PD, v));
}
const cvtpd2ps = sse((c) => {
  const a = source128(c, 1);
  c.set(128, c.ref(0), convertPair(c, a, true));
});
const cvtps2pd = sse((c) => {
  const a = splat64(c, source64(c, 1));
  c.set(128, c.ref(0), convertPair(c, a, false));
});

// --- To integers ----------------------------------------------------------------------------------------------------
/** CVTxx2SI: the saturating conversion is right but for NaN and positive overflow, where x86 gives the lowest integer. */
export function toInteger(c: LiftContext, s: Shape, a: Value, width: 32 | 64, truncate: boolean): Value {
  const rounded = truncate ? a : c.emit(`${s.prefix}.nearest`, [a]);
  const saturated = c.emit(`i${width}.trunc_sat_${s.prefix}_s`, [rounded]);
  const inside = c.emit(`${s.prefix}.lt`, [rounded, constant(c, s, 2 ** (width - 1))]);
  const v = c.select(inside, saturated, c.constant(width, -(2n ** BigInt(width - 1))));
  return otherwise(c, v, width === 64 ? SSE_OP.toInt64 : SSE_OP.toInt32, s.kind, truncate ? 1 : 0, a, () => c.get(width, fixed(STATE.ret)));
}
const floatToGpr = (s: Shape, truncate: boolean): Lifter => sse((c) => {
  const a = sourceFloat(c, 1, s);
  const width = c.operand(0).width === 64 ? 64 : 32;
  c.setReg(width, c.ref(0), toInteger(c, s, a, width, truncate));
});

/** Packed: four floats, or two doubles into the low half with zeroes above. `lanes` says how many count for exceptions. */
export function toIntegers(c: LiftContext, s: Shape, a: Value, lanes: number, truncate: boolean): Value {
  const rounded = truncate ? a : c.emit(`${s.prefix}.nearest`, [a]);
  const saturated = c.emit(s.double ? "i32x4.trunc_sat_f64x2_s_zero" : "i32x4.trunc_sat_f32x4_s", [rounded]);
  let inside = c.emit(`${s.prefix}.lt`, [rounded, constant(c, s, 2 ** 31)]);
  // One mask lane for two; the upper result lanes are zero, which "inside" keeps.
  if (s.double) inside = shuffle(c, 4, inside, all32(c, -1), [0, 2, 4, 4]);
  const v = c.emit("v128.bitselect", [saturated, all32(c, 0x80000000), inside]);
  return otherwise(c, v, SSE_OP.toInt32, kindOf(s.double, lanes), truncate ? 1 : 0, a, () => exactResult(c, "128"));
}
const floatsToIntegers = (s: Shape, truncate: boolean): Lifter => sse((c) => {
  const a = source128(c, 1);
  c.set(128, c.ref(0), toIntegers(c, s, a, s.lanes, truncate));
});
/** CVTPS2PI and the like: into an MMX register. Hardware enters MMX mode even when #XM follows. */
const floatsToMmx = (s: Shape, truncate: boolean): Lifter => (c) => {
  gate(c, 2);
  gate(c, 1);
  const a = s.double ? source128(c, 1) : splat64(c, source64(c, 1));
  enterMmx(c);
  setMmx(c, 0, lane64(c, toIntegers(c, s, a, 2, truncate), 0));
};

// --- From integers --------------------------------------------------------------------------------------------------
/** CVTSI2SS, CVTSI2SD. Only a 32-bit integer to double is always exact. */
const gprToFloat = (s: Shape): Lifter => sse((c) => {
  const width = c.operand(1).width === 64 ? 64 : 32;
  const a = width === 64 ? source64(c, 1) : source32(c, 1);
  const v = c.emit(`${s.prefix}.convert_i${width}_s`, [a]);
  const exact = s.double && width === 32;
  const r = exact ? v : otherwise(c, v, width === 64 ? SSE_OP.fromInt64 : SSE_OP.fromInt32, s.kind, 0, a, () => exactResult(c, s.get));
  c.emit(`set.${s.get}`, [r], { ref: c.ref(0) });
});
/** `lanes` of i32 to floats. */
export function fromIntegers(c: LiftContext, a: Value, lanes: number): Value {
  const v = c.emit("f32x4.convert_i32x4_s", [a]);
  return otherwise(c, v, SSE_OP.fromInt32, kindOf(false, lanes), 0, a, () => exactResult(c, "128"));
}
const cvtdq2ps = sse((c) => {
  const a = source128(c, 1);
  c.set(128, c.ref(0), fromIntegers(c, a, 4));
});
const cvtdq2pd = sse((c) => {
  const a = splat64(c, source64(c, 1));
  c.set(128, c.ref(0), c.emit("f64x2.convert_low_i32x4_s", [a]));
});
/** CVTPI2PS writes the low half, CVTPI2PD all. With a memory operand they are no MMX instructions. */
const mmxToFloats = (double: boolean): Lifter => (c) => {
  gate(c, 2);
  const registers = isMmx(c, 1);
  if (registers) gate(c, 1);
  const a = splat64(c, source64(c, 1));
  if (registers) enterMmx(c);
  const v = double ? c.emit("f64x2.convert_low_i32x4_s", [a]) : fromIntegers(c, a, 2);
  if (double) c.set(128, c.ref(0), v);
  else c.set(64, c.ref(0), lane64(c, v, 0));
};

export const SSE_CONVERT: LifterTable = {
  cvtss2sd: scalarToScalar(SS), cvtsd2ss: scalarToScalar(SD), cvtpd2ps, cvtps2pd,
  cvtss2si: floatToGpr(SS, false), cvttss2si: floatToGpr(SS, true), cvtsd2si: floatToGpr(SD, false), cvttsd2si: floatToGpr(SD, true),
  cvtps2dq: floatsToIntegers(PS, false), cvttps2dq: floatsToIntegers(PS, true),
  cvtpd2dq: floatsToIntegers(PD, false), cvttpd2dq: floatsToIntegers(PD, true),
  cvtps2pi: floatsToMmx(PS, false), cvttps2pi: floatsToMmx(PS, true), cvtpd2pi: floatsToMmx(PD, false), cvttpd2pi: floatsToMmx(PD, true),
  cvtsi2ss: gprToFloat(SS), cvtsi2sd: gprToFloat(SD), cvtdq2ps, cvtdq2pd, cvtpi2ps: mmxToFloats(false), cvtpi2pd: mmxToFloats(true),
};
