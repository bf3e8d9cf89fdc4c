/** Runs and states that go from Node to Chromium and back: replayed to the same state, continued to the same state. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright";
import { build, preview } from "vite";
import { machineConfig } from "../record/rig.ts";
import { check, equal, ROOT, type Runner } from "./harness.ts";
import { perform, type ReplayAnswer, type ReplayTask } from "./replay-worker.ts";

const TYPED = [...new TextEncoder().encode("some text, and an end: "), ...Array<number>(60).fill(97), 113];

/** Bytes cross to the page as base64 in place of what JSON cannot say. */
function inChromium(page: Page, task: ReplayTask): Promise<ReplayAnswer> {
  const packed = JSON.stringify(task, (_key, v: unknown) => (v instanceof Uint8Array ? { base64: Buffer.from(v).toString("base64") } : v));
  return page.evaluate(async (text) => {
    const read = JSON.parse(text, (_key, v: { base64?: string } | null) => (typeof v?.base64 === "string" ? Uint8Array.from(atob(v.base64), (c) => c.charCodeAt(0)) : v)) as ReplayTask;
    const worker = new Worker("worker.js", { type: "module" });
    const { result, error } = await new Promise<{ result?: ReplayAnswer; error?: string }>((resolve) => {
      worker.onerror = (e) => resolve({ error: e.message });
      worker.onmessage = (e: MessageEvent<{ result?: ReplayAnswer; error?: string }>) => resolve(e.data);
      worker.postMessage(read);
    });
    worker.terminate();
    if (result === undefined) throw new Error(error);
    let log = "";
    for (const b of result.log ?? []) log += String.fromCharCode(b);
    return { ...result, log: result.log === null ? null : btoa(log) };
  }, packed).then((answer) => ({ ...answer, log: answer.log === null ? null : new Uint8Array(Buffer.from(answer.log, "base64")) }));
}

export async function replayTests(runner: Runner, browser: Browser): Promise<void> {
  const outDir = join(ROOT, "build", "e2e-replay");
  const common = { root: ROOT, configFile: false, logLevel: "warn" } as const;
  await build({ ...common, publicDir: false, build: { target: "es2022", outDir, emptyOutDir: true, lib: { entry: join(ROOT, "test/e2e/replay-worker.ts"), formats: ["es"], fileName: () => "worker.js" } } });
  writeFileSync(join(outDir, "index.html"), "<!doctype html><title>replay</title>");
  const server = await preview({ ...common, build: { outDir }, preview: { host: "127.0.0.1", port: 4560, strictPort: false } });
  const page = await browser.newPage();
  // esbuild (tsx) wraps named functions in a helper of its own, which functions that are sent as text then lack.
  await page.addInitScript({ content: "globalThis.__name = (f) => f;" });
  const hosts = { Node: perform, Chromium: (task: ReplayTask) => inChromium(page, task) } as const;
  const pairs = [["Node", "Chromium"], ["Chromium", "Node"]] as const;
  const seen = ({ serial, instructions, hash }: ReplayAnswer): unknown => ({ serial, instructions, hash });
  try {
    await page.goto(server.resolvedUrls?.local[0] ?? "");
    for (const [from, to] of pairs) {
      for (const deterministic of [true, false]) {
        await runner.test(`a ${deterministic ? "deterministic" : "real-time"} run recorded in ${from} is replayed in ${to}`, async () => {
          const config = machineConfig({ deterministic });
          const run = await hosts[from]({ kind: "record", config, typed: TYPED, apart: 40_000 });
          check(run.serial.includes("some text") && run.log !== null, "the guest did not answer");
          for (const tier of ["0", "1"] as const) equal(seen(await hosts[to]({ kind: "replay", config: { ...config, tier }, log: run.log })), seen(run), `tier ${tier}`);
        });
      }
      await runner.test(`a state saved in ${from} goes on in ${to} to the same state`, async () => {
        const config = machineConfig({});
        const [at, end] = [3_000_000, 5_000_000];
        const saved = await hosts[from]({ kind: "save", config, instructions: at });
        check(saved.log !== null && saved.instructions === at, "nothing was saved");
        const here = await hosts[from]({ kind: "resume", config, log: saved.log, instructions: end });
        const there = await hosts[to]({ kind: "resume", config, log: saved.log, instructions: end });
        const whole = await hosts[to]({ kind: "save", config, instructions: end });
        equal(seen(there), seen(here), "the state");
        equal([there.hash, there.instructions], [whole.hash, end], "that of a run without a break");
      });
    }
  } finally {
    await page.close();
    await server.close();
  }
}
