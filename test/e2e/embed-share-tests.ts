/** Shares of the CPU between machines, in Chromium: what a worker takes is read from the kernel's accounts of its thread, which bears Chromium's name for it. */
import { readdirSync, readFileSync } from "node:fs";
import type { Browser } from "playwright";
import { boot } from "./embed-machines.ts";
import { check, type Runner } from "./harness.ts";
import { PlaywrightTab } from "./playwright-tab.ts";
import { pause, type Tab } from "./tab.ts";

/** How long a line takes there and back, in ms: `count` times, sorted. */
const roundTrips = (tab: Tab, name: string, count: number): Promise<number[]> =>
  tab.evaluate(async ([as, n]) => {
    const times: number[] = [];
    for (let i = 0; i < n; i++) {
      const began = performance.now();
      await globalThis.machines[as].run(`echo x${i}`);
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times.sort((a, b) => a - b);
  }, [name, count] as const);

/** Fields of proc(5)'s stat behind the name, from the state on. */
const statFields = (text: string): string[] => text.slice(text.lastIndexOf(")") + 2).split(" ");

/** Ids of the processes that come from this one. */
function descendants(): Set<string> {
  const parents = new Map<string, string>();
  for (const pid of readdirSync("/proc").filter((p) => /^\d+$/.test(p))) {
    try {
      parents.set(pid, statFields(readFileSync(`/proc/${pid}/stat`, "utf8"))[1]);
    } catch {
      // Gone meanwhile.
    }
  }
  const ours = new Set([`${process.pid}`]);
  for (let before = 0; before !== ours.size; ) {
    before = ours.size;
    for (const [pid, parent] of parents) if (ours.has(parent)) ours.add(pid);
  }
  return ours;
}

/** CPU seconds that the web workers of our browsers have taken, by thread. */
function workerSeconds(): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const pid of descendants()) {
    let threads: string[];
    try {
      threads = readdirSync(`/proc/${pid}/task`);
    } catch {
      continue;
    }
    for (const tid of threads) {
      try {
        const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, "utf8");
        if (!stat.includes("(DedicatedWorker")) continue;
        const fields = statFields(stat);
        // utime and stime (proc(5)), in ticks of 10 ms.
        seconds.set(`${pid}/${tid}`, (Number(fields[11]) + Number(fields[12])) / 100);
      } catch {
        // Gone meanwhile.
      }
    }
  }
  return seconds;
}

declare global {
  /** Ends what `watchLoad` began; the mean. */
  var stopLoads: () => number;
}

/** Looks at a machine's load all the time: one value of it is of half a second, in which a slice that the host interrupted weighs a lot. */
const watchLoad = (tab: Tab, name: string): Promise<void> =>
  tab.evaluate((as) => {
    const seen: number[] = [];
    const timer = setInterval(() => seen.push(globalThis.machines[as].summary.load), 20);
    globalThis.stopLoads = () => {
      clearInterval(timer);
      return seen.reduce((sum, load) => sum + load, 0) / seen.length;
    };
  }, name);

export async function embedShareTests(runner: Runner, browser: Browser, site: { readonly url: string }): Promise<void> {
  await runner.test("a machine that spins does not disturb another, and its share holds", async () => {
    const tab = await PlaywrightTab.open(browser);
    await tab.goto(`${site.url}examples/element.html`);
    try {
      await boot(tab, "a", { memory: "128M" });
      await boot(tab, "b", { memory: "128M", cpu: { share: 0.3 } });
      const alone = await roundTrips(tab, "a", 40);
      await tab.evaluate(() => globalThis.machines["b"].type("while :; do :; done\n"));
      await pause(1500);
      await watchLoad(tab, "b");
      const before = workerSeconds();
      const began = performance.now();
      const beside = await roundTrips(tab, "a", 40);
      await pause(6000);
      const wall = (performance.now() - began) / 1000;
      const used = [...workerSeconds()].map(([id, s]) => s - (before.get(id) ?? 0)).sort((x, y) => y - x);
      const load = await tab.evaluate(() => globalThis.stopLoads());
      const spin = used[0] / wall;
      console.log(`      round trip: ${alone[20].toFixed(1)} ms alone, ${beside[20].toFixed(1)} ms beside a spinning machine; worst ${alone[39].toFixed(1)} and ${beside[39].toFixed(1)}; the spinner took ${(100 * spin).toFixed(1)} % of a core of its 30, says ${(100 * load).toFixed(1)}`);
      check(beside[20] < alone[20] * 3 + 30, `median ${beside[20]} ms beside, ${alone[20]} ms alone`);
      // The host may give a thread less than it wants; more than its share it must not take.
      check(spin <= 0.3 * 1.05 && load <= 0.3 * 1.05, `the spinner took ${spin} of a core, and says ${load}`);
    } finally {
      await tab.close();
    }
  }, undefined, 300_000);
}
