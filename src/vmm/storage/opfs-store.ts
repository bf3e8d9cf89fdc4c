/** Files of the origin private file system, by synchronous access handles: in a dedicated worker only. */
import { UserError } from "../../base/errors.ts";
import { StoreFullError, type ByteStore } from "./byte-store.ts";

/** What is used of FileSystemSyncAccessHandle (File System Standard §2.6). */
export interface SyncHandle {
  getSize(): number;
  read(buffer: Uint8Array, options: { readonly at: number }): number;
  write(buffer: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

export class HandleStore implements ByteStore {
  constructor(
    readonly name: string,
    private readonly handle: SyncHandle,
  ) {}

  size(): number {
    return this.handle.getSize();
  }

  read(at: number, into: Uint8Array): number {
    let got = 0;
    while (got < into.length) {
      const count = this.handle.read(got === 0 ? into : into.subarray(got), { at: at + got });
      if (count === 0) break;
      got += count;
    }
    return got;
  }

  write(at: number, from: Uint8Array): void {
    let put = 0;
    while (put < from.length) {
      const count = this.handle.write(put === 0 ? from : from.subarray(put), { at: at + put });
      // A full disk shows as a short write in some browsers, as an exception in others.
      if (count === 0) throw new StoreFullError("the browser takes no more bytes");
      put += count;
    }
  }

  truncate(size: number): void {
    this.handle.truncate(size);
  }

  flush(): void {
    this.handle.flush();
  }

  close(): void {
    this.handle.close();
  }
}

/** True where this thread can have synchronous handles. */
export function hasOpfs(): boolean {
  return typeof navigator !== "undefined" && "storage" in navigator && typeof FileSystemFileHandle !== "undefined" && "createSyncAccessHandle" in FileSystemFileHandle.prototype;
}

async function folderOf(path: string, create: boolean): Promise<{ readonly folder: FileSystemDirectoryHandle; readonly file: string }> {
  const names = path.split("/");
  const file = names.pop() ?? "";
  let folder = await navigator.storage.getDirectory();
  for (const name of names) folder = await folder.getDirectoryHandle(name, { create });
  return { folder, file };
}

/** A worker that has just been ended gives its files free a moment later. */
const TRIES = 5;
const TRY_MS = 150;

async function openHandle(file: FileSystemFileHandle): Promise<FileSystemSyncAccessHandle> {
  for (let left = TRIES; ; left--) {
    try {
      return await file.createSyncAccessHandle();
    } catch (e) {
      if (left === 1 || (e as Error).name !== "NoModificationAllowedError") throw e;
      await new Promise((resolve) => setTimeout(resolve, TRY_MS));
    }
  }
}

/** Opens (or makes) a file; `path` has slashes between folders. UserError: in use elsewhere, or no OPFS. */
export async function openOpfs(path: string): Promise<HandleStore> {
  if (!hasOpfs()) throw new UserError(`'${path}' cannot be kept: this browser has no private file system with synchronous access`);
  try {
    const { folder, file } = await folderOf(path, true);
    const handle = await openHandle(await folder.getFileHandle(file, { create: true }));
    return new HandleStore(path, handle as SyncHandle);
  } catch (e) {
    const { name, message } = e as Error;
    if (name === "NoModificationAllowedError") throw new UserError(`'${path}' is in use: another tab or machine has this disk open`);
    throw new UserError(`'${path}' cannot be opened in the browser's storage: ${message}`, { cause: e });
  }
}

/** Removes a file; one that is not there is no error. */
export async function removeOpfs(path: string): Promise<void> {
  try {
    const { folder, file } = await folderOf(path, false);
    await folder.removeEntry(file);
  } catch (e) {
    const { name } = e as Error;
    if (name === "NotFoundError") return;
    if (name === "NoModificationAllowedError") throw new UserError(`'${path}' is in use and cannot be removed`);
    throw e;
  }
}
