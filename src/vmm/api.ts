/** The only module of vmm/ that ui/ imports: the calls that cross the worker boundary (through Comlink). */
import type { MouseInput } from "../devices/ps2/mouse.ts";
import type { ScreenUpdate } from "../devices/vga/screen.ts";
import type { MachineDebugger } from "./debug/api.ts";
import type { InputState, KernelImages, MachineConfig, MachineStatus, StopReport, MachineStats } from "./config.ts";
import type { MachineDefinition } from "./definition/definition.ts";
import type { FolderEntry } from "./files/kept-folder.ts";
import type { LoadProgress } from "./images/progress.ts";
import type { ImageSource, ImageSources } from "./images/source.ts";
import type { ReplayResult } from "./record/player.ts";
import type { Screenshot } from "./screenshot.ts";
import type { SnapshotRequest, SnapshotResult } from "./snapshot/snapshotter.ts";
import type { DiskConfig } from "./storage/open-disk.ts";
import type { StoreProgress } from "./store/api.ts";
export type { Screenshot } from "./screenshot.ts";
export type { InputState, MachineConfig, MachineStatus, TierStatus, StopReport, MachineStats, MachineState, KernelImages, StopKind } from "./config.ts";
export type { MouseInput } from "../devices/ps2/mouse.ts";
export type * from "./debug/api.ts";
export { COMPILER_NAME, DETERMINISTIC_EPOCH_SECONDS } from "./config.ts";
export type { ReplayResult } from "./record/player.ts";
export type { SnapshotRequest, SnapshotResult } from "./snapshot/snapshotter.ts";
export type { SnapshotRecord, DiskLayerRecord } from "./snapshot/record.ts";
export type { SnapshotComparison } from "./snapshot/compare.ts";
export type { LoadProgress } from "./images/progress.ts";
export type { StoreProgress } from "./store/api.ts";
export { NOT_FOUND, type ImageSource, type ImageSources } from "./images/source.ts";

export type {
  CdromDefinition, ConsoleListener, DefinitionError, DefinitionProblem, DiskDefinition, FileSource, FirmwareBoot, FloppyDefinition, FolderEntry, KernelBoot, MachineConsole, MachineDefinition,
  MachineInput, MachinePhase, MachineSummary, Manager, ManagerEvent, NicDefinition, DriveInfo, SharedFolder, SharedFolderDefinition, SnapshotDifference,
  SnapshotInfo, StorageInfo, StoredFile,
} from "./manager/api.ts";

/** To boot what `load` has brought into the worker. */
export interface LoadedBoot {
  readonly cmdline: string;
}

export interface WorkerConfig extends Omit<MachineConfig, "boot"> {
  readonly boot: LoadedBoot | KernelImages;
  /** The run is written down from its power-on. */
  readonly record?: boolean;
  /** A recorded run is replayed: to the same instruction and state, as fast as it goes. The date is the recording's. */
  readonly replay?: Blob;
}

/** A machine out of a definition, as `prepare` gets it: every file named by address or blob. */
export interface MachineSpec {
  readonly definition: MachineDefinition;
  /** Null: our own, or the machine starts with a kernel. */
  readonly firmware: ImageSource | null;
  /** Of the kernel that `load` has brought into the worker; null: the machine starts in firmware. */
  readonly cmdline: string | null;
  /** By drive id; those that are empty are absent. */
  readonly drives: Readonly<Record<string, DiskConfig>>;
  /** By mount tag: where in OPFS the folder is kept; null: nowhere. */
  readonly folders: Readonly<Record<string, string | null>>;
  readonly epochSeconds: number;
  /** A snapshot whose writes lie below those of `drives`: where a machine that was restored is switched on again. */
  readonly below?: string | null;
}

/** What a machine goes on from in place of booting. `images`: of the kernel that a reset boots, as `load` gave them; null: there is none. */
export type StartSource =
  /** A snapshot of the store. The drives of `prepare` begin empty: what the snapshot has of them lies below. */
  | { readonly kind: "snapshot"; readonly id: string; readonly images: ImageSources | null }
  /** What another machine's `fork` sends. */
  | { readonly kind: "fork"; readonly port: MessagePort; readonly images: ImageSources | null };

/** Events from worker to page. */
export interface MachineEvents {
  /** Serial output in batches, byte for byte (port 0, the default, is COM1). A promise slows the guest down to the speed at which it resolves. */
  serial(bytes: Uint8Array, port?: number): void | Promise<void>;
  status(status: MachineStatus): void;
  stopped(report: StopReport): void;
  input(state: InputState): void;
  /** A machine that goes on from a snapshot or fork has retired its first instruction (or sleeps): so many it has now. */
  resumed?(instructions: number): void;
  /** A replay has ended as the recorded run did; `stopped` follows, with the reason if it has not. */
  replayed?(result: ReplayResult): void;
  /** Files in a shared folder have changed. */
  folder(tag: string): void;
  /** The guest has reset the machine, which starts anew. */
  restarted(): void;
}

/** What the page asks of a shared folder that its worker keeps. */
export type FolderCall =
  | { readonly kind: "list" | "makeFolder" | "remove" | "read"; readonly path: string }
  /** At 0 the file begins anew. */
  | { readonly kind: "write"; readonly path: string; readonly position: number; readonly bytes: Uint8Array };
export type FolderAnswer = readonly FolderEntry[] | Uint8Array | null;

/** One machine in one worker. A call that fails rejects with an Error whose message is the one clear line. */
export interface MachineApi {
  /**
   * Fetches and unzips images into the worker, for the next `powerOn`. Resolves to sources that need no server. The error of a
   * file that the server has not is named `NOT_FOUND`.
   */
  load(images: ImageSources, onProgress: (progress: LoadProgress) => void): Promise<ImageSources>;
  /** Loads and compiles what a start needs, so that the start itself is short: for a worker that waits for its machine. */
  warm(): Promise<void>;
  /** A snapshot or a fork of the running machine is likely to be asked for: what that needs is loaded. */
  foresee(): Promise<void>;
  /** The store's end of a port (StoreConnection.openPort): before `snapshot`, and before a start from one. */
  useStore(port: MessagePort): Promise<void>;
  /** Takes a snapshot of the machine as it is now, which runs on; resolves when it is in the store. A second one waits for the first. */
  snapshot(request: SnapshotRequest, onProgress?: (progress: StoreProgress) => void): Promise<SnapshotResult>;
  /** The other end of the port is given to a fresh worker's `powerOn`, which goes on from this instant. Resolves when all has been sent. */
  fork(port: MessagePort): Promise<{ readonly pauseMs: number }>;
  /** Opens drives, folders and firmware of a definition, for the `powerOn` that follows. A kernel is loaded by `load`. */
  prepare(spec: MachineSpec, onProgress: (progress: LoadProgress) => void): Promise<void>;
  /** Builds and starts a machine; the previous one of this worker, if any, is discarded. "prepared": that of `prepare`. */
  powerOn(config: WorkerConfig | "prepared", events: MachineEvents, start?: StartSource): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  reset(): Promise<void>;
  powerOff(): Promise<void>;
  /** Presses the power button: a guest that listens (ACPI) shuts itself down. False: it does not listen. */
  powerButton(): Promise<boolean>;
  /** Bytes typed by the user. All are queued; none is lost however many. */
  serialInput(bytes: Uint8Array, port?: number): Promise<void>;
  /** A key by its place, named as KeyboardEvent.code; null lets go of all keys. Keys that no PC has are ignored. */
  key(code: string | null, pressed: boolean): Promise<void>;
  mouse(input: MouseInput): Promise<void>;
  /** The other end of the port that DisplayApi.attach gets: DisplayRequests come in, a DisplayFrame goes out for each. */
  attachDisplay(port: MessagePort): Promise<void>;
  stats(): Promise<MachineStats>;
  /** From now on the run is written down, from its present state, which is part of the log. */
  startRecording(): Promise<void>;
  /** The log of the run that is or was recorded last. The machine runs on. */
  stopRecording(): Promise<Blob>;
  /** At most so much of one core, 0 to 1, from now on. */
  setShare(share: number): Promise<void>;
  /** A shared folder of the machine that was prepared. */
  folder(tag: string, call: FolderCall): Promise<FolderAnswer>;
  /** A shared folder of a machine that is off, in a worker that does nothing else. */
  openFolder(tag: string, path: string): Promise<void>;
  /** The screen now; null: there is no display. */
  screenshot(): Promise<Screenshot | null>;
  /** A port to a compiler that several machines share, which listens once `wanted` was called. Without one the worker starts its own. */
  useCompiler(port: MessagePort, wanted: () => void): Promise<void>;
  /** What should listen there has died. */
  compilerLost(): Promise<void>;
  /** A debugger of the present machine; one that was given before is closed. */
  debugger(): Promise<MachineDebugger>;
}

/** A machine's worker, seen from the page. Calls reject when the worker itself dies, so that none waits for ever. */
export interface MachineConnection extends MachineApi {
  /** Ends the worker and gives its memory back. */
  terminate(): void;
}

/**
 * The thread that compiles for all machines of a page. The page starts it, when the first of them has something to compile: a worker that starts
 * one of its own may wait for ever in Firefox (docs/RATIONALE.md, "Who starts workers").
 */
export interface SharedCompiler {
  /** Gives a machine its port. Returns the function that ends it. */
  connect(machine: Pick<MachineApi, "useCompiler" | "compilerLost">): () => void;
  terminate(): void;
}

/** Starts a machine's worker. `onCrash` is called once if it dies on its own (out of memory, a script that does not load). */
export type Spawn = (onCrash: (message: string) => void) => MachineConnection;

/** From display to machine: a frame can be taken. `all`: the display knows nothing yet. */
export interface DisplayRequest {
  readonly all: boolean;
  /** An earlier update's data, to be used again. */
  readonly spare: ArrayBuffer | null;
}
/** The answer, when something has changed. */
export interface DisplayFrame {
  readonly update: ScreenUpdate;
}

/** Events from the display's worker to the page. */
export interface DisplayEvents {
  /** Pixels of the picture. */
  size(width: number, height: number): void;
  /** Without a canvas: RGBA of whole lines from `first` on, `width` pixels each. */
  pixels(pixels: Uint32Array, width: number, first: number): void;
}

/** The display in a worker of its own (vmm/display-worker.ts). */
export interface DisplayApi {
  /** Null: the browser gives workers no canvas, and the page draws. */
  start(canvas: OffscreenCanvas | null, events: DisplayEvents): Promise<void>;
  /** A machine whose screen is shown from now on. */
  attach(port: MessagePort): Promise<void>;
  /** A display that nobody sees asks for no frames. */
  setVisible(visible: boolean): Promise<void>;
  /** The screen's text; null in graphics modes. */
  text(): Promise<string | null>;
  framesShown(): Promise<number>;
}
