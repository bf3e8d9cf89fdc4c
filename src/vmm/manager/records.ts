/** Small records that outlive the page: machines, files, settings. */
import { createStore, delMany, entries, get, set, type UseStore } from "idb-keyval";

/** Durable when a call resolves; a record is whole or absent. Values are what can be cloned. */
export interface Records {
  /** They outlive the page. */
  readonly durable: boolean;
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
  /** Those whose keys begin with `prefix`. */
  list(prefix: string): Promise<readonly (readonly [key: string, value: unknown])[]>;
}

/** In IndexedDB. A browser that keeps nothing (private window) rejects: `memoryRecords` then. */
export function browserRecords(name = "tabvisor-manager"): Records {
  let store: UseStore | null = null;
  const open = (): UseStore => (store ??= createStore(name, "records"));
  return {
    durable: true,
    get: (key) => get<unknown>(key, open()),
    set: (key, value) => set(key, value, open()),
    remove: (keys) => delMany([...keys], open()),
    list: async (prefix) => (await entries<string, unknown>(open())).filter(([key]) => key.startsWith(prefix)),
  };
}

export function memoryRecords(): Records {
  const map = new Map<string, unknown>();
  return {
    durable: false,
    get: (key) => Promise.resolve(map.get(key)),
    set: (key, value) => {
      map.set(key, structuredClone(value));
      return Promise.resolve();
    },
    remove: (keys) => {
      for (const key of keys) map.delete(key);
      return Promise.resolve();
    },
    list: (prefix) => Promise.resolve([...map].filter(([key]) => key.startsWith(prefix))),
  };
}
