/** Copy-on-write in clusters of 64 KiB above any disk, or above nothing. What is flushed survives whatever happens after. */
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone, type BlockError } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { readSegments, storeError, writeSegments, zeroes, type ByteStore } from "./byte-store.ts";
import {
  BITMAP_WORDS, CELL_BYTES, CLUSTER_BYTES, CLUSTER_SECTORS, clustersOf, dataStart, decodeCell, decodeHeader, encodeEntry, encodeHeader,
  ENTRY_BYTES, entryPosition, HEADER_BYTES, looksUnfinished, sameIdentity, SECTORS_MAX, type Entry,
} from "./overlay-format.ts";
import { join } from "./sequence.ts";
import { cut, zero } from "./segments.ts";

export interface OverlayOptions {
  /** Null: the disk begins as zeroes. */
  readonly base: BlockBackend | null;
  /** What the base is (file, size, date …): an overlay over another one would be garbage. */
  readonly baseId: string;
  /** Size in sectors; default the base's. May be more: the rest begins as zeroes. An existing overlay keeps its own. */
  readonly sectors?: number;
}

/** Part of a range that comes from one place. */
interface Run {
  readonly from: "slot" | "zero" | "base";
  readonly sector: number;
  count: number;
  /** Where it begins. */
  readonly slot: number;
}

const inBitmap = (entry: Entry, sector: number): boolean => ((entry.bitmap[sector >>> 5] >>> (sector & 31)) & 1) !== 0;

/** The last sector in a cluster's slot, or -1. */
function highest(entry: Entry): number {
  let sector = CLUSTER_SECTORS - 1;
  while (sector >= 0 && !inBitmap(entry, sector)) sector--;
  return sector;
}

export class Overlay implements BlockBackend {
  readonly readOnly = false;
  readonly canDiscard = true;
  readonly synchronous: boolean;
  private readonly entries = new Map<number, Entry>();
  private readonly dirty = new Set<number>();
  private readonly data: number;
  /** Slots that no entry on stable storage refers to. */
  private free: number[] = [];
  /** Given up since the last flush: entries on stable storage still refer to them. */
  private leaving: number[] = [];
  private slots = 0;
  /** Clusters' data was written since the store was last flushed. */
  private unflushed = false;
  private readonly encoded = new Uint8Array(ENTRY_BYTES);

  private constructor(
    private readonly store: ByteStore,
    private readonly base: BlockBackend | null,
    readonly sectors: number,
  ) {
    this.synchronous = base?.synchronous ?? true;
    this.data = dataStart(sectors);
  }

  /** Opens the overlay in a store, or makes one in an empty store. Throws UserError, and loses nothing then. */
  static open(store: ByteStore, options: OverlayOptions): Overlay {
    try {
      return Overlay.openOrCreate(store, options);
    } catch (e) {
      if (e instanceof UserError) throw e;
      throw new UserError(storeError(store.name, e).message, { cause: e });
    }
  }

  private static openOrCreate(store: ByteStore, options: OverlayOptions): Overlay {
    const { base, baseId } = options;
    const head = new Uint8Array(Math.min(HEADER_BYTES, store.size()));
    store.read(0, head);
    const header = decodeHeader(head);
    if (typeof header === "string") throw new UserError(`${store.name}: this overlay cannot be used: ${header}`);
    if (header === null) {
      if (!looksUnfinished(head, store.size())) throw new UserError(`${store.name}: the file is not a disk overlay, or its header is damaged`);
      const sectors = options.sectors ?? base?.sectors ?? 0;
      if (sectors < Math.max(1, base?.sectors ?? 0)) throw new UserError(`${store.name}: an overlay of ${sectors} sectors is smaller than its base`);
      if (sectors > SECTORS_MAX) throw new UserError(`${store.name}: a disk of ${sectors} sectors is too large for an overlay: at most ${SECTORS_MAX} (256 GiB)`);
      store.truncate(0);
      store.truncate(dataStart(sectors));
      // A header on stable storage says that the table is, too.
      store.flush();
      store.write(0, encodeHeader({ sectors, baseSectors: base?.sectors ?? 0, baseId }));
      store.flush();
      return new Overlay(store, base, sectors);
    }
    if (header.baseSectors !== (base?.sectors ?? 0) || !sameIdentity(header.baseId, baseId)) {
      throw new UserError(`${store.name}: the changes kept here belong to another disk (${header.baseId}), not to ${baseId}`);
    }
    const overlay = new Overlay(store, base, header.sectors);
    overlay.load();
    return overlay;
  }

  private load(): void {
    const count = clustersOf(this.sectors);
    const size = this.store.size();
    if (size < this.data) throw new UserError(`${this.store.name}: the overlay is cut short`);
    const owners = new Map<number, number>();
    const page = new Uint8Array(CLUSTER_BYTES);
    const words = new Uint32Array(page.buffer);
    for (let first = 0; first < count; first += page.length / CELL_BYTES) {
      const cells = Math.min(page.length / CELL_BYTES, count - first);
      this.store.read(HEADER_BYTES + first * CELL_BYTES, page);
      // Tables are mostly empty.
      if (words.every((w) => w === 0)) continue;
      for (let i = 0; i < cells; i++) {
        const cluster = first + i;
        const entry = decodeCell(page.subarray(i * CELL_BYTES, (i + 1) * CELL_BYTES), cluster);
        if (entry === null) continue;
        if (entry === "damaged") throw new UserError(`${this.store.name}: the overlay is damaged: the entry of cluster ${cluster} is not valid`);
        if (entry.slot >= 0 && this.position(entry.slot, highest(entry) + 1) > size) throw new UserError(`${this.store.name}: the overlay is cut short: cluster ${cluster} lies beyond the end of the file`);
        if (entry.slot >= 0 && owners.has(entry.slot)) {
          throw new UserError(`${this.store.name}: the overlay is damaged: clusters ${owners.get(entry.slot)} and ${cluster} have the same place`);
        }
        if (entry.slot >= 0) owners.set(entry.slot, cluster);
        this.entries.set(cluster, entry);
        this.slots = Math.max(this.slots, entry.slot + 1);
      }
    }
    for (let slot = this.slots - 1; slot >= 0; slot--) if (!owners.has(slot)) this.free.push(slot);
    // A killed tab may have left entries that are only in the host's cache yet; slots are reused by what they say.
    this.store.flush();
  }

  /** The ranges of sectors that do not come from the base. */
  eachWritten(range: (sector: number, count: number) => void): void {
    for (const [cluster, entry] of this.entries) {
      const first = cluster * CLUSTER_SECTORS;
      const count = Math.min(CLUSTER_SECTORS, this.sectors - first);
      if (entry.zero) range(first, count);
      else for (const run of this.runs(first, count)) if (run.from === "slot") range(run.sector, run.count);
    }
  }

  /** Bytes of the store that hold the guest's data. */
  get allocatedBytes(): number {
    return (this.slots - this.free.length) * CLUSTER_BYTES;
  }

  private position(slot: number, sector: number): number {
    return this.data + slot * CLUSTER_BYTES + sector * SECTOR_BYTES;
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    const bytes = segmentBytes(into);
    const wrong = rangeError(this, sector, bytes);
    if (wrong !== null) {
      done(wrong);
      return;
    }
    const below: { sector: number; count: number; at: number }[] = [];
    let failure: BlockError | null = null;
    for (const run of this.runs(sector, bytes / SECTOR_BYTES)) {
      const at = (run.sector - sector) * SECTOR_BYTES;
      const part = (): readonly Uint8Array[] => (run.count * SECTOR_BYTES === bytes ? into : cut(into, at, run.count * SECTOR_BYTES));
      if (run.from === "slot") failure ??= this.attempt(() => readSegments(this.store, this.position(run.slot, run.sector % CLUSTER_SECTORS), part()));
      else if (run.from === "zero") zero(part());
      else below.push({ sector: run.sector, count: run.count, at });
    }
    if (failure !== null || below.length === 0) {
      done(failure);
      return;
    }
    const { base } = this;
    const one = join(below.length, done);
    for (const { sector: first, count, at } of below) {
      const inBase = Math.max(0, Math.min(count, (base?.sectors ?? 0) - first));
      zero(cut(into, at + inBase * SECTOR_BYTES, (count - inBase) * SECTOR_BYTES));
      if (inBase === 0 || base === null) one(null);
      else base.read(first, cut(into, at, inBase * SECTOR_BYTES), one);
    }
  }

  /** Parts of a range that come from one place. Slots that follow each other are one. */
  private *runs(sector: number, count: number): Generator<Run> {
    const parts = this.runsInClusters(sector, count);
    for (let part = parts.next(); part.done !== true; ) {
      const run = part.value;
      for (part = parts.next(); part.done !== true && this.follows(part.value, run); part = parts.next()) run.count += part.value.count;
      yield run;
    }
  }

  private follows(next: Run, run: Run): boolean {
    if (next.from !== run.from) return false;
    return run.from !== "slot" || this.position(next.slot, next.sector % CLUSTER_SECTORS) === this.position(run.slot, (run.sector % CLUSTER_SECTORS) + run.count);
  }

  private *runsInClusters(sector: number, count: number): Generator<Run> {
    const end = sector + count;
    for (let at = sector; at < end; ) {
      const within = at % CLUSTER_SECTORS;
      const limit = Math.min(CLUSTER_SECTORS - within, end - at);
      const entry = this.entries.get(Math.floor(at / CLUSTER_SECTORS));
      if (entry === undefined) yield { from: "base", sector: at, count: limit, slot: -1 };
      else {
        for (let i = 0; i < limit; ) {
          const here = inBitmap(entry, within + i);
          let n = 1;
          while (i + n < limit) {
            const at = within + i + n;
            // Most words are all ones or all zeroes.
            if ((at & 31) === 0 && i + n + 32 <= limit && entry.bitmap[at >>> 5] === (here ? 0xffff_ffff : 0)) n += 32;
            else if (inBitmap(entry, at) === here) n++;
            else break;
          }
          yield { from: here ? "slot" : entry.zero ? "zero" : "base", sector: at + i, count: n, slot: entry.slot };
          i += n;
        }
      }
      at += limit;
    }
  }

  // --- Writing -------------------------------------------------------------------------------------------------------

  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void {
    const bytes = segmentBytes(from);
    done(rangeError(this, sector, bytes) ?? this.attempt(() => this.put(sector, bytes / SECTOR_BYTES, (at, length) => (length === bytes ? from : cut(from, at, length)))));
  }

  /** `part` gives the bytes for a part of the range. Throws what the store throws: what came before that is written. */
  private put(sector: number, count: number, part: (at: number, bytes: number) => readonly Uint8Array[]): void {
    this.eachCluster(sector, count, (cluster, within, sectors, before) => {
      const entry = this.entries.get(cluster);
      const slot = entry !== undefined && entry.slot >= 0 ? entry.slot : this.takeSlot();
      try {
        this.unflushed = true;
        writeSegments(this.store, this.position(slot, within), part(before * SECTOR_BYTES, sectors * SECTOR_BYTES));
      } catch (e) {
        // Nothing refers to it.
        if (entry?.slot !== slot) this.free.push(slot);
        throw e;
      }
      this.mark(cluster, slot, within, sectors);
    });
  }

  private eachCluster(sector: number, count: number, each: (cluster: number, within: number, sectors: number, before: number) => void): void {
    for (let before = 0; before < count; ) {
      const within = (sector + before) % CLUSTER_SECTORS;
      const sectors = Math.min(CLUSTER_SECTORS - within, count - before);
      each(Math.floor((sector + before) / CLUSTER_SECTORS), within, sectors, before);
      before += sectors;
    }
  }

  private takeSlot(): number {
    return this.free.pop() ?? this.slots++;
  }

  /** Sectors of a cluster are in its slot now. */
  private mark(cluster: number, slot: number, within: number, sectors: number): void {
    const entry = this.entryFor(cluster);
    let changed = entry.slot !== slot;
    entry.slot = slot;
    for (let i = within; i < within + sectors; i++) {
      if (inBitmap(entry, i)) continue;
      entry.bitmap[i >>> 5] |= 1 << (i & 31);
      changed = true;
    }
    if (changed) this.dirty.add(cluster);
  }

  private entryFor(cluster: number): Entry {
    let entry = this.entries.get(cluster);
    if (entry === undefined) {
      entry = { sequence: 0, slot: -1, zero: false, bitmap: new Uint32Array(BITMAP_WORDS) };
      this.entries.set(cluster, entry);
    }
    return entry;
  }

  /** A whole cluster reads as zeroes, and has no slot. */
  private clear(cluster: number): void {
    const covered = this.base !== null && cluster * CLUSTER_SECTORS < this.base.sectors;
    const present = this.entries.get(cluster);
    if (present === undefined && !covered) return;
    const entry = this.entryFor(cluster);
    if (entry.slot < 0 && entry.zero) return;
    if (entry.slot >= 0) this.leaving.push(entry.slot);
    entry.slot = -1;
    entry.zero = true;
    entry.bitmap.fill(0);
    this.dirty.add(cluster);
  }

  /** The last cluster may be shorter than the others. */
  private isWhole(cluster: number, within: number, sectors: number): boolean {
    return within === 0 && (sectors === CLUSTER_SECTORS || cluster * CLUSTER_SECTORS + sectors === this.sectors);
  }

  /** Whole clusters give their storage back and read as zeroes; parts of clusters stay as they are. */
  discard(sector: number, count: number, done: BlockDone): void {
    const wrong = rangeError(this, sector, count * SECTOR_BYTES);
    if (wrong === null) {
      this.eachCluster(sector, count, (cluster, within, sectors) => {
        if (this.isWhole(cluster, within, sectors)) this.clear(cluster);
      });
    }
    done(wrong);
  }

  writeZeroes(sector: number, count: number, unmap: boolean, done: BlockDone): void {
    const wrong = rangeError(this, sector, count * SECTOR_BYTES);
    done(
      wrong ??
        this.attempt(() =>
          this.eachCluster(sector, count, (cluster, within, sectors, before) => {
            const entry = this.entries.get(cluster);
            const held = entry !== undefined && entry.slot >= 0;
            if (this.isWhole(cluster, within, sectors) && (unmap || !held)) this.clear(cluster);
            else if (!this.readsAsZero(sector + before, sectors)) this.put(sector + before, sectors, (_at, bytes) => zeroes(bytes));
          }),
        ),
    );
  }

  private readsAsZero(sector: number, count: number): boolean {
    for (const run of this.runs(sector, count)) {
      if (run.from === "slot" || (run.from === "base" && run.sector < (this.base?.sectors ?? 0))) return false;
    }
    return true;
  }

  // --- Stable storage ------------------------------------------------------------------------------------------------

  flush(done: BlockDone): void {
    done(this.attempt(() => this.commit()));
  }

  /**
   * Data first, then the entries that refer to it: an entry on stable storage never refers to data that is not. Entries are
   * independent of each other, so it does not matter which of them a cut leaves out.
   */
  private commit(): void {
    if (this.unflushed) this.store.flush();
    this.unflushed = false;
    if (this.dirty.size > 0) {
      // Under the same number again if this fails: the other copy is the one that is safe.
      for (const cluster of this.dirty) {
        const entry = this.entryFor(cluster);
        encodeEntry(entry, cluster, entry.sequence + 1, this.encoded);
        this.store.write(entryPosition(cluster, entry.sequence + 1), this.encoded);
      }
      this.store.flush();
      for (const cluster of this.dirty) this.entryFor(cluster).sequence++;
      this.dirty.clear();
    }
    if (this.leaving.length > 0) this.release();
  }

  /** No entry on stable storage refers to these any more. */
  private release(): void {
    const { discard } = this.store;
    for (const slot of this.leaving) discard?.call(this.store, this.position(slot, 0), CLUSTER_BYTES);
    this.free.push(...this.leaving);
    this.leaving = [];
    // Lowest last, so that it is taken first and the file's end becomes free.
    this.free.sort((a, b) => b - a);
    let trim = 0;
    while (trim < this.free.length && this.free[trim] === this.slots - 1 - trim) trim++;
    if (trim === 0) return;
    this.free.splice(0, trim);
    this.slots -= trim;
    this.store.truncate(this.position(this.slots, 0));
  }

  /** Flushes, and lets go of the store. */
  close(): void {
    try {
      this.commit();
    } finally {
      this.store.close();
    }
  }

  private attempt(action: () => void): BlockError | null {
    try {
      action();
      return null;
    } catch (e) {
      return storeError(this.store.name, e);
    }
  }
}
