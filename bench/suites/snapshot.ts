/** Snapshots of the booted default guest: pauses, times to go on, sizes; in Chromium with the page's workers and store, in Node with a folder. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findChromium } from "../../tools/browsers.ts";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { encodePng } from "../../src/cli/png.ts";
import { openFolderStore } from "../../src/cli/store.ts";
import { provideInterpreter } from "../../src/jit/interpreter/compiled.ts";
import type { MachineConfig } from "../../src/vmm/config.ts";
import { RunnerSnapshots } from "../../src/vmm/runner-snapshots.ts";
import { Runner } from "../../src/vmm/runner.ts";
import { references } from "../../src/vmm/snapshot/record.ts";
import { Restore } from "../../src/vmm/snapshot/restore.ts";
import type { SnapshotRequest, SnapshotSink } from "../../src/vmm/snapshot/snapshotter.ts";
import { openReader } from "../../src/vmm/store/reader.ts";
import { openSnapshotPage, serveSnapshots } from "../../test/e2e/snapshot-tests.ts";
import type { Context, Suite } from "../lib/context.ts";
import { most, row, type Engine, type Row } from "../lib/report.ts";

const IDLE_SECONDS = 60;
const MB = 1e6;
/** Until the manager has a worker ready again (manager.ts), with some room. */
const SPARE_MS = 5000;
/** Until a machine that computes counts as started, and a worker is ready beside it. */
const SETTLE_MS = 20_000;
/** A tenth of 256 MB of pages, written in a loop until the shell is asked to stop. */
const DIRTY = "dd if=/dev/zero of=/tmp/dirty bs=1M count=26 2>/dev/null; echo dir'ty'\n";

interface Samples {
  readonly pause: number[];
  readonly restore256: number[];
  readonly restore1024: number[];
  readonly forkPause: number[];
  readonly forkFirst: number[];
  readonly forkWhole: number[];
  readonly stored: number[];
  firstBytes: number;
  idleBytes: number;
}
const empty = (): Samples => ({ pause: [], restore256: [], restore1024: [], forkPause: [], forkFirst: [], forkWhole: [], stored: [], firstBytes: NaN, idleBytes: NaN });

function rows(engine: Engine, s: Samples): Row[] {
  const all = [
    row("snapshot: pause, 256 MB with 10 % dirty", engine, "ms", s.pause, { target: most(50) }),
    row("restore to the first instruction, 256 MB", engine, "ms", s.restore256, { target: most(100) }),
    row("restore to the first instruction, 1 GB", engine, "ms", s.restore1024, { target: most(150) }),
    row("snapshot of the booted guest, stored", engine, "MB", [s.firstBytes / MB], { target: most(25) }),
    row("second snapshot after a minute of idling, stored", engine, "MB", [s.idleBytes / MB], { target: most(1) }),
  ];
  if (s.forkFirst.length > 0) {
    all.push(
      row("fork to the child's first instruction, 256 MB", engine, "ms", s.forkFirst, { target: most(150) }),
      row("fork of a machine that has no snapshot", engine, "ms", s.forkWhole, { target: most(150) }),
      row("fork: the parent's pause", engine, "ms", s.forkPause, { target: most(50) }),
      row("snapshot of the booted guest until it is stored", engine, "ms", s.stored),
    );
  }
  return all;
}

async function inChromium(context: Context, executablePath: string): Promise<Samples> {
  const samples = empty();
  const site = await serveSnapshots();
  try {
    const { page, close } = await openSnapshotPage(executablePath, site);
    try {
      await page.evaluate(() => window.snapshotTest.boot("a", 256));
      await sleep(2000);
      const first = await page.evaluate(() => window.snapshotTest.snapshot("a", "booted"));
      samples.firstBytes = first.storedBytes;
      samples.stored.push(first.totalMs);
      context.log(`snapshot: ${first.pages} pages, ${first.copiedPages} copied before a write, pause ${first.pauseMs.toFixed(1)} ms, stored after ${first.totalMs.toFixed(0)} ms`);
      await sleep(IDLE_SECONDS * 1000);
      samples.idleBytes = (await page.evaluate(() => window.snapshotTest.snapshot("a", "idle"))).storedBytes;
      for (let run = 0; run < context.runs; run++) {
        await page.evaluate(async ([dirty, mark]) => {
          await window.snapshotTest.type("a", `${dirty}echo ${mark.slice(0, 2)}''${mark.slice(2)}\n`);
          await window.snapshotTest.until("a", mark);
        }, [DIRTY, `mark${run}.`] as const);
        const { pauseMs, pages, totalMs } = await page.evaluate((id) => window.snapshotTest.snapshot("a", id), `dirty${run}`);
        samples.pause.push(pauseMs);
        context.log(`snapshot: pause ${pauseMs.toFixed(1)} ms with ${pages} pages dirty, stored after ${totalMs.toFixed(0)} ms`);
      }
      await page.evaluate(() => window.snapshotTest.end("a"));
      for (const memory of [256, 1024]) {
        // Through the manager, as a click does; the guest computes, so that there is a first instruction to wait for.
        const id = await page.evaluate((mib) => window.snapshotTest.managedBoot(mib), memory);
        await page.evaluate((x) => window.snapshotTest.managedType(x, "while :; do :; done & echo bu''sy\n", "busy"), id);
        await sleep(SETTLE_MS);
        const forked = async (into: number[]): Promise<void> => {
          const { child, firstMs, pauseMs } = await page.evaluate((x) => window.snapshotTest.managedFork(x), id);
          into.push(firstMs);
          samples.forkPause.push(pauseMs);
          context.log(`fork ${firstMs.toFixed(0)} ms, pause ${pauseMs.toFixed(1)} ms`);
          await page.evaluate((x) => window.snapshotTest.managedRemove(x), child);
          await sleep(SPARE_MS);
        };
        for (let run = 0; run < context.runs && memory === 256; run++) await forked(samples.forkWhole);
        const snapshot = await page.evaluate((x) => window.snapshotTest.managedSnapshot(x, "s"), id);
        await sleep(SPARE_MS);
        for (let run = 0; run < context.runs; run++) {
          const { firstMs, endMs } = await page.evaluate(([x, s]) => window.snapshotTest.managedRestore(x, s), [id, snapshot] as const);
          (memory === 256 ? samples.restore256 : samples.restore1024).push(firstMs);
          context.log(`restore, ${memory} MB: ${firstMs.toFixed(0)} ms (promise ${endMs.toFixed(0)} ms)`);
          await sleep(SPARE_MS);
          if (memory === 256) await forked(samples.forkFirst);
        }
        await page.evaluate((x) => window.snapshotTest.managedRemove(x), id);
      }
    } finally {
      await close();
    }
  } finally {
    await site.close();
  }
  return samples;
}

async function inNode(context: Context): Promise<Samples> {
  const { wasm, info } = ensureInterpreter();
  provideInterpreter(new WebAssembly.Module(wasm), info);
  const samples = empty();
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-snapshots-"));
  const store = await openFolderStore(folder);
  let text = "";
  const start = (config: MachineConfig, options: ConstructorParameters<typeof Runner>[2] = {}): Runner => {
    const runner = new Runner(config, { serial: (bytes) => void (text += Buffer.from(bytes).toString("latin1")), stopped: () => undefined }, options);
    runner.resume();
    return runner;
  };
  const until = async (what: string): Promise<void> => {
    while (!text.includes(what)) await sleep(10);
  };
  const snapshot = async (runner: Runner, id: string): Promise<{ pauseMs: number; storedBytes: number; pages: number }> => {
    const before = (await store.usage()).storedBytes;
    const transaction = await store.begin();
    const sink: SnapshotSink = {
      put: (objects) => transaction.put(objects),
      commit: (record) => transaction.commit([{ key: `snapshot/${id}`, data: record, references: references(record) }]),
      abort: () => transaction.abort(),
    };
    const request: SnapshotRequest = { id, machineId: "m", parent: null, name: id, notes: "", createdMs: Date.now(), definition: null };
    const { pauseMs, pages } = await runner.snapshot(request, sink);
    return { pauseMs, pages, storedBytes: (await store.usage()).storedBytes - before };
  };
  const { files, info: guest } = await context.guest();
  const boot = { kernel: new Uint8Array(readFileSync(files.vmlinux)), initrds: [new Uint8Array(readFileSync(files["initramfs.cpio"]))], cmdline: guest.cmdline };
  const config = (memoryMib: number): MachineConfig => ({
    memoryMib, cpu: "x86-64-v2", boot, deterministic: false, debugExit: null, epochSeconds: 1_800_000_000, noReboot: true,
  });
  const restore = async (memoryMib: number, id: string): Promise<number> => {
    const reader = await openReader(await store.reader());
    const record = await store.record(`snapshot/${id}`);
    const nothing = { kernel: new Uint8Array(0), initrds: [], cmdline: "" };
    const from = performance.now();
    const start = Restore.ofSnapshot(record?.data, reader);
    const runner = new Runner({ ...config(memoryMib), boot: nothing }, { serial: () => undefined, stopped: () => undefined }, { startFrom: { from: start, snapshots: RunnerSnapshots } });
    runner.current.run(1, 1);
    const ms = performance.now() - from;
    runner.powerOff();
    return ms;
  };
  try {
    const runner = start(config(256), { encodeImage: (w, h, pixels) => Promise.resolve(encodePng(w, h, pixels)) });
    await until("# ");
    await sleep(2000);
    const first = await snapshot(runner, "booted");
    samples.firstBytes = first.storedBytes;
    context.log(`snapshot (Node): ${first.pages} pages, pause ${first.pauseMs.toFixed(1)} ms`);
    await sleep(IDLE_SECONDS * 1000);
    samples.idleBytes = (await snapshot(runner, "idle")).storedBytes;
    for (let run = 0; run < context.runs; run++) {
      runner.serialInput(Buffer.from(`${DIRTY}echo ma''rk${run}.\n`));
      await until(`mark${run}.`);
      samples.pause.push((await snapshot(runner, `dirty${run}`)).pauseMs);
      samples.restore256.push(await restore(256, `dirty${run}`));
    }
    runner.powerOff();
    text = "";
    const large = start(config(1024));
    await until("# ");
    await snapshot(large, "large");
    large.powerOff();
    for (let run = 0; run < context.runs; run++) samples.restore1024.push(await restore(1024, "large"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return samples;
}

export const snapshot: Suite = {
  name: "snapshot",
  about: "pauses of snapshots, times to restore and to fork, stored bytes",
  async run(context) {
    await context.guest();
    const found = rows("node", await inNode(context));
    const executablePath = await findChromium((line) => context.log(line)).catch(() => null);
    if (executablePath === null) context.skip("snapshots in Chromium: there is none");
    else found.push(...rows("chromium", await inChromium(context, executablePath)));
    return found;
  },
};
