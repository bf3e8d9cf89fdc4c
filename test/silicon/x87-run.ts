/** Runs x87 cases on the real CPU and on ours. */
import { ISA } from "../../src/cpu/isa/isa.ts";
import { OutcomeReader } from "./format.ts";
import type { Host } from "./host.ts";
import { Machine } from "./machine.ts";
import { describeCase, difference, makeCase, makePool, Random, X87_ENTRIES } from "./x87-cases.ts";

export interface Mismatch {
  /** The table's line. */
  readonly source: string;
  readonly text: string;
}

/** `each` cases of every entry (that `only` names), from one seed. */
export function compareX87(host: Host, seed: number, each: number, only: (source: string) => boolean = () => true): { count: number; mismatches: Mismatch[] } {
  const r = new Random(seed);
  const pool = makePool(r);
  const cases = X87_ENTRIES.filter((e) => only(e.source)).flatMap((e) => Array.from({ length: each }, () => makeCase(r, e)));
  const reader = new OutcomeReader(host.run(pool, cases), pool);
  const machine = new Machine(pool);
  const mismatches: Mismatch[] = [];
  for (const c of cases) {
    const text = difference(c, reader.next(c), machine.run(c));
    if (text !== "") mismatches.push({ source: ISA[c.entry].source, text: `${describeCase(c, pool)}\n    ${text}` });
  }
  return { count: cases.length, mismatches };
}
