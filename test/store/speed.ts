/** Figures of a store: how fast pages go in and come out, and how long opening takes with many objects. Any host, any engine. */
import type { Store } from "../../src/vmm/store/api.ts";
import { encodeTable, type ObjectId } from "../../src/vmm/store/objects.ts";
import { openReader } from "../../src/vmm/store/reader.ts";
import { page } from "./load.ts";

export interface StoreSpeed {
  readonly writeMBs: number;
  readonly readMBs: number;
  /** A page of which no neighbour was read lately. */
  readonly scatteredReadUs: number;
  readonly ratio: number;
}

const PAGES = 16_384;
const BATCH = 256;

/** 64 MB of pages that compress to about a third, as a machine's memory does. Their record is removed in the end. */
export async function throughput(store: Store): Promise<StoreSpeed> {
  const pages = Array.from({ length: PAGES }, (_, i) => page(i + 1));
  const megabytes = (PAGES * 4096) / 1e6;
  let began = performance.now();
  const transaction = await store.begin();
  const ids: ObjectId[] = [];
  for (let at = 0; at < PAGES; at += BATCH) ids.push(...(await transaction.put(pages.slice(at, at + BATCH))));
  const tables = await transaction.put(Array.from({ length: PAGES / 512 }, (_, i) => encodeTable(ids.slice(i * 512, (i + 1) * 512))));
  await transaction.commit([{ key: "speed/pages", data: {}, references: { objects: [], tables } }]);
  const write = performance.now() - began;
  const { storedBytes } = await store.usage();

  const source = await store.reader();
  const reader = await openReader(source);
  reader.read(ids[0]);
  began = performance.now();
  for (const id of ids) reader.read(id);
  const inOrder = performance.now() - began;
  began = performance.now();
  const random = 1000;
  for (let i = 0; i < random; i++) reader.read(ids[(i * 7919) % PAGES]);
  const scattered = performance.now() - began;
  await store.release(source.lease);
  await store.write([], ["speed/pages"]);
  await store.collect();
  return { writeMBs: megabytes / (write / 1000), readMBs: megabytes / (inOrder / 1000), scatteredReadUs: (scattered * 1000) / random, ratio: (megabytes * 1e6) / storedBytes };
}

const MANY = 100_000;
const small = (number: number): Uint8Array => new Uint8Array(new Uint32Array(16).fill(number + 1).buffer);
const MANY_KEY = "speed/many";

/** As many objects as 400 MB of memory have, but small ones. */
export async function fillMany(store: Store): Promise<void> {
  const transaction = await store.begin();
  let last: readonly ObjectId[] = [];
  for (let at = 0; at < MANY; at += 1000) last = await transaction.put(Array.from({ length: 1000 }, (_, i) => small(at + i)));
  await transaction.commit([{ key: MANY_KEY, data: {}, references: { objects: last.slice(-1), tables: [] } }]);
}

/** From an open store to the first object, in milliseconds: what a restore waits for. */
export async function firstObject(store: Store): Promise<number> {
  const [id] = (await store.record(MANY_KEY))?.references.objects ?? [];
  const began = performance.now();
  const source = await store.reader();
  const reader = await openReader(source);
  if (reader.read(id).length !== small(0).length) throw new Error("another object");
  const ms = performance.now() - began;
  await store.release(source.lease);
  return ms;
}
