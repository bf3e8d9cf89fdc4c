/** A disk image on a server. Only what the guest touches is fetched, a little ahead of sequential reading, and kept. */
import { SECTOR_BYTES, segmentBytes, type BlockDone, type BlockError } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import type { ByteStore } from "./byte-store.ts";
import { ChunkCache } from "./chunk-cache.ts";
import { HttpCache } from "./http-cache.ts";
import { HttpRangeError, inspect, readRange, type RangeOptions, type RemoteFile } from "./http-range.ts";
import { ReadOnlyDisk } from "./read-only-disk.ts";
import { cut, scatter, zero } from "./segments.ts";
import { join } from "./sequence.ts";

export interface HttpProgress {
  /** Bytes of the image on the server. */
  readonly total: number;
  /** Bytes fetched in this session. */
  readonly fetched: number;
  /** Bytes in the cache that outlives the session. */
  readonly cached: number;
  /** Requests under way. */
  readonly pending: number;
  /** Why a read has failed; null: none has since the last success. */
  readonly error: string | null;
}

export interface HttpDiskOptions extends RangeOptions {
  readonly url: string;
  /** Where chunks are kept between sessions. Left alone where the server does not tell when the image changes. */
  readonly cache?: ByteStore;
  readonly onProgress?: (progress: HttpProgress) => void;
  /** Bytes of chunks that are kept in memory. */
  readonly memoryBytes?: number;
}

const CHUNK = 1 << 16;
const MEMORY_BYTES = 32 << 20;
/** Chunks read ahead: doubled with each read that goes on where the last one ended. */
const AHEAD_FIRST = 2;
const AHEAD_MAX = 32;
/** Browsers open six connections to a server with HTTP/1.1. */
const REQUESTS_MAX = 6;
/** Chunks in one request. */
const REQUEST_CHUNKS = 32;

interface Waiter {
  take(chunk: Uint8Array): void;
  failed: BlockDone;
}

export class HttpDisk extends ReadOnlyDisk {
  readonly sectors: number;
  readonly synchronous = false;
  readonly name: string;
  private readonly memory: ChunkCache;
  /** Chunks on their way, with who waits for them; without anyone for what is read ahead. */
  private readonly coming = new Map<number, Waiter[]>();
  private readonly queue: { readonly first: number; readonly end: number; readonly urgent: boolean }[] = [];
  private requests = 0;
  private fetched = 0;
  private error: string | null = null;
  private closed = false;
  private ahead = 0;
  private expected = -1;

  private constructor(
    private readonly file: RemoteFile,
    private readonly cache: HttpCache | null,
    private readonly options: HttpDiskOptions,
  ) {
    super();
    this.name = file.url.split(/[?#]/, 1)[0].split("/").at(-1) ?? file.url;
    this.sectors = Math.ceil(file.size / SECTOR_BYTES);
    this.memory = new ChunkCache(options.memoryBytes ?? MEMORY_BYTES);
  }

  /** Throws UserError: no such file, no ranges, no connection. */
  static async open(options: HttpDiskOptions): Promise<HttpDisk> {
    let file: RemoteFile;
    try {
      file = await inspect(options.url, options);
    } catch (e) {
      throw new UserError(e instanceof Error ? e.message : String(e), { cause: e });
    }
    const { cache: store } = options;
    const { size, validator } = file;
    if (size === 0) throw new UserError(`${options.url}: the disk image on the server is empty`);
    const cache = store === undefined || validator === null ? null : new HttpCache(store, { size, chunkBytes: CHUNK, validator: `${options.url} ${validator}` });
    return new HttpDisk(file, cache, options);
  }

  /** What the image is: for the identity of an overlay above it. */
  get identity(): string {
    return `${this.file.url} ${this.file.size} ${this.file.validator ?? ""}`;
  }

  protected fetch(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    const start = sector * SECTOR_BYTES;
    const end = start + segmentBytes(into);
    const first = Math.floor(start / CHUNK);
    const last = Math.floor((end - 1) / CHUNK);
    const one = join(last - first + 1, done);
    const missing: number[] = [];
    for (let index = first; index <= last; index++) {
      const from = Math.max(start, index * CHUNK);
      const to = Math.min(end, (index + 1) * CHUNK);
      const target = cut(into, from - start, to - from);
      const take = (chunk: Uint8Array): void => {
        const there = chunk.subarray(from - index * CHUNK, to - index * CHUNK);
        // The last sector may be shorter on the server.
        zero(cut(target, there.length, to - from - there.length));
        scatter(there, cut(target, 0, there.length));
        one(null);
      };
      const known = this.known(index);
      if (known !== null) {
        // Never on the caller's stack in one case and later in the other.
        queueMicrotask(() => take(known));
        continue;
      }
      const waiting = this.coming.get(index);
      if (waiting === undefined) missing.push(index);
      else this.hurry(index);
      this.coming.set(index, [...(waiting ?? []), { take, failed: one }]);
    }
    for (const index of missing) this.enqueue(index, true);
    this.readAhead(first, last);
    this.start();
  }

  private known(index: number): Uint8Array | null {
    const held = this.memory.get(index);
    if (held !== undefined) return held;
    const kept = this.cache?.get(index) ?? null;
    if (kept !== null) this.memory.set(index, kept);
    return kept;
  }

  private readAhead(first: number, last: number): void {
    const onward = last >= this.expected && (first === this.expected || first === this.expected - 1);
    const inside = first === this.expected - 1 && last === first;
    if (onward) this.ahead = Math.min(AHEAD_MAX, Math.max(AHEAD_FIRST, this.ahead * 2));
    else if (!inside) this.ahead = 0;
    this.expected = last + 1;
    const end = Math.min(last + 1 + this.ahead, Math.ceil(this.file.size / CHUNK));
    for (let index = last + 1; index < end; index++) {
      if (this.coming.has(index) || this.memory.has(index) || this.cache?.has(index) === true) continue;
      this.coming.set(index, []);
      this.enqueue(index, false);
    }
  }

  /** Neighbours go into one request. */
  private enqueue(index: number, urgent: boolean): void {
    const last = this.queue.at(-1);
    if (last !== undefined && last.end === index && last.end - last.first < REQUEST_CHUNKS) {
      this.queue[this.queue.length - 1] = { first: last.first, end: index + 1, urgent: last.urgent || urgent };
    } else this.queue.push({ first: index, end: index + 1, urgent });
  }

  /** Someone waits now for what was only to be read ahead. */
  private hurry(index: number): void {
    const at = this.queue.findIndex((r) => r.first <= index && index < r.end);
    if (at >= 0) this.queue[at] = { ...this.queue[at], urgent: true };
  }

  private start(): void {
    while (this.requests < REQUESTS_MAX && this.queue.length > 0) {
      const next = Math.max(0, this.queue.findIndex((r) => r.urgent));
      const [range] = this.queue.splice(next, 1);
      this.requests++;
      void this.run(range.first, range.end);
    }
    this.report();
  }

  private async run(first: number, end: number): Promise<void> {
    const stop = Math.min(end * CHUNK, this.file.size);
    let index = first;
    let chunk = new Uint8Array(Math.min(CHUNK, stop - first * CHUNK));
    let filled = 0;
    const piece = (bytes: Uint8Array): void => {
      this.fetched += bytes.length;
      this.error = null;
      for (let at = 0; at < bytes.length; ) {
        const count = Math.min(chunk.length - filled, bytes.length - at);
        chunk.set(bytes.subarray(at, at + count), filled);
        filled += count;
        at += count;
        if (filled < chunk.length) continue;
        this.arrived(index++, chunk);
        chunk = new Uint8Array(Math.max(0, Math.min(CHUNK, stop - index * CHUNK)));
        filled = 0;
      }
      this.report();
    };
    try {
      await readRange(this.file, first * CHUNK, stop, piece, this.options);
    } catch (e) {
      const message = e instanceof HttpRangeError ? e.message : `${this.name}: ${String(e)}`;
      this.error = message;
      const failure: BlockError = { kind: "io", message };
      for (; index < end; index++) {
        const waiting = this.coming.get(index) ?? [];
        this.coming.delete(index);
        for (const { failed } of waiting) failed(failure);
      }
    }
    this.requests--;
    this.start();
  }

  private arrived(index: number, chunk: Uint8Array): void {
    this.memory.set(index, chunk);
    if (!this.closed) this.cache?.put(index, chunk);
    const waiting = this.coming.get(index) ?? [];
    this.coming.delete(index);
    for (const { take } of waiting) take(chunk);
  }

  get progress(): HttpProgress {
    return {
      total: this.file.size,
      fetched: this.fetched,
      cached: Math.min(this.file.size, (this.cache?.chunks ?? 0) * CHUNK),
      pending: this.requests,
      error: this.error,
    };
  }

  private report(): void {
    this.options.onProgress?.(this.progress);
  }

  /** Nothing more is fetched but what is on its way. The cache's store is its owner's to close. */
  close(): void {
    this.queue.length = 0;
    this.closed = true;
  }
}
