/** What guests have written to a disk, as a snapshot holds it: blocks of 4 KiB, and which of their sectors count. Does not change. */
import { SECTOR_BYTES } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { type ObjectId, type ObjectReader, type ObjectWriter, ZERO_ID } from "../store/objects.ts";
import { CHUNK_PAGES, chunksOf, PAGE_BYTES, PageTable } from "./page-table.ts";
import type { DiskLayerRecord } from "./record.ts";

export const BLOCK_BYTES = PAGE_BYTES;
export const BLOCK_SECTORS = BLOCK_BYTES / SECTOR_BYTES;
export const CHUNK_BLOCKS = CHUNK_PAGES;

/** Blocks that have changed: their number, contents, and the sectors that count (bit 0 the first); the others are zeroes. */
export interface DiskBlocks {
  readonly blocks: readonly number[];
  readonly ids: readonly ObjectId[];
  readonly sectors: readonly number[];
}

export class DiskLayer {
  private constructor(
    readonly sectorCount: number,
    readonly base: string,
    readonly table: PageTable,
    private readonly maps: Map<number, Uint8Array | ObjectId>,
    private readonly reader: ObjectReader | null,
    /** Of the maps, as far as they have been stored. */
    private readonly ids: ReadonlyMap<number, ObjectId>,
  ) {}

  /** Nothing was written. */
  static empty(sectorCount: number, base: string): DiskLayer {
    return new DiskLayer(sectorCount, base, PageTable.empty(Math.ceil(sectorCount / BLOCK_SECTORS)), new Map(), null, new Map());
  }

  static of(record: DiskLayerRecord, reader: ObjectReader): DiskLayer {
    const blocks = Math.ceil(record.sectors / BLOCK_SECTORS);
    const chunks: ObjectId[] = Array.from({ length: chunksOf(blocks) }, () => ZERO_ID);
    for (const [chunk, table] of record.chunks) chunks[chunk] = table;
    const ids = record.chunks.map(([chunk, , map]) => [chunk, map] as const);
    return new DiskLayer(record.sectors, record.base, new PageTable(blocks, chunks, reader), new Map(ids), reader, new Map(ids));
  }

  /** Sectors of the blocks of a chunk, a byte each; null: none of them. Throws UserError. */
  map(chunk: number): Uint8Array | null {
    const map = this.maps.get(chunk);
    if (map === undefined) return null;
    if (typeof map !== "string") return map;
    const bytes = map === ZERO_ID ? new Uint8Array(CHUNK_BLOCKS) : (this.reader?.read(map) ?? new Uint8Array(0));
    if (bytes.length !== CHUNK_BLOCKS) throw new UserError(`snapshot: a disk's map has ${bytes.length} bytes, not ${CHUNK_BLOCKS}`);
    this.maps.set(chunk, bytes);
    return bytes;
  }

  /** The sectors of a block that count. */
  sectors(block: number): number {
    return this.map(Math.floor(block / CHUNK_BLOCKS))?.[block % CHUNK_BLOCKS] ?? 0;
  }

  /** A block's contents; null: zeroes. Throws UserError. */
  contents(block: number): Uint8Array | null {
    const id = this.table.id(block);
    if (id === ZERO_ID) return null;
    const bytes = this.reader?.read(id) ?? new Uint8Array(0);
    if (bytes.length !== BLOCK_BYTES) throw new UserError(`snapshot: a disk's block has ${bytes.length} bytes, not ${BLOCK_BYTES}`);
    return bytes;
  }

  /** This layer with blocks that have changed since, and its record. */
  async with(changed: DiskBlocks, writer: ObjectWriter): Promise<{ readonly layer: DiskLayer; readonly record: DiskLayerRecord }> {
    const table = await this.table.with(changed.blocks, changed.ids, writer);
    const maps = new Map<number, Uint8Array>();
    changed.blocks.forEach((block, i) => {
      const chunk = Math.floor(block / CHUNK_BLOCKS);
      let map = maps.get(chunk);
      if (map === undefined) maps.set(chunk, (map = this.map(chunk)?.slice() ?? new Uint8Array(CHUNK_BLOCKS)));
      map[block % CHUNK_BLOCKS] = changed.sectors[i];
    });
    const ids = new Map<number, ObjectId>(this.ids);
    const written = await writer.put([...maps.values()]);
    [...maps.keys()].forEach((chunk, i) => ids.set(chunk, written[i]));
    const layer = new DiskLayer(this.sectorCount, this.base, table, new Map<number, Uint8Array | ObjectId>([...this.maps, ...maps]), this.reader, ids);
    return { layer, record: layer.record() };
  }

  record(): DiskLayerRecord {
    const chunks = [...this.ids].sort(([a], [b]) => a - b).map(([chunk, map]) => [chunk, this.table.chunks[chunk], map] as const);
    return { sectors: this.sectorCount, base: this.base, chunks };
  }
}
