/** The interpreter as front ends handle it: made ahead of time by a build, given to machines at start. */
export { generate, provideInterpreter, storedInfo, type StoredInfo } from "../jit/interpreter/compiled.ts";
