/** The store in a browser: packs in OPFS, records in IndexedDB, one worker of all tabs at a time. Runs in a dedicated worker. */
import { keys, promisifyRequest, type UseStore } from "idb-keyval";
import { hasOpfs, openOpfs, removeOpfs } from "../storage/opfs-store.ts";
import type { ByteStore } from "../storage/byte-store.ts";
import { holdWebLock } from "../web-lock.ts";
import type { PackSource } from "./api.ts";
import type { ExportFile, HostSpace, PackFolder, RecordFiles, StoreHost } from "./host.ts";
import { MemoryHost } from "./memory-host.ts";
import { StoreError } from "./objects.ts";
import { BlobFile, type SealedFile } from "./sealed-file.ts";

const FOLDER = "tabvisor-store";
const PACKS = `${FOLDER}/packs`;
const EXPORTS = `${FOLDER}/exports`;
const DATABASE = "tabvisor-store";
const RECORDS = "records";
const LOCK = "tabvisor-store";
/** A page that is loaded again waits for its predecessor's worker to end. */
const LOCK_MS = 2000;
/** An export that nobody can still be saving. */
const EXPORT_MS = 30 * 60_000;

async function folder(path: string): Promise<FileSystemDirectoryHandle> {
  let at = await navigator.storage.getDirectory();
  for (const name of path.split("/")) at = await at.getDirectoryHandle(name, { create: true });
  return at;
}

async function names(path: string): Promise<string[]> {
  const list: string[] = [];
  for await (const name of (await folder(path)).keys()) list.push(name);
  return list;
}

class OpfsPacks implements PackFolder {
  list(): Promise<readonly string[]> {
    return names(PACKS);
  }

  create(name: string): Promise<ByteStore> {
    return openOpfs(`${PACKS}/${name}`);
  }

  async open(name: string): Promise<{ readonly file: SealedFile; readonly from: PackSource["from"] }> {
    let from: File;
    try {
      from = await (await (await folder(PACKS)).getFileHandle(name)).getFile();
    } catch (e) {
      throw new StoreError(`${name}: ${(e as Error).name === "NotFoundError" ? "the file is missing" : (e as Error).message}`, { cause: e });
    }
    return { file: new BlobFile(name, from), from };
  }

  remove(name: string): Promise<void> {
    return removeOpfs(`${PACKS}/${name}`);
  }
}

class IdbRecords implements RecordFiles {
  /** What a transaction has taken survives a power cut. */
  private readonly use: UseStore = async (mode, callback) => callback(this.database.transaction(RECORDS, mode, { durability: "strict" }).objectStore(RECORDS));

  private constructor(private readonly database: IDBDatabase) {}

  static async open(): Promise<IdbRecords> {
    const request = indexedDB.open(DATABASE);
    request.onupgradeneeded = () => void request.result.createObjectStore(RECORDS);
    return new IdbRecords(await promisifyRequest(request));
  }

  keys(): Promise<readonly string[]> {
    return keys<string>(this.use);
  }

  get(key: string): Promise<unknown> {
    return this.use("readonly", (store) => promisifyRequest(store.get(key) as IDBRequest<unknown>));
  }

  write(changes: ReadonlyMap<string, unknown>): Promise<void> {
    return this.use("readwrite", (store) => {
      for (const [key, value] of changes) {
        if (value === null) store.delete(key);
        else store.put(value, key);
      }
      return promisifyRequest(store.transaction) as Promise<void>;
    });
  }

  close(): void {
    this.database.close();
  }
}

class BrowserHost implements StoreHost {
  readonly state = { durable: true, reason: null };
  readonly packs = new OpfsPacks();

  constructor(
    readonly records: IdbRecords,
    private readonly unlock: () => void,
  ) {}

  async exportFile(): Promise<ExportFile> {
    await clearExports(EXPORT_MS);
    const name = `${crypto.randomUUID()}.tabvisor`;
    return {
      file: await openOpfs(`${EXPORTS}/${name}`),
      blob: async () => (await (await folder(EXPORTS)).getFileHandle(name)).getFile(),
      discard: () => removeOpfs(`${EXPORTS}/${name}`),
    };
  }

  async space(): Promise<HostSpace> {
    const [estimate, persisted] = await Promise.all([navigator.storage.estimate(), navigator.storage.persisted()]);
    return { usageBytes: estimate.usage ?? null, quotaBytes: estimate.quota ?? null, persisted };
  }

  /** Only pages may ask in some browsers: the client asks there too. */
  persist(): Promise<boolean> {
    return navigator.storage.persisted();
  }

  close(): Promise<void> {
    this.records.close();
    this.unlock();
    return Promise.resolve();
  }
}

/** Exports that are older than this. */
async function clearExports(ageMs: number): Promise<void> {
  const exports = await folder(EXPORTS);
  for (const name of await names(EXPORTS)) {
    const { lastModified } = await (await exports.getFileHandle(name)).getFile();
    if (Date.now() - lastModified >= ageMs) await removeOpfs(`${EXPORTS}/${name}`).catch(() => {});
  }
}

/** The best host that this browser has. One that keeps nothing says why. */
export async function openBrowserHost(): Promise<StoreHost> {
  if (!hasOpfs() || !("locks" in navigator)) {
    return new MemoryHost("this browser has no private file system for pages: what is saved here is lost when the page is closed");
  }
  let unlock: (() => void) | null = null;
  try {
    // Private windows of some browsers have the names, but not the files.
    await folder(PACKS);
    unlock = await holdWebLock(LOCK, LOCK_MS);
    if (unlock === null) return new MemoryHost("another tab has the saved machines open: what is saved in this tab is lost when it is closed");
    await clearExports(0);
    return new BrowserHost(await IdbRecords.open(), unlock);
  } catch (e) {
    unlock?.();
    return new MemoryHost(`the browser's storage cannot be used (${(e as Error).message}): what is saved here is lost when the page is closed`);
  }
}
