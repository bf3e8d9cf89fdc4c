/** Which object holds which page: tables of 512 ids, read when they are needed and written where they have changed. */
import { UserError } from "../../base/errors.ts";
import { ID_BYTES, idAt, type ObjectId, type ObjectReader, type ObjectWriter, writeId, ZERO_ID } from "../store/objects.ts";

export const PAGE_BYTES = 4096;
/** Pages of one table. */
export const CHUNK_PAGES = 512;
const CHUNK_BYTES = CHUNK_PAGES * ID_BYTES;

export const chunksOf = (pages: number): number => Math.ceil(pages / CHUNK_PAGES);

/** Does not change. */
export class PageTable {
  private readonly read: (Uint8Array | null)[];

  /** `reader` may be null where all chunks are zero. */
  constructor(
    readonly pages: number,
    readonly chunks: readonly ObjectId[],
    private readonly reader: ObjectReader | null,
  ) {
    this.read = chunks.map(() => null);
  }

  /** All zeroes. */
  static empty(pages: number): PageTable {
    return new PageTable(pages, Array.from({ length: chunksOf(pages) }, () => ZERO_ID), null);
  }

  /** The ids of a chunk; null: zeroes. Throws UserError where its object is missing or is none. */
  private chunk(index: number): Uint8Array | null {
    const id = this.chunks[index];
    if (id === ZERO_ID) return null;
    let bytes = this.read[index];
    if (bytes === null) {
      bytes = this.reader?.read(id) ?? new Uint8Array(0);
      if (bytes.length !== CHUNK_BYTES) throw new UserError(`snapshot: the table ${id} has ${bytes.length} bytes, not ${CHUNK_BYTES}`);
      this.read[index] = bytes;
    }
    return bytes;
  }

  id(page: number): ObjectId {
    const bytes = this.chunk(Math.floor(page / CHUNK_PAGES));
    return bytes === null ? ZERO_ID : idAt(bytes, (page % CHUNK_PAGES) * ID_BYTES);
  }

  isZeroChunk(index: number): boolean {
    return this.chunks[index] === ZERO_ID;
  }

  /** This table with `ids` for `pages`; their tables go to the writer. */
  async with(pages: ArrayLike<number>, ids: readonly ObjectId[], writer: ObjectWriter): Promise<PageTable> {
    const changed = new Map<number, Uint8Array>();
    for (let i = 0; i < pages.length; i++) {
      const index = Math.floor(pages[i] / CHUNK_PAGES);
      let bytes = changed.get(index);
      if (bytes === undefined) {
        bytes = this.chunk(index)?.slice() ?? new Uint8Array(CHUNK_BYTES);
        changed.set(index, bytes);
      }
      const at = (pages[i] % CHUNK_PAGES) * ID_BYTES;
      if (ids[i] === ZERO_ID) bytes.fill(0, at, at + ID_BYTES);
      else writeId(ids[i], bytes, at);
    }
    const written = await writer.put([...changed.values()]);
    const chunks = [...this.chunks];
    [...changed.keys()].forEach((index, i) => (chunks[index] = written[i]));
    const next = new PageTable(this.pages, chunks, this.reader);
    for (let i = 0; i < chunks.length; i++) next.read[i] = changed.get(i) ?? this.read[i];
    return next;
  }
}

/** Pages whose ids differ, ascending. Tables that are the same object are not looked into. */
export function differing(a: PageTable, b: PageTable): number[] {
  const found: number[] = [];
  const pages = Math.max(a.pages, b.pages);
  const idIn = (t: PageTable, page: number): ObjectId => (page < t.pages ? t.id(page) : ZERO_ID);
  for (let chunk = 0; chunk < chunksOf(pages); chunk++) {
    if ((a.chunks[chunk] ?? ZERO_ID) === (b.chunks[chunk] ?? ZERO_ID)) continue;
    for (let page = chunk * CHUNK_PAGES; page < Math.min(pages, (chunk + 1) * CHUNK_PAGES); page++) if (idIn(a, page) !== idIn(b, page)) found.push(page);
  }
  return found;
}
