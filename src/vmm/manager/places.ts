/** Where the page keeps what belongs to machines, in the origin private file system; and the files that the user gave. */
import { UserError } from "../../base/errors.ts";
import { ProgressMeter, type LoadProgress } from "../images/progress.ts";
import { removeOpfs } from "../storage/opfs-store.ts";
import type { Records } from "./records.ts";
import type { StoredFile } from "./api.ts";

/** Ids of machines whose manager forgets them. */
export const FORGOTTEN = "temp-";
/** Held by the page that runs a machine. */
export const lockName = (machineId: string): string => `tabvisor-machine-${machineId}`;
/** Record that is set once there has been a store: before that nobody starts its worker to find that it is empty. */
export const STORE_USED = "store-used";

const MACHINES = "machines";
const FILES = "files";

const hex = (text: string): string => [...new TextEncoder().encode(text)].map((b) => b.toString(16).padStart(2, "0")).join("");

export const overlayPath = (machineId: string, driveId: string): string => `${MACHINES}/${machineId}/${driveId}.overlay`;
export const folderPath = (machineId: string, tag: string): string => `${MACHINES}/${machineId}/folder-${hex(tag)}`;

/** True where files can be kept at all. */
export const canKeep = (): boolean => typeof navigator !== "undefined" && "storage" in navigator && typeof FileSystemFileHandle !== "undefined";

async function folder(name: string, create: boolean): Promise<FileSystemDirectoryHandle | null> {
  if (!canKeep()) return null;
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create });
  } catch {
    return null;
  }
}

/** Everything that a machine has kept. */
export async function removeMachineFiles(machineId: string): Promise<void> {
  const machines = await folder(MACHINES, false);
  await machines?.removeEntry(machineId, { recursive: true }).catch(() => undefined);
}

/** Machines of lesson pages have ids of their own, and records elsewhere. */
const SWEPT = /^[0-9a-f]{8}$/;

/**
 * What machines left behind that are no more: a page that was closed while it removed one. `known` is asked after the folders are listed:
 * a machine's record is there before its folder is.
 */
export async function sweepMachineFiles(known: () => Promise<ReadonlySet<string>>): Promise<void> {
  const machines = await folder(MACHINES, false);
  if (machines === null) return;
  const names: string[] = [];
  for await (const name of machines.keys()) if (SWEPT.test(name)) names.push(name);
  const keep = await known();
  for (const name of names) if (!keep.has(name)) await removeMachineFiles(name);
}

/** Bytes of the layer above a drive's image; 0: there is none. */
export async function overlayBytes(machineId: string, driveId: string): Promise<number> {
  const file = await openKept(overlayPath(machineId, driveId));
  return file?.size ?? 0;
}

export const removeOverlay = (machineId: string, driveId: string): Promise<void> => removeOpfs(overlayPath(machineId, driveId));

async function openKept(path: string): Promise<File | null> {
  if (!canKeep()) return null;
  const names = path.split("/");
  const file = names.pop() ?? "";
  try {
    let at = await navigator.storage.getDirectory();
    for (const name of names) at = await at.getDirectoryHandle(name);
    return await (await at.getFileHandle(file)).getFile();
  } catch {
    return null;
  }
}

interface FileRecord {
  /** Of the file in OPFS. */
  readonly place: string;
  readonly bytes: number;
  readonly addedMs: number;
}

const KEY = "file/";

/** Files that the user has picked or dropped. */
export class KeptFiles {
  /** Where nothing can be kept: as long as the page lives. */
  private readonly session = new Map<string, File>();
  constructor(private readonly records: Records) {}

  /** A file of this name; UserError where there is none. Its name is the one that the user knows. */
  async open(name: string): Promise<File> {
    const here = this.session.get(name);
    if (here !== undefined) return here;
    const record = (await this.records.get(KEY + name)) as FileRecord | undefined;
    const file = record === undefined ? null : await openKept(`${FILES}/${record.place}`);
    if (record === undefined || file === null || file.size !== record.bytes) throw new UserError(`the file '${name}' is not here: add it again`);
    return new File([file], name, { lastModified: record.addedMs });
  }

  async add(file: File, onProgress: (progress: LoadProgress) => void): Promise<StoredFile> {
    const name = await this.freeName(file);
    const addedMs = Date.now();
    const at = await folder(FILES, true);
    if (at === null || !("createWritable" in FileSystemFileHandle.prototype)) {
      this.session.set(name, new File([file], name, { lastModified: addedMs }));
      return { name, bytes: file.size, addedMs, usedBy: [] };
    }
    const place = crypto.randomUUID();
    try {
      const out = await (await at.getFileHandle(place, { create: true })).createWritable();
      const reader = file.stream().getReader();
      const meter = new ProgressMeter(onProgress);
      meter.expect(name, file.size);
      for (;;) {
        const piece = await reader.read();
        if (piece.done) break;
        await out.write(piece.value);
        meter.add(name, piece.value.length);
      }
      await out.close();
    } catch (e) {
      await at.removeEntry(place).catch(() => undefined);
      const full = (e as Error).name === "QuotaExceededError";
      throw new UserError(full ? `${file.name}: the browser has no space left for it` : `${file.name} cannot be kept: ${(e as Error).message}`);
    }
    const record: FileRecord = { place, bytes: file.size, addedMs };
    await this.records.set(KEY + name, record);
    return { name, bytes: file.size, addedMs, usedBy: [] };
  }

  private async freeName({ name }: File): Promise<string> {
    const taken = new Set((await this.list()).map((f) => f.name));
    if (!taken.has(name)) return name;
    const dot = name.lastIndexOf(".");
    const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
    for (let n = 2; ; n++) if (!taken.has(`${stem} (${n})${end}`)) return `${stem} (${n})${end}`;
  }

  async list(): Promise<StoredFile[]> {
    const kept = (await this.records.list(KEY)).map(([key, value]): StoredFile => {
      const { bytes, addedMs } = value as FileRecord;
      return { name: key.slice(KEY.length), bytes, addedMs, usedBy: [] };
    });
    return [...kept, ...[...this.session].map(([name, { size, lastModified }]): StoredFile => ({ name, bytes: size, addedMs: lastModified, usedBy: [] }))];
  }

  async remove(name: string): Promise<void> {
    this.session.delete(name);
    const record = (await this.records.get(KEY + name)) as FileRecord | undefined;
    if (record === undefined) return;
    await this.records.remove([KEY + name]);
    await (await folder(FILES, false))?.removeEntry(record.place).catch(() => undefined);
  }
}
