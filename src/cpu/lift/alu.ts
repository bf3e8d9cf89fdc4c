/** Integer arithmetic and logic: SDM Vol. 2, ADD to XOR, INC, DEC, NEG, NOT, CMP, TEST, XADD, CMPXCHG. */
import type { Value } from "../ir/ir.ts";
import { gpr, RAX, RBX, RCX, RDX, type LiftContext } from "./context.ts";
import { COND } from "./flags.ts";
import type { LifterTable } from "./registry.ts";

/** Bits of a constant of `width`: only the low ones count. */
const topBit = (c: LiftContext, width: number, v: Value): Value => {
  const shifted = c.bin(width, "shr_u", c.mask(width, v), c.constant(width, width - 1));
  return c.wrap(shifted);
};

function addWithCarry(c: LiftContext, width: number, a: Value, b: Value, carryIn: Value): { result: Value; flags: () => void } {
  const cin = width === 64 ? c.zext64(carryIn) : carryIn;
  const ma = c.mask(width, a);
  const mb = c.mask(width, b);
  const partial = c.bin(width, "add", ma, mb);
  const result = c.bin(width, "add", partial, cin);
  return {
    result,
    flags: () => {
      let cf: Value;
      if (width === 64 || width === 32) {
        cf = c.emit("i32.or", [c.bin(width, "lt_u", partial, ma), c.bin(width, "lt_u", result, partial)]);
      } else cf = c.bin(32, "shr_u", result, c.i32(width));
      const of = topBit(c, width, c.bin(width, "and", c.bin(width, "xor", ma, result), c.bin(width, "xor", mb, result)));
      c.flags.explicit(c, width, result, cf, of, auxiliaryOf(c, width, ma, mb, result));
    },
  };
}

function subWithBorrow(c: LiftContext, width: number, a: Value, b: Value, borrowIn: Value): { result: Value; flags: () => void } {
  const bin = width === 64 ? c.zext64(borrowIn) : borrowIn;
  const ma = c.mask(width, a);
  const mb = c.mask(width, b);
  const partial = c.bin(width, "sub", ma, mb);
  const result = c.bin(width, "sub", partial, bin);
  return {
    result,
    flags: () => {
      const cf = c.emit("i32.or", [c.bin(width, "lt_u", ma, mb), c.emit("i32.and", [c.bin(width, "eq", ma, mb), borrowIn])]);
      const of = topBit(c, width, c.bin(width, "and", c.bin(width, "xor", ma, mb), c.bin(width, "xor", ma, result)));
      c.flags.explicit(c, width, result, cf, of, auxiliaryOf(c, width, ma, mb, result));
    },
  };
}

function auxiliaryOf(c: LiftContext, width: number, a: Value, b: Value, r: Value): Value {
  const x = c.wrap(c.bin(width, "xor", c.bin(width, "xor", a, b), r));
  return c.emit("i32.and", [c.emit("i32.shr_u", [x, c.i32(4)]), c.i32(1)]);
}

/** Operand 0 op operand 1, written back. The store comes before the flags: it may fault. */
function binary(name: "add" | "sub" | "and" | "or" | "xor") {
  return (c: LiftContext): void => {
    const w = c.width;
    const b = c.readOp(1, w);
    const m = c.modify();
    const result = c.bin(w, name, m.old, b);
    m.commit(result);
    if (name === "add") c.flags.add(c, w, b, result);
    else if (name === "sub") c.flags.sub(c, w, m.old, b, result);
    else c.flags.logic(c, w, result);
  };
}

function carryBinary(subtract: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const b = c.readOp(1, w);
    const m = c.modify();
    const cin = c.flags.test(c, COND.B);
    const r = subtract ? subWithBorrow(c, w, m.old, b, cin) : addWithCarry(c, w, m.old, b, cin);
    m.commit(r.result);
    r.flags();
  };
}

/** INC and DEC leave CF alone. */
function step(by: 1 | -1) {
  return (c: LiftContext): void => {
    const w = c.width;
    const m = c.modify();
    const result = c.bin(w, "add", m.old, c.constant(w, by));
    m.commit(result);
    c.flags.step(c, w, by, result);
  };
}

function cmp(c: LiftContext): void {
  const w = c.width;
  const a = c.readOp(0);
  const b = c.readOp(1, w);
  c.flags.sub(c, w, a, b, c.bin(w, "sub", a, b));
}

function test(c: LiftContext): void {
  const w = c.width;
  const a = c.readOp(0);
  c.flags.logic(c, w, c.bin(w, "and", a, c.readOp(1, w)));
}

function neg(c: LiftContext): void {
  const w = c.width;
  const m = c.modify();
  const zero = c.constant(w, 0);
  const result = c.bin(w, "sub", zero, m.old);
  m.commit(result);
  c.flags.sub(c, w, zero, m.old, result);
}

function not(c: LiftContext): void {
  const w = c.width;
  const m = c.modify();
  m.commit(c.bin(w, "xor", m.old, c.constant(w, -1)));
}

function xadd(c: LiftContext): void {
  const w = c.width;
  const b = c.readOp(1);
  const m = c.modify();
  const result = c.bin(w, "add", m.old, b);
  if (c.isMem(0)) {
    m.commit(result);
    c.writeOp(1, m.old);
  } else {
    // With equal registers the sum wins.
    c.writeOp(1, m.old);
    m.commit(result);
  }
  c.flags.add(c, w, b, result);
}

function xchg(c: LiftContext): void {
  const b = c.readOp(1);
  const m = c.modify();
  m.commit(b);
  c.writeOp(1, m.old);
}

/** Memory is written in either case (SDM: "the processor never produces a locked read without a locked write"). */
function cmpxchg(c: LiftContext): void {
  const w = c.width;
  const source = c.readOp(1);
  const acc = c.get(w, gpr(RAX));
  const m = c.modify();
  const equal = c.bin(w, "eq", acc, m.old);
  const result = c.bin(w, "sub", acc, m.old);
  const old = c.variable(m.old);
  const wasEqual = c.variable(equal);
  c.flags.sub(c, w, acc, m.old, result);
  if (c.isMem(0)) m.commit(c.select(equal, source, m.old));
  // A register is written, and a 32-bit one zero-extended, only where the comparison succeeds; then RAX stays as it is. (The SDM's
  // DEST <- TEMP for the failed case is the bus cycle; measured on silicon.)
  else c.if(c.read(wasEqual), () => m.commit(source));
  c.if(c.emit("i32.eqz", [c.read(wasEqual)]), () => {
    c.setReg(w, gpr(RAX), c.read(old));
  });
}

function cmpxchg8b(c: LiftContext): void {
  const at = c.address(8, true);
  const join = (high: number, low: number): Value => c.emit("i64.or", [
    c.emit("i64.shl", [c.zext64(c.get(32, gpr(high))), c.i64(32)]), c.zext64(c.get(32, gpr(low)))]);
  const m = c.modifyAt(at, 64);
  const equal = c.emit("i64.eq", [m.old, join(RDX, RAX)]);
  const old = c.variable(m.old);
  const same = c.variable(equal);
  m.commit(c.select(equal, join(RCX, RBX), m.old));
  c.if(c.emit("i32.eqz", [c.read(same)]), () => {
    c.setReg(32, gpr(RAX), c.wrap(c.read(old)));
    c.setReg(32, gpr(RDX), c.wrap(c.emit("i64.shr_u", [c.read(old), c.i64(32)])));
  });
  c.flags.zero(c, c.read(same));
}

function cmpxchg16b(c: LiftContext): void {
  const at = c.variable(c.address(16, true));
  // SDM: #GP(0) unless aligned to 16.
  c.if(c.wrap(c.emit("i64.and", [c.read(at), c.i64(15)])), () => c.call("raise", c.i32(13)));
  const p = c.emit("rmw.begin", [c.read(at)], { imm: 16 });
  const low = c.emit("raw.ld.64", [p]);
  const high = c.emit("raw.ld.64", [c.emit("i32.add", [p, c.i32(8)])]);
  const equal = c.emit("i32.and", [c.emit("i64.eq", [low, c.get(64, gpr(RAX))]), c.emit("i64.eq", [high, c.get(64, gpr(RDX))])]);
  const same = c.variable(equal);
  const oldLow = c.variable(low);
  const oldHigh = c.variable(high);
  c.emit("raw.st.64", [p, c.select(equal, c.get(64, gpr(RBX)), low)]);
  c.emit("raw.st.64", [c.emit("i32.add", [p, c.i32(8)]), c.select(equal, c.get(64, gpr(RCX)), high)]);
  c.emit("rmw.end", [p]);
  c.if(c.emit("i32.eqz", [c.read(same)]), () => {
    c.set(64, gpr(RAX), c.read(oldLow));
    c.set(64, gpr(RDX), c.read(oldHigh));
  });
  c.flags.zero(c, c.read(same));
}

/** ADCX and ADOX: one flag as carry in and out, the others untouched. */
function adx(overflow: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const a = c.readOp(0);
    const b = c.readOp(1);
    const other = c.flags.test(c, overflow ? COND.B : COND.O);
    const cin = c.flags.test(c, overflow ? COND.O : COND.B);
    const partial = c.bin(w, "add", a, b);
    const result = c.bin(w, "add", partial, w === 64 ? c.zext64(cin) : cin);
    const out = c.emit("i32.or", [c.bin(w, "lt_u", partial, a), c.bin(w, "lt_u", result, partial)]);
    c.writeOp(0, result);
    if (overflow) c.flags.carry(c, other, out);
    else c.flags.carry(c, out, other);
  };
}

export const ALU: LifterTable = {
  add: binary("add"), sub: binary("sub"), and: binary("and"), or: binary("or"), xor: binary("xor"),
  adc: carryBinary(false), sbb: carryBinary(true),
  inc: step(1), dec: step(-1), cmp, test, neg, not, xadd, xchg, cmpxchg, cmpxchg8b, cmpxchg16b,
  adcx: adx(false), adox: adx(true),
};
