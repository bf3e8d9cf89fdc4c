/** The store in a folder of the host: packs as files, records as files that are replaced atomically, one process at a time. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { crc32 } from "../vmm/boot/crc32.ts";
import type { ByteStore } from "../vmm/storage/byte-store.ts";
import type { PackSource } from "../vmm/store/api.ts";
import { DurableStore } from "../vmm/store/durable.ts";
import type { ExportFile, HostSpace, PackFolder, RecordFiles, StoreHost } from "../vmm/store/host.ts";
import { memoryExport } from "../vmm/store/memory-host.ts";
import { StoreError } from "../vmm/store/objects.ts";
import type { SealedFile } from "../vmm/store/sealed-file.ts";
import { HostFile } from "./host-file.ts";
import { reason } from "./reason.ts";

/** Names in a folder are on stable storage (POSIX; Windows has no such call and needs none). */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

class FolderPacks implements PackFolder {
  constructor(private readonly folder: string) {}

  list(): Promise<readonly string[]> {
    return Promise.resolve(readdirSync(this.folder));
  }

  create(name: string): Promise<ByteStore> {
    return Promise.resolve(HostFile.open(join(this.folder, name), "create"));
  }

  open(name: string): Promise<{ readonly file: SealedFile; readonly from: PackSource["from"] }> {
    // Its name too has to be there before a record counts on it.
    syncFolder(this.folder);
    let file: HostFile;
    try {
      file = HostFile.open(join(this.folder, name), "read");
    } catch (e) {
      return Promise.reject(new StoreError((e as Error).message, { cause: e }));
    }
    return Promise.resolve({ file, from: file });
  }

  remove(name: string): Promise<void> {
    rmSync(join(this.folder, name), { force: true });
    return Promise.resolve();
  }
}

const RECORD = "tabvisor-record 1";
const SUFFIX = ".json";
const STAGED = ".new";

/** A change of several records, whose new versions are staged: file names of this folder. */
interface Steps {
  readonly put: string[];
  readonly remove: string[];
}

/** First line: kind, version and CRC-32 of the rest. */
function encodeText(text: string): string {
  return `${RECORD} ${crc32(new TextEncoder().encode(text)).toString(16).padStart(8, "0")}\n${text}\n`;
}

function decodeText(path: string): unknown {
  const all = readFileSync(path, "utf8");
  const at = all.indexOf("\n");
  const text = all.slice(at + 1, -1);
  if (!all.startsWith("tabvisor-record ")) throw new StoreError(`${path}: this is no record of Tabvisor's`);
  if (!all.startsWith(`${RECORD} `)) throw new StoreError(`${path}: made by another version of Tabvisor`);
  if (encodeText(text) !== all) throw new StoreError(`${path}: the record is damaged (wrong checksum)`);
  return JSON.parse(text) as unknown;
}

const nameOf = (key: string): string => `${encodeURIComponent(key)}${SUFFIX}`;

class FolderRecords implements RecordFiles {
  private readonly journal: string;

  constructor(private readonly folder: string) {
    this.journal = join(folder, "journal");
    this.replay();
  }

  keys(): Promise<readonly string[]> {
    return Promise.resolve(readdirSync(this.folder).filter((name) => name.endsWith(SUFFIX)).map((name) => decodeURIComponent(name.slice(0, -SUFFIX.length))));
  }

  private at(name: string): string {
    return join(this.folder, name);
  }

  async get(key: string): Promise<unknown> {
    try {
      return decodeText(this.at(nameOf(key)));
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw e instanceof StoreError ? e : new StoreError(`the record '${key}' cannot be read: ${reason(e)}`, { cause: e });
    }
  }

  /** A new version beside the present one, on stable storage. */
  private stage(path: string, value: unknown): void {
    const file = openSync(path + STAGED, "w");
    try {
      writeFileSync(file, encodeText(JSON.stringify(value)));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  async write(changes: ReadonlyMap<string, unknown>): Promise<void> {
    const steps: Steps = { put: [], remove: [] };
    try {
      for (const [key, value] of changes) {
        const name = nameOf(key);
        if (value === null) steps.remove.push(name);
        else {
          steps.put.push(name);
          this.stage(this.at(name), value);
        }
      }
      if (changes.size > 1) {
        // From when it has its name on it happens, if not now then when the store is opened again. Nothing below needs space.
        this.stage(this.journal, steps);
        renameSync(this.journal + STAGED, this.journal);
        syncFolder(this.folder);
      }
    } catch (e) {
      for (const path of [...steps.put.map((name) => this.at(name)), this.journal]) rmSync(path + STAGED, { force: true });
      throw e;
    }
    this.finish(steps);
  }

  private finish(steps: Steps): void {
    for (const path of steps.put.map((name) => this.at(name))) {
      // A step that was cut off may have come this far.
      if (existsSync(path + STAGED)) renameSync(path + STAGED, path);
    }
    for (const name of steps.remove) rmSync(this.at(name), { force: true });
    syncFolder(this.folder);
    rmSync(this.journal, { force: true });
  }

  /** Ends what was cut off, one way or the other. */
  private replay(): void {
    if (existsSync(this.journal)) this.finish(decodeText(this.journal) as Steps);
    for (const name of readdirSync(this.folder)) if (name.endsWith(STAGED)) rmSync(join(this.folder, name));
  }
}

/** True while a process of this number runs. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Locks of this process. */
const open = new Set<string>();

/** Process in a lock; null: gone, or nothing in it yet. */
function holder(path: string): number | null {
  try {
    return Number(readFileSync(path, "utf8")) || null;
  } catch {
    return null;
  }
}

const TRIES = 40;
const TAKEOVER_MS = 20;
const SLEEP = new Int32Array(new SharedArrayBuffer(4));

/** Takes the folder for this process. UserError: another one has it. */
function lock(path: string): () => void {
  let stale = false;
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      // Another one may have found the same stale lock, and have removed ours for it.
      if (stale) Atomics.wait(SLEEP, 0, 0, TAKEOVER_MS);
      if (stale && holder(path) !== process.pid) continue;
      open.add(path);
      return () => {
        open.delete(path);
        rmSync(path, { force: true });
      };
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== "EEXIST") throw e;
    }
    const pid = holder(path);
    if (pid === process.pid ? open.has(path) : pid !== null && runs(pid)) throw new UserError(`the store is in use by ${pid === process.pid ? "this process already" : `another tabvisor (process ${pid})`}`);
    // A lock without a process in it is being taken, unless it stays so.
    stale = pid !== null || tries >= TRIES;
    if (stale) rmSync(path, { force: true });
    else Atomics.wait(SLEEP, 0, 0, 5);
  }
}

class FolderHost implements StoreHost {
  readonly state = { durable: true, reason: null };
  readonly packs: PackFolder;
  readonly records: RecordFiles;

  constructor(
    private readonly folder: string,
    private readonly unlock: () => void,
  ) {
    const [packs, records] = ["packs", "records"].map((name) => join(folder, name));
    for (const name of [packs, records]) mkdirSync(name, { recursive: true });
    this.packs = new FolderPacks(packs);
    this.records = new FolderRecords(records);
  }

  exportFile(): Promise<ExportFile> {
    return Promise.resolve(memoryExport());
  }

  space(): Promise<HostSpace> {
    const { bsize, blocks, bavail } = statfsSync(this.folder);
    return Promise.resolve({ usageBytes: (blocks - bavail) * bsize, quotaBytes: blocks * bsize, persisted: true });
  }

  persist(): Promise<boolean> {
    return Promise.resolve(true);
  }

  close(): Promise<void> {
    this.unlock();
    return Promise.resolve();
  }
}

/** Opens the store in a folder, which is made if it is not there. UserError: it cannot be used, or another process does. */
export async function openFolderStore(folder: string): Promise<DurableStore> {
  const path = join(folder, "lock");
  let unlock: () => void;
  try {
    mkdirSync(folder, { recursive: true });
    unlock = lock(path);
  } catch (e) {
    throw e instanceof UserError ? e : new UserError(`the store in '${folder}' cannot be used: ${reason(e)}`, { cause: e });
  }
  try {
    return await DurableStore.open(new FolderHost(folder, unlock));
  } catch (e) {
    unlock();
    throw e instanceof UserError ? e : new UserError(`the store in '${folder}' cannot be used: ${reason(e)}`, { cause: e });
  }
}

/** Writes an export to a file: whole under its name, or not there. */
export async function exportToFile(store: DurableStore, path: string, records: Parameters<DurableStore["exportTo"]>[1], onProgress?: Parameters<DurableStore["exportTo"]>[2]): Promise<void> {
  const next = `${path}.part`;
  rmSync(next, { force: true });
  const file = HostFile.open(next, "create");
  try {
    await store.exportTo(file, records, onProgress);
    file.close();
    renameSync(next, path);
  } catch (e) {
    rmSync(next, { force: true });
    throw e;
  }
}

/** Reads an export from a file; as `DurableStore.import`. */
export async function importFromFile(store: DurableStore, path: string, onProgress?: Parameters<DurableStore["import"]>[1]): ReturnType<DurableStore["import"]> {
  const file = HostFile.open(path, "read");
  try {
    return await store.import(file, onProgress);
  } finally {
    file.close();
  }
}
