/** A block backend over bytes in memory, for tests. */
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend } from "../../src/base/block.ts";

/** `bytes` is extended to whole sectors. Writes change it. */
export function memoryDisk(bytes: Uint8Array, readOnly = false): BlockBackend & { readonly bytes: Uint8Array } {
  const sectors = Math.max(1, Math.ceil(bytes.length / SECTOR_BYTES));
  const data = new Uint8Array(sectors * SECTOR_BYTES);
  data.set(bytes);
  const disk: BlockBackend & { readonly bytes: Uint8Array } = {
    sectors, readOnly, synchronous: true, canDiscard: false, bytes: data,
    read(sector, into, done) {
      const error = rangeError(disk, sector, segmentBytes(into));
      let at = sector * SECTOR_BYTES;
      if (error === null) for (const s of into) {
        s.set(data.subarray(at, at + s.length));
        at += s.length;
      }
      done(error);
    },
    write(sector, from, done) {
      const error = readOnly ? { kind: "read-only" as const, message: "read-only" } : rangeError(disk, sector, segmentBytes(from));
      let at = sector * SECTOR_BYTES;
      if (error === null) for (const s of from) {
        data.set(s, at);
        at += s.length;
      }
      done(error);
    },
    flush: (done) => done(null),
    discard: (_s, _c, done) => done(null),
    writeZeroes(sector, count, _unmap, done) {
      disk.write(sector, [new Uint8Array(count * SECTOR_BYTES)], done);
    },
  };
  return disk;
}
