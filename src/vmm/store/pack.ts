/** One pack, opened for reading: finds objects by their ids in the index as it lies in the file, and unpacks frames. */
import type { Unpack } from "./codec.ts";
import type { ObjectHash } from "./hash.ts";
import { ID_BYTES, idAt, StoreError, type ObjectId } from "./objects.ts";
import {
  checkHeader, decodeFooter, decodeFrame, decodePlace, FOOTER_BYTES, FRAME_ENTRY_BYTES, HEADER_BYTES, indexBytes, OBJECT_ENTRY_BYTES, type Footer, type FrameEntry, type ObjectEntry,
} from "./pack-format.ts";
import { readExactly, type SealedFile } from "./sealed-file.ts";

/** An id as numbers that compare like its bytes. */
export interface IdWords {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

export function idWords(id: ObjectId): IdWords {
  const word = (at: number): number => parseInt(id.slice(at, at + 8), 16);
  return { a: word(0), b: word(8), c: word(16), d: word(24) };
}

interface Index {
  readonly footer: Footer;
  readonly frames: DataView;
  readonly objects: DataView;
  readonly bytes: Uint8Array;
}

/** What reading and checking takes. */
export interface PackTools {
  readonly hash: ObjectHash;
  readonly unpack: Unpack;
}

export class Pack {
  private loaded: Index | null = null;

  /** Nothing is read before it is asked for. */
  constructor(
    readonly file: SealedFile,
    private readonly tools: PackTools,
  ) {}

  get name(): string {
    return this.file.name;
  }

  /** Reads and checks header, footer and index. StoreError: foreign, damaged, cut short, of a later version. */
  private index(): Index {
    return (this.loaded ??= this.load());
  }

  private load(): Index {
    const { file, tools } = this;
    const size = file.size();
    checkHeader(file.name, readExactly(file, 0, Math.min(size, HEADER_BYTES)));
    const footer = decodeFooter(file.name, readExactly(file, Math.max(0, size - FOOTER_BYTES), Math.min(size, FOOTER_BYTES)), size, tools.hash);
    const bytes = readExactly(file, footer.indexAt, indexBytes(footer));
    if (tools.hash(bytes) !== idAt(footer.indexSum, 0)) throw new StoreError(`${file.name}: the file is damaged (its index has a wrong checksum)`);
    const objectsAt = footer.frames * FRAME_ENTRY_BYTES;
    return {
      footer,
      bytes,
      frames: new DataView(bytes.buffer, 0, objectsAt),
      objects: new DataView(bytes.buffer, objectsAt, footer.objects * OBJECT_ENTRY_BYTES),
    };
  }

  /** The checks of opening, now. */
  check(): void {
    this.index();
  }

  get objectCount(): number {
    return this.index().footer.objects;
  }

  get frameCount(): number {
    return this.index().footer.frames;
  }

  /** The manifest as it lies in the file, and its unpacked length; null: there is none. */
  manifest(): { readonly packed: Uint8Array; readonly bytes: number } | null {
    const { footer, bytes } = this.index();
    if (footer.manifestBytes === 0) return null;
    return { packed: bytes.subarray(bytes.length - footer.manifestPacked), bytes: footer.manifestBytes };
  }

  /** Number of an object's entry, or -1. Ids are spread evenly, so a guess by value is right within a few entries. */
  find(id: IdWords): number {
    const { objects, footer } = this.index();
    let low = 0;
    let high = footer.objects - 1;
    let lowKey = 0;
    let highKey = 2 ** 32;
    let guesses = 0;
    while (low <= high) {
      // A hostile index must not make this slow: halves after some guesses.
      const middle = guesses++ < 8 ? Math.min(high, low + Math.floor(((id.a - lowKey) / (highKey - lowKey)) * (high - low + 1))) : (low + high) >>> 1;
      const order = compare(objects, middle * OBJECT_ENTRY_BYTES, id);
      if (order === 0) return middle;
      const key = objects.getUint32(middle * OBJECT_ENTRY_BYTES, false);
      if (order < 0) {
        low = middle + 1;
        lowKey = Math.min(key, id.a);
      } else {
        high = middle - 1;
        highKey = Math.max(key, id.a) + 1;
      }
    }
    return -1;
  }

  idOf(entry: number): ObjectId {
    const { objects } = this.index();
    return idAt(new Uint8Array(objects.buffer, objects.byteOffset, objects.byteLength), entry * OBJECT_ENTRY_BYTES);
  }

  frameOf(entry: number): number {
    return this.index().objects.getUint32(entry * OBJECT_ENTRY_BYTES + ID_BYTES, true);
  }

  place(entry: number): Omit<ObjectEntry, "id"> {
    const { objects } = this.index();
    return { frame: this.frameOf(entry), ...decodePlace(objects.getUint32(entry * OBJECT_ENTRY_BYTES + ID_BYTES + 4, true)) };
  }

  entry(entry: number): ObjectEntry {
    return { id: this.idOf(entry), ...this.place(entry) };
  }

  frame(number: number): FrameEntry {
    const { frames, footer } = this.index();
    if (number >= footer.frames) throw new StoreError(`${this.name}: the file is damaged (there is no frame ${number})`);
    return decodeFrame(this.name, frames, number, footer.indexAt);
  }

  /** A frame as it lies in the file. */
  packedFrame(number: number): Uint8Array {
    const { at, packed } = this.frame(number);
    return readExactly(this.file, at, packed);
  }

  /** The unpacked frame. StoreError: damaged. */
  unpackedFrame(number: number, packed = this.packedFrame(number)): Uint8Array {
    const { bytes } = this.frame(number);
    try {
      return this.tools.unpack(packed, bytes);
    } catch (e) {
      if (e instanceof StoreError) throw e;
      throw new StoreError(`${this.name}: frame ${number} is damaged: ${(e as Error).message}`, { cause: e });
    }
  }

  /** An object out of its unpacked frame, checked against its name. */
  cut(frame: Uint8Array, { id, offset, length }: ObjectEntry): Uint8Array {
    const bytes = frame.subarray(offset, offset + length);
    if (bytes.length !== length || this.tools.hash(bytes) !== id) throw new StoreError(`${this.name}: the stored object ${id} is damaged`);
    return bytes;
  }

  close(): void {
    this.file.close();
  }
}

function compare(objects: DataView, at: number, id: IdWords): number {
  const a = objects.getUint32(at, false);
  if (a !== id.a) return a < id.a ? -1 : 1;
  const b = objects.getUint32(at + 4, false);
  if (b !== id.b) return b < id.b ? -1 : 1;
  const c = objects.getUint32(at + 8, false);
  if (c !== id.c) return c < id.c ? -1 : 1;
  const d = objects.getUint32(at + 12, false);
  return d === id.d ? 0 : d < id.d ? -1 : 1;
}
