/** A qcow2 image as a read-only disk; an overlay above it takes what the guest writes. */
import { SECTOR_BYTES, segmentBytes, type BlockBackend, type BlockDone, type BlockError } from "../../base/block.ts";
import { UserError } from "../../base/errors.ts";
import { ChunkCache } from "./chunk-cache.ts";
import { inflateCluster, zstdCluster, type Decompress } from "./decompress.ts";
import { HEADER_READ, l2Offset, mappingOf, parseHeader, type Mapping, type Qcow2Header } from "./qcow2-format.ts";
import { ReadOnlyDisk } from "./read-only-disk.ts";
import { cut, scatter, zero } from "./segments.ts";
import { runSequence, type Io, type Sequence } from "./sequence.ts";

const L2_CACHE_BYTES = 8 << 20;
const CLUSTER_CACHE_BYTES = 8 << 20;

/** Bytes of a disk, any range inside it. Rejects with a UserError. */
export function readBytes(disk: BlockBackend, at: number, length: number): Promise<Uint8Array> {
  const first = Math.floor(at / SECTOR_BYTES);
  const end = Math.ceil((at + length) / SECTOR_BYTES);
  const whole = new Uint8Array((end - first) * SECTOR_BYTES);
  return new Promise((resolve, reject) => {
    disk.read(first, [whole], (error) => {
      if (error === null) resolve(whole.subarray(at - first * SECTOR_BYTES, at - first * SECTOR_BYTES + length));
      else reject(new UserError(error.message));
    });
  });
}

export class Qcow2Disk extends ReadOnlyDisk {
  readonly sectors: number;
  readonly synchronous: boolean;
  private readonly l2Tables = new ChunkCache(L2_CACHE_BYTES);
  private readonly unpacked = new ChunkCache(CLUSTER_CACHE_BYTES);
  private readonly clusterBytes: number;
  private readonly fileBytes: number;

  private constructor(
    readonly name: string,
    private readonly file: BlockBackend,
    readonly header: Qcow2Header,
    private readonly l1: BigUint64Array,
    private readonly backing: BlockBackend | null,
    private readonly decompress: Decompress,
  ) {
    super();
    this.clusterBytes = 2 ** header.clusterBits;
    this.fileBytes = file.sectors * SECTOR_BYTES;
    this.sectors = Math.ceil(header.size / SECTOR_BYTES);
    this.synchronous = file.synchronous && (backing?.synchronous ?? true);
  }

  static async readHeader(file: BlockBackend, name: string): Promise<Qcow2Header> {
    const bytes = file.sectors * SECTOR_BYTES;
    return parseHeader(await readBytes(file, 0, Math.min(bytes, HEADER_READ)), name, bytes);
  }

  /** `file`: the image's bytes. `backing`: what the header names, null where it names nothing. Throws UserError. */
  static async open(file: BlockBackend, name: string, header: Qcow2Header, backing: BlockBackend | null): Promise<Qcow2Disk> {
    const table = await readBytes(file, header.l1Offset, header.l1Entries * 8);
    const l1 = new BigUint64Array(header.l1Entries);
    const view = new DataView(table.buffer, table.byteOffset);
    const clusterBytes = 2 ** header.clusterBits;
    for (let i = 0; i < l1.length; i++) {
      l1[i] = view.getBigUint64(i * 8);
      const offset = l2Offset(l1[i]);
      if (offset % clusterBytes !== 0 || offset + (offset === 0 ? 0 : clusterBytes) > file.sectors * SECTOR_BYTES) {
        throw new UserError(`${name}: the qcow2 image is damaged or cut short: an L2 table at 0x${offset.toString(16)} cannot be`);
      }
    }
    const decompress = header.compression === "zstd" ? await zstdCluster() : inflateCluster;
    return new Qcow2Disk(name, file, header, l1, backing, decompress);
  }

  protected fetch(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    runSequence(this.readParts(sector, into), done);
  }

  private *readParts(sector: number, into: readonly Uint8Array[]): Sequence {
    const start = sector * SECTOR_BYTES;
    const length = segmentBytes(into);
    for (let at = 0; at < length; ) {
      const first = yield* this.lookUp(start + at);
      if ("error" in first) return first.error;
      let bytes = Math.min(length - at, this.clusterBytes - ((start + at) % this.clusterBytes));
      // Neighbours in the file, or of the same kind, are read together.
      while (at + bytes < length) {
        const next = yield* this.lookUp(start + at + bytes);
        if ("error" in next || !follows(first.mapping, next.mapping, bytes + ((start + at) % this.clusterBytes))) break;
        bytes += Math.min(length - at - bytes, this.clusterBytes);
      }
      const error = yield* this.readPart(first.mapping, start + at, cut(into, at, bytes), bytes);
      if (error !== null) return error;
      at += bytes;
    }
    return null;
  }

  /** A part whose clusters follow each other. `at`: guest offset in bytes. */
  private *readPart(mapping: Mapping, at: number, into: readonly Uint8Array[], bytes: number): Sequence {
    const within = at % this.clusterBytes;
    switch (mapping.kind) {
      case "zero":
        zero(into);
        return null;
      case "hole":
        return yield* this.readBacking(at, into, bytes);
      case "data": {
        const from = mapping.offset + within;
        if (mapping.offset % this.clusterBytes !== 0) return this.damaged(at, mapping.offset);
        // The last cluster may be cut off where the disk ends.
        const there = Math.min(bytes, this.fileBytes - from);
        if (there < bytes && at + bytes < this.sectors * SECTOR_BYTES) return this.damaged(at, mapping.offset);
        if (there <= 0) return this.damaged(at, mapping.offset);
        zero(cut(into, there, bytes - there));
        return yield (done) => this.file.read(from / SECTOR_BYTES, cut(into, 0, there), done);
      }
      case "compressed": {
        const cached = this.unpacked.get(mapping.offset);
        if (cached !== undefined) {
          scatter(cached.subarray(within, within + bytes), into);
          return null;
        }
        return yield* this.readCompressed(mapping, at, (cluster) => scatter(cluster.subarray(within, within + bytes), into));
      }
    }
  }

  private *readCompressed(mapping: { offset: number; bytes: number }, at: number, use: (cluster: Uint8Array) => void): Sequence {
    const first = Math.floor(mapping.offset / SECTOR_BYTES);
    const end = Math.min(this.file.sectors, Math.ceil((mapping.offset + mapping.bytes) / SECTOR_BYTES));
    if (first >= end) return this.damaged(at, mapping.offset);
    const packed = new Uint8Array((end - first) * SECTOR_BYTES);
    const error = yield (done) => this.file.read(first, [packed], done);
    if (error !== null) return error;
    let cluster: Uint8Array;
    try {
      cluster = this.decompress(packed.subarray(mapping.offset % SECTOR_BYTES), this.clusterBytes);
    } catch (e) {
      return { kind: "io", message: `${this.name}: the compressed cluster at 0x${mapping.offset.toString(16)} is damaged: ${(e as Error).message}` };
    }
    this.unpacked.set(mapping.offset, cluster);
    use(cluster);
    return null;
  }

  private *readBacking(at: number, into: readonly Uint8Array[], bytes: number): Sequence {
    const { backing } = this;
    const there = backing === null ? 0 : Math.max(0, Math.min(bytes, backing.sectors * SECTOR_BYTES - at));
    zero(cut(into, there, bytes - there));
    if (there === 0 || backing === null) return null;
    return yield (done) => backing.read(at / SECTOR_BYTES, cut(into, 0, there), done);
  }

  private *lookUp(at: number): Generator<Io, { readonly mapping: Mapping } | { readonly error: BlockError }, BlockError | null> {
    const cluster = Math.floor(at / this.clusterBytes);
    const perTable = this.clusterBytes / 8;
    const offset = l2Offset(this.l1[Math.floor(cluster / perTable)]);
    if (offset === 0) return { mapping: { kind: "hole" } };
    let table = this.l2Tables.get(offset);
    if (table === undefined) {
      const fresh = new Uint8Array(this.clusterBytes);
      const error = yield (done) => this.file.read(offset / SECTOR_BYTES, [fresh], done);
      if (error !== null) return { error };
      this.l2Tables.set(offset, fresh);
      table = fresh;
    }
    const entry = new DataView(table.buffer).getBigUint64((cluster % perTable) * 8);
    return { mapping: mappingOf(entry, this.header) };
  }

  private damaged(at: number, offset: number): BlockError {
    return { kind: "io", message: `${this.name}: the qcow2 image is damaged or cut short: the data of offset 0x${at.toString(16)} cannot be at 0x${offset.toString(16)}` };
  }
}

/** True if `next` goes on where `first` is after `bytes` bytes from its cluster's start. */
function follows(first: Mapping, next: Mapping, bytes: number): boolean {
  if (first.kind === "data") return next.kind === "data" && next.offset === first.offset + bytes;
  return first.kind !== "compressed" && next.kind === first.kind;
}
