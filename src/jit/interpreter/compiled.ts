/** The interpreter module, generated and compiled once per process. */
import { allForms } from "./forms.ts";
import { hotForms } from "./hot.ts";
import { generateInterpreter, type InterpreterModule } from "./module.ts";

export interface CompiledInterpreter {
  readonly module: WebAssembly.Module;
  readonly info: Omit<InterpreterModule, "bytes">;
  /** Bytes of the module. */
  readonly size: number;
}

const compiled = new Map<string, CompiledInterpreter>();

/** For memories of these limits; imports must match them. */
export function compiledInterpreter(memory: WebAssembly.Memory, maximumPages: number): CompiledInterpreter {
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const key = `${maximumPages} ${shared}`;
  let found = compiled.get(key);
  if (found === undefined) {
    const { bytes, ...info } = generateInterpreter([...hotForms(), ...allForms().map((form) => ({ form, inline: false }))], {
      module: "env", name: "memory", minimum: 1, maximum: maximumPages, shared,
    });
    found = { module: new WebAssembly.Module(bytes), info, size: bytes.length };
    compiled.set(key, found);
  }
  return found;
}
