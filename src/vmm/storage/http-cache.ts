/**
 * Chunks of a server's disk image, kept in a file between sessions. Each chunk has a checksum in the table, so nothing needs an
 * order or a flush: what a cut has damaged is fetched again.
 */
import { crc32 } from "../boot/crc32.ts";
import type { ByteStore } from "./byte-store.ts";

const HEADER = 4096;
const MAGIC = 0x3143_5048_5642_4154n; // "TABVHPC1"
/** Slot + 1, CRC-32. */
const CELL = 8;
const AT = { magic: 0, chunkBytes: 8, crc: 12, size: 16, idLength: 24, id: 28 } as const;

export interface CacheIdentity {
  /** Bytes of the image. */
  readonly size: number;
  readonly chunkBytes: number;
  /** Changes when the image does: entity tag or date of the server. */
  readonly validator: string;
}

export class HttpCache {
  private readonly table: DataView;
  private readonly data: number;
  private slots = 0;
  private full = false;
  private kept = 0;

  /** Takes over what is in the store if it is of the same image; else begins anew. */
  constructor(
    private readonly store: ByteStore,
    private readonly identity: CacheIdentity,
  ) {
    const chunks = Math.ceil(identity.size / identity.chunkBytes);
    this.table = new DataView(new ArrayBuffer(chunks * CELL));
    this.data = Math.ceil((HEADER + this.table.byteLength) / HEADER) * HEADER;
    const wanted = this.header();
    const there = new Uint8Array(HEADER);
    try {
      const same = store.read(0, there) === HEADER && there.every((b, i) => b === wanted[i]);
      if (same) this.load(chunks);
      else {
        store.truncate(0);
        store.write(0, wanted);
      }
    } catch {
      this.full = true;
    }
  }

  private header(): Uint8Array {
    const bytes = new Uint8Array(HEADER);
    const view = new DataView(bytes.buffer);
    const id = new TextEncoder().encode(this.identity.validator).subarray(0, HEADER - AT.id);
    view.setBigUint64(AT.magic, MAGIC, true);
    view.setUint32(AT.chunkBytes, this.identity.chunkBytes, true);
    view.setBigUint64(AT.size, BigInt(this.identity.size), true);
    view.setUint32(AT.idLength, id.length, true);
    bytes.set(id, AT.id);
    view.setUint32(AT.crc, crc32(bytes), true);
    return bytes;
  }

  private load(chunks: number): void {
    this.store.read(HEADER, new Uint8Array(this.table.buffer));
    for (let i = 0; i < chunks; i++) {
      const slot = this.table.getUint32(i * CELL, true) - 1;
      if (slot < 0) continue;
      if (slot >= chunks) this.table.setUint32(i * CELL, 0, true);
      else {
        this.slots = Math.max(this.slots, slot + 1);
        this.kept++;
      }
    }
  }

  /** Chunks that are there, if their checksums hold. */
  get chunks(): number {
    return this.kept;
  }

  has(index: number): boolean {
    return this.table.getUint32(index * CELL, true) !== 0;
  }

  /** The chunk, or null where there is none, or a damaged one. */
  get(index: number): Uint8Array | null {
    const slot = this.table.getUint32(index * CELL, true) - 1;
    if (slot < 0) return null;
    const bytes = new Uint8Array(this.lengthOf(index));
    try {
      const got = this.store.read(this.data + slot * this.identity.chunkBytes, bytes);
      if (got === bytes.length && crc32(bytes) === this.table.getUint32(index * CELL + 4, true)) return bytes;
    } catch {
      // As good as damaged.
    }
    this.table.setUint32(index * CELL, 0, true);
    this.kept--;
    return null;
  }

  put(index: number, bytes: Uint8Array): void {
    if (this.full || this.has(index)) return;
    try {
      this.store.write(this.data + this.slots * this.identity.chunkBytes, bytes);
      this.table.setUint32(index * CELL + 4, crc32(bytes), true);
      this.table.setUint32(index * CELL, this.slots + 1, true);
      this.store.write(HEADER + index * CELL, new Uint8Array(this.table.buffer, index * CELL, CELL));
      this.slots++;
      this.kept++;
    } catch {
      // Full: what is there stays, and the image is still on the server.
      this.full = true;
      this.table.setUint32(index * CELL, 0, true);
    }
  }

  private lengthOf(index: number): number {
    return Math.min(this.identity.chunkBytes, this.identity.size - index * this.identity.chunkBytes);
  }
}
