/** The overlay: contents against a model, full storage, what it refuses, and cuts at any point. */
import { describe, expect, it } from "vitest";
import { SECTOR_BYTES } from "../../base/block.ts";
import { MemoryStore } from "./memory-store.ts";
import { HandleStore } from "./opfs-store.ts";
import { dataStart } from "./overlay-format.ts";
import { Overlay } from "./overlay.ts";
import { RawDisk } from "./raw-disk.ts";
import { bytesOf, Chance, compareWithModel, discard, flush, read, write, writeZeroes } from "./testing/requests.ts";
import { Cut, FakeHandle } from "./testing/fake-handle.ts";

const CLUSTER = 65536;
const SECTORS = 1000; // seven clusters and a part of one

function based(chance: Chance, sectors = SECTORS): { base: RawDisk; contents: Uint8Array } {
  const contents = chance.bytes(sectors * SECTOR_BYTES);
  return { contents, base: new RawDisk(MemoryStore.of(contents), { readOnly: true }) };
}

describe("contents", () => {
  it.each([1, 2, 3, 4])("are the model's after random requests, above a base (%d)", async (seed) => {
    const chance = new Chance(seed);
    const { base, contents } = based(chance);
    const store = new MemoryStore();
    const options = { base, baseId: "disk 1", sectors: SECTORS + 200 };
    const model = new Uint8Array((SECTORS + 200) * SECTOR_BYTES);
    model.set(contents);
    for (let i = 0; i < 6; i++) {
      const overlay = Overlay.open(store, options);
      expect(overlay.sectors).toBe(SECTORS + 200);
      expect(await compareWithModel(overlay, model, chance, 150)).toBeNull();
      expect(await flush(overlay)).toBeNull();
      // Opened again without being closed, as after a crash of nothing but the machine.
    }
    expect(await compareWithModel(Overlay.open(store, options), model, chance, 50)).toBeNull();
    expect(Buffer.compare(await bytesOf(base), contents)).toBe(0);
  });

  it("are the model's above nothing", async () => {
    const chance = new Chance(9);
    const overlay = Overlay.open(new MemoryStore(), { base: null, baseId: "blank", sectors: SECTORS });
    expect(await compareWithModel(overlay, new Uint8Array(SECTORS * SECTOR_BYTES), chance, 600)).toBeNull();
  });

  it("keep what is around a written sector, without reading the base", async () => {
    const { base, contents } = based(new Chance(5));
    const store = new MemoryStore();
    const failing = { sectors: base.sectors, readOnly: true, synchronous: true, canDiscard: false } as unknown as RawDisk;
    const overlay = Overlay.open(store, { base: failing, baseId: "b" });
    expect(await write(overlay, 5, [new Uint8Array(512).fill(7)])).toBeNull();
    expect(await flush(overlay)).toBeNull();
    const again = await bytesOf(Overlay.open(store, { base, baseId: "b" }), 0, 128);
    contents.fill(7, 5 * 512, 6 * 512);
    expect(Buffer.compare(again, contents.subarray(0, CLUSTER))).toBe(0);
  });

  it("discarded give their space back and read as zeroes, not as the base", async () => {
    const { base } = based(new Chance(6));
    const store = new MemoryStore();
    const overlay = Overlay.open(store, { base, baseId: "b" });
    const empty = store.heldBytes;
    for (let i = 0; i < 3; i++) {
      expect(await write(overlay, 0, [new Uint8Array(6 * CLUSTER).fill(i + 1)])).toBeNull();
      expect(await flush(overlay)).toBeNull();
      expect(overlay.allocatedBytes).toBe(6 * CLUSTER);
      expect(await discard(overlay, 64, 128 * 5)).toBeNull();
      expect(await flush(overlay)).toBeNull();
      // Four whole clusters; the parts at both ends stay.
      expect(overlay.allocatedBytes).toBe(2 * CLUSTER);
      const all = await bytesOf(overlay, 0, 6 * 128);
      expect([all[0], all[CLUSTER - 1], all[CLUSTER], all[5 * CLUSTER - 1], all[5 * CLUSTER]]).toEqual([i + 1, i + 1, 0, 0, i + 1]);
      expect(await discard(overlay, 0, SECTORS)).toBeNull();
      expect(await flush(overlay)).toBeNull();
      expect(overlay.allocatedBytes).toBe(0);
      expect(store.size()).toBe(dataStart(SECTORS));
    }
    expect(store.heldBytes).toBeLessThanOrEqual(empty + CLUSTER);
    expect((await bytesOf(overlay)).every((b) => b === 0)).toBe(true);
  });

  it("zeroes over zeroes take no space", async () => {
    const overlay = Overlay.open(new MemoryStore(), { base: null, baseId: "blank", sectors: SECTORS });
    for (const unmap of [true, false]) expect(await writeZeroes(overlay, 3, 700, unmap)).toBeNull();
    expect(overlay.allocatedBytes).toBe(0);
  });
});

describe("what is wrong", () => {
  it("ranges outside of the disk are refused", async () => {
    const overlay = Overlay.open(new MemoryStore(), { base: null, baseId: "", sectors: 10 });
    const one = [new Uint8Array(512)];
    for (const sector of [10, -1, 1e15, 0.5, Number.NaN]) {
      expect((await read(overlay, sector, one))?.kind).toBe("out-of-range");
      expect((await write(overlay, sector, one))?.kind).toBe("out-of-range");
      expect((await discard(overlay, sector, 1))?.kind).toBe("out-of-range");
      expect((await writeZeroes(overlay, sector, 1, true))?.kind).toBe("out-of-range");
    }
    expect((await write(overlay, 0, [new Uint8Array(511)]))?.kind).toBe("out-of-range");
  });

  it("files that are no overlays, or of another disk, are refused and left alone", () => {
    const photo = MemoryStore.of(new Uint8Array(100_000).fill(3), "photo.jpg");
    expect(() => Overlay.open(photo, { base: null, baseId: "", sectors: 10 })).toThrow("photo.jpg: the file is not a disk overlay, or its header is damaged");
    expect(photo.size()).toBe(100_000);
    const store = new MemoryStore("changes");
    Overlay.open(store, { base: null, baseId: "disk A", sectors: 10 });
    expect(() => Overlay.open(store, { base: null, baseId: "disk B" })).toThrow("changes: the changes kept here belong to another disk (disk A), not to disk B");
    expect(() => Overlay.open(new MemoryStore("x"), { base: null, baseId: "", sectors: 2 ** 40 })).toThrow("x: a disk of");
    const damaged = MemoryStore.of(Uint8Array.from(head(store), (b, i) => (i === 20 ? b ^ 1 : b)), "changes");
    expect(() => Overlay.open(damaged, { base: null, baseId: "disk A" })).toThrow("not a disk overlay, or its header is damaged");
  });

  it("an entry that was cut off in the middle leaves the one before it", async () => {
    const store = new MemoryStore("changes");
    const options = { base: null, baseId: "", sectors: SECTORS };
    const overlay = Overlay.open(store, options);
    const cell = 4096 + 64;
    await write(overlay, 128, [new Uint8Array(512).fill(1)]);
    await flush(overlay);
    const before = new Uint8Array(64);
    store.read(cell, before);
    await discard(overlay, 128, 128);
    await flush(overlay);
    const after = new Uint8Array(64);
    store.read(cell, after);
    // Half of what has changed.
    const changed = [...after.keys()].filter((i) => after[i] !== before[i]);
    for (const i of changed.slice(changed.length / 2)) store.write(cell + i, before.subarray(i, i + 1));
    store.truncate(dataStart(SECTORS) + CLUSTER);
    store.write(dataStart(SECTORS), new Uint8Array(512).fill(1));
    expect((await bytesOf(Overlay.open(store, options), 128, 1))[0]).toBe(1);
  });

  it("a table that media errors have damaged is refused, in one line", async () => {
    const store = new MemoryStore("changes");
    const overlay = Overlay.open(store, { base: null, baseId: "", sectors: SECTORS });
    for (let i = 0; i < 2; i++) {
      await discard(overlay, 0, SECTORS);
      await write(overlay, 128, [new Uint8Array(512).fill(1)]);
      await flush(overlay);
    }
    store.write(4096 + 64 + 4, Uint8Array.of(9));
    store.write(4096 + 64 + 32 + 4, Uint8Array.of(9));
    expect(() => Overlay.open(store, { base: null, baseId: "" })).toThrow(/^changes: the overlay is damaged: the entry of cluster 1 is not valid$/);
    store.truncate(50_000);
    expect(() => Overlay.open(store, { base: null, baseId: "" })).toThrow("changes: the overlay is cut short");
  });
});

const head = (store: MemoryStore): Uint8Array => {
  const bytes = new Uint8Array(store.size());
  store.read(0, bytes);
  return bytes;
};

describe("full storage", () => {
  it("gives an error for what does not fit, keeps what was written, and goes on when there is room", async () => {
    const handle = new FakeHandle();
    const store = new HandleStore("disk", handle);
    const overlay = Overlay.open(store, { base: null, baseId: "", sectors: SECTORS });
    handle.quota = dataStart(SECTORS) + 2.5 * CLUSTER;
    const filled = (n: number): Uint8Array => new Uint8Array(CLUSTER).fill(n);
    expect(await write(overlay, 0, [filled(1)])).toBeNull();
    expect(await write(overlay, 128, [filled(2)])).toBeNull();
    expect(await write(overlay, 256, [filled(3)])).toEqual({ kind: "no-space", message: "disk: there is no space left for what the guest writes" });
    expect(await flush(overlay)).toBeNull();
    expect(await write(overlay, 0, [filled(4)])).toBeNull();
    expect(await flush(overlay)).toBeNull();
    const after = await bytesOf(Overlay.open(new HandleStore("disk", new FakeHandle(handle.afterCut(new Chance(1), 0))), { base: null, baseId: "" }), 0, 384);
    expect([after[0], after[CLUSTER], after[2 * CLUSTER]]).toEqual([4, 2, 0]);
    // Space that the guest gives back can be used again, after the flush that makes it safe.
    expect(await discard(overlay, 0, 128)).toBeNull();
    expect((await write(overlay, 256, [filled(3)]))?.kind).toBe("no-space");
    expect(await flush(overlay)).toBeNull();
    expect(await write(overlay, 256, [filled(3)])).toBeNull();
    expect((await bytesOf(overlay, 256, 1))[0]).toBe(3);
  });

  it("at the making of an overlay is one clear line", () => {
    const handle = new FakeHandle();
    handle.quota = 100;
    expect(() => Overlay.open(new HandleStore("disk", handle), { base: null, baseId: "", sectors: 10 })).toThrow(/^disk: there is no space left for what the guest writes$/);
  });
});

/** What each sector may read as: the value of the last flush that returned, or any since. A value is a sector's first byte. */
class Allowed {
  private readonly values: Set<number>[];
  private readonly now: number[];
  constructor(contents: readonly number[]) {
    this.now = [...contents];
    this.values = contents.map((v) => new Set([v]));
  }
  put(sector: number, value: number): void {
    this.now[sector] = value;
    this.values[sector].add(value);
  }
  flushed(): void {
    this.now.forEach((value, i) => (this.values[i] = new Set([value])));
  }
  wrong(bytes: Uint8Array): string | null {
    for (let i = 0; i < this.values.length; i++) {
      const sector = bytes.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES);
      const torn = sector.some((b) => b !== sector[0]);
      if (torn || !this.values[i].has(sector[0])) return `sector ${i} reads as ${torn ? "torn" : sector[0]}, allowed: ${[...this.values[i]].join()}`;
    }
    return null;
  }
  /** After a killed tab: this is what is there, and may still be lost. */
  found(bytes: Uint8Array): void {
    this.now.forEach((_, i) => (this.now[i] = bytes[i * SECTOR_BYTES]));
  }
  /** After a cut: what is read now is what is there. */
  settle(bytes: Uint8Array): Allowed {
    return new Allowed(this.values.map((_, i) => bytes[i * SECTOR_BYTES]));
  }
}

/** Each with five cuts. */
const HISTORIES = Number(process.env["OVERLAY_HISTORIES"] ?? 50);

describe("a cut at any point", () => {
  const baseValues = Array.from({ length: 900 }, (_, i) => (i * 37) % 251);
  const base = new RawDisk(MemoryStore.of(Uint8Array.from({ length: 900 * 512 }, (_, i) => baseValues[Math.floor(i / 512)])), { readOnly: true });
  const options = { base, baseId: "base", sectors: SECTORS };

  /** Writes, discards and flushes without end, until the handle is cut off. */
  async function load(overlay: Overlay, allowed: Allowed, chance: Chance, handle: FakeHandle): Promise<void> {
    while (handle.changes < handle.cutAt) {
      const sector = chance.next(SECTORS);
      const count = Math.min(SECTORS - sector, 1 + chance.next(chance.next(3) === 0 ? 400 : 20));
      const what = chance.next(10);
      if (what < 6) {
        const value = chance.next(256);
        // Before the request: it may be cut off with a part done.
        for (let i = 0; i < count; i++) allowed.put(sector + i, value);
        await write(overlay, sector, chance.segments(new Uint8Array(count * SECTOR_BYTES).fill(value)));
      } else if (what === 6) {
        for (let i = 0; i < count; i++) allowed.put(sector + i, 0);
        await writeZeroes(overlay, sector, count, true);
      } else if (what === 7) {
        // Whole clusters only are discarded.
        const first = Math.ceil(sector / 128);
        const end = sector + count === SECTORS ? Math.ceil(SECTORS / 128) : Math.floor((sector + count) / 128);
        for (let i = first * 128; i < Math.min(SECTORS, end * 128); i++) allowed.put(i, 0);
        await discard(overlay, sector, count);
      } else if ((await flush(overlay)) === null) allowed.flushed();
    }
  }

  it("between an entry and its flush does not let the next life reuse what the old entry still refers to", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const chance = new Chance(seed * 31);
      const handle = new FakeHandle();
      const blank = { base: null, baseId: "", sectors: SECTORS };
      const filled = (n: number): Uint8Array[] => [new Uint8Array(CLUSTER).fill(n)];
      const first = Overlay.open(new HandleStore("disk", handle), blank);
      await write(first, 0, filled(1));
      await flush(first);
      // Elsewhere now, and the flush ends after the entry is written: data, flush, entry, flush.
      await discard(first, 0, 128);
      handle.cutAt = handle.changes + 4;
      await write(first, 0, filled(2));
      expect((await flush(first))?.kind).toBe("io");
      handle.revive();
      const second = Overlay.open(new HandleStore("disk", handle), blank);
      expect((await bytesOf(second, 0, 1))[0]).toBe(2);
      await write(second, 256, filled(3));
      const after = Overlay.open(new HandleStore("disk", new FakeHandle(handle.afterCut(chance, 50))), blank);
      const bytes = await bytesOf(after, 0, 128);
      expect([1, 2], `seed ${seed}`).toContain(bytes[0]);
      expect(bytes.every((b) => b === bytes[0])).toBe(true);
    }
  });

  it("leaves a consistent overlay with everything that was flushed, in five lives one after the other", async () => {
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const chance = new Chance(seed * 7919);
      let handle = new FakeHandle();
      let allowed = new Allowed(Array.from({ length: SECTORS }, (_, i) => baseValues[i] ?? 0));
      for (let life = 0; life < 5; life++) {
        handle.cutAt = 1 + chance.next(life === 0 && seed % 5 === 0 ? 6 : 400);
        try {
          await load(Overlay.open(new HandleStore("disk", handle), options), allowed, chance, handle);
        } catch (e) {
          // Cut off while it was being made or opened.
          expect((e as Error).cause).toBeInstanceOf(Cut);
        }
        // All of what was not flushed may be there (a killed tab), or nothing (a power cut), or anything between.
        const contents = handle.afterCut(chance, [100, 0, 50, 10, 90][chance.next(5)]);
        const after = Overlay.open(new HandleStore("disk", new FakeHandle(contents.slice())), options);
        const bytes = await bytesOf(after);
        expect(allowed.wrong(bytes), `seed ${seed}, life ${life}, cut at change ${handle.cutAt}`).toBeNull();
        // The next life: after a killed tab the host still has all, and may still lose what was not flushed.
        if (chance.next(2) === 0) {
          const seen = Overlay.open(new HandleStore("disk", new FakeHandle(handle.afterCut(chance, 100))), options);
          allowed.found(await bytesOf(seen));
          handle.revive();
        } else {
          handle = new FakeHandle(contents);
          allowed = allowed.settle(bytes);
        }
      }
    }
  }, 120_000 + HISTORIES * 1000);
});
