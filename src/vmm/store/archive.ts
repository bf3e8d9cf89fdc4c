/** A machine as one file: a pack with all that its records refer to, and the records as its manifest. docs/SNAPSHOTS.md. */
import type { StoreProgress, StoreRecord } from "./api.ts";
import { StoreError } from "./objects.ts";
import type { Pack, PackTools } from "./pack.ts";
import { PackWriter, type PackWriterTools } from "./pack-writer.ts";
import type { ByteStore } from "../storage/byte-store.ts";
import type { PackReader } from "./reader.ts";
import { checkKey, decodeRecord } from "./records.ts";
import { copyFrame, framesOf, Marks, walk, type FrameSink, type FrameUse } from "./references.ts";

const FORMAT = "tabvisor-export";
const MANIFEST_VERSION = 1;

interface Manifest {
  readonly format: typeof FORMAT;
  readonly version: typeof MANIFEST_VERSION;
  readonly records: readonly StoreRecord[];
}

/** Gives others a turn: exports and imports take seconds. */
const TURN_MS = 20;

export async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Calls `frame` for every frame of the list, and reports. */
async function eachFrame(frames: readonly { readonly pack: Pack; readonly use: FrameUse }[], frame: (pack: Pack, use: FrameUse) => void, onProgress: ((progress: StoreProgress) => void) | undefined): Promise<void> {
  const total = frames.reduce((sum, { use }) => sum + use.bytes, 0);
  let done = 0;
  let last = performance.now();
  for (const { pack, use } of frames) {
    frame(pack, use);
    done += use.bytes;
    if (performance.now() - last < TURN_MS) continue;
    onProgress?.({ done, total });
    await turn();
    last = performance.now();
  }
  onProgress?.({ done, total });
}

/** Writes the records with all that they refer to into an empty file. StoreError: something is missing or damaged. */
export async function exportTo(
  file: ByteStore,
  records: readonly StoreRecord[],
  reader: PackReader,
  tools: PackWriterTools,
  onProgress?: (progress: StoreProgress) => void,
): Promise<void> {
  const marks = new Marks();
  const known = new Set<string>();
  for (const record of records) walk(reader, record.references, (_id, found) => marks.mark(found), known);
  const writer = new PackWriter(file, tools);
  const frames = [...marks.packs()].flatMap((pack) => framesOf(pack, (entry) => marks.has(pack, entry)).filter(({ entries }) => entries.length > 0).map((use) => ({ pack, use })));
  await eachFrame(frames, (pack, use) => copyFrame(pack, use, writer), onProgress);
  const manifest: Manifest = { format: FORMAT, version: MANIFEST_VERSION, records };
  writer.seal(new TextEncoder().encode(JSON.stringify(manifest)));
}

/** The records of an export. StoreError: not an export, or one of a newer version. */
export function readManifest(pack: Pack, tools: PackTools): readonly StoreRecord[] {
  const found = pack.manifest();
  if (found === null) throw new StoreError(`${pack.name}: this is no export of a machine, but a part of Tabvisor's store`);
  let manifest: Partial<Record<keyof Manifest, unknown>> | null;
  try {
    manifest = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(tools.unpack(found.packed, found.bytes))) as Partial<Record<keyof Manifest, unknown>> | null;
  } catch (e) {
    throw new StoreError(`${pack.name}: the file is damaged (its list of records cannot be read)`, { cause: e });
  }
  const { format, version, records } = manifest ?? {};
  if (format !== FORMAT || typeof version !== "number") throw new StoreError(`${pack.name}: the file has no list of records`);
  if (version > MANIFEST_VERSION) throw new StoreError(`${pack.name}: made by a newer Tabvisor (records of version ${version}; this one reads up to ${MANIFEST_VERSION})`);
  if (version !== MANIFEST_VERSION || !Array.isArray(records)) throw new StoreError(`${pack.name}: its list of records is of an unknown kind`);
  return (records as readonly unknown[]).map((record) => {
    const key = (record as Partial<StoreRecord> | null)?.key;
    if (typeof key !== "string") throw new StoreError(`${pack.name}: a record has no name`);
    checkKey(key);
    return decodeRecord(key, record);
  });
}

/** Takes all objects of an export over, each checked against its name. */
export async function importObjects(pack: Pack, into: FrameSink, onProgress?: (progress: StoreProgress) => void): Promise<void> {
  await eachFrame(framesOf(pack, () => true).map((use) => ({ pack, use })), (from, use) => copyFrame(from, use, into), onProgress);
}
