/** Power cuts at the operations of the host: what was not flushed is lost in part or whole, and what was committed is there. */
import { describe, expect, it } from "vitest";
import { Chance, Expected, load, verify } from "../../../test/store/load.ts";
import type { ByteStore } from "../storage/byte-store.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { DurableStore } from "./durable.ts";
import type { ExportFile, HostSpace, PackFolder, RecordFiles, StoreHost } from "./host.ts";
import { memoryExport } from "./memory-host.ts";
import { StoreError } from "./objects.ts";
import { openReader } from "./reader.ts";

interface Write {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** What is on the disk: files as of their last flush, with what came after; records. */
class Disk {
  readonly files = new Map<string, { stable: Uint8Array; unflushed: Write[] }>();
  readonly records = new Map<string, string>();

  content(name: string): Uint8Array {
    const file = this.files.get(name);
    if (file === undefined) throw new StoreError(`${name}: the file is missing`);
    const size = Math.max(file.stable.length, ...file.unflushed.map(({ at, bytes }) => at + bytes.length));
    const all = new Uint8Array(size);
    all.set(file.stable);
    for (const { at, bytes } of file.unflushed) all.set(bytes, at);
    return all;
  }

  /** The power fails: any of what was not flushed is gone, new files too. */
  cut(chance: Chance): void {
    for (const [name, file] of [...this.files]) {
      file.unflushed = file.unflushed.filter(() => chance.next(2) === 0).map(({ at, bytes }) => ({ at, bytes: bytes.subarray(0, chance.next(bytes.length + 1)) }));
      if (file.stable.length === 0 && chance.next(2) === 0) this.files.delete(name);
      else this.files.set(name, { stable: this.content(name), unflushed: [] });
    }
  }
}

class PowerCut extends Error {}

/** A host that works for so many operations, and then no more. `late`: the last change of records is still made. */
class CutHost implements StoreHost {
  readonly state = { durable: true, reason: null };
  operations = 0;

  constructor(
    private readonly disk: Disk,
    private readonly limit = Infinity,
    private readonly late = false,
  ) {}

  private step(): void {
    if (++this.operations > this.limit) throw new PowerCut("the power is off");
  }

  readonly packs: PackFolder = {
    list: async () => [...this.disk.files.keys()],
    create: async (name) => {
      this.step();
      this.disk.files.set(name, { stable: new Uint8Array(0), unflushed: [] });
      return this.file(name);
    },
    open: async (name) => {
      const file = MemoryStore.of(this.disk.content(name), name);
      return { file, from: file };
    },
    remove: async (name) => {
      this.step();
      this.disk.files.delete(name);
    },
  };

  private file(name: string): ByteStore {
    const { disk } = this;
    const entry = (): { stable: Uint8Array; unflushed: Write[] } => disk.files.get(name) ?? { stable: new Uint8Array(0), unflushed: [] };
    return {
      name,
      size: () => disk.content(name).length,
      read: () => 0,
      write: (at, bytes) => {
        this.step();
        entry().unflushed.push({ at, bytes: bytes.slice() });
      },
      truncate: () => this.step(),
      flush: () => {
        this.step();
        entry().stable = disk.content(name);
        entry().unflushed.length = 0;
      },
      close: () => {},
    };
  }

  readonly records: RecordFiles = {
    keys: async () => [...this.disk.records.keys()],
    get: async (key) => {
      const text = this.disk.records.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    write: async (changes) => {
      const on = this.operations < this.limit;
      if (on || (this.late && this.operations === this.limit)) {
        for (const [key, value] of changes) {
          if (value === null) this.disk.records.delete(key);
          else this.disk.records.set(key, JSON.stringify(value));
        }
      }
      this.step();
    },
  };

  exportFile(): Promise<ExportFile> {
    return Promise.resolve(memoryExport());
  }
  space(): Promise<HostSpace> {
    return Promise.resolve({ usageBytes: null, quotaBytes: null, persisted: null });
  }
  persist(): Promise<boolean> {
    return Promise.resolve(true);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

const ROUNDS = 6;
const SEED = 5;
const POINTS = 40;

describe("a power cut", () => {
  it("at any operation leaves every committed snapshot whole, and nothing else", async () => {
    const calm = new CutHost(new Disk());
    await load(await DurableStore.open(calm), SEED, () => {}, ROUNDS);
    const chance = new Chance(1);
    let found = 0;
    for (let point = 0; point < POINTS; point++) {
      const limit = Math.floor((calm.operations * point) / POINTS);
      const disk = new Disk();
      const expected = new Expected();
      const cut = new CutHost(disk, limit, point % 2 === 1);
      await expect(
        DurableStore.open(cut).then((store) => load(store, SEED, (line) => expected.hear(line), ROUNDS)),
        `point ${point}`,
      ).rejects.toThrow("the power is off");
      await new Promise((resolve) => setTimeout(resolve)); // what runs by itself hits the cut too
      disk.cut(chance);
      const store = await DurableStore.open(new CutHost(disk));
      const keys = await verify(store, await openReader(await store.reader()));
      expect(expected.check(keys, SEED), `point ${point}`).toBe(null);
      expect(store.damaged.size, `point ${point}`).toBe(0);
      expect([...disk.files.keys()].map((name) => `pack/${name}`).sort(), `point ${point}`).toEqual([...disk.records.keys()].filter((key) => key.startsWith("pack/")).sort());
      found += keys.length;
    }
    expect(found).toBeGreaterThan(POINTS / 2);
  });
});
