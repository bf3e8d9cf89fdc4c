/** The overlay's file: header, table, clusters. docs/STORAGE.md describes it and says why it survives being cut off. */
import { crc32 } from "../boot/crc32.ts";

export const CLUSTER_BYTES = 64 * 1024;
export const CLUSTER_SECTORS = CLUSTER_BYTES / 512;
/** 32-bit words of a bitmap with one bit for each sector of a cluster. */
export const BITMAP_WORDS = CLUSTER_SECTORS / 32;

/** One copy of an entry; each cluster has two. Never across a sector's end. */
export const ENTRY_BYTES = 32;
const COPIES = 2;
/** Table bytes for one cluster. */
export const CELL_BYTES = ENTRY_BYTES * COPIES;

export const HEADER_BYTES = 4096;
const MAGIC = 0x314c_564f_5642_4154n; // "TABVOVL1"
const VERSION = 1;
const AT = { magic: 0, version: 8, clusterBytes: 12, sectors: 16, baseSectors: 24, idLength: 32, crc: 36, id: 40 } as const;
/** Bytes of a base's identity that are kept. */
const ID_MAX = HEADER_BYTES - AT.id;

/** The table is as long as the file is at least, and browsers count that: 64 bytes for 64 KiB of disk. */
export const SECTORS_MAX = (256 * 2 ** 30) / 512;

export interface OverlayHeader {
  readonly sectors: number;
  /** 0: there is no base, the disk began as zeroes. */
  readonly baseSectors: number;
  /** What the base is, so that no other is put below by mistake. */
  readonly baseId: string;
}

export function clustersOf(sectors: number): number {
  return Math.ceil(sectors / CLUSTER_SECTORS);
}

/** Where cluster data begins. */
export function dataStart(sectors: number): number {
  return Math.ceil((HEADER_BYTES + clustersOf(sectors) * CELL_BYTES) / CLUSTER_BYTES) * CLUSTER_BYTES;
}

function identity(id: string): Uint8Array {
  return new TextEncoder().encode(id).subarray(0, ID_MAX);
}

export function encodeHeader(header: OverlayHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const id = identity(header.baseId);
  view.setBigUint64(AT.magic, MAGIC, true);
  view.setUint32(AT.version, VERSION, true);
  view.setUint32(AT.clusterBytes, CLUSTER_BYTES, true);
  view.setBigUint64(AT.sectors, BigInt(header.sectors), true);
  view.setBigUint64(AT.baseSectors, BigInt(header.baseSectors), true);
  view.setUint32(AT.idLength, id.length, true);
  bytes.set(id, AT.id);
  view.setUint32(AT.crc, crc32(bytes), true); // over itself as zero
  return bytes;
}

/** Null: no whole header is there. A string: why it cannot be used. */
export function decodeHeader(from: Uint8Array): OverlayHeader | string | null {
  const bytes = Uint8Array.from(from);
  const view = new DataView(bytes.buffer);
  if (bytes.length < HEADER_BYTES || view.getBigUint64(AT.magic, true) !== MAGIC) return null;
  const crc = view.getUint32(AT.crc, true);
  view.setUint32(AT.crc, 0, true);
  if (crc32(bytes) !== crc) return null;
  const version = view.getUint32(AT.version, true);
  if (version !== VERSION) return `it is of version ${version}, which is not known here`;
  if (view.getUint32(AT.clusterBytes, true) !== CLUSTER_BYTES) return "it has clusters of another size";
  const sectors = Number(view.getBigUint64(AT.sectors, true));
  if (sectors === 0 || sectors > SECTORS_MAX) return `its size of ${sectors} sectors cannot be`;
  const id = bytes.subarray(AT.id, AT.id + Math.min(ID_MAX, view.getUint32(AT.idLength, true)));
  return { sectors, baseSectors: Number(view.getBigUint64(AT.baseSectors, true)), baseId: new TextDecoder().decode(id) };
}

/** True for the same identity as far as a header keeps it. */
export function sameIdentity(stored: string, given: string): boolean {
  return stored === new TextDecoder().decode(identity(given));
}

/** No header was ever finished here: nothing can have been written either. */
export function looksUnfinished(head: Uint8Array, size: number): boolean {
  if (size === 0) return true;
  const start = new DataView(head.buffer, head.byteOffset, head.length);
  if (head.length >= 8 && start.getBigUint64(0, true) === MAGIC) return false;
  return head.every((b) => b === 0);
}

/** What is known of one cluster. */
export interface Entry {
  /** Counts an entry's versions; the copy with the higher one is valid. 0: never written. */
  sequence: number;
  /** Number of the 64 KiB of data, or -1. */
  slot: number;
  /** Sectors that are not in the slot read as zeroes, not from the base. */
  zero: boolean;
  /** `BITMAP_WORDS` words: the sectors in the slot. */
  readonly bitmap: Uint32Array;
}

const FLAG_ZERO = 1;
/** Sequence, slot + 1, flags, bitmap; the checksum is last and covers the cluster's number as well. */
const ENTRY_AT = { sequence: 0, slot: 4, flags: 8, bitmap: 12, crc: 28 } as const;

const covered = new Uint8Array(ENTRY_BYTES);

function entryCrc(bytes: Uint8Array, cluster: number): number {
  covered.set(bytes.subarray(0, ENTRY_AT.crc));
  new DataView(covered.buffer).setUint32(ENTRY_AT.crc, cluster, true);
  return crc32(covered);
}

/** Where the copy of a sequence number lies in the file: versions alternate. */
export function entryPosition(cluster: number, sequence: number): number {
  return HEADER_BYTES + cluster * CELL_BYTES + (sequence % COPIES) * ENTRY_BYTES;
}

/** Writes an entry under a sequence number of its own into `into`. */
export function encodeEntry(entry: Entry, cluster: number, sequence: number, into: Uint8Array): void {
  const view = new DataView(into.buffer, into.byteOffset, ENTRY_BYTES);
  view.setUint32(ENTRY_AT.sequence, sequence, true);
  view.setUint32(ENTRY_AT.slot, entry.slot + 1, true);
  view.setUint32(ENTRY_AT.flags, entry.zero ? FLAG_ZERO : 0, true);
  entry.bitmap.forEach((word, i) => view.setUint32(ENTRY_AT.bitmap + i * 4, word, true));
  view.setUint32(ENTRY_AT.crc, entryCrc(into, cluster), true);
}

/** The valid entry among a cell's copies; null: the cluster was never written; "damaged": there was one. */
export function decodeCell(cell: Uint8Array, cluster: number): Entry | null | "damaged" {
  let best: Entry | null = null;
  let bad = 0;
  for (let copy = 0; copy < COPIES; copy++) {
    const bytes = cell.subarray(copy * ENTRY_BYTES, (copy + 1) * ENTRY_BYTES);
    if (bytes.every((b) => b === 0)) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, ENTRY_BYTES);
    if (view.getUint32(ENTRY_AT.crc, true) !== entryCrc(bytes, cluster)) {
      bad++;
      continue;
    }
    const sequence = view.getUint32(ENTRY_AT.sequence, true);
    if (best !== null && best.sequence > sequence) continue;
    best = {
      sequence,
      slot: view.getUint32(ENTRY_AT.slot, true) - 1,
      zero: (view.getUint32(ENTRY_AT.flags, true) & FLAG_ZERO) !== 0,
      bitmap: Uint32Array.from({ length: BITMAP_WORDS }, (_, i) => view.getUint32(ENTRY_AT.bitmap + i * 4, true)),
    };
  }
  // One bad copy is a write that was cut off; the other one is what it would have replaced.
  return best ?? (bad === COPIES ? "damaged" : null);
}
