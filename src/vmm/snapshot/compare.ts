/** How two snapshots differ: by tables first, then by what the differing tables name. */
import { type ObjectId, ZERO_ID } from "../store/objects.ts";
import { CHUNK_PAGES, chunksOf, differing, PageTable } from "./page-table.ts";
import type { DiskLayerRecord, SnapshotRecord } from "./record.ts";

export interface SnapshotComparison {
  /** Numbers of 4 KiB pages of RAM, ascending. */
  readonly pages: readonly number[];
  readonly totalPages: number;
  /** By disk: numbers of 4 KiB blocks whose contents differ, or of which different sectors were written. */
  readonly disks: Readonly<Record<string, readonly number[]>>;
}

/** Ranges of ascending numbers, `[first, end)`. */
export function ranges(numbers: readonly number[]): (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const n of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === n) last[1]++;
    else found.push([n, n + 1]);
  }
  return found;
}

type Read = (id: ObjectId) => Promise<Uint8Array>;

/** Reads nothing that is the same in both. Rejects with UserError where something is missing. */
export async function compareSnapshots(a: SnapshotRecord, b: SnapshotRecord, read: Read): Promise<SnapshotComparison> {
  const disks: Record<string, readonly number[]> = {};
  for (const name of new Set([...Object.keys(a.disks), ...Object.keys(b.disks)])) {
    disks[name] = await compareLayers(layer(a, name), layer(b, name), read);
  }
  const total = Math.max(a.ramBytes, b.ramBytes) / 4096;
  return { pages: await compareTables(a.ram, b.ram, total, read), totalPages: total, disks };
}

const layer = (record: SnapshotRecord, name: string): DiskLayerRecord | undefined => (record.disks as Readonly<Record<string, DiskLayerRecord | undefined>>)[name];

async function compareTables(a: readonly ObjectId[], b: readonly ObjectId[], pages: number, read: Read): Promise<number[]> {
  const different = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? ZERO_ID) !== (b[i] ?? ZERO_ID));
  const load = async (chunks: readonly ObjectId[]): Promise<PageTable> => {
    const objects = new Map<ObjectId, Uint8Array>();
    await Promise.all(chunks.map(async (id, i) => {
      if (different[i] && id !== ZERO_ID) objects.set(id, await read(id));
    }));
    return new PageTable(pages, chunks, { has: (id) => objects.has(id), read: (id) => objects.get(id) ?? new Uint8Array(0) });
  };
  return differing(await load(a), await load(b));
}

async function compareLayers(a: DiskLayerRecord | undefined, b: DiskLayerRecord | undefined, read: Read): Promise<number[]> {
  const blocks = Math.ceil(Math.max(a?.sectors ?? 0, b?.sectors ?? 0) / 8);
  const tables = (side: DiskLayerRecord | undefined, which: 1 | 2): ObjectId[] => {
    const chunks: ObjectId[] = Array.from({ length: chunksOf(blocks) }, () => ZERO_ID);
    for (const entry of side?.chunks ?? []) chunks[entry[0]] = entry[which];
    return chunks;
  };
  const found = new Set(await compareTables(tables(a, 1), tables(b, 1), blocks, read));
  const [ma, mb] = [tables(a, 2), tables(b, 2)];
  for (let chunk = 0; chunk < ma.length; chunk++) {
    if (ma[chunk] === mb[chunk]) continue;
    const [x, y] = [ma[chunk] === ZERO_ID ? null : await read(ma[chunk]), mb[chunk] === ZERO_ID ? null : await read(mb[chunk])];
    for (let i = 0; i < CHUNK_PAGES; i++) if ((x?.[i] ?? 0) !== (y?.[i] ?? 0)) found.add(chunk * CHUNK_PAGES + i);
  }
  return [...found].sort((p, q) => p - q);
}
