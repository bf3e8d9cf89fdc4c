/** The interpreter as front ends handle it: made ahead of time by a build, given to machines at start. */
export { provideInterpreter, storedInfo, type StoredInfo } from "../jit/interpreter/compiled.ts";

/** Lets machines generate it: for a process that was given none. */
export async function loadGenerator(): Promise<void> {
  await import("./generate-interpreter.ts");
}
