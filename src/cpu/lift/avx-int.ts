/** AVX and AVX2 packed integers: the SSE operations on each half, shifts, variable shifts, tests. SDM Vol. 2, VPxxx. */
import type { Value } from "../ir/ir.ts";
import { avx, binary, halvesOf, readVec, registerVec, setVec, unary } from "./avx-common.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";
import { bits, imm8, lane64, splat64, type Vec } from "./sse-common.ts";
import {
  mpsadbwValue, PACKED_BINARY, PACKED_PAIRS, PACKED_UNARY, phminposuwValue, pshufbXmm, shiftBytes, shiftLanes, type Shift, unpack,
} from "./sse-int.ts";

const table: Record<string, Lifter> = {};
for (const [name, op] of Object.entries({ ...PACKED_BINARY, ...PACKED_PAIRS })) table[`v${name}`] = binary(op);
for (const [name, op] of Object.entries(PACKED_UNARY)) table[`v${name}`] = unary(op);
for (const name of ["and", "andn", "or", "xor"]) {
  for (const suffix of ["ps", "pd"]) table[`v${name}${suffix}`] = table[`vp${name}`];
}

/** The count is the immediate, or the low 64 bits of operand 2; all lanes move by it. */
const shift = (shape: string, width: number, op: Shift): Lifter => avx((c) => {
  const immediate = c.operand(2).kind === "imm";
  const count = immediate ? c.zext64(imm8(c)) : c.isMem(2) ? lane64(c, readVec(c, 2)[0], 0) : c.get(64, c.ref(2));
  setVec(c, 0, registerVec(c, 1).map((v) => shiftLanes(c, v, shape, width, op, count)));
});
const byteShift = (left: boolean): Lifter => avx((c) => {
  const n = imm8(c);
  setVec(c, 0, registerVec(c, 1).map((v) => shiftBytes(c, v, left, n)));
});
for (const [letter, shape, width] of [["w", "i16x8", 16], ["d", "i32x4", 32], ["q", "i64x2", 64]] as const) {
  table[`vpsll${letter}`] = shift(shape, width, "shl");
  table[`vpsrl${letter}`] = shift(shape, width, "shr_u");
  if (width < 64) table[`vpsra${letter}`] = shift(shape, width, "shr_s");
}

/** Each lane by its own count; past the width it becomes zero or sign. */
const shiftEach = (width: 32 | 64, op: Shift): Lifter => binary((c, a, b) => {
  const shape = width === 64 ? "i64x2" : "i32x4";
  let result = a;
  for (let i = 0; i < 128 / width; i++) {
    const v = c.emit(`${shape}.extract_lane`, [a], { imm: i });
    const n = c.emit(`${shape}.extract_lane`, [b], { imm: i });
    const inside = c.bin(width, "lt_u", n, c.constant(width, width));
    const r = op === "shr_s"
      ? c.bin(width, op, v, c.select(inside, n, c.constant(width, width - 1)))
      : c.select(inside, c.bin(width, op, v, n), c.constant(width, 0));
    result = c.emit(`${shape}.replace_lane`, [result, r], { imm: i });
  }
  return result;
});

/** VPTEST: of the whole vectors. */
const vptest = avx((c) => {
  const b = readVec(c, 1);
  testFlags(c, registerVec(c, 0).map((x, h) => c.emit("v128.and", [b[h], x])), registerVec(c, 0).map((x, h) => c.emit("v128.andnot", [b[h], x])));
});
/** ZF and CF: no bit is set in the first, in the second. */
function testFlags(c: LiftContext, both: Vec, other: Vec): void {
  const none = (v: Vec): Value => c.emit("i32.eqz", [c.emit("v128.any_true", [v.length === 1 ? v[0] : c.emit("v128.or", [v[0], v[1]])])]);
  c.flags.compareFloat(c, none(both), c.i32(0), none(other));
}
/** VTESTPS, VTESTPD: the same of the sign bits. */
const signTest = (shape: "i32x4" | "i64x2"): Lifter => avx((c) => {
  const b = readVec(c, 1);
  const a = registerVec(c, 0);
  const signs = (v: Value): Value => c.emit(`${shape}.shr_u`, [v, c.i32(shape === "i32x4" ? 31 : 63)]);
  testFlags(c, a.map((x, h) => signs(c.emit("v128.and", [b[h], x]))), a.map((x, h) => signs(c.emit("v128.andnot", [b[h], x]))));
});

const mask = (name: string, lanes: number): Lifter => avx((c) => {
  const parts = registerVec(c, 1).map((v) => c.emit(name, [v]));
  c.writeOp(0, parts.length === 1 ? parts[0] : c.emit("i32.or", [parts[0], c.emit("i32.shl", [parts[1], c.i32(lanes)])]));
});

/** VMPSADBW: the upper half has an immediate of its own, bits 5:3. */
const vmpsadbw = avx((c) => {
  const b = readVec(c, 2);
  const imm = imm8(c);
  setVec(c, 0, registerVec(c, 1).map((x, h) => mpsadbwValue(c, x, b[h], h === 0 ? imm : bits(c, imm, 3, 7))));
});

const phminposuw = avx((c) => setVec(c, 0, [phminposuwValue(c, readVec(c, 1)[0])]));

/** Sign and zero extension of the low lanes: as many as fill operand 0. */
const SHAPES = ["i8x16", "i16x8", "i32x4", "i64x2"] as const;
const extend = (from: number, to: number, sign: "s" | "u"): Lifter => avx((c) => {
  const halves = halvesOf(c, 0);
  const bytes = (16 * halves) >> (to - from);
  let v: Value;
  if (!c.isMem(1)) v = c.get(128, c.ref(1));
  else if (bytes === 16) v = c.load(128, c.address(16));
  else {
    const raw = c.load(bytes * 8, c.address(bytes));
    v = bytes === 8 ? splat64(c, raw) : c.emit("i32x4.splat", [raw]);
  }
  // The part that the upper half comes from is brought down first.
  const widen = (x: Value): Value => {
    let r = x;
    for (let s = from; s < to; s++) r = c.emit(`${SHAPES[s + 1]}.extend_low_${SHAPES[s]}_${sign}`, [r]);
    return r;
  };
  const size = 16 >> (to - from);
  const upper = (): Value => c.emit("i8x16.shuffle", [v, v], { lanes: Array.from({ length: 16 }, (_, i) => (i + size) & 15) });
  setVec(c, 0, halves === 2 ? [widen(v), widen(upper())] : [widen(v)]);
});
for (const sign of ["s", "u"] as const) {
  const letters = "bwdq";
  for (let from = 0; from < 3; from++) {
    for (let to = from + 1; to < 4; to++) table[`vpmov${sign === "s" ? "s" : "z"}x${letters[from]}${letters[to]}`] = extend(from, to, sign);
  }
}

export const AVX_INT: LifterTable = {
  ...table, vpslldq: byteShift(true), vpsrldq: byteShift(false),
  vpunpckhbw: binary(unpack(1, true)), vpunpckhwd: binary(unpack(2, true)), vpunpckhdq: binary(unpack(4, true)),
  vunpcklps: binary(unpack(4, false)), vunpcklpd: binary(unpack(8, false)), vunpckhps: binary(unpack(4, true)), vunpckhpd: binary(unpack(8, true)),
  vpshufb: binary(pshufbXmm), vphminposuw: phminposuw, vmpsadbw, vptest, vtestps: signTest("i32x4"), vtestpd: signTest("i64x2"),
  vpsllvd: shiftEach(32, "shl"), vpsllvq: shiftEach(64, "shl"), vpsrlvd: shiftEach(32, "shr_u"), vpsrlvq: shiftEach(64, "shr_u"), vpsravd: shiftEach(32, "shr_s"),
  vmovmskps: mask("i32x4.bitmask", 4), vmovmskpd: mask("i64x2.bitmask", 2), vpmovmskb: mask("i8x16.bitmask", 16),
};
