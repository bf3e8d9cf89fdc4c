/**
 * Whole programs out of Debian's packages, in the guest and on this CPU. By default the short work on one model;
 * `npm run test:programs` (PROGRAMS=1) does all of it on every model.
 */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { existingGuest } from "../../tools/image/ensure.ts";
import { type Amount, differences, inTheGuest, MODELS, onThisCpu, preparePrograms, type Programs, type Results } from "./comparison.ts";

const ALL = process.env["PROGRAMS"] === "1";
/** Some steps alone, and some models: PROGRAMS_STEPS='gcc|perl' PROGRAMS_CPU=max. */
const AMOUNT: Amount = { size: ALL ? "full" : "short", steps: process.env["PROGRAMS_STEPS"] ?? "." };
const CPU = process.env["PROGRAMS_CPU"];
const cpu = process.platform === "linux" && process.arch === "x64" ? readFileSync("/proc/cpuinfo", "utf8") : "";
const guest = cpu === "" ? null : await existingGuest();

let programs: Programs | null = null;
if (guest === null) console.warn("test/programs: no x86-64 Linux, or no guest: SKIPPED");
else {
  try {
    programs = await preparePrograms();
  } catch (e) {
    if (!(e instanceof UserError)) throw e;
    console.warn(`test/programs: ${e.message}: SKIPPED`);
  }
}

describe.skipIf(programs === null)("Debian's programs", () => {
  const here = new Map<string, Results>();
  afterAll(() => here.clear());
  const models = MODELS.filter(({ name, avx2 }) => (CPU === undefined ? ALL || name === "x86-64-v3" : name === CPU) && (!avx2 || ["avx2", "fma", "bmi2"].every((f) => new RegExp(`\\b${f}\\b`).test(cpu))));
  it.each(models)("$name: they say the same in the guest and on this CPU", { timeout: 1_800_000 }, async (model) => {
    if (programs === null || guest === null) return;
    const expected = await onThisCpu(programs, AMOUNT, model);
    // A step that fails everywhere would compare nothing.
    const failed = [...expected].filter(([name, text]) => !text.endsWith(name.startsWith("gcc") && /small|O/.test(name) ? "\nexit 17\n" : "\nexit 0\n")).map(([name, text]) => `${name}: ${text.slice(-500)}`);
    expect(failed).toEqual([]);
    const run = await inTheGuest(programs, guest, AMOUNT, model, 1700);
    const bytes = [...run.results.values()].reduce((sum, text) => sum + text.length, 0);
    console.log(`${model.name}: ${run.results.size} steps, ${bytes} bytes compared, ${(run.instructions / 1e9).toFixed(1)} G instructions, ${run.seconds.toFixed(0)} s`);
    expect(differences(run.results, expected)).toEqual([]);
    expect(run.results.size).toBe(expected.size);
  });
});
