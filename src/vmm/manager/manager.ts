/** All machines of a page: their records, and who may do what with whom. Each machine's own life is in machine.ts. */
import { UserError } from "../../base/errors.ts";
import type {
  ConsoleListener, DriveInfo, FileSource, MachineConsole, MachineDefinition, MachineInput, MachineSummary, Manager, ManagerEvent, SharedFolder, SnapshotDifference, SnapshotInfo,
  StorageInfo, StoredFile,
} from "./api.ts";
import type { MachineConnection, MachineDebugger, SharedCompiler, Spawn } from "../api.ts";
import { DEFAULT_DEFINITION } from "../definition/default.ts";
import { drivesOf } from "../definition/wiring.ts";
import type { DefaultGuest } from "../images/guest.ts";
import type { LoadProgress } from "../images/progress.ts";
import type { Screenshot } from "../screenshot.ts";
import { holdWebLock } from "../web-lock.ts";
import { ManagedMachine, type MachineHost, type MachineRecord } from "./machine.ts";
import { canKeep, FORGOTTEN, KeptFiles, lockName, overlayBytes, removeMachineFiles, removeOverlay, STORE_USED, sweepMachineFiles } from "./places.ts";
import type { Records } from "./records.ts";
import type { Snapshots } from "./snapshots.ts";
import type { Spare } from "./spare.ts";

export interface ManagerParts {
  readonly spawn: Spawn;
  readonly spawnCompiler?: () => SharedCompiler;
  readonly guest: DefaultGuest;
  readonly base: string;
}

const KEY = "machine/";
/** Of machines' records. */
const KNOWN_VERSION = 1;
/** Between looks at who has fallen silent. */
const WATCH_MS = 2000;
/** Pages that show the same machines tell each other. */
const CHANNEL = "tabvisor-machines";

export class MachineManager implements Manager {
  private readonly machines = new Map<string, ManagedMachine>();
  private readonly listeners = new Set<(event: ManagerEvent) => void>();
  private readonly keptFiles: KeptFiles;
  private opened: Snapshots | null = null;
  private readonly host: MachineHost;
  private compiler: SharedCompiler | null = null;
  /** Paused because the page is not seen. */
  private readonly hidden = new Set<string>();
  private watching: ReturnType<typeof setInterval> | null = null;
  private watchedMs = 0;
  private readonly channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);

  private constructor(
    private readonly parts: ManagerParts,
    private readonly records: Records,
  ) {
    this.keptFiles = new KeptFiles(records);
    this.host = {
      spawn: parts.spawn,
      spare: (onCrash) => this.spare?.take(onCrash) ?? null,
      guest: parts.guest,
      sources: { file: (name) => this.keptFiles.open(name), guestFolder: parts.guest.folder, canKeep: records.durable && canKeep() },
      compiler: () => (this.compiler ??= parts.spawnCompiler?.() ?? null),
      lock: (id) => lock(lockName(id)),
      store: async () => (await this.store()).store(),
      emit: (event) => this.emit(event),
      nowMs: () => Date.now(),
    };
  }

  private async store(): Promise<Snapshots> {
    const { Snapshots } = await import("./snapshots.ts");
    return (this.opened ??= new Snapshots(this.records, {
      machine: (id) => this.machine(id),
      machines: () => [...this.machines.values()],
      keep: (record) => this.adopt(record),
      newId: () => this.newId(),
      changed: (id) => this.emit({ kind: "snapshots", id }),
    }));
  }
  /** Null: there is nothing in it. */
  private async usedStore(): Promise<Snapshots | null> {
    return this.opened !== null || (await this.records.get(STORE_USED)) === true ? this.store() : null;
  }

  private newId(): string {
    return `${this.records.durable ? "" : FORGOTTEN}${crypto.randomUUID().slice(0, 8)}`;
  }

  static async open(parts: ManagerParts, records: Records): Promise<MachineManager> {
    const manager = new MachineManager(parts, records);
    await manager.readAll();
    if (manager.channel !== null) manager.channel.onmessage = () => void manager.readAll();
    if (records.durable && canKeep()) {
      sweepMachineFiles(async () => new Set((await records.list(KEY)).map(([key]) => key.slice(KEY.length)))).catch(() => undefined);
    }
    return manager;
  }

  /** What another page has changed, too. */
  private async readAll(): Promise<void> {
    const found = (await this.records.list(KEY)).map(([, value]) => value as MachineRecord).filter((r) => r.version === KNOWN_VERSION);
    const ids = new Set(found.map((r) => r.id));
    for (const record of found.sort((a, b) => a.createdMs - b.createdMs)) {
      const machine = this.machines.get(record.id);
      if (machine === undefined) this.machines.set(record.id, new ManagedMachine(record, this.host));
      else if (JSON.stringify(machine.kept) !== JSON.stringify(record)) machine.redefine(record);
    }
    for (const [id, machine] of this.machines) if (!ids.has(id) && !machine.alive && machine.state !== "loading") this.machines.delete(id);
    this.emit({ kind: "list" });
  }

  private async keep(record: MachineRecord): Promise<void> {
    await this.records.set(KEY + record.id, record);
    this.channel?.postMessage(null);
  }

  private emit(event: ManagerEvent): void {
    for (const listener of this.listeners) listener(event);
    if (event.kind === "machine") this.watch();
  }

  private spare: Spare | null = null;
  private visible = true;

  /** A worker for the machine that comes next, while one runs that somebody sees, once there is reason to expect one. */
  private keepSpareIfSettled(): void {
    if (!this.foreseen) return;
    const settled = [...this.machines.values()].filter((machine) => machine.settled);
    for (const machine of settled) machine.foresee();
    if (settled.length > 0) void this.keepSpare();
  }
  private foreseen = false;
  private async keepSpare(): Promise<void> {
    this.spare ??= new (await import("./spare.ts")).Spare(this.parts.spawn, () => this.opened?.open ?? null);
    if (this.visible) await this.spare.prepare();
  }

  /** Looks after workers as long as there are any. */
  private watch(): void {
    const busy = [...this.machines.values()].some((m) => m.state === "running");
    if (!busy && this.watching !== null) {
      clearInterval(this.watching);
      this.watching = null;
      this.spare?.rest();
    } else if (busy && this.watching === null) {
      this.watchedMs = Date.now();
      this.watching = setInterval(() => {
        // A page that was asleep itself has heard nothing either.
        const now = Date.now();
        const late = now - this.watchedMs > 2 * WATCH_MS;
        this.watchedMs = now;
        if (!late) for (const machine of this.machines.values()) machine.watch();
        this.keepSpareIfSettled();
      }, WATCH_MS);
    }
  }

  protected machine(id: string): ManagedMachine {
    const machine = this.machines.get(id);
    if (machine === undefined) throw new UserError("there is no such machine");
    return machine;
  }

  list(): readonly MachineSummary[] {
    return [...this.machines.values()].map((m) => m.summary());
  }
  get(id: string): MachineSummary | null {
    return this.machines.get(id)?.summary() ?? null;
  }
  subscribe(listener: (event: ManagerEvent) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  // --- Definitions ---------------------------------------------------------------------------------------------------

  async parse(text: string, fileName: string): Promise<MachineDefinition> {
    return (await import("../definition/parse.ts")).parseDefinition(text, fileName);
  }

  async describe(id: string): Promise<string> {
    return (await import("../definition/parse.ts")).formatDefinition(this.machine(id).definition);
  }

  private async check(definition: MachineInput | MachineDefinition): Promise<MachineDefinition> {
    return (await import("../definition/check.ts")).checkDefinition(definition);
  }

  async create(definition?: MachineInput | MachineDefinition, base = this.parts.base, id = this.newId()): Promise<string> {
    const checked = definition === undefined ? DEFAULT_DEFINITION : await this.check(definition);
    return this.add(checked, base, id);
  }

  private async add(definition: MachineDefinition, base: string, id: string): Promise<string> {
    const there = this.machines.get(id)?.kept;
    await this.adopt({ version: 1, id, definition, base, createdMs: Date.now(), current: there?.current ?? null, below: there?.below ?? null, saved: there?.saved ?? null });
    return id;
  }

  /** A record that is new, or a machine's present one changed. */
  private async adopt(record: MachineRecord): Promise<ManagedMachine> {
    await this.keep(record);
    const there = this.machines.get(record.id);
    if (there !== undefined) {
      there.redefine(record);
      return there;
    }
    const machine = new ManagedMachine(record, this.host);
    this.machines.set(record.id, machine);
    this.emit({ kind: "list" });
    return machine;
  }

  async update(id: string, definition: MachineInput | MachineDefinition): Promise<void> {
    const machine = this.machine(id);
    await this.adopt({ ...machine.kept, definition: await this.check(definition) });
  }

  async rename(id: string, name: string): Promise<void> {
    await this.update(id, { ...this.machine(id).definition, name: name.trim() } as MachineDefinition);
  }

  async remove(id: string): Promise<void> {
    const machine = this.machine(id);
    await machine.powerOff();
    // Without its record the rest is swept at the next visit, should this one end here.
    await this.records.remove([KEY + id]);
    this.machines.delete(id);
    this.channel?.postMessage(null);
    this.emit({ kind: "list" });
    await removeMachineFiles(id);
    await (await this.usedStore())?.removeAll(id);
  }

  // --- Running -------------------------------------------------------------------------------------------------------

  start(id: string): Promise<void> {
    return this.doing(id, async (m) => (m.state === "saved" ? (await this.store()).resume(id) : m.start()));
  }
  pause(id: string): Promise<void> {
    return this.doing(id, (m) => m.pause());
  }
  resume(id: string): Promise<void> {
    return this.doing(id, (m) => m.resume());
  }
  reset(id: string): Promise<void> {
    return this.doing(id, (m) => m.reset());
  }
  powerButton(id: string): Promise<boolean> {
    return this.doing(id, (m) => m.powerButton());
  }
  powerOff(id: string): Promise<void> {
    return this.doing(id, (m) => m.powerOff());
  }

  /** Whatever the user does ends what the page did by itself. */
  private async doing<T>(id: string, f: (machine: ManagedMachine) => Promise<T>): Promise<T> {
    this.hidden.delete(id);
    return f(this.machine(id));
  }

  console(id: string, listener: ConsoleListener): MachineConsole {
    return this.machine(id).console(listener);
  }
  async screenshot(id: string): Promise<Screenshot | null> {
    return this.machine(id).screenshot();
  }
  folder(id: string, tag: string): SharedFolder {
    return this.machine(id).folder(tag);
  }

  setVisible(visible: boolean): void {
    this.visible = visible;
    if (!visible) this.spare?.drop();
    for (const [id, machine] of this.machines) {
      if (!visible && machine.state === "running" && machine.definition.background === "pause") {
        this.hidden.add(id);
        machine.pause().catch(() => undefined);
      } else if (visible && this.hidden.delete(id)) machine.resume().catch(() => undefined);
    }
  }

  /** The worker of a machine that runs: for snapshots and the debugger. */
  worker(id: string): MachineConnection {
    return this.machine(id).worker;
  }

  // --- Drives and files ----------------------------------------------------------------------------------------------

  async drives(id: string): Promise<readonly DriveInfo[]> {
    return Promise.all(drivesOf(this.machine(id).definition).map(async ({ id: driveId, kind, image, writes }): Promise<DriveInfo> =>
      ({ id: driveId, kind, image, writes, keptBytes: writes === "keep" ? await overlayBytes(id, driveId) : 0 })));
  }

  async forgetWrites(id: string, driveId: string): Promise<void> {
    const machine = this.machine(id);
    if (machine.alive || machine.state === "loading") throw new UserError(`switch ${machine.definition.name} off first`);
    if (machine.state === "saved") throw new UserError(`${machine.definition.name} is saved: its memory knows what is on its disks`);
    await removeOverlay(id, driveId);
    machine.changed();
  }

  async insert(id: string, driveId: string, image: FileSource | null): Promise<void> {
    const machine = this.machine(id);
    const drive = drivesOf(machine.definition).find((d) => d.id === driveId);
    if (drive === undefined) throw new UserError(`${machine.definition.name} has no drive ${driveId}`);
    if (drive.kind === "disk") throw new UserError(`${driveId} is a fixed disk: its image is changed in the settings`);
    if (machine.alive) throw new UserError(`switch ${machine.definition.name} off to change what is in ${driveId}`);
    const index = Number(/\d+$/.exec(driveId)?.[0]);
    const list = drive.kind === "cdrom" ? "cdroms" : "floppies";
    const { definition } = machine;
    await this.update(id, { ...definition, [list]: definition[list].map((d, i) => (i === index ? { ...d, image } : d)) } as MachineDefinition);
  }

  addFile(file: File, onProgress: (progress: LoadProgress) => void = () => undefined): Promise<StoredFile> {
    return this.keptFiles.add(file, onProgress);
  }

  async files(): Promise<readonly StoredFile[]> {
    const users = (name: string): string[] => [...this.machines.values()].filter((m) => JSON.stringify(m.definition).includes(`"file":${JSON.stringify(name)}`)).map((m) => m.definition.name);
    return (await this.keptFiles.list()).map((file) => ({ ...file, usedBy: users(file.name) }));
  }

  async removeFile(name: string): Promise<void> {
    const user = (await this.files()).find((f) => f.name === name)?.usedBy[0];
    if (user !== undefined) throw new UserError(`${name} is used by ${user}: change its settings first`);
    await this.keptFiles.remove(name);
  }

  // --- Snapshots -----------------------------------------------------------------------------------------------------

  foresee(): void {
    if (this.foreseen) return;
    this.foreseen = true;
    this.keepSpareIfSettled();
  }

  async snapshots(id: string): Promise<readonly SnapshotInfo[]> {
    this.machine(id);
    this.foresee();
    return (await this.usedStore())?.list(id) ?? [];
  }
  async takeSnapshot(id: string, about: { readonly name: string; readonly notes?: string }, onProgress?: (progress: LoadProgress) => void): Promise<SnapshotInfo> {
    this.foresee();
    return (await this.store()).take(id, about, onProgress);
  }
  restoreSnapshot(id: string, snapshotId: string): Promise<void> {
    this.foresee();
    return this.doing(id, async () => (await this.store()).restore(id, snapshotId));
  }
  async describeSnapshot(snapshotId: string, about: { readonly name?: string; readonly notes?: string }): Promise<void> {
    return (await this.store()).describe(snapshotId, about);
  }
  async branch(snapshotId: string): Promise<string> {
    return (await this.store()).branch(snapshotId);
  }
  async removeSnapshot(snapshotId: string): Promise<void> {
    return (await this.store()).remove(snapshotId);
  }
  async compare(a: string, b: string, onProgress?: (progress: LoadProgress) => void): Promise<SnapshotDifference> {
    return (await this.store()).compare(a, b, onProgress);
  }
  async fork(id: string): Promise<string> {
    this.foresee();
    return (await this.store()).fork(id);
  }
  async debug(id: string): Promise<MachineDebugger> {
    return this.worker(id).debugger();
  }
  save(id: string, onProgress?: (progress: LoadProgress) => void): Promise<void> {
    return this.doing(id, async () => (await this.store()).save(id, onProgress));
  }
  async exportMachine(id: string, onProgress?: (progress: LoadProgress) => void): Promise<Blob> {
    return (await this.store()).export(id, onProgress);
  }
  async importMachine(file: Blob, onProgress?: (progress: LoadProgress) => void): Promise<string> {
    return (await this.store()).import(file, onProgress);
  }

  // --- Storage -------------------------------------------------------------------------------------------------------

  async storage(): Promise<StorageInfo> {
    const { storage } = navigator;
    const { usage = 0, quota = 0 } = await storage.estimate();
    return { usage, quota, persisted: await storage.persisted() };
  }

  async persist(): Promise<boolean> {
    return (navigator.storage as StorageManager & { persist?: () => Promise<boolean> }).persist?.() ?? false;
  }

  async close(): Promise<void> {
    this.channel?.close();
    this.spare?.drop();
    await Promise.all([...this.machines.values()].map((m) => m.powerOff()));
    this.compiler?.terminate();
    this.opened?.terminate();
  }
}

/** So long the page before a reload may take to end. */
const LOCK_MS = 5000;

/** One page at a time runs a machine. The lock goes with the page. */
async function lock(name: string): Promise<() => void> {
  if (typeof navigator === "undefined" || !("locks" in navigator)) return () => undefined;
  const release = await holdWebLock(name, LOCK_MS);
  if (release === null) throw new UserError("the machine runs in another tab already");
  return release;
}
