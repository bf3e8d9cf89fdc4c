/** All lifters, and lifting one form to IR. */
import type { Node } from "../ir/ir.ts";
import { ALU } from "./alu.ts";
import { CONTROL } from "./control.ts";
import type { LiftContext } from "./context.ts";
import { liftName } from "./form.ts";
import { MOVE } from "./move.ts";
import { MULDIV } from "./muldiv.ts";
import type { LifterTable } from "./registry.ts";
import { SHIFT } from "./shift.ts";
import { STRING } from "./string.ts";
import { SYSTEM } from "./system.ts";

export const LIFTERS: LifterTable = { ...ALU, ...SHIFT, ...MULDIV, ...MOVE, ...CONTROL, ...STRING, ...SYSTEM };

/** The IR of a form; what has no lifter raises #UD in the guest and is counted. */
export function lift(c: LiftContext): Node[] {
  const lifter = LIFTERS[liftName(c.form.entry)];
  if (lifter === undefined) c.unimplemented();
  else lifter(c);
  return c.finish();
}
