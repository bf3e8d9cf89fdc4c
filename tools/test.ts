/** `npm test`: type check, lint, unit tests, browser tests. The last line is the total over all of them. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const REPORT = join(ROOT, "build", "vitest.json");

interface Count {
  readonly passed: number;
  readonly failed: number;
}

const PASSED: Count = { passed: 1, failed: 0 };
const FAILED: Count = { passed: 0, failed: 1 };

/** Runs a Node program of the project with its output shown, and answers its exit code (-1: it did not even run). */
function run(script: string, ...args: string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT, stdio: "inherit" });
    child.on("error", () => resolve(-1));
    child.on("close", (code) => resolve(code ?? -1));
  });
}

async function typeCheck(): Promise<Count> {
  return (await run("node_modules/typescript/bin/tsc", "-b")) === 0 ? PASSED : FAILED;
}

async function lint(): Promise<Count> {
  return (await run("node_modules/eslint/bin/eslint.js", ".", "--max-warnings", "0")) === 0 ? PASSED : FAILED;
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[];
}

/** Failed tests, and files that failed outside of any test. */
function countVitest(report: VitestReport, exitCode: number): Count {
  const broken = report.testResults.filter((file) => file.status === "failed" && !file.assertionResults.some((t) => t.status === "failed"));
  const failed = report.numFailedTests + broken.length;
  // An error outside of all files, or a crash.
  return { passed: report.numPassedTests, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

async function unitTests(): Promise<Count> {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  rmSync(REPORT, { force: true });
  const code = await run("node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`);
  let report: VitestReport;
  try {
    report = JSON.parse(readFileSync(REPORT, "utf8")) as VitestReport;
  } catch {
    console.log("vitest left no report: it crashed");
    return FAILED;
  }
  return countVitest(report, code);
}

/** Counts only when it fails: everything that boots needs it. */
async function image(): Promise<Count> {
  const { ensureImage } = await import("./image/ensure.ts");
  await ensureImage();
  return { passed: 0, failed: 0 };
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

async function main(): Promise<void> {
  const total = { passed: 0, failed: 0 };
  // A browser that dies between two calls must not take the total with it.
  const stray = (error: unknown): void => {
    total.failed++;
    console.log(`uncaught: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  };
  process.on("uncaughtException", stray).on("unhandledRejection", stray);
  for (const [name, step] of STEPS) {
    console.log(`\n── ${name}`);
    const began = Date.now();
    let count: Count;
    try {
      count = await step();
    } catch (error) {
      console.log(`${name} could not be run: ${error instanceof Error ? error.message : String(error)}`);
      count = FAILED;
    }
    total.passed += count.passed;
    total.failed += count.failed;
    console.log(`── ${name}: ${count.passed} passed, ${count.failed} failed, ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
  // The last line, whatever a browser or a server still wants to say.
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`, () => process.exit(total.failed === 0 ? 0 : 1));
}

await main();
