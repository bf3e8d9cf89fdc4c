/** Disk images in files of the host. */
import { closeSync, existsSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, readvSync, realpathSync, rmSync, writeSync, writevSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockError } from "../base/block.ts";
import { UserError } from "../base/errors.ts";
import { MemoryStore } from "../vmm/storage/memory-store.ts";
import { openImage, probeFormat, type ImageFile, type ImageFormat } from "../vmm/storage/open-image.ts";
import { Overlay } from "../vmm/storage/overlay.ts";
import { RawDisk } from "../vmm/storage/raw-disk.ts";
import { readOnlyView } from "../vmm/storage/read-only-disk.ts";
import type { ByteStore } from "../vmm/storage/byte-store.ts";
import { cut } from "../vmm/storage/segments.ts";
import { ScratchStore } from "../vmm/storage/scratch-store.ts";
import { lockForWriting, type FileLock } from "./file-lock.ts";
import { reason } from "./reason.ts";

/** Segments of one call: IOV_MAX of Linux and macOS. */
const VECTORS = 1024;

/** A host file as a store. */
export class HostFile implements ByteStore {
  private constructor(
    readonly name: string,
    private readonly file: number,
  ) {}

  /** Throws UserError. `create`: makes the file if it is not there. */
  static open(path: string, access: "read" | "write" | "create"): HostFile {
    const flags = { read: "r", write: "r+", create: "a+" } as const;
    try {
      // "a+" would write at the end only: it is for the making.
      if (access === "create") closeSync(openSync(path, flags.create));
      const file = openSync(path, access === "read" ? flags.read : flags.write);
      if (!fstatSync(file).isDirectory()) return new HostFile(path, file);
      closeSync(file);
    } catch (e) {
      throw new UserError(`disk: cannot open '${path}': ${reason(e)}`, { cause: e });
    }
    throw new UserError(`disk: '${path}' is a folder`);
  }

  size(): number {
    return fstatSync(this.file).size;
  }

  read(at: number, into: Uint8Array): number {
    let got = 0;
    while (got < into.length) {
      const count = readSync(this.file, into, got, into.length - got, at + got);
      if (count === 0) break;
      got += count;
    }
    return got;
  }

  write(at: number, from: Uint8Array): void {
    for (let put = 0; put < from.length; ) put += writeSync(this.file, from, put, from.length - put, at + put);
  }

  readList(at: number, into: readonly Uint8Array[]): number {
    const wanted = segmentBytes(into);
    let got = 0;
    while (got < wanted) {
      const count = readvSync(this.file, cut(into, got, wanted - got).slice(0, VECTORS), at + got);
      if (count === 0) break;
      got += count;
    }
    return got;
  }

  writeList(at: number, from: readonly Uint8Array[]): void {
    const wanted = segmentBytes(from);
    for (let put = 0; put < wanted; ) put += writevSync(this.file, cut(from, put, wanted - put).slice(0, VECTORS), at + put);
  }

  truncate(size: number): void {
    ftruncateSync(this.file, size);
  }

  flush(): void {
    fdatasyncSync(this.file);
  }

  close(): void {
    closeSync(this.file);
  }
}

export interface HostDiskOptions {
  /** Null: what the file looks like. */
  readonly format: ImageFormat | null;
  readonly readOnly: boolean;
  /** What the guest writes is forgotten at the end. */
  readonly snapshot: boolean;
  /** A file that takes what the guest writes; it is made if it is not there. */
  readonly overlay?: string | null;
  /** A replay: the image stays as it is, though the disk behaves as if it took writes. */
  readonly scratch?: boolean;
}

export interface HostDisk {
  readonly disk: BlockBackend;
  /** Flushes and closes. */
  close(): void;
}

/**
 * Opens a disk image with its backing files. A raw image takes writes itself, and so does an overlay file above any image; a qcow2
 * image alone is read-only unless `snapshot`. A file that is written to has one writer. Throws UserError.
 */
export async function openHostDisk(path: string, options: HostDiskOptions): Promise<HostDisk> {
  const files: HostFile[] = [];
  const locks: FileLock[] = [];
  const close = (): void => {
    for (const file of files.splice(0)) file.close();
    for (const lock of locks.splice(0)) lock.release();
  };
  const writable = (at: string, access: "write" | "create"): HostFile => {
    const store = HostFile.open(at, access);
    files.push(store);
    locks.push(lockForWriting(at));
    return store;
  };
  const reach = (at: string): ImageFile => {
    const store = HostFile.open(at, "read");
    files.push(store);
    return {
      name: basename(at),
      identity: realpathSync(at),
      bytes: new RawDisk(store, { readOnly: true }),
      // Relative to the image that names it, as QEMU does.
      backing: (name) => Promise.resolve(reach(resolve(dirname(at), name.replace(/^file:/, "")))),
    };
  };
  try {
    const file = reach(path);
    const format = options.format ?? (await probeFormat(file.bytes));
    const overlay = options.overlay ?? null;
    const scratch = options.scratch === true;
    if (overlay === null && format === "raw" && !options.readOnly && !options.snapshot) {
      if (scratch) {
        const store = HostFile.open(path, "read");
        files.push(store);
        return { disk: new RawDisk(new ScratchStore(store)), close };
      }
      close();
      const store = writable(path, "write");
      return { disk: new RawDisk(store), close: flushing(() => store.flush(), close) };
    }
    let image = await openImage(file, format);
    if (overlay !== null && !options.readOnly && !options.snapshot) {
      if (scratch) {
        const store = HostFile.open(overlay, "read");
        files.push(store);
        return { disk: Overlay.open(new ScratchStore(store), { base: image, baseId: file.identity }), close };
      }
      const disk = Overlay.open(writable(overlay, "create"), { base: image, baseId: file.identity });
      return { disk, close: flushing(() => disk.flush(fail), close) };
    }
    if (overlay !== null) {
      // What it holds is seen; nothing is written to it.
      const store = HostFile.open(overlay, "read");
      files.push(store);
      if (store.size() > 0) image = readOnlyView(Overlay.open(store, { base: image, baseId: file.identity }), basename(overlay));
    }
    if (!options.snapshot) return { disk: image, close };
    return { disk: Overlay.open(new MemoryStore(`snapshot of ${file.name}`), { base: image, baseId: file.identity }), close };
  } catch (e) {
    close();
    throw e;
  }
}

/** Flushes first; the files are closed whatever becomes of it. */
function flushing(flush: () => void, close: () => void): () => void {
  return () => {
    try {
      flush();
    } finally {
      close();
    }
  };
}

function fail(error: BlockError | null): void {
  if (error !== null) throw new UserError(error.message);
}

/** Bytes that are copied at a time. */
const COPY_BYTES = 1 << 20;

/** Copies a disk to a raw image that must not be there yet; zeroes become holes. Throws UserError. */
export async function writeRaw(disk: BlockBackend, path: string): Promise<void> {
  if (existsSync(path)) throw new UserError(`disk: '${path}' is there already`);
  const file = HostFile.open(path, "create");
  try {
    const bytes = disk.sectors * SECTOR_BYTES;
    const buffer = new Uint8Array(Math.min(COPY_BYTES, bytes));
    for (let at = 0; at < bytes; at += buffer.length) {
      const part = buffer.subarray(0, Math.min(buffer.length, bytes - at));
      fail(await new Promise<BlockError | null>((done) => disk.read(at / SECTOR_BYTES, [part], done)));
      if (part.some((b) => b !== 0)) file.write(at, part);
    }
    file.truncate(bytes);
    file.flush();
  } catch (e) {
    rmSync(path, { force: true });
    throw e instanceof UserError ? e : new UserError(`disk: cannot write '${path}': ${reason(e)}`, { cause: e });
  } finally {
    file.close();
  }
}
