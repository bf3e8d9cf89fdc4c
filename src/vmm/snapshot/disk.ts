/**
 * A disk that snapshots hold: any writable disk, above it what an earlier snapshot had written (read from its objects), and a note of what
 * changes. A capture costs nothing at its instant: a block is copied before it is written again, or when the capture comes to it.
 */
import { rangeError, SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone, type BlockError } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { join } from "../storage/sequence.ts";
import { cut, scatter } from "../storage/segments.ts";
import { BLOCK_BYTES, BLOCK_SECTORS, CHUNK_BLOCKS, DiskLayer } from "./disk-layer.ts";

export interface CapturableDisk {
  /** What snapshots have of it; changes with `recorded`. */
  readonly layer: DiskLayer;
  /** At this instant: what has changed since the last capture that was recorded. */
  capture(): DiskCapture;
}

export interface DiskBatch {
  readonly blocks: readonly number[];
  /** BLOCK_BYTES each: sectors that do not count are zeroes. */
  readonly contents: readonly Uint8Array[];
  readonly sectors: readonly number[];
}

export interface DiskCapture {
  /** The layer that the changes belong to. */
  readonly layer: DiskLayer;
  readonly left: number;
  /** The next blocks, ascending; empty at the end. Throws UserError if the disk cannot be read. */
  batch(most?: number): DiskBatch;
  /** It is in a snapshot now. */
  recorded(layer: DiskLayer): void;
  /** It came to nothing: what it held is changed as before. */
  failed(): void;
}

const BATCH_BLOCKS = 128;
/** Overlays give back whole clusters. */
const DISCARD_SECTORS = 128;

/** The sectors of a block that a range covers. */
function maskOf(block: number, sector: number, count: number): number {
  const from = Math.max(0, sector - block * BLOCK_SECTORS);
  const to = Math.min(BLOCK_SECTORS, sector + count - block * BLOCK_SECTORS);
  return ((1 << to) - 1) & ~((1 << from) - 1);
}

export interface SnapshotDiskOptions {
  /** What is below of what the guest writes: a snapshot fits no other disk. */
  readonly base: string;
  /** What a snapshot has: `inner` holds nothing that was written then. */
  readonly layer?: DiskLayer | undefined;
  /** `inner` holds writes of an earlier session: calls back with the ranges. */
  readonly written?: (range: (sector: number, count: number) => void) => void;
}

export class SnapshotDisk implements BlockBackend, CapturableDisk {
  readonly sectors: number;
  readonly readOnly = false;
  readonly synchronous: boolean;
  readonly canDiscard: boolean;
  layer: DiskLayer;
  /** Below `inner`'s writes of this session; `layer` grows with captures, this does not. */
  private readonly below: DiskLayer | null;
  /** By chunk: a byte for each block, its sectors that `inner` holds. */
  private readonly own = new Map<number, Uint8Array>();
  /** Blocks that have changed since the last capture that was recorded. */
  private changed = new Set<number>();
  /** Blocks of captures under way that are to be copied before they change. */
  private held: HeldBlocks | null = null;

  constructor(
    private readonly inner: BlockBackend,
    options: SnapshotDiskOptions,
  ) {
    if (inner.readOnly) throw new RangeError("nothing is written to a read-only disk");
    this.sectors = inner.sectors;
    this.synchronous = inner.synchronous;
    this.canDiscard = inner.canDiscard;
    const { layer } = options;
    if (layer !== undefined && (layer.base !== options.base || layer.sectorCount !== inner.sectors)) {
      throw new UserError(`snapshot: a disk was made above '${layer.base}' with ${layer.sectorCount} sectors, and here is '${options.base}' with ${inner.sectors}`);
    }
    this.below = layer ?? null;
    this.layer = layer ?? DiskLayer.empty(inner.sectors, options.base);
    options.written?.((sector, count) => this.mark(sector, count));
  }

  // --- What is where -------------------------------------------------------------------------------------------------------

  private eachBlock(sector: number, count: number, each: (block: number, mask: number) => void): void {
    for (let block = Math.floor(sector / BLOCK_SECTORS); block * BLOCK_SECTORS < sector + count; block++) each(block, maskOf(block, sector, count));
  }

  private ownSectors(block: number): number {
    return this.own.get(Math.floor(block / CHUNK_BLOCKS))?.[block % CHUNK_BLOCKS] ?? 0;
  }

  private mark(sector: number, count: number): void {
    this.eachBlock(sector, count, (block, mask) => {
      const chunk = Math.floor(block / CHUNK_BLOCKS);
      let map = this.own.get(chunk);
      if (map === undefined) this.own.set(chunk, (map = new Uint8Array(CHUNK_BLOCKS)));
      map[block % CHUNK_BLOCKS] |= mask;
      this.changed.add(block);
    });
  }

  /** Takes a block over from another machine's disk. Throws UserError. */
  adopt(block: number, sectors: number, contents: Uint8Array): void {
    for (let i = 0; i < BLOCK_SECTORS; i++) {
      if (((sectors >> i) & 1) === 0) continue;
      const problem: { error: BlockError | null } = { error: { kind: "io", message: "it takes no writes at once" } };
      this.write(block * BLOCK_SECTORS + i, [contents.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES)], (error) => {
        problem.error = error;
      });
      if (problem.error !== null) throw new UserError(`the disk cannot be copied: ${problem.error.message}`);
    }
  }

  /** A block as it is now, as far as it was ever written. Throws UserError. */
  blockNow(block: number): { readonly contents: Uint8Array; readonly sectors: number } {
    const contents = new Uint8Array(BLOCK_BYTES);
    const below = this.below?.sectors(block) ?? 0;
    const own = this.ownSectors(block);
    if ((below & ~own) !== 0) {
      const old = this.below?.contents(block) ?? null;
      if (old !== null) contents.set(old);
    }
    for (let i = 0; i < BLOCK_SECTORS; ) {
      let n = 1;
      while (i + n < BLOCK_SECTORS && ((own >> (i + n)) & 1) === ((own >> i) & 1)) n++;
      if ((own >> i) & 1) {
        let outcome: BlockError | null | "late" = "late";
        this.inner.read(block * BLOCK_SECTORS + i, [contents.subarray(i * SECTOR_BYTES, (i + n) * SECTOR_BYTES)], (e) => {
          outcome = e;
        });
        if ((outcome as BlockError | null | "late") !== null) throw new UserError(`snapshot: what the guest has written to a disk cannot be read${outcome === "late" ? "" : `: ${(outcome as BlockError).message}`}`);
      }
      i += n;
    }
    return { contents, sectors: own | below };
  }

  // --- The guest's requests ------------------------------------------------------------------------------------------------

  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    const bytes = segmentBytes(into);
    const wrong = rangeError(this, sector, bytes);
    const { below } = this;
    if (wrong !== null || below === null) {
      if (wrong !== null) done(wrong);
      else this.inner.read(sector, into, done);
      return;
    }
    // Runs of sectors that come from one side.
    const inner: [first: number, count: number][] = [];
    const count = bytes / SECTOR_BYTES;
    try {
      for (let at = 0; at < count; ) {
        const block = Math.floor((sector + at) / BLOCK_SECTORS);
        const within = (sector + at) % BLOCK_SECTORS;
        const old = below.sectors(block) & ~this.ownSectors(block);
        let n = 1;
        while (at + n < count && within + n < BLOCK_SECTORS && ((old >> (within + n)) & 1) === ((old >> within) & 1)) n++;
        if ((old >> within) & 1) {
          const part = cut(into, at * SECTOR_BYTES, n * SECTOR_BYTES);
          const contents = below.contents(block);
          if (contents === null) for (const p of part) p.fill(0);
          else scatter(contents.subarray(within * SECTOR_BYTES, (within + n) * SECTOR_BYTES), part);
        } else {
          const last = inner.at(-1);
          if (last !== undefined && last[0] + last[1] === at) last[1] += n;
          else inner.push([at, n]);
        }
        at += n;
      }
    } catch (e) {
      done({ kind: "io", message: e instanceof Error ? e.message : String(e) });
      return;
    }
    const one = join(inner.length, done);
    for (const [at, n] of inner) this.inner.read(sector + at, cut(into, at * SECTOR_BYTES, n * SECTOR_BYTES), one);
  }

  /** The range is about to change; what a capture wants of it is copied. */
  private change(sector: number, count: number): BlockError | null {
    try {
      if (this.held !== null) this.eachBlock(sector, count, (block) => this.held?.save(block));
    } catch (e) {
      return { kind: "io", message: e instanceof Error ? e.message : String(e) };
    }
    return null;
  }

  /** The sectors of the first and last block that are not overwritten come from the layer, if they do: they stay there. */
  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void {
    const bytes = segmentBytes(from);
    const wrong = rangeError(this, sector, bytes) ?? this.change(sector, bytes / SECTOR_BYTES);
    if (wrong !== null) {
      done(wrong);
      return;
    }
    this.inner.write(sector, from, (error) => {
      if (error === null) this.mark(sector, bytes / SECTOR_BYTES);
      done(error);
    });
  }

  flush(done: BlockDone): void {
    this.inner.flush(done);
  }

  /** Whole clusters become zeroes, so that it is known what they are; parts of clusters stay as they are. */
  discard(sector: number, count: number, done: BlockDone): void {
    const wrong = rangeError(this, sector, count * SECTOR_BYTES);
    const first = Math.ceil(sector / DISCARD_SECTORS) * DISCARD_SECTORS;
    const end = Math.floor((sector + count) / DISCARD_SECTORS) * DISCARD_SECTORS;
    if (wrong !== null || first >= end) done(wrong);
    else this.writeZeroes(first, end - first, true, done);
  }

  writeZeroes(sector: number, count: number, unmap: boolean, done: BlockDone): void {
    const wrong = rangeError(this, sector, count * SECTOR_BYTES) ?? this.change(sector, count);
    if (wrong !== null) {
      done(wrong);
      return;
    }
    this.inner.writeZeroes(sector, count, unmap, (error) => {
      if (error === null) this.mark(sector, count);
      done(error);
    });
  }

  // --- Captures ------------------------------------------------------------------------------------------------------------

  capture(): DiskCapture {
    if (this.held !== null) throw new RangeError("a capture of this disk is under way");
    const { changed, layer } = this;
    this.changed = new Set();
    const held = (this.held = new HeldBlocks(this, changed));
    const end = (): void => {
      this.held = null;
    };
    return {
      layer,
      get left() {
        return held.left;
      },
      batch: (most = BATCH_BLOCKS) => held.batch(most),
      recorded: (next) => {
        end();
        this.layer = next;
      },
      failed: () => {
        end();
        for (const block of changed) this.changed.add(block);
      },
    };
  }
}

/** The blocks of one capture. */
class HeldBlocks {
  private readonly order: number[];
  private readonly waiting: Set<number>;
  private readonly copies = new Map<number, { readonly contents: Uint8Array; readonly sectors: number }>();
  private next = 0;

  constructor(
    private readonly disk: SnapshotDisk,
    changed: ReadonlySet<number>,
  ) {
    this.order = [...changed].sort((a, b) => a - b);
    this.waiting = new Set(changed);
  }

  get left(): number {
    return this.order.length - this.next;
  }

  save(block: number): void {
    if (this.waiting.delete(block)) this.copies.set(block, this.disk.blockNow(block));
  }

  batch(most: number): DiskBatch {
    const blocks = this.order.slice(this.next, this.next + most);
    const found = blocks.map((block) => {
      this.save(block);
      const copy = this.copies.get(block) as { readonly contents: Uint8Array; readonly sectors: number };
      this.copies.delete(block);
      return copy;
    });
    this.next += blocks.length;
    return { blocks, contents: found.map((f) => f.contents), sectors: found.map((f) => f.sectors) };
  }
}

