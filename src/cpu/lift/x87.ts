/** x87: control instructions inline; arithmetic through helpers on 80-bit values. SDM Vol. 1 chapter 8. */
import {
  ARITH, CW_FIXED, CW_INIT, CW_WRITABLE, ENV_OP, environmentSize, FORMAT, MEM_LOAD, REG_OP, REGISTERS_SIZE, STORE_POP, STORE_TRUNCATE, SW,
} from "../helpers/x87-ops.ts";
import { fixed, plus, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import type { LiftContext } from "./context.ts";
import { COND } from "./flags.ts";
import type { Lifter, LifterTable } from "./registry.ts";

const control = (c: LiftContext): Value => c.get(32, fixed(STATE.fpuCw));
const status = (c: LiftContext): Value => c.get(32, fixed(STATE.fpuSw));
const RET = fixed(STATE.ret);

/** The exceptions in a status word that a control word does not mask. */
function unmasked(c: LiftContext, sw: Value, cw: Value): Value {
  const masks = c.emit("i32.xor", [cw, c.i32(0x3f)]);
  return c.emit("i32.and", [c.emit("i32.and", [sw, masks]), c.i32(0x3f)]);
}

/** CR0.EM and CR0.TS make every x87 instruction trap. */
const gated = (f: (c: LiftContext) => void): Lifter => (c) => {
  c.if(c.emit("i32.and", [c.get(32, fixed(STATE.fpuGate)), c.i32(1)]), () => c.call("fpuTrap", c.i32(1)));
  f(c);
};
/** Waiting instructions also report a pending unmasked exception. One test for both: the helper tells them apart. */
function wait(c: LiftContext, kind: 0 | 1): void {
  const closed = c.emit("i32.and", [c.get(32, fixed(STATE.fpuGate)), c.i32(1)]);
  c.if(c.emit("i32.or", [closed, unmasked(c, status(c), control(c))]), () => c.call("x87Wait", c.i32(kind)));
}
const waiting = (f: (c: LiftContext) => void): Lifter => (c) => {
  wait(c, 0);
  f(c);
};

// --- Control ----------------------------------------------------------------------------------------------------------
/** The status word with TOP in bits 11 to 13. ES and B follow from flags and masks, whoever wrote those. */
function statusWord(c: LiftContext): Value {
  const top = c.emit("i32.shl", [c.get(32, fixed(STATE.fpuTop)), c.i32(11)]);
  const sw = c.emit("i32.and", [status(c), c.i32(0xffff & ~(SW.ES | SW.B))]);
  const summary = c.select(unmasked(c, sw, control(c)), c.i32(SW.ES | SW.B), c.i32(0));
  return c.emit("i32.or", [c.emit("i32.or", [sw, top]), summary]);
}

function fninit(c: LiftContext): void {
  c.set(32, fixed(STATE.fpuCw), c.i32(CW_INIT));
  c.set(32, fixed(STATE.fpuSw), c.i32(0));
  c.set(32, fixed(STATE.fpuTag), c.i32(0xffff));
  c.set(32, fixed(STATE.fpuTop), c.i32(0));
  for (const pointer of [STATE.fpuOp, STATE.fpuCs, STATE.fpuDs]) c.set(32, fixed(pointer), c.i32(0));
  for (const pointer of [STATE.fpuIp, STATE.fpuDp]) c.set(64, fixed(pointer), c.i64(0));
}

/** Exception flags, stack fault, error summary and busy. */
const fnclex = (c: LiftContext): void => c.set(32, fixed(STATE.fpuSw), c.emit("i32.and", [status(c), c.i32(0x7f00)]));

/** New masks may make flags that are set an error. */
function fldcw(c: LiftContext): void {
  const cw = c.emit("i32.or", [c.emit("i32.and", [c.readOp(0, 16), c.i32(CW_WRITABLE)]), c.i32(CW_FIXED)]);
  c.set(32, fixed(STATE.fpuCw), cw);
  const sw = c.emit("i32.and", [status(c), c.i32(0xffff & ~(SW.ES | SW.B))]);
  const summary = c.select(unmasked(c, sw, control(c)), c.i32(SW.ES | SW.B), c.i32(0));
  c.set(32, fixed(STATE.fpuSw), c.emit("i32.or", [sw, summary]));
}

const ENV_WRITES: readonly number[] = [ENV_OP.fnstenv, ENV_OP.fnsave];
const environment = (op: number, registers: boolean): Lifter => (c) => {
  const size = c.form.opSize === 16 ? 16 : 32;
  const write = ENV_WRITES.includes(op);
  (write ? gated : waiting)(() => {
    const bytes = environmentSize(size) + (registers ? REGISTERS_SIZE : 0);
    c.call("x87Environment", c.i32(op), c.address(bytes, write), c.i32(size));
  })(c);
};

/**
 * What the environment keeps of the last instruction that is not one of control: its address, its opcode, its memory operand (SDM 1
 * §8.1.8). The helper that runs next turns the address into an offset and notes the selectors (helpers/x87-pointers.ts).
 */
function note(c: LiftContext): void {
  c.set(64, fixed(STATE.fpuIp), c.ownRip());
  c.set(32, fixed(STATE.fpuOp), c.immediate(32));
  if (c.form.operands[0]?.kind === "mem") c.set(64, fixed(STATE.fpuDp), c.offset());
}
function register(c: LiftContext, op: Value, i: Value): void {
  note(c);
  c.call("x87Register", op, i);
}

// --- Register forms ---------------------------------------------------------------------------------------------------
/** No ST(i) operand. */
const plain = (op: number): Lifter => waiting((c) => register(c, c.i32(op), c.i32(0)));
const withSti = (op: number): Lifter => waiting((c) => register(c, c.i32(op), c.immediate2()));

/** FCOMI and its kin. */
const intoFlags = (op: number): Lifter => waiting((c) => {
  register(c, c.i32(op), c.immediate2());
  const result = c.get(32, RET);
  const bit = (n: number): Value => c.emit("i32.and", [c.emit("i32.shr_u", [result, c.i32(n)]), c.i32(1)]);
  c.flags.compareFloat(c, bit(0), bit(1), bit(2));
});

const conditional = (condition: number): Lifter => waiting((c) => {
  register(c, c.select(c.flags.test(c, condition), c.i32(REG_OP.fcmov), c.i32(REG_OP.fcmovNot)), c.immediate2());
});

// --- Memory forms -----------------------------------------------------------------------------------------------------
const FLOATS: Readonly<Record<number, number>> = { 32: FORMAT.single, 64: FORMAT.double, 80: FORMAT.extended };
const INTEGERS: Readonly<Record<number, number>> = { 16: FORMAT.int16, 32: FORMAT.int32, 64: FORMAT.int64 };

/** Loads the memory operand into STATE.ret. */
function fetch(c: LiftContext, width: number): void {
  if (width === 80) {
    const at = c.variable(c.address(10));
    const low = c.variable(c.load(64, c.read(at)));
    const high = c.load(16, c.emit("i64.add", [c.read(at), c.i64(8)]));
    c.set(64, plus(RET, 8), c.zext64(high));
    c.set(64, RET, c.read(low));
  } else if (width === 64) c.set(64, RET, c.load(64, c.address(8)));
  else c.set(32, RET, c.load(width, c.address(width / 8)));
}
const withMemory = (op: number, formatOf: (width: number) => number): Lifter => waiting((c) => {
  const width = c.operand(0).width;
  fetch(c, width);
  note(c);
  c.call("x87Memory", c.i32(op), c.i32(formatOf(width)));
});

/** The store happens before the stack and the status change, so that a page fault leaves them. */
const storing = (formatOf: (width: number) => number, flags: number): Lifter => waiting((c) => {
  const width = c.operand(0).width;
  c.call("x87Prepare", c.i32(formatOf(width)), c.i32(flags));
  c.if(c.get(32, plus(RET, 16)), () => {
    if (width === 80) {
      const p = c.emit("rmw.begin", [c.address(10, true)], { imm: 10 });
      c.emit("raw.st.64", [p, c.get(64, RET)]);
      c.emit("raw.st.16", [c.emit("i32.add", [p, c.i32(8)]), c.get(32, plus(RET, 8))]);
      c.emit("rmw.end", [p]);
    } else c.store(width, c.address(width / 8, true), width === 64 ? c.get(64, RET) : c.get(32, RET));
  }, () => {
    // An unmasked exception keeps the value back, but the address must be one to write to.
    c.emit("rmw.end", [c.emit("rmw.begin", [c.address(width / 8, true)], { imm: width / 8 })]);
  });
  note(c);
  c.call("x87Commit");
});

const float = (width: number): number => FLOATS[width];
const integer = (width: number): number => INTEGERS[width];
const bcd = (): number => FORMAT.bcd;

/** Memory or ST(i), as the form has it. */
const either = (memory: Lifter, register: Lifter): Lifter => (c) => (c.isMem(0) ? memory : register)(c);

function arithmetic(): LifterTable {
  const out: Record<string, Lifter> = {};
  for (const [name, op] of Object.entries(ARITH)) {
    out[`f${name}`] = either(withMemory(op, float), withSti(op));
    out[`fi${name}`] = withMemory(op, integer);
    if (op === ARITH.com || op === ARITH.comp) continue;
    out[`f${name}_sti`] = withSti(op + REG_OP.toSti);
    out[`f${name}p`] = withSti(op + REG_OP.toStiPop);
  }
  return out;
}

const PLAIN = [
  "fcompp", "fucompp", "fchs", "fabs", "ftst", "fxam", "fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz", "f2xm1", "fyl2x",
  "fptan", "fpatan", "fxtract", "fprem1", "fdecstp", "fincstp", "fprem", "fyl2xp1", "fsqrt", "fsincos", "frndint", "fscale", "fsin", "fcos",
] as const;
const WITH_STI = ["fxch", "fucom", "fucomp", "ffree", "ffreep"] as const;
const INTO_FLAGS = ["fcomi", "fucomi", "fcomip", "fucomip"] as const;

const each = (names: readonly (keyof typeof REG_OP)[], make: (op: number) => Lifter): LifterTable =>
  Object.fromEntries(names.map((n) => [n, make(REG_OP[n])]));

export const X87: LifterTable = {
  fninit: gated(fninit), fnclex: gated(fnclex),
  fnop: plain(REG_OP.fnop),
  /** FNENI, FNDISI, FNSETPM. */
  fnop_nowait: gated(() => undefined),
  fwait: (c) => wait(c, 1),
  fnstcw: gated((c) => c.writeOp(0, control(c), 16)),
  fldcw: waiting(fldcw),
  fnstsw: gated((c) => c.writeOp(0, statusWord(c), 16)),
  fnstenv: environment(ENV_OP.fnstenv, false), fldenv: environment(ENV_OP.fldenv, false),
  fnsave: environment(ENV_OP.fnsave, true), frstor: environment(ENV_OP.frstor, true),
  ...arithmetic(),
  fld: either(withMemory(MEM_LOAD, float), withSti(REG_OP.fld)),
  fild: withMemory(MEM_LOAD, integer), fbld: withMemory(MEM_LOAD, bcd),
  fstp_nocheck: withSti(REG_OP.fstpNoCheck),
  fst: either(storing(float, 0), withSti(REG_OP.fst)), fstp: either(storing(float, STORE_POP), withSti(REG_OP.fstp)),
  fist: storing(integer, 0), fistp: storing(integer, STORE_POP), fisttp: storing(integer, STORE_POP | STORE_TRUNCATE),
  fbstp: storing(bcd, STORE_POP),
  ...each(PLAIN, plain), ...each(WITH_STI, withSti), ...each(INTO_FLAGS, intoFlags),
  fcmovb: conditional(COND.B), fcmove: conditional(COND.Z), fcmovbe: conditional(COND.BE), fcmovu: conditional(COND.P),
  fcmovnb: conditional(COND.B + 1), fcmovne: conditional(COND.Z + 1), fcmovnbe: conditional(COND.BE + 1), fcmovnu: conditional(COND.P + 1),
};
