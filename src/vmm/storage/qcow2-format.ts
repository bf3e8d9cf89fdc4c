/** The header of a qcow2 image, versions 2 and 3 (QEMU's docs/interop/qcow2.txt), checked. */
import { UserError } from "../../base/errors.ts";

export const QCOW2_MAGIC = 0x5146_49fb; // "QFI\xfb"

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Bytes of the guest's disk. */
  readonly size: number;
  readonly l1Entries: number;
  /** In the file. */
  readonly l1Offset: number;
  readonly compression: "zlib" | "zstd";
  /** Null: no backing file. */
  readonly backing: { readonly name: string; readonly format: string | null } | null;
}

/** Bytes that are read for `parseHeader`: no field of the header lies beyond the first cluster. */
export const HEADER_READ = 64 * 1024;

const CLUSTER_BITS_MIN = 9;
const CLUSTER_BITS_MAX = 21;
const BACKING_NAME_MAX = 1023;
/** QEMU's limit for the L1 table. */
const L1_BYTES_MAX = 32 << 20;

/** By bit number. */
const INCOMPATIBLE: Readonly<Record<number, string>> = { 2: "an external data file", 4: "extended L2 entries" };
const FEATURE = { dirty: 1, corrupt: 2, compression: 8 } as const;
const READABLE = FEATURE.dirty | FEATURE.compression;

const EXTENSION_END = 0;
const EXTENSION_BACKING_FORMAT = 0xe279_2aca;

export function isQcow2(head: Uint8Array): boolean {
  return head.length >= 8 && new DataView(head.buffer, head.byteOffset).getUint32(0) === QCOW2_MAGIC;
}

/** `name` begins every message; `fileBytes` is the length of the image file. Throws UserError. */
export function parseHeader(head: Uint8Array, name: string, fileBytes: number): Qcow2Header {
  const bad = (why: string): UserError => new UserError(`${name}: ${why}`);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (!isQcow2(head)) throw bad("not a qcow2 image");
  if (head.length < 104) throw bad("the qcow2 image is cut short in its header");
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) throw bad(`qcow2 version ${version} is not known (2 and 3 are)`);
  const clusterBits = view.getUint32(20);
  if (clusterBits < CLUSTER_BITS_MIN || clusterBits > CLUSTER_BITS_MAX) throw bad(`the qcow2 header is damaged: clusters of 2^${clusterBits} bytes cannot be`);
  if (view.getUint32(32) !== 0) throw bad("the qcow2 image is encrypted");
  const size = Number(view.getBigUint64(24));
  if (size === 0 || size > 2 ** 50) throw bad(`the qcow2 header is damaged: a disk of ${size} bytes cannot be`);

  const clusterBytes = 2 ** clusterBits;
  const l1Entries = view.getUint32(36);
  const l1Offset = Number(view.getBigUint64(40));
  const perL1 = (clusterBytes / 8) * clusterBytes;
  if (l1Entries * 8 > L1_BYTES_MAX) throw bad(`the qcow2 header is damaged: an L1 table of ${l1Entries} entries is too large`);
  if (l1Entries < Math.ceil(size / perL1)) throw bad("the qcow2 header is damaged: the L1 table is smaller than the disk");
  if (l1Offset === 0 || l1Offset % clusterBytes !== 0) throw bad(`the qcow2 header is damaged: the L1 table's offset 0x${l1Offset.toString(16)} cannot be`);
  if (l1Offset + l1Entries * 8 > fileBytes) throw bad("the qcow2 image is cut short: its L1 table lies beyond the end of the file");

  let headerBytes = 72;
  let compression: Qcow2Header["compression"] = "zlib";
  if (version === 3) {
    headerBytes = view.getUint32(100);
    if (headerBytes < 104 || headerBytes > clusterBytes || headerBytes % 8 !== 0) throw bad(`the qcow2 header is damaged: it cannot have ${headerBytes} bytes`);
    const features = view.getBigUint64(72);
    if ((features & BigInt(FEATURE.corrupt)) !== 0n) throw bad("the qcow2 image is marked as corrupt: repair it with 'qemu-img check -r all'");
    const unknown = features & ~BigInt(READABLE);
    if (unknown !== 0n) {
      const bit = unknown.toString(2).length - 1;
      throw bad(`the qcow2 image needs ${INCOMPATIBLE[bit] ?? `a feature that is not known (bit ${bit})`}`);
    }
    if ((features & BigInt(FEATURE.compression)) !== 0n) {
      const type = headerBytes > 104 ? view.getUint8(104) : 0;
      if (type > 1) throw bad(`the qcow2 image's compression type ${type} is not known (zlib and zstd are)`);
      compression = type === 1 ? "zstd" : "zlib";
    }
  }
  return { version, clusterBits, size, l1Entries, l1Offset, compression, backing: parseBacking(view, head, headerBytes, clusterBytes, bad) };
}

function parseBacking(view: DataView, head: Uint8Array, headerBytes: number, clusterBytes: number, bad: (why: string) => UserError): Qcow2Header["backing"] {
  const at = Number(view.getBigUint64(8));
  const length = view.getUint32(16);
  if (at === 0 || length === 0) return null;
  if (length > BACKING_NAME_MAX || at + length > Math.min(head.length, clusterBytes)) throw bad("the qcow2 header is damaged: the backing file's name lies outside of it");
  const text = (from: number, bytes: number): string => new TextDecoder().decode(head.subarray(from, from + bytes));
  let format: string | null = null;
  for (let e = headerBytes; e + 8 <= at; ) {
    const type = view.getUint32(e);
    const bytes = view.getUint32(e + 4);
    if (type === EXTENSION_END || e + 8 + bytes > at) break;
    if (type === EXTENSION_BACKING_FORMAT) format = text(e + 8, bytes);
    e += 8 + Math.ceil(bytes / 8) * 8;
  }
  return { name: text(at, length), format };
}

/** Bits 9 to 55 of L1 and L2 entries: an offset in the file. */
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;
const ALL_ZERO = 1n;

export function l2Offset(l1Entry: bigint): number {
  return Number(l1Entry & OFFSET_MASK);
}

export type Mapping =
  | { readonly kind: "hole" }
  | { readonly kind: "zero" }
  | { readonly kind: "data"; readonly offset: number }
  /** `bytes`: at most so many; the end of the compressed data is in it. */
  | { readonly kind: "compressed"; readonly offset: number; readonly bytes: number };

const HOLE: Mapping = { kind: "hole" };
const ZERO: Mapping = { kind: "zero" };

export function mappingOf(l2Entry: bigint, header: Qcow2Header): Mapping {
  if ((l2Entry & COMPRESSED) !== 0n) {
    const split = BigInt(62 - (header.clusterBits - 8));
    const offset = Number(l2Entry & ((1n << split) - 1n));
    const sectors = Number((l2Entry & (COMPRESSED - 1n)) >> split) + 1;
    return { kind: "compressed", offset, bytes: sectors * 512 - (offset % 512) };
  }
  if (header.version === 3 && (l2Entry & ALL_ZERO) !== 0n) return ZERO;
  const offset = Number(l2Entry & OFFSET_MASK);
  return offset === 0 ? HOLE : { kind: "data", offset };
}
