/**
 * The live comparison at any length:
 *
 *   npx tsx test/silicon/run.ts [--cases N] [--seed N] [--only REGEXP] [--sse | --integer] [--sequences SHARE] [--legacy SHARE]
 *     [--groups N] [--each N] [--profile] [--uncovered]
 */
import { parseArgs } from "node:util";
import { liftName } from "../../src/cpu/lift/form.ts";
import { mismatchText, runDifferential, summary, uncovered } from "./differential.ts";
import { openHost } from "./host.ts";

const INTEGER = new Set(["base", "cmov", "popcnt", "lzcnt", "bmi1", "movbe", "adx", "cx8", "cx16", "prfchw", "clfsh", "clflushopt", "clwb"]);

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" }, seed: { type: "string", default: "1" }, only: { type: "string" }, sse: { type: "boolean", default: false },
    integer: { type: "boolean", default: false }, sequences: { type: "string" }, groups: { type: "string", default: "30" }, each: { type: "string", default: "1" },
    profile: { type: "boolean", default: false }, uncovered: { type: "boolean", default: false }, legacy: { type: "string" },
  },
});
const host = openHost();
if (typeof host === "string") {
  console.error(`no live comparison: ${host}`);
  process.exit(2);
}
const only = values.only === undefined ? null : new RegExp(`^(?:${values.only})$`);
const began = Date.now();
const report = runDifferential(host, {
  cases: Number(values.cases), seed: Number(values.seed), profile: values.profile,
  ...(values.sequences === undefined ? {} : { sequences: Number(values.sequences) }),
  ...(values.legacy === undefined ? {} : { legacy: Number(values.legacy) }),
  only: (e) => (only?.test(liftName(e)) ?? true) && (!values.sse || !INTEGER.has(e.feature)) && (!values.integer || INTEGER.has(e.feature)),
  progress: (r) => {
    if (r.executions % 200_000 === 0) console.error(`${r.executions} executions, ${r.mismatchCount} mismatches`);
  },
});
host.close();
console.log(mismatchText(report, Number(values.groups), Number(values.each)));
if (values.uncovered) console.log(uncovered(report, host.flags).join("\n"));
console.log(summary(report, host.flags));
console.log(`${host.cpu}; ${((Date.now() - began) / 1000).toFixed(1)} s; endings by vector: ${[...report.vectors].sort((a, b) => a[0] - b[0]).map(([v, n]) => `${v}: ${n}`).join(", ")}`);
process.exit(report.mismatchCount === 0 ? 0 : 1);
