/** A disk in memory. */
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone } from "../../base/block.ts";

export class MemoryDisk implements BlockBackend {
  readonly sectors: number;
  readonly synchronous = true;
  readonly canDiscard = true;

  /** `bytes` is a whole number of sectors, and changes as the disk is written. */
  constructor(
    readonly bytes: Uint8Array,
    readonly readOnly = false,
  ) {
    this.sectors = bytes.length / SECTOR_BYTES;
  }

  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    const error = rangeError(this, sector, segmentBytes(into));
    let at = sector * SECTOR_BYTES;
    if (error === null) {
      for (const segment of into) {
        segment.set(this.bytes.subarray(at, at + segment.length));
        at += segment.length;
      }
    }
    done(error);
  }

  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void {
    const error = this.refusal(sector, segmentBytes(from));
    let at = sector * SECTOR_BYTES;
    if (error === null) {
      for (const segment of from) {
        this.bytes.set(segment, at);
        at += segment.length;
      }
    }
    done(error);
  }

  private refusal(sector: number, bytes: number): ReturnType<typeof rangeError> {
    return this.readOnly ? { kind: "read-only", message: "the disk is read-only" } : rangeError(this, sector, bytes);
  }

  flush(done: BlockDone): void {
    done(null);
  }
  discard(sector: number, count: number, done: BlockDone): void {
    this.writeZeroes(sector, count, true, done);
  }
  writeZeroes(sector: number, count: number, _unmap: boolean, done: BlockDone): void {
    const error = this.refusal(sector, count * SECTOR_BYTES);
    if (error === null) this.bytes.fill(0, sector * SECTOR_BYTES, (sector + count) * SECTOR_BYTES);
    done(error);
  }
}
