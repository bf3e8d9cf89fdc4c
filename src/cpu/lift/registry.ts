/** The lifters by name. A lifter writes the IR of one instruction form; every tier uses the same. */
import type { LiftContext } from "./context.ts";

export interface Lifter {
  (c: LiftContext): void;
  /** The semantics differ between 64-bit mode and the legacy modes (stack, branches, strings). */
  stateful?: boolean;
}
export type LifterTable = Readonly<Record<string, Lifter>>;

/** Marks a lifter whose form is keyed by mode. */
export function stateful(f: (c: LiftContext) => void): Lifter {
  const lifter: Lifter = (c) => {
    f(c);
  };
  lifter.stateful = true;
  return lifter;
}

/** Lifters that read form.addrSize; for others it is no part of the form. */
export const USES_ADDRESS_SIZE: ReadonlySet<string> = new Set([
  "movs", "stos", "lods", "cmps", "scas", "ins", "outs", "loop", "loope", "loopne", "jcxz", "xlat", "maskmovq", "maskmovdqu",
  "vmaskmovps", "vmaskmovpd", "vpmaskmovd", "vpmaskmovq", "vgatherdps", "vgatherdpd", "vgatherqps", "vgatherqpd", "vmaskmovdqu",
]);
