/** Files that do not change any more, read synchronously: Blobs and OPFS files in a worker, anything of bytes elsewhere. */
import type { ByteStore } from "../storage/byte-store.ts";
import { ChunkCache } from "../storage/chunk-cache.ts";
import { StoreError } from "./objects.ts";

/** Methods throw what their host throws. */
export type SealedFile = Pick<ByteStore, "name" | "size" | "read" | "close">;

/** A read from a Blob costs as much for a little as for this: it goes through other processes. */
const CHUNK_BYTES = 1 << 18;
/** For the packs of one reader. */
const CACHE_BYTES = 16 << 20;
/** A file that is read from at all and is not larger than this comes as a whole, behind the first reads. */
const AHEAD_BYTES = CACHE_BYTES / 2;
/** More chunks than a file has. */
const FILE_CHUNKS = 2 ** 24;

export function blobCache(): ChunkCache {
  return new ChunkCache(CACHE_BYTES);
}

const common = blobCache();
let files = 0;

/** A Blob or File. Only workers can wait for one. */
export class BlobFile implements SealedFile {
  private readonly reader = new FileReaderSync();
  private readonly first = files++ * FILE_CHUNKS;

  /** Files that are used together share a cache. `ahead`: what is touched is wanted as a whole soon. */
  constructor(
    readonly name: string,
    private readonly blob: Blob,
    private readonly cache = common,
    private ahead = false,
  ) {}

  size(): number {
    return this.blob.size;
  }

  read(at: number, into: Uint8Array): number {
    const end = Math.min(at + into.length, this.blob.size);
    // An index is read once, and in one piece.
    if (into.length >= CHUNK_BYTES) {
      into.set(this.fetch(at, end));
      return Math.max(0, end - at);
    }
    for (let from = at; from < end; ) {
      const index = Math.floor(from / CHUNK_BYTES);
      const start = index * CHUNK_BYTES;
      const to = Math.min(end, start + CHUNK_BYTES);
      let chunk = this.cache.get(this.first + index);
      if (chunk === undefined) {
        chunk = this.fetch(start, Math.min(start + CHUNK_BYTES, this.blob.size));
        this.cache.set(this.first + index, chunk);
        if (this.ahead) void this.readAhead();
      }
      into.set(chunk.subarray(from - start, to - start), from - at);
      from = to;
    }
    return Math.max(0, end - at);
  }

  /** It arrives between two turns of the thread; a read that fails fails again where it is wanted. */
  private async readAhead(): Promise<void> {
    this.ahead = false;
    if (this.blob.size > AHEAD_BYTES) return;
    const whole = await this.blob.arrayBuffer().catch(() => null);
    if (whole === null) return;
    for (let at = 0; at < whole.byteLength; at += CHUNK_BYTES) {
      const index = this.first + at / CHUNK_BYTES;
      if (!this.cache.has(index)) this.cache.set(index, new Uint8Array(whole, at, Math.min(CHUNK_BYTES, whole.byteLength - at)));
    }
  }

  private fetch(from: number, to: number): Uint8Array {
    return new Uint8Array(this.reader.readAsArrayBuffer(this.blob.slice(from, to)));
  }

  close(): void {
    // The browser closes it.
  }
}

/** Exactly `length` bytes. StoreError: they are not there, or cannot be read. */
export function readExactly(file: SealedFile, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let got: number;
  try {
    got = file.read(at, bytes);
  } catch (e) {
    throw new StoreError(`${file.name}: cannot be read: ${(e as Error).message.split("\n", 1)[0]}`, { cause: e });
  }
  if (got < length) throw new StoreError(`${file.name}: the file is cut short`);
  return bytes;
}
