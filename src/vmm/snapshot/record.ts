/** What is kept of a snapshot beside its objects: a small record, and which objects belong to it. docs/SNAPSHOTS.md */
import { UserError } from "../../base/errors.ts";
import { isObjectId, type ObjectId, type RecordReferences } from "../store/objects.ts";
import { chunksOf } from "./page-table.ts";

/** The format of records and of what they refer to. */
export const SNAPSHOT_VERSION = 1;

/** What a guest's writes have made of one disk: blocks of 4 KiB above what lies below it. */
export interface DiskLayerRecord {
  /** Sectors of 512 bytes. */
  readonly sectors: number;
  /** What lies below, as the drive's maker named it: a layer above something else would be garbage. */
  readonly base: string;
  /** Runs of 512 blocks in which something was written: number of the run, its table of blocks, and the sectors in each block (a byte, bit 0 the first). */
  readonly chunks: readonly (readonly [chunk: number, table: ObjectId, sectors: ObjectId])[];
}

export interface SnapshotRecord {
  readonly id: string;
  readonly version: typeof SNAPSHOT_VERSION;
  readonly machineId: string;
  readonly parent: string | null;
  readonly name: string;
  readonly notes: string;
  /** Host time, ms since 1970. */
  readonly createdMs: number;
  /** How the machine is defined: the manager's; nothing here looks into it. */
  readonly definition: unknown;
  readonly ramBytes: number;
  /** Tables of 512 page ids each, one for each 2 MiB of RAM. */
  readonly ram: readonly ObjectId[];
  /** The same of video memory; empty where there is none. */
  readonly video: readonly ObjectId[];
  /** The encoded state of everything else (state-codec.ts), in pieces. */
  readonly state: readonly ObjectId[];
  /** By the drive's name. */
  readonly disks: Readonly<Record<string, DiskLayerRecord>>;
  readonly instructions: number;
  readonly guestTimeNs: number;
  /** An image file. */
  readonly thumbnail: ObjectId | null;
  /** The end of what the serial console has shown. */
  readonly terminalTail: string;
  /** Bytes of the objects that were new with this snapshot, before compression. */
  readonly storedBytes: number;
}

/** The objects that have to be there as long as the record is. */
export function references(record: SnapshotRecord): RecordReferences {
  const disks = Object.values(record.disks).flatMap((d) => d.chunks);
  return {
    objects: [...record.state, ...(record.thumbnail === null ? [] : [record.thumbnail]), ...disks.map(([, , sectors]) => sectors)],
    tables: [...record.ram, ...record.video, ...disks.map(([, table]) => table)],
  };
}

/** `value` as a record, or UserError with the reason. */
export function checkRecord(value: unknown): SnapshotRecord {
  const fail = (why: string): never => {
    throw new UserError(`snapshot: the record cannot be used: ${why}`);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail("it is no record");
  const r = value as Record<string, unknown>;
  if (r["version"] !== SNAPSHOT_VERSION) return fail(`it is of version ${String(r["version"])}, and this program knows version ${SNAPSHOT_VERSION}`);
  for (const field of ["id", "machineId", "name", "notes", "terminalTail"]) if (typeof r[field] !== "string") fail(`'${field}' is not text`);
  for (const field of ["createdMs", "ramBytes", "instructions", "guestTimeNs", "storedBytes"]) {
    const n = r[field];
    if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 0) fail(`'${field}' is not a whole number`);
  }
  if (r["parent"] !== null && typeof r["parent"] !== "string") fail("'parent' is not a name");
  const ids = (field: string, list: unknown, length?: number): void => {
    if (!Array.isArray(list) || !list.every((id) => typeof id === "string" && isObjectId(id))) fail(`'${field}' is not a list of objects`);
    if (length !== undefined && (list as unknown[]).length !== length) fail(`'${field}' has ${(list as unknown[]).length} entries, not ${length}`);
  };
  const ramBytes = r["ramBytes"] as number;
  if (ramBytes % 4096 !== 0 || ramBytes === 0 || ramBytes > 2 ** 32) fail(`a RAM of ${ramBytes} bytes cannot be`);
  ids("ram", r["ram"], chunksOf(ramBytes / 4096));
  ids("video", r["video"]);
  ids("state", r["state"]);
  if (r["thumbnail"] !== null) ids("thumbnail", [r["thumbnail"]]);
  const disks = r["disks"];
  if (typeof disks !== "object" || disks === null || Array.isArray(disks)) return fail("'disks' is no record");
  for (const [name, layer] of Object.entries(disks as Record<string, unknown>)) checkLayer(name, layer, fail);
  return value as SnapshotRecord;
}

function checkLayer(name: string, value: unknown, fail: (why: string) => never): void {
  if (typeof value !== "object" || value === null) return fail(`disk '${name}' is no record`);
  const { sectors, base, chunks } = value as Partial<DiskLayerRecord>;
  if (typeof sectors !== "number" || !Number.isSafeInteger(sectors) || sectors <= 0 || typeof base !== "string" || !Array.isArray(chunks)) {
    return fail(`disk '${name}' is no layer`);
  }
  const last = chunksOf(Math.ceil(sectors / 8));
  let before = -1;
  for (const entry of chunks as readonly unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 3) return fail(`disk '${name}' has an entry that is none`);
    const [chunk, table, sectorMap] = entry as [unknown, unknown, unknown];
    const good = typeof chunk === "number" && Number.isInteger(chunk) && chunk > before && chunk < last && [table, sectorMap].every((id) => typeof id === "string" && isObjectId(id));
    if (!good) return fail(`disk '${name}' has an entry that is none`);
    before = chunk;
  }
}
