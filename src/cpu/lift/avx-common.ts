/**
 * What the AVX lifters share: the gate, operands of one or two halves, and the destination's rule: what a VEX instruction does not write of
 * a vector register becomes zero. The operations themselves are those of the SSE lifters. SDM Vol. 1 chapter 14.
 */
import { plus, type Ref, type Value } from "../ir/ir.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter } from "./registry.ts";
import { align, type Binary, gate, type Unary, type Vec, zero128 } from "./sse-common.ts";

/** A lifter behind the AVX gate. */
export const avx = (f: (c: LiftContext) => void): Lifter => (c) => {
  gate(c, 4);
  f(c);
};

/** Halves of operand `i`. */
export const halvesOf = (c: LiftContext, i: number): 1 | 2 => (c.operand(i).width === 256 ? 2 : 1);
export const halfRef = (ref: Ref, half: number): Ref => plus(ref, 16 * half);

/** 32 bytes are one access: one translation, and no half of it when the other faults. */
export function load256(c: LiftContext, at: Value): Vec {
  const p = c.emit("ptr.read", [at], { imm: 32 });
  return [c.emit("raw.ld.128", [p]), c.emit("raw.ld.128", [c.emit("i32.add", [p, c.i32(16)])])];
}
export function store256(c: LiftContext, at: Value, v: Vec): void {
  const p = c.emit("ptr.store", [at], { imm: 32 });
  c.emit("raw.st.128", [p, v[0]]);
  c.emit("raw.st.128", [c.emit("i32.add", [p, c.i32(16)]), v[1]]);
  c.emit("rmw.end", [p]);
}

export function registerVec(c: LiftContext, i: number, halves: number = halvesOf(c, i)): Vec {
  return halves === 2 ? [c.get(128, c.ref(i)), c.get(128, halfRef(c.ref(i), 1))] : [c.get(128, c.ref(i))];
}

/** Operand `i`, as wide as it is: a register, or memory, which must be aligned only where `aligned` says so. */
export function readVec(c: LiftContext, i: number, aligned = false): Vec {
  if (!c.isMem(i)) return registerVec(c, i);
  const bytes = halvesOf(c, i) === 2 ? 32 : 16;
  const at = c.address(bytes);
  if (aligned) align(c, at, bytes);
  return bytes === 32 ? load256(c, at) : [c.load(128, at)];
}

/** Writes the register of operand `i`; above the vector it becomes zero. */
export function setVec(c: LiftContext, i: number, v: Vec): void {
  c.set(128, c.ref(i), v[0]);
  c.set(128, halfRef(c.ref(i), 1), v.length === 2 ? v[1] : zero128(c));
}
export function writeVec(c: LiftContext, i: number, v: Vec, aligned = false): void {
  if (!c.isMem(i)) {
    setVec(c, i, v);
    return;
  }
  const bytes = v.length === 2 ? 32 : 16;
  const at = c.address(bytes, true);
  if (aligned) align(c, at, bytes);
  if (v.length === 2) store256(c, at, v);
  else c.store(128, at, v[0]);
}

/** Zero above the low 128 bits, for what writes those itself. */
export const clearUpper = (c: LiftContext, i: number): void => c.set(128, halfRef(c.ref(i), 1), zero128(c));

/** Operand 1 op operand 2, half by half. */
export const binary = (op: Binary): Lifter => avx((c) => {
  const b = readVec(c, 2);
  const a = registerVec(c, 1);
  setVec(c, 0, a.map((x, h) => op(c, x, b[h])));
});
/** The same with an immediate. */
export const binaryImmediate = (op: (c: LiftContext, a: Value, b: Value, imm: Value) => Value, imm: (c: LiftContext) => Value): Lifter => avx((c) => {
  const b = readVec(c, 2);
  const a = registerVec(c, 1);
  const i = imm(c);
  setVec(c, 0, a.map((x, h) => op(c, x, b[h], i)));
});
/** Of operand 1 alone. */
export const unary = (op: Unary): Lifter => avx((c) => {
  const a = readVec(c, 1);
  setVec(c, 0, a.map((x) => op(c, x)));
});
/** Of all halves at once. */
export const vector2 = (op: (c: LiftContext, a: Vec, b: Vec) => Vec): Lifter => avx((c) => {
  const b = readVec(c, 2);
  setVec(c, 0, op(c, registerVec(c, 1), b));
});
export const vector1 = (op: (c: LiftContext, a: Vec) => Vec): Lifter => avx((c) => setVec(c, 0, op(c, readVec(c, 1))));
