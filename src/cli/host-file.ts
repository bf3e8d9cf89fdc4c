/** Disk images in files of the host. */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, realpathSync, writeSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { BlockBackend } from "../base/block.ts";
import { UserError } from "../base/errors.ts";
import { MemoryStore } from "../vmm/storage/memory-store.ts";
import { openImage, probeFormat, type ImageFile, type ImageFormat } from "../vmm/storage/open-image.ts";
import { Overlay } from "../vmm/storage/overlay.ts";
import { RawDisk } from "../vmm/storage/raw-disk.ts";
import type { ByteStore } from "../vmm/storage/byte-store.ts";
import { ScratchStore } from "../vmm/storage/scratch-store.ts";
import { reason } from "./reason.ts";

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
  /** A replay: the image stays as it is, though the disk behaves as if it took writes. */
  readonly scratch?: boolean;
}

export interface HostDisk {
  readonly disk: BlockBackend;
  /** Flushes and closes. */
  close(): void;
}

/**
 * Opens a disk image with its backing files. A raw image takes writes itself; a qcow2 image is read-only unless `snapshot`.
 * Throws UserError.
 */
export async function openHostDisk(path: string, options: HostDiskOptions): Promise<HostDisk> {
  const files: HostFile[] = [];
  const close = (): void => {
    for (const file of files.splice(0)) file.close();
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
    if (format === "raw" && !options.readOnly && !options.snapshot) {
      if (options.scratch === true) {
        const store = HostFile.open(path, "read");
        files.push(store);
        return { disk: new RawDisk(new ScratchStore(store)), close };
      }
      close();
      const store = HostFile.open(path, "write");
      files.push(store);
      const disk = new RawDisk(store);
      return {
        disk,
        close: () => {
          store.flush();
          close();
        },
      };
    }
    const image = await openImage(file, format);
    if (!options.snapshot) return { disk: image, close };
    return { disk: Overlay.open(new MemoryStore(`snapshot of ${file.name}`), { base: image, baseId: file.identity }), close };
  } catch (e) {
    close();
    throw e;
  }
}
