/** A store over another one that is only read: what is written stays in memory. For replays, which must not change an image. */
import type { ByteStore } from "./byte-store.ts";

const CHUNK = 1 << 16;

export class ScratchStore implements ByteStore {
  readonly name: string;
  private readonly written = new Map<number, Uint8Array>();
  private bytes: number;

  constructor(private readonly base: ByteStore) {
    this.name = base.name;
    this.bytes = base.size();
  }

  size(): number {
    return this.bytes;
  }

  private *pieces(at: number, length: number): Generator<{ readonly index: number; readonly within: number; readonly done: number; readonly count: number }> {
    for (let done = 0; done < length; ) {
      const within = (at + done) % CHUNK;
      const count = Math.min(length - done, CHUNK - within);
      yield { index: (at + done - within) / CHUNK, within, done, count };
      done += count;
    }
  }

  read(at: number, into: Uint8Array): number {
    const length = Math.max(0, Math.min(into.length, this.bytes - at));
    for (const { index, within, done, count } of this.pieces(at, length)) {
      const chunk = this.written.get(index);
      const part = into.subarray(done, done + count);
      if (chunk !== undefined) part.set(chunk.subarray(within, within + count));
      else part.fill(0, this.base.read(at + done, part));
    }
    return length;
  }

  write(at: number, from: Uint8Array): void {
    for (const { index, within, done, count } of this.pieces(at, from.length)) this.chunk(index).set(from.subarray(done, done + count), within);
    this.bytes = Math.max(this.bytes, at + from.length);
  }

  private chunk(index: number): Uint8Array {
    let chunk = this.written.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK);
      this.base.read(index * CHUNK, chunk);
      this.written.set(index, chunk);
    }
    return chunk;
  }

  truncate(size: number): void {
    // What lay behind the new end must not come back.
    if (size < this.bytes) {
      for (const { index, within, count } of this.pieces(size, Math.ceil(this.bytes / CHUNK) * CHUNK - size)) this.chunk(index).fill(0, within, within + count);
    }
    this.bytes = size;
  }

  flush(): void {
    // There is nothing to keep.
  }
  close(): void {
    this.base.close();
  }
}
