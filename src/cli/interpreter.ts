/** Generates the interpreter module ahead of time into build/interpreter/, once for each state of its sources. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { generate } from "../vmm/generate-interpreter.ts";
import { storedInfo, type StoredInfo } from "../vmm/interpreter.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const INTERPRETER_FOLDER = `${ROOT}build/interpreter/`;
const WASM = `${INTERPRETER_FOLDER}interpreter.wasm`;
const INFO = `${INTERPRETER_FOLDER}interpreter.json`;

/** SHA-256 over every source file that the module depends on. */
function sourceHash(): string {
  const hash = createHash("sha256");
  for (const folder of ["src/base", "src/cpu", "src/jit"]) {
    for (const file of readdirSync(ROOT + folder, { recursive: true, encoding: "utf8" }).sort()) {
      if (file.endsWith(".ts") && !file.endsWith(".test.ts")) hash.update(file).update(readFileSync(`${ROOT}${folder}/${file}`));
    }
  }
  return hash.digest("hex");
}

export interface StoredInterpreter {
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly info: StoredInfo;
}

/** The module for the present sources; writes it unless it is there. */
export function ensureInterpreter(): StoredInterpreter {
  const hash = sourceHash();
  try {
    const stored = JSON.parse(readFileSync(INFO, "utf8")) as StoredInfo & { hash: string };
    if (stored.hash === hash) return { wasm: new Uint8Array(readFileSync(WASM)), info: stored };
  } catch {
    // Not there yet, or half-written by a run that was killed: made anew.
  }
  const module = generate(false, null, false);
  const { bytes } = module;
  const info: StoredInfo & { hash: string } = { hash, ...storedInfo(module) };
  mkdirSync(INTERPRETER_FOLDER, { recursive: true });
  const write = (path: string, data: string | Uint8Array): void => {
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, data);
    renameSync(temporary, path);
  };
  write(WASM, bytes);
  write(INFO, JSON.stringify(info));
  return { wasm: bytes, info };
}
