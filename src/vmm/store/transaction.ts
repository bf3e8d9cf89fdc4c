/** Objects on their way into a pack of their own, that belongs to the store once it is committed. */
import type { ByteStore } from "../storage/byte-store.ts";
import type { StoreRecord, StoreTransaction } from "./api.ts";
import { checkLength, isZero, StoreError, ZERO_ID, type ObjectId } from "./objects.ts";
import type { PackWriter, SealedPack } from "./pack-writer.ts";
import type { FrameSink } from "./references.ts";

/** What a transaction needs of its store. */
export interface TransactionHost {
  hash(bytes: Uint8Array): ObjectId;
  /** In the store already. */
  has(id: ObjectId): boolean;
  /** An error of the file as the user reads it. */
  explain(error: unknown): Promise<Error>;
  /** Keeps pack and records; `pack` is null if there is nothing new in it. */
  keep(name: string, pack: SealedPack | null, records: readonly StoreRecord[], removed: readonly string[]): Promise<void>;
  /** Takes the file away. */
  discard(name: string): Promise<void>;
  /** It is over, one way or the other. */
  ended(transaction: PackTransaction): void;
}

export class PackTransaction implements StoreTransaction, FrameSink {
  private over = false;
  private failure: Error | null = null;

  constructor(
    private readonly host: TransactionHost,
    readonly name: string,
    private readonly file: ByteStore,
    private readonly writer: PackWriter,
  ) {}

  /** As `put`, at once; throws what the file throws. */
  putNow(objects: readonly Uint8Array[]): ObjectId[] {
    this.check();
    return objects.map((object) => {
      checkLength(object);
      if (isZero(object)) return ZERO_ID;
      const id = this.host.hash(object);
      if (!this.has(id)) this.add(id, object);
      return id;
    });
  }

  async put(objects: readonly Uint8Array[]): Promise<readonly ObjectId[]> {
    try {
      return this.putNow(objects);
    } catch (e) {
      throw await this.host.explain(e);
    }
  }

  has(id: ObjectId): boolean {
    return this.writer.has(id) || this.host.has(id);
  }

  /** An object that is not there, whose name was checked. */
  add(id: ObjectId, object: Uint8Array): void {
    this.guard(() => this.writer.add(id, object));
  }

  addFrame(packed: Uint8Array, bytes: number, objects: readonly { readonly id: ObjectId; readonly offset: number; readonly length: number }[]): void {
    this.guard(() => this.writer.addFrame(packed, bytes, objects));
  }

  /** After a write that has failed the pack is not to be trusted. */
  private guard(action: () => void): void {
    this.check();
    try {
      action();
    } catch (e) {
      this.failure = e as Error;
      throw e;
    }
  }

  private check(): void {
    if (this.over) throw new StoreError("this transaction is over");
    if (this.failure !== null) throw this.failure;
  }

  async commit(records: readonly StoreRecord[], removed: readonly string[] = []): Promise<void> {
    let sealed: SealedPack | null = null;
    try {
      this.check();
      this.over = true;
      if (this.writer.objects > 0) sealed = this.writer.seal();
      this.file.close();
    } catch (e) {
      const error = await this.host.explain(e);
      await this.end();
      throw error;
    }
    try {
      await this.host.keep(this.name, sealed, records, removed);
    } finally {
      this.host.ended(this);
    }
  }

  async abort(): Promise<void> {
    if (!this.over) await this.end();
  }

  private async end(): Promise<void> {
    this.over = true;
    try {
      try {
        this.file.close();
      } catch {
        // It may be closed; it goes anyway.
      }
      await this.host.discard(this.name);
    } finally {
      this.host.ended(this);
    }
  }
}
