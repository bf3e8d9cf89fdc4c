/** The store in memory: what is committed is there and whole, nothing else is; garbage goes; bad files are refused. */
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../storage/memory-store.ts";
import type { StoreRecord } from "./api.ts";
import { loadPacker } from "./codec.ts";
import { DurableStore } from "./durable.ts";
import { loadHash } from "./hash.ts";
import { MemoryHost } from "./memory-host.ts";
import { encodeTable, ZERO_ID, type ObjectId } from "./objects.ts";
import { PackWriter } from "./pack-writer.ts";
import { openReader } from "./reader.ts";
import { FOOTER_BYTES, HEADER_BYTES } from "./pack-format.ts";

const NONE = { objects: [], tables: [] };

/** A page that differs for every number, half of it compressible. */
function page(number: number, bytes = 4096): Uint8Array {
  let x = (number * 2654435761 + 12345) >>> 0;
  return Uint8Array.from({ length: bytes }, (_, i) => {
    if (i % 2 === 0) return number & 0xff;
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
}

function record(name: string, objects: readonly ObjectId[], tables: readonly ObjectId[] = [], data: unknown = { name }): StoreRecord {
  return { key: `snapshot/${name}`, data, references: { objects, tables } };
}

async function fresh(host = new MemoryHost("a test")): Promise<DurableStore> {
  return DurableStore.open(host);
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** Keeps pages as a snapshot does: a table of them, in a record. */
async function keep(store: DurableStore, name: string, pages: readonly Uint8Array[]): Promise<readonly ObjectId[]> {
  const transaction = await store.begin();
  const ids: ObjectId[] = [];
  for (let i = 0; i < pages.length; i += 64) ids.push(...(await transaction.put(pages.slice(i, i + 64))));
  const tables = await transaction.put(range(0, Math.ceil(ids.length / 512)).map((i) => encodeTable(ids.slice(i * 512, (i + 1) * 512))));
  await transaction.commit([record(name, [], tables)]);
  return ids;
}

describe("the store", () => {
  it("gives back what was committed, to a reader of its own, in another session", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    const pages = range(0, 2000).map((i) => (i % 7 === 0 ? new Uint8Array(4096) : page(i % 1500, i % 11 === 0 ? 60_000 : 4096)));
    const ids = await keep(store, "one", pages);
    await store.close();
    const again = await fresh(host);
    const source = await again.reader();
    const reader = await openReader(source);
    ids.forEach((id, i) => {
      if (i % 7 === 0) expect(id).toBe(ZERO_ID);
      else expect(Buffer.compare(reader.read(id), pages[i])).toBe(0);
    });
    expect(reader.has(ZERO_ID)).toBe(false);
    expect(reader.has("00112233445566778899aabbccddeeff")).toBe(false);
    expect(() => reader.read("00112233445566778899aabbccddeeff")).toThrow("is missing");
    expect(await again.check("snapshot/one")).toBe(null);
    expect((await again.records("snapshot/")).records.map(({ key }) => key)).toEqual(["snapshot/one"]);
  });

  it("keeps equal objects once, across snapshots", async () => {
    const store = await fresh();
    await keep(store, "one", range(0, 500).map((i) => page(i)));
    const one = (await store.usage()).storedBytes;
    await keep(store, "two", range(0, 500).map((i) => page(i === 77 ? 9999 : i)));
    const two = await store.usage();
    expect(two.storedBytes - one).toBeLessThan(16_000);
    // 500 + a table, one page more and its table.
    expect(two.objects).toBe(503);
  });

  it("shows nothing of what is not committed, and takes it away", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    const transaction = await store.begin();
    const [id] = await transaction.put([page(1)]);
    await expect(store.read(id)).rejects.toThrow("is missing");
    await transaction.abort();
    expect(await host.packs.list()).toEqual([]);
    await expect(transaction.put([page(2)])).rejects.toThrow("is over");
    const cut = await store.begin();
    await cut.put([page(3)]);
    // The process ends here.
    const again = await fresh(host);
    expect(await host.packs.list()).toEqual([]);
    expect((await again.usage()).storedBytes).toBe(0);
  });

  it("may be given pages that change right after the call", async () => {
    const store = await fresh();
    const transaction = await store.begin();
    const buffer = page(5);
    const put = transaction.put([buffer]);
    buffer.fill(0);
    const [id] = await put;
    await transaction.commit([record("one", [id])]);
    expect(await store.read(id)).toEqual(page(5));
  });

  it("refuses a record whose objects are not there, and keeps nothing of it", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    const transaction = await store.begin();
    const [there, table] = await transaction.put([page(1), encodeTable(["00112233445566778899aabbccddeeff"])]);
    await expect(transaction.commit([record("a", [there]), record("b", [], [table])])).rejects.toThrow("'snapshot/b' cannot be kept: the stored object 00112233445566778899aabbccddeeff is missing");
    expect((await store.records("")).records).toEqual([]);
    expect(await host.packs.list()).toEqual([]);
    await expect(store.write([record("c", [there])])).rejects.toThrow("is missing");
    for (const key of ["pack/x", "store/x", "x", "a/../b", "a//b", "a/b c", ""]) await expect(store.write([{ key, data: 1, references: NONE }])).rejects.toThrow("cannot be a record's name");
  });

  it("says when there is no space, and goes on", async () => {
    const host = new MemoryHost("a test", 300_000);
    const store = await fresh(host);
    const before = await keep(store, "one", range(0, 50).map((i) => page(i)));
    const transaction = await store.begin();
    const fill = async (): Promise<void> => {
      for (let i = 100; i < 1000; i += 10) await transaction.put(range(i, 10).map((n) => page(n)));
    };
    await expect(fill()).rejects.toThrow(/^there is no space left for saving.*nothing else is lost/);
    await expect(transaction.put([page(1)])).rejects.toThrow("no space");
    await expect(transaction.commit([record("two", [])])).rejects.toThrow("no space");
    expect((await host.packs.list()).length).toBe(1);
    expect(await store.check("snapshot/one")).toBe(null);
    const small = await store.begin();
    await small.commit([record("three", await small.put([page(4000)]))]);
    expect(await store.read(before[3])).toEqual(page(3));
  });

  it("does not take a damaged object for a whole one", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    const ids = await keep(store, "one", range(0, 200).map((i) => page(i)));
    const [name] = await host.packs.list();
    const { file } = await host.packs.open(name);
    const bytes = new Uint8Array(file.size());
    file.read(0, bytes);
    const tested = async (change: (bytes: Uint8Array) => Uint8Array): Promise<DurableStore> => {
      await host.packs.remove(name);
      const damaged = await host.packs.create(name);
      damaged.write(0, change(bytes.slice()));
      return fresh(host);
    };
    const flip = (at: number) => (all: Uint8Array): Uint8Array => {
      all[at < 0 ? all.length + at : at] ^= 1;
      return all;
    };
    // Every part of the file: header, frames, index, footer.
    const reasons: (string | null)[] = [];
    for (const at of [0, 8, 12, HEADER_BYTES + 1000, HEADER_BYTES + 40_000, -3000, -FOOTER_BYTES - 1, -FOOTER_BYTES, -60, -20, -1]) reasons.push(await (await tested(flip(at))).check("snapshot/one"));
    expect(reasons.filter((reason) => reason === null)).toEqual(reasons.slice(2, 3)); // bytes 12 to 15 of the header mean nothing
    for (const reason of reasons) if (reason !== null) expect(reason).toMatch(/missing|damaged/);
    const short = await tested((all) => all.subarray(0, all.length - 100));
    expect([...short.damaged.values()][0]).toMatch(/has \d+ bytes in place of/);
    // The rest goes on, and nothing is called garbage while something is amiss.
    const other = await keep(short, "two", [page(900)]);
    expect(await short.read(other[0])).toEqual(page(900));
    await expect(short.collect()).rejects.toThrow("'snapshot/one' is damaged");
    await short.write([], ["snapshot/one"]);
    await short.collect();
    expect(short.damaged.size).toBe(0);
    expect(await short.read(other[0])).toEqual(page(900));
    await expect(short.read(ids[0])).rejects.toThrow("missing");
  });

  it("leaves files alone that are not its own", async () => {
    const host = new MemoryHost("a test");
    (await host.packs.create("notes.txt")).write(0, page(1));
    await (await fresh(host)).collect();
    expect(await host.packs.list()).toEqual(["notes.txt"]);
  });
});

describe("garbage", () => {
  it("goes when the record goes, and nothing else", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    const one = await keep(store, "one", range(0, 600).map((i) => page(i)));
    const two = await keep(store, "two", range(500, 600).map((i) => page(i)));
    const before = (await store.usage()).storedBytes;
    await store.write([], ["snapshot/one"]);
    await store.collect();
    const after = await store.usage();
    // 600 of 1100 pages are left, and what a rewriting does not pay for.
    expect(after.storedBytes).toBeLessThan(before * 0.62);
    expect(after.deadBytes).toBeLessThan(before * 0.1);
    expect(await store.check("snapshot/two")).toBe(null);
    for (const [i, id] of two.entries()) expect(Buffer.compare(await store.read(id), page(500 + i))).toBe(0);
    await expect(store.read(one[0])).rejects.toThrow("missing");
    await store.write([], ["snapshot/two"]);
    await store.collect();
    expect(await host.packs.list()).toEqual([]);
    expect((await store.usage()).objects).toBe(0);
  });

  it("waits for transactions, and spares what a reader has on lease and what is held", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    const one = await keep(store, "one", range(0, 100).map((i) => page(i)));
    const { references } = (await store.record("snapshot/one")) ?? { references: NONE };
    const source = await store.reader();
    const reader = await openReader(source);
    const held = await store.hold(references);
    const transaction = await store.begin();
    const [again, new_] = await transaction.put([page(5), page(5000)]);
    expect(again).toBe(one[5]);
    await store.write([], ["snapshot/one"]);
    const collected = store.collect();
    await transaction.commit([record("child", [again, new_])]);
    await collected;
    // The child needs one page of the pack; the machine that was restored from it all of them.
    expect(reader.read(one[99])).toEqual(page(99));
    expect(await store.read(one[98])).toEqual(page(98));
    await store.release(held);
    await store.collect();
    await expect(store.read(one[98])).rejects.toThrow("missing");
    expect(reader.read(one[97])).toEqual(page(97));
    expect((await host.packs.list()).length).toBe(3);
    await store.release(source.lease);
    expect((await host.packs.list()).length).toBe(2);
    expect(await store.read(again)).toEqual(page(5));
    await expect(store.hold(references)).rejects.toThrow("missing");
  });

  it("joins many small packs", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    for (let i = 0; i < 40; i++) await keep(store, `s${i}`, range(i * 3, 6).map((n) => page(n)));
    expect((await host.packs.list()).length).toBe(40);
    await store.collect();
    expect((await host.packs.list()).length).toBe(1);
    for (let i = 0; i < 40; i++) expect(await store.check(`snapshot/s${i}`)).toBe(null);
  });

  it("stays as it is when there is no space to rewrite", async () => {
    const host = new MemoryHost("a test", 1 << 20);
    const store = await fresh(host);
    const ids = await keep(store, "one", range(0, 300).map((i) => page(i)));
    await store.write([record("part", ids.slice(0, 100))], ["snapshot/one"]);
    (host as unknown as { packs: { limit: number } }).packs.limit = 65_536;
    expect(await store.collect()).toEqual({ freedBytes: 0, removedPacks: 0, rewrittenPacks: 0 });
    expect((await store.usage()).deadBytes).toBeGreaterThan(100_000);
    expect(await store.check("snapshot/part")).toBe(null);
    expect((await host.packs.list()).length).toBe(1);
  });

  it("is collected by the next session if this one ends too early", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    await keep(store, "one", [page(1)]);
    const transaction = await store.begin(); // holds the collector back until the end
    await store.write([], ["snapshot/one"]);
    expect((await host.packs.list()).length).toBe(2);
    void transaction;
    const again = await fresh(host);
    await again.collect();
    expect(await host.packs.list()).toEqual([]);
  });
});

describe("exports", () => {
  async function exported(): Promise<{ readonly bytes: Uint8Array; readonly ids: readonly ObjectId[] }> {
    const store = await fresh();
    await keep(store, "other", range(1000, 300).map((i) => page(i)));
    const ids = await keep(store, "one", range(900, 400).map((i) => page(i)));
    const wanted = await store.record("snapshot/one");
    const machine: StoreRecord = { key: "machine/m", data: { name: "Grüße" }, references: NONE };
    const blob = await store.export([machine, wanted as StoreRecord]);
    return { bytes: new Uint8Array(await blob.arrayBuffer()), ids };
  }
  const file = (bytes: Uint8Array): MemoryStore => MemoryStore.of(bytes, "box.tabvisor");

  it("bring machines elsewhere, with what they need and no more", async () => {
    const { bytes, ids } = await exported();
    expect(new TextDecoder().decode(bytes.subarray(0, 8))).toBe("TABVISOR");
    const store = await fresh();
    const progress: number[] = [];
    const { transaction, records } = await store.import(file(bytes), ({ done, total }) => progress.push(done / total));
    expect(records.map(({ key }) => key)).toEqual(["machine/m", "snapshot/one"]);
    expect(records[0].data).toEqual({ name: "Grüße" });
    expect((await store.records("")).records).toEqual([]);
    await transaction.commit(records);
    expect(await store.check("snapshot/one")).toBe(null);
    expect(await store.read(ids[399])).toEqual(page(1299));
    expect((await store.usage()).objects).toBe(401);
    expect(progress.at(-1)).toBe(1);
    // Once more: nothing new.
    const stored = (await store.usage()).storedBytes;
    const second = await store.import(file(bytes));
    await second.transaction.commit(second.records.map((r) => ({ ...r, key: `${r.key}-2` })));
    expect((await store.usage()).storedBytes).toBe(stored);
  });

  it("add only what is new to a store that has some of it", async () => {
    const { bytes } = await exported();
    const store = await fresh();
    await keep(store, "mine", range(950, 100).map((i) => page(i)));
    const { transaction, records } = await store.import(file(bytes));
    await transaction.commit(records);
    expect((await store.usage()).objects).toBe(101 + 301);
    expect(await store.check("snapshot/one")).toBe(null);
  });

  it("are refused with the reason when they are foreign, cut short, damaged or newer", async () => {
    const { bytes } = await exported();
    const store = await fresh();
    const refusal = async (change: (b: Uint8Array) => Uint8Array): Promise<string> => {
      try {
        const { transaction } = await store.import(file(change(bytes.slice())));
        await transaction.abort();
        return "taken";
      } catch (e) {
        return (e as Error).message;
      }
    };
    const set = (at: number, value: number) => (b: Uint8Array): Uint8Array => {
      b[at < 0 ? b.length + at : at] = value;
      return b;
    };
    expect(await refusal((b) => b)).toBe("taken");
    expect(await refusal(() => new Uint8Array(0))).toBe("box.tabvisor: this is not a file of Tabvisor's");
    expect(await refusal(() => new TextEncoder().encode("PK\x03\x04 something else entirely, long enough"))).toBe("box.tabvisor: this is not a file of Tabvisor's");
    expect(await refusal(set(8, 2))).toBe("box.tabvisor: made by a newer Tabvisor (format 2; this one reads up to 1)");
    for (const length of [10, 16, 64, 1000, bytes.length - 1]) expect(await refusal((b) => b.subarray(0, length)), String(length)).toMatch(/cut short|not a file of/);
    // No single byte can change unseen, but the header's unused ones.
    let seen = 0;
    for (let at = HEADER_BYTES; at < bytes.length; at += at < bytes.length - 2000 ? 4999 : 37) {
      const reason = await refusal((b) => {
        b[at] ^= 0x10;
        return b;
      });
      expect(reason, `byte ${at} of ${bytes.length}`).toMatch(/damaged|cut short|impossible/);
      seen++;
    }
    expect(seen).toBeGreaterThan(100);
    expect((await store.usage()).storedBytes).toBe(0);
    expect((await store.records("")).records).toEqual([]);
  });

  it("are refused when somebody has made them wrong on purpose, with right checksums", async () => {
    const { bytes } = await exported();
    const hash = await loadHash();
    const store = await fresh();
    const footerAt = bytes.length - FOOTER_BYTES;
    const binary = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
    /** Changes the index, `at` from its start, and makes the sums right again. */
    const forged = async (change: (index: DataView, frames: number) => void): Promise<string> => {
      const copy = bytes.slice();
      const footer = new DataView(copy.buffer, footerAt);
      const indexAt = Number(footer.getBigUint64(8, true));
      change(new DataView(copy.buffer, indexAt), footer.getUint32(16, true) * 16);
      copy.set(binary(hash(copy.subarray(indexAt, footerAt))), footerAt + 32);
      copy.set(binary(hash(copy.subarray(footerAt, footerAt + 48))), footerAt + 48);
      try {
        await (await store.import(file(copy))).transaction.abort();
        return "taken";
      } catch (e) {
        return (e as Error).message;
      }
    };
    expect(await forged(() => {})).toBe("taken");
    // Another page under the name of one that the reader may have from elsewhere.
    expect(await forged((index, objects) => index.setUint8(objects + 3, index.getUint8(objects + 3) ^ 1))).toMatch(/stored object [0-9a-f]{32} is damaged/);
    expect(await forged((index) => index.setBigUint64(0, BigInt(bytes.length), true))).toMatch("frame 0 has an impossible place");
    expect(await forged((index) => index.setUint32(12, 0x7fff_ffff, true))).toMatch("frame 0 has an impossible place");
    expect(await forged((index) => index.setUint32(12, 100, true))).toMatch("damaged");
    expect(await forged((index, objects) => index.setUint32(objects + 16, 0x7fff_ffff, true))).toMatch("damaged");
    expect(await forged((index, objects) => index.setUint32(objects + 20, 0xffff_ffff, true))).toMatch("damaged");
    expect((await store.usage()).storedBytes).toBe(0);
  });

  it("of a newer version of their records are refused", async () => {
    const made = async (manifest: unknown): Promise<string> => {
      const target = new MemoryStore("box.tabvisor");
      new PackWriter(target, { hash: await loadHash(), pack: await loadPacker() }).seal(new TextEncoder().encode(typeof manifest === "string" ? manifest : JSON.stringify(manifest)));
      try {
        await (await (await fresh()).import(target)).transaction.abort();
        return "taken";
      } catch (e) {
        return (e as Error).message;
      }
    };
    expect(await made({ format: "tabvisor-export", version: 1, records: [] })).toBe("taken");
    expect(await made({ format: "tabvisor-export", version: 2 })).toBe("box.tabvisor: made by a newer Tabvisor (records of version 2; this one reads up to 1)");
    expect(await made({ format: "x", version: 1, records: [] })).toBe("box.tabvisor: the file has no list of records");
    expect(await made("{")).toMatch("its list of records cannot be read");
    for (const record of [null, 1, { key: "a/b" }, { key: "a/b", data: 1, references: { objects: ["x"], tables: [] } }]) expect(await made({ format: "tabvisor-export", version: 1, records: [record] })).toMatch(/no name|damaged/);
    expect(await made({ format: "tabvisor-export", version: 1, records: [{ key: "pack/../x", data: 1, references: NONE }] })).toMatch("cannot be a record's name");
  });

  it("are not the parts of a store", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    await keep(store, "one", [page(1)]);
    const { file: part } = await host.packs.open((await host.packs.list())[0]);
    await expect(store.import(part)).rejects.toThrow("this is no export of a machine");
  });
});

describe("the index", () => {
  it("opens and finds quickly among 100,000 objects", async () => {
    const host = new MemoryHost("a test");
    const store = await fresh(host);
    const hash = await loadHash();
    const transaction = await store.begin();
    const ids: ObjectId[] = [];
    const small = new Uint8Array(16);
    const view = new DataView(small.buffer);
    for (let i = 0; i < 100_000; i += 1000) {
      const objects = range(i, 1000).map((n) => {
        view.setUint32(0, n + 1, true);
        return small.slice();
      });
      ids.push(...(await transaction.put(objects)));
    }
    await transaction.commit([record("many", [ids[0]])]);
    const began = performance.now();
    const reader = await openReader(await (await fresh(host)).reader());
    expect(reader.has(ids[4711])).toBe(true);
    expect(performance.now() - began).toBeLessThan(1000); // 15 ms on a quiet machine; bench has the figure
    for (let i = 0; i < 100_000; i += 7) if (!reader.has(ids[i])) throw new Error(`object ${i} is not found`);
    for (let i = 0; i < 1000; i++) {
      view.setUint32(0, 1_000_000 + i, true);
      if (reader.has(hash(small))) throw new Error("found what is not there");
    }
  });
});
