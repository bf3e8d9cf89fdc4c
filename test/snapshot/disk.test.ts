/** Disks that snapshots hold, under random requests, against a plain array of bytes. */
import { describe, expect, it } from "vitest";
import { SECTOR_BYTES, type BlockBackend, type BlockError } from "../../src/base/block.ts";
import { UserError } from "../../src/base/errors.ts";
import { DiskLayer } from "../../src/vmm/snapshot/disk-layer.ts";
import { SnapshotDisk, type DiskCapture } from "../../src/vmm/snapshot/disk.ts";
import { compareSnapshots } from "../../src/vmm/snapshot/compare.ts";
import type { DiskLayerRecord, SnapshotRecord } from "../../src/vmm/snapshot/record.ts";
import { MemoryStore } from "../../src/vmm/storage/memory-store.ts";
import { Overlay } from "../../src/vmm/storage/overlay.ts";
import { RawDisk } from "../../src/vmm/storage/raw-disk.ts";
import type { MemoryObjects, ObjectId } from "../../src/vmm/store/objects.ts";
import { memoryObjects } from "./rig.ts";

const SECTORS = 3000;
const BASE = "an image";

function random(seed: number): (n: number) => number {
  let s = seed;
  return (n) => Math.floor(((s = (s * 48271) % 0x7fffffff) / 0x7fffffff) * n);
}

/** The image below: every sector is told from every other. */
const image = (): Uint8Array => Uint8Array.from({ length: SECTORS * SECTOR_BYTES }, (_, i) => (i >> 9) * 31 + i * 7);
const baseDisk = (): BlockBackend => {
  const disk = new RawDisk(MemoryStore.of(image()), { readOnly: true });
  // As an image on a server: it answers later.
  return {
    sectors: disk.sectors, readOnly: true, synchronous: false, canDiscard: false,
    read: (sector, into, done) => disk.read(sector, into, (e) => void Promise.resolve().then(() => done(e))),
    write: (sector, from, done) => disk.write(sector, from, done), flush: (done) => done(null),
    discard: (s, c, done) => disk.discard(s, c, done), writeZeroes: (s, c, u, done) => disk.writeZeroes(s, c, u, done),
  };
};
const overlay = (store = new MemoryStore()): Overlay => Overlay.open(store, { base: baseDisk(), baseId: BASE });

const call = (start: (done: (e: BlockError | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => start((e) => (e === null ? resolve() : reject(new Error(e.message)))));
async function contents(disk: BlockBackend): Promise<Uint8Array> {
  const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
  await call((done) => disk.read(0, [bytes], done));
  return bytes;
}
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Random requests on the disk and on the array. */
async function churn(disk: BlockBackend, model: Uint8Array, next: (n: number) => number, requests: number): Promise<void> {
  for (let i = 0; i < requests; i++) {
    const sector = next(SECTORS);
    const count = Math.min(SECTORS - sector, 1 + next(next(8) === 0 ? 400 : 20));
    const at = sector * SECTOR_BYTES;
    const end = at + count * SECTOR_BYTES;
    switch (next(6)) {
      case 0: {
        const out = new Uint8Array(end - at);
        await call((done) => disk.read(sector, [out], done));
        expect(equal(out, model.subarray(at, end))).toBe(true);
        break;
      }
      case 1:
        await call((done) => disk.writeZeroes(sector, count, next(2) === 0, done));
        model.fill(0, at, end);
        break;
      case 2: {
        await call((done) => disk.discard(sector, count, done));
        // What is there afterwards is the disk's to say: zeroes or as before.
        const out = new Uint8Array(end - at);
        await call((done) => disk.read(sector, [out], done));
        for (let k = 0; k < out.length; k++) if (out[k] !== 0 && out[k] !== model[at + k]) throw new Error(`discard left ${out[k]} at ${at + k}`);
        model.set(out, at);
        break;
      }
      default: {
        const bytes = Uint8Array.from({ length: end - at }, () => next(256));
        await call((done) => disk.write(sector, [bytes.subarray(0, 100), bytes.subarray(100)], done));
        model.set(bytes, at);
      }
    }
  }
}

async function store(capture: DiskCapture, objects: MemoryObjects, between: () => Promise<void>): Promise<{ layer: DiskLayer; record: DiskLayerRecord }> {
  const blocks: number[] = [];
  const sectors: number[] = [];
  const ids: ObjectId[] = [];
  for (let batch = capture.batch(7); batch.blocks.length > 0; batch = capture.batch(7)) {
    ids.push(...(await objects.put(batch.contents)));
    blocks.push(...batch.blocks);
    sectors.push(...batch.sectors);
    await between();
  }
  return capture.layer.with({ blocks, ids, sectors }, objects);
}

describe("disks in snapshots", () => {
  it.each([1, 2, 3])("captures while the guest writes, restores, captures of those (history %i)", async (seed) => {
    const next = random(seed);
    const objects = await memoryObjects();
    let model = image();
    let disk = new SnapshotDisk(overlay(), { base: BASE });
    for (let generation = 0; generation < 6; generation++) {
      await churn(disk, model, next, 40);
      const then = model.slice();
      const capture = disk.capture();
      const stored = await store(capture, objects, () => churn(disk, model, next, 2));
      if (next(4) === 0) {
        capture.failed();
        continue;
      }
      capture.recorded(stored.layer);
      expect(equal(await contents(disk), model)).toBe(true);
      // A new disk above the same image, and above what the snapshot has: only its record is left.
      const copy = new SnapshotDisk(overlay(), { base: BASE, layer: DiskLayer.of(JSON.parse(JSON.stringify(stored.record)) as DiskLayerRecord, objects) });
      expect(equal(await contents(copy), then)).toBe(true);
      if (next(2) === 0) {
        disk = copy;
        model = then.slice();
      }
    }
  });

  it("costs what has changed", async () => {
    const objects = await memoryObjects();
    const disk = new SnapshotDisk(overlay(), { base: BASE });
    await call((done) => disk.write(100, [new Uint8Array(SECTOR_BYTES).fill(1)], done));
    const first = disk.capture();
    expect(first.left).toBe(1);
    first.recorded((await store(first, objects, () => Promise.resolve())).layer);
    const second = disk.capture();
    expect(second.left).toBe(0);
    second.recorded(second.layer);
  });

  it("an overlay of an earlier session is in the next snapshot", async () => {
    const objects = await memoryObjects();
    const file = new MemoryStore();
    const model = image();
    const before = overlay(file);
    await churn(before, model, random(9), 60);
    await call((done) => before.flush(done));
    const again = overlay(file);
    const disk = new SnapshotDisk(again, { base: BASE, written: (range) => again.eachWritten(range) });
    const capture = disk.capture();
    const { record } = await store(capture, objects, () => Promise.resolve());
    const copy = new SnapshotDisk(overlay(), { base: BASE, layer: DiskLayer.of(record, objects) });
    expect(equal(await contents(copy), model)).toBe(true);
  });

  it("a layer above another disk is refused, and damaged objects are I/O errors of the guest", async () => {
    const objects = await memoryObjects();
    const disk = new SnapshotDisk(overlay(), { base: BASE });
    await call((done) => disk.write(8, [new Uint8Array(4096).fill(7)], done));
    const { record } = await store(disk.capture(), objects, () => Promise.resolve());
    expect(() => new SnapshotDisk(overlay(), { base: "another", layer: DiskLayer.of(record, objects) })).toThrow(UserError);
    const lost = { ...record, chunks: record.chunks.map(([chunk, , map]) => [chunk, "12".repeat(16), map] as const) };
    const damaged = new SnapshotDisk(overlay(), { base: BASE, layer: DiskLayer.of(lost, objects) });
    await expect(call((done) => damaged.read(8, [new Uint8Array(512)], done))).rejects.toThrow(/missing/);
    await call((done) => damaged.read(2000, [new Uint8Array(512)], done));
  });

  it("comparing names the blocks that differ", async () => {
    const objects = await memoryObjects();
    const disk = new SnapshotDisk(overlay(), { base: BASE });
    const snapshot = async (): Promise<SnapshotRecord> => {
      const capture = disk.capture();
      const { layer, record } = await store(capture, objects, () => Promise.resolve());
      capture.recorded(layer);
      return { disks: { hd: record }, ram: [], ramBytes: 0 } as unknown as SnapshotRecord;
    };
    await call((done) => disk.write(0, [new Uint8Array(8192).fill(1)], done));
    const a = await snapshot();
    await call((done) => disk.write(9, [new Uint8Array(512).fill(2)], done));
    await call((done) => disk.write(800, [new Uint8Array(512)], done));
    const b = await snapshot();
    const read = (id: ObjectId): Promise<Uint8Array> => Promise.resolve(objects.read(id));
    expect((await compareSnapshots(a, b, read)).disks).toEqual({ hd: [1, 100] });
    expect((await compareSnapshots(b, b, read)).disks).toEqual({ hd: [] });
  });
});
