/** Writes one pack: collects objects into frames, frames into the file, and ends it with index and footer. */
import type { ByteStore } from "../storage/byte-store.ts";
import type { Packer } from "./codec.ts";
import type { ObjectHash } from "./hash.ts";
import { ID_BYTES, StoreError, writeId, type ObjectId } from "./objects.ts";
import {
  encodeFooter, encodeFrames, encodeHeader, encodePlace, FOOTER_BYTES, FRAME_BYTES_MAX, MANIFEST_BYTES_MAX, OBJECT_ENTRY_BYTES, type FrameEntry, type ObjectEntry,
} from "./pack-format.ts";

/** A frame is closed when it has this many bytes: a page is read by unpacking this much. */
export const FRAME_TARGET_BYTES = 32 * 1024;
/** Frames go to the file in pieces of this size: a call costs as much as copying some kilobytes. */
const WRITE_BYTES = 1 << 18;

export interface PackWriterTools {
  readonly hash: ObjectHash;
  readonly pack: Packer;
}

export interface SealedPack {
  readonly bytes: number;
  readonly objects: number;
}

export class PackWriter {
  private readonly frames: FrameEntry[] = [];
  private readonly entries: Omit<ObjectEntry, "id">[] = [];
  /** Numbers of the entries above. */
  private readonly ids = new Map<ObjectId, number>();
  private readonly open = new Uint8Array(FRAME_BYTES_MAX);
  private openBytes = 0;
  private readonly buffer = new Uint8Array(WRITE_BYTES);
  private buffered = 0;
  /** Of the file, written or buffered. */
  private at = 0;

  /** Methods throw what the file throws; then the pack is lost. */
  constructor(
    private readonly file: ByteStore,
    private readonly tools: PackWriterTools,
  ) {
    this.append(encodeHeader());
  }

  get objects(): number {
    return this.entries.length;
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.at + this.openBytes;
  }

  has(id: ObjectId): boolean {
    return this.ids.has(id);
  }

  /** Adds an object that is not here yet, of a checked length. */
  add(id: ObjectId, object: Uint8Array): void {
    if (this.openBytes + object.length > Math.max(FRAME_TARGET_BYTES, object.length)) this.closeFrame();
    this.ids.set(id, this.entries.length);
    this.entries.push({ frame: this.frames.length, offset: this.openBytes, length: object.length });
    this.open.set(object, this.openBytes);
    this.openBytes += object.length;
    if (this.openBytes >= FRAME_TARGET_BYTES) this.closeFrame();
  }

  /** Adds a whole frame as it is, with its objects; none of them is here yet. `bytes`: its unpacked length. */
  addFrame(packed: Uint8Array, bytes: number, objects: readonly Omit<ObjectEntry, "frame">[]): void {
    this.closeFrame();
    for (const { id, offset, length } of objects) {
      this.ids.set(id, this.entries.length);
      this.entries.push({ frame: this.frames.length, offset, length });
    }
    this.frames.push({ at: this.at, packed: packed.length, bytes });
    this.append(packed);
  }

  private closeFrame(): void {
    if (this.openBytes === 0) return;
    const packed = this.tools.pack(this.open.subarray(0, this.openBytes));
    this.frames.push({ at: this.at, packed: packed.length, bytes: this.openBytes });
    this.openBytes = 0;
    this.append(packed);
  }

  private append(bytes: Uint8Array): void {
    if (this.buffered + bytes.length > this.buffer.length) this.drain();
    if (bytes.length > this.buffer.length) this.file.write(this.at, bytes);
    else {
      this.buffer.set(bytes, this.buffered);
      this.buffered += bytes.length;
    }
    this.at += bytes.length;
  }

  private drain(): void {
    if (this.buffered > 0) this.file.write(this.at - this.buffered, this.buffer.subarray(0, this.buffered));
    this.buffered = 0;
  }

  /** Index, footer, stable storage. `manifest`: text of an export. */
  seal(manifest: Uint8Array | null = null): SealedPack {
    this.closeFrame();
    if (manifest !== null && manifest.length > MANIFEST_BYTES_MAX) throw new StoreError(`the description has ${manifest.length} bytes: too long`);
    const indexAt = this.at;
    const packedManifest = manifest === null ? new Uint8Array(0) : this.tools.pack(manifest);
    const index = concat([encodeFrames(this.frames), this.objectTable(), packedManifest]);
    this.append(index);
    const footer = {
      indexAt, frames: this.frames.length, objects: this.entries.length, manifestPacked: packedManifest.length, manifestBytes: manifest?.length ?? 0,
    };
    const last = encodeFooter(footer, this.tools.hash(index), this.tools.hash);
    this.append(last);
    this.drain();
    this.file.flush();
    return { bytes: indexAt + index.length + FOOTER_BYTES, objects: this.entries.length };
  }

  private objectTable(): Uint8Array {
    const table = new Uint8Array(this.entries.length * OBJECT_ENTRY_BYTES);
    const view = new DataView(table.buffer);
    // Hexadecimal digits sort like the bytes.
    [...this.ids.keys()].sort().forEach((id, i) => {
      const { frame, offset, length } = this.entries[this.ids.get(id) ?? 0];
      writeId(id, table, i * OBJECT_ENTRY_BYTES);
      view.setUint32(i * OBJECT_ENTRY_BYTES + ID_BYTES, frame, true);
      view.setUint32(i * OBJECT_ENTRY_BYTES + ID_BYTES + 4, encodePlace(offset, length), true);
    });
    return table;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

