/** A raw disk image in a store: byte for byte. */
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone, type BlockError } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { readSegments, storeError, writeSegments, zeroes, type ByteStore } from "./byte-store.ts";

export interface RawDiskOptions {
  readonly readOnly?: boolean;
  /** Default: what the store's size comes to, a last part of a sector included (it is filled up with zeroes). */
  readonly sectors?: number;
}

export class RawDisk implements BlockBackend {
  readonly sectors: number;
  readonly readOnly: boolean;
  readonly synchronous = true;

  /** Throws UserError when there is no disk in it. */
  constructor(
    readonly store: ByteStore,
    options: RawDiskOptions = {},
  ) {
    this.sectors = options.sectors ?? Math.ceil(store.size() / SECTOR_BYTES);
    this.readOnly = options.readOnly === true;
    if (this.sectors === 0) throw new UserError(`${store.name}: the disk image is empty`);
  }

  get canDiscard(): boolean {
    return !this.readOnly && this.store.discard !== undefined;
  }

  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    done(rangeError(this, sector, segmentBytes(into)) ?? this.attempt(() => readSegments(this.store, sector * SECTOR_BYTES, into)));
  }

  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void {
    done(this.refusal(sector, segmentBytes(from)) ?? this.attempt(() => writeSegments(this.store, sector * SECTOR_BYTES, from)));
  }

  flush(done: BlockDone): void {
    done(this.readOnly ? null : this.attempt(() => this.store.flush()));
  }

  discard(sector: number, count: number, done: BlockDone): void {
    done(this.refusal(sector, count * SECTOR_BYTES) ?? this.attempt(() => this.store.discard?.(sector * SECTOR_BYTES, count * SECTOR_BYTES)));
  }

  writeZeroes(sector: number, count: number, unmap: boolean, done: BlockDone): void {
    const [at, bytes] = [sector * SECTOR_BYTES, count * SECTOR_BYTES];
    done(
      this.refusal(sector, bytes) ??
        this.attempt(() => {
          if (unmap && this.store.discard !== undefined) this.store.discard(at, bytes);
          else writeSegments(this.store, at, zeroes(bytes));
        }),
    );
  }

  private refusal(sector: number, bytes: number): BlockError | null {
    return rangeError(this, sector, bytes) ?? (this.readOnly ? readOnlyError(this.store.name) : null);
  }

  private attempt(action: () => void): BlockError | null {
    try {
      action();
      return null;
    } catch (e) {
      return storeError(this.store.name, e);
    }
  }
}

export function readOnlyError(name: string): BlockError {
  return { kind: "read-only", message: `${name}: the disk is read-only` };
}
