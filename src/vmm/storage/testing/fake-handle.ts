/** For tests: a synchronous access handle in memory that can be cut off, and then has lost any of what was not flushed. */
import type { SyncHandle } from "../opfs-store.ts";
import type { Chance } from "./requests.ts";

/** What reaches the disk whole or not at all. */
const SECTOR = 512;

type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly size: number };

interface Contents {
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

export class Cut extends Error {}

export class FakeHandle implements SyncHandle {
  /** What programs see: everything written. */
  private readonly seen: Contents;
  /** What survives anything. */
  private readonly stable: Contents;
  private readonly pending: Change[] = [];
  /** Calls that change the file, so far. */
  changes = 0;
  flushes = 0;
  /** The call that is cut off, in the middle if it is a write. */
  cutAt = Infinity;
  /** Bytes that fit. */
  quota = Infinity;
  closed = false;

  constructor(contents: Uint8Array<ArrayBuffer> = new Uint8Array(0)) {
    this.stable = { bytes: contents.slice(), length: contents.length };
    this.seen = { bytes: contents.slice(), length: contents.length };
  }

  getSize(): number {
    return this.seen.length;
  }

  read(buffer: Uint8Array, { at }: { readonly at: number }): number {
    if (this.changes > this.cutAt) throw new Cut("cut off");
    const count = Math.max(0, Math.min(buffer.length, this.seen.length - at));
    buffer.set(this.seen.bytes.subarray(at, at + count));
    return count;
  }

  write(buffer: Uint8Array, { at }: { readonly at: number }): number {
    const dies = this.step();
    const fits = Math.max(0, Math.min(buffer.length, this.quota - at));
    // A cut comes between sectors.
    const end = dies ? Math.floor((at + fits / 2) / SECTOR) * SECTOR : at + fits;
    // A disk knows no larger unit than its sector: each part of a write has its own fate.
    for (let from = at; from < end; ) {
      const to = Math.min(end, (Math.floor(from / SECTOR) + 1) * SECTOR);
      this.apply({ at: from, bytes: buffer.slice(from - at, to - at) });
      from = to;
    }
    if (dies) throw new Cut("cut off");
    if (fits === 0 && buffer.length > 0) throw new DOMException("no space", "QuotaExceededError");
    return fits;
  }

  truncate(size: number): void {
    if (this.step()) throw new Cut("cut off");
    if (size > this.quota) throw new DOMException("no space", "QuotaExceededError");
    this.apply({ size });
  }

  flush(): void {
    if (this.step()) throw new Cut("cut off");
    this.flushes++;
    for (const change of this.pending.splice(0)) applyTo(this.stable, change);
  }

  close(): void {
    this.closed = true;
  }

  private step(): boolean {
    this.changes++;
    if (this.changes > this.cutAt) throw new Cut("cut off");
    return this.changes === this.cutAt;
  }

  private apply(change: Change): void {
    this.pending.push(change);
    applyTo(this.seen, change);
  }

  /** Opened again by another worker: what was written is still there, flushed or not. */
  revive(): void {
    this.changes = 0;
    this.cutAt = Infinity;
  }

  /** The file after the cut: each change since the last flush is there or not. `share`: how many of 100 are. */
  afterCut(chance: Chance, share: number): Uint8Array<ArrayBuffer> {
    const file = { bytes: this.stable.bytes.slice(), length: this.stable.length };
    for (const change of this.pending) if (chance.next(100) < share) applyTo(file, change);
    return file.bytes.slice(0, file.length);
  }
}

function applyTo(file: Contents, change: Change): void {
  const end = "size" in change ? change.size : change.at + change.bytes.length;
  if (end > file.bytes.length) {
    const larger = new Uint8Array(Math.max(end, file.bytes.length * 2));
    larger.set(file.bytes.subarray(0, file.length));
    file.bytes = larger;
  }
  if ("size" in change) {
    if (change.size < file.length) file.bytes.fill(0, change.size, file.length);
    file.length = change.size;
  } else {
    file.bytes.set(change.bytes, change.at);
    file.length = Math.max(file.length, end);
  }
}
