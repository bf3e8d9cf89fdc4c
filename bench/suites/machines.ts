/** Many machines in one page: what sixteen idle ones cost, and what one that spins does to another. */
import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type Page } from "playwright";
import type * as Tabvisor from "../../src/embed/index.ts";
import { buildEmbed, staticSite } from "../../test/e2e/embed-site.ts";
import { CHROMIUM_FLAGS, findChromium } from "../../tools/browsers.ts";
import type { Suite } from "../lib/context.ts";
import { cpuSeconds, memoryUse } from "../lib/proc.ts";
import { median, most, row } from "../lib/report.ts";

const MACHINES = 16;
const MEMORY_MIB = 64;
/** Boots at a time: two cores boot no sixteen. */
const TOGETHER = 2;
const SETTLE_MS = 8_000;
const WINDOW_MS = 15_000;
const ROUND_TRIPS = 40;
const MB = 1e6;

/** Boots machines `from` to `end` to their prompts. */
const bootAll = (page: Page, from: number, end: number): Promise<void> =>
  page.evaluate(async ([first, last, memory]) => {
    const { Machine } = (await import(new URL("../embed/tabvisor.js", location.href).href)) as typeof Tabvisor;
    await Promise.all(Array.from({ length: last - first }, async (_, i) => {
      const machine = await Machine.create({ name: `m${first + i}`, memory });
      (globalThis.machines ??= {})[`m${first + i}`] = machine;
      await machine.start();
      await machine.waitFor("# ", { timeoutMs: 240_000 });
    }));
  }, [from, end, MEMORY_MIB] as const);

const roundTrips = (page: Page): Promise<number[]> =>
  page.evaluate(async (count) => {
    const { m0 } = globalThis.machines;
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await m0.run(`echo x${i}`);
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times;
  }, ROUND_TRIPS);

export const machines: Suite = {
  name: "machines",
  about: "sixteen idle machines of 64 MB in one page: CPU and memory; round trip beside a machine that spins",
  async run(context) {
    if (process.platform !== "linux") {
      context.skip("machines: CPU times are read from Linux's /proc");
      return [];
    }
    await context.guest();
    const site = await staticSite(await buildEmbed());
    const browser = await chromium.launch({ executablePath: await findChromium(context.log), args: [...CHROMIUM_FLAGS] });
    try {
      const page = await (await browser.newContext()).newPage();
      await page.goto(`${site.url}examples/element.html`);
      const session = await browser.newBrowserCDPSession();
      const pids = async (): Promise<number[]> => {
        const { processInfo } = await session.send("SystemInfo.getProcessInfo");
        return processInfo.filter((p) => p.type === "renderer").map((p) => p.id);
      };
      for (let at = 0; at < MACHINES; at += TOGETHER) await bootAll(page, at, Math.min(MACHINES, at + TOGETHER));
      context.log(`machines: ${MACHINES} are at their prompts`);
      await sleep(SETTLE_MS);
      const watched = await pids();
      const sum = (): number => watched.reduce((seconds, pid) => seconds + cpuSeconds(pid), 0);
      const [before, from] = [sum(), performance.now()];
      await sleep(WINDOW_MS);
      const percent = ((sum() - before) * 1e5) / (performance.now() - from);
      const bytes = watched.reduce((n, pid) => n + memoryUse(pid, 0, 0).pss, 0);
      const alone = await roundTrips(page);
      await page.evaluate(() => globalThis.machines["m1"].type("while :; do :; done\n"));
      await sleep(1_000);
      const beside = await roundTrips(page);
      context.log(`machines: ${percent.toFixed(1)} % of a core, ${(bytes / MB).toFixed(0)} MB; round trip ${median(alone).toFixed(1)} ms, ${median(beside).toFixed(1)} ms beside one that spins`);
      return [
        row(`${MACHINES} idle machines of ${MEMORY_MIB} MB, share of one core`, "chromium", "%", [percent], { target: most(10), note: "the page's process" }),
        row(`${MACHINES} idle machines of ${MEMORY_MIB} MB, memory`, "chromium", "MB", [bytes / MB], { target: most(2000), note: "the page's process, guests' RAM included" }),
        row("a line there and back", "chromium", "ms", alone),
        row("a line there and back beside a machine that spins", "chromium", "ms", beside),
      ];
    } finally {
      await browser.close();
      site.close();
    }
  },
};
