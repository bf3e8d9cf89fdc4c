/** A machine out of a snapshot: its small state at once, its memory when it is wanted. */
import { UserError } from "../../base/errors.ts";
import type { StateFields, StateValue } from "../../base/persist.ts";
import type { MachineConfig } from "../config.ts";
import type { Machine } from "../machine/machine.ts";
import { decodeSections, decodeState } from "../state-codec.ts";
import { type ObjectId, type ObjectReader, ZERO_ID } from "../store/objects.ts";
import { identityOf } from "./capture.ts";
import { LazyRam } from "./lazy-ram.ts";
import type { Lineage } from "./lineage.ts";
import { CHUNK_PAGES, chunksOf, PAGE_BYTES, PageTable } from "./page-table.ts";
import { checkRecord, type SnapshotRecord } from "./record.ts";
import { DiskLayer } from "./disk-layer.ts";

export interface SavedState {
  readonly identity: StateFields;
  /** Seconds since 1970 at guest time 0. */
  readonly epochSeconds: number;
  /** Pages that the guest was at. */
  readonly first: Uint32Array;
  readonly sections: Uint8Array;
}

const isRecord = (v: StateValue | undefined): v is StateFields => typeof v === "object" && v !== null && !Array.isArray(v) && !(v instanceof Uint8Array);

/** Throws UserError. */
export function decodeSavedState(bytes: Uint8Array): SavedState {
  const value = decodeState(bytes);
  const bad = new UserError("snapshot: the state is not that of a machine");
  if (!isRecord(value)) throw bad;
  const { machine, epochSeconds, first, sections } = value;
  if (!isRecord(machine) || typeof epochSeconds !== "number" || !(first instanceof Uint8Array) || first.length % 4 !== 0 || !(sections instanceof Uint8Array)) throw bad;
  return { identity: machine, epochSeconds, first: new Uint32Array(first.slice().buffer), sections };
}

/** Where a machine's memory comes from. */
export interface RestoreFrom {
  readonly ramBytes: number;
  /** Tables, as in a SnapshotRecord. */
  readonly ram: readonly ObjectId[];
  readonly video: readonly ObjectId[];
  readonly saved: SavedState;
  readonly reader: ObjectReader;
  /** Pages that are in the machine's memory already, and are newer than the tables say. */
  readonly newer: Uint32Array;
  readonly newerVideo: readonly { readonly page: number; readonly bytes: Uint8Array }[];
  /** More is on its way: `settle` follows `apply`. */
  readonly pending: boolean;
  /** A key: what comes is not the machine that the state was taken of, and random numbers are its own. */
  readonly reseed: Uint8Array | null;
}

/** A state that a machine can be made of. */
export class Restore {
  private ram: LazyRam | null = null;
  private table: Lineage | null = null;

  constructor(private readonly from: RestoreFrom) {}

  /** Throws UserError for what is no snapshot, or is damaged as far as can be seen now. */
  static ofSnapshot(value: unknown, reader: ObjectReader): Restore {
    const record = checkRecord(value);
    const saved = decodeSavedState(joined(record.state.map((id) => reader.read(id))));
    return new Restore({ ramBytes: record.ramBytes, ram: record.ram, video: record.video, saved, reader, newer: new Uint32Array(0), newerVideo: [], pending: false, reseed: null });
  }

  /** What a machine's configuration has to be: the snapshot says when its clock began. */
  configured(config: MachineConfig): MachineConfig {
    return { ...config, epochSeconds: this.from.saved.epochSeconds };
  }

  /** For MachineOptions.restore. Throws UserError where the machine is another one. */
  readonly apply = (machine: Machine): void => {
    const { saved, reader, ramBytes, newer, pending } = this.from;
    for (const [what, value] of Object.entries(identityOf(machine))) {
      if (saved.identity[what] !== value) throw new UserError(`snapshot: it is of a machine with ${what} ${String(saved.identity[what])}, and this one has ${String(value)}`);
    }
    const { phys } = machine.vcpu;
    const { pages } = phys;
    if (ramBytes !== phys.ramSize) throw new UserError(`snapshot: its RAM has ${ramBytes} bytes, and the machine's ${phys.ramSize}`);
    const table: Lineage = { ram: new PageTable(pages, this.from.ram, reader), video: this.restoreVideo(machine) };
    this.table = table;
    this.ram = new LazyRam(phys, table.ram, reader, saved.first.filter((ppn) => ppn < pages), () => machine.vcpu.requestStop());
    this.ram.present(newer);
    // Making the machine may have written to memory. What happens from here on differs from the tables.
    machine.beginEpoch();
    if (pending) this.machine = machine;
    else this.finish(machine, newer);
  };
  private machine: Machine | null = null;

  /** `settle` is still to come. */
  get pending(): boolean {
    return this.machine !== null;
  }

  /** Pages have been put into the machine's memory that are newer than the tables say. */
  arrived(pages: Uint32Array): void {
    this.ram?.present(pages);
  }

  /** Everything has come; `newer` lists all such pages. Before anything runs. */
  settle(newer: Uint32Array): void {
    if (this.machine !== null) this.finish(this.machine, newer);
    this.machine = null;
  }

  private finish(machine: Machine, newer: Uint32Array): void {
    const { saved, newerVideo, reseed } = this.from;
    const { phys } = machine.vcpu;
    for (const ppn of newer) phys.beforeWrites(ppn * PAGE_BYTES, PAGE_BYTES);
    for (const { page, bytes } of newerVideo) machine.video?.put(page, bytes);
    machine.restore(decodeSections(saved.sections));
    if (reseed !== null) machine.input({ kind: "reseed", key: reseed });
  }

  private restoreVideo(machine: Machine): PageTable {
    const { video } = machine;
    const { video: tables, reader } = this.from;
    if (video === null) return PageTable.empty(0);
    const pages = video.bytes.length / PAGE_BYTES;
    if (tables.length !== chunksOf(pages)) throw new UserError(`snapshot: its video memory has ${tables.length} tables, not ${chunksOf(pages)}`);
    const table = new PageTable(pages, tables, reader);
    // What the display wrote at power-on.
    for (const page of video.beginEpoch()) video.bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    for (let chunk = 0; chunk < tables.length; chunk++) {
      if (table.isZeroChunk(chunk)) continue;
      for (let page = chunk * CHUNK_PAGES; page < Math.min(pages, (chunk + 1) * CHUNK_PAGES); page++) {
        const id = table.id(page);
        if (id === ZERO_ID) continue;
        const bytes = reader.read(id);
        if (bytes.length !== PAGE_BYTES) throw new UserError(`snapshot: a page of video memory has ${bytes.length} bytes, not ${PAGE_BYTES}`);
        video.bytes.set(bytes, page * PAGE_BYTES);
      }
    }
    return table;
  }

  /** What snapshots of the machine build on. */
  get lineage(): Lineage | null {
    return this.table;
  }

  /** Brings pages in ahead of the guest until `until` says so; true when all are there. Throws UserError. */
  prefetch(until: () => boolean): boolean {
    return this.ram?.prefetch(until) ?? true;
  }

  /** Pages that came because they were touched, and ahead of that. */
  get statistics(): { readonly touched: number; readonly prefetched: number } {
    return { touched: this.ram?.touched ?? 0, prefetched: this.ram?.prefetched ?? 0 };
  }
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** What a snapshot has of a drive, for its SnapshotDisk. Undefined: nothing. */
export function layerOf(record: SnapshotRecord, drive: string, reader: ObjectReader): DiskLayer | undefined {
  const layer = (record.disks as Readonly<Record<string, SnapshotRecord["disks"][string] | undefined>>)[drive];
  return layer === undefined ? undefined : DiskLayer.of(layer, reader);
}
