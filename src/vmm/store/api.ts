/** The store as everybody but its own worker sees it: the same calls in a page, in a machine's worker and in Node. */
import type { ObjectId, ObjectReader, ObjectWriter, RecordReferences } from "./objects.ts";

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

/** Sealed files with objects, as a reader in any worker opens them (`openReader`). Can be cloned to another worker. */
export interface ReaderSource {
  /** For `release`: what these files hold stays readable until then. */
  readonly lease: number;
  readonly packs: readonly PackSource[];
}

export interface PackSource {
  readonly name: string;
  /** Browser: a File or Blob. Node: a path. */
  readonly from: Blob | string;
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
  /** The reader is not used any more. */
  release(lease: number): Promise<void>;
  /** Frees what no record refers to. Runs by itself after removals too. */
  collect(): Promise<Collected>;
  usage(): Promise<StoreUsage>;
  /** Asks the browser to keep the data. */
  persist(): Promise<boolean>;
}

export type { ObjectId, ObjectReader, ObjectWriter, RecordReferences };
