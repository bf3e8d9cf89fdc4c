/** AVX shuffles, blends and permutations, inside 128 bits and across them. SDM Vol. 2. */
import type { Value } from "../ir/ir.ts";
import { avx, binary, binaryImmediate, readVec, registerVec, setVec, vector1 } from "./avx-common.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import { all32, bits, imm8, known, lane64, pair64, shuffle, zero128 } from "./sse-common.ts";
import { blend, palignr, shuffleDwords, shuffleWords, shufpd, shufps, variableBlend, type WithImmediate } from "./sse-shuffle.ts";

/** Both halves by the same immediate. */
const byImmediate = (op: WithImmediate): Lifter => binaryImmediate(op, imm8);
/** Each half by its own `count` bits of the immediate. */
const byHalves = (op: WithImmediate, count: number): Lifter => avx((c) => {
  const b = readVec(c, 2);
  const imm = imm8(c);
  setVec(c, 0, registerVec(c, 1).map((x, h) => op(c, x, b[h], bits(c, imm, h * count, (1 << count) - 1))));
});
const unaryImmediate = (op: (c: LiftContext, v: Value, imm: Value, half: number) => Value): Lifter => avx((c) => {
  const v = readVec(c, 1);
  const imm = imm8(c);
  setVec(c, 0, v.map((x, h) => op(c, x, imm, h)));
});

/** Byte numbers of 32-bit lanes chosen by the low two bits of each lane of `v`. */
const laneBytes = (c: LiftContext, v: Value): Value => c.emit("i32x4.add", [
  c.emit("i32x4.mul", [c.emit("v128.and", [v, all32(c, 3)]), all32(c, 0x04040404)]), all32(c, 0x03020100)]);
/** All ones in lanes whose bit `n` is set. */
const bitMask = (c: LiftContext, shape: "i32x4" | "i64x2", v: Value, n: number): Value => {
  const top = shape === "i32x4" ? 31 : 63;
  return c.emit(`${shape}.shr_s`, [c.emit(`${shape}.shl`, [v, c.i32(top - n)]), c.i32(top)]);
};

const vpermilps = (c: LiftContext, a: Value, control: Value): Value => c.emit("i8x16.swizzle", [a, laneBytes(c, control)]);
/** Bit 1 of each lane chooses. */
const vpermilpd = (c: LiftContext, a: Value, control: Value): Value =>
  c.emit("v128.bitselect", [shuffle(c, 8, a, a, [1, 1]), shuffle(c, 8, a, a, [0, 0]), bitMask(c, "i64x2", control, 1)]);
const variable = (op: (c: LiftContext, a: Value, control: Value) => Value, immediate: (c: LiftContext, v: Value, imm: Value, half: number) => Value): Lifter => {
  const [one, other] = [binary(op), unaryImmediate(immediate)];
  return (c) => {
    (c.operand(2).kind === "imm" ? other : one)(c);
  };
};

/** VPERMD, VPERMPS: any of the eight lanes of operand 2, by the low three bits of operand 1's. */
const permuteDwords = avx((c) => {
  const [low, high] = readVec(c, 2);
  setVec(c, 0, registerVec(c, 1).map((index) => {
    const at = laneBytes(c, index);
    return c.emit("v128.bitselect", [c.emit("i8x16.swizzle", [high, at]), c.emit("i8x16.swizzle", [low, at]), bitMask(c, "i32x4", index, 2)]);
  }));
});

/** VPERMQ, VPERMPD: four fields of two bits. */
const permuteQwords = vector1((c, [low, high]) => {
  const imm = imm8(c);
  const lanes = [lane64(c, low, 0), lane64(c, low, 1), lane64(c, high, 0), lane64(c, high, 1)];
  const pick = (i: number): Value => {
    const k = known(imm);
    if (k !== null) return lanes[(k >> (2 * i)) & 3];
    const odd = bits(c, imm, 2 * i, 1);
    return c.select(bits(c, imm, 2 * i + 1, 1), c.select(odd, lanes[3], lanes[2]), c.select(odd, lanes[1], lanes[0]));
  };
  return [pair64(c, pick(0), pick(1)), pair64(c, pick(2), pick(3))];
});

/** VPERM2x128: four bits for each half; bit 1 the operand, bit 0 its half, bit 3 zero instead. */
const permute128 = avx((c) => {
  const b = readVec(c, 2);
  const a = registerVec(c, 1);
  const imm = imm8(c);
  setVec(c, 0, [0, 4].map((shift) => {
    const upper = bits(c, imm, shift, 1);
    const chosen = c.select(bits(c, imm, shift + 1, 1), c.select(upper, b[1], b[0]), c.select(upper, a[1], a[0]));
    return c.select(bits(c, imm, shift + 3, 1), zero128(c), chosen);
  }));
});

/** The mask is operand 3. */
const blendBy = (shape: string, width: number): Lifter => avx((c) => {
  const b = readVec(c, 2);
  const a = registerVec(c, 1);
  const mask = registerVec(c, 3);
  setVec(c, 0, a.map((x, h) => variableBlend(shape, width)(c, x, b[h], mask[h])));
});

export const AVX_PERMUTE: LifterTable = {
  vpshufd: unaryImmediate((c, v, imm) => shuffleDwords(c, v, imm)), vpshuflw: unaryImmediate((c, v, imm) => shuffleWords(c, v, imm, false)),
  vpshufhw: unaryImmediate((c, v, imm) => shuffleWords(c, v, imm, true)),
  vshufps: byImmediate(shufps), vshufpd: byHalves(shufpd, 2), vpalignr: byImmediate(palignr),
  vpblendw: byImmediate(blend("i16x8")), vblendps: byHalves(blend("i32x4"), 4), vblendpd: byHalves(blend("i64x2"), 2), vpblendd: byHalves(blend("i32x4"), 4),
  vpblendvb: blendBy("i8x16", 8), vblendvps: blendBy("i32x4", 32), vblendvpd: blendBy("i64x2", 64),
  vpermilps: variable(vpermilps, (c, v, imm) => shuffleDwords(c, v, imm)),
  vpermilpd: variable(vpermilpd, (c, v, imm, h) => shufpd(c, v, v, bits(c, imm, 2 * h, 3))),
  vpermd: permuteDwords, vpermps: permuteDwords, vpermq: permuteQwords, vpermpd: permuteQwords, vperm2f128: permute128, vperm2i128: permute128,
};
