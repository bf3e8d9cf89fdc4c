/** A load for a store, for tests that cut it off: snapshots of pages, removals, collections; and the check of what is left. */
import type { Store, StoreRecord } from "../../src/vmm/store/api.ts";
import { decodeTable, encodeTable, ZERO_ID, type ObjectId, type ObjectReader } from "../../src/vmm/store/objects.ts";

/** Pseudo-random numbers of a seed (Numerical Recipes' LCG, high bits). */
export class Chance {
  constructor(private x: number) {}
  next(below: number): number {
    this.x = (Math.imul(this.x, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.x / 2 ** 32) * below);
  }
}

/** The page of a number: zeroes for 0. */
export function page(number: number): Uint8Array {
  const chance = new Chance(number * 2654435761);
  return Uint8Array.from({ length: 4096 }, (_, i) => (number === 0 || i % 4 !== 0 ? number & 0xff : chance.next(256)));
}

/** What the record says that its table holds. */
interface Snapshot {
  readonly pages: readonly number[];
}

export const PREFIX = "snapshot/";

/**
 * Takes snapshots without end. `say` hears "+ key" when one is durable, "? key" before one is removed, "ready" at first.
 * `pause` gives the host a turn.
 */
export async function load(store: Store, seed: number, say: (line: string) => void, rounds = Infinity): Promise<void> {
  const chance = new Chance(seed);
  chance.next(7);
  const { records } = await store.records(PREFIX);
  const there = records.map(({ key }) => key);
  say("ready");
  for (let round = 0; round < rounds; round++) {
    const key = `${PREFIX}${seed}-${round}`;
    const count = 20 + chance.next(300);
    const first = chance.next(2000);
    // Most of it is known from other snapshots, as it is with a machine's memory.
    const pages = Array.from({ length: count }, (_, i) => (chance.next(10) === 0 ? 0 : chance.next(20) === 0 ? 1e6 + chance.next(1e6) : 1 + first + i));
    const transaction = await store.begin();
    const ids: ObjectId[] = [];
    for (let at = 0; at < count; at += 64) ids.push(...(await transaction.put(pages.slice(at, at + 64).map(page))));
    const tables = await transaction.put([encodeTable(ids)]);
    const removed = there.length > 6 ? there.splice(chance.next(there.length), 1) : [];
    if (chance.next(8) === 0) {
      await transaction.abort();
      there.push(...removed);
      continue;
    }
    for (const gone of removed) say(`? ${gone}`);
    const record: StoreRecord = { key, data: { pages } satisfies Snapshot, references: { objects: [], tables } };
    await transaction.commit([record], removed);
    say(`+ ${key}`);
    there.push(key);
    if (chance.next(5) === 0) await store.collect();
  }
}

/** Reads every page of every snapshot and compares. Answers the keys; throws if one is not whole. */
export async function verify(store: Store, reader: ObjectReader): Promise<string[]> {
  const { records, damaged } = await store.records(PREFIX);
  if (damaged.length > 0) throw new Error(damaged[0].reason);
  for (const { key, data, references } of records) {
    const { pages } = data as Snapshot;
    const ids = decodeTable(reader.read(references.tables[0]));
    if (ids.length !== pages.length) throw new Error(`${key} has ${ids.length} pages in place of ${pages.length}`);
    ids.forEach((id, i) => {
      const expected = page(pages[i]);
      const is = id === ZERO_ID ? new Uint8Array(4096) : reader.read(id);
      if (is.length !== expected.length || is.some((b, at) => b !== expected[at])) throw new Error(`${key}: page ${i} is another one`);
    });
  }
  return records.map(({ key }) => key);
}

/** What must and what may be there after a cut, from the lines that were heard. */
export class Expected {
  private readonly must = new Set<string>();
  private readonly may = new Set<string>();

  hear(line: string): void {
    const [sign, key] = line.split(" ");
    if (sign === "+") this.must.add(key);
    if (sign !== "?") return;
    this.must.delete(key);
    this.may.add(key);
  }

  /** `found` is what was there; it is what must be there next time. Null, or what is wrong. */
  check(found: readonly string[], seed: number): string | null {
    const there = new Set(found);
    for (const key of this.must) if (!there.has(key)) return `'${key}' was committed and is not there`;
    // Of the load that was cut off one more may have been committed than was heard of.
    const unheard = found.filter((key) => !this.must.has(key) && !this.may.has(key));
    if (unheard.length > 1 || unheard.some((key) => !key.startsWith(`${PREFIX}${seed}-`))) return `${unheard.join(", ")} should not be there`;
    this.must.clear();
    this.may.clear();
    for (const key of found) this.must.add(key);
    return null;
  }
}
