/** A raw disk image in a file of the host. */
import { closeSync, fstatSync, fsyncSync, openSync, readvSync, writeSync, writevSync } from "node:fs";
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone, type BlockError } from "../base/block.ts";
import { UserError } from "../base/errors.ts";
import { reason } from "./reason.ts";

/** Zeroes for one write. */
const ZEROES = new Uint8Array(1 << 20);
/** Segments that one system call takes (IOV_MAX on Linux). */
const MAX_SEGMENTS = 1024;

export class FileDisk implements BlockBackend {
  readonly sectors: number;
  readonly synchronous = true;
  readonly canDiscard = false;
  private readonly fd: number;

  /** Throws UserError. A size that is no whole number of sectors is rounded down, as QEMU does for devices. */
  constructor(
    private readonly path: string,
    readonly readOnly: boolean,
  ) {
    try {
      this.fd = openSync(path, readOnly ? "r" : "r+");
    } catch (e) {
      throw new UserError(`-drive: cannot open '${path}'${readOnly ? "" : " for writing"}: ${reason(e)}`);
    }
    const stat = fstatSync(this.fd);
    this.sectors = Math.floor(stat.size / SECTOR_BYTES);
    if (!stat.isFile()) throw this.unfit("is not a file");
    if (this.sectors === 0) throw this.unfit(`has ${stat.size} bytes, less than a sector of ${SECTOR_BYTES}`);
  }

  private unfit(why: string): UserError {
    closeSync(this.fd);
    return new UserError(`-drive: '${this.path}' ${why}`);
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Runs host I/O; its failure is the request's. */
  private attempt(done: BlockDone, work: () => BlockError | null): void {
    let error: BlockError | null;
    try {
      error = work();
    } catch (e) {
      error = { kind: (e as NodeJS.ErrnoException).code === "ENOSPC" ? "no-space" : "io", message: `${this.path}: ${reason(e)}` };
    }
    done(error);
  }

  private refusal(sector: number, bytes: number): BlockError | null {
    return this.readOnly ? { kind: "read-only", message: `${this.path} is read-only` } : rangeError(this, sector, bytes);
  }

  /** Moves all segments with as few system calls as there can be. */
  private move(sector: number, segments: readonly Uint8Array[], io: (fd: number, buffers: Uint8Array[], position: number) => number): BlockError | null {
    let position = sector * SECTOR_BYTES;
    let rest = [...segments];
    while (rest.length > 0) {
      const moved = io(this.fd, rest.slice(0, MAX_SEGMENTS), position);
      if (moved === 0) return { kind: "io", message: `${this.path} has become shorter` };
      position += moved;
      let skip = moved;
      let whole = 0;
      while (whole < rest.length && skip >= rest[whole].length) skip -= rest[whole++].length;
      rest = rest.slice(whole);
      if (skip > 0) rest[0] = rest[0].subarray(skip);
    }
    return null;
  }

  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    this.attempt(done, () => rangeError(this, sector, segmentBytes(into)) ?? this.move(sector, into, readvSync));
  }
  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void {
    this.attempt(done, () => this.refusal(sector, segmentBytes(from)) ?? this.move(sector, from, writevSync));
  }
  flush(done: BlockDone): void {
    this.attempt(done, () => {
      if (!this.readOnly) fsyncSync(this.fd);
      return null;
    });
  }
  discard(_sector: number, _count: number, done: BlockDone): void {
    done(null);
  }
  writeZeroes(sector: number, count: number, _unmap: boolean, done: BlockDone): void {
    this.attempt(done, () => {
      const refusal = this.refusal(sector, count * SECTOR_BYTES);
      if (refusal !== null) return refusal;
      let at = sector * SECTOR_BYTES;
      for (let left = count * SECTOR_BYTES; left > 0; ) {
        const written = writeSync(this.fd, ZEROES, 0, Math.min(left, ZEROES.length), at);
        at += written;
        left -= written;
      }
      return null;
    });
  }
}
