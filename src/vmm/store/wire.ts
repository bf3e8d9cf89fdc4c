/** The store's calls as they cross to its worker: numbers for transactions, one array for many objects. */
import type { Import, Store, StoreProgress, StoreRecord } from "./api.ts";
import type { ObjectId } from "./objects.ts";

export interface StoreWire extends Omit<Store, "begin" | "import" | "export"> {
  begin(): Promise<number>;
  /** `lengths` of the objects, which lie in `bytes` one after the other. */
  put(transaction: number, bytes: Uint8Array, lengths: Uint32Array): Promise<readonly ObjectId[]>;
  commit(transaction: number, records: readonly StoreRecord[], removed: readonly string[]): Promise<void>;
  abort(transaction: number): Promise<void>;
  export(records: readonly StoreRecord[], onProgress: ((progress: StoreProgress) => void) | null): Promise<Blob>;
  import(file: Blob, onProgress: ((progress: StoreProgress) => void) | null): Promise<{ readonly transaction: number; readonly records: Import["records"] }>;
  /** One more client, as a machine's worker. Answers a number for `disconnect`. */
  connect(port: MessagePort): Promise<number>;
  /** A client is gone: its transactions are aborted, its leases released. Who has ended a worker has to say so. */
  disconnect(client: number): Promise<void>;
}
