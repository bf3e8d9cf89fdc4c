/** Condition codes from the flags' values: one comparison after CMP, SUB, TEST and logic, the lazy formula (docs/FLAGS.md) otherwise. */
import type { Value } from "../../cpu/ir/ir.ts";
import { PRODUCER } from "../../cpu/lift/flags.ts";
import { CCM_PARITY_SHIFT, CCM_STEP, CCM_STEP_DOWN, CCM_STEP_DOWN_SHIFT } from "../../cpu/layout.ts";
import type { RegionNode } from "./node.ts";
import { bound, INVERSE } from "./simplify.ts";
import { CC_A, CC_B, CC_M, CC_R } from "./slots.ts";

/** What a condition is made of and with. */
interface FlagContext {
  /** PRODUCER of the present flags. */
  readonly producer: number;
  /** The present value of a slot. */
  slot(s: number): RegionNode;
  emit(op: string, args: readonly Value[]): Value;
  i32(n: number): Value;
  i64(n: bigint | number): Value;
}

/** The logical negation of a 0-or-1 value. */
export function invert(c: FlagContext, v: RegionNode): RegionNode {
  const inverse = v.meta.integer !== null && v.args.length === 2 ? INVERSE[v.meta.integer] : undefined;
  if (inverse !== undefined) return c.emit(`${v.op.slice(0, 4)}${inverse}`, v.args) as RegionNode;
  return c.emit("i32.eqz", [v]) as RegionNode;
}

/** By how many bits a CMP's operands were moved to the top of 64, with how a value of that width is sign-extended. */
const EXTEND: ReadonlyMap<bigint, string | null> = new Map([[32n, null], [48n, "i32.extend16_s"], [56n, "i32.extend8_s"]]);

const shiftOf = (v: RegionNode): bigint => (v.op === "i64.shl" && v.args[1].op === "i64.const" ? v.args[1].big : 0n);

/** An operand that was moved up by `shift`, as a 32-bit value; null where it cannot be told. */
function narrow(c: FlagContext, v: RegionNode, shift: bigint, signed: boolean): RegionNode | null {
  if (v.op === "i64.const") {
    if (BigInt.asUintN(Number(shift), v.big) !== 0n) return null;
    const value = signed || shift === 32n ? BigInt.asIntN(64, v.big) >> shift : BigInt.asUintN(64, v.big) >> shift;
    return c.i32(Number(value)) as RegionNode;
  }
  if (shiftOf(v) !== shift) return null;
  const extend = EXTEND.get(shift) ?? null;
  const inner = v.args[0];
  if (extend === null) return c.emit("i32.wrap_i64", [inner]) as RegionNode;
  // The move has cut off what is above the width.
  if (inner.op !== "i64.extend_i32_u" || bound(inner.args[0]) >= 2 ** Number(64n - shift)) return null;
  return signed ? (c.emit(extend, [inner.args[0]]) as RegionNode) : inner.args[0];
}
function compare(c: FlagContext, name: string, a: RegionNode, b: RegionNode): RegionNode {
  const shift = shiftOf(a) === 0n ? shiftOf(b) : shiftOf(a);
  const signed = name.endsWith("_s");
  const x = EXTEND.has(shift) ? narrow(c, a, shift, signed) : null;
  const y = x === null ? null : narrow(c, b, shift, signed);
  return c.emit(x === null || y === null ? `i64.${name}` : `i32.${name}`, x === null || y === null ? [a, b] : [x, y]) as RegionNode;
}
/** The sign-extended result against zero. */
function againstZero(c: FlagContext, name: string, r: RegionNode): RegionNode {
  if (r.op === "i64.extend_i32_s") {
    const x = r.args[0];
    return (name === "eq" ? c.emit("i32.eqz", [x]) : c.emit(`i32.${name}`, [x, c.i32(0)])) as RegionNode;
  }
  return (name === "eq" ? c.emit("i64.eqz", [r]) : c.emit(`i64.${name}`, [r, c.i64(0)])) as RegionNode;
}

/** The sign-extended result against a constant of its width. */
function equals(c: FlagContext, r: RegionNode, value: bigint): RegionNode {
  return (r.op === "i64.extend_i32_s" ? c.emit("i32.eq", [r.args[0], c.i32(Number(value))]) : c.emit("i64.eq", [r, c.i64(value)])) as RegionNode;
}
/** OF after INC and DEC: the result, for DEC plus one, is the lowest number of its width. */
function stepOverflow(c: FlagContext, r: RegionNode, m: RegionNode): RegionNode {
  const down = c.emit("i32.and", [c.emit("i32.shr_u", [m, c.i32(CCM_STEP_DOWN_SHIFT)]), c.i32(1)]);
  const lowest = c.emit("i64.add", [r, c.emit("i64.extend_i32_u", [down])]);
  // A shift counts modulo 64: the low bits of ccM.
  return c.emit("i64.eq", [c.emit("i64.shl", [lowest, c.emit("i64.extend_i32_u", [m])]), c.i64(-0x8000000000000000n)]) as RegionNode;
}

export function condition(c: FlagContext, code: number): RegionNode {
  const v = positive(c, code & ~1);
  return code & 1 ? invert(c, v) : v;
}

function positive(c: FlagContext, code: number): RegionNode {
  const producer = c.producer;
  const a = (): RegionNode => c.slot(CC_A);
  const b = (): RegionNode => c.slot(CC_B);
  const r = (): RegionNode => c.slot(CC_R);
  if (producer === PRODUCER.sub) {
    switch (code) {
      case 2: return compare(c, "lt_u", a(), b());
      case 4: return compare(c, "eq", a(), b());
      case 6: return compare(c, "le_u", a(), b());
      case 8: return againstZero(c, "lt_s", r());
      case 12: return compare(c, "lt_s", a(), b());
      case 14: return compare(c, "le_s", a(), b());
    }
  } else if (producer === PRODUCER.logic) {
    switch (code) {
      case 0: case 2: return c.i32(0) as RegionNode;
      case 4: case 6: return againstZero(c, "eq", r());
      case 8: case 12: return againstZero(c, "lt_s", r());
      case 14: return againstZero(c, "le_s", r());
    }
  }
  const or = (x: RegionNode, y: RegionNode): RegionNode => c.emit("i32.or", [x, y]) as RegionNode;
  const xor = (x: RegionNode, y: RegionNode): RegionNode => c.emit("i32.xor", [x, y]) as RegionNode;
  const zero = (): RegionNode => againstZero(c, "eq", r());
  const overflow = (): RegionNode => {
    if (producer === PRODUCER.sub || producer === PRODUCER.add) return lazyOverflow();
    const m = c.slot(CC_M);
    if (m.op !== "i32.const") return c.emit("select.i32", [stepOverflow(c, r(), m), lazyOverflow(), c.emit("i32.and", [m, c.i32(CCM_STEP)])]) as RegionNode;
    if ((m.imm & CCM_STEP) === 0) return lazyOverflow();
    const lowest = -(1n << BigInt(63 - (m.imm & 63)));
    return equals(c, r(), m.imm & CCM_STEP_DOWN ? -1n - lowest : lowest);
  };
  const lazyOverflow = (): RegionNode => {
    const x = a();
    const y = b();
    return xor(c.emit("i64.lt_s", [x, y]) as RegionNode, c.emit("i64.lt_s", [c.emit("i64.sub", [x, y]), c.i64(0)]) as RegionNode);
  };
  const sign = (): RegionNode => {
    const plain = againstZero(c, "lt_s", r());
    const m = c.slot(CC_M);
    if (m.op === "i32.const" && m.imm >= 0) return plain;
    return or(plain, c.emit("i32.shr_u", [m, c.i32(31)]) as RegionNode);
  };
  switch (code) {
    case 0: return overflow();
    case 2: return compare(c, "lt_u", a(), b());
    case 4: return zero();
    case 6: return or(compare(c, "lt_u", a(), b()), zero());
    case 8: return sign();
    case 10: {
      const m = c.slot(CC_M);
      const low = c.emit("i32.wrap_i64", [r()]);
      const bits = c.emit("i32.xor", [low, c.emit("i32.shr_u", [m, c.i32(CCM_PARITY_SHIFT)])]);
      const ones = c.emit("i32.popcnt", [c.emit("i32.and", [bits, c.i32(255)])]);
      return c.emit("i32.eqz", [c.emit("i32.and", [ones, c.i32(1)])]) as RegionNode;
    }
    case 12: return xor(sign(), overflow());
    default: return or(xor(sign(), overflow()), zero());
  }
}
