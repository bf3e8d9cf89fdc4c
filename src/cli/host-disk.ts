/** A raw disk image on the host as a block backend, with an overlay in memory for -snapshot. */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockError } from "../base/block.ts";
import { UserError } from "../base/errors.ts";

const failed = (e: unknown): BlockError => {
  const code = (e as NodeJS.ErrnoException).code ?? String(e);
  return { kind: code === "ENOSPC" ? "no-space" : "io", message: code };
};

/** Opens `path`. With `snapshot` writes stay in memory. The last sector of a file that is not whole reads zeroes behind its end. */
export function openHostDisk(path: string, readOnly: boolean, snapshot: boolean): BlockBackend {
  const fd = openSync(path, readOnly || snapshot ? "r" : "r+");
  const stat = fstatSync(fd);
  if (!stat.isFile() && !stat.isBlockDevice()) {
    closeSync(fd);
    throw new UserError(`'${path}' is not a file`);
  }
  const sectors = Math.ceil(stat.size / SECTOR_BYTES);
  if (sectors === 0) {
    closeSync(fd);
    throw new UserError(`'${path}' is empty`);
  }
  /** Sectors written, by number. */
  const overlay = snapshot ? new Map<number, Uint8Array>() : null;

  const readAt = (at: number, into: Uint8Array): void => {
    let done = 0;
    while (done < into.length) {
      const n = readSync(fd, into, done, into.length - done, at + done);
      if (n === 0) break;
      done += n;
    }
    into.fill(0, done);
  };
  const writeAt = (at: number, from: Uint8Array): void => {
    for (let done = 0; done < from.length; ) done += writeSync(fd, from, done, from.length - done, at + done);
  };

  const disk: BlockBackend = {
    sectors, readOnly, synchronous: true, canDiscard: false,
    read(sector, into, done) {
      const error = rangeError(disk, sector, segmentBytes(into));
      if (error !== null) {
        done(error);
        return;
      }
      try {
        let at = sector * SECTOR_BYTES;
        for (const segment of into) {
          readAt(at, segment);
          if (overlay !== null) patch(overlay, at, segment);
          at += segment.length;
        }
      } catch (e) {
        done(failed(e));
        return;
      }
      done(null);
    },
    write(sector, from, done) {
      const error: BlockError | null = readOnly ? { kind: "read-only", message: `${path} is read-only` } : rangeError(disk, sector, segmentBytes(from));
      if (error !== null) {
        done(error);
        return;
      }
      try {
        if (overlay !== null) {
          const all = new Uint8Array(segmentBytes(from));
          let to = 0;
          for (const segment of from) {
            all.set(segment, to);
            to += segment.length;
          }
          for (let i = 0; i < all.length; i += SECTOR_BYTES) overlay.set(sector + i / SECTOR_BYTES, all.slice(i, i + SECTOR_BYTES));
        } else {
          let at = sector * SECTOR_BYTES;
          for (const segment of from) {
            writeAt(at, segment);
            at += segment.length;
          }
        }
      } catch (e) {
        done(failed(e));
        return;
      }
      done(null);
    },
    flush(done) {
      try {
        if (overlay === null && !readOnly) fsyncSync(fd);
      } catch (e) {
        done(failed(e));
        return;
      }
      done(null);
    },
    discard: (_sector, _count, done) => done(null),
    writeZeroes(sector, count, _unmap, done) {
      disk.write(sector, [new Uint8Array(count * SECTOR_BYTES)], done);
    },
  };
  return disk;
}

/** Puts what the overlay holds over bytes read at byte offset `at`. */
function patch(overlay: ReadonlyMap<number, Uint8Array>, at: number, into: Uint8Array): void {
  const first = Math.floor(at / SECTOR_BYTES);
  const last = Math.floor((at + into.length - 1) / SECTOR_BYTES);
  for (let s = first; s <= last; s++) {
    const data = overlay.get(s);
    if (data === undefined) continue;
    const start = Math.max(at, s * SECTOR_BYTES);
    const end = Math.min(at + into.length, (s + 1) * SECTOR_BYTES);
    into.set(data.subarray(start - s * SECTOR_BYTES, end - s * SECTOR_BYTES), start - at);
  }
}
