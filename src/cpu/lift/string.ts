/** String instructions and port I/O. SDM Vol. 2: MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS, IN, OUT, REP. */
import type { Value } from "../ir/ir.ts";
import { fixed } from "../ir/ir.ts";
import { FLAG, STATE } from "../layout.ts";
import { gpr, RAX, RCX, RDI, RDX, RSI, type LiftContext } from "./context.ts";
import { COND } from "./flags.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";

/** Element size in bits: the operand that is memory or, for INS/OUTS, the memory one too. */
const element = (c: LiftContext): number => c.form.operands.find((o) => o.kind === "mem")?.width ?? c.form.opSize;

/** +bytes or -bytes by EFLAGS.DF. */
function step(c: LiftContext, bytes: number): Value {
  const down = c.emit("i32.and", [c.get(32, fixed(STATE.eflags)), c.i32(FLAG.DF)]);
  return c.select(down, c.i64(-bytes), c.i64(bytes));
}

const countLeft = (c: LiftContext): Value => {
  const a = c.form.addrSize;
  return a === 64 ? c.emit("i64.ne", [c.get(64, gpr(RCX)), c.i64(0)]) : c.get(a, gpr(RCX));
};

/** Repeats by executing the instruction again, one element each time: interruptible and restartable at any element. */
function repeat(c: LiftContext, body: () => void, condition: (() => Value) | null): void {
  if (c.form.rep === 0) {
    body();
    return;
  }
  c.if(c.emit("i32.eqz", [countLeft(c)]), () => c.next());
  body();
  c.addToRegister(RCX, c.i64(-1));
  const more = condition === null ? countLeft(c) : c.emit("i32.and", [c.emit("i32.ne", [countLeft(c), c.i32(0)]), condition()]);
  c.if(more, () => c.again());
}

/** min(rCX, elements up to the page's end at linear address `at`), as i64. */
function elementsInPage(c: LiftContext, at: Value, shift: number, count: Value): Value {
  const left = c.emit("i64.sub", [c.i64(4096), c.emit("i64.and", [at, c.i64(4095)])]);
  const fit = c.emit("i64.shr_u", [left, c.i64(shift)]);
  return c.select(c.emit("i64.lt_u", [count, fit]), count, fit);
}

const SHIFT: Record<number, number> = { 8: 0, 16: 1, 32: 2, 64: 3 };

/** Whether bulk work is possible: addresses as wide as the mode's, in no segment. `upward` asks at run time for DF and TF clear. Others go element by element. */
const bulkAllowed = (c: LiftContext): boolean => c.form.rep !== 0 && (c.mode64 ? c.form.addrSize === 64 : c.flat && c.form.addrSize === 32);
/** rCX. */
const count = (c: LiftContext): Value => c.zext64(c.get(c.form.addrSize, gpr(RCX)));

const upward = (c: LiftContext): Value => c.emit("i32.eqz", [c.emit("i32.and", [c.get(32, fixed(STATE.eflags)), c.i32(FLAG.DF | FLAG.TF)])]);
const inRam = (c: LiftContext, pointer: Value): Value => c.emit("i32.ne", [pointer, c.i32(STATE.scratch)]);
const both = (c: LiftContext, a: Value, b: Value): Value => c.emit("i32.and", [a, b]);

function finishBulk(c: LiftContext, done: Value, registers: readonly number[], shift: number): void {
  const bytes = c.variable(c.emit("i64.shl", [done, c.i64(shift)]));
  for (const r of registers) c.addToRegister(r, c.read(bytes));
  c.addToRegister(RCX, c.emit("i64.sub", [c.i64(0), done]));
  c.if(countLeft(c), () => c.again(), () => c.next());
}

function movsOne(c: LiftContext, w: number): void {
  const bytes = w / 8;
  const v = c.load(w, c.stringLinear(RSI, bytes, false));
  c.store(w, c.stringLinear(RDI, bytes, true), v);
  const d = c.variable(step(c, bytes));
  c.addToRegister(RSI, c.read(d));
  c.addToRegister(RDI, c.read(d));
}

function movs(c: LiftContext): void {
  const w = element(c);
  if (bulkAllowed(c)) {
    const bytes = w / 8;
    c.if(c.emit("i32.eqz", [countLeft(c)]), () => c.next());
    const from = c.variable(c.stringLinear(RSI, bytes, false));
    const to = c.variable(c.stringLinear(RDI, bytes, true));
    const source = c.variable(c.emit("ptr.read", [c.read(from)], { imm: bytes }));
    c.if(both(c, inRam(c, c.read(source)), upward(c)), () => {
      const target = c.variable(c.emit("ptr.write", [c.read(to)], { imm: bytes }));
      c.if(inRam(c, c.read(target)), () => {
        const n = c.variable(elementsInPage(c, c.read(to), SHIFT[w], elementsInPage(c, c.read(from), SHIFT[w], count(c))));
        const size = c.variable(c.wrap(c.emit("i64.shl", [c.read(n), c.i64(SHIFT[w])])));
        // A target shortly above its source repeats what it has just written: element by element.
        const distance = c.emit("i32.sub", [c.read(target), c.read(source)]);
        c.if(c.emit("i32.ge_u", [c.emit("i32.sub", [distance, c.i32(1)]), c.emit("i32.sub", [c.read(size), c.i32(1)])]), () => {
          c.emit("bulk.copy", [c.read(target), c.read(source), c.read(size)]);
          finishBulk(c, c.read(n), [RSI, RDI], SHIFT[w]);
        });
      });
    });
  }
  repeat(c, () => movsOne(c, w), null);
}

function stosOne(c: LiftContext, w: number): void {
  const bytes = w / 8;
  c.store(w, c.stringLinear(RDI, bytes, true), c.get(w, gpr(RAX)));
  c.addToRegister(RDI, step(c, bytes));
}

function stos(c: LiftContext): void {
  const w = element(c);
  if (bulkAllowed(c)) {
    const bytes = w / 8;
    c.if(c.emit("i32.eqz", [countLeft(c)]), () => c.next());
    c.if(upward(c), () => {
      const to = c.variable(c.stringLinear(RDI, bytes, true));
      const target = c.variable(c.emit("ptr.write", [c.read(to)], { imm: bytes }));
      c.if(inRam(c, c.read(target)), () => {
        const n = c.variable(elementsInPage(c, c.read(to), SHIFT[w], count(c)));
        const size = c.wrap(c.emit("i64.shl", [c.read(n), c.i64(SHIFT[w])]));
        const value = c.zext64(c.get(w, gpr(RAX)));
        if (w === 8) c.emit("bulk.fill", [c.read(target), size, c.wrap(value)]);
        else c.emit("bulk.pattern", [c.read(target), size, value], { imm: w });
        finishBulk(c, c.read(n), [RDI], SHIFT[w]);
      });
    });
  }
  repeat(c, () => stosOne(c, w), null);
}

function lods(c: LiftContext): void {
  const w = element(c);
  repeat(c, () => {
    const v = c.load(w, c.stringLinear(RSI, w / 8, false));
    c.setReg(w, gpr(RAX), v);
    c.addToRegister(RSI, step(c, w / 8));
  }, null);
}

/** F2 repeats while unequal, F3 while equal. */
const untilFlag = (c: LiftContext) => (): Value => c.flags.test(c, c.form.rep === 0xf2 ? COND.Z + 1 : COND.Z);

function cmps(c: LiftContext): void {
  const w = element(c);
  repeat(c, () => {
    const a = c.load(w, c.stringLinear(RSI, w / 8, false));
    const b = c.load(w, c.stringLinear(RDI, w / 8, false));
    const d = c.variable(step(c, w / 8));
    c.flags.sub(c, w, a, b, c.bin(w, "sub", a, b));
    c.addToRegister(RSI, c.read(d));
    c.addToRegister(RDI, c.read(d));
  }, untilFlag(c));
}

function scas(c: LiftContext): void {
  const w = element(c);
  repeat(c, () => {
    const a = c.get(w, gpr(RAX));
    const b = c.load(w, c.stringLinear(RDI, w / 8, false));
    const d = c.variable(step(c, w / 8));
    c.flags.sub(c, w, a, b, c.bin(w, "sub", a, b));
    c.addToRegister(RDI, c.read(d));
  }, untilFlag(c));
}

/** The permission comes first, even before a count of zero: SDM Vol. 2, INS and OUTS; measured on silicon. */
const checkPort = (c: LiftContext, width: number): void => c.call("portCheck", c.get(16, gpr(RDX)), c.i32(width / 8));

/** The page is probed for writing before the port is read: a fault must not swallow the port's data. */
function ins(c: LiftContext): void {
  const w = element(c);
  checkPort(c, w);
  repeat(c, () => {
    const m = c.modifyAt(c.stringLinear(RDI, w / 8, true), w);
    c.call("portIn", c.get(16, gpr(RDX)), c.i32(w / 8));
    m.commit(c.get(32, fixed(STATE.ret)));
    c.addToRegister(RDI, step(c, w / 8));
  }, null);
}

function outs(c: LiftContext): void {
  const w = element(c);
  checkPort(c, w);
  repeat(c, () => {
    const v = c.load(w, c.stringLinear(RSI, w / 8, false));
    c.call("portOut", c.get(16, gpr(RDX)), c.i32(w / 8), v);
    c.addToRegister(RSI, step(c, w / 8));
  }, null);
}

/** Port operand: immediate byte or DX. */
const port = (c: LiftContext, i: number): Value =>
  c.operand(i).kind === "reg" ? c.readOp(i, 16) : c.emit("i32.and", [c.immediate(32), c.i32(255)]);

function portInput(c: LiftContext): void {
  const w = c.operand(0).width;
  c.call("portIn", port(c, 1), c.i32(w / 8));
  c.writeOp(0, c.get(w, fixed(STATE.ret)));
}

function portOutput(c: LiftContext): void {
  const w = c.operand(1).width;
  c.call("portOut", port(c, 0), c.i32(w / 8), c.readOp(1));
}

const table: Record<string, Lifter> = {};
for (const [name, f] of Object.entries({ movs, stos, lods, cmps, scas, ins, outs })) table[name] = stateful(f);
export const STRING: LifterTable = { ...table, in: portInput, out: portOutput };
