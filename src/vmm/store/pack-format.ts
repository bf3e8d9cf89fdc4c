/** A pack: a file with objects in compressed frames, an index and a footer. docs/SNAPSHOTS.md describes it. Exports are packs too. */
import { ID_BYTES, idAt, OBJECT_BYTES_MAX, StoreError, type ObjectId } from "./objects.ts";
import type { ObjectHash } from "./hash.ts";

export const VERSION = 1;
const MAGIC = 0x524f_5349_5642_4154n; // "TABVISOR"
/** Opens a footer: a file that ends in anything else is not whole. */
const FOOTER_MAGIC = 0x444e_4556_4953_4f52n; // "ROSIVEND"

export const HEADER_BYTES = 16;
const HEADER = { magic: 0, version: 8 } as const;

export const FOOTER_BYTES = 64;
const FOOTER = { magic: 0, indexAt: 8, frames: 16, objects: 20, manifestPacked: 24, manifestBytes: 28, indexSum: 32, footerSum: 48 } as const;

/** Frame: offset (u64), packed length, unpacked length. */
export const FRAME_ENTRY_BYTES = 16;
/** Object: id, number of the frame, offset in the unpacked frame (16 bits) and length - 1 (16 bits). */
export const OBJECT_ENTRY_BYTES = ID_BYTES + 8;

/** Unpacked bytes of a frame at most: what one read of one page costs. docs/RATIONALE.md has the measurement. */
export const FRAME_BYTES_MAX = 64 * 1024;
/** Packed bytes of a frame at most: zstd never adds more. */
export const PACKED_BYTES_MAX = FRAME_BYTES_MAX + 1024;
/** For definitions, records and texts of an export. */
export const MANIFEST_BYTES_MAX = 256 << 20;

export interface Footer {
  /** Where the frames end and the index begins: frames' table, objects' table, manifest. */
  readonly indexAt: number;
  readonly frames: number;
  readonly objects: number;
  /** Bytes of the manifest in the file, and unpacked. 0: there is none. */
  readonly manifestPacked: number;
  readonly manifestBytes: number;
  /** Of the index with the manifest, binary. */
  readonly indexSum: Uint8Array;
}

export function indexBytes({ frames, objects, manifestPacked }: Footer): number {
  return frames * FRAME_ENTRY_BYTES + objects * OBJECT_ENTRY_BYTES + manifestPacked;
}

export function encodeHeader(): Uint8Array {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  view.setBigUint64(HEADER.magic, MAGIC, true);
  view.setUint32(HEADER.version, VERSION, true);
  return new Uint8Array(view.buffer);
}

/** StoreError, beginning with `name`: not one of ours, or one of a later version. */
export function checkHeader(name: string, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < HEADER_BYTES || view.getBigUint64(HEADER.magic, true) !== MAGIC) throw new StoreError(`${name}: this is not a file of Tabvisor's`);
  const version = view.getUint32(HEADER.version, true);
  if (version > VERSION) throw new StoreError(`${name}: made by a newer Tabvisor (format ${version}; this one reads up to ${VERSION})`);
  if (version !== VERSION) throw new StoreError(`${name}: its format ${version} is unknown`);
}

function footerSum(bytes: Uint8Array, hash: ObjectHash): string {
  return hash(bytes.subarray(0, FOOTER.footerSum));
}

const hexBytes = (hex: string): Uint8Array => Uint8Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16));

/** `indexSum` is the hash of the index. */
export function encodeFooter(footer: Omit<Footer, "indexSum">, indexSum: string, hash: ObjectHash): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(FOOTER.magic, FOOTER_MAGIC, true);
  view.setBigUint64(FOOTER.indexAt, BigInt(footer.indexAt), true);
  view.setUint32(FOOTER.frames, footer.frames, true);
  view.setUint32(FOOTER.objects, footer.objects, true);
  view.setUint32(FOOTER.manifestPacked, footer.manifestPacked, true);
  view.setUint32(FOOTER.manifestBytes, footer.manifestBytes, true);
  bytes.set(hexBytes(indexSum), FOOTER.indexSum);
  bytes.set(hexBytes(footerSum(bytes, hash)), FOOTER.footerSum);
  return bytes;
}

/** `size` is the file's. StoreError: the file is not whole, or damaged. */
export function decodeFooter(name: string, bytes: Uint8Array, size: number, hash: ObjectHash): Footer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < FOOTER_BYTES || view.getBigUint64(FOOTER.magic, true) !== FOOTER_MAGIC) throw new StoreError(`${name}: the file is cut short`);
  if (footerSum(bytes, hash) !== idAt(bytes, FOOTER.footerSum)) throw new StoreError(`${name}: the file is damaged (its end has a wrong checksum)`);
  const footer: Footer = {
    indexAt: Number(view.getBigUint64(FOOTER.indexAt, true)),
    frames: view.getUint32(FOOTER.frames, true),
    objects: view.getUint32(FOOTER.objects, true),
    manifestPacked: view.getUint32(FOOTER.manifestPacked, true),
    manifestBytes: view.getUint32(FOOTER.manifestBytes, true),
    indexSum: bytes.slice(FOOTER.indexSum, FOOTER.indexSum + ID_BYTES),
  };
  if (footer.indexAt < HEADER_BYTES || footer.indexAt + indexBytes(footer) + FOOTER_BYTES !== size) throw new StoreError(`${name}: the file is cut short or has something in between`);
  if (footer.manifestBytes > MANIFEST_BYTES_MAX) throw new StoreError(`${name}: its description of ${footer.manifestBytes} bytes is too long`);
  return footer;
}

export interface FrameEntry {
  readonly at: number;
  readonly packed: number;
  readonly bytes: number;
}

export interface ObjectEntry {
  readonly id: ObjectId;
  readonly frame: number;
  /** In the unpacked frame. */
  readonly offset: number;
  readonly length: number;
}

export function encodeFrames(frames: readonly FrameEntry[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(frames.length * FRAME_ENTRY_BYTES));
  frames.forEach(({ at, packed, bytes }, i) => {
    view.setBigUint64(i * FRAME_ENTRY_BYTES, BigInt(at), true);
    view.setUint32(i * FRAME_ENTRY_BYTES + 8, packed, true);
    view.setUint32(i * FRAME_ENTRY_BYTES + 12, bytes, true);
  });
  return new Uint8Array(view.buffer);
}

/** StoreError: an entry cannot be. `end`: where the frames end. */
export function decodeFrame(name: string, index: DataView, number: number, end: number): FrameEntry {
  const entry = number * FRAME_ENTRY_BYTES;
  const at = Number(index.getBigUint64(entry, true));
  const packed = index.getUint32(entry + 8, true);
  const bytes = index.getUint32(entry + 12, true);
  if (at < HEADER_BYTES || at + packed > end || packed > PACKED_BYTES_MAX || bytes > FRAME_BYTES_MAX) throw new StoreError(`${name}: frame ${number} has an impossible place`);
  return { at, packed, bytes };
}

/** Place of an object as its entry holds it. */
export function encodePlace(offset: number, length: number): number {
  if (offset + length > FRAME_BYTES_MAX || length < 1 || length > OBJECT_BYTES_MAX) throw new StoreError(`an object of ${length} bytes at ${offset} does not fit a frame`);
  return ((offset << 16) | (length - 1)) >>> 0;
}

export function decodePlace(place: number): { readonly offset: number; readonly length: number } {
  return { offset: place >>> 16, length: (place & 0xffff) + 1 };
}
