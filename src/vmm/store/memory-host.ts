/** A store in memory: where the browser keeps no files, and for tests. Everything is lost with the worker. */
import { MemoryStore } from "../storage/memory-store.ts";
import type { ByteStore } from "../storage/byte-store.ts";
import type { PackSource, StoreState } from "./api.ts";
import type { ExportFile, HostSpace, PackFolder, RecordFiles, StoreHost } from "./host.ts";
import { StoreError } from "./objects.ts";
import { BlobFile, type SealedFile } from "./sealed-file.ts";

const PIECE = 1 << 20;

/** Closing does not forget it. */
class Kept implements ByteStore {
  constructor(readonly bytes: MemoryStore) {}
  get name(): string {
    return this.bytes.name;
  }
  size(): number {
    return this.bytes.size();
  }
  read(at: number, into: Uint8Array): number {
    return this.bytes.read(at, into);
  }
  write(at: number, from: Uint8Array): void {
    this.bytes.write(at, from);
  }
  truncate(size: number): void {
    this.bytes.truncate(size);
  }
  flush(): void {}
  close(): void {}
}

/** In pieces: there is no second copy of the whole. */
function blobOf(file: Kept): Blob {
  const parts: Blob[] = [];
  for (let at = 0; at < file.size(); at += PIECE) {
    const bytes = new Uint8Array(Math.min(PIECE, file.size() - at));
    file.read(at, bytes);
    parts.push(new Blob([bytes]));
  }
  return new Blob(parts);
}

/** An export for a host without files of its own. */
export function memoryExport(): ExportFile {
  const file = new Kept(new MemoryStore("export"));
  return { file, blob: () => Promise.resolve(blobOf(file)), discard: () => Promise.resolve() };
}

/** Other workers read a sealed pack as a Blob, which the browser may keep on disk. */
class MemoryPacks implements PackFolder {
  private readonly files = new Map<string, Kept | Blob>();

  constructor(private readonly limit: number) {}

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.files.keys()]);
  }

  create(name: string): Promise<ByteStore> {
    const file = new Kept(new MemoryStore(name, this.limit));
    this.files.set(name, file);
    return Promise.resolve(file);
  }

  async open(name: string): Promise<{ readonly file: SealedFile; readonly from: PackSource["from"] }> {
    let there = this.files.get(name);
    if (there === undefined) throw new StoreError(`${name}: the file is missing`);
    if (typeof FileReaderSync === "undefined") {
      const file = there as Kept;
      return { file, from: file };
    }
    if (there instanceof Kept) {
      there = blobOf(there);
      this.files.set(name, there);
    }
    return { file: new BlobFile(name, there), from: there };
  }

  remove(name: string): Promise<void> {
    this.files.delete(name);
    return Promise.resolve();
  }
}

class MemoryRecords implements RecordFiles {
  private readonly values = new Map<string, unknown>();

  keys(): Promise<readonly string[]> {
    return Promise.resolve([...this.values.keys()]);
  }

  get(key: string): Promise<unknown> {
    return Promise.resolve(this.values.get(key));
  }

  write(changes: ReadonlyMap<string, unknown>): Promise<void> {
    for (const [key, value] of changes) {
      if (value === null) this.values.delete(key);
      else this.values.set(key, structuredClone(value));
    }
    return Promise.resolve();
  }
}

export class MemoryHost implements StoreHost {
  readonly packs: PackFolder;
  readonly records = new MemoryRecords();
  readonly state: StoreState;

  /** `reason`: why nothing is kept. `limit`: bytes of a pack, for tests. */
  constructor(reason: string, limit = Infinity) {
    this.state = { durable: false, reason };
    this.packs = new MemoryPacks(limit);
  }

  exportFile(): Promise<ExportFile> {
    return Promise.resolve(memoryExport());
  }

  space(): Promise<HostSpace> {
    return Promise.resolve({ usageBytes: null, quotaBytes: null, persisted: false });
  }

  persist(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
