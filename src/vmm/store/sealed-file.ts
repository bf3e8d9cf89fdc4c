/** Files that do not change any more, read synchronously: Blobs and OPFS files in a worker, anything of bytes elsewhere. */
import type { ByteStore } from "../storage/byte-store.ts";
import { StoreError } from "./objects.ts";

/** Methods throw what their host throws. */
export type SealedFile = Pick<ByteStore, "name" | "size" | "read" | "close">;

/** A Blob or File. Only workers can wait for one. */
export class BlobFile implements SealedFile {
  private readonly reader = new FileReaderSync();

  constructor(
    readonly name: string,
    private readonly blob: Blob,
  ) {}

  size(): number {
    return this.blob.size;
  }

  read(at: number, into: Uint8Array): number {
    const bytes = new Uint8Array(this.reader.readAsArrayBuffer(this.blob.slice(at, at + into.length)));
    into.set(bytes);
    return bytes.length;
  }

  close(): void {
    // The browser closes it.
  }
}

/** Exactly `length` bytes. StoreError: they are not there, or cannot be read. */
export function readExactly(file: SealedFile, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let got: number;
  try {
    got = file.read(at, bytes);
  } catch (e) {
    throw new StoreError(`${file.name}: cannot be read: ${(e as Error).message.split("\n", 1)[0]}`, { cause: e });
  }
  if (got < length) throw new StoreError(`${file.name}: the file is cut short`);
  return bytes;
}
