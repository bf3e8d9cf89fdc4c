/** BMI1 and BMI2. SDM Vol. 2. Legacy modes ask the gate, for real and virtual-8086 mode have no VEX. */
import type { Value } from "../ir/ir.ts";
import { gpr, RDX, type LiftContext } from "./context.ts";
import { highUnsigned } from "./muldiv.ts";
import { type Lifter, type LifterTable, stateful } from "./registry.ts";
import { gate } from "./sse-common.ts";

/** `f` sees the width of the operation, 32 or 64. */
const vex = (f: (c: LiftContext, w: number) => void): Lifter => stateful((c) => {
  if (!c.mode64) gate(c, 8);
  f(c, c.operand(0).width);
});

const ones = (c: LiftContext, w: number): Value => c.constant(w, -1);
const flag = (c: LiftContext, w: number, v: Value): Value => c.bin(w, "ne", v, c.constant(w, 0));

const andn = vex((c, w) => {
  const b = c.readOp(2);
  const r = c.bin(w, "and", c.bin(w, "xor", c.readOp(1), ones(c, w)), b);
  c.writeOp(0, r);
  c.flags.logic(c, w, r);
});

/** BLSR, BLSMSK, BLSI; CF says that the source is zero, for BLSI that it is not. */
const lowest = (op: (c: LiftContext, w: number, v: Value) => Value, carryWhenZero: boolean): Lifter => vex((c, w) => {
  const v = c.readOp(1);
  const r = op(c, w, v);
  const cf = carryWhenZero ? c.un(w, "eqz", v) : flag(c, w, v);
  c.writeOp(0, r);
  c.flags.explicit(c, w, r, cf, null);
});
const minusOne = (c: LiftContext, w: number, v: Value): Value => c.bin(w, "sub", v, c.constant(w, 1));

/** The low `n` bits set; all of them from `w` up. `n` has the operation's type. */
const lowBits = (c: LiftContext, w: number, n: Value): Value =>
  c.select(c.bin(w, "lt_u", n, c.constant(w, w)), minusOne(c, w, c.bin(w, "shl", c.constant(w, 1), n)), ones(c, w));
const byteOf = (c: LiftContext, w: number, v: Value, shift: number): Value =>
  c.bin(w, "and", c.bin(w, "shr_u", v, c.constant(w, shift)), c.constant(w, 255));

const bzhi = vex((c, w) => {
  const v = c.readOp(1);
  const n = byteOf(c, w, c.readOp(2), 0);
  const r = c.bin(w, "and", v, lowBits(c, w, n));
  const cf = c.bin(w, "ge_u", n, c.constant(w, w));
  c.writeOp(0, r);
  c.flags.explicit(c, w, r, cf, null);
});
const bextr = vex((c, w) => {
  const v = c.readOp(1);
  const control = c.readOp(2);
  const start = byteOf(c, w, control, 0);
  const shifted = c.select(c.bin(w, "lt_u", start, c.constant(w, w)), c.bin(w, "shr_u", v, start), c.constant(w, 0));
  const r = c.bin(w, "and", shifted, lowBits(c, w, byteOf(c, w, control, 8)));
  c.writeOp(0, r);
  c.flags.logic(c, w, r);
});

const parallel = (op: "i64.pext" | "i64.pdep"): Lifter => vex((c, w) => {
  const mask = c.zext64(c.readOp(2));
  const r = c.emit(op, [c.zext64(c.readOp(1)), mask]);
  c.writeOp(0, w === 64 ? r : c.wrap(r));
});

/** The high half is written last: it wins where both destinations are one register. */
const mulx = vex((c, w) => {
  const b = c.readOp(2);
  const a = c.get(w, gpr(RDX));
  if (w === 64) {
    const high = highUnsigned(c, a, b);
    c.writeOp(1, c.emit("i64.mul", [a, b]));
    c.writeOp(0, high);
    return;
  }
  const product = c.emit("i64.mul", [c.zext64(a), c.zext64(b)]);
  c.writeOp(1, c.wrap(product));
  c.writeOp(0, c.wrap(c.emit("i64.shr_u", [product, c.i64(32)])));
});

/** WebAssembly masks the count just so. */
const shiftBy = (op: "shl" | "shr_u" | "shr_s" | "rotr"): Lifter => vex((c, w) => {
  const v = c.readOp(1);
  c.writeOp(0, c.bin(w, op, v, c.readOp(2, w)));
});

export const BMI: LifterTable = {
  andn, bzhi, bextr, mulx, pext: parallel("i64.pext"), pdep: parallel("i64.pdep"),
  blsr: lowest((c, w, v) => c.bin(w, "and", minusOne(c, w, v), v), true),
  blsmsk: lowest((c, w, v) => c.bin(w, "xor", minusOne(c, w, v), v), true),
  blsi: lowest((c, w, v) => c.bin(w, "and", c.bin(w, "sub", c.constant(w, 0), v), v), false),
  shlx: shiftBy("shl"), shrx: shiftBy("shr_u"), sarx: shiftBy("shr_s"), rorx: shiftBy("rotr"),
};
