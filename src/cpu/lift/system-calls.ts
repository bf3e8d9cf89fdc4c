/**
 * SYSCALL, SYSRET, SWAPGS, CLI, STI, CLAC, STAC and PUSHFQ: what kernels execute at every entry. The plain case is done here, without leaving
 * emitted code; everything else is the helper's (helpers/syscall.ts, helpers/flags.ts), which does the plain case too: the two are compared
 * by system-calls.test.ts. SDM 2B; SDM 3A §5.8.8.
 */
import { fixed, plus, type Ref, type Value } from "../ir/ir.ts";
import {
  CS, FAST_MSR, FETCH_KEY_64, FETCH_KEY_USER, FLAG, GS, MMU_KERNEL, MMU_USER, SEG_BASE, SEG_MAX_READ, SEG_MAX_WRITE, SEG_MIN, SHADOW_NONE, SHADOW_STI, SS, STATE,
  tlbAddress,
} from "../layout.ts";
import { ATTR } from "../state.ts";
import { CALL_SEGMENTS, SYSRET_FLAGS } from "../system-calls.ts";
import { gpr, RCX, segmentRef, type LiftContext } from "./context.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";

const R11 = 11;

const word = (address: number): Ref => fixed(address);
const msr = (index: number): Ref => fixed(STATE.fastMsr + 8 * index);
const and = (c: LiftContext, a: Value, b: Value): Value => c.emit("i32.and", [a, b]);
const atCpl0 = (c: LiftContext): Value => c.emit("i32.eqz", [c.get(32, word(STATE.cpl))]);
/** INTR is not asserted, so that interrupts which become enabled need not be looked at. */
const quiet = (c: LiftContext): Value => c.emit("i32.eqz", [c.get(32, word(STATE.interruptWaiting))]);

function loadFlat(c: LiftContext, s: number, selector: Value, attr: number, writable: boolean): void {
  const base = segmentRef(s);
  c.set(16, word(STATE.selector + 2 * s), selector);
  c.set(16, word(STATE.segmentAttr + 2 * s), c.i32(attr));
  c.set(32, word(STATE.segmentLimit + 4 * s), c.i32(CALL_SEGMENTS.limit));
  c.set(64, plus(base, SEG_BASE), c.i64(0));
  c.set(64, plus(base, SEG_MIN), c.i64(0));
  c.set(64, plus(base, SEG_MAX_READ), c.i64(CALL_SEGMENTS.limit));
  c.set(64, plus(base, SEG_MAX_WRITE), c.i64(writable ? CALL_SEGMENTS.limit : 0));
}

/** 64-bit code with a flat stack at privilege level `cpl`; `cs` is the selector's variable part, to which SS's is `ssDelta`. */
function enter(c: LiftContext, cs: Value, ss: Value, cpl: 0 | 3, tlbBase: Value): void {
  const dpl = cpl === 3 ? ATTR.DPL : 0;
  loadFlat(c, CS, cs, CALL_SEGMENTS.code64 | dpl, false);
  loadFlat(c, SS, ss, CALL_SEGMENTS.data | dpl, true);
  c.set(32, word(STATE.cpl), c.i32(cpl));
  c.set(32, word(STATE.fetchKey), c.i32(FETCH_KEY_64 | (cpl === 3 ? FETCH_KEY_USER : 0)));
  c.set(32, word(STATE.tlbBase), tlbBase);
  c.set(32, word(STATE.shadow), c.i32(SHADOW_NONE));
}

const syscall = stateful((c) => {
  if (!c.mode64) {
    c.call("syscall", c.nextRip());
    return;
  }
  c.if(c.get(32, word(STATE.systemCalls)), () => {
    const flags = c.variable(c.flags.image(c));
    const mask = c.emit("i32.xor", [c.emit("i32.or", [c.get(32, msr(FAST_MSR.FMASK)), c.i32(FLAG.RF)]), c.i32(-1)]);
    const kept = c.variable(and(c, c.read(flags), mask));
    c.set(64, gpr(RCX), c.nextRip());
    c.set(64, gpr(R11), c.zext64(c.read(flags)));
    c.flags.setImage(c, c.read(kept));
    const selector = c.variable(and(c, c.get(32, plus(msr(FAST_MSR.STAR), 4)), c.i32(0xfffc)));
    const base = c.select(and(c, c.read(kept), c.i32(FLAG.AC)), c.i32(tlbAddress(MMU_KERNEL)), c.get(32, word(STATE.kernelTlbBase)));
    enter(c, c.read(selector), c.emit("i32.add", [c.read(selector), c.i32(8)]), 0, base);
    c.jump(c.get(64, msr(FAST_MSR.LSTAR)));
  }, () => c.call("syscall", c.nextRip()));
});

/** To the lower half of the address space, with neither a trap nor an interrupt due. */
const sysret = stateful((c) => {
  const slow = (): void => c.call("sysret", c.i32(c.form.opSize));
  if (!c.mode64 || c.form.opSize !== 64) {
    slow();
    return;
  }
  const target = c.variable(c.get(64, gpr(RCX)));
  const flags = c.variable(c.get(32, gpr(R11)));
  const plain = [
    c.get(32, word(STATE.systemCalls)), atCpl0(c), quiet(c), c.emit("i64.eqz", [c.emit("i64.shr_u", [c.read(target), c.i64(47)])]),
    c.emit("i32.eqz", [and(c, c.read(flags), c.i32(FLAG.TF | FLAG.AC))]),
  ].reduce((a, b) => and(c, a, b));
  c.if(plain, () => {
    c.flags.setImage(c, and(c, c.read(flags), c.i32(SYSRET_FLAGS)));
    const selector = c.variable(and(c, c.emit("i32.shr_u", [c.get(32, plus(msr(FAST_MSR.STAR), 4)), c.i32(16)]), c.i32(0xfffc)));
    const user = (delta: number): Value => c.emit("i32.or", [c.emit("i32.add", [c.read(selector), c.i32(delta)]), c.i32(3)]);
    enter(c, user(16), user(8), 3, c.i32(tlbAddress(MMU_USER)));
    c.jump(c.read(target));
  }, slow);
});

const swapgs = stateful((c) => {
  if (!c.mode64) {
    c.call("swapgs");
    return;
  }
  c.if(atCpl0(c), () => {
    const old = c.variable(c.get(64, segmentRef(GS)));
    c.set(64, segmentRef(GS), c.get(64, msr(FAST_MSR.KERNEL_GS_BASE)));
    c.set(64, msr(FAST_MSR.KERNEL_GS_BASE), c.read(old));
  }, () => c.call("swapgs"));
});

const eflags = (c: LiftContext): Value => c.get(32, word(STATE.eflags));

const cli: Lifter = (c) => {
  c.if(atCpl0(c), () => c.set(32, word(STATE.eflags), and(c, eflags(c), c.i32(~FLAG.IF))), () => c.call("cli"));
};

/** A shadow that the instruction before has cast makes a difference: the helper looks at it. */
const sti: Lifter = (c) => {
  const now = c.variable(c.emit("icount"));
  const unshaded = c.emit("i32.or", [
    c.emit("i32.eq", [c.get(32, word(STATE.shadow)), c.i32(SHADOW_NONE)]),
    c.emit("i32.ne", [c.get(32, word(STATE.shadowCast)), c.emit("i32.sub", [c.read(now), c.i32(1)])]),
  ]);
  c.if(and(c, and(c, atCpl0(c), quiet(c)), unshaded), () => {
    const old = c.variable(eflags(c));
    c.if(c.emit("i32.eqz", [and(c, c.read(old), c.i32(FLAG.IF))]), () => {
      c.set(32, word(STATE.eflags), c.emit("i32.or", [c.read(old), c.i32(FLAG.IF)]));
      c.set(32, word(STATE.shadow), c.i32(SHADOW_STI));
      c.set(32, word(STATE.shadowCast), c.read(now));
    });
  }, () => c.call("sti"));
};

/** The access rights change with the flag: code goes on as after a jump. */
const accessControl = (name: "clac" | "stac") => stateful((c) => {
  const set = name === "stac";
  c.if(atCpl0(c), () => {
    c.set(32, word(STATE.eflags), set ? c.emit("i32.or", [eflags(c), c.i32(FLAG.AC)]) : and(c, eflags(c), c.i32(~FLAG.AC)));
    c.set(32, word(STATE.tlbBase), set ? c.i32(tlbAddress(MMU_KERNEL)) : c.get(32, word(STATE.kernelTlbBase)));
    c.jump(c.nextRip());
  }, () => c.call(name, c.nextRip()));
});

const pushf = stateful((c) => {
  if (c.mode64 && c.form.opSize === 64) c.push(64, c.zext64(and(c, c.flags.image(c), c.i32(~(FLAG.VM | FLAG.RF)))));
  else c.call("pushf", c.i32(c.form.opSize));
});

export const SYSTEM_CALLS: LifterTable = { syscall, sysret, swapgs, cli, sti, clac: accessControl("clac"), stac: accessControl("stac"), pushf };
