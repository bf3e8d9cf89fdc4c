/** The interpreter module, compiled once per process: taken ready-made from a build (cli/interpreter.ts), or generated (generate.ts). */
import { InternalError } from "../../base/errors.ts";
import type { EaKind } from "../../cpu/lift/form.ts";
import type { InterpreterModule } from "./handlers.ts";

export type InterpreterInfo = Omit<InterpreterModule, "bytes">;

export interface CompiledInterpreter {
  readonly module: WebAssembly.Module;
  readonly info: InterpreterInfo;
}

/** What a build stores beside the module's bytes. */
export interface StoredInfo {
  /**
   * formKey, and "@" EA kind where it is not the generic one, by handler number, one a line: half the size of a map. The first character says
   * how many are the same as in the line before, from SAME on.
   */
  readonly handlers: string;
  readonly pairs: InterpreterModule["pairs"];
  readonly inlineCount: number;
  readonly outlinedCount: number;
}

const compiled = new Map<string, CompiledInterpreter>();
/** What a profiling interpreter counts. */
export type Profile = "forms" | "pairs" | null;
export type Generate = (shared: boolean, profile: Profile, names?: boolean) => InterpreterModule;

let generator: Generate | null = null;
/** Called by generate.ts when it is loaded: a page that has a ready-made module does without it. */
export function provideGenerator(generate: Generate): void {
  generator = generate;
}

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
    if (generator === null) throw new InternalError("there is no interpreter, and src/jit/interpreter/generate.ts is not loaded");
    const { bytes, ...info } = generator(shared, profile);
    found = { module: new WebAssembly.Module(bytes), info };
    compiled.set(key, found);
  }
  return found;
}

/** No character that JSON escapes follows it as far as names are long, but one: SAME_MOST stays below that. */
const SAME = 0x23;
const SAME_MOST = 0x5b - SAME;

function pack(names: readonly string[]): string {
  let before = "";
  return names.map((name) => {
    let same = 0;
    while (same < SAME_MOST && same < name.length && name[same] === before[same]) same++;
    before = name;
    return String.fromCharCode(SAME + same) + name.slice(same);
  }).join("\n");
}
function unpack(text: string): string[] {
  let before = "";
  return text.split("\n").map((line) => (before = before.slice(0, line.charCodeAt(0) - SAME) + line.slice(1)));
}

/** What a build stores of a module. */
export function storedInfo({ handlers, pairs, inlineCount, outlinedCount }: InterpreterModule): StoredInfo {
  const names: string[] = [];
  for (const [key, kinds] of handlers) for (const [ea, number] of Object.entries(kinds)) names[number] = ea === "generic" ? key : `${key}@${ea}`;
  return { handlers: pack(Array.from(names, (n: string | undefined) => n ?? "")), pairs, inlineCount, outlinedCount };
}

/** Uses a module that an earlier `generate(false, null)` of the same sources gave. */
export function provideInterpreter(module: WebAssembly.Module, info: StoredInfo): void {
  const { inlineCount, outlinedCount, pairs } = info;
  const handlers = new Map<string, Partial<Record<EaKind, number>>>();
  unpack(info.handlers).forEach((name, number) => {
    if (name === "") return;
    const at = name.indexOf("@");
    const key = at < 0 ? name : name.slice(0, at);
    let kinds = handlers.get(key);
    if (kinds === undefined) handlers.set(key, (kinds = {}));
    kinds[(at < 0 ? "generic" : name.slice(at + 1)) as EaKind] = number;
  });
  compiled.set(keyOf(false, null), { module, info: { handlers, pairs, inlineCount, outlinedCount } });
}
