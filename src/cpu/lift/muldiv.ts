/** Multiplication and division. SDM Vol. 2: MUL, IMUL, DIV, IDIV. */
import type { Value } from "../ir/ir.ts";
import { plus } from "../ir/ir.ts";
import { VECTOR } from "../fault.ts";
import { gpr, RAX, RDX, type LiftContext } from "./context.ts";
import type { LifterTable } from "./registry.ts";

/** High 64 bits of the unsigned 128-bit product, by 32-bit halves. */
export function highUnsigned(c: LiftContext, a: Value, b: Value): Value {
  const mask = c.i64(0xffffffffn);
  const s32 = c.i64(32);
  const mul = (x: Value, y: Value): Value => c.emit("i64.mul", [x, y]);
  const add = (x: Value, y: Value): Value => c.emit("i64.add", [x, y]);
  const high = (x: Value): Value => c.emit("i64.shr_u", [x, s32]);
  const low = (x: Value): Value => c.emit("i64.and", [x, mask]);
  const a0 = low(a), a1 = high(a), b0 = low(b), b1 = high(b);
  const middle = add(mul(a1, b0), high(mul(a0, b0)));
  const middle2 = add(mul(a0, b1), low(middle));
  return add(mul(a1, b1), add(high(middle), high(middle2)));
}

/** From the unsigned one: subtract b where a is negative, and a where b is. */
function highSigned(c: LiftContext, a: Value, b: Value): Value {
  const sign = (x: Value): Value => c.emit("i64.shr_s", [x, c.i64(63)]);
  const fix = c.emit("i64.add", [c.emit("i64.and", [sign(a), b]), c.emit("i64.and", [sign(b), a])]);
  return c.emit("i64.sub", [highUnsigned(c, a, b), fix]);
}

/** One-operand MUL and IMUL: rDX:rAX (AX for bytes). CF = OF = the upper half is significant. */
function wide(signed: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const a = c.get(w, gpr(RAX));
    const b = c.readOp(0);
    if (w === 64) {
      const lo = c.emit("i64.mul", [a, b]);
      const hi = signed ? highSigned(c, a, b) : highUnsigned(c, a, b);
      c.set(64, gpr(RAX), lo);
      c.set(64, gpr(RDX), hi);
      const over = signed ? c.emit("i64.ne", [hi, c.emit("i64.shr_s", [lo, c.i64(63)])]) : c.emit("i64.ne", [hi, c.i64(0)]);
      c.flags.explicit(c, w, lo, over, over);
      return;
    }
    const extend = (v: Value): Value => (signed ? c.sext64(w, v) : c.zext64(v));
    const product = c.emit("i64.mul", [extend(a), extend(b)]);
    const lo = c.wrap(product);
    if (w === 8) c.set(16, gpr(RAX), lo);
    else {
      c.setReg(w, gpr(RAX), lo);
      c.setReg(w, gpr(RDX), c.wrap(c.emit("i64.shr_u", [product, c.i64(w)])));
    }
    const back = signed ? c.sext64(w, lo) : c.zext64(c.mask(w, lo));
    const over = c.emit("i64.ne", [product, back]);
    c.flags.explicit(c, w, lo, over, over);
  };
}

/** IMUL r, r/m and r, r/m, imm. */
function truncating(operandA: number, operandB: number) {
  return (c: LiftContext): void => {
    const w = c.width;
    const b = c.readOp(operandB, w);
    const a = c.readOp(operandA);
    if (w === 64) {
      const lo = c.emit("i64.mul", [a, b]);
      const over = c.emit("i64.ne", [highSigned(c, a, b), c.emit("i64.shr_s", [lo, c.i64(63)])]);
      c.writeOp(0, lo);
      c.flags.explicit(c, w, lo, over, over);
      return;
    }
    const product = c.emit("i64.mul", [c.sext64(w, a), c.sext64(w, b)]);
    const lo = c.wrap(product);
    const over = c.emit("i64.ne", [product, c.sext64(w, lo)]);
    c.writeOp(0, lo);
    c.flags.explicit(c, w, lo, over, over);
  };
}

/** DIV and IDIV: #DE for a zero divisor or a quotient that does not fit. The flags are undefined and stay. */
function divide(signed: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const divisor = c.variable(c.readOp(0));
    if (w === 64) {
      divide64(c, signed, c.read(divisor));
      return;
    }
    const d = c.variable(signed ? c.sext64(w, c.read(divisor)) : c.zext64(c.read(divisor)));
    let dividend: Value;
    if (w === 8) {
      const ax = c.get(16, gpr(RAX));
      dividend = signed ? c.sext64(16, ax) : c.zext64(ax);
    } else {
      const joined = c.emit("i64.or", [c.emit("i64.shl", [c.zext64(c.get(w, gpr(RDX))), c.i64(w)]), c.zext64(c.get(w, gpr(RAX)))]);
      dividend = w === 16 && signed ? c.sext64(32, joined) : joined;
    }
    const n = c.variable(dividend);
    c.if(c.emit("i64.eqz", [c.read(d)]), () => c.call("raise", c.i32(VECTOR.DE)));
    if (signed && w === 32) {
      // The one quotient that i64.div_s itself cannot give.
      const worst = c.emit("i32.and", [c.emit("i64.eq", [c.read(n), c.i64(-0x8000000000000000n)]), c.emit("i64.eq", [c.read(d), c.i64(-1)])]);
      c.if(worst, () => c.call("raise", c.i32(VECTOR.DE)));
    }
    const q = c.variable(c.emit(signed ? "i64.div_s" : "i64.div_u", [c.read(n), c.read(d)]));
    const fits = signed ? c.sext64(w, c.wrap(c.read(q))) : c.zext64(c.mask(w, c.wrap(c.read(q))));
    c.if(c.emit("i64.ne", [fits, c.read(q)]), () => c.call("raise", c.i32(VECTOR.DE)));
    const quotient = c.wrap(c.read(q));
    const remainder = c.wrap(c.emit(signed ? "i64.rem_s" : "i64.rem_u", [c.read(n), c.read(d)]));
    if (w === 8) {
      c.set(8, gpr(RAX), quotient);
      c.set(8, plus(gpr(RAX), 1), remainder);
    } else {
      c.setReg(w, gpr(RAX), quotient);
      c.setReg(w, gpr(RDX), remainder);
    }
  };
}

/** RDX:RAX by 64 bits: inline when RDX is only the extension of RAX, otherwise in TypeScript. */
function divide64(c: LiftContext, signed: boolean, divisor: Value): void {
  const d = c.variable(divisor);
  const low = c.variable(c.get(64, gpr(RAX)));
  const high = c.get(64, gpr(RDX));
  let simple = signed
    ? c.emit("i64.eq", [high, c.emit("i64.shr_s", [c.read(low), c.i64(63)])])
    : c.emit("i64.eqz", [high]);
  simple = c.emit("i32.and", [simple, c.emit("i64.ne", [c.read(d), c.i64(0)])]);
  if (signed) simple = c.emit("i32.and", [simple, c.emit("i64.ne", [c.read(d), c.i64(-1)])]);
  c.if(simple, () => {
    c.set(64, gpr(RAX), c.emit(signed ? "i64.div_s" : "i64.div_u", [c.read(low), c.read(d)]));
    c.set(64, gpr(RDX), c.emit(signed ? "i64.rem_s" : "i64.rem_u", [c.read(low), c.read(d)]));
  }, () => c.call("divide128", c.read(d), c.i32(signed ? 1 : 0)));
}

export const MULDIV: LifterTable = {
  mul: wide(false), imul: wide(true), imul2: truncating(0, 1), imul3: truncating(1, 2), div: divide(false), idiv: divide(true),
};
