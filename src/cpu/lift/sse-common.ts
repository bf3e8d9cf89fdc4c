/** What all MMX and SSE lifters share: the gate, operand access with alignment checks, constants, immediates. SDM Vol. 1 §9-12. */
import { fixed, plus, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter } from "./registry.ts";

/** A packed operation on whole vectors; what AVX uses per half. */
export type Binary = (c: LiftContext, a: Value, b: Value) => Value;
export type Unary = (c: LiftContext, a: Value) => Value;
/** A vector of 128 (one value) or 256 bits (two, the lower first). A scalar is a vector of one value, too. */
export type Vec = readonly Value[];

/**
 * Traps when CR0.EM, CR0.TS, CR4.OSFXSR, CR4.OSXSAVE or XCR0 say so. 1: MMX, 2: SSE, 4: AVX, 8: VEX (bits of STATE.fpuGate). First of
 * all: before operands are touched.
 */
export function gate(c: LiftContext, which: 1 | 2 | 4 | 8): void {
  const closed = c.emit("i32.and", [c.get(32, fixed(STATE.fpuGate)), c.i32(which)]);
  // CR0.EM makes MMX undefined, where it makes x87 unavailable: 3 tells the helper which.
  c.if(closed, () => c.call("fpuTrap", c.i32(which === 1 ? 3 : which)));
  if (which !== 1) return;
  // MMX instructions report a pending x87 exception. SDM Vol. 1 §8.6.1.
  const unmasked = c.emit("i32.and", [c.get(32, fixed(STATE.fpuSw)), c.emit("i32.xor", [c.get(32, fixed(STATE.fpuCw)), c.i32(0x3f)])]);
  c.if(c.emit("i32.and", [unmasked, c.i32(0x3f)]), () => c.call("x87Wait", c.i32(0)));
}

export const isMmx = (c: LiftContext, i: number): boolean => c.operand(i).reg === "mmx";

/** A lifter behind the SSE gate. */
export const sse = (f: (c: LiftContext) => void): Lifter => (c) => {
  gate(c, 2);
  f(c);
};

/** Every MMX instruction makes the x87 registers valid and TOP zero (SDM Vol. 1 §9.5). After what may fault. */
export function enterMmx(c: LiftContext): void {
  c.set(32, fixed(STATE.fpuTag), c.i32(0));
  c.set(32, fixed(STATE.fpuTop), c.i32(0));
}
/** A lifter behind the MMX gate; `f` returns the i64 for operand 0 when that is an MMX register, else null. */
export const mmx = (f: (c: LiftContext) => Value | null): Lifter => (c) => {
  gate(c, 1);
  const result = f(c);
  enterMmx(c);
  if (result !== null) setMmx(c, 0, result);
};
/** Writes an MMX register: sign and exponent of the x87 register become ones. */
export function setMmx(c: LiftContext, i: number, v: Value): void {
  const ref = c.ref(i);
  c.set(64, ref, v);
  c.set(64, plus(ref, 8), c.i64(0xffff));
}

// --- Memory ---------------------------------------------------------------------------------------------------------
/** #GP(0) unless the address is a multiple of `bytes`. */
export function align(c: LiftContext, at: Value, bytes: 16 | 32 = 16): void {
  const low = c.emit("i32.and", [c.wrap(at), c.i32(bytes - 1)]);
  c.if(low, () => c.call("raise", c.i32(13)));
}
export function load128(c: LiftContext, aligned = true): Value {
  const at = c.address(16);
  if (aligned) align(c, at);
  return c.load(128, at);
}
export function store128(c: LiftContext, v: Value, aligned = true): void {
  const at = c.address(16, true);
  if (aligned) align(c, at);
  c.store(128, at, v);
}

/** Operand `i` as a vector: an XMM register, or 128 bits of memory, which legacy SSE wants aligned. */
export const source128 = (c: LiftContext, i: number, aligned = true): Value => (c.isMem(i) ? load128(c, aligned) : c.get(128, c.ref(i)));
/** The low 64 bits of operand `i`: XMM, MMX or general register, or memory. */
export const source64 = (c: LiftContext, i: number): Value => (c.isMem(i) ? c.load(64, c.address(8)) : c.get(64, c.ref(i)));
export const source32 = (c: LiftContext, i: number): Value => (c.isMem(i) ? c.load(32, c.address(4)) : c.get(32, c.ref(i)));

// --- Vectors --------------------------------------------------------------------------------------------------------
const bytesOf = (values: readonly (number | bigint)[], size: number): number[] =>
  values.flatMap((v) => Array.from({ length: size }, (_, k) => Number((BigInt(v) >> BigInt(8 * k)) & 0xffn)));
export const v8 = (c: LiftContext, values: readonly number[]): Value => c.v128(bytesOf(values, 1));
export const v16 = (c: LiftContext, values: readonly number[]): Value => c.v128(bytesOf(values, 2));
export const v32 = (c: LiftContext, values: readonly number[]): Value => c.v128(bytesOf(values, 4));
export const v64 = (c: LiftContext, values: readonly bigint[]): Value => c.v128(bytesOf(values, 8));
/** Every lane the same. */
export const all8 = (c: LiftContext, v: number): Value => v8(c, new Array<number>(16).fill(v));
export const all16 = (c: LiftContext, v: number): Value => v16(c, new Array<number>(8).fill(v));
export const all32 = (c: LiftContext, v: number): Value => v32(c, [v, v, v, v]);
export const all64 = (c: LiftContext, v: bigint): Value => v64(c, [v, v]);
export const zero128 = (c: LiftContext): Value => all8(c, 0);
export const IOTA = Array.from({ length: 16 }, (_, i) => i);

export const splat64 = (c: LiftContext, v: Value): Value => c.emit("i64x2.splat", [v]);
export const splat32 = (c: LiftContext, v: Value): Value => c.emit("i32x4.splat", [v]);
export const splat16 = (c: LiftContext, v: Value): Value => c.emit("i16x8.splat", [v]);
export const splat8 = (c: LiftContext, v: Value): Value => c.emit("i8x16.splat", [v]);
export const lane64 = (c: LiftContext, v: Value, n: number): Value => c.emit("i64x2.extract_lane", [v], { imm: n });
export const lane32 = (c: LiftContext, v: Value, n: number): Value => c.emit("i32x4.extract_lane", [v], { imm: n });
/** (low, high) as one vector. */
export const pair64 = (c: LiftContext, low: Value, high: Value): Value => c.emit("i64x2.replace_lane", [splat64(c, low), high], { imm: 1 });
/** Zero above the low 64 bits. */
export const zext64to128 = (c: LiftContext, v: Value): Value => c.emit("i64x2.replace_lane", [zero128(c), v], { imm: 0 });

/** Byte numbers of lanes of `size` bytes. */
export const bytes = (size: number, lanes: readonly number[]): number[] =>
  lanes.flatMap((l) => Array.from({ length: size }, (_, k) => l * size + k));
/** Lanes 0.. of `a`, then of `b`, by number. */
export const shuffle = (c: LiftContext, size: number, a: Value, b: Value, lanes: readonly number[]): Value =>
  c.emit("i8x16.shuffle", [a, b], { lanes: bytes(size, lanes) });

/** Writes 64 bits into the register of operand `i` and zeroes the rest of its 128. */
export function setLow64(c: LiftContext, i: number, v: Value): void {
  const ref = c.ref(i);
  c.set(64, ref, v);
  c.set(64, plus(ref, 8), c.i64(0));
}

// --- Immediates -----------------------------------------------------------------------------------------------------
/** The imm8, zero-extended: a constant in tier 1, a load from the record in tier 0. */
export const imm8 = (c: LiftContext): Value => c.emit("i32.and", [c.immediate(32), c.i32(255)]);
/** Its value where it is known now. */
export const known = (v: Value): number | null => (v.op === "i32.const" ? v.imm : null);
/** (v >> shift) & mask. */
export const bits = (c: LiftContext, v: Value, shift: number, mask: number): Value =>
  c.emit("i32.and", [c.emit("i32.shr_u", [v, c.i32(shift)]), c.i32(mask)]);
/** The smaller of v and a constant, unsigned. */
export const atMost = (c: LiftContext, v: Value, limit: number): Value =>
  c.select(c.emit("i32.lt_u", [v, c.i32(limit)]), v, c.i32(limit));

// --- Both register files --------------------------------------------------------------------------------------------
/**
 * How the MMX form follows from the vector operation: `lanes`: both operands in every half, result in the low one; `pair`:
 * (destination, source) as one vector, twice; `high`: as lanes, but the result is the high half (unpacks).
 */
export type MmxShape = "lanes" | "pair" | "high";

export function packedValue(c: LiftContext, op: Binary, shape: MmxShape): Value {
  const width = c.operand(1).width;
  const source = c.isMem(1) && width === 32 ? c.zext64(source32(c, 1)) : source64(c, 1);
  const old = c.get(64, c.ref(0));
  if (shape === "pair") {
    const both = pair64(c, old, source);
    return lane64(c, op(c, both, both), 0);
  }
  return lane64(c, op(c, splat64(c, old), splat64(c, source)), shape === "high" ? 1 : 0);
}

/** Operand 0 op operand 1 into operand 0, for MMX and XMM. */
export const packed = (op: Binary, shape: MmxShape = "lanes"): Lifter => (c) => {
  if (isMmx(c, 0)) {
    mmx((m) => packedValue(m, op, shape))(c);
    return;
  }
  gate(c, 2);
  const b = source128(c, 1);
  const a = c.get(128, c.ref(0));
  c.set(128, c.ref(0), op(c, a, b));
};
/** The same for an operation that reads operand 1 alone. */
export const packedUnary = (op: Unary): Lifter => packed((c, _a, b) => op(c, b));

/** Wasm's operation of this name. */
export const wasm = (name: string): Binary => (c, a, b) => c.emit(name, [a, b]);
