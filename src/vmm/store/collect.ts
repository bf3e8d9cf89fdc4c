/** Garbage: marks from all records, drops packs that nobody needs, rewrites those that are mostly dead, joins small ones. */
import type { StoreRecord } from "./api.ts";
import { turn } from "./archive.ts";
import type { KeptPack } from "./catalog.ts";
import { StoreError, type RecordReferences } from "./objects.ts";
import type { Pack } from "./pack.ts";
import type { PackReader } from "./reader.ts";
import { copyFrame, framesOf, Marks, walk, type FrameSink, type FrameUse } from "./references.ts";

/** A pack is rewritten when less than this part of it is alive. */
const LIVE_SHARE = 0.5;
/** A reader looks into each pack: this many small ones become one. */
const SMALL_BYTES = 4 << 20;
const SMALL_PACKS = 16;

export interface Survey {
  readonly dead: readonly KeptPack[];
  readonly rewrite: readonly { readonly kept: KeptPack; readonly frames: readonly FrameUse[] }[];
  /** Bytes that nobody needs, in the packs that stay as well. */
  readonly deadBytes: number;
}

/** Everything that records reach. StoreError, naming the record: something is missing, so nothing may be called garbage. */
export async function markAll(records: readonly StoreRecord[], held: Iterable<RecordReferences>, reader: PackReader): Promise<Marks> {
  const marks = new Marks();
  const known = new Set<string>();
  for (const { key, references } of records) {
    try {
      walk(reader, references, (_id, found) => marks.mark(found), known);
    } catch (e) {
      throw new StoreError(`nothing was cleaned up: '${key}' is damaged (${(e as Error).message}); remove it first`, { cause: e });
    }
    await turn();
  }
  for (const references of held) walk(reader, references, (_id, found) => marks.mark(found), known);
  return marks;
}

/** The part of a pack's bytes that its live objects take, by their share of each frame. */
function liveBytes(pack: Pack, frames: readonly FrameUse[]): number {
  let sum = 0;
  for (const { frame, entries, bytes } of frames) {
    if (entries.length === 0) continue;
    const place = pack.frame(frame);
    sum += place.packed * Math.min(1, bytes / place.bytes);
  }
  return sum;
}

export async function survey(packs: readonly KeptPack[], marks: Marks): Promise<Survey> {
  const dead: KeptPack[] = [];
  const rewrite: { kept: KeptPack; frames: readonly FrameUse[] }[] = [];
  const small: typeof rewrite = [];
  let deadBytes = 0;
  for (const kept of packs) {
    const frames = framesOf(kept.pack, (entry) => marks.has(kept.pack, entry));
    const live = liveBytes(kept.pack, frames);
    deadBytes += Math.max(0, Math.round(kept.record.bytes - live));
    const part = { kept, frames };
    if (frames.every(({ entries }) => entries.length === 0)) dead.push(kept);
    else if (live < kept.record.bytes * LIVE_SHARE && live < kept.record.bytes - 4096) rewrite.push(part);
    else if (kept.record.bytes < SMALL_BYTES) small.push(part);
    await turn();
  }
  if (small.length > SMALL_PACKS) rewrite.push(...small);
  return { dead, rewrite, deadBytes };
}

/** Copies what is alive. Oldest pack first, so that neighbours stay neighbours. */
export async function rewriteInto(parts: Survey["rewrite"], into: FrameSink): Promise<void> {
  for (const { kept, frames } of [...parts].reverse()) {
    for (const use of frames) copyFrame(kept.pack, use, into);
    await turn();
  }
}
