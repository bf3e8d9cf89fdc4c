/** The store: packs and records of one host, with their one writer. Everything in it is whole or absent. docs/SNAPSHOTS.md. */
import type { Collected, Import, ReaderSource, Store, StoreProgress, StoreRecord, StoreState, StoreUsage } from "./api.ts";
import { exportTo, importObjects, readManifest } from "./archive.ts";
import { newPackName, PackCatalog } from "./catalog.ts";
import { loadPacker, type Packer } from "./codec.ts";
import { markAll, rewriteInto, survey, type Survey } from "./collect.ts";
import { fullError, isFull, type StoreHost } from "./host.ts";
import { StoreError, type ObjectId, type RecordReferences } from "./objects.ts";
import { Pack, type PackTools } from "./pack.ts";
import { PackWriter, type SealedPack } from "./pack-writer.ts";
import { Gate, Queue } from "./queue.ts";
import { loadTools } from "./reader.ts";
import { checkKey, COLLECT_KEY, decodePackRecord, decodeRecord, isUserKey, PACK_PREFIX, type PackRecord } from "./records.ts";
import { walk } from "./references.ts";
import { BlobFile, type SealedFile } from "./sealed-file.ts";
import { PackTransaction, type TransactionHost } from "./transaction.ts";
import type { ByteStore } from "../storage/byte-store.ts";

export class DurableStore implements Store {
  private readonly catalog: PackCatalog;
  /** Changes of records and packs come one after the other. */
  private readonly changes = new Queue();
  /** Transactions share it; the collector needs it alone, or it would take what is about to be referred to. */
  private readonly gate = new Gate();
  private readonly held = new Map<number, RecordReferences>();
  private holds = 0;
  /** Tables that were found complete: they need no second look. */
  private readonly complete = new Set<ObjectId>();
  private deadBytes = 0;
  private collecting: Promise<Collected> | null = null;

  private constructor(
    private readonly host: StoreHost,
    private readonly tools: PackTools,
    private readonly packer: Packer,
  ) {
    this.catalog = new PackCatalog(host.packs, tools);
  }

  /** Removes what a crash has left. Throws what the host throws if its records cannot be read: then nothing is touched. */
  static async open(host: StoreHost): Promise<DurableStore> {
    const [tools, packer] = await Promise.all([loadTools(), loadPacker()]);
    const store = new DurableStore(host, tools, packer);
    const keys = await host.records.keys();
    const packs = new Map<string, PackRecord>();
    await Promise.all(
      keys.filter((key) => key.startsWith(PACK_PREFIX)).map(async (key) => {
        const name = key.slice(PACK_PREFIX.length);
        try {
          packs.set(name, decodePackRecord(key, await host.records.get(key)));
        } catch (e) {
          store.catalog.damaged.set(name, (e as Error).message);
        }
      }),
    );
    await store.catalog.load(packs);
    await store.catalog.removeOrphans();
    if (keys.includes(COLLECT_KEY)) store.collectSoon();
    return store;
  }

  state(): Promise<StoreState> {
    return Promise.resolve(this.host.state);
  }

  /** Why packs of the store cannot be used, by name. */
  get damaged(): ReadonlyMap<string, string> {
    return this.catalog.damaged;
  }

  // --- Objects -------------------------------------------------------------------------------------------------------

  async begin(): Promise<PackTransaction> {
    await this.gate.enter();
    try {
      return await this.newPack({
        hash: this.tools.hash,
        has: (id) => this.catalog.reader.has(id),
        explain: (error) => this.explain(error),
        keep: (name, pack, records, removed) => this.changes.run(() => this.keep(name, pack, records, removed)),
        discard: (name) => this.host.packs.remove(name),
        ended: () => this.gate.leave(),
      });
    } catch (e) {
      this.gate.leave();
      throw await this.explain(e);
    }
  }

  private async newPack(host: TransactionHost): Promise<PackTransaction> {
    const name = newPackName();
    const file = await this.host.packs.create(name);
    return new PackTransaction(host, name, file, new PackWriter(file, { hash: this.tools.hash, pack: this.packer }));
  }

  private async explain(thrown: unknown): Promise<Error> {
    if (!isFull(thrown)) return thrown instanceof Error ? thrown : new Error(String(thrown));
    return fullError(await this.host.space().catch(() => ({ usageBytes: null, quotaBytes: null, persisted: null })), thrown);
  }

  /** One step for pack and records. The pack's file is whole and closed. */
  private async keep(name: string, sealed: SealedPack | null, records: readonly StoreRecord[], removed: readonly string[]): Promise<void> {
    if (sealed === null) {
      await this.host.packs.remove(name);
      await this.change(records, removed, new Map());
      return;
    }
    try {
      const record: PackRecord = { bytes: sealed.bytes, objects: sealed.objects };
      await this.catalog.add(name, record);
      await this.change(records, removed, new Map([[PACK_PREFIX + name, record]]));
    } catch (e) {
      await this.catalog.drop([name]);
      throw e;
    }
  }

  private async change(records: readonly StoreRecord[], removed: readonly string[], changes: Map<string, unknown>): Promise<void> {
    for (const { key, data, references } of records) {
      checkKey(key);
      // Through JSON: what comes back is what was meant to be kept.
      const record = JSON.parse(JSON.stringify({ key, data, references })) as unknown;
      changes.set(key, decodeRecord(key, record));
      try {
        walk(this.catalog.reader, references, () => {}, this.complete);
      } catch (e) {
        throw new StoreError(`'${key}' cannot be kept: ${(e as Error).message}`, { cause: e });
      }
    }
    removed.forEach(checkKey);
    for (const key of removed) changes.set(key, null);
    if (removed.length > 0) changes.set(COLLECT_KEY, {});
    try {
      await this.host.records.write(changes);
    } catch (e) {
      throw await this.explain(e);
    }
    if (removed.length > 0) this.collectSoon();
  }

  async read(id: ObjectId): Promise<Uint8Array> {
    return this.catalog.reader.read(id).slice();
  }

  reader(): Promise<ReaderSource> {
    return Promise.resolve(this.catalog.lease());
  }

  /** StoreError: not all of it is there. */
  async hold(references: RecordReferences): Promise<number> {
    walk(this.catalog.reader, references, () => {}, this.complete);
    // Leases are positive.
    const lease = -++this.holds;
    this.held.set(lease, references);
    return lease;
  }

  async release(lease: number): Promise<void> {
    if (!this.held.delete(lease)) await this.catalog.release(lease);
  }

  // --- Records -------------------------------------------------------------------------------------------------------

  async record(key: string): Promise<StoreRecord | null> {
    checkKey(key);
    const value = await this.host.records.get(key);
    return value === undefined ? null : decodeRecord(key, value);
  }

  async records(prefix: string): Promise<{ readonly records: readonly StoreRecord[]; readonly damaged: readonly { readonly key: string; readonly reason: string }[] }> {
    const keys = (await this.host.records.keys()).filter((key) => isUserKey(key) && key.startsWith(prefix)).sort();
    const records: StoreRecord[] = [];
    const damaged: { key: string; reason: string }[] = [];
    await Promise.all(
      keys.map(async (key) => {
        try {
          const record = await this.record(key);
          if (record !== null) records.push(record);
        } catch (e) {
          damaged.push({ key, reason: (e as Error).message });
        }
      }),
    );
    const byKey = (a: { readonly key: string }, b: { readonly key: string }): number => (a.key < b.key ? -1 : 1);
    return { records: records.sort(byKey), damaged: damaged.sort(byKey) };
  }

  write(records: readonly StoreRecord[], removed: readonly string[] = []): Promise<void> {
    return this.changes.run(() => this.change(records, removed, new Map()));
  }

  async check(key: string): Promise<string | null> {
    try {
      const record = await this.record(key);
      if (record === null) return `there is no record '${key}'`;
      walk(this.catalog.reader, record.references, (id) => void this.catalog.reader.read(id));
      return null;
    } catch (e) {
      return (e as Error).message;
    }
  }

  // --- Garbage -------------------------------------------------------------------------------------------------------

  private collectSoon(): void {
    // Its failure is no failure of what came before; `collect` says it to who asks.
    this.collect().catch(() => {});
  }

  /** Waits until no transaction is open. Rejects with the reason, and takes nothing away, if a record's objects are missing. */
  collect(): Promise<Collected> {
    return (this.collecting ??= this.collectAlone());
  }

  private async collectAlone(): Promise<Collected> {
    await this.gate.enterAlone();
    // What is removed from now on asks for another collection.
    this.collecting = null;
    try {
      return await this.changes.run(() => this.sweep());
    } finally {
      this.gate.leaveAlone();
    }
  }

  private async sweep(): Promise<Collected> {
    const { records, damaged } = await this.records("");
    if (damaged.length > 0) throw new StoreError(`nothing was cleaned up: ${damaged[0].reason}; remove it first`);
    const marks = await markAll(records, this.held.values(), this.catalog.reader);
    const found = await survey(this.catalog.list().filter(({ name }) => !this.catalog.damaged.has(name)), marks);
    this.complete.clear();
    const before = this.catalog.storedBytes;
    // All that records need was found elsewhere.
    const gone = [...found.dead.map(({ name }) => name), ...this.catalog.damaged.keys()];
    const changes = new Map<string, unknown>(gone.map((name) => [PACK_PREFIX + name, null]));
    changes.set(COLLECT_KEY, null);
    await this.host.records.write(changes);
    await this.catalog.drop(gone);
    const rewritten = await this.rewrite(found);
    this.deadBytes = Math.max(0, found.deadBytes - (before - this.catalog.storedBytes));
    return { freedBytes: before - this.catalog.storedBytes, removedPacks: gone.length, rewrittenPacks: rewritten };
  }

  /** Live objects of mostly dead packs into a new one. Without the space for it they stay as they are. */
  private async rewrite({ rewrite }: Survey): Promise<number> {
    if (rewrite.length === 0) return 0;
    const old = rewrite.map(({ kept }) => kept.name);
    const fresh = await this.newPack({
      hash: this.tools.hash,
      has: () => false,
      explain: (error) => this.explain(error),
      keep: async (name, sealed) => {
        if (sealed === null) return;
        const record: PackRecord = { bytes: sealed.bytes, objects: sealed.objects };
        await this.catalog.add(name, record);
        try {
          await this.host.records.write(new Map<string, unknown>([[PACK_PREFIX + name, record], ...old.map((gone) => [PACK_PREFIX + gone, null] as const)]));
        } catch (e) {
          await this.catalog.drop([name]);
          throw e;
        }
        await this.catalog.drop(old);
      },
      discard: (name) => this.host.packs.remove(name),
      ended: () => {},
    });
    try {
      await rewriteInto(rewrite, fresh);
      await fresh.commit([]);
      return old.length;
    } catch {
      await fresh.abort();
      return 0;
    }
  }

  // --- Files ---------------------------------------------------------------------------------------------------------

  /** Writes an export into an empty file. */
  async exportTo(file: ByteStore, records: readonly StoreRecord[], onProgress?: (progress: StoreProgress) => void): Promise<void> {
    // The packs stay while it runs.
    const { lease } = this.catalog.lease();
    try {
      await exportTo(file, records, this.catalog.reader, { hash: this.tools.hash, pack: this.packer }, onProgress);
    } catch (e) {
      throw await this.explain(e);
    } finally {
      await this.catalog.release(lease);
    }
  }

  async export(records: readonly StoreRecord[], onProgress?: (progress: StoreProgress) => void): Promise<Blob> {
    const target = await this.host.exportFile();
    try {
      await this.exportTo(target.file, records, onProgress);
      target.file.close();
    } catch (e) {
      await target.discard();
      throw e;
    }
    return target.blob();
  }

  async import(from: Blob | SealedFile, onProgress?: (progress: StoreProgress) => void): Promise<Import> {
    const file = from instanceof Blob ? new BlobFile(from instanceof File ? from.name : "the file", from) : from;
    const pack = new Pack(file, this.tools);
    const records = readManifest(pack, this.tools);
    const transaction = await this.begin();
    try {
      await importObjects(pack, transaction, onProgress);
    } catch (e) {
      await transaction.abort();
      throw await this.explain(e);
    }
    return { transaction, records };
  }

  // --- Space ---------------------------------------------------------------------------------------------------------

  async usage(): Promise<StoreUsage> {
    const [space, keys] = await Promise.all([this.host.space(), this.host.records.keys()]);
    return { storedBytes: this.catalog.storedBytes, deadBytes: this.deadBytes, objects: this.catalog.objects, records: keys.filter(isUserKey).length, ...space };
  }

  persist(): Promise<boolean> {
    return this.host.persist();
  }

  /** Waits for changes that have begun. */
  async close(): Promise<void> {
    await this.changes.run(() => Promise.resolve());
    this.catalog.close();
    await this.host.close();
  }
}
