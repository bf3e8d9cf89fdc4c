/** Rows of the programs: what is a target, and of what. Expected values by hand. */
import { describe, expect, test } from "vitest";
import type { Measured } from "../lib/measure.ts";
import { PROGRAMS, type Category } from "../lib/programs.ts";
import { table, verdict } from "../lib/report.ts";
import { compiledBytes, pauseText, programRows, programTable } from "./programs.ts";

/** All programs, QEMU's and native times 1 s, ours by category. */
function measured(seconds: Readonly<Record<Category, number>>, slow: Readonly<Record<string, number>> = {}): Measured {
  const every = (of: (name: string, category: Category) => number): Map<string, number[]> => new Map(PROGRAMS.map(({ name, category }) => [name, [of(name, category)]]));
  const engines = new Map([["qemu", every(() => 1)], ["chromium", every((name, category) => slow[name] ?? seconds[category])]] as const);
  return {
    programs: PROGRAMS,
    native: every(() => 1),
    engines,
    first: new Map([["qemu", every(() => 1)], ["chromium", every(() => 2)]]),
    reports: new Map([["chromium", [{ stats: null, answersMs: [1, 12, 60] }]]]),
    wrong: [],
    clocks: [],
  };
}

const verdicts = (m: Measured): Record<string, string> => Object.fromEntries(programRows(m).filter((r) => r.target !== null).map((r) => [r.figure, verdict(r)]));

describe("programs", () => {
  test("every target of the issue has its row, just met", () => {
    expect(verdicts(measured({ integer: 0.999, float: 0.249, memory: 0.199, system: 1.249 }))).toEqual({
      "integer and compression: speed to QEMU's, mean": "pass",
      "integer and compression: speed to QEMU's, slowest": "pass",
      "floating point: speed to QEMU's, mean": "pass",
      "memory and strings: speed to QEMU's, mean": "pass",
      "system calls, faults, processes: speed to QEMU's, mean": "pass",
      "system calls, faults, processes: speed to QEMU's, slowest": "pass",
      // (1^9 * 4^5 * 5^7 * 0.8^7)^(1/28) = 1.81: the parts' targets alone do not meet that of all.
      "all programs: speed to QEMU's, mean": "miss",
      "all programs: time to native code's, mean": "pass",
      "boot and programs: longest pause of the worker": "miss",
    });
  });

  test("one slow program misses its own target", () => {
    const rows = programRows(measured({ integer: 0.5, float: 0.1, memory: 0.1, system: 0.5 }, { div64: 2, fork: 2.1 }));
    const of = (figure: string): { readonly value: number; readonly note?: string | undefined } | undefined => rows.find((r) => r.figure === figure);
    expect(of("integer and compression: speed to QEMU's, slowest")).toMatchObject({ value: 0.5, note: "div64" });
    expect(of("system calls, faults, processes: speed to QEMU's, slowest")).toMatchObject({ note: "fork" });
    expect(of("all programs: speed to QEMU's, mean of first runs")?.value).toBeCloseTo(0.5, 12);
    expect(of("fork")).toMatchObject({ value: 2.1, ratio: 2.1, note: "QEMU 1.000 s, native 1.0000 s (2.1x); first run 2.000 s, QEMU 1.000 s" });
    expect(verdicts(measured({ integer: 0.5, float: 0.1, memory: 0.1, system: 0.5 }, { div64: 2 }))["integer and compression: speed to QEMU's, slowest"]).toBe("miss");
  });

  test("a choice of programs has no targets of means", () => {
    const all = measured({ integer: 1, float: 1, memory: 1, system: 1 });
    const some = { ...all, programs: PROGRAMS.filter(({ name }) => name === "nbody"), reports: new Map() };
    expect(programRows(some).filter((r) => r.target !== null)).toEqual([]);
    expect(programTable(some).split("\n")[1]).toMatch(/^nbody +1\.0000 +1\.000 +1\.000 +1\.00x +1\.0x +1\.0x$/);
  });

  test("ratios stand in the table without a space", () => {
    expect(table({ programs: programRows(measured({ integer: 1, float: 0.25, memory: 0.2, system: 1.25 })) })).toMatch(/\| ≥ 4x +\| 4\.00x +\|/);
  });

  test("pauses and bytes of compiled code", () => {
    expect(pauseText([1, 12, 60])).toBe("3 answers, ms: ≤ 10: 1, ≤ 20: 1, ≤ 50: 0, ≤ 100: 1, ≤ 200: 0, more: 0");
    expect(compiledBytes(null)).toBe(null);
    expect(compiledBytes({ tier1: { regions: 7 } })).toBe(null);
    expect(compiledBytes({ tier1: { codeBytes: 1000, bookkeepingBytes: 24, regions: 7 } })).toBe(1024);
  });
});
