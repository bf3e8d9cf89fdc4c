/** What all disks that cannot be written have in common; and a disk seen so. */
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone } from "../../base/block.ts";
import { readOnlyError } from "./raw-disk.ts";

export abstract class ReadOnlyDisk implements BlockBackend {
  readonly readOnly = true;
  readonly canDiscard = false;
  abstract readonly sectors: number;
  abstract readonly synchronous: boolean;
  /** For messages. */
  abstract readonly name: string;

  /** The range is inside the disk. */
  protected abstract fetch(sector: number, into: readonly Uint8Array[], done: BlockDone): void;

  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    const bytes = segmentBytes(into);
    const wrong = rangeError(this, sector, bytes);
    if (wrong !== null || bytes === 0) done(wrong);
    else this.fetch(sector, into, done);
  }

  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void {
    done(rangeError(this, sector, segmentBytes(from)) ?? readOnlyError(this.name));
  }

  flush(done: BlockDone): void {
    done(null);
  }

  discard(sector: number, count: number, done: BlockDone): void {
    done(rangeError(this, sector, count * SECTOR_BYTES) ?? readOnlyError(this.name));
  }

  writeZeroes(sector: number, count: number, _unmap: boolean, done: BlockDone): void {
    this.discard(sector, count, done);
  }
}

class ReadOnlyView extends ReadOnlyDisk {
  constructor(
    private readonly disk: BlockBackend,
    readonly name: string,
  ) {
    super();
  }
  get sectors(): number {
    return this.disk.sectors;
  }
  get synchronous(): boolean {
    return this.disk.synchronous;
  }
  protected fetch(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    this.disk.read(sector, into, done);
  }
}

/** A disk that can be written, without its writes. */
export function readOnlyView(disk: BlockBackend, name: string): BlockBackend {
  return new ReadOnlyView(disk, name);
}
