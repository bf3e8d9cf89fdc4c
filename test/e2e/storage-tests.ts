/** Storage in a real browser: a worker that is killed while it writes to OPFS leaves what it has flushed; speed of OPFS. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright";
import { build, preview } from "vite";
import { CHROMIUM_FLAGS } from "../../tools/browsers.ts";
import { durabilityTests } from "./durability-tests.ts";
import { check, ROOT, type Runner } from "./harness.ts";
import { extentOf, type StorageTask } from "./storage-worker.ts";

const KILLS = 50;
const SECTORS = 6000;
const FILE = "tests/disk.overlay";

interface Reply {
  readonly result?: unknown;
  readonly error?: string;
  /** Last number that was flushed, when the worker was killed. */
  readonly flushed: number;
}

/** Runs a task in a fresh worker; kills it `killMs` after its first message. */
function inWorker(page: Page, task: StorageTask, killMs: number | null): Promise<Reply> {
  return page.evaluate(
    ([t, ms]) =>
      new Promise<Reply>((resolve) => {
        const worker = new Worker("worker.js", { type: "module" });
        let flushed = -1;
        let started = false;
        const end = (reply: object): void => {
          worker.terminate();
          resolve({ ...reply, flushed });
        };
        worker.onerror = (e) => end({ error: e.message });
        worker.onmessage = ({ data }: MessageEvent<{ flushed?: number; result?: unknown; error?: string }>) => {
          if (data.flushed === undefined) {
            end(data);
            return;
          }
          flushed = data.flushed;
          if (!started && ms !== null) setTimeout(() => end({}), ms);
          started = true;
        };
        worker.postMessage(t);
      }),
    [task, killMs] as const,
  );
}

async function succeed(page: Page, task: StorageTask): Promise<unknown> {
  // A killed worker's file is locked for a moment.
  for (let tries = 0; ; tries++) {
    const { result, error } = await inWorker(page, task, null);
    if (error === undefined) return result;
    check(tries < 50 && error.includes("is in use"), error);
    await page.waitForTimeout(20);
  }
}

export async function storageTests(runner: Runner, executablePath: string): Promise<void> {
  const outDir = join(ROOT, "build", "e2e-storage");
  const common = { root: ROOT, configFile: false, logLevel: "warn" } as const;
  await build({ ...common, publicDir: false, build: { target: "es2022", outDir, emptyOutDir: true, lib: { entry: join(ROOT, "test/e2e/storage-worker.ts"), formats: ["es"], fileName: () => "worker.js" } } });
  writeFileSync(join(outDir, "index.html"), "<!doctype html><title>storage</title>");
  const server = await preview({ ...common, build: { outDir }, preview: { host: "127.0.0.1", port: 4550, strictPort: false } });
  // With a profile: a private window's OPFS is in the browser's memory, behind messages.
  const profile = mkdtempSync(join(tmpdir(), "tabvisor-profile-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: [...CHROMIUM_FLAGS] });
  // esbuild (tsx) wraps named functions in a helper of its own, which functions that are sent as text then lack.
  await context.addInitScript({ content: "globalThis.__name = (f) => f;" });
  const page = await context.newPage();
  try {
    await page.goto(server.resolvedUrls?.local[0] ?? "");

    await runner.test(`a worker killed at ${KILLS} points of a write load leaves everything that was flushed in OPFS`, async () => {
      await succeed(page, { kind: "remove", file: FILE });
      /** What each sector must at least hold. */
      const least = new Array<number>(SECTORS).fill(0);
      let from = 1;
      let writes = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        let reply = await inWorker(page, { kind: "load", file: FILE, sectors: SECTORS, from }, (kill * 37) % 120);
        for (let tries = 0; reply.error?.includes("is in use") === true && tries < 50; tries++) {
          await page.waitForTimeout(20);
          reply = await inWorker(page, { kind: "load", file: FILE, sectors: SECTORS, from }, (kill * 37) % 120);
        }
        check(reply.error === undefined, reply.error ?? "");
        for (let n = from; n <= reply.flushed; n++) {
          const { sector, count } = extentOf(n, SECTORS);
          least.fill(n, sector, sector + count);
        }
        writes += Math.max(0, reply.flushed - from + 1);
        const found = (await succeed(page, { kind: "check", file: FILE, sectors: SECTORS })) as number[];
        for (const [sector, n] of found.entries()) {
          const { sector: first, count } = extentOf(n, SECTORS);
          const known = n === 0 || (n > 0 && sector >= first && sector < first + count);
          check(known && n >= least[sector], `kill ${kill}: sector ${sector} holds ${n}, at least ${least[sector]} was flushed`);
          least[sector] = n;
        }
        from = Math.max(from, reply.flushed + 1, ...found) + 1000;
      }
      check(writes > KILLS, `${writes} writes were flushed in all`);
      console.log(`  ${writes} writes flushed over ${KILLS} kills`);
      await succeed(page, { kind: "remove", file: FILE });
    }, () => page, 180_000);

    await durabilityTests(runner, page, outDir);

    await runner.test("OPFS takes and gives a large file", async () => {
      const rates = (await succeed(page, { kind: "speed", file: "tests/speed", megabytes: 128 })) as Record<string, number>;
      console.log(`  OPFS, MB/s: ${Object.entries(rates).map(([name, rate]) => `${name} ${rate}`).join(", ")}`);
      check(Object.values(rates).every((rate) => rate > 0), "every rate is a number");
    }, () => page, 120_000);
  } finally {
    await context.close();
    await server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
