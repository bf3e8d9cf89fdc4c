/** A machine out of a snapshot: its small state at once, its memory when it is wanted. */
import { UserError } from "../../base/errors.ts";
import type { StateFields, StateValue } from "../../base/persist.ts";
import type { MachineConfig } from "../config.ts";
import type { Machine } from "../machine/machine.ts";
import { decodeSections, decodeState } from "../state-codec.ts";
import { type ObjectReader, ZERO_ID } from "../store/objects.ts";
import { identityOf } from "./capture.ts";
import { LazyRam } from "./lazy-ram.ts";
import { PAGE_BYTES, PageTable } from "./page-table.ts";
import { checkRecord, type SnapshotRecord } from "./record.ts";
import type { Lineage } from "./snapshotter.ts";

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

/** A snapshot that has been found good so far: to be given to a machine that is made for it. */
export class Restore {
  readonly record: SnapshotRecord;
  private readonly saved: SavedState;
  private ram: LazyRam | null = null;
  private table: Lineage | null = null;

  /** Throws UserError for what is no snapshot, or is damaged as far as can be seen now. */
  constructor(
    record: unknown,
    private readonly reader: ObjectReader,
  ) {
    this.record = checkRecord(record);
    const pieces = this.record.state.map((id) => reader.read(id));
    const whole = new Uint8Array(pieces.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.saved = decodeSavedState(whole);
  }

  /** What the machine's clock began at: a configuration's is replaced by it. */
  configured(config: MachineConfig): MachineConfig {
    return { ...config, epochSeconds: this.saved.epochSeconds };
  }

  /** For MachineOptions.restore. Throws UserError where the machine is another one. */
  readonly apply = (machine: Machine): void => {
    const { identity, first, sections } = this.saved;
    for (const [what, value] of Object.entries(identityOf(machine))) {
      if (identity[what] !== value) throw new UserError(`snapshot: it is of a machine with ${what} ${String(identity[what])}, and this one has ${String(value)}`);
    }
    const { phys } = machine.vcpu;
    const { record, reader } = this;
    const table: Lineage = { ram: new PageTable(phys.pages, record.ram, reader), video: this.restoreVideo(machine) };
    if (record.ramBytes !== phys.ramSize) throw new UserError(`snapshot: its RAM has ${record.ramBytes} bytes, and the machine's ${phys.ramSize}`);
    this.table = table;
    const { pages } = phys;
    this.ram = new LazyRam(phys, table.ram, reader, first.filter((ppn) => ppn < pages));
    // Making the machine may have written to memory; what happens from here on differs from the snapshot.
    machine.beginEpoch();
    machine.restore(decodeSections(sections));
  };

  private restoreVideo(machine: Machine): PageTable {
    const { video } = machine;
    const { record, reader } = this;
    if (video === null) return PageTable.empty(0);
    const pages = video.bytes.length / PAGE_BYTES;
    if (record.video.length !== Math.ceil(pages / 512)) throw new UserError(`snapshot: its video memory has ${record.video.length} tables, not ${Math.ceil(pages / 512)}`);
    const table = new PageTable(pages, record.video, reader);
    // What the display wrote at power-on.
    for (const page of video.beginEpoch()) video.bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    for (let page = 0; page < pages; page++) {
      if (table.isZeroChunk(Math.floor(page / 512))) {
        page += 511;
        continue;
      }
      const id = table.id(page);
      if (id === ZERO_ID) continue;
      const bytes = reader.read(id);
      if (bytes.length !== PAGE_BYTES) throw new UserError(`snapshot: a page of video memory has ${bytes.length} bytes, not ${PAGE_BYTES}`);
      video.bytes.set(bytes, page * PAGE_BYTES);
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
