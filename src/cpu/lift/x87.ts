/** x87: control instructions inline; arithmetic through helpers on 80-bit values. SDM Vol. 1 chapter 8. */
import { fixed, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import type { LiftContext } from "./context.ts";
import type { Lifter, LifterTable } from "./registry.ts";

/** CR0.EM and CR0.TS make every x87 instruction trap. */
const gated = (f: (c: LiftContext) => void): Lifter => (c) => {
  c.if(c.emit("i32.and", [c.get(32, fixed(STATE.fpuGate)), c.i32(1)]), () => c.call("fpuTrap", c.i32(1)));
  f(c);
};

const CW_RESET = 0x37f;

/** The status word with TOP in bits 11 to 13. */
function statusWord(c: LiftContext): Value {
  const top = c.emit("i32.shl", [c.get(32, fixed(STATE.fpuTop)), c.i32(11)]);
  return c.emit("i32.or", [c.get(32, fixed(STATE.fpuSw)), top]);
}

function fninit(c: LiftContext): void {
  c.set(32, fixed(STATE.fpuCw), c.i32(CW_RESET));
  c.set(32, fixed(STATE.fpuSw), c.i32(0));
  c.set(32, fixed(STATE.fpuTag), c.i32(0xffff));
  c.set(32, fixed(STATE.fpuTop), c.i32(0));
}

/** Exception flags, stack fault, error summary and busy. */
const fnclex = (c: LiftContext): void => c.set(32, fixed(STATE.fpuSw), c.emit("i32.and", [c.get(32, fixed(STATE.fpuSw)), c.i32(0x7f00)]));

export const X87: LifterTable = {
  fninit: gated(fninit), fnclex: gated(fnclex), fnop: gated(() => undefined),
  fnstcw: gated((c) => c.writeOp(0, c.get(32, fixed(STATE.fpuCw)), 16)),
  fldcw: gated((c) => c.set(32, fixed(STATE.fpuCw), c.emit("i32.or", [c.readOp(0, 16), c.i32(0x40)]))),
  fnstsw: gated((c) => c.writeOp(0, statusWord(c), 16)),
};
