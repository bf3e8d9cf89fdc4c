/** Browser tests of storage: an overlay in the real OPFS, written to without end, checked, timed. */
import { SECTOR_BYTES } from "../../src/base/block.ts";
import { openOpfs, removeOpfs } from "../../src/vmm/storage/opfs-store.ts";
import { Overlay } from "../../src/vmm/storage/overlay.ts";
import { RawDisk } from "../../src/vmm/storage/raw-disk.ts";
import { bytesOf, Chance, discard, flush, write } from "../../src/vmm/storage/testing/requests.ts";

export type StorageTask =
  | { readonly kind: "load"; readonly file: string; readonly sectors: number; readonly from: number }
  | { readonly kind: "check"; readonly file: string; readonly sectors: number }
  | { readonly kind: "speed"; readonly file: string; readonly megabytes: number }
  | { readonly kind: "remove"; readonly file: string };

/** Which sectors write number `n` changes: known to the test as well. */
export function extentOf(n: number, sectors: number): { readonly sector: number; readonly count: number } {
  const chance = new Chance(n * 2654435761 + 1);
  chance.next(7);
  const sector = chance.next(sectors);
  return { sector, count: Math.min(sectors - sector, 1 + chance.next(200)) };
}

/** Sectors that are filled with the number of their write. */
function stamped(n: number, count: number): Uint8Array {
  return new Uint8Array(new Uint32Array((count * SECTOR_BYTES) / 4).fill(n).buffer);
}

async function open(file: string, sectors: number): Promise<Overlay> {
  return Overlay.open(await openOpfs(file), { base: null, baseId: "blank", sectors });
}

async function must(done: Promise<{ readonly message: string } | null>): Promise<void> {
  const error = await done;
  if (error !== null) throw new Error(error.message);
}

async function load(file: string, sectors: number, from: number): Promise<never> {
  const overlay = await open(file, sectors);
  postMessage({ flushed: from - 1 });
  for (let n = from; ; n++) {
    const { sector, count } = extentOf(n, sectors);
    // Whole clusters in it are given back, and written anew elsewhere.
    if (n % 7 === 0) await must(discard(overlay, sector, count));
    await must(write(overlay, sector, [stamped(n, count)]));
    if (n % 5 !== 0) continue;
    await must(flush(overlay));
    postMessage({ flushed: n });
    // Messages leave at a turn of the event loop only in some browsers.
    if (n % 50 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
}

/** The number in each sector, or -1 for one that is torn. */
async function check(file: string, sectors: number): Promise<number[]> {
  const overlay = await open(file, sectors);
  const bytes = await bytesOf(overlay);
  overlay.close();
  const words = new Uint32Array(bytes.buffer);
  const perSector = SECTOR_BYTES / 4;
  return Array.from({ length: sectors }, (_, i) => {
    const sector = words.subarray(i * perSector, (i + 1) * perSector);
    return sector.every((w) => w === sector[0]) ? sector[0] : -1;
  });
}

/** Megabytes a second: write, read; raw and through an overlay. */
async function speed(file: string, megabytes: number): Promise<Record<string, number>> {
  const block = new Uint8Array(1 << 20).fill(1);
  const perBlock = block.length / SECTOR_BYTES;
  const rates: Record<string, number> = {};
  const time = async (name: string, action: () => Promise<void>): Promise<void> => {
    const began = performance.now();
    await action();
    rates[name] = Math.round(megabytes / ((performance.now() - began) / 1000));
  };
  for (const kind of ["raw", "overlay"] as const) {
    await removeOpfs(file);
    const store = await openOpfs(file);
    const sectors = megabytes * perBlock;
    const disk = kind === "raw" ? new RawDisk(store, { sectors }) : Overlay.open(store, { base: null, baseId: "", sectors });
    await time(`${kind} write`, async () => {
      for (let i = 0; i < megabytes; i++) await must(write(disk, i * perBlock, [block]));
      await must(flush(disk));
    });
    await time(`${kind} read`, async () => {
      for (let i = 0; i < megabytes; i++) await must(new Promise((resolve) => disk.read(i * perBlock, [block], resolve)));
    });
    store.close();
  }
  await removeOpfs(file);
  return rates;
}

function run(task: StorageTask): Promise<unknown> {
  switch (task.kind) {
    case "load":
      return load(task.file, task.sectors, task.from);
    case "check":
      return check(task.file, task.sectors);
    case "speed":
      return speed(task.file, task.megabytes);
    case "remove":
      return removeOpfs(task.file);
  }
}

// In Node the test imports `extentOf` alone.
if ("importScripts" in globalThis) {
  addEventListener("message", (event: MessageEvent<StorageTask>) => {
    run(event.data).then(
      (result) => postMessage({ result: result ?? null }),
      (error: unknown) => postMessage({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
}
