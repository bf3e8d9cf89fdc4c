/** Random bytes at random addresses in every mode: never a host exception, never a hang, and neither slices nor tier 1 make a difference. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const SECONDS = Number(process.env["FUZZ_SECONDS"] ?? "5");
const SEED = process.env["FUZZ_SEED"] ?? "1";
/** A hang shows in no new seed for so long. */
const SILENCE_MS = 30_000;

it.each(["in slices", "in compiled regions"])(`random code for ${SECONDS} s, %s`, async (how) => {
  const tier = how === "in slices" ? [] : ["--tier1"];
  const child = spawn(process.execPath, ["--import", "tsx", join(import.meta.dirname, "run.ts"), "--seconds", String(SECONDS), "--from", SEED, ...tier], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  let hang = false;
  const stop = (): void => {
    hang = true;
    child.kill("SIGKILL");
  };
  let watchdog = setTimeout(stop, SILENCE_MS);
  child.stdout.on("data", (d: Buffer) => {
    output += d.toString();
    clearTimeout(watchdog);
    watchdog = setTimeout(stop, SILENCE_MS);
  });
  child.stderr.on("data", (d: Buffer) => (errors += d.toString()));
  const code = await new Promise((resolve) => child.on("close", resolve));
  clearTimeout(watchdog);
  const lines = output.trim().split("\n");
  expect(hang ? `hangs within 64 cases after ${lines.at(-1) ?? ""}` : "").toBe("");
  expect([code, lines.filter((l) => l.startsWith("FAILED")).join("\n") + (code === 0 ? "" : errors)]).toEqual([0, ""]);
  const cases = Number(/^(\d+) cases/.exec(lines.at(-1) ?? "")?.[1]);
  expect(cases).toBeGreaterThan(0);
  console.log(lines.at(-1));
}, SECONDS * 1000 + 120_000);
