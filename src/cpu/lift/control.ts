/** Near control transfer: JMP, CALL, RET, Jcc, LOOP, JCXZ; far ones call helpers. SDM Vol. 2. */
import { fixed, type Value, type Variable } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import { gpr, RCX, type LiftContext } from "./context.ts";
import { COND } from "./flags.ts";
import { stateful, type LifterTable } from "./registry.ts";

/**
 * Near transfers to a non-canonical address, or beyond CS's limit, fault before anything changes (SDM Vol. 2, JMP, CALL, RET: #GP(0)). `pushed`: bits of
 * what is pushed; a push that faults comes first (measured, test/silicon; Intel's manual has it the other way round).
 */
function indirectTarget(c: LiftContext, v: Value, pushed = 0): Variable {
  const target = c.variable(c.zext64(v));
  if (!c.mode64) {
    c.checkCodeLimit(c.read(target), pushed);
    return target;
  }
  const t = c.read(target);
  // What 48 bits do not hold may still be canonical under 5-level paging.
  const extended = c.emit("i64.shr_s", [c.emit("i64.shl", [t, c.i64(16)]), c.i64(16)]);
  c.if(c.emit("i64.ne", [extended, t]), () => {
    if (pushed > 0) c.call("checkCallTarget", c.read(target), c.pushLinear(pushed));
    else c.call("checkCanonical", c.read(target));
  });
  return target;
}

function jmp(c: LiftContext): void {
  if (c.operand(0).kind === "rel") c.jumpRelative();
  else c.jumpOffset(c.read(indirectTarget(c, c.readOp(0))));
}

function call(c: LiftContext): void {
  const w = c.mode64 ? 64 : c.form.opSize;
  if (c.operand(0).kind === "rel") {
    c.checkRelative(undefined, w);
    c.push(w, c.nextOffset(w));
    c.jumpRelative(true);
    return;
  }
  const target = indirectTarget(c, c.readOp(0), w);
  c.push(w, c.nextOffset(w));
  c.jumpOffset(c.read(target));
}

function ret(c: LiftContext): void {
  const w = c.mode64 ? 64 : c.form.opSize;
  const t = c.top(w);
  const target = indirectTarget(c, t.value);
  t.release(c.form.operands.length > 0 ? c.zext64(c.emit("i32.and", [c.immediate(32), c.i32(0xffff)])) : undefined);
  c.jumpOffset(c.read(target));
}

const jcc = (condition: number) => stateful((c) => c.branchRelative(c.flags.test(c, condition)));

/** LOOPcc: rCX is the address size's. */
const loop = (condition: number | null) => stateful((c) => {
  const a = c.form.addrSize;
  const ref = gpr(RCX);
  const count = a === 64 ? c.emit("i64.sub", [c.get(64, ref), c.i64(1)]) : c.emit("i32.sub", [c.get(a, ref), c.i32(1)]);
  const left = a === 64 ? c.emit("i64.ne", [count, c.i64(0)]) : c.emit("i32.ne", [c.mask(a, count), c.i32(0)]);
  const taken = c.variable(condition === null ? left : c.emit("i32.and", [left, c.flags.test(c, condition)]));
  c.checkRelative(c.read(taken));
  c.setReg(a, ref, count);
  c.branchRelative(c.read(taken), true);
});

const jcxz = stateful((c) => {
  const a = c.form.addrSize;
  c.branchRelative(c.un(a, "eqz", c.get(a, gpr(RCX))));
});

/** m16:16, m16:32, m16:64 or an immediate far pointer. */
function farPointer(c: LiftContext): { selector: ReturnType<LiftContext["i32"]>; offset: ReturnType<LiftContext["i64"]> } {
  const w = c.form.opSize;
  if (c.operand(0).kind === "far") {
    return { selector: c.immediate2(), offset: c.zext64(c.immediate(32)) };
  }
  const at = c.address(w / 8 + 2);
  const offset = c.load(w, at);
  const selector = c.load(16, c.emit("i64.add", [at, c.i64(w / 8)]));
  return { selector, offset: c.zext64(offset) };
}

const jmpf = stateful((c) => {
  const p = farPointer(c);
  c.call("farJump", p.selector, p.offset, c.i32(c.form.opSize), c.nextRip());
});
const callf = stateful((c) => {
  const p = farPointer(c);
  c.call("farCall", p.selector, p.offset, c.i32(c.form.opSize), c.nextRip());
});
const retf = stateful((c) => {
  const release = c.form.operands.length > 0 ? c.emit("i32.and", [c.immediate(32), c.i32(0xffff)]) : c.i32(0);
  c.call("farReturn", c.i32(c.form.opSize), release);
});

/** LES, LDS, LSS, LFS, LGS: the segment first (it may fault), then the register. */
const loadFar = (segment: number) => (c: LiftContext): void => {
  const w = c.form.opSize;
  const at = c.variable(c.address(w / 8 + 2));
  const offset = c.variable(c.load(w, c.read(at)));
  const selector = c.load(16, c.emit("i64.add", [c.read(at), c.i64(w / 8)]));
  c.loadSegment(c.i32(segment), selector, () => c.setReg(w, c.ref(0), c.read(offset)));
};

const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];

export const CONTROL: LifterTable = {
  jmp: stateful(jmp), call: stateful(call), ret: stateful(ret), jmpf, callf, retf, jcxz,
  loop: loop(null), loope: loop(COND.Z), loopne: loop(COND.Z + 1),
  les: loadFar(0), lss: loadFar(2), lds: loadFar(3), lfs: loadFar(4), lgs: loadFar(5),
  int: (c) => c.call("softwareInterrupt", c.emit("i32.and", [c.immediate(32), c.i32(255)]), c.nextRip()),
  int3: (c) => c.call("int3", c.nextRip()), int1: (c) => c.call("icebp", c.nextRip()), into: (c) => c.call("into", c.nextRip()),
  sysenter: (c) => c.call("sysenter", c.nextRip()), sysexit: (c) => c.call("sysexit", c.i32(c.form.opSize)),
  ...Object.fromEntries(CONDITIONS.map((n, i) => ["j" + n, jcc(i)])),
};

export const returned = (c: LiftContext, i: number): ReturnType<LiftContext["i64"]> => c.get(64, fixed(STATE.ret + 8 * i));
