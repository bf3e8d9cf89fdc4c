/** The interpreter module, generated and compiled once per process. */
import { allForms, specialisations } from "./forms.ts";
import { hotForms } from "./hot.ts";
import { generateInterpreter, type HandlerRequest, type InterpreterModule } from "./module.ts";

export interface CompiledInterpreter {
  readonly module: WebAssembly.Module;
  readonly info: Omit<InterpreterModule, "bytes">;
  /** Bytes of the module. */
  readonly size: number;
}

const compiled = new Map<string, CompiledInterpreter>();

/**
 * For memories of these limits; imports must match them. With `profile` every form is outlined in every specialisation
 * and counts its executions (layout.ts, PROFILE_BASE): the source of hot.ts.
 */
export function compiledInterpreter(memory: WebAssembly.Memory, maximumPages: number, profile = false): CompiledInterpreter {
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const key = `${maximumPages} ${shared} ${profile}`;
  let found = compiled.get(key);
  if (found === undefined) {
    const all = allForms();
    const outlined: HandlerRequest[] = all.map((form) => ({ form, inline: false }));
    const requests = profile
      ? [...outlined, ...all.flatMap((f) => specialisations(f)).map((form) => ({ form, inline: false }))]
      : [...hotForms(all).map((form) => ({ form, inline: true })), ...outlined];
    const { bytes, ...info } = generateInterpreter(requests, { module: "env", name: "memory", minimum: 1, maximum: maximumPages, shared }, { profile });
    found = { module: new WebAssembly.Module(bytes), info, size: bytes.length };
    compiled.set(key, found);
  }
  return found;
}
