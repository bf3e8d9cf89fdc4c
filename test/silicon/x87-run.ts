/** Compiles the harness and runs x87 cases on both sides. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { encodeCases, OutcomeReader, type Case, type Outcome } from "./format.ts";
import { Machine } from "./machine.ts";
import { describeCase, difference, makeCase, makePool, Random, X87_ENTRIES } from "./x87-cases.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The compiled harness, or null where this host cannot run it. */
export function compileHarness(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") return null;
  const out = join(ROOT, "build", "silicon-x87-harness");
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const gcc = spawnSync("gcc", ["-O2", "-w", "-o", out, join(ROOT, "test/silicon/harness.c")]);
  return gcc.status === 0 ? out : null;
}

export function runReal(harness: string, pool: Uint8Array, cases: readonly Case[]): Outcome[] {
  const run = spawnSync(harness, { input: encodeCases(pool, cases), maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`harness: ${run.status} ${run.signal} ${run.stderr.toString()}`);
  const reader = new OutcomeReader(run.stdout, pool);
  return cases.map((c) => reader.next(c));
}

export interface Mismatch {
  readonly name: string;
  readonly text: string;
}

/** `each` cases of every entry (that `only` names), from one seed. */
export function compare(harness: string, seed: number, each: number, only: (source: string) => boolean = () => true): { count: number; mismatches: Mismatch[] } {
  const r = new Random(seed);
  const pool = makePool(r);
  const cases = X87_ENTRIES.filter((e) => only(e.source)).flatMap((e) => Array.from({ length: each }, () => makeCase(r, e)));
  const real = runReal(harness, pool, cases);
  const machine = new Machine(pool);
  const mismatches: Mismatch[] = [];
  cases.forEach((c, i) => {
    const text = difference(c, real[i], machine.run(c));
    if (text !== "") mismatches.push({ name: X87_ENTRIES.find((e) => e.id === c.entry)?.source ?? "", text: `${describeCase(c, pool)}\n    ${text}` });
  });
  return { count: cases.length, mismatches };
}
