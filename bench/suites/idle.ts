/** CPU time of a guest that waits at its prompt. */
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "../lib/child.ts";
import type { Context, Suite } from "../lib/context.ts";
import { defaultBoot, nodeBoot, PROMPT } from "../lib/guest.ts";
import { cpuSeconds } from "../lib/proc.ts";
import { most, row, type Row } from "../lib/report.ts";

const WINDOW_MS = 10_000;
/** The shell draws its prompt, the engine ends its background compilation. */
const SETTLE_MS = 5_000;

/** Percent of one core that these processes take. */
async function share(pids: () => Promise<readonly number[]>): Promise<number> {
  await sleep(SETTLE_MS);
  const watched = await pids();
  const sum = (): number => watched.reduce((seconds, pid) => seconds + cpuSeconds(pid), 0);
  const [before, from] = [sum(), performance.now()];
  await sleep(WINDOW_MS);
  return ((sum() - before) * 1e5) / (performance.now() - from);
}

async function inNode(context: Context): Promise<Row> {
  const child = new Child(nodeBoot(defaultBoot(await context.guest())));
  try {
    await child.printed(PROMPT);
    const percent = await share(() => Promise.resolve([child.pid]));
    context.log(`idle: Node ${percent.toFixed(1)} %`);
    return row("idle guest, share of one core", "node", "%", [percent], { target: most(3) });
  } finally {
    await child.terminate();
  }
}

export const idle: Suite = {
  name: "idle",
  about: "CPU share of an idle guest over 10 s",
  async run(context) {
    if (process.platform !== "linux") {
      context.skip("idle: CPU times are read from Linux's /proc");
      return [];
    }
    const rows = [await inNode(context)];
    const chromium = await context.chromium();
    if (chromium === null) return rows;
    await chromium.boot(async () => {
      const pids = async (renderers: boolean): Promise<number[]> =>
        (await chromium.processes()).filter((p) => p.renderer || !renderers).map((p) => p.pid);
      const [renderer, all] = await Promise.all([share(() => pids(true)), share(() => pids(false))]);
      context.log(`idle: Chromium's renderer ${renderer.toFixed(1)} %, all of Chromium ${all.toFixed(1)} %`);
      rows.push(row("idle guest, share of one core", "chromium", "%", [renderer], { target: most(3), note: "the page's process" }));
      rows.push(row("idle guest, share of one core", "chromium", "%", [all], { note: "all of the browser's processes" }));
    });
    return rows;
  },
};
