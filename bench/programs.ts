/** `npx tsx bench/programs.ts`: the benchmark programs alone, for who works on the CPU. */
import { parseArgs } from "node:util";
import { CHOICE_HELP, CHOICE_OPTIONS, choiceOf, runsOf } from "./lib/choice.ts";
import { Context } from "./lib/context.ts";
import { REPEATS } from "./lib/measure.ts";
import { measurePrograms, pauseText, programTable } from "./suites/programs.ts";

const HELP = `Usage: npx tsx bench/programs.ts [options]

  --runs N                on N machines of each engine, medians (default 1); each runs every program ${REPEATS} times
${CHOICE_HELP}
  --stats                 also the machine's statistics (of the last run)
  --help
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { ...CHOICE_OPTIONS, runs: { type: "string", default: "1" }, stats: { type: "boolean", default: false }, help: { type: "boolean", default: false } },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const context = new Context(runsOf(values.runs), (line) => console.error(line), choiceOf(values));
  try {
    const measured = await measurePrograms(context, context.runs);
    console.log(`${programTable(measured)}\n\n${programTable(measured, "first")}`);
    for (const line of measured.wrong) console.error(`wrong: ${line}`);
    if (measured.wrong.length > 0) process.exitCode = 1;
    for (const [engine, reports] of measured.reports) {
      const answers = reports.flatMap(({ answersMs }) => answersMs);
      if (answers.length > 0) console.log(`pauses of the worker in ${engine}: ${pauseText(answers)}; longest ${Math.max(...answers).toFixed(0)} ms`);
      const last = reports.at(-1)?.stats;
      if (values.stats && last !== undefined && last !== null) console.log(`${engine}: ${JSON.stringify(last)}`);
    }
  } finally {
    await context.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
// A preview server's kept-alive connections would hold the process.
process.exit();
