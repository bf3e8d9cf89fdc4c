/** Objects out of sealed packs, synchronously, in any worker: what a machine's memory is brought in through. */
import { loadUnpack } from "./codec.ts";
import { loadHash } from "./hash.ts";
import { absent, ZERO_ID, type ObjectId, type ObjectReader } from "./objects.ts";
import { idWords, Pack, type PackTools } from "./pack.ts";
import type { ReaderSource } from "./api.ts";
import { blobCache, BlobFile } from "./sealed-file.ts";

/** Unpacked frames that stay in memory: neighbours of what was read are likely next. 64 KiB each at most. */
const FRAMES_KEPT = 128;

/** Where an object is. */
export interface Found {
  readonly pack: Pack;
  /** Of the pack's index. */
  readonly entry: number;
}

export class PackReader implements ObjectReader {
  private packs: readonly Pack[];
  /** Where the last object was found. */
  private last = 0;
  private readonly frames = new Map<Pack, Map<number, Uint8Array>>();
  private readonly order: { readonly pack: Pack; readonly frame: number }[] = [];

  /** `damaged` is told of packs that cannot be used; the others go on. */
  constructor(
    packs: readonly Pack[],
    private readonly damaged: (pack: Pack, error: Error) => void = () => {},
  ) {
    this.packs = packs;
  }

  /** Other packs than before. */
  use(packs: readonly Pack[]): void {
    this.packs = packs;
    this.last = 0;
    this.frames.clear();
    this.order.length = 0;
  }

  locate(id: ObjectId): Found | null {
    if (id === ZERO_ID) return null;
    const words = idWords(id);
    const count = this.packs.length;
    // Objects that belong together lie together.
    for (let i = 0; i < count; i++) {
      const number = (this.last + i) % count;
      const pack = this.packs[number];
      let entry: number;
      try {
        entry = pack.find(words);
      } catch (e) {
        this.leave(pack, e as Error);
        return this.locate(id);
      }
      if (entry < 0) continue;
      this.last = number;
      return { pack, entry };
    }
    return null;
  }

  private leave(pack: Pack, error: Error): void {
    this.packs = this.packs.filter((other) => other !== pack);
    this.last = 0;
    this.damaged(pack, error);
  }

  has(id: ObjectId): boolean {
    return this.locate(id) !== null;
  }

  read(id: ObjectId): Uint8Array {
    const found = this.locate(id);
    if (found === null) throw absent(id);
    const entry = found.pack.entry(found.entry);
    return found.pack.cut(this.unpacked(found.pack, entry.frame), entry);
  }

  private unpacked(pack: Pack, frame: number): Uint8Array {
    let frames = this.frames.get(pack);
    if (frames === undefined) this.frames.set(pack, (frames = new Map()));
    let bytes = frames.get(frame);
    if (bytes === undefined) {
      bytes = pack.unpackedFrame(frame);
      frames.set(frame, bytes);
      this.order.push({ pack, frame });
      if (this.order.length > FRAMES_KEPT) {
        const oldest = this.order.shift();
        if (oldest !== undefined) this.frames.get(oldest.pack)?.delete(oldest.frame);
      }
    }
    return bytes;
  }

  /** Reads `count` objects of the last pack, wherever they lie in it. Throws StoreError. */
  rehearse(count: number): void {
    const pack = this.packs.at(-1);
    for (let i = 0; pack !== undefined && i < Math.min(count, pack.objectCount); i++) this.read(pack.idOf(i));
  }

  close(): void {
    for (const pack of this.packs) pack.close();
    this.use([]);
  }
}

/** What a reader needs; loaded once for each thread. */
export async function loadTools(): Promise<PackTools> {
  const [hash, unpack] = await Promise.all([loadHash(), loadUnpack()]);
  return { hash, unpack };
}

/** Opens what `Store.reader` gave. In a browser: in a worker. Nothing of the packs is read yet. */
export async function openReader(source: ReaderSource): Promise<PackReader> {
  const tools = await loadTools();
  const cache = blobCache();
  return new PackReader(source.packs.map(({ name, from }) => new Pack(from instanceof Blob ? new BlobFile(name, from, cache, true) : from, tools)));
}
