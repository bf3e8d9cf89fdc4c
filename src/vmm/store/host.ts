/** What the store stands on: a folder of packs, and small records that change all at once. */
import { UserError } from "../../base/errors.ts";
import { storeError, type ByteStore } from "../storage/byte-store.ts";
import type { PackSource, StoreState } from "./api.ts";
import type { SealedFile } from "./sealed-file.ts";

export interface PackFolder {
  /** Names of all files in it, others' too. */
  list(): Promise<readonly string[]>;
  /** A new file. It is closed by who has written it. */
  create(name: string): Promise<ByteStore>;
  /** A file that was closed. */
  open(name: string): Promise<{ readonly file: SealedFile; readonly from: PackSource["from"] }>;
  /** One that is not there is no error. */
  remove(name: string): Promise<void>;
}

export interface RecordFiles {
  keys(): Promise<readonly string[]>;
  /** Undefined: not there. Throws StoreError if it is damaged. */
  get(key: string): Promise<unknown>;
  /** All changes or none, durable when it resolves. Null removes. Values are what JSON can hold. */
  write(changes: ReadonlyMap<string, unknown>): Promise<void>;
}

export interface HostSpace {
  readonly usageBytes: number | null;
  readonly quotaBytes: number | null;
  readonly persisted: boolean | null;
}

/** Where an export goes before the user has it. */
export interface ExportFile {
  readonly file: ByteStore;
  /** After the file was closed. */
  blob(): Promise<Blob>;
  discard(): Promise<void>;
}

export interface StoreHost {
  readonly state: StoreState;
  readonly packs: PackFolder;
  readonly records: RecordFiles;
  exportFile(): Promise<ExportFile>;
  space(): Promise<HostSpace>;
  persist(): Promise<boolean>;
  close(): Promise<void>;
}

export function isFull(thrown: unknown): boolean {
  return storeError("", thrown).kind === "no-space";
}

const mb = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** From this part on the figures explain something. */
const NEARLY = 0.8;

/** The one line for storage that is full. */
export function fullError(space: HostSpace, cause: unknown): UserError {
  const { usageBytes, quotaBytes } = space;
  // Browsers round their quota up, so that it tells nothing of the disk.
  const figures = usageBytes === null || quotaBytes === null || usageBytes < quotaBytes * NEARLY ? "" : ` (${mb(usageBytes)} of ${mb(quotaBytes)} are used)`;
  return new UserError(`there is no space left for saving${figures}: nothing of this was saved, and nothing else is lost; remove snapshots or machines, or free space on the disk`, { cause });
}
