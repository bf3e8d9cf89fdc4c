/** Arms of a condition that are hardly ever executed, by what they call. */
import type { Node } from "../../cpu/ir/ir.ts";
import { UNUSUAL } from "../../cpu/helpers/signatures.ts";

/** The call that such an arm ends with; null for any other arm. */
export function unusualCall<N extends Node>(arm: readonly N[]): N | null {
  const last = arm.at(-1);
  return last !== undefined && last.name !== null && UNUSUAL.has(last.name) ? last : null;
}
