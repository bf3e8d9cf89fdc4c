/** The chunks of a disk that were used last, in memory. */

export class ChunkCache {
  private readonly chunks = new Map<number, Uint8Array>();
  private bytes = 0;

  constructor(private readonly limit: number) {}

  get(index: number): Uint8Array | undefined {
    const chunk = this.chunks.get(index);
    if (chunk !== undefined) {
      // A Map keeps the order of insertion: the last used goes to its end.
      this.chunks.delete(index);
      this.chunks.set(index, chunk);
    }
    return chunk;
  }

  has(index: number): boolean {
    return this.chunks.has(index);
  }

  set(index: number, chunk: Uint8Array): void {
    this.bytes += chunk.length - (this.chunks.get(index)?.length ?? 0);
    this.chunks.delete(index);
    this.chunks.set(index, chunk);
    for (const [oldest, { length }] of this.chunks) {
      if (this.bytes <= this.limit || oldest === index) break;
      this.chunks.delete(oldest);
      this.bytes -= length;
    }
  }
}
