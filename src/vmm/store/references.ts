/** What records reach: walked to check a record before it is kept, to find what is garbage, and to export. */
import { decodeTable, StoreError, ZERO_ID, type ObjectId, type RecordReferences } from "./objects.ts";
import type { Found, PackReader } from "./reader.ts";

/** Calls `each` with every object that the references reach, tables first; some more than once. StoreError: one is missing or damaged. */
export function walk(reader: PackReader, references: RecordReferences, each: (id: ObjectId, found: Found) => void, known: Set<ObjectId> = new Set()): void {
  const visit = (id: ObjectId): void => {
    if (id === ZERO_ID) return;
    const found = reader.locate(id);
    if (found === null) throw new StoreError(`the stored object ${id} is missing`);
    each(id, found);
  };
  for (const table of references.tables) {
    if (table === ZERO_ID || known.has(table)) continue;
    visit(table);
    for (const id of decodeTable(reader.read(table))) visit(id);
    known.add(table);
  }
  for (const id of references.objects) visit(id);
}

/** Objects that were reached, by pack: one bit for each entry of the index. */
export class Marks {
  private readonly bits = new Map<Found["pack"], Uint8Array>();

  mark({ pack, entry }: Found): void {
    let bits = this.bits.get(pack);
    if (bits === undefined) this.bits.set(pack, (bits = new Uint8Array((pack.objectCount + 7) >> 3)));
    bits[entry >> 3] |= 1 << (entry & 7);
  }

  has(pack: Found["pack"], entry: number): boolean {
    const bits = this.bits.get(pack);
    return bits !== undefined && (bits[entry >> 3] & (1 << (entry & 7))) !== 0;
  }

  packs(): Iterable<Found["pack"]> {
    return this.bits.keys();
  }
}

/** A pack's entries by frame, those that `wanted` answers for; and how many there are in each. */
export interface FrameUse {
  readonly frame: number;
  readonly entries: readonly number[];
  /** All of the frame's entries are wanted. */
  readonly whole: boolean;
  /** Bytes of the wanted objects. */
  readonly bytes: number;
}

export function framesOf(pack: Found["pack"], wanted: (entry: number) => boolean): FrameUse[] {
  const all = new Uint32Array(pack.frameCount);
  const entries: number[][] = Array.from({ length: pack.frameCount }, () => []);
  const bytes = new Uint32Array(pack.frameCount);
  for (let i = 0; i < pack.objectCount; i++) {
    const { frame, length } = pack.place(i);
    if (frame >= all.length) throw new StoreError(`${pack.name}: the file is damaged (an object in frame ${frame})`);
    all[frame]++;
    if (!wanted(i)) continue;
    entries[frame].push(i);
    bytes[frame] += length;
  }
  return entries.map((list, frame) => ({ frame, entries: list, whole: list.length === all[frame], bytes: bytes[frame] }));
}

/** Takes the wanted objects of a pack over: whole frames as they are. The caller has them all checked against their names. */
export interface FrameSink {
  has(id: ObjectId): boolean;
  add(id: ObjectId, object: Uint8Array): void;
  addFrame(packed: Uint8Array, bytes: number, objects: readonly { readonly id: ObjectId; readonly offset: number; readonly length: number }[]): void;
}

export function copyFrame(pack: Found["pack"], use: FrameUse, into: FrameSink): void {
  if (use.entries.length === 0) return;
  const packed = pack.packedFrame(use.frame);
  const frame = pack.unpackedFrame(use.frame, packed);
  const objects = use.entries.map((i) => pack.entry(i));
  const contents = objects.map((entry) => pack.cut(frame, entry));
  if (use.whole && !objects.some(({ id }) => into.has(id)) && new Set(objects.map(({ id }) => id)).size === objects.length) into.addFrame(packed, frame.length, objects);
  else objects.forEach(({ id }, i) => into.has(id) || into.add(id, contents[i]));
}
