/** Memory beyond guest RAM: the highest of many looks at the process from its start to the prompt and a little after. */
import { setTimeout as sleep } from "node:timers/promises";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { VIDEO_BYTES } from "../../src/devices/vga/video-memory.ts";
import { Child } from "../lib/child.ts";
import type { Context, Suite } from "../lib/context.ts";
import { defaultBoot, MEMORY_MIB, nodeBoot, PROMPT } from "../lib/guest.ts";
import { memoryUse, type MemoryUse } from "../lib/proc.ts";
import { most, row, type Row } from "../lib/report.ts";

/** Video memory stands behind RAM; a Wasm memory is a multiple of 64 KiB. */
const VIDEO_ALLOCATED = Math.ceil(VIDEO_BYTES / 65536) * 65536;
const LOOK_MS = 100;
const AFTER_MS = 2_000;
/** Processor seconds that no boot to the prompt does without: what rests before has not begun. */
const BOOT_SECONDS = 1;
const MB = 1e6;

const look = (pid: number): MemoryUse => memoryUse(pid, RAM_BASE, MEMORY_MIB * 2 ** 20 + VIDEO_ALLOCATED);

class Peak {
  beyond = 0;
  guest = 0;
  last = 0;
  private stopped = false;
  private loop: Promise<void> = Promise.resolve();

  constructor(private readonly bytes: (use: MemoryUse) => number) {}

  /** Looks until `stop`. A process that ends meanwhile is not looked at any more. */
  start(pids: () => Promise<readonly number[]>): void {
    this.loop = (async () => {
      while (!this.stopped) {
        for (const pid of await pids()) this.take(pid);
        await sleep(LOOK_MS);
      }
    })();
  }

  private take(pid: number): void {
    let use: MemoryUse;
    try {
      use = look(pid);
    } catch {
      return;
    }
    const beyond = this.bytes(use) - use.guest;
    this.beyond = Math.max(this.beyond, beyond);
    this.guest = Math.max(this.guest, use.guest);
    if (use.guest > 0) this.last = beyond;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.loop;
  }
}

function rowOf(engine: Row["engine"], peak: Peak, emptyBytes: number, empty: string): Row {
  if (peak.guest === 0) throw new Error(`no mapping of the machine's size was seen on ${engine}: guest RAM cannot be told apart`);
  const mb = (bytes: number): string => (bytes / MB).toFixed(0);
  const note = `guest RAM touched ${mb(peak.guest)} MB; at the prompt ${mb(peak.last)} MB; ${empty} ${mb(emptyBytes)} MB`;
  return row("memory beyond guest RAM, peak", engine, "MB", [peak.beyond / MB], { target: most(200), note });
}

async function emptyNode(): Promise<number> {
  const child = new Child({ file: process.execPath, args: ["--import", "tsx", "-e", "console.log('ready'); setTimeout(() => {}, 1e6)"] });
  try {
    await child.printed("ready");
    return look(child.pid).rss;
  } finally {
    await child.terminate();
  }
}

async function inNode(context: Context): Promise<Row> {
  const empty = await emptyNode();
  const child = new Child(nodeBoot(defaultBoot(await context.guest())));
  const peak = new Peak((use) => use.rss);
  try {
    peak.start(() => Promise.resolve([child.pid]));
    await child.printed(PROMPT);
    await sleep(AFTER_MS);
  } finally {
    await peak.stop();
    await child.terminate();
  }
  context.log(`memory: Node ${(peak.beyond / MB).toFixed(0)} MB`);
  return rowOf("node", peak, empty, "an empty tsx process has");
}

export const memory: Suite = {
  name: "memory",
  about: "peak memory beyond guest RAM",
  async run(context) {
    if (process.platform !== "linux") {
      context.skip("memory: it is read from Linux's /proc");
      return [];
    }
    const rows = [await inNode(context)];
    const chromium = await context.chromium();
    if (chromium === null) return rows;
    const blank = chromium.bare("about:blank");
    let empty: number;
    try {
      await sleep(AFTER_MS);
      empty = Math.max(...blank.renderers().map((pid) => look(pid).pss));
    } finally {
      await blank.close();
    }

    const peak = new Peak((use) => use.pss);
    const page = chromium.bare();
    try {
      peak.start(() => Promise.resolve(page.renderers()));
      await page.rested(BOOT_SECONDS);
    } finally {
      await peak.stop();
      await page.close();
    }
    context.log(`memory: Chromium's renderer ${(peak.beyond / MB).toFixed(0)} MB`);
    rows.push(rowOf("chromium", peak, empty, "an empty page's process has"));
    return rows;
  },
};
