/**
 * SSE floating-point arithmetic, comparison and rounding. SDM Vol. 1 §11.5, §4.8.3.5; Vol. 2.
 *
 * Each operation is Wasm's own under the default environment: round to nearest, everything masked, no DAZ and no FTZ. One
 * cold branch behind it takes the exact helper (`sseArith`, helpers/sse.ts) when MXCSR's control bits are others, or when
 * the result is a NaN, whose bits x86 prescribes and Wasm leaves open. The helper computes every rounding mode, DAZ, FTZ, unmasked
 * exceptions (#XM) and the sticky flags exactly.
 *
 * Sticky flags in the default environment: IE is exact for arithmetic (its results are NaNs); DE, ZE, OE, UE and PE
 * stay as they are, and so does IE of comparisons and conversions to integers. A program that clears the flags itself (LDMXCSR
 * at CPL 3 with none set: feclearexcept) may read them: its address space gets MXCSR_EXACT (helpers/fpstate.ts), and all of its
 * arithmetic goes through the helper from then on. Regions assume it clear, so such a program stays in tier 0.
 */
import { fixed, plus, type Ref, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import { kindOf, MXCSR_CONTROL, MXCSR_DEFAULT, PREDICATES, SSE_OP, STAGE } from "../helpers/sse-ops.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import {
  all32, all8, bits, imm8, IOTA, known, lane32, lane64, shuffle, source128, source32, source64, splat32, splat8, sse, v8, type Vec, zero128,
} from "./sse-common.ts";

/** Scalar or packed, single or double: what the four suffixes of a mnemonic mean. */
export interface Shape {
  readonly double: boolean;
  readonly packed: boolean;
  readonly lanes: number;
  /** Wasm's prefix. */
  readonly prefix: "f32" | "f64" | "f32x4" | "f64x2";
  readonly get: "f32" | "f64" | "128";
  readonly kind: number;
}
const shapeOf = (double: boolean, packed: boolean): Shape => {
  const lanes = packed ? (double ? 2 : 4) : 1;
  const scalar = double ? "f64" : "f32";
  return { double, packed, lanes, prefix: packed ? (double ? "f64x2" : "f32x4") : scalar, get: packed ? "128" : scalar, kind: kindOf(double, lanes) };
};
export const SS = shapeOf(false, false), SD = shapeOf(true, false), PS = shapeOf(false, true), PD = shapeOf(true, true);
const SUFFIXES = { ss: SS, sd: SD, ps: PS, pd: PD } as const;

// --- Operands -------------------------------------------------------------------------------------------------------
export function sourceFloat(c: LiftContext, i: number, s: Shape): Value {
  if (s.packed) return source128(c, i);
  if (!c.isMem(i)) return c.emit(`get.${s.get}`, [], { ref: c.ref(i) });
  return s.double ? c.emit("f64.reinterpret_i64", [source64(c, i)]) : c.emit("f32.reinterpret_i32", [source32(c, i)]);
}
export const getFloat = (c: LiftContext, i: number, s: Shape): Value => c.emit(`get.${s.get}`, [], { ref: c.ref(i) });
/** Writes the low lane, or all of an XMM register. */
export const setFloat = (c: LiftContext, i: number, s: Shape, v: Value): void => void c.emit(`set.${s.get}`, [v], { ref: c.ref(i) });
/** A constant in every lane. */
export function constant(c: LiftContext, s: Shape, v: number): Value {
  const scalar = c.emit(s.double ? "f64.const" : "f32.const", [], { imm: v });
  return s.packed ? c.emit(`${s.prefix}.splat`, [scalar]) : scalar;
}

// --- The exact helper -----------------------------------------------------------------------------------------------
/** Nonzero when MXCSR asks for more than Wasm does. */
export function special(c: LiftContext): Value {
  const control = c.emit("i32.and", [c.get(32, fixed(STATE.mxcsr)), c.i32(MXCSR_CONTROL)]);
  return c.emit("i32.ne", [control, c.i32(MXCSR_DEFAULT)]);
}
const stage = (c: LiftContext, vector: Vec, ref: Ref): void => {
  vector.forEach((v, half) => {
    const width = { i32: "32", i64: "64", f32: "f32", f64: "f64", v128: "128" }[v.type ?? "i32"];
    c.emit(`set.${width}`, [v], { ref: plus(ref, 16 * half) });
  });
};
/** Up to three operands. */
export function callExact(c: LiftContext, op: number, kind: number, imm: Value, operands: readonly Vec[]): void {
  operands.forEach((v, i) => stage(c, v, fixed([STAGE.a, STAGE.b, STAGE.c][i])));
  c.call("sseArith", c.i32(op), c.i32(kind), imm);
}
export const exactResult = (c: LiftContext, get: string, half = 0): Value => c.emit(`get.${get}`, [], { ref: fixed(STAGE.result + 16 * half) });

/** Nonzero where a lane of `v` is a NaN. */
export function hasNan(c: LiftContext, s: Shape, vector: Vec): Value {
  return vector.map((v) => {
    const differs = c.emit(`${s.prefix}.ne`, [v, v]);
    return s.packed ? c.emit(s.double ? "i64x2.bitmask" : "i32x4.bitmask", [differs]) : differs;
  }).reduce((x, y) => c.emit("i32.or", [x, y]));
}

interface Exact {
  readonly op: number;
  readonly imm?: Value;
  readonly operands: readonly Vec[];
}
/** `fast`, or the helper's result where `fast` is a NaN (`nan`) or MXCSR is special. */
export function orExact(c: LiftContext, s: Shape, fast: Vec, nan: Value | null, e: Exact): Vec {
  const r = fast.map((v) => c.variable(v));
  const wanted = special(c);
  c.if(nan === null ? wanted : c.emit("i32.or", [nan, wanted]), () => {
    callExact(c, e.op, kindOf(s.double, s.lanes * fast.length), e.imm ?? c.i32(0), e.operands);
    r.forEach((v, half) => c.assign(v, exactResult(c, s.get, half)));
  });
  return r.map((v) => c.read(v));
}

// --- Arithmetic -----------------------------------------------------------------------------------------------------
/** On one or two halves at once: exceptions are those of the whole vector. */
export type FloatBinary = (c: LiftContext, s: Shape, a: Vec, b: Vec) => Vec;

export const arithmetic = (name: "add" | "sub" | "mul" | "div"): FloatBinary => (c, s, a, b) => {
  const v = a.map((x, h) => c.emit(`${s.prefix}.${name}`, [x, b[h]]));
  return orExact(c, s, v, hasNan(c, s, v), { op: SSE_OP[name], operands: [a, b] });
};
/** The second operand wins unless the first is less (greater): also for NaNs and two zeroes. Wasm's pmin(x, y) is y < x ? y : x. */
export const extreme = (name: "min" | "max"): FloatBinary => (c, s, a, b) => {
  const v = a.map((x, h) => (s.packed
    ? c.emit(`${s.prefix}.p${name}`, [b[h], x])
    : c.select(c.emit(`${s.prefix}.${name === "min" ? "lt" : "gt"}`, [x, b[h]]), x, b[h])));
  return orExact(c, s, v, null, { op: SSE_OP[name], operands: [a, b] });
};
export const squareRoot = (c: LiftContext, s: Shape, a: Vec): Vec => {
  const v = a.map((x) => c.emit(`${s.prefix}.sqrt`, [x]));
  return orExact(c, s, v, hasNan(c, s, v), { op: SSE_OP.sqrt, operands: [a] });
};

const lift2 = (s: Shape, op: FloatBinary): Lifter => sse((c) => {
  const b = sourceFloat(c, 1, s);
  setFloat(c, 0, s, op(c, s, [getFloat(c, 0, s)], [b])[0]);
});
const lift1 = (s: Shape, op: (c: LiftContext, s: Shape, a: Vec) => Vec): Lifter => sse((c) => {
  const a = sourceFloat(c, 1, s);
  setFloat(c, 0, s, op(c, s, [a])[0]);
});

/** Sums and differences of neighbours: lanes of `a`, then of `b`. */
export const horizontal = (name: "add" | "sub"): FloatBinary => (c, s, a, b) => {
  const size = s.double ? 8 : 4;
  const v = a.map((x, h) => {
    const even = shuffle(c, size, x, b[h], s.double ? [0, 2] : [0, 2, 4, 6]);
    const odd = shuffle(c, size, x, b[h], s.double ? [1, 3] : [1, 3, 5, 7]);
    return c.emit(`${s.prefix}.${name}`, [even, odd]);
  });
  return orExact(c, s, v, hasNan(c, s, v), { op: name === "add" ? SSE_OP.hadd : SSE_OP.hsub, operands: [a, b] });
};
/** Even lanes are subtracted, odd ones added. */
export const addsub: FloatBinary = (c, s, a, b) => {
  const v = a.map((x, h) => {
    const difference = c.emit(`${s.prefix}.sub`, [x, b[h]]);
    const sum = c.emit(`${s.prefix}.add`, [x, b[h]]);
    return s.double ? shuffle(c, 8, difference, sum, [0, 3]) : shuffle(c, 4, difference, sum, [0, 5, 2, 7]);
  });
  return orExact(c, s, v, hasNan(c, s, v), { op: SSE_OP.addsub, operands: [a, b] });
};

/** All ones in lane i where bit i of `field` is set. */
function laneMask(c: LiftContext, s: Shape, field: Value): Value {
  const own = v8(c, IOTA.map((i) => 1 << Math.floor(i / (s.double ? 8 : 4))));
  return c.emit("i8x16.eq", [c.emit("v128.and", [splat8(c, field), own]), own]);
}
/** DPPS, DPPD: products that imm[7:4] chooses, summed pairwise, into the lanes that imm[3:0] chooses. */
export const dotProduct = (c: LiftContext, s: Shape, a: Vec, b: Vec, imm: Value): Vec => {
  const size = s.double ? 8 : 4;
  const chosen = laneMask(c, s, bits(c, imm, 4, 15)), written = laneMask(c, s, bits(c, imm, 0, 15));
  const sums = a.map((x, h) => {
    const products = c.emit("v128.and", [c.emit(`${s.prefix}.mul`, [x, b[h]]), chosen]);
    const sum = c.emit(`${s.prefix}.add`, [products, shuffle(c, size, products, products, s.double ? [1, 0] : [1, 0, 3, 2])]);
    return s.double ? sum : c.emit("f32x4.add", [sum, shuffle(c, 4, sum, sum, [2, 3, 0, 1])]);
  });
  const v = sums.map((sum) => c.emit("v128.and", [sum, written]));
  return orExact(c, s, v, hasNan(c, s, sums), { op: SSE_OP.dp, imm, operands: [a, b] });
};
const liftDot = (s: Shape): Lifter => sse((c) => {
  const b = source128(c, 1);
  c.set(128, c.ref(0), dotProduct(c, s, [c.get(128, c.ref(0))], [b], imm8(c))[0]);
});

// --- Rounding -------------------------------------------------------------------------------------------------------
const MODES = ["nearest", "floor", "ceil", "trunc"] as const;
/** imm[2]: MXCSR's mode (nearest, in the fast path), else imm[1:0]. */
export const round = (c: LiftContext, s: Shape, a: Vec, imm: Value): Vec => {
  const k = known(imm);
  const one = (x: Value): Value => {
    if (k !== null) return c.emit(`${s.prefix}.${MODES[k & 4 ? 0 : k & 3]}`, [x]);
    const mode = c.select(bits(c, imm, 2, 1), c.i32(0), bits(c, imm, 0, 3));
    const [nearest, floor, ceil, trunc] = MODES.map((m) => c.emit(`${s.prefix}.${m}`, [x]));
    const odd = bits(c, mode, 0, 1);
    return c.select(bits(c, mode, 1, 1), c.select(odd, trunc, ceil), c.select(odd, floor, nearest));
  };
  const v = a.map(one);
  return orExact(c, s, v, hasNan(c, s, v), { op: SSE_OP.round, imm, operands: [a] });
};
const liftRound = (s: Shape): Lifter => sse((c) => {
  const a = sourceFloat(c, 1, s);
  setFloat(c, 0, s, round(c, s, [a], imm8(c))[0]);
});

// --- Comparison -----------------------------------------------------------------------------------------------------
/** Masks by predicate 0..31 (PREDICATES; SSE has the first eight). On vectors, also for scalars. */
export const compare = (c: LiftContext, s: Shape, a: Vec, b: Vec, predicate: Value): Vec => {
  const prefix = s.double ? "f64x2" : "f32x4";
  const k = known(predicate);
  const one = (x: Value, y: Value): Value => {
    const is = (name: string): Value => c.emit(`${prefix}.${name}`, [x, y]);
    const unordered = (): Value => c.emit("v128.or", [c.emit(`${prefix}.ne`, [x, x]), c.emit(`${prefix}.ne`, [y, y])]);
    if (k === null) {
      // The predicate's row of PREDICATES, one bit for each outcome.
      const row = c.emit("i64.shr_u", [c.i64(PREDICATES.reduce((sum, p, i) => sum | (BigInt(p) << BigInt(4 * i)), 0n)),
        c.zext64(c.emit("i32.shl", [bits(c, predicate, 0, 15), c.i32(2)]))]);
      const outcomes = [is("lt"), is("eq"), is("gt"), unordered()].map((mask, i) =>
        c.emit("v128.and", [mask, splat32(c, c.emit("i32.sub", [c.i32(0), bits(c, c.wrap(row), i, 1)]))]));
      return outcomes.reduce((m, n) => c.emit("v128.or", [m, n]));
    }
    const not = (v: Value): Value => c.emit("v128.not", [v]);
    switch (k & 15) {
      case 0: return is("eq");
      case 1: return is("lt");
      case 2: return is("le");
      case 3: return unordered();
      case 4: return is("ne");
      case 5: return not(is("lt"));
      case 6: return not(is("le"));
      case 7: return not(unordered());
      case 8: return c.emit("v128.or", [is("eq"), unordered()]);
      case 9: return not(is("ge"));
      case 10: return not(is("gt"));
      case 11: return zero128(c);
      case 12: return c.emit("v128.or", [is("lt"), is("gt")]);
      case 13: return is("ge");
      case 14: return is("gt");
      default: return all8(c, 255);
    }
  };
  return orExact(c, s.packed ? s : { ...s, get: "128" }, a.map((x, h) => one(x, b[h])), null, { op: SSE_OP.cmp, imm: predicate, operands: [a, b] });
};
const liftCompare = (s: Shape): Lifter => sse((c) => {
  const b = s.packed || !c.isMem(1) ? source128(c, 1) : c.emit(s.double ? "f64x2.splat" : "f32x4.splat", [sourceFloat(c, 1, s)]);
  const [v] = compare(c, s, [c.get(128, c.ref(0))], [b], bits(c, c.immediate(32), 0, 7));
  if (s.packed) c.set(128, c.ref(0), v);
  else if (s.double) c.set(64, c.ref(0), lane64(c, v, 0));
  else c.set(32, c.ref(0), lane32(c, v, 0));
});

/** COMISx, UCOMISx differ only in which NaNs signal. */
export const compareFlags = (s: Shape, op: number) => (c: LiftContext): void => {
  const b = sourceFloat(c, 1, s);
  const a = getFloat(c, 0, s);
  const unordered = c.emit("i32.or", [c.emit(`${s.prefix}.ne`, [a, a]), c.emit(`${s.prefix}.ne`, [b, b])]);
  const zf = c.variable(c.emit("i32.or", [c.emit(`${s.prefix}.eq`, [a, b]), unordered]));
  const cf = c.variable(c.emit("i32.or", [c.emit(`${s.prefix}.lt`, [a, b]), unordered]));
  c.if(special(c), () => {
    callExact(c, op, s.kind, c.i32(0), [[a], [b]]);
    const flags = c.get(32, fixed(STATE.ret));
    c.assign(zf, bits(c, flags, 0, 1));
    c.assign(cf, bits(c, flags, 2, 1));
  });
  c.flags.compareFloat(c, c.read(zf), unordered, c.read(cf));
};

// --- Approximations -------------------------------------------------------------------------------------------------
/**
 * RCPPS, RSQRTPS: correctly rounded, so within the 1.5 * 2^-12 that SDM grants and the same on every host. Independent of
 * MXCSR; denormal operands count as zero, denormal results become zero. On vectors, also for scalars.
 */
export const approximate = (c: LiftContext, root: boolean, a: Value): Value => {
  const sign = all32(c, 0x80000000);
  const smallest = all32(c, 0x00800000);
  const tiny = (v: Value): Value => c.emit("f32x4.lt", [c.emit("f32x4.abs", [v]), smallest]);
  const flush = (v: Value): Value => c.emit("v128.andnot", [v, c.emit("v128.andnot", [tiny(v), sign])]);
  const x = flush(a);
  const one = all32(c, 0x3f800000);
  const v = flush(c.emit("f32x4.div", [one, root ? c.emit("f32x4.sqrt", [x]) : x]));
  // NaNs: the operand made quiet, or the default one.
  const nan = c.emit("v128.bitselect", [c.emit("v128.or", [a, all32(c, 0x00400000)]), all32(c, 0xffc00000), c.emit("f32x4.ne", [a, a])]);
  return c.emit("v128.bitselect", [nan, v, c.emit("f32x4.ne", [v, v])]);
};
const liftApproximate = (root: boolean, packed: boolean): Lifter => sse((c) => {
  if (packed) {
    const a = source128(c, 1);
    c.set(128, c.ref(0), approximate(c, root, a));
    return;
  }
  const a = c.isMem(1) ? splat32(c, source32(c, 1)) : c.get(128, c.ref(1));
  c.set(32, c.ref(0), lane32(c, approximate(c, root, a), 0));
});

const table: Record<string, Lifter> = {};
for (const [suffix, s] of Object.entries(SUFFIXES)) {
  for (const name of ["add", "sub", "mul", "div"] as const) table[name + suffix] = lift2(s, arithmetic(name));
  for (const name of ["min", "max"] as const) table[name + suffix] = lift2(s, extreme(name));
  table[`sqrt${suffix}`] = lift1(s, squareRoot);
  table[`round${suffix}`] = liftRound(s);
  table[`cmp${suffix}`] = liftCompare(s);
  if (s.packed) {
    table[`hadd${suffix}`] = lift2(s, horizontal("add"));
    table[`hsub${suffix}`] = lift2(s, horizontal("sub"));
    table[`addsub${suffix}`] = lift2(s, addsub);
    table[`dp${suffix}`] = liftDot(s);
  } else {
    table[`comi${suffix}`] = sse(compareFlags(s, SSE_OP.comi));
    table[`ucomi${suffix}`] = sse(compareFlags(s, SSE_OP.ucomi));
  }
}

export const SSE_FLOAT: LifterTable = {
  ...table,
  rcpps: liftApproximate(false, true), rcpss: liftApproximate(false, false),
  rsqrtps: liftApproximate(true, true), rsqrtss: liftApproximate(true, false),
};
