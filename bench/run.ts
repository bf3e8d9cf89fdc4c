/** `npm run bench`: takes the figures that the issues ask for and compares them with native QEMU on the same images. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CHOICE_HELP, CHOICE_OPTIONS, choiceOf, runsOf, type Choice } from "./lib/choice.ts";
import { Context, type Suite } from "./lib/context.ts";
import { environment } from "./lib/environment.ts";
import { RESULTS, ROOT } from "./lib/paths.ts";
import { environmentText, replaceFigures, table, verdict, type Results, type Row } from "./lib/report.ts";
import { boot } from "./suites/boot.ts";
import { cold } from "./suites/cold.ts";
import { disk } from "./suites/disk.ts";
import { firmware } from "./suites/firmware.ts";
import { hotloop } from "./suites/hotloop.ts";
import { idle } from "./suites/idle.ts";
import { machines } from "./suites/machines.ts";
import { memory } from "./suites/memory.ts";
import { page } from "./suites/page.ts";
import { programs } from "./suites/programs.ts";
import { screen } from "./suites/screen.ts";
import { store } from "./suites/store.ts";
import { snapshot } from "./suites/snapshot.ts";
import { v86 } from "./suites/v86.ts";

const SUITES: readonly Suite[] = [boot, hotloop, programs, cold, disk, v86, page, idle, machines, memory, screen, store, snapshot, firmware];

const HELP = `Usage: npm run bench -- [options]

  --only NAME[,NAME]      only these figures
  --runs N                counted runs of each timed figure (default 5)
  --update                also write the table into bench/README.md
${CHOICE_HELP}
  --help

Figures:
${SUITES.map(({ name, about }) => `  ${name.padEnd(18)}  ${about}`).join("\n")}
`;

interface Options {
  readonly suites: readonly Suite[];
  readonly runs: number;
  readonly update: boolean;
  readonly choice: Choice;
}

/** Null: only help was asked for. */
function options(): Options | null {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      runs: { type: "string", default: "5" },
      update: { type: "boolean", default: false },
      ...CHOICE_OPTIONS,
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const names = values.only.flatMap((list) => list.split(","));
  const suites = names.length === 0 ? SUITES : SUITES.filter(({ name }) => names.includes(name));
  for (const name of names) if (!SUITES.some((suite) => suite.name === name)) throw new Error(`--only: '${name}' is unknown; known: ${SUITES.map((s) => s.name).join(", ")}`);
  const runs = runsOf(values.runs);
  const choice = choiceOf(values);
  if (values.update && (suites.length < SUITES.length || Object.values(values).some((v) => Array.isArray(v) && v.length > 0) || values.tier !== undefined))
    throw new Error("--update needs a run of all figures: the table is of one run");
  return { suites, runs, update: values.update, choice };
}

/** True if all suites could be run. A missed target is a figure like any other. */
async function bench({ suites, runs, update, choice }: Options): Promise<boolean> {
  const log = (line: string): void => console.error(line);
  const before = environment({});
  const context = new Context(runs, log, choice);
  const rows: Record<string, readonly Row[]> = {};
  try {
    for (const suite of suites) {
      try {
        rows[suite.name] = await suite.run(context);
      } catch (error) {
        context.fail(`${suite.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    await context.close();
  }
  const results: Results = {
    ...before,
    versions: { ...before.versions, ...context.versions },
    runs,
    suites: rows,
    skipped: [...context.skipped],
  };

  const withVerdicts = Object.fromEntries(Object.entries(rows).map(([name, list]) => [name, list.map((r) => ({ ...r, verdict: verdict(r) }))]));
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, "latest.json"), `${JSON.stringify({ ...results, suites: withVerdicts }, null, 2)}\n`);
  console.log(`\n${environmentText(results)}\n\n${table(rows)}`);
  if (update && !context.failed) {
    const readme = join(ROOT, "bench", "README.md");
    writeFileSync(readme, replaceFigures(readFileSync(readme, "utf8"), results));
    console.log("\nbench/README.md is up to date.");
  } else if (update) console.log("\nbench/README.md stays as it is: not all figures could be taken.");
  return !context.failed;
}

try {
  const chosen = options();
  if (chosen === null) console.log(HELP);
  else process.exitCode = (await bench(chosen)) ? 0 : 1;
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
// A preview server's kept-alive connections would hold the process.
process.exit();
