/** Snapshots, branches, forks and files of machines: the manager's side of the store. Loaded, and the store's worker started, with the first of them. */
import { UserError } from "../../base/errors.ts";
import type { SnapshotDifference, SnapshotInfo } from "./api.ts";
import type { LoadProgress } from "../images/progress.ts";
import type { MachineDefinition } from "../definition/definition.ts";
import { drivesOf } from "../definition/wiring.ts";
import { compareSnapshots, ranges } from "../snapshot/compare.ts";
import { checkRecord, references, type SnapshotRecord } from "../snapshot/record.ts";
import type { StoreProgress, StoreRecord } from "../store/api.ts";
import type { StoreConnection } from "../store/client.ts";
import type { ManagedMachine, MachineRecord } from "./machine.ts";
import { FORGOTTEN, lockName, removeOverlay, STORE_USED } from "./places.ts";
import type { Records } from "./records.ts";

const KEY = "snapshot/";
const MACHINE_KEY = "machine/";
const SAVED = "Saved when it was switched off";
/** Ids of machines whose manager has records of its own here. */
const PLAIN_ID = /^[0-9a-f]{8}$/;
/** Copies of snapshots that a machine's disks stand on: they stay when the snapshot is deleted, and are not shown. */
const BELOW = "below-";
/** Of a full one. */
const TABLE_BYTES = 8192;

export interface SnapshotHost {
  machine(id: string): ManagedMachine;
  machines(): readonly ManagedMachine[];
  /** Durable when it resolves. */
  keep(record: MachineRecord): Promise<ManagedMachine>;
  newId(): string;
  changed(id: string): void;
}

const newSnapshotId = (): string => crypto.randomUUID();
const stored = (record: SnapshotRecord): StoreRecord => ({ key: KEY + record.id, data: record, references: references(record) });

const hasDisks = (record: SnapshotRecord): boolean => Object.values(record.disks).some((d) => d.chunks.length > 0);

export class Snapshots {
  private connection: Promise<StoreConnection> | null = null;
  /** What running machines descend from although its record is gone, by machine. */
  private readonly held = new Map<string, number>();

  constructor(
    private readonly records: Records,
    private readonly host: SnapshotHost,
  ) {}

  /** The store, started by the first who asks. */
  store(): Promise<StoreConnection> {
    this.connection ??= (async () => {
      const { startStore } = await import("../store/client.ts");
      const store = startStore(() => (this.connection = null));
      await this.records.set(STORE_USED, true);
      await this.sweep(store).catch((e: unknown) => console.warn("tabvisor: the store could not be swept:", e));
      return store;
    })();
    this.connection.catch(() => (this.connection = null));
    return this.connection;
  }

  /** Null: nobody has needed it yet. */
  get open(): Promise<StoreConnection> | null {
    return this.connection;
  }

  /** Snapshots of machines that are no more: of pages that forget theirs, and of removals that were cut short. */
  private async sweep(store: StoreConnection): Promise<void> {
    const { records } = await store.records(KEY);
    const running = typeof navigator !== "undefined" && "locks" in navigator ? ((await navigator.locks.query()).held ?? []).map((l) => l.name) : [];
    const gone = records.filter(({ data }) => {
      const { machineId } = data as Partial<SnapshotRecord>;
      if (typeof machineId !== "string" || this.host.machines().some((m) => m.id === machineId)) return false;
      return machineId.startsWith(FORGOTTEN) ? !running.includes(lockName(machineId)) : this.records.durable && PLAIN_ID.test(machineId);
    });
    if (gone.length > 0) await store.write([], gone.map(({ key }) => key));
  }

  terminate(): void {
    void this.connection?.then((store) => store.terminate()).catch(() => undefined);
    this.connection = null;
  }

  // --- Records -------------------------------------------------------------------------------------------------------

  private async all(): Promise<SnapshotRecord[]> {
    const { records, damaged } = await (await this.store()).records(KEY);
    for (const { key, reason } of damaged) console.warn(`tabvisor: ${key} cannot be read: ${reason}`);
    return records.flatMap(({ data }) => {
      try {
        return [checkRecord(data)];
      } catch (e) {
        console.warn("tabvisor:", (e as Error).message);
        return [];
      }
    });
  }

  private async record(id: string): Promise<SnapshotRecord> {
    const found = await (await this.store()).record(KEY + id);
    if (found === null) throw new UserError("the snapshot does not exist any more");
    return checkRecord(found.data);
  }

  private async info(record: SnapshotRecord, current: string | null): Promise<SnapshotInfo> {
    const { id, machineId, parent, name, notes, createdMs, ramBytes, instructions, guestTimeNs, terminalTail, storedBytes } = record;
    const bytes = record.thumbnail === null ? null : await (await this.store()).read(record.thumbnail).catch(() => null);
    return {
      id, machineId, parent, name, notes, createdMs, ramBytes, instructions, guestTimeNs, terminalTail, storedBytes,
      thumbnail: bytes === null ? null : new Blob([bytes as Uint8Array<ArrayBuffer>], { type: bytes[0] === 0x89 ? "image/png" : "image/webp" }),
      current: id === current,
    };
  }

  async list(machineId: string): Promise<readonly SnapshotInfo[]> {
    const { current } = this.host.machine(machineId).kept;
    const mine = (await this.all()).filter((r) => r.machineId === machineId && !r.id.startsWith(BELOW)).sort((a, b) => a.createdMs - b.createdMs);
    return Promise.all(mine.map((r) => this.info(r, current)));
  }

  async describe(id: string, { name, notes }: { readonly name?: string; readonly notes?: string }): Promise<void> {
    const record = await this.record(id);
    if (name !== undefined && name.trim() === "") throw new UserError("a snapshot needs a name");
    await (await this.store()).write([stored({ ...record, name: name?.trim() ?? record.name, notes: notes ?? record.notes })]);
    this.host.changed(record.machineId);
  }

  // --- Take and restore ----------------------------------------------------------------------------------------------

  async take(machineId: string, { name, notes = "" }: { readonly name: string; readonly notes?: string }, onProgress?: (progress: LoadProgress) => void): Promise<SnapshotInfo> {
    const machine = this.host.machine(machineId);
    if (!machine.alive) throw new UserError(`${machine.definition.name} is not running: there is nothing to take a snapshot of`);
    const store = await this.store();
    const { current, definition } = machine.kept;
    const parent = current !== null && (await store.record(KEY + current)) !== null ? current : null;
    const { record } = await machine.snapshot(store, { id: newSnapshotId(), machineId, parent, name, notes, createdMs: Date.now(), definition }, meter(onProgress));
    await this.host.keep({ ...machine.kept, current: record.id });
    await this.letGo(machineId);
    this.host.changed(machineId);
    return this.info(record, record.id);
  }

  /** The machine goes on from there; what it was is lost. */
  async restore(machineId: string, snapshotId: string): Promise<void> {
    const machine = this.host.machine(machineId);
    const record = await this.record(snapshotId);
    await machine.powerOff();
    await this.letGo(machineId);
    await this.standOn(machine.kept, record);
    this.host.changed(machineId);
    await this.host.machine(machineId).goOn(await this.store(), snapshotId, record.terminalTail);
  }

  /** The machine's disks are the snapshot's from now on, and nothing above them. */
  private async standOn(kept: MachineRecord, record: SnapshotRecord): Promise<ManagedMachine> {
    const { name, cpu, background } = kept.definition;
    const taken = record.definition as MachineDefinition;
    const definition: MachineDefinition = { ...taken, name, background, cpu: { ...taken.cpu, share: cpu.share } };
    for (const { id, writes } of drivesOf(kept.definition)) if (writes === "keep") await removeOverlay(kept.id, id);
    const below = hasDisks(record) ? BELOW + kept.id : null;
    const store = await this.store();
    if (below !== null) await store.write([stored({ ...record, id: below })]);
    else if (kept.below !== null) await store.write([], [KEY + kept.below]);
    return this.host.keep({ ...kept, definition, below, current: record.id, saved: null });
  }

  /** Takes a state that `start` goes on from, and switches the machine off. */
  async save(machineId: string, onProgress?: (progress: LoadProgress) => void): Promise<void> {
    const info = await this.take(machineId, { name: SAVED }, onProgress);
    const machine = this.host.machine(machineId);
    await machine.powerOff();
    await this.host.keep({ ...machine.kept, saved: info.id });
  }

  /** `start` of a machine that was saved. */
  async resume(machineId: string): Promise<void> {
    const { saved } = this.host.machine(machineId).kept;
    if (saved === null) return;
    await this.restore(machineId, saved);
    // Nobody asked for it by name: it has served.
    const { name } = await this.record(saved);
    if (name === SAVED) await this.remove(saved);
  }

  async branch(snapshotId: string): Promise<string> {
    const record = await this.record(snapshotId);
    const definition = record.definition as MachineDefinition;
    const origin = this.host.machines().find((m) => m.id === record.machineId);
    const name = `${origin?.definition.name ?? definition.name}: ${record.name}`.slice(0, 80);
    const id = this.host.newId();
    const base = origin?.kept.base ?? "";
    const machine = await this.standOn({ version: 1, id, definition: { ...definition, name }, base, createdMs: Date.now(), current: null, below: null, saved: null }, record);
    await this.host.keep({ ...machine.kept, saved: snapshotId });
    return id;
  }

  async fork(machineId: string): Promise<string> {
    const parent = this.host.machine(machineId);
    if (!parent.alive) throw new UserError(`${parent.definition.name} is not running: there is nothing to fork`);
    // Its pages are on their way before anybody is there to take them.
    const { port1, port2: port } = new MessageChannel();
    const sent = parent.worker.fork(port1);
    // One that fails says so to the other end as well.
    sent.catch(() => undefined);
    const twin = { port, earlier: parent.lines.earlier() };
    const id = this.host.newId();
    let below: string | null = null;
    try {
      const { kept } = parent;
      // What lies below its disks is what lies below the parent's.
      const ground = kept.current ?? kept.below;
      const record = ground === null ? null : await this.record(ground).catch(() => null);
      below = record !== null && hasDisks(record) ? BELOW + id : null;
      if (record !== null && below !== null) await (await this.store()).write([stored({ ...record, id: below, machineId: id })]);
      const definition = { ...kept.definition, name: `${kept.definition.name.slice(0, 73)} (fork)` };
      const child = await this.host.keep({ ...kept, id, definition, createdMs: Date.now(), below, saved: null });
      // A machine that has never met the store has nothing in it.
      await child.becomeFork(twin, ground === null && !parent.hasStore ? null : await this.store());
      parent.log(`a fork was made: the machine stood still for ${(await sent).pauseMs.toFixed(1)} ms`);
    } catch (e) {
      port.close();
      if (below !== null) await (await this.store()).write([], [KEY + below]).catch(() => undefined);
      throw e;
    }
    return id;
  }

  // --- Removal -------------------------------------------------------------------------------------------------------

  /** Those that were taken after it follow its parent. */
  async remove(snapshotId: string): Promise<void> {
    const store = await this.store();
    const record = await this.record(snapshotId);
    const user = this.host.machines().find((m) => m.kept.saved === snapshotId);
    if (user !== undefined) throw new UserError(`${user.definition.name} goes on from this snapshot when it is started: start it first`);
    for (const machine of this.host.machines()) {
      if (!machine.alive || machine.kept.current !== snapshotId || this.held.has(machine.id)) continue;
      this.held.set(machine.id, await store.hold(references(record)));
    }
    const children = (await this.all()).filter((r) => r.parent === snapshotId).map((r) => stored({ ...r, parent: record.parent }));
    await store.write(children, [KEY + snapshotId]);
    for (const machine of this.host.machines()) if (machine.kept.current === snapshotId) await this.host.keep({ ...machine.kept, current: record.parent });
    this.host.changed(record.machineId);
  }

  private async letGo(machineId: string): Promise<void> {
    const lease = this.held.get(machineId);
    this.held.delete(machineId);
    if (lease !== undefined) await (await this.store()).release(lease);
  }

  /** All of a machine that is removed, except what others have branched from. */
  async removeAll(machineId: string): Promise<void> {
    await this.letGo(machineId);
    const keys = (await this.all()).filter((r) => r.machineId === machineId).map((r) => KEY + r.id);
    if (keys.length > 0) await (await this.store()).write([], keys);
  }

  // --- Comparison, files ---------------------------------------------------------------------------------------------

  async compare(a: string, b: string, onProgress?: (progress: LoadProgress) => void): Promise<SnapshotDifference> {
    const store = await this.store();
    const report = meter(onProgress);
    let done = 0;
    let total = 0;
    const found = await compareSnapshots(await this.record(a), await this.record(b), async (id) => {
      total += TABLE_BYTES;
      const table = await store.read(id);
      report?.({ done: (done += table.length), total });
      return table;
    });
    return {
      pages: { differing: found.pages.length, total: found.totalPages, ranges: ranges(found.pages) },
      disks: Object.fromEntries(Object.entries(found.disks).map(([id, blocks]) => [id, { differing: blocks.length, clusterBytes: 4096 }])),
    };
  }

  /** One file with the machine, its disks and its snapshots. A machine that runs goes on from now where it is imported. */
  async export(machineId: string, onProgress?: (progress: LoadProgress) => void): Promise<Blob> {
    const machine = this.host.machine(machineId);
    let { saved } = machine.kept;
    if (machine.alive) saved = (await this.take(machineId, { name: "Exported" })).id;
    else if (saved === null && drivesOf(machine.definition).some((d) => d.writes === "keep")) {
      // Its disks are in a snapshot only: one of the machine as it is switched on.
      await machine.start();
      await machine.pause();
      saved = (await this.take(machineId, { name: "Switched on for an export" })).id;
      await machine.powerOff();
    }
    const mine = (await this.all()).filter((r) => r.machineId === machineId && r.id !== machine.kept.below);
    const record: MachineRecord = { ...this.host.machine(machineId).kept, saved, below: null };
    const about: StoreRecord = { key: MACHINE_KEY + machineId, data: record, references: { objects: [], tables: [] } };
    return (await this.store()).export([about, ...mine.map(stored)], meter(onProgress));
  }

  async import(file: Blob, onProgress?: (progress: LoadProgress) => void): Promise<string> {
    const { transaction, records } = await (await this.store()).import(file, meter(onProgress));
    try {
      const machines = records.filter(({ key }) => key.startsWith(MACHINE_KEY));
      if (machines.length !== 1) throw new UserError("the file does not hold a machine");
      const given = machines[0].data as MachineRecord;
      const { checkDefinition } = await import("../definition/check.ts");
      const definition = checkDefinition(given.definition, "the machine in the file");
      const snapshots = records.filter(({ key }) => key.startsWith(KEY)).map(({ data }) => checkRecord(data));
      // Names of its own: the same file may be imported twice.
      const names = new Map(snapshots.map((s) => [s.id, newSnapshotId()]));
      const nameOf = (id: string | null): string | null => (id === null ? null : (names.get(id) ?? null));
      const id = this.host.newId();
      const renamed = snapshots.map((s): SnapshotRecord => ({ ...s, id: names.get(s.id) ?? s.id, machineId: id, parent: nameOf(s.parent) }));
      await transaction.commit(renamed.map(stored));
      const base = typeof given.base === "string" ? given.base : "";
      await this.host.keep({ version: 1, id, definition, base, createdMs: Date.now(), current: nameOf(given.current), below: null, saved: nameOf(given.saved) });
      return id;
    } catch (e) {
      await transaction.abort().catch(() => undefined);
      throw e;
    }
  }
}

function meter(onProgress: ((progress: LoadProgress) => void) | undefined): ((progress: StoreProgress) => void) | undefined {
  if (onProgress === undefined) return undefined;
  const began = performance.now();
  return ({ done, total }) => {
    const seconds = (performance.now() - began) / 1000;
    onProgress({ received: done, total, bytesPerSecond: seconds > 0.02 ? done / seconds : 0 });
  };
}
