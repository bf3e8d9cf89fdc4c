/** A limit on what several stores may take together: a machine's quota. */
import { segmentBytes } from "../../base/block.ts";
import { StoreFullError, type ByteStore } from "./byte-store.ts";

/** Bytes, shared by the stores of one machine. */
export class Quota {
  private used = 0;
  constructor(readonly limitBytes: number) {}

  get usedBytes(): number {
    return this.used;
  }

  /** What is there already counts, and may be over the limit. */
  add(bytes: number): void {
    this.used += bytes;
  }

  /** Throws where `bytes` more are too much. */
  grow(bytes: number): void {
    if (this.used + bytes > this.limitBytes) throw new StoreFullError("the machine's disk quota is used up");
    this.used += bytes;
  }
}

export class QuotaStore implements ByteStore {
  private bytes: number;

  constructor(
    private readonly store: ByteStore,
    private readonly quota: Quota,
  ) {
    this.bytes = store.size();
    quota.add(this.bytes);
    if (store.discard !== undefined) this.discard = (at, length) => store.discard?.(at, length);
    if (store.readList !== undefined) this.readList = (at, into) => store.readList?.(at, into) ?? 0;
    if (store.writeList !== undefined) this.writeList = (at, from) => this.grown(at + segmentBytes(from), () => store.writeList?.(at, from));
  }

  readonly discard?: (at: number, length: number) => void;
  readonly readList?: (at: number, into: readonly Uint8Array[]) => number;
  readonly writeList?: (at: number, from: readonly Uint8Array[]) => void;

  get name(): string {
    return this.store.name;
  }
  size(): number {
    return this.bytes;
  }
  read(at: number, into: Uint8Array): number {
    return this.store.read(at, into);
  }
  write(at: number, from: Uint8Array): void {
    this.grown(at + from.length, () => this.store.write(at, from));
  }
  /** Writes up to `end`. */
  private grown(end: number, write: () => void): void {
    if (end <= this.bytes) {
      write();
      return;
    }
    this.quota.grow(end - this.bytes);
    try {
      write();
    } finally {
      this.resized(end);
    }
  }
  truncate(size: number): void {
    if (size > this.bytes) this.quota.grow(size - this.bytes);
    try {
      this.store.truncate(size);
    } finally {
      this.resized(Math.max(size, this.bytes));
    }
  }
  /** `expected` is in the quota's books already. */
  private resized(expected: number): void {
    const now = this.store.size();
    this.quota.add(now - Math.max(expected, this.bytes));
    this.bytes = now;
  }
  flush(): void {
    this.store.flush();
  }
  close(): void {
    this.store.close();
  }
}
