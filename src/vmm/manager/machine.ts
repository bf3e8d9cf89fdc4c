/** One machine's life: load, start, pause, stop, start again, each time in a worker of its own. */
import { UserError } from "../../base/errors.ts";
import type { ConsoleListener, FolderEntry, MachineConsole, MachinePhase, MachineSummary, ManagerEvent, SharedFolder } from "./api.ts";
import type {
  FolderAnswer, FolderCall, ImageSources, MachineConnection, MachineEvents, SharedCompiler, SnapshotRequest, SnapshotResult, Spawn, StartSource,
} from "../api.ts";
import type { InputState, MachineStatus, StopReport } from "../config.ts";
import type { MachineDefinition } from "../definition/definition.ts";
import { needsModules } from "../definition/wiring.ts";
import { fetchJson } from "../images/fetch-json.ts";
import type { DefaultGuest } from "../images/guest.ts";
import { ProgressMeter, type LoadProgress } from "../images/progress.ts";
import type { Screenshot } from "../screenshot.ts";
import type { StoreProgress } from "../store/api.ts";
import type { StoreConnection } from "../store/client.ts";
import { folderPath } from "./places.ts";
import { imagesOf, specOf, type Sources } from "./resolve.ts";
import { SerialLines } from "./serial-lines.ts";
import type { SpareWorker, StoreClient } from "./spare.ts";

/** What is kept of a machine. */
export interface MachineRecord {
  readonly version: 1;
  readonly id: string;
  readonly definition: MachineDefinition;
  /** What relative addresses are relative to. */
  readonly base: string;
  readonly createdMs: number;
  /** The snapshot that its present state descends from. */
  readonly current: string | null;
  /** The snapshot that lies below what its disks have kept. */
  readonly below: string | null;
  /** The snapshot that `start` goes on from. */
  readonly saved: string | null;
}

/** What a machine needs of its manager. */
export interface MachineHost {
  readonly spawn: Spawn;
  /** A worker that was started ahead; null: there is none. */
  spare(onCrash: (message: string) => void): SpareWorker | null;
  readonly guest: DefaultGuest;
  readonly sources: Sources;
  /** What all machines share; null: each has its own. */
  compiler(): SharedCompiler | null;
  /** So that no other page runs the machine meanwhile; the function gives it free. UserError: another one does. */
  lock(id: string): Promise<() => void>;
  /** The store, for machines that stand on a snapshot. */
  store(): Promise<StoreConnection>;
  emit(event: ManagerEvent): void;
  nowMs(): number;
}

/** How long a worker may take to obey `powerOff` before it is ended by force. */
const POWER_OFF_MS = 1500;
/** A worker that has not said anything for so long does not answer. It reports twice a second, sleeping ones once. */
const SILENT_MS = 5000;
/** A guest that resets sooner than this after a start, `RESET_LIMIT` times in a row, is in a loop. */
const RESET_LOOP_MS = 3000;
const RESET_LIMIT = 5;
/** A piece of a file on its way into a shared folder. */
const FOLDER_PIECE = 1 << 20;
/** A worker that was only started for a folder of a machine that is off is kept for so long. */
const FOLDER_WORKER_MS = 3000;
/** After this a machine counts as one that runs, not one that starts. */
const SETTLED_MS = 15_000;
/** After this one that was restored or forked: it boots nothing. */
const WENT_ON_MS = 1500;

const NO_INPUT: InputState = { leds: 0, mouse: false };

const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e)).split("\n", 1)[0];

/** The worker has closed what it has open, or has had its time. */
async function obeyed(connection: MachineConnection): Promise<void> {
  const patience = new Promise<void>((resolve) => setTimeout(resolve, POWER_OFF_MS));
  await Promise.race([connection.powerOff().catch(() => undefined), patience]);
}

/** A fork on its way: its memory comes out of the port; `earlier`: what terminals have shown. */
export interface Twin {
  readonly port: MessagePort;
  readonly earlier: Uint8Array;
}

interface Terminal extends ConsoleListener {
  display: (() => MessagePort) | null;
}

export class ManagedMachine {
  private phase: MachinePhase = "off";
  private status: MachineStatus | null = null;
  private report: StopReport | null = null;
  private error: string | null = null;
  private progress: LoadProgress | null = null;
  private input: InputState = NO_INPUT;
  private connection: MachineConnection | null = null;
  /** Counts starts: what an earlier worker still sends is ignored. */
  private generation = 0;
  private heardMs = 0;
  private silent = false;
  private startedMs = 0;
  /** When the present start was asked for; as performance.now(). */
  private begunMs = 0;
  /** The present start was from a snapshot or a fork. */
  private goesOn = false;
  private quickResets = 0;
  private readonly terminals = new Set<Terminal>();
  readonly lines: SerialLines;
  private unlock: (() => void) | null = null;
  thumbnail: Blob | null = null;

  constructor(
    private record: MachineRecord,
    private readonly host: MachineHost,
  ) {
    this.phase = this.resting;
    this.lines = new SerialLines(record.definition.console.backlog, async (bytes, port) => this.connection?.serialInput(bytes, port));
  }

  get id(): string {
    return this.record.id;
  }
  get definition(): MachineDefinition {
    return this.record.definition;
  }
  get kept(): MachineRecord {
    return this.record;
  }
  get state(): MachinePhase {
    return this.phase;
  }
  /** Its state when no worker is there. */
  private get resting(): "off" | "saved" {
    return this.record.saved === null ? "off" : "saved";
  }
  get alive(): boolean {
    return this.phase === "running" || this.phase === "paused";
  }

  /** Whether it leaves the host room: it waits for input, or has long begun. While a system starts, anything beside it makes that slower. */
  get settled(): boolean {
    return this.phase === "running" && (this.status?.idle === true || performance.now() - this.begunMs > (this.goesOn ? WENT_ON_MS : SETTLED_MS));
  }

  /** A snapshot or a fork of it may come soon: told to each worker once. What is wrong is said when it comes. */
  foresee(): void {
    if (this.connection === this.foreseen) return;
    this.foreseen = this.connection;
    this.connection?.foresee().catch(() => undefined);
  }
  private foreseen: MachineConnection | null = null;

  summary(): MachineSummary {
    const { id, definition, createdMs } = this.record;
    return {
      id, name: definition.name, definition, createdMs, state: this.phase, status: this.status, load: this.phase === "running" ? (this.status?.load ?? 0) : 0,
      responding: !this.silent, report: this.report, thumbnail: this.thumbnail, error: this.error, progress: this.progress, input: this.input,
    };
  }

  /** New settings; `now`: those that a running machine can take are taken. */
  redefine(record: MachineRecord): void {
    this.record = record;
    if (this.phase === "off" || this.phase === "saved") this.phase = this.resting;
    this.lines.limit = record.definition.console.backlog;
    if (this.alive) this.connection?.setShare(record.definition.cpu.share).catch(() => undefined);
    this.changed();
  }

  changed(): void {
    this.host.emit({ kind: "machine", id: this.id, machine: this.summary() });
  }
  log(message: string, level: "info" | "error" = "info"): void {
    this.host.emit({ kind: "log", id: this.id, atMs: this.host.nowMs(), level, message });
  }
  private enter(phase: MachinePhase): void {
    this.phase = phase;
    if (phase !== "loading") this.progress = null;
    this.changed();
  }

  // --- Start and end -------------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    if (this.phase === "loading" || this.phase === "running") return;
    if (this.phase === "paused") {
      await this.resume();
      return;
    }
    this.quickResets = 0;
    await this.begin((connection, mine) => this.load(connection, mine));
  }

  /** From a snapshot, in place of a boot. Its disks stand on it already (`record.below`). */
  async goOn(store: StoreConnection, snapshotId: string, terminalTail: string): Promise<void> {
    await this.begin(async (connection, mine) => {
      await this.useStore(store, connection);
      const images = await this.prepareOnly(connection, mine);
      return { kind: "snapshot", id: snapshotId, images };
    }, new TextEncoder().encode(terminalTail));
  }

  /** From this very instant of another machine, which runs on. */
  async becomeFork({ port, earlier }: Twin, store: StoreConnection | null): Promise<void> {
    await this.begin(async (connection, mine) => {
      if (store !== null) await this.useStore(store, connection);
      const images = await this.prepareOnly(connection, mine);
      return { kind: "fork", port, images };
    }, earlier);
  }

  /** It has been in touch with the store since its start. */
  get hasStore(): boolean {
    return this.client !== null;
  }

  /** Takes a snapshot of the machine that runs. */
  async snapshot(store: StoreConnection, request: SnapshotRequest, onProgress?: (progress: StoreProgress) => void): Promise<SnapshotResult> {
    const connection = this.need();
    await this.useStore(store, connection);
    return connection.snapshot(request, onProgress);
  }

  /** The worker's own way to the store. */
  private async useStore(store: StoreConnection, connection: MachineConnection): Promise<void> {
    if (this.client?.connection === connection) return;
    const { port, client } = await store.openPort();
    this.client = { connection, end: () => void store.disconnect(client).catch(() => undefined) };
    await connection.useStore(port);
  }
  private client: StoreClient | null = null;

  /** A fresh worker, what `load` brings into it, and on with it. `earlier`: what terminals have shown of it. Rejects with the reason. */
  private async begin(load: (connection: MachineConnection, mine: () => boolean) => Promise<StartSource | undefined>, earlier: Uint8Array = new Uint8Array(0)): Promise<void> {
    this.begunMs = performance.now();
    this.goesOn = false;
    this.discard();
    const generation = this.generation;
    const mine = (): boolean => generation === this.generation;
    this.report = null;
    this.error = null;
    this.status = null;
    this.input = NO_INPUT;
    this.lines.clear();
    for (const terminal of this.terminals) terminal.restarted?.(false);
    this.lines.shown(earlier, 0);
    if (earlier.length > 0) void this.deliver(earlier.slice(), 0);
    this.enter("loading");
    try {
      await this.dropFolderHelper();
      this.unlock = await this.host.lock(this.id);
      if (!mine()) return;
      const connection = this.connect();
      const source = await load(connection, mine);
      if (!mine()) return;
      this.goesOn = source !== undefined;
      this.startedMs = this.heardMs = this.host.nowMs();
      this.silent = false;
      this.attachDisplay(connection);
      await (source === undefined ? connection.powerOn("prepared", this.events(mine)) : connection.powerOn("prepared", this.events(mine), source));
      if (!mine()) return;
      // A guest that ended at once has already reported so.
      if (this.phase === "loading") this.running();
    } catch (e) {
      if (!mine()) return;
      this.discard();
      this.error = messageOf(e);
      this.enter(this.resting);
      this.log(this.error, "error");
      throw e;
    }
  }

  private running(): void {
    this.enter("running");
    this.log("started");
  }

  private connect(): MachineConnection {
    const crashed = (message: string): void => {
      if (this.connection !== connection) return;
      this.connection = null;
      // The rejected call reports it.
      if (this.phase === "loading") return;
      if (this.alive) this.stopped({ kind: "error", message, exitCode: 1, registers: [], disassembly: [] });
      this.generation++;
      this.release();
    };
    const spare = this.host.spare(crashed);
    const connection = spare?.connection ?? this.host.spawn(crashed);
    this.connection = connection;
    this.client = spare?.client ?? null;
    this.leaveCompiler = this.host.compiler()?.connect(connection) ?? null;
    return connection;
  }

  private async load(connection: MachineConnection, mine: () => boolean): Promise<undefined> {
    const { definition, base } = this.record;
    const onProgress = this.reporter(mine);
    const { boot } = definition;
    if ("kernel" in boot) {
      if ("guest" in boot.kernel) await this.host.guest.load(connection, onProgress, this.needsModules);
      else await connection.load(await imagesOf({ kernel: boot.kernel, initrds: boot.initrds }, { machineId: this.id, base }, this.host.sources), onProgress);
    }
    if (mine()) await this.prepare(connection, onProgress);
    return undefined;
  }

  /** Everything but the kernel, which is loaded if the machine is ever reset. */
  private async prepareOnly(connection: MachineConnection, mine: () => boolean): Promise<ImageSources | null> {
    const { definition, base } = this.record;
    const { boot } = definition;
    await this.prepare(connection, this.reporter(mine));
    if (!("kernel" in boot)) return null;
    if ("guest" in boot.kernel) return this.host.guest.images(this.needsModules);
    return imagesOf({ kernel: boot.kernel, initrds: boot.initrds }, { machineId: this.id, base }, this.host.sources);
  }

  private get needsModules(): boolean {
    const { boot } = this.definition;
    return needsModules(this.definition) || ("kernel" in boot && "guest" in boot.kernel && boot.kernel.guest === "debian");
  }

  private reporter(mine: () => boolean): (progress: LoadProgress) => void {
    return (progress) => {
      if (!mine()) return;
      this.progress = progress;
      this.changed();
    };
  }

  private async prepare(connection: MachineConnection, onProgress: (progress: LoadProgress) => void): Promise<void> {
    const { definition, base, below } = this.record;
    const { boot } = definition;
    const cmdline = !("kernel" in boot) ? null : (boot.cmdline ?? ("guest" in boot.kernel ? await this.guestCmdline(boot.kernel.guest) : null));
    if (below !== null) await this.useStore(await this.host.store(), connection);
    const spec = await specOf(definition, cmdline, this.host.nowMs(), { machineId: this.id, base }, this.host.sources);
    await connection.prepare({ ...spec, below }, onProgress);
  }

  private async guestCmdline(guest: "default" | "debian"): Promise<string> {
    if (guest === "default") return (await this.host.guest.manifest()).cmdline;
    const info = await fetchJson(new URL("debian/debian.json", this.host.sources.guestFolder), AbortSignal.timeout(15_000));
    return String((info as { readonly cmdline?: unknown }).cmdline ?? "");
  }

  private events(mine: () => boolean): MachineEvents {
    return {
      serial: (bytes, port = 0) => {
        if (!mine()) return undefined;
        // It speaks, so it runs, whether or not the answer to `powerOn` is here already.
        if (this.phase === "loading") this.running();
        this.lines.shown(bytes, port);
        return this.deliver(bytes, port);
      },
      status: (status) => {
        if (!mine()) return;
        this.heardMs = this.host.nowMs();
        this.silent = false;
        this.status = status;
        if (status.state === "running" && this.phase === "paused") this.phase = "running";
        else if (status.state === "paused" && this.phase === "running") this.phase = "paused";
        this.changed();
      },
      stopped: (report) => {
        if (mine()) this.stopped(report);
      },
      input: (state) => {
        if (!mine()) return;
        this.input = state;
        this.changed();
      },
      folder: (tag) => {
        if (mine()) this.host.emit({ kind: "folder", id: this.id, tag });
      },
      restarted: () => {
        if (mine()) this.guestReset();
      },
      resumed: () => {
        if (mine()) this.log(`goes on after ${Math.round(performance.now() - this.begunMs)} ms`);
      },
    };
  }

  private deliver(bytes: Uint8Array, port: number): void | Promise<void> {
    const waits: Promise<void>[] = [];
    for (const terminal of this.terminals) {
      const wait = terminal.serial?.(bytes, port);
      if (wait !== undefined) waits.push(wait);
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  private guestReset(): void {
    const now = this.host.nowMs();
    this.quickResets = now - this.startedMs < RESET_LOOP_MS ? this.quickResets + 1 : 0;
    this.startedMs = now;
    for (const terminal of this.terminals) terminal.restarted?.(true);
    this.log("the guest has reset the machine");
    if (this.quickResets < RESET_LIMIT) return;
    this.stopped({ kind: "reset", message: "the guest resets the machine again and again", exitCode: 1, registers: [], disassembly: [] });
    this.discard();
  }

  private stopped(report: StopReport): void {
    this.lines.forgetTyped();
    this.report = report;
    this.release();
    this.enter("stopped");
    this.log(report.message, report.exitCode === 0 ? "info" : "error");
  }

  private leaveCompiler: (() => void) | null = null;

  /** Drops the worker. */
  private discard(): void {
    this.generation++;
    this.lines.forgetTyped();
    this.connection?.terminate();
    this.connection = null;
    this.release();
  }
  private release(): void {
    this.leaveCompiler?.();
    this.leaveCompiler = null;
    this.client?.end();
    this.client = null;
    this.unlock?.();
    this.unlock = null;
  }

  async pause(): Promise<void> {
    if (this.phase !== "running") return;
    await this.need().pause();
    if (this.phase === "running") this.enter("paused");
  }

  async resume(): Promise<void> {
    if (this.phase !== "paused") return;
    await this.need().resume();
    if (this.phase === "paused") this.enter("running");
  }

  async reset(): Promise<void> {
    if (!this.alive) {
      await this.start();
      return;
    }
    const { generation } = this;
    const paused = this.phase === "paused";
    this.lines.forgetTyped();
    this.lines.clear();
    for (const terminal of this.terminals) terminal.restarted?.(false);
    this.startedMs = this.host.nowMs();
    await this.need().reset();
    if (paused && generation === this.generation) await this.need().resume();
  }

  /** A worker that does not answer is ended by force. */
  async powerOff(): Promise<void> {
    if (this.phase === "off" || this.phase === "saved") return;
    const { connection } = this;
    this.generation++;
    this.lines.forgetTyped();
    this.connection = null;
    this.status = null;
    this.report = null;
    this.silent = false;
    this.enter(this.resting);
    if (connection !== null) {
      await obeyed(connection);
      connection.terminate();
    }
    this.release();
    this.log("switched off");
  }

  async powerButton(): Promise<boolean> {
    return this.phase === "running" ? this.need().powerButton() : false;
  }

  async screenshot(): Promise<Screenshot | null> {
    return this.connection === null || !(this.alive || this.phase === "stopped") ? null : this.connection.screenshot();
  }

  private need(): MachineConnection {
    if (this.connection === null || !this.alive) throw new UserError(`${this.definition.name} is not running`);
    return this.connection;
  }

  /** The worker of a machine that runs or is paused. */
  get worker(): MachineConnection {
    return this.need();
  }

  /** Called now and then: has the worker said anything lately? */
  watch(): void {
    const silent = this.phase === "running" && this.host.nowMs() - this.heardMs > SILENT_MS;
    if (silent === this.silent) return;
    this.silent = silent;
    if (silent) this.log("the machine does not answer", "error");
    this.changed();
  }

  // --- Terminals -----------------------------------------------------------------------------------------------------

  console(listener: ConsoleListener): MachineConsole {
    const terminal: Terminal = {
      display: null,
      ...(listener.serial === undefined ? {} : { serial: (bytes: Uint8Array, port: number) => listener.serial?.(bytes, port) }),
      ...(listener.restarted === undefined ? {} : { restarted: (byGuest: boolean) => listener.restarted?.(byGuest) }),
    };
    this.terminals.add(terminal);
    this.lines.replay((bytes, port) => void terminal.serial?.(bytes, port));
    const whenAlive = (f: (c: MachineConnection) => Promise<void>): void => {
      if (this.alive && this.connection !== null) f(this.connection).catch(() => undefined);
    };
    return {
      ports: this.definition.console.ports,
      type: (bytes, port = 0) => {
        if (this.alive) this.lines.type(bytes, port);
      },
      key: (code, pressed) => whenAlive((c) => c.key(code, pressed)),
      mouse: (input) => whenAlive((c) => c.mouse(input)),
      attachDisplay: (connect) => {
        for (const other of this.terminals) other.display = null;
        terminal.display = connect;
        if (this.connection !== null && (this.alive || this.phase === "stopped")) this.attachDisplay(this.connection);
      },
      close: () => void this.terminals.delete(terminal),
    };
  }

  private attachDisplay(connection: MachineConnection): void {
    const terminal = [...this.terminals].find((t) => t.display !== null);
    const port = terminal?.display?.();
    if (port !== undefined) connection.attachDisplay(port).catch(() => undefined); // powerOn would fail as well
  }

  // --- Shared folders ------------------------------------------------------------------------------------------------

  folder(tag: string): SharedFolder {
    if (!this.definition.sharedFolders.some((f) => f.tag === tag)) throw new UserError(`${this.definition.name} has no shared folder '${tag}'`);
    const call = async (what: FolderCall): Promise<FolderAnswer> => (await this.folderWorker(tag)).folder(tag, what);
    return {
      list: async (path = "") => (await call({ kind: "list", path })) as readonly FolderEntry[],
      read: async (path) => new Blob([(await call({ kind: "read", path })) as Uint8Array<ArrayBuffer>]),
      write: async (path, data, onProgress) => {
        const meter = new ProgressMeter((p) => onProgress?.(p));
        meter.expect(path, data.size);
        for (let at = 0; at < data.size || at === 0; at += FOLDER_PIECE) {
          const bytes = new Uint8Array(await data.slice(at, at + FOLDER_PIECE).arrayBuffer());
          await call({ kind: "write", path, position: at, bytes });
          meter.add(path, bytes.length);
        }
        if (!this.alive) this.host.emit({ kind: "folder", id: this.id, tag });
      },
      makeFolder: async (path) => void (await call({ kind: "makeFolder", path })),
      remove: async (path) => void (await call({ kind: "remove", path })),
    };
  }

  /** The machine's own worker, or one that is started for the folder of a machine that is off. */
  private async folderWorker(tag: string): Promise<MachineConnection> {
    if (this.alive && this.connection !== null) return this.connection;
    if (this.phase === "loading") throw new UserError(`${this.definition.name} is being started: try again in a moment`);
    if (!this.host.sources.canKeep) throw new UserError("this browser keeps no files: switch the machine on first");
    const { connection } = this;
    if (this.folderHelper === null) {
      // A stopped machine's worker still has the folder's files open, until it is closed.
      if (connection !== null) await connection.powerOff().catch(() => undefined);
      this.folderHelper = { connection: this.host.spawn(() => (this.folderHelper = null)), tags: new Map(), timer: null };
    }
    const helper = this.folderHelper;
    if (helper.timer !== null) clearTimeout(helper.timer);
    helper.timer = setTimeout(() => void this.dropFolderHelper(), FOLDER_WORKER_MS);
    let opened = helper.tags.get(tag);
    if (opened === undefined) {
      opened = helper.connection.openFolder(tag, folderPath(this.id, tag));
      helper.tags.set(tag, opened);
    }
    await opened;
    return helper.connection;
  }
  private folderHelper: { readonly connection: MachineConnection; readonly tags: Map<string, Promise<void>>; timer: ReturnType<typeof setTimeout> | null } | null = null;

  private async dropFolderHelper(): Promise<void> {
    const helper = this.folderHelper;
    this.folderHelper = null;
    if (helper === null) return;
    if (helper.timer !== null) clearTimeout(helper.timer);
    await obeyed(helper.connection);
    helper.connection.terminate();
  }
}
