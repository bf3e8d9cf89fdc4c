/**
 * A stand-in for the manager in tests of the page alone: machines that answer like a small shell, snapshots, drives and a folder
 * that are lists in memory. It keeps definitions over a reload, in sessionStorage.
 */
import type {
  ConsoleListener, DriveInfo, FileSource, FolderEntry, MachineConsole, MachineDefinition, MachineInput, MachineSummary, Manager, ManagerEvent, SharedFolder,
  SnapshotDifference, SnapshotInfo, StorageInfo, StoredFile,
} from "../../src/vmm/api.ts";
import { checkDefinition } from "../../src/vmm/definition/check.ts";
import { formatDefinition, parseDefinition } from "../../src/vmm/definition/parse.ts";
import { FakeMachine } from "./fake-machine.ts";

interface Entry {
  summary: MachineSummary;
  machine: FakeMachine | null;
  readonly listeners: Set<ConsoleListener>;
  snapshots: SnapshotInfo[];
  files: Map<string, Blob>;
  resets: number[];
  /** What a terminal that is opened later gets. */
  backlog: Uint8Array[];
}

const KEY = "fake.machines";
/** A picture that differs for each snapshot. */
async function picture(n: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(160, 100);
  const draw = canvas.getContext("2d");
  if (draw !== null) {
    draw.fillStyle = "#05070b";
    draw.fillRect(0, 0, 160, 100);
    draw.fillStyle = `hsl(${n * 67} 50% 60%)`;
    for (let y = 0; y < 12; y++) draw.fillRect(6, 6 + y * 7, ((y * 37 + n * 23) % 110) + 20, 3);
  }
  return canvas.convertToBlob();
}

export class FakeManager implements Manager {
  private readonly entries = new Map<string, Entry>();
  private readonly subscribers = new Set<(event: ManagerEvent) => void>();
  private readonly stored = new Map<string, { blob: Blob; addedMs: number }>();
  private persisted = false;
  private next = 1;

  constructor() {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as MachineDefinition[] | null;
    for (const definition of kept ?? [checkDefinition({ name: "Linux", boot: { kernel: { guest: "default" } }, sharedFolders: [{ tag: "share" }] })]) this.add(definition);
  }

  list(): readonly MachineSummary[] {
    return [...this.entries.values()].map((e) => e.summary);
  }
  get(id: string): MachineSummary | null {
    return this.entries.get(id)?.summary ?? null;
  }
  subscribe(listener: (event: ManagerEvent) => void): () => void {
    this.subscribers.add(listener);
    return () => this.subscribers.delete(listener);
  }
  parse(text: string, fileName: string): Promise<MachineDefinition> {
    return Promise.resolve().then(() => parseDefinition(text, fileName));
  }
  describe(id: string): Promise<string> {
    return Promise.resolve(formatDefinition(this.need(id).summary.definition));
  }
  create(definition?: MachineInput | MachineDefinition): Promise<string> {
    return Promise.resolve().then(() => this.add(checkDefinition(definition ?? {})));
  }
  update(id: string, definition: MachineInput | MachineDefinition): Promise<void> {
    return Promise.resolve().then(() => {
      const checked = checkDefinition(definition);
      this.change(id, { definition: checked, name: checked.name });
      this.keep();
    });
  }
  rename(id: string, name: string): Promise<void> {
    return this.update(id, { ...this.need(id).summary.definition, name });
  }
  async remove(id: string): Promise<void> {
    await this.powerOff(id);
    this.entries.delete(id);
    this.keep();
    this.emit({ kind: "list" });
  }

  start(id: string): Promise<void> {
    return this.begin(id, false);
  }
  private async begin(id: string, byGuest: boolean): Promise<void> {
    const entry = this.need(id);
    const { boot, memory, cpu } = entry.summary.definition;
    const machine = new FakeMachine();
    entry.machine = machine;
    entry.backlog = [];
    for (const listener of entry.listeners) listener.restarted?.(byGuest);
    this.change(id, { state: "loading", error: null, report: null, progress: null, status: null });
    this.log(id, "info", "Starting");
    try {
      const from = async (source: FileSource, name: string): Promise<{ name: string; from: { url: string } | { blob: Blob }; unzip: boolean; size: null }> => {
        if ("guest" in source) return { name, from: { url: new URL(`guest/${name}`, document.baseURI).href }, unzip: true, size: null };
        if ("url" in source) return { name: source.url, from: source, unzip: true, size: null };
        return { name: source.file, from: { blob: this.stored.get(source.file)?.blob ?? new Blob() }, unzip: true, size: null };
      };
      const own = "kernel" in boot;
      const kernel = await from(own ? boot.kernel : { guest: "default" }, "vmlinux.gz");
      await machine.load({ kernel, initrds: [] }, (progress) => this.change(id, { progress })).catch((error: unknown) => {
        if (error instanceof Error && error.name === "NotFoundError") throw Object.assign(new Error(error.message), { name: "GuestMissingError" });
        throw error;
      });
      if (entry.machine !== machine) return;
      await machine.powerOn(
        { memoryMib: memory, cpu: cpu.model, boot: { cmdline: (own ? boot.cmdline : null) ?? "" }, deterministic: false, debugExit: null, epochSeconds: 0, noReboot: true },
        {
          serial: (bytes) => {
            entry.backlog.push(bytes);
            return Promise.all([...entry.listeners].map(async (l) => l.serial?.(bytes, 0))).then(() => undefined);
          },
          status: (status) => entry.machine === machine && this.change(id, { status, load: 0.3 }),
          stopped: (report) => {
            if (entry.machine !== machine) return;
            entry.machine = null;
            // Three resets one after the other are a loop.
            entry.resets = report.kind === "reset" ? [...entry.resets, 1] : [];
            if (report.kind === "reset" && entry.resets.length < 3) {
              void this.begin(id, true);
              return;
            }
            this.log(id, report.exitCode === 0 ? "info" : "error", report.message);
            this.change(id, { state: "stopped", report });
          },
          input: (input) => this.change(id, { input }),
          folder: (tag) => this.emit({ kind: "folder", id, tag }),
          restarted: () => undefined,
        },
      );
      if (entry.machine === machine && entry.summary.state === "loading") this.change(id, { state: "running" });
    } catch (error) {
      if (entry.machine !== machine) return;
      entry.machine = null;
      const message = error instanceof Error ? error.message : String(error);
      this.log(id, "error", message);
      this.change(id, { state: "off", error: message });
      throw error;
    }
  }
  async pause(id: string): Promise<void> {
    await this.machine(id).pause();
    this.change(id, { state: "paused" });
  }
  async resume(id: string): Promise<void> {
    this.change(id, { state: "running" });
    await this.machine(id).resume();
  }
  reset(id: string): Promise<void> {
    return this.machine(id).reset();
  }
  powerButton(id: string): Promise<boolean> {
    return this.machine(id).powerButton();
  }
  async powerOff(id: string): Promise<void> {
    const entry = this.need(id);
    await entry.machine?.powerOff();
    entry.machine = null;
    this.change(id, { state: "off", report: null, status: null });
  }

  console(id: string, listener: ConsoleListener): MachineConsole {
    const entry = this.need(id);
    entry.listeners.add(listener);
    for (const bytes of entry.backlog) void listener.serial?.(bytes, 0);
    return {
      ports: entry.summary.definition.console.ports,
      type: (bytes) => void entry.machine?.serialInput(bytes),
      key: () => undefined,
      mouse: () => undefined,
      attachDisplay: () => undefined,
      close: () => entry.listeners.delete(listener),
    };
  }
  screenshot(): Promise<null> {
    return Promise.resolve(null);
  }
  insert(id: string, driveId: string, image: FileSource | null): Promise<void> {
    const definition = structuredClone(this.need(id).summary.definition) as { cdroms: { image: FileSource | null }[]; floppies: { image: FileSource | null }[] } & MachineDefinition;
    const at = Number(driveId.slice(-1));
    (driveId.startsWith("cdrom") ? definition.cdroms : definition.floppies)[at].image = image;
    return this.update(id, definition);
  }
  drives(id: string): Promise<readonly DriveInfo[]> {
    const { disks, cdroms, floppies } = this.need(id).summary.definition;
    return Promise.resolve([
      ...disks.map((d, i): DriveInfo => ({ id: `disk${i}`, kind: "disk", image: d.image, writes: d.writes, keptBytes: this.kept.has(`${id}/disk${i}`) ? 0 : 1_234_567 })),
      ...cdroms.map((d, i): DriveInfo => ({ id: `cdrom${i}`, kind: "cdrom", image: d.image, writes: "none", keptBytes: 0 })),
      ...floppies.map((d, i): DriveInfo => ({ id: `floppy${i}`, kind: "floppy", image: d.image, writes: d.writes, keptBytes: 0 })),
    ]);
  }
  /** Drives whose writes were forgotten. */
  private readonly kept = new Set<string>();
  forgetWrites(id: string, driveId: string): Promise<void> {
    this.kept.add(`${id}/${driveId}`);
    return Promise.resolve();
  }
  folder(id: string, tag: string): SharedFolder {
    const { files } = this.need(id);
    const changed = (): void => this.emit({ kind: "folder", id, tag });
    return {
      list: (path = "") => {
        const prefix = path === "" ? "" : `${path}/`;
        const found = new Map<string, FolderEntry>();
        for (const [name, blob] of files) {
          if (!name.startsWith(prefix)) continue;
          const rest = name.slice(prefix.length);
          if (rest === "") continue;
          const [first, ...below] = rest.split("/");
          const folder = below.length > 0;
          found.set(first, { path: prefix + first, kind: folder ? "folder" : "file", bytes: folder ? 0 : blob.size, modifiedMs: Date.now() });
        }
        return Promise.resolve([...found.values()]);
      },
      read: (path) => Promise.resolve(files.get(path) ?? new Blob()),
      write: (path, data) => {
        files.set(path, data);
        changed();
        return Promise.resolve();
      },
      makeFolder: (path) => {
        files.set(`${path}/`, new Blob());
        changed();
        return Promise.resolve();
      },
      remove: (path) => {
        for (const name of [...files.keys()]) if (name === path || name.startsWith(`${path}/`)) files.delete(name);
        changed();
        return Promise.resolve();
      },
    };
  }

  foresee(): void {
    // There are no workers.
  }
  snapshots(id: string): Promise<readonly SnapshotInfo[]> {
    return Promise.resolve(this.need(id).snapshots);
  }
  async takeSnapshot(id: string, { name, notes = "" }: { readonly name: string; readonly notes?: string }): Promise<SnapshotInfo> {
    const entry = this.need(id);
    const n = this.next++;
    const info: SnapshotInfo = {
      id: `s${n}`, machineId: id, parent: entry.snapshots.find((s) => s.current)?.id ?? null, name, notes, createdMs: Date.now() - 1000 * 3600 * Math.max(0, 6 - n) + n, ramBytes: 256 * 2 ** 20,
      instructions: 1_234_567_890 + n, guestTimeNs: 61e9 + n * 1e9, thumbnail: await picture(n), terminalTail: "~ # ls\nbin  dev  etc  proc  root  sys  tmp\n~ # ", storedBytes: n === 1 ? 18_200_000 : 900_000 * n, current: true,
    };
    entry.snapshots = [...entry.snapshots.map((s) => ({ ...s, current: false })), info];
    this.log(id, "info", `Snapshot “${name}” taken`);
    this.emit({ kind: "snapshots", id });
    return info;
  }
  restoreSnapshot(id: string, snapshotId: string): Promise<void> {
    const entry = this.need(id);
    entry.snapshots = entry.snapshots.map((s) => ({ ...s, current: s.id === snapshotId }));
    this.log(id, "info", `Snapshot ${snapshotId} restored`);
    this.emit({ kind: "snapshots", id });
    return Promise.resolve();
  }
  describeSnapshot(snapshotId: string, about: { readonly name?: string; readonly notes?: string }): Promise<void> {
    const entry = this.owner(snapshotId);
    entry.snapshots = entry.snapshots.map((s) => (s.id === snapshotId ? { ...s, ...about } : s));
    this.emit({ kind: "snapshots", id: entry.summary.id });
    return Promise.resolve();
  }
  branch(snapshotId: string): Promise<string> {
    const { definition, name } = this.owner(snapshotId).summary;
    return this.create({ ...definition, name: `${name} branch` });
  }
  removeSnapshot(snapshotId: string): Promise<void> {
    const entry = this.owner(snapshotId);
    const gone = entry.snapshots.find((s) => s.id === snapshotId);
    entry.snapshots = entry.snapshots.filter((s) => s.id !== snapshotId).map((s) => (s.parent === snapshotId ? { ...s, parent: gone?.parent ?? null } : s));
    this.emit({ kind: "snapshots", id: entry.summary.id });
    return Promise.resolve();
  }
  compare(): Promise<SnapshotDifference> {
    return Promise.resolve({ pages: { differing: 5120, total: 65536, ranges: [[0, 1024], [16384, 18432], [60000, 62048]] }, disks: { disk0: { differing: 12, clusterBytes: 65536 } } });
  }
  async fork(id: string): Promise<string> {
    const { definition, name } = this.need(id).summary;
    const twin = await this.create({ ...definition, name: `${name} fork` });
    await this.start(twin);
    return twin;
  }

  debug(): Promise<never> {
    return Promise.reject(new Error("the stand-in has no debugger"));
  }
  async save(id: string): Promise<void> {
    await this.powerOff(id);
    this.change(id, { state: "saved" });
  }
  exportMachine(id: string): Promise<Blob> {
    return Promise.resolve(new Blob([JSON.stringify(this.need(id).summary.definition)]));
  }
  async importMachine(file: Blob): Promise<string> {
    let definition: MachineDefinition;
    try {
      definition = JSON.parse(await file.text()) as MachineDefinition;
    } catch {
      throw new Error("this is no saved machine");
    }
    return this.create(definition);
  }
  addFile(file: File): Promise<StoredFile> {
    this.stored.set(file.name, { blob: file, addedMs: Date.now() });
    return Promise.resolve({ name: file.name, bytes: file.size, addedMs: Date.now(), usedBy: [] });
  }
  files(): Promise<readonly StoredFile[]> {
    const using = (name: string): string[] => this.list().filter((m) => JSON.stringify(m.definition).includes(JSON.stringify(name))).map((m) => m.name);
    return Promise.resolve([...this.stored].map(([name, { blob, addedMs }]) => ({ name, bytes: blob.size, addedMs, usedBy: using(name) })));
  }
  removeFile(name: string): Promise<void> {
    this.stored.delete(name);
    return Promise.resolve();
  }
  storage(): Promise<StorageInfo> {
    return Promise.resolve({ usage: 84_000_000, quota: 2_000_000_000, persisted: this.persisted });
  }
  persist(): Promise<boolean> {
    this.persisted = true;
    return Promise.resolve(true);
  }
  setVisible(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }

  private need(id: string): Entry {
    const entry = this.entries.get(id);
    if (entry === undefined) throw new Error("there is no such machine");
    return entry;
  }
  private machine(id: string): FakeMachine {
    const { machine } = this.need(id);
    if (machine === null) throw new Error("the machine is not running");
    return machine;
  }
  private owner(snapshotId: string): Entry {
    for (const entry of this.entries.values()) if (entry.snapshots.some((s) => s.id === snapshotId)) return entry;
    throw new Error("there is no such snapshot");
  }
  private add(definition: MachineDefinition): string {
    const id = `m${this.next++}`;
    this.entries.set(id, {
      summary: {
        id, name: definition.name, definition, state: "off", status: null, load: 0, responding: true, report: null, thumbnail: null, error: null, progress: null,
        createdMs: Date.now(), input: { leds: 0, mouse: false },
      },
      machine: null, listeners: new Set(), snapshots: [], files: new Map(), resets: [], backlog: [],
    });
    this.keep();
    this.emit({ kind: "list" });
    return id;
  }
  private change(id: string, change: Partial<MachineSummary>): void {
    const entry = this.need(id);
    entry.summary = { ...entry.summary, ...change };
    this.emit({ kind: "machine", id, machine: entry.summary });
  }
  private log(id: string, level: "info" | "error", message: string): void {
    this.emit({ kind: "log", id, atMs: Date.now(), level, message });
  }
  private keep(): void {
    sessionStorage.setItem(KEY, JSON.stringify(this.list().map((m) => m.definition)));
  }
  private emit(event: ManagerEvent): void {
    for (const subscriber of this.subscribers) subscriber(event);
  }
}

/** In the place of src/ui/manager.ts. */
export function openPageManager(): Promise<Manager> {
  return Promise.resolve(new FakeManager());
}
