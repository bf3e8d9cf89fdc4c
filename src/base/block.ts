/** The block backend contract: what a disk controller asks of whatever holds a disk's bytes. */

/** Sectors are 512 bytes in this interface, whatever the medium's own block size is. */
export const SECTOR_BYTES = 512;

/** Why a request failed. `message` is one line for the user; the guest sees an I/O error. */
export interface BlockError {
  readonly kind: "io" | "no-space" | "read-only" | "out-of-range";
  readonly message: string;
}

/** Told once for each request; null is success. */
export type BlockDone = (error: BlockError | null) => void;

/**
 * A disk. Requests may be in flight at the same time and may complete in any order; a caller that needs an order waits.
 *
 * Buffers are lists of segments (scatter and gather) whose lengths add up to whole sectors; single segments may have any
 * length, and may be views of guest RAM. They belong to the backend until `done` is called, and no longer: a backend fills
 * the segments of a read before it calls `done`, and keeps no reference afterwards. On an error their contents are undefined.
 *
 * `done` may be called before the method returns (memory, OPFS, a host file) or later, on the host's event loop (HTTP). It is
 * never called twice. Devices below vmm/ are given backends whose late completions the VMM delivers at a recorded point of guest
 * time; whoever implements a backend need not care.
 *
 * A backend checks ranges itself (`out-of-range`) and refuses writes when it is read-only (`read-only`). It throws nothing.
 */
export interface BlockBackend {
  /** Size in sectors: a positive exact integer, constant. */
  readonly sectors: number;
  /** Writes, zeroes and discards fail. */
  readonly readOnly: boolean;
  /** Every `done` is called before its method returns, so that no buffering is needed for determinism. */
  readonly synchronous: boolean;
  /** Discarded sectors give memory or storage back, and are worth asking for. They read as zeroes or as before. */
  readonly canDiscard: boolean;

  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void;
  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void;
  /** All writes that completed before this call are on stable storage when `done` says success. */
  flush(done: BlockDone): void;
  /** Contents of the range do not matter any more. `count` in sectors. */
  discard(sector: number, count: number, done: BlockDone): void;
  /** The range reads as zeroes afterwards. `unmap` permits giving its storage back. */
  writeZeroes(sector: number, count: number, unmap: boolean, done: BlockDone): void;
}

/** Sum of the segments' lengths in bytes. */
export function segmentBytes(segments: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const s of segments) bytes += s.length;
  return bytes;
}

/** The error for a range that does not lie inside the disk or is no whole number of sectors, else null. `bytes` is a length in bytes. */
export function rangeError(disk: BlockBackend, sector: number, bytes: number): BlockError | null {
  const count = bytes / SECTOR_BYTES;
  if (Number.isInteger(count) && Number.isSafeInteger(sector) && sector >= 0 && sector + count <= disk.sectors) return null;
  return { kind: "out-of-range", message: `sectors ${sector}..${sector + count} lie outside a disk of ${disk.sectors}` };
}
