/**
 * SYSCALL, SYSRET, IRETD, IRETQ, SWAPGS, CLI, STI, CLAC, STAC, PUSHFD and PUSHFQ: what kernels execute at every entry. The plain case is done here, without leaving
 * emitted code; everything else is the helper's (helpers/syscall.ts, helpers/iret.ts, helpers/flags.ts), which does the plain case too: the two are compared
 * by system-calls.test.ts. SDM 2A "IRET"; SDM 2B; SDM 3A §5.8.8.
 */
import { fixed, plus, type Ref, type Value } from "../ir/ir.ts";
import {
  CS, FAST_MSR, FETCH_KEY_64, FETCH_KEY_FLAT, FETCH_KEY_USER, FLAG, GATE_UNPROTECTED, GS, MMU_KERNEL, MMU_USER, SEG_BASE, SEG_FORBIDDEN, SEG_MAX_READ, SEG_MAX_WRITE, SEG_MIN, SEG_UNUSABLE, SHADOW_NONE, SHADOW_STI, SS, STATE,
  tlbAddress,
} from "../layout.ts";
import { ATTR } from "../state.ts";
import { CALL_SEGMENTS, IRET_FLAGS, SYSRET_FLAGS } from "../system-calls.ts";
import { gpr, RCX, RSP, segmentRef, type LiftContext } from "./context.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";

const R11 = 11;

const word = (address: number): Ref => fixed(address);
const msr = (index: number): Ref => fixed(STATE.fastMsr + 8 * index);
const and = (c: LiftContext, a: Value, b: Value): Value => c.emit("i32.and", [a, b]);
const eflags = (c: LiftContext): Value => c.get(32, word(STATE.eflags));
const atCpl0 = (c: LiftContext): Value => c.emit("i32.eqz", [c.get(32, word(STATE.cpl))]);
/** INTR is not asserted, so that interrupts which become enabled need not be looked at. */
const quiet = (c: LiftContext): Value => c.emit("i32.eqz", [c.get(32, word(STATE.interruptWaiting))]);

/** `isNull`: nothing is loaded there but a null selector (CpuState.loadSegmentCache with no attributes). */
function loadFlat(c: LiftContext, s: number, selector: Value, attr: Value, writable: boolean, isNull?: () => Value): void {
  const base = segmentRef(s);
  const unless = (v: Value, nothing: Value): Value => (isNull === undefined ? v : c.select(isNull(), nothing, v));
  c.set(16, word(STATE.selector + 2 * s), selector);
  c.set(16, word(STATE.segmentAttr + 2 * s), unless(attr, c.i32(0)));
  c.set(32, word(STATE.segmentLimit + 4 * s), unless(c.i32(CALL_SEGMENTS.limit), c.i32(0)));
  c.set(64, plus(base, SEG_BASE), c.i64(0));
  c.set(64, plus(base, SEG_MIN), unless(c.i64(0), c.i64(SEG_UNUSABLE)));
  c.set(64, plus(base, SEG_MAX_READ), unless(c.i64(CALL_SEGMENTS.limit), c.i64(SEG_FORBIDDEN)));
  c.set(64, plus(base, SEG_MAX_WRITE), unless(c.i64(writable ? CALL_SEGMENTS.limit : SEG_FORBIDDEN), c.i64(SEG_FORBIDDEN)));
}

/** Flat code at privilege level `cpl` (0 or 3, also where it is known at run time alone), 64-bit as the code that enters it or 32-bit, with a flat stack. */
function enter(c: LiftContext, cs: Value, ss: Value, cpl: 0 | 3 | (() => Value), tlbBase: Value, nullStack?: () => Value): void {
  const by = (at0: number, at3: number): Value => (typeof cpl === "number" ? c.i32(cpl === 3 ? at3 : at0) : c.select(cpl(), c.i32(at3), c.i32(at0)));
  const [code, key] = c.mode64 ? [CALL_SEGMENTS.code64, FETCH_KEY_64] : [CALL_SEGMENTS.code32, FETCH_KEY_FLAT];
  loadFlat(c, CS, cs, by(code, code | ATTR.DPL), false);
  loadFlat(c, SS, ss, by(CALL_SEGMENTS.data, CALL_SEGMENTS.data | ATTR.DPL), true, nullStack);
  c.set(32, word(STATE.cpl), by(0, 3));
  c.set(32, word(STATE.fetchKey), by(key, key | FETCH_KEY_USER));
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

/** Flat segments as descriptors, at DPL 0. */
const CODE64_DESCRIPTOR = 0x00af9b000000ffffn;
const CODE32_DESCRIPTOR = 0x00cf9b000000ffffn;
const DATA_DESCRIPTOR = 0x00cf93000000ffffn;
/** ES, DS, FS and GS in the two words of attributes, with their P at bit 7. */
const DATA_LANES = [0x0080000000000080n, 0x00800080n] as const;

/** Nonzero: a data segment is loaded that CPL 3 must not use. */
function wantsNulling(c: LiftContext): Value {
  const lanes = DATA_LANES.map((mask, i) => {
    const attributes = c.variable(c.get(64, word(STATE.segmentAttr + 8 * i)));
    const shifted = (n: number): Value => c.emit("i64.shl", [c.read(attributes), c.i64(n)]);
    // DPL is in bits 5 and 6.
    const dpl3 = c.emit("i64.and", [shifted(1), shifted(2)]);
    return c.emit("i64.and", [c.emit("i64.and", [c.read(attributes), c.emit("i64.xor", [dpl3, c.i64(-1)])]), c.i64(mask)]);
  });
  return c.emit("i64.ne", [c.emit("i64.or", lanes), c.i64(0)]);
}

/** From CPL 0 to flat code of the same width at CPL 0 or 3, as the GDT has it (64-bit also without a stack segment), with neither a trap nor an interrupt due. */
const iret = stateful((c) => {
  const slow = (): void => c.call("iret", c.i32(c.form.opSize), c.nextRip());
  const wide = c.mode64 && c.form.opSize === 64;
  if (!wide && !(c.flat && c.form.opSize === 32)) {
    slow();
    return;
  }
  const usual = [
    atCpl0(c), quiet(c), c.emit("i32.eqz", [c.get(32, word(STATE.returns))]), c.emit("i32.eqz", [and(c, eflags(c), c.i32(FLAG.NT))]),
    // 32-bit code may be in real mode.
    ...(wide ? [] : [c.emit("i32.eqz", [and(c, c.get(32, word(STATE.fpuGate)), c.i32(GATE_UNPROTECTED))])]),
  ].reduce((a, b) => and(c, a, b));
  c.if(usual, () => (wide ? returnWide(c, slow) : returnFlat(c, slow)), slow);
});

type Variable = ReturnType<LiftContext["variable"]>;

const low = (c: LiftContext, v: Variable, mask: number): Value => and(c, c.read(v), c.i32(mask));
const rpl = (c: LiftContext, v: Variable): Value => low(c, v, 3);
/** In the GDT, and within it. */
const inTable = (c: LiftContext, selector: Variable): Value => and(c,
  c.emit("i32.eqz", [low(c, selector, 4)]),
  c.emit("i32.le_u", [c.emit("i32.or", [low(c, selector, 0xffff), c.i32(7)]), c.get(32, word(STATE.gdtLimit))]));
/** Whether a selector's descriptor is that one at the level `dpl`. */
const isFlat = (c: LiftContext, selector: Variable, descriptor: bigint, dpl: Value): Value => c.emit("i64.eq", [
  c.load(64, c.emit("i64.add", [c.get(64, word(STATE.gdtBase)), c.zext64(low(c, selector, 0xfff8))])),
  c.emit("i64.or", [c.i64(descriptor), c.emit("i64.shl", [c.zext64(dpl), c.i64(45)])]),
]);
/** CPL 0 or 3 without a trap, an alignment check there, or virtual-8086 mode, by a code segment of the GDT; data segments stay as they are. */
const isPlain = (c: LiftContext, cs: Variable, flags: Variable): Value[] => [
  c.emit("i32.eqz", [and(c, c.read(flags), c.select(rpl(c, cs), c.i32(FLAG.VM | FLAG.TF | FLAG.AC), c.i32(FLAG.VM | FLAG.TF)))]),
  c.emit("i32.ne", [rpl(c, cs), c.i32(1)]), c.emit("i32.ne", [rpl(c, cs), c.i32(2)]), inTable(c, cs),
  c.emit("i32.eqz", [and(c, rpl(c, cs), wantsNulling(c))]),
];
/** The TLB of CPL 0 with these flags. */
const kernelTlb = (c: LiftContext, flags: Variable): Value => c.select(low(c, flags, FLAG.AC), c.i32(tlbAddress(MMU_KERNEL)), c.get(32, word(STATE.kernelTlbBase)));

function returnWide(c: LiftContext, slow: () => void): void {
  const sp = c.variable(c.get(64, gpr(RSP)));
  const pop = (at: number): Variable => c.variable(c.load(64, c.emit("i64.add", [c.read(sp), c.i64(at)])));
  const rip = pop(0);
  const half = (v: Variable): Variable => c.variable(c.wrap(c.read(v)));
  const cs = half(pop(8));
  const flags = half(pop(16));
  const rsp = pop(24);
  const ss = half(pop(32));
  const signExtended = c.emit("i64.shr_s", [c.emit("i64.shl", [c.read(rip), c.i64(16)]), c.i64(16)]);
  const plain = [...isPlain(c, cs, flags), c.emit("i32.eq", [rpl(c, cs), rpl(c, ss)]), inTable(c, ss), c.emit("i64.eq", [signExtended, c.read(rip)])].reduce((a, b) => and(c, a, b));
  const nullStack = c.variable(c.emit("i32.eqz", [low(c, ss, 0xffff)]));
  // In the helper's order, for reading a descriptor may fault.
  c.if(plain, () => c.if(isFlat(c, cs, CODE64_DESCRIPTOR, rpl(c, cs)), () => {
    const stack = c.variable(c.read(nullStack));
    c.if(c.emit("i32.eqz", [c.read(stack)]), () => c.assign(stack, isFlat(c, ss, DATA_DESCRIPTOR, rpl(c, cs))));
    c.if(c.read(stack), () => {
      c.flags.setImage(c, low(c, flags, IRET_FLAGS));
      const user = c.variable(rpl(c, cs));
      enter(c, low(c, cs, 0xffff), low(c, ss, 0xffff), () => c.read(user), c.select(c.read(user), c.i32(tlbAddress(MMU_USER)), kernelTlb(c, flags)), () => c.read(nullStack));
      c.set(64, gpr(RSP), c.read(rsp));
      c.jump(c.read(rip));
    }, slow);
  }, slow), slow);
}

/** To CPL 0 the stack stays: three words are popped, not five. */
function returnFlat(c: LiftContext, slow: () => void): void {
  const sp = c.variable(c.get(32, gpr(RSP)));
  const above = (at: number): Value => c.emit("i32.add", [c.read(sp), c.i32(at)]);
  const pop = (at: number): Variable => c.variable(c.load(32, c.zext64(above(at))));
  const eip = pop(0);
  const cs = pop(4);
  const flags = pop(8);
  c.if(isPlain(c, cs, flags).reduce((a, b) => and(c, a, b)), () => c.if(isFlat(c, cs, CODE32_DESCRIPTOR, rpl(c, cs)), () => {
    c.if(rpl(c, cs), () => {
      const esp = pop(12);
      const ss = pop(16);
      c.if(and(c, c.emit("i32.eq", [rpl(c, ss), c.i32(3)]), inTable(c, ss)), () => c.if(isFlat(c, ss, DATA_DESCRIPTOR, c.i32(3)), () => {
        c.flags.setImage(c, low(c, flags, IRET_FLAGS));
        enter(c, low(c, cs, 0xffff), low(c, ss, 0xffff), 3, c.i32(tlbAddress(MMU_USER)));
        c.set(32, gpr(RSP), c.read(esp));
        c.jump(c.zext64(c.read(eip)));
      }, slow), slow);
    }, () => {
      c.flags.setImage(c, low(c, flags, IRET_FLAGS));
      loadFlat(c, CS, low(c, cs, 0xffff), c.i32(CALL_SEGMENTS.code32), false);
      c.set(32, word(STATE.tlbBase), kernelTlb(c, flags));
      c.set(32, word(STATE.shadow), c.i32(SHADOW_NONE));
      c.set(32, gpr(RSP), above(12));
      c.jump(c.zext64(c.read(eip)));
    });
  }, slow), slow);
}

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
  // #UD.
  c.if(c.get(32, word(STATE.cpl)), () => c.call(name, c.nextRip()));
  c.set(32, word(STATE.eflags), set ? c.emit("i32.or", [eflags(c), c.i32(FLAG.AC)]) : and(c, eflags(c), c.i32(~FLAG.AC)));
  c.set(32, word(STATE.tlbBase), set ? c.i32(tlbAddress(MMU_KERNEL)) : c.get(32, word(STATE.kernelTlbBase)));
  c.jump(c.nextRip());
});

const pushf = stateful((c) => {
  const shown = (): Value => and(c, c.flags.image(c), c.i32(~(FLAG.VM | FLAG.RF)));
  if (c.mode64 && c.form.opSize === 64) c.push(64, c.zext64(shown()));
  // Flat code is no virtual-8086 code.
  else if (c.flat && c.form.opSize === 32) c.push(32, shown());
  else c.call("pushf", c.i32(c.form.opSize));
});

export const SYSTEM_CALLS: LifterTable = { syscall, sysret, iret, swapgs, cli, sti, clac: accessControl("clac"), stac: accessControl("stac"), pushf };
