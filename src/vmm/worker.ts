/** The machine's web worker: MachineApi over Comlink; under another name, the thread that compiles its regions. */
import * as Comlink from "comlink";
import { UserError } from "../base/errors.ts";
import { answerCompilerCall, type CompilerAnswer, type CompilerCall, loadCompiler, type RegionCompiler, threadCompiler } from "./compiler.ts";
import type {
  DisplayFrame, DisplayRequest, FolderAnswer, FolderCall, ImageSource, ImageSources, LoadProgress, MachineApi, MachineDebugger, MachineEvents, MachineSpec, MachineStats, MouseInput,
  Screenshot, SnapshotRequest, SnapshotResult, StartSource, StoreProgress, WorkerConfig,
} from "./api.ts";
import { COMPILER_NAME, type KernelImages, type MachineConfig } from "./config.ts";
import { machineConfig, machineOptions } from "./definition/wiring.ts";
import type { KeptFolder } from "./files/kept-folder.ts";
import { provideFirmware } from "./firmware.ts";
import { loadImages, type LoadedImages } from "./images/load.ts";
import { loadGenerator, provideInterpreter, type StoredInfo } from "./interpreter.ts";
import { loadParts } from "./machine/parts.ts";
import type { Prepared } from "./prepare.ts";
import type { Player } from "./record/player.ts";
import type { LogSink, Recorder } from "./record/recorder.ts";
import { Runner, type RunnerOptions } from "./runner.ts";
import type { DiskLayer } from "./snapshot/disk-layer.ts";
import type * as Snapshots from "./worker-snapshots.ts";

/**
 * The interpreter made at build time: fetched while the page fetches its guest, compiled as it streams in, and cached by the
 * browser with its machine code. Where it cannot be had, the first machine generates its own.
 */
async function fetchInterpreter(): Promise<void> {
  const wasm = fetch(new URL("../../build/interpreter/interpreter.wasm", import.meta.url));
  const info = fetch(new URL("../../build/interpreter/interpreter.json", import.meta.url));
  const module = await WebAssembly.compileStreaming(wasm);
  provideInterpreter(module, (await (await info).json()) as StoredInfo);
}
const compiling = self.name === COMPILER_NAME;
const interpreterReady = compiling ? Promise.resolve() : fetchInterpreter().catch(async (e: unknown) => {
  console.warn("tabvisor: no ready-made interpreter, generating one:", e);
  await loadGenerator();
});

/** Null: nobody has given a machine one, and it compiles on its own thread. */
let compiler: RegionCompiler | null = null;

/** One that several machines share, at the other end of a port: a worker that starts one itself may wait for ever (docs/RATIONALE.md, "Who starts workers"). */
function portCompiler(port: MessagePort, wanted: () => void): RegionCompiler {
  return threadCompiler(() => {
    wanted();
    return {
      send: (call) => port.postMessage(call),
      listen: (onAnswer, onDeath) => {
        port.onmessage = (e: MessageEvent<CompilerAnswer>) => onAnswer(e.data);
        compilerDied = onDeath;
      },
    };
  });
}
let compilerDied: (() => void) | null = null;

/** Images are kept for a reset as blobs, which the browser may put on disk, zipped where they came so. */
async function imagesOf(sources: ImageSources, cmdline: string): Promise<KernelImages> {
  const { kernel, initrds } = await loadImages(sources, () => undefined);
  return { kernel, initrds, cmdline };
}

let firmware: Promise<void> | null = null;

/** Our BIOS, made at build time; fetched when a machine without a kernel wants it. */
function fetchFirmware(): Promise<void> {
  firmware ??= (async () => {
    const response = await fetch(new URL("../../build/bios/bios.bin", import.meta.url));
    if (!response.ok) throw new UserError(`the firmware could not be fetched (HTTP ${response.status})`);
    provideFirmware(new Uint8Array(await response.arrayBuffer()));
  })().catch((e: unknown) => {
    firmware = null;
    throw e;
  });
  return firmware;
}

/** Null: there is no kernel, and nothing to load again. */
function asSources(images: KernelImages): ImageSources | null {
  if (images.kernel === null) return null;
  const source = (name: string, bytes: Uint8Array): ImageSource => ({ name, from: { blob: new Blob([bytes as Uint8Array<ArrayBuffer>]) }, unzip: false, size: bytes.length });
  return { kernel: source("kernel", images.kernel), initrds: images.initrds.map((bytes) => source("initrd", bytes)) };
}

/** A kernel that a reset loads. */
const notLoaded = (cmdline: string): KernelImages => ({ kernel: new Uint8Array(0), initrds: [], cmdline });

let snapshotsLoaded: typeof Snapshots | null = null;
const snapshotModule = async (): Promise<typeof Snapshots> => (snapshotsLoaded ??= await import("./worker-snapshots.ts"));

/** Between reports of progress. */
const PROGRESS_MS = 40;

class WorkerMachine implements MachineApi {
  private runner: Runner | null = null;
  private loaded: LoadedImages | null = null;
  private display: MessagePort | null = null;
  /** The display waits for a frame, and there was no machine yet. */
  private wanted = false;

  private need(): Runner {
    if (this.runner === null) throw new UserError("there is no machine: power one on first");
    return this.runner;
  }

  // Events are Comlink proxies: calls are queued messages. Only serial output is waited for, by the Runner, when too much is under way.
  async powerOn(config: WorkerConfig | "prepared", events: MachineEvents, source?: StartSource): Promise<void> {
    this.runner?.powerOff();
    this.runner = null;
    const start = source === undefined ? null : await (await snapshotModule()).openStart(source, this.store);
    await interpreterReady;
    if (this.preparing !== null) await this.openPrepared(start?.layer);
    const { machine, options } = config === "prepared" ? this.fromPrepared(source) : this.fromConfig(config, source);
    const startFrom = start?.begin();
    if (machine.tier === "1") await loadCompiler();
    if (machine.boot.kernel === null && machine.boot.firmware === undefined) await fetchFirmware();
    this.events = events;
    const tape = config === "prepared" ? null : await this.tapeOf(config, machine, options);
    const epochSeconds = tape?.mode === "replay" ? tape.recording.machine.epochSeconds : machine.epochSeconds;
    const runner = new Runner({ ...machine, epochSeconds }, {
      serial: (bytes, port) => events.serial(Comlink.transfer(bytes, [bytes.buffer]), port),
      status: (status) => events.status(status),
      stopped: (report) => {
        // Disks are whole before anyone hears of the end.
        this.closePrepared();
        events.stopped(report);
      },
      input: (state) => events.input(state),
      // A page need not listen to these, and Comlink cannot say whether it does.
      resumed: (instructions) => void Promise.resolve(events.resumed?.(instructions)).catch(() => undefined),
      replayed: (result) => void Promise.resolve(events.replayed?.(result)).catch(() => undefined),
      restarted: () => events.restarted(),
      frame: (update) => {
        const frame: DisplayFrame = { update };
        this.display?.postMessage(frame, [update.data.buffer as ArrayBuffer]);
      },
    }, {
      ...options, tape, ...(compiler === null ? {} : { compiler }), ...(startFrom === undefined ? {} : { startFrom }),
      snapshotDisks: this.prepared?.snapshotDisks ?? new Map(), encodeImage: async (...picture) => (await snapshotModule()).encodeImage(...picture),
    });
    await start?.settled(this.prepared?.snapshotDisks ?? new Map());
    this.runner = runner;
    if (this.wanted) runner.requestFrame(true);
    runner.resume();
  }

  private fromConfig(config: WorkerConfig, start?: StartSource): { readonly machine: MachineConfig; readonly options: RunnerOptions } {
    const { boot, kept } = start === undefined || start.images === null ? this.take(config.boot) : { boot: notLoaded(config.boot.cmdline), kept: start.images };
    return { machine: { ...config, boot }, options: kept === null ? {} : { images: () => imagesOf(kept, boot.cmdline) } };
  }

  private fromPrepared(start?: StartSource): { readonly machine: MachineConfig; readonly options: RunnerOptions } {
    const { prepared } = this;
    if (prepared === null) throw new UserError("there is no machine: prepare one first");
    const { spec, options, firmware } = prepared;
    const { boot, kept } = spec.cmdline === null
      ? { boot: { kernel: null, initrds: [], cmdline: "", ...(firmware === null ? {} : { firmware }) }, kept: null }
      : start === undefined || start.images === null ? this.take({ cmdline: spec.cmdline }) : { boot: notLoaded(spec.cmdline), kept: start.images };
    return {
      machine: machineConfig(spec.definition, boot, spec.epochSeconds),
      options: { ...options, ...(kept === null ? {} : { images: () => imagesOf(kept, boot.cmdline) }) },
    };
  }

  private prepared: Prepared | null = null;
  private folders = new Map<string, KeptFolder>();
  private events: MachineEvents | null = null;

  async prepare(spec: MachineSpec, onProgress: (progress: LoadProgress) => void): Promise<void> {
    this.closePrepared();
    const { definition, drives, firmware } = spec;
    if (Object.keys(drives).length === 0 && definition.sharedFolders.length === 0 && firmware === null) {
      const options = machineOptions(definition, { drives: new Map(), folders: new Map() });
      await loadParts(options);
      this.prepared = { spec, options, firmware: null, folders: new Map(), snapshotDisks: new Map(), close: () => undefined };
      return;
    }
    this.preparing = { spec, onProgress };
    // What lies below a snapshot's drives is known when the machine is started.
    if (spec.below === undefined || spec.below === null) await this.openPrepared();
  }
  private preparing: { readonly spec: MachineSpec; readonly onProgress: (progress: LoadProgress) => void } | null = null;

  private async openPrepared(layer?: (drive: string) => DiskLayer | undefined): Promise<void> {
    const { preparing } = this;
    if (preparing === null) return;
    this.preparing = null;
    const { spec, onProgress } = preparing;
    const { prepareMachine } = await import("./prepare.ts");
    let below = layer;
    if (below === undefined && spec.below !== undefined && spec.below !== null) {
      below = (await (await snapshotModule()).openStart({ kind: "snapshot", id: spec.below, images: null }, this.store)).layer;
    }
    this.prepared = await prepareMachine(spec, onProgress, (tag) => this.events?.folder(tag), below);
    this.folders = new Map(this.prepared.folders);
  }

  private store: Snapshots.WorkerStore | null = null;

  async warm(): Promise<void> {
    const { warm } = await snapshotModule();
    await Promise.all([interpreterReady, fetchFirmware()]);
    await warm(this.store);
  }

  async foresee(): Promise<void> {
    await snapshotModule();
    await this.runner?.foresee();
  }

  async useStore(port: MessagePort): Promise<void> {
    this.store = new (await snapshotModule()).WorkerStore(port);
  }

  snapshot(request: SnapshotRequest, onProgress?: (progress: StoreProgress) => void): Promise<SnapshotResult> {
    const taken = this.snapshots.then(async () => {
      const runner = this.need();
      if (this.store === null) throw new UserError("there is no store to keep the snapshot in");
      return runner.snapshot(request, await this.store.sink(onProgress));
    });
    this.snapshots = taken.catch(() => undefined);
    return taken;
  }
  /** The last of those that wait for each other. */
  private snapshots: Promise<unknown> = Promise.resolve();

  fork(port: MessagePort): Promise<{ readonly pauseMs: number }> {
    const forked = this.snapshots.then(async () => {
      // Another turn of the event loop may be a slice of the guest away.
      const { sendTo } = snapshotsLoaded ?? (await snapshotModule());
      return this.need().fork(sendTo(port));
    });
    this.snapshots = forked.catch(() => undefined);
    return forked;
  }

  private closePrepared(): void {
    const { prepared } = this;
    this.prepared = null;
    try {
      if (prepared !== null) prepared.close();
      else for (const folder of this.folders.values()) folder.close();
    } catch (e) {
      console.error("tabvisor: a disk could not be closed:", e);
    } finally {
      this.folders.clear();
    }
  }

  async openFolder(tag: string, path: string): Promise<void> {
    const { openFolder } = await import("./prepare.ts");
    this.folders.set(tag, await openFolder(path, () => undefined));
  }

  folder(tag: string, call: FolderCall): Promise<FolderAnswer> {
    const folder = this.folders.get(tag);
    if (folder === undefined) return Promise.reject(new UserError(`there is no shared folder '${tag}'`));
    switch (call.kind) {
      case "list":
        return Promise.resolve(folder.list(call.path));
      case "read": {
        const bytes = folder.read(call.path);
        return Promise.resolve(Comlink.transfer(bytes, [bytes.buffer]));
      }
      case "write":
        folder.write(call.path, call.position, call.bytes);
        break;
      case "makeFolder":
        folder.makeFolder(call.path);
        break;
      case "remove":
        folder.remove(call.path);
    }
    // In a machine's worker it is saved a moment after the last change.
    if (this.prepared === null) folder.save();
    return Promise.resolve(null);
  }

  setShare(share: number): Promise<void> {
    this.need().setShare(share);
    return Promise.resolve();
  }

  async screenshot(): Promise<Screenshot | null> {
    this.need();
    const { takeScreenshot } = await import("./screenshot.ts");
    const machine = this.need().current;
    const shot = takeScreenshot(machine);
    // It took what the display would have got.
    machine.presentAll();
    return shot === null ? null : Comlink.transfer(shot, [shot.pixels.buffer as ArrayBuffer]);
  }

  useCompiler(port: MessagePort, wanted: () => void): Promise<void> {
    // A machine keeps the one that it has begun with.
    compiler = portCompiler(port, wanted);
    return Promise.resolve();
  }
  compilerLost(): Promise<void> {
    compilerDied?.();
    return Promise.resolve();
  }

  async load(images: ImageSources, onProgress: (progress: LoadProgress) => void): Promise<ImageSources> {
    let reported = -Infinity;
    this.loaded = null;
    this.loaded = await loadImages(images, (progress) => {
      const now = performance.now();
      if (now - reported < PROGRESS_MS && progress.received !== progress.total) return;
      reported = now;
      onProgress(progress);
    });
    return this.loaded.kept;
  }

  /** Pieces of the log of the run that is or was recorded last. */
  private log: Uint8Array<ArrayBuffer>[] | null = null;
  private newLog(): LogSink {
    const log: Uint8Array<ArrayBuffer>[] = (this.log = []);
    return { write: (bytes) => log.push(bytes) };
  }

  private async tapeOf({ record, replay }: WorkerConfig, machine: MachineConfig, options: RunnerOptions): Promise<Recorder | Player | null> {
    if (replay === undefined && record !== true) return null;
    const { bindingOf, checkBinding, Player, Recorder, Recording } = await import("./record/tapes.ts");
    if (replay !== undefined) {
      const recording = new Recording(new Uint8Array(await replay.arrayBuffer()));
      checkBinding(recording.machine, await bindingOf({ ...machine, epochSeconds: recording.machine.epochSeconds }, options));
      return new Player(recording);
    }
    return new Recorder(this.newLog(), await bindingOf(machine, options));
  }

  async startRecording(): Promise<void> {
    const runner = this.need();
    await runner.startRecording(this.newLog());
  }
  async stopRecording(): Promise<Blob> {
    await this.runner?.stopRecording();
    if (this.log === null) throw new UserError("nothing was recorded");
    return new Blob(this.log);
  }

  /** Images are large: a machine takes them away. */
  private take(boot: WorkerConfig["boot"]): { readonly boot: KernelImages; readonly kept: ImageSources | null } {
    if ("kernel" in boot) return { boot, kept: asSources(boot) };
    const { loaded } = this;
    this.loaded = null;
    if (loaded === null) throw new UserError("there are no images: load them first");
    return { boot: { kernel: loaded.kernel, initrds: loaded.initrds, cmdline: boot.cmdline }, kept: loaded.kept };
  }

  pause(): Promise<void> {
    this.need().pause();
    return Promise.resolve();
  }
  resume(): Promise<void> {
    this.need().resume();
    return Promise.resolve();
  }
  reset(): Promise<void> {
    return this.need().reset();
  }
  powerOff(): Promise<void> {
    if (this.runner !== null) this.runner.powerOff();
    this.closePrepared();
    return Promise.resolve();
  }
  powerButton(): Promise<boolean> {
    return Promise.resolve(this.need().powerButton());
  }
  serialInput(bytes: Uint8Array, port = 0): Promise<void> {
    this.need().serialInput(bytes, port);
    return Promise.resolve();
  }
  key(code: string | null, pressed: boolean): Promise<void> {
    this.need().key(code, pressed);
    return Promise.resolve();
  }
  mouse(input: MouseInput): Promise<void> {
    this.need().mouse(input);
    return Promise.resolve();
  }
  attachDisplay(port: MessagePort): Promise<void> {
    this.display?.close();
    this.display = port;
    port.onmessage = (event: MessageEvent<DisplayRequest>) => {
      this.wanted = true;
      this.runner?.requestFrame(event.data.all, event.data.spare);
    };
    return Promise.resolve();
  }
  stats(): Promise<MachineStats> {
    const runner = this.need();
    return Promise.resolve(runner.stats(runner.current.vcpu.state.u8.byteLength));
  }
  async debugger(): Promise<MachineDebugger> {
    const runner = this.need();
    const { RemoteDebugger } = await import("./debug/remote-debugger.ts");
    await this.debug?.close();
    this.debug = new RemoteDebugger(runner);
    return Comlink.proxy(this.debug);
  }
  private debug: MachineDebugger | null = null;
}

/** Calls come from who has started this thread, or through a port for each machine. */
function serveCompiler(from: { onmessage: ((e: MessageEvent<CompilerCall | MessagePort>) => void) | null; postMessage(answer: CompilerAnswer): void }): void {
  from.onmessage = ({ data }) => {
    if (data instanceof MessagePort) serveCompiler(data);
    else void answerCompilerCall(data).then((answer) => from.postMessage(answer));
  };
}

if (compiling) {
  serveCompiler(self);
  // The first call is on its way; whatever is wrong is told to that one.
  loadCompiler().catch(() => undefined);
} else Comlink.expose(new WorkerMachine());
