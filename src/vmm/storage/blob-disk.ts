/**
 * A disk in a File or Blob that the user picked. Read-only; an overlay above it takes what the guest writes. Workers could wait for a file
 * (FileReaderSync), but then the machine would stand still meanwhile.
 */
import { SECTOR_BYTES, segmentBytes, type BlockDone, type BlockError } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { ChunkCache } from "./chunk-cache.ts";
import { ReadOnlyDisk } from "./read-only-disk.ts";
import { cut, scatter, zero } from "./segments.ts";
import { join } from "./sequence.ts";

/** A read costs as much for a little as for this. */
const CHUNK = 1 << 18;
const CACHE_BYTES = 16 << 20;

export class BlobDisk extends ReadOnlyDisk {
  readonly sectors: number;
  readonly synchronous = false;
  private readonly cache = new ChunkCache(CACHE_BYTES);

  constructor(
    private readonly blob: Blob,
    readonly name: string,
  ) {
    super();
    this.sectors = Math.ceil(blob.size / SECTOR_BYTES);
    if (this.sectors === 0) throw new UserError(`${name}: the disk image is empty`);
  }

  protected fetch(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    const start = sector * SECTOR_BYTES;
    const end = start + segmentBytes(into);
    const first = Math.floor(start / CHUNK);
    const last = Math.floor((end - 1) / CHUNK);
    const one = join(last - first + 1, done);
    for (let index = first; index <= last; index++) {
      const from = Math.max(start, index * CHUNK);
      const to = Math.min(end, (index + 1) * CHUNK);
      const target = cut(into, from - start, to - from);
      const use = (chunk: Uint8Array): void => {
        const there = chunk.subarray(from - index * CHUNK, to - index * CHUNK);
        // The last sector may be shorter in the file.
        if (there.length < to - from) zero(cut(target, there.length, to - from - there.length));
        scatter(there, cut(target, 0, there.length));
        one(null);
      };
      this.chunk(index, use, one);
    }
  }

  private chunk(index: number, use: (chunk: Uint8Array) => void, failed: BlockDone): void {
    const known = this.cache.get(index);
    if (known !== undefined) {
      use(known);
      return;
    }
    const part = this.blob.slice(index * CHUNK, (index + 1) * CHUNK);
    part.arrayBuffer().then((buffer) => {
      const chunk = new Uint8Array(buffer);
      this.cache.set(index, chunk);
      use(chunk);
    }, () => failed(this.unreadable()));
  }

  private unreadable(): BlockError {
    return { kind: "io", message: `${this.name}: the file cannot be read any more: it was moved or changed` };
  }
}
