/** The store as everybody but its own worker sees it: the same calls in a page, in a machine's worker and in Node. */
import type { ObjectId, ObjectReader, ObjectWriter, RecordReferences } from "./objects.ts";
import type { SealedFile } from "./sealed-file.ts";

/** A small thing that is kept under a name: a machine, a snapshot, settings. */
export interface StoreRecord {
  /** Kind and id, as "snapshot/<id>": up to 200 letters, digits and `-_./`. */
  readonly key: string;
  /** What JSON can hold. The store does not look into it. */
  readonly data: unknown;
  /** Objects that have to be there as long as the record is. */
  readonly references: RecordReferences;
}

/** Objects on their way in. Nothing of them is seen by others before `commit` has resolved; a crash or `abort` leaves nothing. */
export interface StoreTransaction extends ObjectWriter {
  /**
   * Makes the objects durable, then all records at once; `removed` names records that go in the same step. Rejects, with nothing changed,
   * if an object that a record refers to is not there. The transaction is at its end either way.
   */
  commit(records: readonly StoreRecord[], removed?: readonly string[]): Promise<void>;
  abort(): Promise<void>;
}

/** Sealed files with objects, as `openReader` opens them. */
export interface ReaderSource {
  /** For `release`: what these files hold stays readable until then. */
  readonly lease: number;
  readonly packs: readonly PackSource[];
}

export interface PackSource {
  readonly name: string;
  /** Browser: a File or Blob, which can be sent to another worker. Node: an open file of this thread. */
  readonly from: Blob | SealedFile;
}

export interface StoreState {
  /** False: everything is lost at the end of the session. `reason` says why. */
  readonly durable: boolean;
  readonly reason: string | null;
}

export interface StoreUsage {
  /** Bytes that the store's files take. */
  readonly storedBytes: number;
  /** Of those, what no record needs: `collect` gives most of it back. As of the last collection. */
  readonly deadBytes: number;
  readonly objects: number;
  readonly records: number;
  /** Of the whole origin (browser) or file system (Node); null: not known. */
  readonly usageBytes: number | null;
  readonly quotaBytes: number | null;
  /** The browser will not clear it by itself. Null: not known. */
  readonly persisted: boolean | null;
}

export interface Collected {
  readonly freedBytes: number;
  readonly removedPacks: number;
  readonly rewrittenPacks: number;
}

/** What an import has brought: nothing of it is in the store yet. */
export interface Import {
  /** To be committed with the records, changed as the importer likes, or aborted. */
  readonly transaction: StoreTransaction;
  readonly records: readonly StoreRecord[];
}

export interface StoreProgress {
  /** Unpacked bytes of objects. */
  readonly done: number;
  readonly total: number;
}

export interface Store {
  state(): Promise<StoreState>;
  begin(): Promise<StoreTransaction>;
  /** Null: there is none. */
  record(key: string): Promise<StoreRecord | null>;
  /** Records whose keys begin with `prefix`, sorted by key. Those that cannot be read are in `damaged`, with the reason. */
  records(prefix: string): Promise<{ readonly records: readonly StoreRecord[]; readonly damaged: readonly { readonly key: string; readonly reason: string }[] }>;
  /** Records without new objects; null removes. All or none. */
  write(records: readonly StoreRecord[], removed?: readonly string[]): Promise<void>;
  /** One object, for those who need not be fast or synchronous (thumbnails). */
  read(id: ObjectId): Promise<Uint8Array>;
  /** For `openReader`, in the worker that reads. */
  reader(): Promise<ReaderSource>;
  /**
   * Keeps objects although no record may need them any more, for as long as the session lasts: what a running machine was restored from and
   * will refer to in its next snapshot. Answers a lease.
   */
  hold(references: RecordReferences): Promise<number>;
  /** A reader is not used any more, or what was held may go. */
  release(lease: number): Promise<void>;
  /** Null: everything that the record refers to is there and undamaged. Otherwise the reason why it is not. Reads all of it. */
  check(key: string): Promise<string | null>;
  /** Frees what no record refers to. Runs by itself after removals too. */
  collect(): Promise<Collected>;
  /** One file with these records and all that they refer to (docs/SNAPSHOTS.md). A Blob of the browser, which is to be used soon. */
  export(records: readonly StoreRecord[], onProgress?: (progress: StoreProgress) => void): Promise<Blob>;
  /** Rejects with the reason if it is not whole, not ours, damaged, or of a newer version. */
  import(file: Blob | SealedFile, onProgress?: (progress: StoreProgress) => void): Promise<Import>;
  usage(): Promise<StoreUsage>;
  /** Asks the browser to keep the data. */
  persist(): Promise<boolean>;
}

export type { ObjectId, ObjectReader, ObjectWriter, RecordReferences };
