/** Shuffles, blends and alignments by immediate: a Wasm shuffle where it is known, index arithmetic where it is not. SDM Vol. 2. */
import { fixed, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import {
  atMost, type Binary, bits, bytes, gate, imm8, IOTA, isMmx, known, lane64, mmx, pair64, source128, source64, splat16, splat32, splat64,
  splat8, sse, v16, v32, v8, zero128,
} from "./sse-common.ts";

/** Four 2-bit fields of an immediate. */
const fields = (imm: number): number[] => [imm & 3, (imm >> 2) & 3, (imm >> 4) & 3, (imm >> 6) & 3];

/**
 * Byte indices of four lanes chosen by the 2-bit fields of `imm`. A product moves field i into bits 7:6 of lane i; from there
 * it comes down multiplied by the lane size, is copied to every byte, and gets the byte's own number.
 */
function indices32(c: LiftContext, imm: Value): Value {
  const moved = c.emit("i32x4.mul", [splat32(c, imm), v32(c, [64, 16, 4, 1])]);
  const lane = c.emit("i32x4.shr_u", [c.emit("v128.and", [moved, v32(c, [192, 192, 192, 192])]), c.i32(4)]);
  const copied = c.emit("i32x4.mul", [lane, v32(c, [0x01010101, 0x01010101, 0x01010101, 0x01010101])]);
  return c.emit("i8x16.add", [copied, v8(c, IOTA.map((i) => i & 3))]);
}
/** The same for four words of one half; the other half stays. */
function indices16(c: LiftContext, imm: Value, high: boolean): Value {
  const factors = high ? [0, 0, 0, 0, 64, 16, 4, 1] : [64, 16, 4, 1, 0, 0, 0, 0];
  const moved = c.emit("i16x8.mul", [splat16(c, imm), v16(c, factors)]);
  const lane = c.emit("i16x8.shr_u", [c.emit("v128.and", [moved, v16(c, new Array<number>(8).fill(192))]), c.i32(5)]);
  const copied = c.emit("i16x8.mul", [lane, v16(c, new Array<number>(8).fill(0x0101))]);
  return c.emit("i8x16.add", [copied, v8(c, IOTA.map((i) => (i >= 8 === high ? (high ? 8 : 0) + (i & 1) : i)))]);
}

export function shuffleDwords(c: LiftContext, v: Value, imm: Value): Value {
  const k = known(imm);
  if (k !== null) return c.emit("i8x16.shuffle", [v, v], { lanes: bytes(4, fields(k)) });
  return c.emit("i8x16.swizzle", [v, indices32(c, imm)]);
}
export function shuffleWords(c: LiftContext, v: Value, imm: Value, high: boolean): Value {
  const k = known(imm);
  if (k !== null) {
    const lanes = high ? [0, 1, 2, 3, ...fields(k).map((f) => 4 + f)] : [...fields(k), 4, 5, 6, 7];
    return c.emit("i8x16.shuffle", [v, v], { lanes: bytes(2, lanes) });
  }
  return c.emit("i8x16.swizzle", [v, indices16(c, imm, high)]);
}

const dwords = sse((c) => {
  const v = source128(c, 1);
  c.set(128, c.ref(0), shuffleDwords(c, v, imm8(c)));
});
const words = (high: boolean): Lifter => sse((c) => {
  const v = source128(c, 1);
  c.set(128, c.ref(0), shuffleWords(c, v, imm8(c), high));
});
const pshufw = mmx((c) => lane64(c, shuffleWords(c, splat64(c, source64(c, 1)), imm8(c), false), 0));

export function shufps(c: LiftContext, a: Value, b: Value, imm: Value): Value {
  const k = known(imm);
  if (k !== null) {
    const f = fields(k);
    return c.emit("i8x16.shuffle", [a, b], { lanes: bytes(4, [f[0], f[1], 4 + f[2], 4 + f[3]]) });
  }
  const index = indices32(c, imm);
  return c.emit("v128.bitselect", [c.emit("i8x16.swizzle", [a, index]), c.emit("i8x16.swizzle", [b, index]), v32(c, [-1, -1, 0, 0])]);
}
export function shufpd(c: LiftContext, a: Value, b: Value, imm: Value): Value {
  const k = known(imm);
  if (k !== null) return c.emit("i8x16.shuffle", [a, b], { lanes: bytes(8, [k & 1, 2 + ((k >> 1) & 1)]) });
  const low = c.select(bits(c, imm, 0, 1), lane64(c, a, 1), lane64(c, a, 0));
  const high = c.select(bits(c, imm, 1, 1), lane64(c, b, 1), lane64(c, b, 0));
  return pair64(c, low, high);
}

export type WithImmediate = (c: LiftContext, a: Value, b: Value, imm: Value) => Value;
const byImmediate = (op: WithImmediate): Lifter => sse((c) => {
  const b = source128(c, 1);
  c.set(128, c.ref(0), op(c, c.get(128, c.ref(0)), b, imm8(c)));
});

/** Lane i of `b` where bit i of the immediate is set. */
export const blend = (shape: "i16x8" | "i32x4" | "i64x2"): WithImmediate => (c, a, b, imm) => {
  const lanes = shape === "i16x8" ? 8 : shape === "i32x4" ? 4 : 2;
  const size = 16 / lanes;
  const k = known(imm);
  if (k !== null) {
    return c.emit("i8x16.shuffle", [a, b], { lanes: bytes(size, Array.from({ length: lanes }, (_, i) => ((k >> i) & 1 ? lanes + i : i))) });
  }
  const own = v8(c, IOTA.map((i) => 1 << Math.floor(i / size)));
  const mask = c.emit("i8x16.eq", [c.emit("v128.and", [splat8(c, imm), own]), own]);
  return c.emit("v128.bitselect", [b, a, mask]);
};

/** Sixteen bytes of (a, b), b below, from byte `imm` up; zeroes come in from above. */
export const palignr: WithImmediate = (c, a, b, imm) => {
  const k = known(imm);
  if (k !== null) {
    if (k <= 16) return c.emit("i8x16.shuffle", [b, a], { lanes: IOTA.map((i) => i + k) });
    return c.emit("i8x16.shuffle", [a, zero128(c)], { lanes: IOTA.map((i) => Math.min(i + k - 16, 16)) });
  }
  const from = c.emit("i8x16.add", [v8(c, IOTA), splat8(c, atMost(c, imm, 32))]);
  const above = c.emit("i8x16.sub", [from, v8(c, new Array<number>(16).fill(16))]);
  return c.emit("v128.or", [c.emit("i8x16.swizzle", [b, from]), c.emit("i8x16.swizzle", [a, above])]);
};
function palignrEither(c: LiftContext): void {
  if (!isMmx(c, 0)) {
    byImmediate(palignr)(c);
    return;
  }
  mmx((m) => {
    const source = source64(m, 1);
    const both = pair64(m, source, m.get(64, m.ref(0)));
    const from = m.emit("i8x16.add", [v8(m, IOTA), splat8(m, atMost(m, imm8(m), 16))]);
    return lane64(m, m.emit("i8x16.swizzle", [both, from]), 0);
  })(c);
}

/** Lanes of operand 1 where the top bit of XMM0's lane is set. */
export const variableBlend = (shape: string, width: number): ((c: LiftContext, a: Value, b: Value, mask: Value) => Value) => (c, a, b, mask) =>
  c.emit("v128.bitselect", [b, a, c.emit(`${shape}.shr_s`, [mask, c.i32(width - 1)])]);
const blendByXmm0 = (shape: string, width: number): Lifter => (c) => {
  gate(c, 2);
  const b = source128(c, 1);
  const op: Binary = (x, a, s) => variableBlend(shape, width)(x, a, s, x.get(128, fixed(STATE.xmm)));
  c.set(128, c.ref(0), op(c, c.get(128, c.ref(0)), b));
};

export const SSE_SHUFFLE: LifterTable = {
  pshufd: dwords, pshuflw: words(false), pshufhw: words(true), pshufw,
  shufps: byImmediate(shufps), shufpd: byImmediate(shufpd), palignr: palignrEither,
  pblendw: byImmediate(blend("i16x8")), blendps: byImmediate(blend("i32x4")), blendpd: byImmediate(blend("i64x2")),
  pblendvb: blendByXmm0("i8x16", 8), blendvps: blendByXmm0("i32x4", 32), blendvpd: blendByXmm0("i64x2", 64),
};
