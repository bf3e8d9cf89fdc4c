/** `npm test`: type check, lint, unit tests, browser tests. The last line is the total over all of them. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestFailure } from "../test/e2e/harness.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPORT = join(ROOT, "build", "vitest.json");

interface Count {
  readonly passed: number;
  readonly failures: readonly TestFailure[];
}

const PASSED: Count = { passed: 1, failures: [] };
const failed = (name: string, message = "see above"): Count => ({ passed: 0, failures: [{ name, message }] });

/** Runs a Node program of the project with its output shown, and answers its exit code (-1: it did not even run). */
function run(script: string, ...args: string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT, stdio: "inherit" });
    child.on("error", () => resolve(-1));
    child.on("close", (code) => resolve(code ?? -1));
  });
}

async function typeCheck(): Promise<Count> {
  return (await run("node_modules/typescript/bin/tsc", "-b")) === 0 ? PASSED : failed("type check");
}

async function lint(): Promise<Count> {
  return (await run("node_modules/eslint/bin/eslint.js", ".", "--max-warnings", "0")) === 0 ? PASSED : failed("lint");
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[] }[];
  }[];
}

/** Failed tests, and files that failed outside of any test. */
function countVitest(report: VitestReport, exitCode: number): Count {
  const failures: TestFailure[] = [];
  for (const file of report.testResults) {
    const path = relative(ROOT, file.name);
    const tests = file.assertionResults.filter((t) => t.status === "failed");
    for (const t of tests) failures.push({ name: `${path}: ${t.fullName}`, message: t.failureMessages.join("\n") });
    if (file.status === "failed" && tests.length === 0) failures.push({ name: path, message: file.message });
  }
  if (failures.length === 0 && exitCode !== 0) failures.push({ name: "vitest", message: `ended with ${exitCode}: an error outside of all files, or a crash` });
  return { passed: report.numPassedTests, failures };
}

async function unitTests(): Promise<Count> {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  rmSync(REPORT, { force: true });
  const code = await run("node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`);
  let report: VitestReport;
  try {
    report = JSON.parse(readFileSync(REPORT, "utf8")) as VitestReport;
  } catch {
    return failed("vitest", "left no report: it crashed");
  }
  return countVitest(report, code);
}

/** Counts only when it fails: everything that boots needs it. */
async function image(): Promise<Count> {
  const { ensureImage } = await import("./image/ensure.ts");
  await ensureImage();
  return { passed: 0, failures: [] };
}

async function browserTests(): Promise<Count> {
  const { runE2e } = await import("../test/e2e/run.ts");
  return runE2e();
}

const STEPS: readonly (readonly [string, () => Promise<Count>])[] = [
  ["type check", typeCheck],
  ["lint", lint],
  // Before the unit tests: one of them boots the guest headless.
  ["default guest", image],
  ["unit tests", unitTests],
  ["browser tests", browserTests],
];

/** Of a failure's text at the end: a log that is cut at its head still says what was wrong. */
const RECAP_LINES = 25;
const RECAP_COLUMNS = 400;

function recap(failures: readonly TestFailure[]): void {
  if (failures.length > 0) console.log("\n── what failed");
  for (const { name, message } of failures) {
    console.log(`  ✗ ${name}`);
    const lines = message.split("\n").filter((line) => !/^\s+at .*node_modules/.test(line));
    for (const line of lines.slice(0, RECAP_LINES)) console.log(`      ${line.slice(0, RECAP_COLUMNS)}`);
  }
}

async function main(): Promise<void> {
  // Some tests compare with this CPU.
  console.log(`${cpus()[0]?.model ?? "an unknown CPU"}, ${cpus().length} of them; Node ${process.version}`);
  let passed = 0;
  const failures: TestFailure[] = [];
  // A browser that dies between two calls must not take the total with it.
  const stray = (error: unknown): void => {
    failures.push({ name: "uncaught", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    console.log(`uncaught: ${failures[failures.length - 1].message}`);
  };
  process.on("uncaughtException", stray).on("unhandledRejection", stray);
  for (const [name, step] of STEPS) {
    console.log(`\n── ${name}`);
    const began = Date.now();
    let count: Count;
    try {
      count = await step();
    } catch (error) {
      count = failed(name, `could not be run: ${error instanceof Error ? error.message : String(error)}`);
      console.log(count.failures[0].message);
    }
    passed += count.passed;
    failures.push(...count.failures);
    console.log(`── ${name}: ${count.passed} passed, ${count.failures.length} failed, ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
  recap(failures);
  // The last line, whatever a browser or a server still wants to say.
  process.stdout.write(`\n${passed} passed, ${failures.length} failed\n`, () => process.exit(failures.length === 0 ? 0 : 1));
}

await main();
