/** Disks in memory for the device tests: plain, and one that answers late. */
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone, type BlockError } from "../../base/block.ts";

export interface TestDisk extends BlockBackend {
  readonly bytes: Uint8Array;
  flushes: number;
  /** The next request fails so. */
  failNext: BlockError | null;
}

export interface DiskOptions {
  readonly readOnly?: boolean;
  /** Writes change nothing: for comparisons of two devices whose disks are not part of their state. */
  readonly forgetful?: boolean;
  /** Completions wait here until the test calls them. */
  readonly late?: (() => void)[];
}

/** A disk of `sectors`, each byte of which is its sector's number plus its position, modulo 251. */
export function testDisk(sectors: number, options: DiskOptions = {}): TestDisk {
  const bytes = new Uint8Array(sectors * SECTOR_BYTES);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (Math.floor(i / SECTOR_BYTES) * 7 + i) % 251;
  const readOnly = options.readOnly === true;
  const finish = (done: BlockDone, error: BlockError | null): void => {
    if (options.late === undefined) done(error);
    else options.late.push(() => done(error));
  };
  const run = (done: BlockDone, error: BlockError | null, act: () => void): void => {
    const failure = disk.failNext ?? error;
    disk.failNext = null;
    if (failure === null) act();
    finish(done, failure);
  };
  const disk: TestDisk = {
    sectors, readOnly, synchronous: options.late === undefined, canDiscard: false, bytes, flushes: 0, failNext: null,
    read: (sector, into, done) => run(done, rangeError(disk, sector, segmentBytes(into)), () => {
      let at = sector * SECTOR_BYTES;
      for (const s of into) {
        s.set(bytes.subarray(at, at + s.length));
        at += s.length;
      }
    }),
    write: (sector, from, done) => run(done, readOnly ? { kind: "read-only", message: "read-only" } : rangeError(disk, sector, segmentBytes(from)), () => {
      let at = sector * SECTOR_BYTES;
      for (const s of options.forgetful === true ? [] : from) {
        bytes.set(s, at);
        at += s.length;
      }
    }),
    flush: (done) => run(done, null, () => disk.flushes++),
    discard: (_sector, _count, done) => finish(done, null),
    writeZeroes: (sector, count, _unmap, done) => disk.write(sector, [new Uint8Array(count * SECTOR_BYTES)], done),
  };
  return disk;
}
