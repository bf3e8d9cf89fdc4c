/** The packs of an open store: which there are, who reads them, and which files may go. */
import type { PackSource, ReaderSource } from "./api.ts";
import type { PackFolder } from "./host.ts";
import { StoreError } from "./objects.ts";
import { Pack, type PackTools } from "./pack.ts";
import { PackReader } from "./reader.ts";
import type { PackRecord } from "./records.ts";

export interface KeptPack {
  readonly name: string;
  readonly pack: Pack;
  readonly from: PackSource["from"];
  readonly record: PackRecord;
}

/** Names that this store gives. Other files in the folder are nobody's business here. */
const OWN_NAME = /^[0-9a-f]{16}\.pack$/;

export function newPackName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `${Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("")}.pack`;
}

export class PackCatalog {
  private readonly kept = new Map<string, KeptPack>();
  private readonly leases = new Map<number, ReadonlySet<string>>();
  private leased = 0;
  /** Not the store's any more, but leased. */
  private readonly retired = new Map<string, KeptPack | null>();
  /** Why a pack cannot be used. */
  readonly damaged = new Map<string, string>();
  readonly reader = new PackReader([], (pack, error) => this.damaged.set(pack.name, error.message));

  constructor(
    private readonly folder: PackFolder,
    private readonly tools: PackTools,
  ) {}

  /** Newest first: what is asked for was mostly stored lately. */
  list(): readonly KeptPack[] {
    return [...this.kept.values()].reverse();
  }

  get storedBytes(): number {
    return this.list().reduce((sum, { record }) => sum + record.bytes, 0);
  }

  get objects(): number {
    return this.list().reduce((sum, { record }) => sum + record.objects, 0);
  }

  /** Opens the packs of a store. One that is missing or damaged is left out, and named in `damaged`. */
  async load(records: ReadonlyMap<string, PackRecord>): Promise<void> {
    const opened = await Promise.all([...records].map(([name, record]) => this.open(name, record).catch((e: Error) => ({ name, error: e.message }))));
    for (const pack of opened) {
      if ("error" in pack) this.damaged.set(pack.name, pack.error);
      else this.kept.set(pack.name, pack);
    }
    this.refresh();
  }

  private async open(name: string, record: PackRecord): Promise<KeptPack> {
    const { file, from } = await this.folder.open(name);
    if (file.size() !== record.bytes) throw new StoreError(`${name}: the file has ${file.size()} bytes in place of ${record.bytes}`);
    return { name, from, record, pack: new Pack(file, this.tools) };
  }

  /** Files of ours that belong to no store: what a crash has left. */
  async removeOrphans(): Promise<number> {
    let count = 0;
    for (const name of await this.folder.list()) {
      if (!OWN_NAME.test(name) || this.kept.has(name) || this.damaged.has(name)) continue;
      try {
        await this.folder.remove(name);
        count++;
      } catch {
        // Still held by a worker that is ending: the next session takes it away.
      }
    }
    return count;
  }

  async add(name: string, record: PackRecord): Promise<void> {
    this.kept.set(name, await this.open(name, record));
    this.refresh();
  }

  /** Takes packs out. Their files go when nobody has them on lease. */
  async drop(names: Iterable<string>): Promise<void> {
    for (const name of names) {
      this.retired.set(name, this.kept.get(name) ?? null);
      this.kept.delete(name);
      this.damaged.delete(name);
    }
    this.refresh();
    await this.sweep();
  }

  private refresh(): void {
    this.reader.use(this.list().filter(({ name }) => !this.damaged.has(name)).map(({ pack }) => pack));
  }

  private async sweep(): Promise<void> {
    const held = new Set([...this.leases.values()].flatMap((names) => [...names]));
    for (const [name, kept] of [...this.retired]) {
      if (held.has(name)) continue;
      this.retired.delete(name);
      kept?.pack.close();
      await this.folder.remove(name);
    }
  }

  lease(): ReaderSource {
    const packs = this.list();
    const lease = ++this.leased;
    this.leases.set(lease, new Set(packs.map(({ name }) => name)));
    return { lease, packs: packs.map(({ name, from }) => ({ name, from })) };
  }

  async release(lease: number): Promise<void> {
    if (this.leases.delete(lease)) await this.sweep();
  }

  close(): void {
    for (const { pack } of this.kept.values()) pack.close();
    this.kept.clear();
    this.reader.use([]);
  }
}
