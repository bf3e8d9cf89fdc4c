/** Programs of ours in the guest (`bench/guest`), against native QEMU and native code. */
import type { Context, Suite } from "../lib/context.ts";
import { ENGINE_NAMES, engines, type EngineName } from "../lib/engines.ts";
import { buildInitramfs, buildPrograms, programsCmdline } from "../lib/guest-programs.ts";
import { compare, measure, summarise, type Measured, type Summary } from "../lib/measure.ts";
import { choosePrograms, OVERALL, PROGRAMS, TARGETS, type Category } from "../lib/programs.ts";
import { least, median, most, row, type Row } from "../lib/report.ts";
import { histogram } from "../lib/statistics.ts";

export const countOf = (category: Category): number => PROGRAMS.filter((p) => p.category === category).length;

/** Builds, boots and runs what the context's choice says, on so many machines of each engine. */
export async function measurePrograms(context: Context, machines: number): Promise<Measured> {
  const { choice, log } = context;
  const programs = choosePrograms(choice.programs);
  const guest = await context.guest();
  const binary = await buildPrograms(log);
  const initrd = await buildInitramfs(guest, "programs.cpio", log);
  const boot = { kernel: guest.files.vmlinux, initrd, cmdline: programsCmdline(guest) };
  const measured = await measure({ programs, runs: machines, engines: await engines(context, choice.engines, choice.machineArgs), boot, binary, log });
  for (const line of measured.clocks) log(`clocks differ: ${line}`);
  return measured;
}

function summaryRows(engine: Exclude<EngineName, "qemu">, { title, category, speed, slowdown, slowest, complete }: Summary, first: Summary | undefined): Row[] {
  const rows: Row[] = [];
  const target = category === null ? null : TARGETS[category];
  const mean = target === null ? OVERALL.qemu : target.mean;
  if (speed !== null) rows.push(row(`${title}: speed to QEMU's, mean`, engine, "x", [speed], complete ? { target: least(mean) } : {}));
  const bound = target?.slowest ?? null;
  if (slowest !== null && slowest.speed !== null && bound !== null) rows.push(row(`${title}: speed to QEMU's, slowest`, engine, "x", [slowest.speed], { target: least(bound), note: slowest.name }));
  if (first !== undefined && first.speed !== null) rows.push(row(`${title}: speed to QEMU's, mean of first runs`, engine, "x", [first.speed], { note: first.slowest === null ? "" : `slowest ${first.slowest.name}, ${first.slowest.speed?.toFixed(2) ?? ""}x` }));
  rows.push(row(`${title}: time to native code's, mean`, engine, "x", [slowdown], complete && category === null ? { target: most(OVERALL.native) } : {}));
  return rows;
}

export function programRows(measured: Measured): Row[] {
  const rows: Row[] = [];
  for (const engine of ENGINE_NAMES) {
    if (engine === "qemu" || !measured.engines.has(engine)) continue;
    const comparisons = compare(measured, engine), begins = compare(measured, engine, "first");
    for (const { name, native, qemu, seconds, slowdown } of comparisons) {
      const beside = qemu === null ? "" : `QEMU ${qemu.toFixed(3)} s, `;
      const begun = begins.find((c) => c.name === name);
      const beforeIt = begun === undefined ? "" : `; first run ${begun.seconds.toFixed(3)} s${begun.qemu === null ? "" : `, QEMU ${begun.qemu.toFixed(3)} s`}`;
      const note = `${beside}native ${native.toFixed(4)} s (${slowdown.toFixed(1)}x)${beforeIt}`;
      rows.push(row(name, engine, "s", measured.engines.get(engine)?.get(name) ?? [], { ratio: qemu === null ? null : seconds / qemu, note }));
    }
    const firstOf = new Map(summarise(begins, countOf).map((summary) => [summary.title, summary]));
    for (const summary of summarise(comparisons, countOf)) rows.push(...summaryRows(engine, summary, firstOf.get(summary.title)));
    rows.push(...reportRows(measured, engine));
  }
  return rows;
}

const times = (ratio: number | null | undefined, digits: number): string => (typeof ratio === "number" ? `${ratio.toFixed(digits)}x` : "");

/** The longest that a worker may keep from its messages, and where a histogram of it is cut, in ms. */
const PAUSE_MS = 50;
const PAUSE_LIMITS = [10, 20, PAUSE_MS, 100, 200];

/** How long the worker did not answer, from the machine's start through all programs. */
export function pauseText(answersMs: readonly number[]): string {
  return `${answersMs.length} answers, ms: ${histogram(answersMs, PAUSE_LIMITS)}`;
}

const CODE_MB = 150;

/** Rows of what the engine's machines report: pauses of the worker, memory of compiled code where there is any. */
function reportRows(measured: Measured, engine: Exclude<EngineName, "qemu">): Row[] {
  const rows: Row[] = [];
  const reports = measured.reports.get(engine) ?? [];
  const answers = reports.flatMap(({ answersMs }) => answersMs);
  if (answers.length > 0) {
    const longest = answers.reduce((a, b) => Math.max(a, b));
    rows.push(row("boot and programs: longest pause of the worker", engine, "ms", [longest], { target: most(PAUSE_MS), note: pauseText(answers) }));
  }
  const code = reports.flatMap(({ stats }) => compiledBytes(stats) ?? []);
  if (code.length > 0) rows.push(row("boot and programs: compiled code and its bookkeeping", engine, "MB", [Math.max(...code) / 1e6], { target: most(CODE_MB) }));
  return rows;
}

/** The sum of tier 1's fields that are named in bytes (`codeBytes`, …); null for a machine that has no tier 1. */
export function compiledBytes(stats: object | null): number | null {
  const tier1: unknown = stats === null ? null : (stats as Readonly<Record<string, unknown>>)["tier1"];
  if (typeof tier1 !== "object" || tier1 === null) return null;
  const sizes = Object.entries(tier1).flatMap(([name, value]: [string, unknown]) => (/bytes$/i.test(name) && typeof value === "number" ? [value] : []));
  return sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0);
}

/** All engines side by side, for a terminal: medians, or first runs. */
export function programTable(measured: Measured, which: "engines" | "first" = "engines"): string {
  const names = ENGINE_NAMES.filter((name) => measured.engines.has(name));
  const ours = names.filter((name) => name !== "qemu");
  const withQemu = names.includes("qemu");
  const head = [which === "first" ? "first run" : "program", "native", ...names.map((n) => `${n} s`), ...(withQemu ? ours.map((n) => `${n}/QEMU`) : []), ...names.map((n) => `${n} x native`)];
  const cells = (title: string, native: string, of: (engine: EngineName) => { seconds: number | null; speed: number | null; slowdown: number } | undefined): string[] => [
    title,
    native,
    ...names.map((n) => of(n)?.seconds?.toFixed(3) ?? ""),
    ...(withQemu ? ours.map((n) => times(of(n)?.speed, 2)) : []),
    ...names.map((n) => times(of(n)?.slowdown, 1)),
  ];
  const all = new Map(names.map((name) => [name, compare(measured, name, which)]));
  const lines = measured.programs.map(({ name }) =>
    cells(name, median(measured.native.get(name) ?? []).toFixed(4), (engine) => all.get(engine)?.find((c) => c.name === name)),
  );
  const summaries = new Map(names.map((name) => [name, summarise(all.get(name) ?? [], countOf)]));
  const titles = new Set([...summaries.values()].flat().map(({ title }) => title));
  const means = [...titles].map((title) =>
    cells(`mean: ${title}`, "", (engine) => {
      const found = summaries.get(engine)?.find((s) => s.title === title);
      return found === undefined ? undefined : { ...found, seconds: null };
    }),
  );
  const rows = [head, ...lines, ...means];
  const widths = head.map((_, i) => Math.max(...rows.map((r) => r[i].length)));
  return rows.map((r) => r.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ")).join("\n");
}

export const programs: Suite = {
  name: "programs",
  about: `${PROGRAMS.length} programs in the guest: times to QEMU's and to native code's`,
  async run(context) {
    const measured = await measurePrograms(context, Math.ceil(context.runs / 2));
    if (measured.wrong.length > 0) throw new Error(`wrong results: ${measured.wrong.join("; ")}`);
    return programRows(measured);
  },
};
