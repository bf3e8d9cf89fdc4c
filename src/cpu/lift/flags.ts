/** The arithmetic flags, in one place: how each kind of operation leaves them, and how they are read. docs/FLAGS.md. */
import type { Builder, Value } from "../ir/ir.ts";
import { fixed } from "../ir/ir.ts";
import { ARITH_FLAGS, CCM_AF, CCM_AF_EXPLICIT, CCM_STEP, CCM_STEP_DOWN, CCM_STEP_DOWN_SHIFT, STATE } from "../layout.ts";

/** Condition codes, SDM Vol. 1 App. B. Odd ones negate. */
export const COND = { O: 0, B: 2, Z: 4, BE: 6, S: 8, P: 10, L: 12, LE: 14 } as const;

/** What set the flags (cc.set's immediate): conditions after a subtraction fold into one comparison. */
export const PRODUCER = { other: 0, sub: 1, logic: 2, add: 3 } as const;

export const test = (b: Builder, condition: number): Value => b.emit("cc.test", [], { imm: condition });

/** What says how OF and AF follow from the rest. */
const CCM_STEPPED = CCM_STEP | CCM_STEP_DOWN;

function set(b: Builder, r: Value, a: Value, bb: Value, m: Value, producer: number = PRODUCER.other): void {
  b.emit("cc.set", [r, a, bb, m], { imm: producer });
}
const top = (b: Builder, width: number, v: Value): Value => (width === 64 ? v : b.emit("i64.shl", [b.zext64(v), b.i64(64 - width)]));

/** a + b = result. */
export function add(b: Builder, width: number, addend: Value, result: Value): void {
  set(b, b.sext64(width, result), top(b, width, result), top(b, width, addend), b.i32(64 - width), PRODUCER.add);
}
/** a - b = result (also CMP, NEG with a = 0). */
export function sub(b: Builder, width: number, a: Value, subtrahend: Value, result: Value): void {
  set(b, b.sext64(width, result), top(b, width, a), top(b, width, subtrahend), b.i32(64 - width), PRODUCER.sub);
}
/** AND, OR, XOR, TEST: CF = OF = 0, AF cleared (undefined by the manual, cleared by hardware). */
export function logic(b: Builder, width: number, result: Value): void {
  set(b, b.sext64(width, result), b.i64(0), b.i64(0), b.i32(CCM_AF_EXPLICIT), PRODUCER.logic);
}

/** a + 1 (INC) or a - 1 (DEC) = result: CF stays, which A and B are left for. */
export function step(b: Builder, width: number, by: 1 | -1, result: Value): void {
  const m = (64 - width) | CCM_STEP | (by === 1 ? 0 : CCM_STEP_DOWN);
  set(b, b.sext64(width, result), b.get(64, fixed(STATE.ccA)), b.get(64, fixed(STATE.ccB)), b.i32(m));
}
/** Shifted left, last by one from `half`, which is half + half = result but for AF. */
export function shiftLeft(b: Builder, width: number, half: Value, result: Value): void {
  set(b, b.sext64(width, result), top(b, width, result), top(b, width, half), b.i32(CCM_AF_EXPLICIT));
}
/** CF is the top bit of `last`, and so is OF (undefined by the manual). */
export function shiftRight(b: Builder, width: number, last: Value, result: Value): void {
  set(b, b.sext64(width, result), b.i64(0x7fffffffffffffffn), last, b.i32(CCM_AF_EXPLICIT));
}

function pair(b: Builder, cf: Value, of: Value | null): [Value, Value] {
  const c = b.zext64(cf);
  if (of === null) return [b.i64(0), c];
  const min = b.i64(-0x8000000000000000n);
  return [
    b.select(of, b.emit("i64.sub", [min, c]), b.i64(0)),
    b.select(of, b.select(cf, min, b.i64(1)), c),
  ];
}

/** Everything given: SF, ZF, PF from the result; cf, of (null: clear), af (null: clear) are i32 0 or 1. */
export function explicit(b: Builder, width: number, result: Value, cf: Value, of: Value | null, af: Value | null = null): void {
  const [a, bb] = pair(b, cf, of);
  const m = af === null ? b.i32(CCM_AF_EXPLICIT) : b.emit("i32.or", [b.i32(CCM_AF_EXPLICIT), b.emit("i32.shl", [af, b.i32(17)])]);
  set(b, b.sext64(width, result), a, bb, m);
}

/** AF as it stands, 0 or 1. */
export function auxiliary(b: Builder): Value {
  const m = b.get(32, fixed(STATE.ccM));
  const a = b.get(64, fixed(STATE.ccA));
  const bb = b.get(64, fixed(STATE.ccB));
  const x = b.emit("i64.xor", [b.emit("i64.xor", [a, bb]), b.emit("i64.sub", [a, bb])]);
  const shift = b.emit("i64.and", [b.zext64(m), b.i64(63)]);
  const lazy = b.emit("i32.and", [b.wrap(b.emit("i64.shr_u", [b.emit("i64.shr_u", [x, shift]), b.i64(4)])), b.i32(1)]);
  const given = b.emit("i32.and", [b.emit("i32.shr_u", [m, b.i32(17)]), b.i32(1)]);
  const down = b.emit("i32.and", [b.emit("i32.shr_u", [m, b.i32(CCM_STEP_DOWN_SHIFT)]), b.i32(1)]);
  const nibble = b.emit("i32.and", [b.emit("i32.add", [b.wrap(b.get(64, fixed(STATE.ccR))), down]), b.i32(15)]);
  const stepped = b.select(b.emit("i32.and", [m, b.i32(CCM_STEP)]), b.emit("i32.eqz", [nibble]), lazy);
  return b.select(b.emit("i32.and", [m, b.i32(CCM_AF_EXPLICIT)]), given, stepped);
}

/** Changes CF and OF (null: OF as it is); the other four stay. */
export function carry(b: Builder, cf: Value, of: Value | null): void {
  const overflow = of ?? test(b, COND.O);
  const af = auxiliary(b);
  const kept = b.emit("i32.and", [b.get(32, fixed(STATE.ccM)), b.i32(~(63 | CCM_AF | CCM_STEPPED))]);
  const m = b.emit("i32.or", [b.emit("i32.or", [kept, b.i32(CCM_AF_EXPLICIT)]), b.emit("i32.shl", [af, b.i32(17)])]);
  const [a, bb] = pair(b, cf, overflow);
  set(b, b.get(64, fixed(STATE.ccR)), a, bb, m);
}

/** CF only, where OF, AF, SF and PF are undefined or cleared and ZF stays (BT family). */
export function carryOnly(b: Builder, cf: Value): void {
  set(b, b.get(64, fixed(STATE.ccR)), b.i64(0), b.zext64(cf),
    b.emit("i32.or", [b.emit("i32.and", [b.get(32, fixed(STATE.ccM)), b.i32(~(63 | CCM_AF | CCM_STEPPED))]), b.i32(CCM_AF_EXPLICIT)]));
}

/** ZF, PF, CF as COMISS and friends set them: i32 values 0 or 1; OF, SF, AF clear. */
export function compareFloat(b: Builder, zf: Value, pf: Value, cf: Value): void {
  const [a, bb] = pair(b, cf, null);
  // The low byte of R stays zero, whose parity is even: the XOR byte is 1 where PF is to be clear.
  const r = b.select(zf, b.i64(0), b.i64(0x100));
  const m = b.emit("i32.or", [b.emit("i32.shl", [b.emit("i32.eqz", [pf]), b.i32(8)]), b.i32(CCM_AF_EXPLICIT)]);
  set(b, r, a, bb, m);
}

/** ZF alone changes (CMPXCHG8B, LAR, VERR...): the other five stay. */
export function zero(b: Builder, zf: Value): void {
  const sf = test(b, COND.S);
  const pf = test(b, COND.P);
  const cf = test(b, COND.B);
  const of = test(b, COND.O);
  const af = auxiliary(b);
  const [a, bb] = pair(b, cf, of);
  const r = b.select(zf, b.i64(0), b.i64(0x100));
  let m = b.emit("i32.or", [b.i32(CCM_AF_EXPLICIT), b.emit("i32.shl", [af, b.i32(17)])]);
  m = b.emit("i32.or", [m, b.emit("i32.shl", [sf, b.i32(31)])]);
  m = b.emit("i32.or", [m, b.emit("i32.shl", [b.emit("i32.eqz", [pf]), b.i32(8)])]);
  set(b, r, a, bb, m);
}

/** The low byte of RFLAGS as LAHF stores it. */
export function lowByte(b: Builder): Value {
  const bit = (v: Value, n: number): Value => b.emit("i32.shl", [v, b.i32(n)]);
  let f = b.emit("i32.or", [b.i32(2), test(b, COND.B)]);
  f = b.emit("i32.or", [f, bit(test(b, COND.P), 2)]);
  f = b.emit("i32.or", [f, bit(auxiliary(b), 4)]);
  f = b.emit("i32.or", [f, bit(test(b, COND.Z), 6)]);
  return b.emit("i32.or", [f, bit(test(b, COND.S), 7)]);
}

/** All of RFLAGS, i32. */
export function image(b: Builder): Value {
  const arithmetic = b.emit("i32.or", [lowByte(b), b.emit("i32.shl", [test(b, COND.O), b.i32(11)])]);
  return b.emit("i32.or", [b.get(32, fixed(STATE.eflags)), arithmetic]);
}

/** Sets SF ZF AF PF CF from a byte laid out as in RFLAGS (SAHF); OF stays. */
export function setLowByte(b: Builder, byte: Value): void {
  setArithmetic(b, byte, test(b, COND.O));
}

/** Sets all of RFLAGS from an i32. */
export function setImage(b: Builder, v: Value): void {
  b.set(32, fixed(STATE.eflags), b.emit("i32.or", [b.emit("i32.and", [v, b.i32(~ARITH_FLAGS)]), b.i32(2)]));
  setArithmetic(b, v, b.emit("i32.and", [b.emit("i32.shr_u", [v, b.i32(11)]), b.i32(1)]));
}

function setArithmetic(b: Builder, byte: Value, of: Value): void {
  const bit = (n: number): Value => b.emit("i32.and", [b.emit("i32.shr_u", [byte, b.i32(n)]), b.i32(1)]);
  const [a, bb] = pair(b, bit(0), of);
  const r = b.select(bit(6), b.i64(0), b.i64(0x100));
  let m = b.emit("i32.or", [b.i32(CCM_AF_EXPLICIT), b.emit("i32.shl", [bit(4), b.i32(17)])]);
  m = b.emit("i32.or", [m, b.emit("i32.shl", [bit(7), b.i32(31)])]);
  m = b.emit("i32.or", [m, b.emit("i32.shl", [b.emit("i32.eqz", [bit(2)]), b.i32(8)])]);
  set(b, r, a, bb, m);
}
