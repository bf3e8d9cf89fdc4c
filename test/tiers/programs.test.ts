/**
 * Random programs through tier 0, through regions that are compiled at once, and where possible the real CPU: same result, also in
 * slices of 1, 7 and 100 instructions. TIERS_CASES sets how many (nightly: 200000), TIERS_SEED where they begin.
 */
import { expect, it } from "vitest";
import { describeCase, differences } from "../silicon/compare.ts";
import { type Case, type Outcome, OutcomeReader } from "../silicon/format.ts";
import { openHost } from "../silicon/host.ts";
import { Machine } from "../silicon/machine.ts";
import { makePool } from "../silicon/pool.ts";
import { programCase, programText } from "./programs.ts";

const CASES = Number(process.env["TIERS_CASES"] ?? 2000);
const SEED = Number(process.env["TIERS_SEED"] ?? 1);
const TIMEOUT = 120_000 + CASES * 60;
/** One case in so many runs in slices too. */
const SLICED = 10;

const host = openHost();
if (typeof host === "string") console.warn(`test/tiers: ${host}: the programs are compared between the tiers alone`);

it(`${CASES} random programs`, { timeout: TIMEOUT }, () => {
  const pool = makePool(SEED);
  const cases = Array.from({ length: CASES }, (_, i) => programCase(SEED * 1_000_003 + i));
  const real = typeof host === "string" ? null : new OutcomeReader(host.run(pool, cases), pool);
  const tier0 = new Machine(pool);
  const tier1 = new Machine(pool, false, "1");
  const sliced = [1, 7, 100].map((n) => ({ n, machine: new Machine(pool, false, "1", n) }));
  const problems: string[] = [];
  let instructions = 0;
  const check = (c: Case, seed: number, what: string, a: Outcome, b: Outcome): void => {
    const found = differences(c, a, b);
    if (found.length > 0) problems.push(`program ${seed}, ${what}:\n  ${found.join("\n  ")}\n${programText(seed).text}\n${describeCase(c)}`);
  };
  cases.forEach((c, i) => {
    const seed = SEED * 1_000_003 + i;
    const expected = tier0.run(c);
    const retired = tier0.retired;
    if (real !== null) check(c, seed, "real CPU and tier 0", real.next(c), expected);
    check(c, seed, "tier 0 and tier 1", expected, tier1.run(c));
    if (tier1.retired !== retired) problems.push(`program ${seed}: ${retired} instructions in tier 0, ${tier1.retired} in tier 1`);
    instructions += retired;
    if (i % SLICED !== 0) return;
    for (const { n, machine } of sliced) {
      check(c, seed, `tier 0 and tier 1 in slices of ${n}`, expected, machine.run(c));
      if (machine.retired !== retired) problems.push(`program ${seed}: ${retired} instructions in tier 0, ${machine.retired} in tier 1 in slices of ${n}`);
    }
  });
  const compiled = tier1.vcpu.regions?.stats.compiled ?? 0;
  console.log(`${CASES} programs, ${instructions} instructions, ${Math.round((tier1.vcpu.retiredInRegions / instructions) * 100)} % of them in ${compiled} regions${real === null ? "" : `, as on ${typeof host === "string" ? "" : host.cpu}`}`);
  expect(problems.slice(0, 3).join("\n\n")).toBe("");
  expect(tier1.vcpu.retiredInRegions).toBeGreaterThan(instructions / 4);
});
