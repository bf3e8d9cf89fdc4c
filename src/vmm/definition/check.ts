/** Definitions out of values. Loaded when it is needed: the page begins without the validator. */
import * as v from "valibot";
import { MachineSchema, type MachineDefinition, type MachineInput } from "./definition.ts";
import { DefinitionError, fieldOf, type Placed, problemsOf } from "./problems.ts";

/** A definition out of a value. Throws DefinitionError without lines. */
export function checkDefinition(value: MachineInput | MachineDefinition, what = "machine"): MachineDefinition {
  return check(value, what, null);
}

/** `line`: where in the text a problem stands. */
export function check(value: unknown, file: string, line: ((placed: Placed) => number) | null): MachineDefinition {
  const result = v.safeParse(MachineSchema, value);
  if (result.success) return result.output;
  const problems = problemsOf(result.issues).map((p) => ({ line: line === null ? null : line(p), field: fieldOf(p.path), message: p.message }));
  throw new DefinitionError(file, problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
}
