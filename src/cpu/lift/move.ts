/** Data movement: MOV, MOVZX, LEA, PUSH, POP, CMOVcc, SETcc, XLAT, sign extensions. SDM Vol. 2. */
import { fixed, plus } from "../ir/ir.ts";
import { FLAG, STATE } from "../layout.ts";
import { gpr, RAX, RBP, RBX, RDX, RSP, type LiftContext } from "./context.ts";
import { stateful, type LifterTable } from "./registry.ts";

const mov = (c: LiftContext): void => c.writeOp(0, c.readOp(1, c.width));

const movzx = (c: LiftContext): void => {
  const v = c.readOp(1);
  c.writeOp(0, c.width === 64 ? c.zext64(v) : v);
};

function movsx(c: LiftContext): void {
  const from = c.operand(1).width;
  const v = c.sext64(from, c.readOp(1));
  c.writeOp(0, c.width === 64 ? v : c.wrap(v));
}

/** MOVSXD with a 16- or 32-bit destination only moves. */
function movsxd(c: LiftContext): void {
  if (c.width === 64) c.writeOp(0, c.sext64(32, c.readOp(1, 32)));
  else c.writeOp(0, c.readOp(1, c.width));
}

const lea = (c: LiftContext): void => c.writeOp(0, c.width === 64 ? c.offset() : c.wrap(c.offset()));

function push(c: LiftContext): void {
  const o = c.operand(0);
  // Segment registers push 16 significant bits; immediates and registers the operand size.
  const w = c.form.opSize;
  if (o.kind === "reg" && o.reg === "seg") {
    const v = c.get(16, c.ref(0));
    c.push(w, w === 64 ? c.zext64(v) : v);
    return;
  }
  c.push(w, c.readOp(0, w));
}

/** POP m computes its address with RSP already incremented (SDM); POP rSP keeps the popped value. */
function pop(c: LiftContext): void {
  const w = c.form.opSize;
  const o = c.operand(0);
  const t = c.top(w);
  if (o.kind === "reg" && o.reg === "seg") {
    const selector = w === 64 ? c.wrap(t.value) : t.value;
    // All six share a form: the number stands in imm2.
    c.loadSegment(c.immediate2(), c.mask(16, selector), () => t.release());
    return;
  }
  if (o.kind === "mem") {
    const value = c.variable(t.value);
    const before = c.variable(c.get(64, gpr(RSP)));
    t.release();
    const after = c.variable(c.get(64, gpr(RSP)));
    // The address sees the new RSP, but a fault must leave the old one.
    const at = c.variable(c.address(w / 8, true));
    c.set(64, gpr(RSP), c.read(before));
    c.store(w, c.read(at), c.read(value));
    c.set(64, gpr(RSP), c.read(after));
    return;
  }
  const value = c.variable(t.value);
  t.release();
  c.writeOp(0, c.read(value), w);
}

const setcc = (condition: number) => (c: LiftContext): void => c.writeOp(0, c.flags.test(c, condition));

/** The source is read in any case (and may fault); a 32-bit destination is zero-extended in any case. */
const cmov = (condition: number) => (c: LiftContext): void => {
  const v = c.readOp(1);
  const old = c.readOp(0);
  c.writeOp(0, c.select(c.flags.test(c, condition), v, old));
};

function convert(c: LiftContext): void {
  const w = c.form.opSize;
  if (w === 16) c.set(16, gpr(RAX), c.emit("i32.extend8_s", [c.get(8, gpr(RAX))]));
  else if (w === 32) c.setReg(32, gpr(RAX), c.emit("i32.extend16_s", [c.get(16, gpr(RAX))]));
  else c.set(64, gpr(RAX), c.sext64(32, c.get(32, gpr(RAX))));
}

function signIntoDx(c: LiftContext): void {
  const w = c.form.opSize;
  const a = c.sext64(w, c.get(w, gpr(RAX)));
  const sign = c.emit("i64.shr_s", [a, c.i64(63)]);
  if (w === 64) c.set(64, gpr(RDX), sign);
  else c.setReg(w, gpr(RDX), c.wrap(sign));
}

function xlat(c: LiftContext): void {
  const a = c.form.addrSize;
  const offset = a === 64
    ? c.emit("i64.add", [c.get(64, gpr(RBX)), c.zext64(c.get(8, gpr(RAX)))])
    : c.zext64(c.mask(a, c.emit("i32.add", [c.get(a, gpr(RBX)), c.get(8, gpr(RAX))])));
  const at = c.mode64
    ? c.emit("i64.add", [offset, c.get(64, c.segment())])
    : c.emit("seg.linear", [offset], { ref: c.segment(), imm: 1 });
  c.set(8, gpr(RAX), c.load(8, at));
}

function leave(c: LiftContext): void {
  const w = c.form.opSize;
  if (c.mode64) {
    const frame = c.get(64, gpr(RBP));
    const value = c.load(w, frame);
    c.set(64, gpr(RSP), c.emit("i64.add", [frame, c.i64(w / 8)]));
    c.setReg(w, gpr(RBP), value);
    return;
  }
  const mask = c.get(64, fixed(STATE.spMask));
  const frame = c.emit("i64.and", [c.get(64, gpr(RBP)), mask]);
  const value = c.load(w, c.stackLinear(frame, w / 8, false));
  c.setStackPointer(c.emit("i64.and", [c.emit("i64.add", [frame, c.i64(w / 8)]), mask]));
  c.setReg(w, gpr(RBP), value);
}

/** ENTER's work depends on the nesting level: a helper. */
function enter(c: LiftContext): void {
  c.call("enter", c.emit("i32.and", [c.immediate(32), c.i32(0xffff)]), c.emit("i32.and", [c.immediate2(), c.i32(31)]), c.i32(c.form.opSize));
}

const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7];

/** PUSHA pushes the original SP. The first push that faults decides CR2, as in hardware; SP has not moved then. */
function pusha(c: LiftContext): void {
  const w = c.form.opSize;
  const bytes = w / 8;
  for (const r of REGISTERS) {
    const at = c.stackLinear(c.stackPointer(c.i64(-(r + 1) * bytes)), bytes, true);
    c.store(w, at, c.get(w, gpr(r)));
  }
  c.setStackPointer(c.stackPointer(c.i64(-8 * bytes)));
}

function popa(c: LiftContext): void {
  const w = c.form.opSize;
  const bytes = w / 8;
  // From the top of the stack, so DI first: all are read before any register changes.
  const values = REGISTERS.map((i) => c.variable(c.load(w, c.stackLinear(c.stackPointer(c.i64(i * bytes)), bytes, false))));
  for (const r of REGISTERS) if (r !== RSP) c.setReg(w, gpr(r), c.read(values[7 - r]));
  c.setStackPointer(c.stackPointer(c.i64(8 * bytes)));
}

const lahf = (c: LiftContext): void => c.set(8, plus(gpr(RAX), 1), c.flags.lowByte(c));
const sahf = (c: LiftContext): void => c.flags.setLowByte(c, c.get(8, plus(gpr(RAX), 1)));

const setCarry = (value: 0 | 1 | "not") => (c: LiftContext): void => {
  const cf = value === "not" ? c.emit("i32.eqz", [c.flags.test(c, 2)]) : c.i32(value);
  c.flags.carry(c, cf, null);
};

const direction = (down: boolean) => (c: LiftContext): void => {
  const f = c.get(32, fixed(STATE.eflags));
  c.set(32, fixed(STATE.eflags), down ? c.emit("i32.or", [f, c.i32(FLAG.DF)]) : c.emit("i32.and", [f, c.i32(~FLAG.DF)]));
};

const salc = (c: LiftContext): void => c.set(8, gpr(RAX), c.emit("i32.sub", [c.i32(0), c.flags.test(c, 2)]));
const nop = (): void => undefined;

const byCondition = (prefix: string, make: (condition: number) => (c: LiftContext) => void): LifterTable =>
  Object.fromEntries(["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"].map((n, i) => [prefix + n, make(i)]));

export const MOVE: LifterTable = {
  mov, movzx, movsx, movsxd, lea, push: stateful(push), pop: stateful(pop), cbw: convert, cwd: signIntoDx,
  xlat: stateful(xlat), leave: stateful(leave), enter: stateful(enter), pusha: stateful(pusha), popa: stateful(popa),
  lahf, sahf, clc: setCarry(0), stc: setCarry(1), cmc: setCarry("not"), cld: direction(false), std: direction(true), salc,
  movnti: mov, nop, pause: nop, prefetch: nop, prefetchw: nop, prefetchwt1: nop, prefetchnta: nop, prefetcht0: nop, prefetcht1: nop,
  prefetcht2: nop, lfence: nop, mfence: nop, sfence: nop, cldemote: nop,
  ...byCondition("set", setcc), ...byCondition("cmov", cmov),
};
