/** The container of a recorded run: magic, version, header, then chunks, each compressed and with its checksum. docs/REPLAY.md. */
import { deflateSync, inflateSync } from "fflate";
import { UserError } from "../../base/errors.ts";
import { crc32 } from "../boot/crc32.ts";

/** "TABVREC" and Ctrl-Z, which ends the listing of a file that is no text. */
const MAGIC = Uint8Array.of(0x54, 0x41, 0x42, 0x56, 0x52, 0x45, 0x43, 0x1a);
export const LOG_VERSION = 1;
/** Magic, version (u16), zero (u16), length of the header (u32). */
const PREFIX_BYTES = 16;
/** Payload (u32), kind (u32), bytes before compression (u32), instructions (f64), checksum (u32) of all that and the payload. */
const FRAME_BYTES = 24;
const FRAME_CHECKED = 20;
/** Nothing that we write is larger. */
const MAX_HEADER = 1 << 24;
const MAX_CHUNK = 1 << 28;
/** fflate's: 1 is fast, and logs are mostly numbers. */
const LEVEL = 1;

export type ChunkKind = "events" | "state";
const KINDS: readonly ChunkKind[] = ["events", "state"];

export function encodeHead(header: object): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(PREFIX_BYTES + text.length + 4);
  const view = new DataView(out.buffer);
  out.set(MAGIC);
  view.setUint16(8, LOG_VERSION, true);
  view.setUint32(12, text.length, true);
  out.set(text, PREFIX_BYTES);
  view.setUint32(PREFIX_BYTES + text.length, crc32(text), true);
  return out;
}

/** `instructions`: how far the run has come at the chunk's end, over all its resets. */
export function encodeChunk(kind: ChunkKind, data: Uint8Array, instructions: number): Uint8Array<ArrayBuffer> {
  const payload = deflateSync(data, { level: LEVEL });
  const out = new Uint8Array(FRAME_BYTES + payload.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, KINDS.indexOf(kind), true);
  view.setUint32(8, data.length, true);
  view.setFloat64(12, instructions, true);
  out.set(payload, FRAME_BYTES);
  view.setUint32(FRAME_CHECKED, checksum(out, 0, out.length), true);
  return out;
}

function checksum(log: Uint8Array, at: number, end: number): number {
  return (crc32(log.subarray(at, at + FRAME_CHECKED)) ^ crc32(log.subarray(at + FRAME_BYTES, end))) >>> 0;
}

export interface Chunk {
  readonly kind: ChunkKind;
  readonly instructions: number;
  /** Unpacks it. Throws UserError. */
  data(): Uint8Array;
}

export interface LogFile {
  /** As JSON has it. */
  readonly header: unknown;
  readonly chunks: readonly Chunk[];
  /** The file ends within a chunk: what wrote it was killed. */
  readonly cut: boolean;
}

/** Reads the container and checks every checksum. Throws UserError. */
export function parseLog(log: Uint8Array): LogFile {
  if (log.length < MAGIC.length || MAGIC.some((b, i) => log[i] !== b)) throw new UserError("this is no recording of Tabvisor");
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  if (log.length < PREFIX_BYTES) throw new UserError("the recording ends within its header");
  const version = view.getUint16(8, true);
  if (version > LOG_VERSION) throw new UserError(`the recording has format version ${version}, and this Tabvisor knows versions up to ${LOG_VERSION}: use a newer one`);
  const length = view.getUint32(12, true);
  if (version === 0 || length > MAX_HEADER) throw new UserError("the recording is damaged: its header makes no sense");
  if (log.length < PREFIX_BYTES + length + 4) throw new UserError("the recording ends within its header");
  const text = log.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
  if (view.getUint32(PREFIX_BYTES + length, true) !== crc32(text)) throw new UserError("the recording is damaged: its header does not match its checksum");
  const chunks: Chunk[] = [];
  let at = PREFIX_BYTES + length + 4;
  while (at + FRAME_BYTES <= log.length) {
    const end = at + FRAME_BYTES + view.getUint32(at, true);
    const kind = KINDS[view.getUint32(at + 4, true)] as ChunkKind | undefined;
    const bytes = view.getUint32(at + 8, true);
    const damaged = new UserError(`the recording is damaged at byte ${at}: a part of it does not match its checksum`);
    if (kind === undefined || bytes > MAX_CHUNK || end - at > MAX_CHUNK) throw damaged;
    if (end > log.length) break;
    if (view.getUint32(at + FRAME_CHECKED, true) !== checksum(log, at, end)) throw damaged;
    const payload = log.subarray(at + FRAME_BYTES, end);
    chunks.push({
      kind,
      instructions: view.getFloat64(at + 12, true),
      data: () => {
        try {
          const data = inflateSync(payload, { out: new Uint8Array(bytes) });
          if (data.length === bytes) return data;
        } catch {
          // The same answer.
        }
        throw damaged;
      },
    });
    at = end;
  }
  return { header: JSON.parse(new TextDecoder().decode(text)) as unknown, chunks, cut: at !== log.length };
}
