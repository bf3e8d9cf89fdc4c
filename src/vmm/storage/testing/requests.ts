/** For tests: disk requests as promises, random requests against a model of plain bytes. */
import { SECTOR_BYTES, type BlockBackend, type BlockError } from "../../../base/block.ts";

type Outcome = Promise<BlockError | null>;

const once = (start: (done: (error: BlockError | null) => void) => void): Outcome =>
  new Promise((resolve, reject) => {
    let called = false;
    start((error) => {
      if (called) reject(new Error("done was called twice"));
      called = true;
      resolve(error);
    });
  });

export const read = (disk: BlockBackend, sector: number, into: readonly Uint8Array[]): Outcome => once((done) => disk.read(sector, into, done));
export const write = (disk: BlockBackend, sector: number, from: readonly Uint8Array[]): Outcome => once((done) => disk.write(sector, from, done));
export const flush = (disk: BlockBackend): Outcome => once((done) => disk.flush(done));
export const discard = (disk: BlockBackend, sector: number, count: number): Outcome => once((done) => disk.discard(sector, count, done));
export const writeZeroes = (disk: BlockBackend, sector: number, count: number, unmap: boolean): Outcome =>
  once((done) => disk.writeZeroes(sector, count, unmap, done));

/** Bytes of a disk; throws the disk's error. */
export async function bytesOf(disk: BlockBackend, sector = 0, count = disk.sectors): Promise<Uint8Array> {
  const bytes = new Uint8Array(count * SECTOR_BYTES);
  const error = await read(disk, sector, [bytes]);
  if (error !== null) throw new Error(`${error.kind}: ${error.message}`);
  return bytes;
}

/** Numbers that look random and are the same each time (xorshift32). */
export class Chance {
  constructor(private state: number) {}
  next(below: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % below;
  }
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i++) out[i] = this.next(256);
    return out;
  }
  /** The bytes as a list of segments of any lengths. */
  segments(bytes: Uint8Array): Uint8Array[] {
    const list: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, 1 + this.next(3) * 511 + this.next(5000));
      list.push(bytes.subarray(at, at + length));
      at += length;
    }
    return list;
  }
}

/** Does `steps` random requests on the disk and on the model, and says what differs first, or null. */
export async function compareWithModel(disk: BlockBackend, model: Uint8Array, chance: Chance, steps: number): Promise<string | null> {
  const kinds = disk.readOnly ? 1 : 5;
  for (let step = 0; step < steps; step++) {
    const sector = chance.next(disk.sectors);
    const count = Math.min(disk.sectors - sector, 1 + chance.next(chance.next(4) === 0 ? 600 : 40));
    const [at, bytes] = [sector * SECTOR_BYTES, count * SECTOR_BYTES];
    const part = model.subarray(at, at + bytes);
    const where = `step ${step}, sectors ${sector}+${count}`;
    let error: BlockError | null = null;
    switch (chance.next(kinds)) {
      case 0: {
        const got = new Uint8Array(bytes).fill(0xa5);
        error = await read(disk, sector, chance.segments(got));
        const wrong = got.findIndex((b, i) => b !== part[i]);
        if (error === null && wrong >= 0) return `${where}: byte ${at + wrong} reads as ${got[wrong]}, not ${part[wrong]}`;
        break;
      }
      case 1:
      case 2: {
        const fresh = chance.bytes(bytes);
        error = await write(disk, sector, chance.segments(fresh));
        part.set(fresh);
        break;
      }
      case 3: {
        error = await writeZeroes(disk, sector, count, chance.next(2) === 0);
        part.fill(0);
        break;
      }
      case 4: {
        error = await flush(disk);
        break;
      }
    }
    if (error !== null) return `${where}: ${error.kind}: ${error.message}`;
  }
  return null;
}
