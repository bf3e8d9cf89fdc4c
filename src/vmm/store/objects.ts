/** Objects: immutable pieces of bytes that are named by the hash of their content. The contract between the store and its users. */
import { UserError } from "../../base/errors.ts";
import type { ObjectHash } from "./hash.ts";

/** BLAKE2b-128 of the content, 32 lower-case hexadecimal digits. */
export type ObjectId = string;

/** Bytes of an id in binary form, as in tables. */
export const ID_BYTES = 16;
/** The longest object. */
export const OBJECT_BYTES_MAX = 64 * 1024;
/** Stands for zeroes of whatever length the reader expects: they are never stored, and this id is never read. */
export const ZERO_ID: ObjectId = "0".repeat(2 * ID_BYTES);

/** An object or a record that is absent, damaged or not ours. The message is one line for the user. */
export class StoreError extends UserError {}

/** Synchronous, in the thread of the one who reads. */
export interface ObjectReader {
  /** The content, in an array that the caller may keep but not change. Throws StoreError if it is absent or damaged. */
  read(id: ObjectId): Uint8Array;
  has(id: ObjectId): boolean;
}

export interface ObjectWriter {
  /**
   * Takes objects of 1 to `OBJECT_BYTES_MAX` bytes in, and gives their ids in the same order: `ZERO_ID` for zeroes. The bytes may be changed as
   * soon as the call has returned. Objects that are given together and are alike (pages by their address) are packed well and read
   * quickly together. Rejects with UserError when storage is full.
   */
  put(objects: readonly Uint8Array[]): Promise<readonly ObjectId[]>;
}

/** What a record needs: the garbage collector keeps it. `ZERO_ID` may appear anywhere. */
export interface RecordReferences {
  readonly objects: readonly ObjectId[];
  /** Objects that are tables (`encodeTable`): they and the objects that they name, which are not looked into. */
  readonly tables: readonly ObjectId[];
}

export function isZero(bytes: Uint8Array): boolean {
  let at = 0;
  if (bytes.byteOffset % 8 === 0) {
    const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 3);
    // -0 has its sign bit set and equals 0: the bytes below decide.
    while (at < words.length && words[at] === 0) at++;
    if (at < words.length) return false;
    at = 0;
  }
  while (at < bytes.length && bytes[at] === 0) at++;
  return at === bytes.length;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** The id at a byte offset of binary ids. */
export function idAt(bytes: Uint8Array, at: number): ObjectId {
  let id = "";
  for (let i = 0; i < ID_BYTES; i++) id += HEX[bytes[at + i]];
  return id;
}

export function isObjectId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Writes an id in binary form. StoreError: it is none. */
export function writeId(id: ObjectId, into: Uint8Array, at: number): void {
  if (!isObjectId(id)) throw new StoreError(`'${id}' is not an object's name`);
  for (let i = 0; i < ID_BYTES; i++) into[at + i] = parseInt(id.slice(2 * i, 2 * i + 2), 16);
}

/** A table of ids as the content of an object: 16 bytes each, zero for `ZERO_ID`. */
export function encodeTable(ids: readonly ObjectId[]): Uint8Array {
  const bytes = new Uint8Array(ids.length * ID_BYTES);
  ids.forEach((id, i) => {
    if (id !== ZERO_ID) writeId(id, bytes, i * ID_BYTES);
  });
  return bytes;
}

/** StoreError: not a whole number of ids. */
export function decodeTable(bytes: Uint8Array): ObjectId[] {
  if (bytes.length % ID_BYTES !== 0) throw new StoreError(`a table of ${bytes.length} bytes is not made of whole entries`);
  return Array.from({ length: bytes.length / ID_BYTES }, (_, i) => idAt(bytes, i * ID_BYTES));
}

/** StoreError: an object of this length cannot be stored. */
export function checkLength(bytes: Uint8Array): void {
  if (bytes.length === 0 || bytes.length > OBJECT_BYTES_MAX) throw new StoreError(`an object of ${bytes.length} bytes cannot be stored: 1 to ${OBJECT_BYTES_MAX} are possible`);
}

export function absent(id: ObjectId): StoreError {
  return new StoreError(`the stored object ${id} is missing`);
}

/** Objects in memory, without compression: for tests, and for what need not be kept. */
export class MemoryObjects implements ObjectReader, ObjectWriter {
  private readonly objects = new Map<ObjectId, Uint8Array>();
  private bytes = 0;

  constructor(private readonly hash: ObjectHash) {}

  /** Number of different objects. */
  get count(): number {
    return this.objects.size;
  }

  /** Sum of their lengths. */
  get heldBytes(): number {
    return this.bytes;
  }

  has(id: ObjectId): boolean {
    return this.objects.has(id);
  }

  read(id: ObjectId): Uint8Array {
    const object = this.objects.get(id);
    if (object === undefined) throw absent(id);
    return object;
  }

  /** As `put`, at once. */
  putNow(objects: readonly Uint8Array[]): ObjectId[] {
    return objects.map((object) => {
      checkLength(object);
      if (isZero(object)) return ZERO_ID;
      const id = this.hash(object);
      if (!this.objects.has(id)) {
        this.objects.set(id, object.slice());
        this.bytes += object.length;
      }
      return id;
    });
  }

  async put(objects: readonly Uint8Array[]): Promise<readonly ObjectId[]> {
    return this.putNow(objects);
  }
}
