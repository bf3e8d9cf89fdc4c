/** A page of the store's browser tests: its worker, a worker that reads as a machine does, and what the test calls. */
import { startStore, type StoreConnection } from "../../src/vmm/store/client.ts";
import { load, PREFIX } from "../store/load.ts";
import type { StoreSpeed } from "../store/speed.ts";
import type { ReaderReply, ReaderTask } from "./store-reader.ts";

/** Runs a task in a fresh worker over a port of its own, as a machine's worker has it. */
async function inReader(store: StoreConnection, task: ReaderTask["kind"]): Promise<ReaderReply> {
  const { port, client } = await store.openPort();
  const worker = new Worker(new URL("./store-reader.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<ReaderReply>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<ReaderReply>) => resolve(data);
      worker.onerror = (e) => reject(new Error(e.message));
      worker.postMessage({ kind: task, port } satisfies ReaderTask, [port]);
    });
  } finally {
    worker.terminate();
    await store.disconnect(client);
  }
}

let store: StoreConnection | null = null;
const opened = (): StoreConnection => (store ??= startStore((message) => console.error(message)));

const calls = {
  state: () => opened().state(),
  usage: () => opened().usage(),
  persist: () => opened().persist(),
  collect: () => opened().collect(),

  /** Loads the store; ends its worker so many milliseconds after so many commits, or never. */
  load(seed: number, say: (line: string) => void, commits: number, killMs: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = commits;
      let killing = false;
      load(opened(), seed, (line) => {
        say(line);
        if (line.startsWith("+")) left--;
        if (killing || left > 0 || killMs === null) return;
        killing = true;
        setTimeout(() => {
          store?.terminate();
          store = null;
          resolve();
        }, killMs);
      }).catch((e: Error) => {
        if (e.message !== "the store was closed") reject(e);
      });
    });
  },

  /** The keys of all snapshots, each read whole by a worker. */
  async verify(): Promise<readonly string[]> {
    const reply = await inReader(opened(), "verify");
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply.keys ?? [];
  },

  /** Speed of pages; milliseconds from the start of the store's worker, and from there to the first of many objects. */
  async speed(): Promise<StoreSpeed & { readonly openMs: number; readonly firstMs: number }> {
    const { speed, error } = await inReader(opened(), "throughput");
    if (speed === undefined) throw new Error(error);
    await inReader(opened(), "fill");
    store?.terminate();
    store = null;
    const began = performance.now();
    await opened().state();
    const openMs = performance.now() - began;
    const { firstMs } = await inReader(opened(), "first");
    await this.clear();
    return { ...speed, openMs, firstMs: firstMs ?? NaN };
  },

  /** Takes all snapshots away. */
  async clear(): Promise<void> {
    const { records } = await opened().records("");
    await opened().write([], records.map(({ key }) => key));
    await opened().collect();
  },

  /** Stores until there is no space. Answers the error and how many bytes went in before. */
  async fill(): Promise<{ readonly error: string; readonly bytes: number }> {
    const transaction = await opened().begin();
    let bytes = 0;
    try {
      for (let n = 0; n < 40_000; n += 64) {
        await transaction.put(Array.from({ length: 64 }, () => crypto.getRandomValues(new Uint8Array(4096))));
        bytes += 64 * 4096;
      }
      await transaction.commit([{ key: `${PREFIX}full`, data: { pages: [] }, references: { objects: [], tables: [] } }]);
      return { error: "", bytes };
    } catch (e) {
      await transaction.abort();
      return { error: (e as Error).message, bytes };
    }
  },

  /** All records as one file, in base64. */
  async export(): Promise<string> {
    const { records } = await opened().records("");
    const blob = await opened().export(records);
    let text = "";
    for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
    return btoa(text);
  },

  async import(base64: string): Promise<string> {
    try {
      const { transaction, records } = await opened().import(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "box.tabvisor"));
      await transaction.commit(records);
      return `${records.length} records`;
    } catch (e) {
      return (e as Error).message;
    }
  },

  /** A transaction of a worker that ends without a word must not hold the collector back. */
  async abandon(): Promise<string> {
    const reply = await inReader(opened(), "abandon");
    await opened().collect();
    return reply.error ?? "collected";
  },
};

declare global {
  interface Window {
    storeTest: typeof calls;
  }
}
window.storeTest = calls;
