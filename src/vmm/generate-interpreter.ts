/** Generating the interpreter, for processes that were given none, and for the build. Pages load this file only when they have to. */
export { generate } from "../jit/interpreter/generate.ts";
