/** The interpreter module: generated and compiled once per process, or taken ready-made from a build (cli/interpreter.ts). */
import type { EaKind } from "../../cpu/lift/form.ts";
import { allForms, specialisations } from "./forms.ts";
import { hotForms, hotPairs } from "./hot.ts";
import { generateInterpreter, type HandlerRequest, type InterpreterModule } from "./module.ts";

export type InterpreterInfo = Omit<InterpreterModule, "bytes">;

export interface CompiledInterpreter {
  readonly module: WebAssembly.Module;
  readonly info: InterpreterInfo;
}

/** What a build stores beside the module's bytes. */
export interface StoredInfo {
  readonly handlers: Readonly<Record<string, Readonly<Partial<Record<EaKind, number>>>>>;
  readonly pairs: InterpreterModule["pairs"];
  readonly inlineCount: number;
  readonly outlinedCount: number;
}

const compiled = new Map<string, CompiledInterpreter>();
/** What a profiling interpreter counts. */
export type Profile = "forms" | "pairs" | null;
const keyOf = (shared: boolean, profile: Profile): string => `${shared} ${profile}`;

/**
 * For any memory of the same sharedness. With `profile` "forms" every form is outlined in every
 * specialisation and counts its executions; with "pairs" the inline ones count their sequences: the sources of hot-keys.ts.
 */
export function compiledInterpreter(memory: WebAssembly.Memory, profile: Profile = null): CompiledInterpreter {
  const shared = !(memory.buffer instanceof ArrayBuffer);
  const key = keyOf(shared, profile);
  let found = compiled.get(key);
  if (found === undefined) {
    const { bytes, ...info } = generate(shared, profile);
    found = { module: new WebAssembly.Module(bytes), info };
    compiled.set(key, found);
  }
  return found;
}

export function generate(shared: boolean, profile: Profile): InterpreterModule {
  const all = allForms();
  const outlined: HandlerRequest[] = all.map((form) => ({ form, inline: false }));
  const hot = hotForms(all);
  const requests = profile === "forms"
    ? [...outlined, ...all.flatMap((f) => specialisations(f)).map((form) => ({ form, inline: false }))]
    : [...hot.map((form) => ({ form, inline: true })), ...outlined];
  return generateInterpreter(requests, { module: "env", name: "memory", minimum: 1, maximum: 65536, shared }, { profile, pairs: profile === null ? hotPairs(hot) : [] });
}

/** Uses a module that an earlier `generate(false, null)` of the same sources gave. */
export function provideInterpreter(module: WebAssembly.Module, info: StoredInfo): void {
  const { inlineCount, outlinedCount, pairs } = info;
  compiled.set(keyOf(false, null), { module, info: { handlers: new Map(Object.entries(info.handlers)), pairs, inlineCount, outlinedCount } });
}
