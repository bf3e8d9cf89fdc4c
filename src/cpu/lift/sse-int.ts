/** Packed integer arithmetic of MMX to SSE4.2, one vector function per operation for both register files. SDM Vol. 2, Pxxx. */
import { type Value } from "../ir/ir.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import {
  all16, all64, all8, type Binary, bits, gate, imm8, IOTA, isMmx, known, lane64, mmx, packed, packedUnary, shuffle, source128,
  source64, splat64, splat8, sse, type Unary, v32, v8, wasm, zero128, zext64to128,
} from "./sse-common.ts";

const EVEN16 = [0, 2, 4, 6, 8, 10, 12, 14];
const ODD16 = [1, 3, 5, 7, 9, 11, 13, 15];

/** Interleaves the low or high halves. */
export const unpack = (size: number, high: boolean): Binary => (c, a, b) => {
  const n = 16 / size;
  const first = high ? n / 2 : 0;
  return shuffle(c, size, a, b, Array.from({ length: n }, (_, i) => first + (i >> 1) + (i & 1) * n));
};
/** The MMX form of a high unpack is the upper half of the low unpack of the vector. */
const unpackHigh = (size: number): Lifter => (c) => {
  if (isMmx(c, 0)) packed(unpack(size, false), "high")(c);
  else packed(unpack(size, true))(c);
};

/** The high halves of 16-bit products. */
const multiplyHigh = (sign: "s" | "u"): Binary => (c, a, b) => {
  const low = c.emit(`i32x4.extmul_low_i16x8_${sign}`, [a, b]);
  const high = c.emit(`i32x4.extmul_high_i16x8_${sign}`, [a, b]);
  return shuffle(c, 2, low, high, ODD16);
};

/** Products of the even 32-bit lanes. */
const multiplyEven = (sign: "s" | "u"): Binary => (c, a, b) => {
  const even = (v: Value): Value => shuffle(c, 4, v, v, [0, 2, 0, 2]);
  return c.emit(`i64x2.extmul_low_i32x4_${sign}`, [even(a), even(b)]);
};

const psadbw: Binary = (c, a, b) => {
  const difference = c.emit("i8x16.sub", [c.emit("i8x16.max_u", [a, b]), c.emit("i8x16.min_u", [a, b])]);
  const words = c.emit("i16x8.extadd_pairwise_i8x16_u", [difference]);
  const doubles = c.emit("i32x4.extadd_pairwise_i16x8_u", [words]);
  const low = c.emit("v128.and", [doubles, all64(c, 0xffffffffn)]);
  return c.emit("i64x2.add", [low, c.emit("i64x2.shr_u", [doubles, c.i32(32)])]);
};

/** Unsigned bytes of `a` times signed bytes of `b`, pairs added with signed saturation. */
const pmaddubsw: Binary = (c, a, b) => {
  const even = c.emit("i16x8.mul", [c.emit("v128.and", [a, all16(c, 0xff)]), c.emit("i16x8.shr_s", [c.emit("i16x8.shl", [b, c.i32(8)]), c.i32(8)])]);
  const odd = c.emit("i16x8.mul", [c.emit("i16x8.shr_u", [a, c.i32(8)]), c.emit("i16x8.shr_s", [b, c.i32(8)])]);
  return c.emit("i16x8.add_sat_s", [even, odd]);
};

/** Wasm saturates -1 * -1 to 0x7FFF, x86 wraps to 0x8000: flipped back. */
const pmulhrsw: Binary = (c, a, b) => {
  const min = all16(c, 0x8000);
  const both = c.emit("v128.and", [c.emit("i16x8.eq", [a, min]), c.emit("i16x8.eq", [b, min])]);
  return c.emit("v128.xor", [c.emit("i16x8.q15mulr_sat_s", [a, b]), both]);
};

/** Negates lanes of `a` where `b` is negative, clears them where it is zero. */
const sign = (shape: string, width: number): Binary => (c, a, b) => {
  const negative = c.emit(`${shape}.shr_s`, [b, c.i32(width - 1)]);
  const flipped = c.emit(`${shape}.sub`, [c.emit("v128.xor", [a, negative]), negative]);
  return c.emit("v128.and", [flipped, c.emit(`${shape}.ne`, [b, zero128(c)])]);
};

/** Neighbours of (a, b) combined: results of `a` first. */
const horizontal = (size: 2 | 4, op: string): Binary => (c, a, b) => {
  const even = shuffle(c, size, a, b, EVEN16.slice(0, 16 / size));
  const odd = shuffle(c, size, a, b, ODD16.slice(0, 16 / size));
  return c.emit(op, [even, odd]);
};

/** Bit 7 set clears; else the low bits choose. MMX has eight bytes only. */
const pshufb = (mask: number): Binary => (c, a, b) => c.emit("i8x16.swizzle", [a, c.emit("v128.and", [b, all8(c, mask)])]);

export const pshufbXmm = pshufb(0x8f);

export function phminposuwValue(c: LiftContext, v: Value): Value {
  // Value in the upper half, position in the lower: one unsigned minimum finds both, the first position winning.
  const tagged = (half: "low" | "high", first: number): Value => c.emit("v128.or", [
    c.emit("i32x4.shl", [c.emit(`i32x4.extend_${half}_i16x8_u`, [v]), c.i32(16)]), v32(c, [first, first + 1, first + 2, first + 3])]);
  let m = c.emit("i32x4.min_u", [tagged("low", 0), tagged("high", 4)]);
  m = c.emit("i32x4.min_u", [m, shuffle(c, 4, m, m, [2, 3, 0, 1])]);
  m = c.emit("i32x4.min_u", [m, shuffle(c, 4, m, m, [1, 0, 3, 2])]);
  const best = c.emit("i32.rotl", [c.emit("i32x4.extract_lane", [m], { imm: 0 }), c.i32(16)]);
  return zext64to128(c, c.zext64(best));
}
const phminposuw = sse((c) => {
  const v = source128(c, 1);
  c.set(128, c.ref(0), phminposuwValue(c, v));
});

/** Sums of four absolute differences: imm[2] moves the window of `a`, imm[1:0] chooses four bytes of `b`. */
export function mpsadbwValue(c: LiftContext, a: Value, b: Value, imm: Value): Value {
  const window = bits(c, imm, 0, 4);
  const block = c.emit("i32.shl", [bits(c, imm, 0, 3), c.i32(2)]);
  let sum: Value | null = null;
  for (let j = 0; j < 4; j++) {
    const from = c.emit("i8x16.swizzle", [a, c.emit("i8x16.add", [splat8(c, c.emit("i32.add", [window, c.i32(j)])), v8(c, IOTA)])]);
    const one = c.emit("i8x16.swizzle", [b, splat8(c, c.emit("i32.add", [block, c.i32(j)]))]);
    const wide = (v: Value): Value => c.emit("i16x8.extend_low_i8x16_u", [v]);
    const d = c.emit("i16x8.abs", [c.emit("i16x8.sub", [wide(from), wide(one)])]);
    sum = sum === null ? d : c.emit("i16x8.add", [sum, d]);
  }
  return sum ?? zero128(c);
}
const mpsadbw = sse((c) => {
  const b = source128(c, 1);
  c.set(128, c.ref(0), mpsadbwValue(c, c.get(128, c.ref(0)), b, imm8(c)));
});

// --- Shifts ---------------------------------------------------------------------------------------------------------
export type Shift = "shl" | "shr_u" | "shr_s";

/** `count` (i64, all of it counts): past the width the lanes become zero or sign. */
export function shiftLanes(c: LiftContext, v: Value, shape: string, width: number, op: Shift, count: Value): Value {
  if (count.op === "i64.const") {
    const n = count.big >= 0n && count.big < BigInt(width) ? Number(count.big) : width;
    if (n === width && op !== "shr_s") return zero128(c);
    return c.emit(`${shape}.${op}`, [v, c.i32(Math.min(n, width - 1))]);
  }
  const inside = c.emit("i64.lt_u", [count, c.i64(width)]);
  const n = c.wrap(count);
  if (op === "shr_s") return c.emit(`${shape}.shr_s`, [v, c.select(inside, n, c.i32(width - 1))]);
  return c.select(inside, c.emit(`${shape}.${op}`, [v, n]), zero128(c));
}

/** The count is the immediate, or the low 64 bits of operand 1. */
const shift = (shape: string, width: number, op: Shift): Lifter => (c) => {
  const small = isMmx(c, 0);
  const immediate = c.operand(1).kind === "imm";
  if (small) {
    mmx((m) => {
      const count = immediate ? m.zext64(imm8(m)) : source64(m, 1);
      return lane64(m, shiftLanes(m, splat64(m, m.get(64, m.ref(0))), shape, width, op, count), 0);
    })(c);
    return;
  }
  gate(c, 2);
  const count = immediate ? c.zext64(imm8(c)) : c.isMem(1) ? lane64(c, source128(c, 1), 0) : c.get(64, c.ref(1));
  c.set(128, c.ref(0), shiftLanes(c, c.get(128, c.ref(0)), shape, width, op, count));
};

/** PSLLDQ, PSRLDQ: by bytes. */
export function shiftBytes(c: LiftContext, v: Value, left: boolean, imm: Value): Value {
  const k = known(imm);
  if (k !== null) {
    // Bytes 16.. of the shuffle are the zero vector's.
    const lanes = IOTA.map((i) => (left ? (i - k >= 0 ? i - k : 16) : i + k < 16 ? i + k : 16));
    return c.emit("i8x16.shuffle", [v, zero128(c)], { lanes });
  }
  const n = splat8(c, c.select(c.emit("i32.lt_u", [imm, c.i32(16)]), imm, c.i32(16)));
  return c.emit("i8x16.swizzle", [v, c.emit(left ? "i8x16.sub" : "i8x16.add", [v8(c, IOTA), n])]);
}
const byteShift = (left: boolean): Lifter => sse((c) => {
  c.set(128, c.ref(0), shiftBytes(c, c.get(128, c.ref(0)), left, imm8(c)));
});

const shifts: Record<string, Lifter> = {};
for (const [letter, shape, width] of [["w", "i16x8", 16], ["d", "i32x4", 32], ["q", "i64x2", 64]] as const) {
  shifts[`psll${letter}`] = shift(shape, width, "shl");
  shifts[`psrl${letter}`] = shift(shape, width, "shr_u");
  if (width < 64) shifts[`psra${letter}`] = shift(shape, width, "shr_s");
}

/** Vector functions by mnemonic; AVX applies them per half. */
export const PACKED_BINARY: Readonly<Record<string, Binary>> = {
  paddb: wasm("i8x16.add"), paddw: wasm("i16x8.add"), paddd: wasm("i32x4.add"), paddq: wasm("i64x2.add"),
  psubb: wasm("i8x16.sub"), psubw: wasm("i16x8.sub"), psubd: wasm("i32x4.sub"), psubq: wasm("i64x2.sub"),
  paddsb: wasm("i8x16.add_sat_s"), paddsw: wasm("i16x8.add_sat_s"), paddusb: wasm("i8x16.add_sat_u"), paddusw: wasm("i16x8.add_sat_u"),
  psubsb: wasm("i8x16.sub_sat_s"), psubsw: wasm("i16x8.sub_sat_s"), psubusb: wasm("i8x16.sub_sat_u"), psubusw: wasm("i16x8.sub_sat_u"),
  pavgb: wasm("i8x16.avgr_u"), pavgw: wasm("i16x8.avgr_u"),
  pminub: wasm("i8x16.min_u"), pminuw: wasm("i16x8.min_u"), pminud: wasm("i32x4.min_u"),
  pminsb: wasm("i8x16.min_s"), pminsw: wasm("i16x8.min_s"), pminsd: wasm("i32x4.min_s"),
  pmaxub: wasm("i8x16.max_u"), pmaxuw: wasm("i16x8.max_u"), pmaxud: wasm("i32x4.max_u"),
  pmaxsb: wasm("i8x16.max_s"), pmaxsw: wasm("i16x8.max_s"), pmaxsd: wasm("i32x4.max_s"),
  pcmpeqb: wasm("i8x16.eq"), pcmpeqw: wasm("i16x8.eq"), pcmpeqd: wasm("i32x4.eq"), pcmpeqq: wasm("i64x2.eq"),
  pcmpgtb: wasm("i8x16.gt_s"), pcmpgtw: wasm("i16x8.gt_s"), pcmpgtd: wasm("i32x4.gt_s"), pcmpgtq: wasm("i64x2.gt_s"),
  pand: wasm("v128.and"), por: wasm("v128.or"), pxor: wasm("v128.xor"), pandn: (c, a, b) => c.emit("v128.andnot", [b, a]),
  pmullw: wasm("i16x8.mul"), pmulld: wasm("i32x4.mul"), pmulhw: multiplyHigh("s"), pmulhuw: multiplyHigh("u"),
  pmuludq: multiplyEven("u"), pmuldq: multiplyEven("s"), pmaddwd: wasm("i32x4.dot_i16x8_s"),
  psadbw, pmaddubsw, pmulhrsw,
  psignb: sign("i8x16", 8), psignw: sign("i16x8", 16), psignd: sign("i32x4", 32),
  punpcklbw: unpack(1, false), punpcklwd: unpack(2, false), punpckldq: unpack(4, false), punpcklqdq: unpack(8, false), punpckhqdq: unpack(8, true),
};
/** These combine neighbours or halves of both operands. */
export const PACKED_PAIRS: Readonly<Record<string, Binary>> = {
  packsswb: wasm("i8x16.narrow_i16x8_s"), packuswb: wasm("i8x16.narrow_i16x8_u"),
  packssdw: wasm("i16x8.narrow_i32x4_s"), packusdw: wasm("i16x8.narrow_i32x4_u"),
  phaddw: horizontal(2, "i16x8.add"), phaddd: horizontal(4, "i32x4.add"), phaddsw: horizontal(2, "i16x8.add_sat_s"),
  phsubw: horizontal(2, "i16x8.sub"), phsubd: horizontal(4, "i32x4.sub"), phsubsw: horizontal(2, "i16x8.sub_sat_s"),
};

export const PACKED_UNARY: Readonly<Record<string, Unary>> = {
  pabsb: (c, v) => c.emit("i8x16.abs", [v]), pabsw: (c, v) => c.emit("i16x8.abs", [v]), pabsd: (c, v) => c.emit("i32x4.abs", [v]),
};

const simple: Record<string, Lifter> = {};
for (const [name, op] of Object.entries(PACKED_UNARY)) simple[name] = packedUnary(op);
for (const [name, op] of Object.entries(PACKED_BINARY)) simple[name] = packed(op);
for (const [name, op] of Object.entries(PACKED_PAIRS)) simple[name] = packed(op, "pair");
for (const name of ["and", "andn", "or", "xor"]) {
  for (const suffix of ["ps", "pd"]) simple[name + suffix] = packed(PACKED_BINARY[`p${name}`]);
}

const ptest = sse((c) => {
  const b = source128(c, 1);
  const a = c.get(128, c.ref(0));
  const none = (v: Value): Value => c.emit("i32.eqz", [c.emit("v128.any_true", [v])]);
  const zf = none(c.emit("v128.and", [b, a]));
  const cf = none(c.emit("v128.andnot", [b, a]));
  c.flags.compareFloat(c, zf, c.i32(0), cf);
});

export const SSE_INT: LifterTable = {
  ...simple, ...shifts, pslldq: byteShift(true), psrldq: byteShift(false),
  punpckhbw: unpackHigh(1), punpckhwd: unpackHigh(2), punpckhdq: unpackHigh(4),
  unpcklps: packed(unpack(4, false)), unpcklpd: packed(unpack(8, false)), unpckhps: packed(unpack(4, true)), unpckhpd: packed(unpack(8, true)),
  pshufb: (c) => packed(isMmx(c, 0) ? pshufb(0x87) : pshufbXmm)(c),
  phminposuw, mpsadbw, ptest,
};
