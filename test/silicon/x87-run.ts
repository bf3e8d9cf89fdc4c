/** Runs x87 cases on the real CPU and on ours. */
import { ISA } from "../../src/cpu/isa/isa.ts";
import { OutcomeReader } from "./format.ts";
import type { Host } from "./host.ts";
import { Machine } from "./machine.ts";
import { describeCase, difference, makeCase, makePointerCase, makePool, pointerDifference, Random, X87_ENTRIES } from "./x87-cases.ts";

export interface Mismatch {
  /** The table's line. */
  readonly source: string;
  readonly text: string;
}

/** `each` cases of every entry (that `only` names), from one seed. */
export const compareX87 = (host: Host, seed: number, each: number, only?: (source: string) => boolean): { count: number; mismatches: Mismatch[] } =>
  compare(host, seed, each, makeCase, difference, only);

/** Each instruction behind one with a memory operand, and what an environment then says of the two. */
export const comparePointers = (host: Host, seed: number, each: number): { count: number; mismatches: Mismatch[] } =>
  // An AMD host's kernel loses the pointers of a thread that it interrupts (FXSAVE leaves them out): what differs is run again.
  compare(host, seed, each, makePointerCase, pointerDifference, undefined, 3);

function compare(
  host: Host, seed: number, each: number, make: typeof makeCase, differs: typeof difference, only: (source: string) => boolean = () => true, again = 0,
): { count: number; mismatches: Mismatch[] } {
  const r = new Random(seed);
  const pool = makePool(r);
  const cases = X87_ENTRIES.filter((e) => only(e.source)).flatMap((e) => Array.from({ length: each }, () => make(r, e)));
  const reader = new OutcomeReader(host.run(pool, cases), pool);
  // The comparison is with an AMD processor.
  const machine = new Machine(pool, false, "0", undefined, "qemu64");
  const mismatches: Mismatch[] = [];
  for (const c of cases) {
    const ours = machine.run(c);
    let text = differs(c, reader.next(c), ours);
    for (let n = 0; n < again && text !== ""; n++) text = differs(c, new OutcomeReader(host.run(pool, [c]), pool).next(c), ours);
    if (text !== "") mismatches.push({ source: ISA[c.entry].source, text: `${describeCase(c, pool)}\n    ${text}` });
  }
  return { count: cases.length, mismatches };
}
