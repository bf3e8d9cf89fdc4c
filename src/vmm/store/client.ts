/** The store as seen from a page or from a machine's worker. */
import * as Comlink from "comlink";
import type { Import, Store, StoreProgress, StoreRecord, StoreTransaction } from "./api.ts";
import type { ObjectId } from "./objects.ts";
import type { StoreWire } from "./wire.ts";

/** Calls reject with an Error whose message is the one clear line. */
export interface StoreConnection extends Store {
  /** A port for another worker (`connectStore`), and the number that `disconnect` wants when that worker has been ended. */
  openPort(): Promise<{ readonly port: MessagePort; readonly client: number }>;
  disconnect(client: number): Promise<void>;
  /** Ends the store's worker. What was committed stays; what was not is gone. */
  terminate(): void;
}

class WireTransaction implements StoreTransaction {
  constructor(
    private readonly wire: StoreWire,
    private readonly number: number,
  ) {}

  put(objects: readonly Uint8Array[]): Promise<readonly ObjectId[]> {
    const lengths = Uint32Array.from(objects, ({ length }) => length);
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const object of objects) {
      bytes.set(object, at);
      at += object.length;
    }
    return this.wire.put(this.number, Comlink.transfer(bytes, [bytes.buffer]), lengths);
  }

  commit(records: readonly StoreRecord[], removed: readonly string[] = []): Promise<void> {
    return this.wire.commit(this.number, records, removed);
  }

  abort(): Promise<void> {
    return this.wire.abort(this.number);
  }
}

/** Asking is there in pages, not in workers. */
interface PersistingStorage {
  persist?(): Promise<boolean>;
}

type Progress = (progress: StoreProgress) => void;
const proxy = (progress: Progress | undefined): Progress | null => (progress === undefined ? null : Comlink.proxy(progress));

function storeOver(wire: StoreWire): Store {
  return {
    state: () => wire.state(),
    begin: async () => new WireTransaction(wire, await wire.begin()),
    record: (key) => wire.record(key),
    records: (prefix) => wire.records(prefix),
    write: (records, removed) => wire.write(records, removed),
    read: (id) => wire.read(id),
    reader: () => wire.reader(),
    hold: (references) => wire.hold(references),
    release: (lease) => wire.release(lease),
    check: (key) => wire.check(key),
    collect: () => wire.collect(),
    export: (records, onProgress) => wire.export(records, proxy(onProgress)),
    import: async (file, onProgress): Promise<Import> => {
      if (!(file instanceof Blob)) throw new TypeError("a browser imports Blobs");
      const { transaction, records } = await wire.import(file, proxy(onProgress));
      return { transaction: new WireTransaction(wire, transaction), records };
    },
    usage: () => wire.usage(),
    // Some browsers let pages alone ask.
    persist: () => (navigator.storage as PersistingStorage).persist?.() ?? wire.persist(),
  };
}

/** Calls that do not wait for a worker that is dead. */
function guarded(wire: StoreWire, death: Promise<never>): StoreWire {
  return new Proxy(wire, {
    get: (target, name) => {
      const call = target[name as keyof StoreWire] as (...values: unknown[]) => Promise<unknown>;
      return (...values: unknown[]) => Promise.race([call(...values), death]);
    },
  });
}

/** The store over a port of `openPort`. */
export function connectStore(port: MessagePort): Store {
  return storeOver(Comlink.wrap<StoreWire>(port) as unknown as StoreWire);
}

/** Starts the store's worker. A page needs one. `onCrash` is called if it dies on its own. */
export function startStore(onCrash: (message: string) => void): StoreConnection {
  const worker = new Worker(new URL("./store-worker.ts", import.meta.url), { type: "module", name: "tabvisor-store" });
  let fail: (error: Error) => void = () => {};
  const death = new Promise<never>((_resolve, reject) => (fail = reject));
  death.catch(() => {}); // nobody may be waiting
  const wire = guarded(Comlink.wrap<StoreWire>(worker) as unknown as StoreWire, death);
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    const message = event.message === "" || event.message === undefined ? "the store's worker could not be loaded" : event.message;
    worker.terminate();
    fail(new Error(message));
    onCrash(message);
  });
  return {
    ...storeOver(wire),
    openPort: async () => {
      const { port1, port2 } = new MessageChannel();
      return { port: port1, client: await wire.connect(Comlink.transfer(port2, [port2])) };
    },
    disconnect: (client) => wire.disconnect(client),
    terminate: () => {
      worker.terminate();
      fail(new Error("the store was closed"));
    },
  };
}
