/** The store: pages in and out, and opening one with many objects. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium as playwright } from "playwright";
import { openFolderStore } from "../../src/cli/store.ts";
import { serveStore } from "../../test/e2e/store-tests.ts";
import type {} from "../../test/e2e/store-page.ts";
import { fillMany, firstObject, throughput, type StoreSpeed } from "../../test/store/speed.ts";
import { CHROMIUM_FLAGS, findChromium } from "../../tools/browsers.ts";
import type { Context, Suite } from "../lib/context.ts";
import { most, row, type Engine, type Row } from "../lib/report.ts";

type Figures = StoreSpeed & { readonly openMs: number; readonly firstMs: number };

async function inNode(): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-bench-store-"));
  try {
    const store = await openFolderStore(folder);
    const speed = await throughput(store);
    await fillMany(store);
    await store.close();
    const began = performance.now();
    const again = await openFolderStore(folder);
    const openMs = performance.now() - began;
    const firstMs = await firstObject(again);
    await again.close();
    return { ...speed, openMs, firstMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rows(engine: Engine, runs: readonly Figures[]): Row[] {
  const of = (name: keyof Figures): number[] => runs.map((figures) => figures[name]);
  return [
    row("store: pages written and committed", engine, "MB/s", of("writeMBs"), { note: `compressed to 1/${runs[0].ratio.toFixed(1)}` }),
    row("store: pages read in order", engine, "MB/s", of("readMBs")),
    row("store: a single page read", engine, "µs", of("scatteredReadUs"), { note: "no neighbour was read lately" }),
    row("store: opened, 100,000 objects", engine, "ms", of("openMs"), engine === "chromium" ? { note: "with the worker's start" } : {}),
    row("store: the first of 100,000 objects", engine, "ms", of("firstMs"), { target: most(100), note: "index read and checked" }),
  ];
}

async function inChromium(context: Context): Promise<Row[]> {
  let executablePath: string;
  try {
    executablePath = await findChromium(context.log);
  } catch (e) {
    context.skip(`Chromium: ${(e as Error).message}`);
    return [];
  }
  const profile = mkdtempSync(join(tmpdir(), "tabvisor-bench-profile-"));
  const site = await serveStore();
  // With a profile: a private window's OPFS is in memory.
  const browser = await playwright.launchPersistentContext(profile, { executablePath, args: [...CHROMIUM_FLAGS] });
  try {
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => "storeTest" in window);
    const runs: Figures[] = [];
    for (let run = 0; run < context.runs; run++) runs.push(await page.evaluate(() => window.storeTest.speed()));
    return rows("chromium", runs);
  } finally {
    await browser.close();
    await site.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

export const store: Suite = {
  name: "store",
  about: "the durable store: speed of pages, opening",
  async run(context) {
    const runs: Figures[] = [];
    for (let run = 0; run < context.runs; run++) runs.push(await inNode());
    return [...rows("node", runs), ...(await inChromium(context))];
  },
};
