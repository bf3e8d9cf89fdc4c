/** A file as storage sees it: bytes at offsets, read and written synchronously. Below raw disks, overlays and caches. */
import { segmentBytes, type BlockError } from "../../base/block.ts";
import { cut, gather, scatter, zero } from "./segments.ts";

/** Methods throw what their host throws; `storeError` makes a disk's error of it. Offsets and lengths are bytes. */
export interface ByteStore {
  /** For messages. */
  readonly name: string;
  size(): number;
  /** Fills `into` from `at`. Returns how many bytes there were: fewer than asked for only at the end. */
  read(at: number, into: Uint8Array): number;
  /** Writes all of `from`, or throws. A gap before `at` reads as zeroes. */
  write(at: number, from: Uint8Array): void;
  truncate(size: number): void;
  /** What was written before is on stable storage afterwards. */
  flush(): void;
  close(): void;
  /** Gives a range's memory back; it reads as zeroes. Absent where a file cannot have holes. */
  discard?(at: number, length: number): void;
  /** `read` and `write` for lists of segments, at once. Absent where each segment would cost a call of the host's. */
  readList?(at: number, into: readonly Uint8Array[]): number;
  writeList?(at: number, from: readonly Uint8Array[]): void;
}

/** Storage that is full, as stores of ours say it. */
export class StoreFullError extends Error {
  override readonly name = "QuotaExceededError";
}

const CODES_FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** What a store has thrown, as a disk's error. */
export function storeError(name: string, thrown: unknown): BlockError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const code = (error as { readonly code?: unknown }).code;
  if (error.name === "QuotaExceededError" || (typeof code === "string" && CODES_FULL.has(code))) {
    return { kind: "no-space", message: `${name}: there is no space left for what the guest writes` };
  }
  return { kind: "io", message: `${name}: ${error.message.split("\n", 1)[0]}` };
}

/** Small segments go through one buffer: a call for each would cost more than the copy. */
const BOUNCE_BYTES = 1 << 18;
const bounce = new Uint8Array(BOUNCE_BYTES);

/** Fills the segments from `at`; what is beyond the end of the store reads as zeroes. */
export function readSegments(store: ByteStore, at: number, into: readonly Uint8Array[]): void {
  if (store.readList !== undefined) {
    const got = store.readList(at, into);
    const bytes = segmentBytes(into);
    if (got < bytes) zero(cut(into, got, bytes - got));
    return;
  }
  for (const { segments, offset, bytes } of batches(into)) {
    const target = segments.length === 1 ? segments[0] : bounce.subarray(0, bytes);
    const got = store.read(at + offset, target);
    if (got < bytes) target.fill(0, got);
    if (segments.length > 1) scatter(target, segments);
  }
}

export function writeSegments(store: ByteStore, at: number, from: readonly Uint8Array[]): void {
  if (store.writeList !== undefined) {
    store.writeList(at, from);
    return;
  }
  for (const { segments, offset } of batches(from)) {
    store.write(at + offset, segments.length === 1 ? segments[0] : gather(segments, bounce));
  }
}

interface Batch {
  readonly segments: readonly Uint8Array[];
  /** From the start of the list. */
  readonly offset: number;
  readonly bytes: number;
}

/** A large segment alone, or several that fit the buffer together. */
function* batches(list: readonly Uint8Array[]): Generator<Batch> {
  let segments: Uint8Array[] = [];
  let offset = 0;
  let bytes = 0;
  for (const segment of list) {
    if (segments.length > 0 && bytes + segment.length > BOUNCE_BYTES) {
      yield { segments, offset, bytes };
      offset += bytes;
      segments = [];
      bytes = 0;
    }
    if (segment.length === 0) continue;
    segments.push(segment);
    bytes += segment.length;
  }
  if (segments.length > 0) yield { segments, offset, bytes };
}

const ZEROES = new Uint8Array(1 << 16);

/** Zeroes as segments that share one buffer. */
export function zeroes(bytes: number): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= ZEROES.length) list.push(left >= ZEROES.length ? ZEROES : ZEROES.subarray(0, left));
  return list;
}

