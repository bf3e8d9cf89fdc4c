/**
 * The x87 against the CPU this runs on: random values of every class, all control words, stack faults, pending exceptions. An AMD
 * host is wanted: where the manual leaves results open (docs: helpers/x87.ts), ours are that vendor's.
 */
import { afterAll, describe, expect, it } from "vitest";
import { openHost } from "./host.ts";
import { Machine } from "./machine.ts";
import { describeCase, makePointerCase, makePool, pointerDifference, Random, X87_ENTRIES } from "./x87-cases.ts";
import { comparePointers, compareX87 } from "./x87-run.ts";

const host = openHost();
const usable = typeof host !== "string" && host.vendor === "amd" ? host : null;

describe.skipIf(usable === null)("x87 against real silicon", () => {
  afterAll(() => usable?.close());
  it("gives the same in every form of the table", () => {
    if (usable === null) return;
    expect(X87_ENTRIES.length).toBeGreaterThan(140);
    const { count, mismatches } = compareX87(usable, 20240611, 40);
    expect(mismatches.map((m) => m.text)).toEqual([]);
    expect(count).toBe(40 * X87_ENTRIES.length);
  });
  it("keeps the last instruction's address, opcode and operand, in every layout of the environment", () => {
    if (usable === null) return;
    const { count, mismatches } = comparePointers(usable, 7, 60);
    expect(mismatches.map((m) => m.text).slice(0, 5)).toEqual([]);
    expect(count).toBe(60 * X87_ENTRIES.length);
  });
});

describe("x87 pointers in tier 1", () => {
  it("are tier 0's", () => {
    const r = new Random(5);
    const pool = makePool(r);
    const [interpreted, compiled] = [new Machine(pool), new Machine(pool, false, "1")];
    for (const entry of X87_ENTRIES) {
      for (let i = 0; i < 4; i++) {
        const c = makePointerCase(r, entry);
        expect(`${describeCase(c, pool)} ${pointerDifference(c, interpreted.run(c), compiled.run(c))}`).toMatch(/ $/);
      }
    }
    expect(compiled.vcpu.retiredInRegions).toBeGreaterThan(500);
  });
});
