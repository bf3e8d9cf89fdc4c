/** A store in memory, sparse: only what was written takes space. */
import { StoreFullError, type ByteStore } from "./byte-store.ts";

const CHUNK = 1 << 16;

export class MemoryStore implements ByteStore {
  private readonly chunks: (Uint8Array | undefined)[] = [];
  private bytes = 0;
  private held = 0;

  /** `limit`: bytes of memory that it may take. */
  constructor(
    readonly name = "memory",
    private readonly limit = Infinity,
  ) {}

  /** A store with these contents. */
  static of(contents: Uint8Array, name?: string): MemoryStore {
    const store = new MemoryStore(name);
    store.write(0, contents);
    return store;
  }

  /** Bytes of memory in use. */
  get heldBytes(): number {
    return this.held;
  }

  size(): number {
    return this.bytes;
  }

  read(at: number, into: Uint8Array): number {
    const inChunk = at % CHUNK;
    const one = this.chunks[(at - inChunk) / CHUNK];
    // Most requests come as pages.
    if (one !== undefined && inChunk + into.length <= CHUNK && at + into.length <= this.bytes) {
      into.set(one.subarray(inChunk, inChunk + into.length));
      return into.length;
    }
    const length = Math.max(0, Math.min(into.length, this.bytes - at));
    this.pieces(at, length, (index, within, done, count) => {
      const chunk = this.chunks[index];
      if (chunk === undefined) into.fill(0, done, done + count);
      else into.set(chunk.subarray(within, within + count), done);
    });
    return length;
  }

  write(at: number, from: Uint8Array): void {
    this.pieces(at, from.length, (index, within, done, count) => {
      const chunk = (this.chunks[index] ??= this.allocate());
      chunk.set(from.subarray(done, done + count), within);
    });
    this.bytes = Math.max(this.bytes, at + from.length);
  }

  readList(at: number, into: readonly Uint8Array[]): number {
    let got = 0;
    for (const segment of into) got += this.read(at + got, segment);
    return got;
  }

  writeList(at: number, from: readonly Uint8Array[]): void {
    let put = 0;
    for (const segment of from) {
      this.write(at + put, segment);
      put += segment.length;
    }
  }

  private allocate(): Uint8Array {
    if (this.held + CHUNK > this.limit) throw new StoreFullError("the memory for this disk is used up");
    let chunk: Uint8Array;
    try {
      chunk = new Uint8Array(CHUNK);
    } catch {
      throw new StoreFullError("the host has no memory left");
    }
    this.held += CHUNK;
    return chunk;
  }

  truncate(size: number): void {
    if (size < this.bytes) {
      this.discard(size, this.bytes - size);
      const whole = Math.ceil(size / CHUNK);
      for (let i = whole; i < this.chunks.length; i++) this.drop(i);
      this.chunks.length = Math.min(this.chunks.length, whole);
    }
    this.bytes = size;
  }

  discard(at: number, length: number): void {
    const end = Math.min(at + length, this.chunks.length * CHUNK);
    if (at >= end) return;
    this.pieces(at, end - at, (index, within, _done, count) => {
      if (count === CHUNK) this.drop(index);
      else this.chunks[index]?.fill(0, within, within + count);
    });
  }

  private drop(index: number): void {
    if (this.chunks[index] === undefined) return;
    this.chunks[index] = undefined;
    this.held -= CHUNK;
  }

  flush(): void {
    // Memory is as stable as it gets.
  }

  close(): void {
    this.truncate(0);
  }

  private pieces(at: number, length: number, piece: (index: number, within: number, done: number, count: number) => void): void {
    for (let done = 0; done < length; ) {
      const within = (at + done) % CHUNK;
      const count = Math.min(CHUNK - within, length - done);
      piece(Math.floor((at + done) / CHUNK), within, done, count);
      done += count;
    }
  }
}
