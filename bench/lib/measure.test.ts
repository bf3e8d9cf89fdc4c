/** Comparisons and means: expected values by hand. */
import { describe, expect, test } from "vitest";
import { choiceOf } from "./choice.ts";
import { configFields } from "./engines.ts";
import { clocksAgree, compare, summarise, type Measured } from "./measure.ts";
import { choosePrograms, PROGRAMS } from "./programs.ts";
import { geometricMean, histogram } from "./statistics.ts";

const samples = (values: Readonly<Record<string, number[]>>): Map<string, number[]> => new Map(Object.entries(values));

const measured: Measured = {
  programs: [
    { name: "a", category: "integer", count: 1 },
    { name: "b", category: "integer", count: 1 },
    { name: "c", category: "system", count: 1 },
  ],
  native: samples({ a: [1, 9, 2], b: [1], c: [0.5] }),
  engines: new Map([
    ["qemu", samples({ a: [4], b: [2], c: [6] })],
    ["node", samples({ a: [1, 2, 100], b: [8], c: [] })],
  ]),
  first: new Map([["qemu", samples({ a: [6], b: [2], c: [6] })], ["node", samples({ a: [3], b: [16], c: [] })]]),
  reports: new Map(),
  wrong: [],
  clocks: [],
};

describe("measure", () => {
  test("geometric mean", () => {
    expect(geometricMean([8])).toBeCloseTo(8, 12);
    expect(geometricMean([1, 4, 16])).toBeCloseTo(4, 12);
    expect(geometricMean([0.5, 2])).toBeCloseTo(1, 12);
    expect(() => geometricMean([])).toThrow(RangeError);
    expect(() => geometricMean([1, 0])).toThrow(RangeError);
  });

  test("histogram: a limit belongs to the part below it", () => {
    expect(histogram([0, 10, 10.1, 20, 300, 51], [10, 20, 50])).toBe("≤ 10: 2, ≤ 20: 2, ≤ 50: 0, more: 2");
  });

  test("comparisons are of medians, and leave out what did not end", () => {
    expect(compare(measured, "node")).toEqual([
      { name: "a", category: "integer", native: 2, qemu: 4, seconds: 2, speed: 2, slowdown: 1 },
      { name: "b", category: "integer", native: 1, qemu: 2, seconds: 8, speed: 0.25, slowdown: 8 },
    ]);
  });

  test("first runs are compared with first runs", () => {
    expect(compare(measured, "node", "first").map(({ name, seconds, speed }) => [name, seconds, speed])).toEqual([["a", 3, 2], ["b", 16, 0.125]]);
  });

  test("summaries by category and of all; incomplete ones say so", () => {
    const [integer, all, ...more] = summarise(compare(measured, "node"), (category) => (category === "integer" ? 2 : 1));
    expect(more).toEqual([]);
    expect(integer).toMatchObject({ category: "integer", complete: true, slowest: { name: "b" } });
    expect(integer.speed).toBeCloseTo(Math.SQRT1_2, 12);
    expect(integer.slowdown).toBeCloseTo(Math.sqrt(8), 12);
    expect(all).toMatchObject({ category: null, complete: false });
    expect(summarise([], () => 1)).toEqual([]);
  });

  test("clocks agree within a tenth and the line's delay", () => {
    const outcome = { name: "a", checksum: "0" };
    expect(clocksAgree({ ...outcome, seconds: 1, guestSeconds: 0.91 })).toBe(true);
    expect(clocksAgree({ ...outcome, seconds: 1, guestSeconds: 0.8 })).toBe(false);
    expect(clocksAgree({ ...outcome, seconds: 0.02, guestSeconds: 0.011 })).toBe(true);
    expect(clocksAgree({ ...outcome, seconds: 0.5, guestSeconds: 1 })).toBe(false);
  });

  test("programs have names of their own, and a wrong name is refused", () => {
    expect(new Set(PROGRAMS.map(({ name }) => name)).size).toBe(PROGRAMS.length);
    expect(choosePrograms(["nbody", "sieve"]).map(({ name }) => name)).toEqual(["sieve", "nbody"]);
    expect(() => choosePrograms(["seive"])).toThrow("no program 'seive'");
  });

  test("options of the machine", () => {
    expect(choiceOf({ programs: ["sieve,nbody"], engines: ["node"], tier: "1", machine: ["--jit-threshold 4"] })).toEqual({
      programs: ["sieve", "nbody"], engines: ["node"], machineArgs: ["--tier", "1", "--jit-threshold", "4"],
    });
    expect(() => choiceOf({ programs: [], engines: ["v86"], machine: [] })).toThrow("--engines: 'v86' is unknown");
    expect(configFields(["--tier", "1", "--jit-threshold", "4", "--verbose"])).toEqual({ tier: "1", jitThreshold: "4", verbose: true });
    expect(() => configFields(["tier"])).toThrow("machine option 'tier'");
  });
});
