/** Lists of segments: what stores do with them at once is what they do one after the other. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { HostFile } from "../../cli/host-file.ts";
import { readSegments, writeSegments, type ByteStore } from "./byte-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { Quota, QuotaStore } from "./quota-store.ts";

const folder = mkdtempSync(join(tmpdir(), "tabvisor-lists-"));
afterAll(() => rmSync(folder, { recursive: true }));

const STORES: readonly (readonly [string, () => ByteStore])[] = [
  ["memory", () => new MemoryStore()],
  ["a host's file", () => HostFile.open(join(folder, "file"), "create")],
  ["memory with a quota", () => new QuotaStore(new MemoryStore(), new Quota(1 << 24))],
];

const pattern = (bytes: number, seed: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + seed * 13 + (i >> 8)) & 0xff);
/** More of them than one call of the host's takes, of lengths that fit no chunk. */
const LENGTHS = Array.from({ length: 1500 }, (_, i) => [4096, 1, 511, 0, 100][i % 5]);
const TOTAL = LENGTHS.reduce((sum, n) => sum + n, 0);

function segmentsOf(bytes: Uint8Array): Uint8Array[] {
  let at = 0;
  return LENGTHS.map((n) => bytes.subarray(at, (at += n)));
}

it.each(STORES)("%s: a list is written and read whole, across its chunks and past its end", (_name, make) => {
  const store = make();
  const bytes = pattern(TOTAL, 1);
  writeSegments(store, 60_001, segmentsOf(bytes));
  expect(store.size()).toBe(60_001 + TOTAL);
  const one = new Uint8Array(TOTAL);
  expect(store.read(60_001, one)).toBe(TOTAL);
  expect(Buffer.compare(one, bytes)).toBe(0);
  // Begins 1,000 bytes further: the last ones are beyond the end, and zeroes.
  const list = new Uint8Array(TOTAL).fill(0xee);
  readSegments(store, 61_001, segmentsOf(list));
  const expected = new Uint8Array(TOTAL);
  expected.set(bytes.subarray(1000));
  expect(Buffer.compare(list, expected)).toBe(0);
  store.close();
});

it("a list that is more than the quota leaves no trace in its books", () => {
  const quota = new Quota(100_000);
  const store = new QuotaStore(new MemoryStore(), quota);
  expect(() => writeSegments(store, 0, segmentsOf(pattern(TOTAL, 2)))).toThrow(/quota/);
  expect([quota.usedBytes, store.size()]).toEqual([0, 0]);
  writeSegments(store, 0, [pattern(600, 3), pattern(400, 4)]);
  expect([quota.usedBytes, store.size()]).toEqual([1000, 1000]);
});
