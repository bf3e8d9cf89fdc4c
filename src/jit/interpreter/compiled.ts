/** The interpreter module: generated and compiled once per process, or taken ready-made from a build (cli/interpreter.ts). */
import type { EaKind, Form } from "../../cpu/lift/form.ts";
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
  /** formKey, and "@" EA kind where it is not the generic one, by handler number, one a line: half the size of a map. */
  readonly handlers: string;
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

/** Forms that few guests execute are compiled when they are met (late.ts), and not loaded by every page. */
const isLate = (form: Form): boolean =>
  form.mode === "legacy" || form.opSize === 16 || !COMMON_FEATURES.has(form.entry.feature) || form.operands.some((o) => o.reg === "mmx" || o.reg === "st");
const COMMON_FEATURES = new Set(["base", "cmov", "sse", "sse2", "fsgsbase", "xsave", "popcnt"]);

/** Names help profiles, and cost a fifth of what a page loads. */
export function generate(shared: boolean, profile: Profile, names = true): InterpreterModule {
  const all = allForms();
  const outlined: HandlerRequest[] = all.filter((form) => profile !== null || !isLate(form)).map((form) => ({ form, inline: false }));
  const hot = hotForms(all);
  const requests = profile === "forms"
    ? [...outlined, ...all.flatMap((f) => specialisations(f)).map((form) => ({ form, inline: false }))]
    : [...hot.map((form) => ({ form, inline: true })), ...outlined];
  return generateInterpreter(requests, { module: "env", name: "memory", minimum: 1, maximum: 65536, shared }, { profile, names, pairs: profile === null ? hotPairs(hot) : [] });
}

/** What a build stores of a module. */
export function storedInfo({ handlers, pairs, inlineCount, outlinedCount }: InterpreterModule): StoredInfo {
  const names: string[] = [];
  for (const [key, kinds] of handlers) for (const [ea, number] of Object.entries(kinds)) names[number] = ea === "generic" ? key : `${key}@${ea}`;
  return { handlers: Array.from(names, (n: string | undefined) => n ?? "").join("\n"), pairs, inlineCount, outlinedCount };
}

/** Uses a module that an earlier `generate(false, null)` of the same sources gave. */
export function provideInterpreter(module: WebAssembly.Module, info: StoredInfo): void {
  const { inlineCount, outlinedCount, pairs } = info;
  const handlers = new Map<string, Partial<Record<EaKind, number>>>();
  info.handlers.split("\n").forEach((name, number) => {
    if (name === "") return;
    const at = name.indexOf("@");
    const key = at < 0 ? name : name.slice(0, at);
    let kinds = handlers.get(key);
    if (kinds === undefined) handlers.set(key, (kinds = {}));
    kinds[(at < 0 ? "generic" : name.slice(at + 1)) as EaKind] = number;
  });
  compiled.set(keyOf(false, null), { module, info: { handlers, pairs, inlineCount, outlinedCount } });
}
