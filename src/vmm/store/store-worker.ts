/** The store's web worker: the one writer of the durable store. Machines' workers have ports of their own to it. */
import * as Comlink from "comlink";
import { UserError } from "../../base/errors.ts";
import type { Collected, Import, ReaderSource, StoreProgress, StoreRecord, StoreState, StoreTransaction, StoreUsage } from "./api.ts";
import { openBrowserHost } from "./browser-host.ts";
import { DurableStore } from "./durable.ts";
import { MemoryHost } from "./memory-host.ts";
import type { ObjectId, RecordReferences } from "./objects.ts";
import type { StoreWire } from "./wire.ts";

async function open(): Promise<DurableStore> {
  const host = await openBrowserHost();
  try {
    return await DurableStore.open(host);
  } catch (e) {
    await host.close();
    return DurableStore.open(new MemoryHost(`the saved machines cannot be read (${(e as Error).message}): what is saved now is lost when the page is closed`));
  }
}

const opened = open();
const clients = new Map<number, Client>();
let numbers = 0;

class Client implements StoreWire {
  private readonly transactions = new Map<number, StoreTransaction>();
  private readonly leases = new Set<number>();

  async state(): Promise<StoreState> {
    return (await opened).state();
  }

  private add(transaction: StoreTransaction): number {
    const number = ++numbers;
    this.transactions.set(number, transaction);
    return number;
  }

  private transaction(number: number): StoreTransaction {
    const transaction = this.transactions.get(number);
    if (transaction === undefined) throw new UserError("this transaction is over");
    return transaction;
  }

  async begin(): Promise<number> {
    return this.add(await (await opened).begin());
  }

  put(transaction: number, bytes: Uint8Array, lengths: Uint32Array): Promise<readonly ObjectId[]> {
    let at = 0;
    const objects = Array.from(lengths, (length) => bytes.subarray(at, (at += length)));
    return this.transaction(transaction).put(objects);
  }

  async commit(number: number, records: readonly StoreRecord[], removed: readonly string[]): Promise<void> {
    const transaction = this.transaction(number);
    this.transactions.delete(number);
    await transaction.commit(records, removed);
  }

  async abort(number: number): Promise<void> {
    const transaction = this.transactions.get(number);
    this.transactions.delete(number);
    await transaction?.abort();
  }

  async record(key: string): Promise<StoreRecord | null> {
    return (await opened).record(key);
  }

  async records(prefix: string): ReturnType<DurableStore["records"]> {
    return (await opened).records(prefix);
  }

  async write(records: readonly StoreRecord[], removed?: readonly string[]): Promise<void> {
    await (await opened).write(records, removed);
  }

  async read(id: ObjectId): Promise<Uint8Array> {
    return (await opened).read(id);
  }

  async reader(): Promise<ReaderSource> {
    const source = await (await opened).reader();
    this.leases.add(source.lease);
    return source;
  }

  async hold(references: RecordReferences): Promise<number> {
    const lease = await (await opened).hold(references);
    this.leases.add(lease);
    return lease;
  }

  async release(lease: number): Promise<void> {
    this.leases.delete(lease);
    await (await opened).release(lease);
  }

  async check(key: string): Promise<string | null> {
    return (await opened).check(key);
  }

  async collect(): Promise<Collected> {
    return (await opened).collect();
  }

  async export(records: readonly StoreRecord[], onProgress: ((progress: StoreProgress) => void) | null): Promise<Blob> {
    return (await opened).export(records, onProgress ?? undefined);
  }

  async import(file: Blob, onProgress: ((progress: StoreProgress) => void) | null): Promise<{ readonly transaction: number; readonly records: Import["records"] }> {
    const { transaction, records } = await (await opened).import(file, onProgress ?? undefined);
    return { transaction: this.add(transaction), records };
  }

  async usage(): Promise<StoreUsage> {
    return (await opened).usage();
  }

  async persist(): Promise<boolean> {
    return (await opened).persist();
  }

  connect(port: MessagePort): Promise<number> {
    const client = new Client();
    const number = ++numbers;
    clients.set(number, client);
    Comlink.expose(client, port);
    return Promise.resolve(number);
  }

  async disconnect(number: number): Promise<void> {
    const client = clients.get(number);
    clients.delete(number);
    await client?.end();
  }

  private async end(): Promise<void> {
    for (const number of [...this.transactions.keys()]) await this.abort(number);
    for (const lease of [...this.leases]) await this.release(lease);
  }
}

Comlink.expose(new Client());
