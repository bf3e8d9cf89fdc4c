/** The only module of vmm/ that ui/ imports: the calls that cross the worker boundary (through Comlink). */
import type { MouseInput } from "../devices/ps2/mouse.ts";
import type { ScreenUpdate } from "../devices/vga/screen.ts";
import type { MachineDebugger } from "./debug/api.ts";
import type { KernelImages, MachineConfig, MachineStatus, StopReport, MachineStats } from "./config.ts";
import type { LoadProgress } from "./images/progress.ts";
import type { ImageSources } from "./images/source.ts";
export type { MachineConfig, MachineStatus, TierStatus, StopReport, MachineStats, MachineState, KernelImages, StopKind } from "./config.ts";
export type { MouseInput } from "../devices/ps2/mouse.ts";
export type * from "./debug/api.ts";
export { DETERMINISTIC_EPOCH_SECONDS } from "./config.ts";
export type { LoadProgress } from "./images/progress.ts";
export { NOT_FOUND, type ImageSource, type ImageSources } from "./images/source.ts";

/** To boot what `load` has brought into the worker. */
export interface LoadedBoot {
  readonly cmdline: string;
}

export interface WorkerConfig extends Omit<MachineConfig, "boot"> {
  readonly boot: LoadedBoot | KernelImages;
}

/** Events from worker to page. */
export interface MachineEvents {
  /** Serial output in batches, byte for byte. A promise slows the guest down to the speed at which it resolves. */
  serial(bytes: Uint8Array): void | Promise<void>;
  status(status: MachineStatus): void;
  stopped(report: StopReport): void;
  input(state: InputState): void;
}

/** What the guest has made of keyboard and mouse. */
export interface InputState {
  /** Bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  readonly leds: number;
  /** It listens to the mouse. */
  readonly mouse: boolean;
}

/** One machine in one worker. A call that fails rejects with an Error whose message is the one clear line. */
export interface MachineApi {
  /**
   * Fetches and unzips images into the worker, for the next `powerOn`. Resolves to sources that need no server. The error of a
   * file that the server has not is named `NOT_FOUND`.
   */
  load(images: ImageSources, onProgress: (progress: LoadProgress) => void): Promise<ImageSources>;
  /** Builds and starts a machine; the previous one of this worker, if any, is discarded. */
  powerOn(config: WorkerConfig, events: MachineEvents): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  reset(): Promise<void>;
  powerOff(): Promise<void>;
  /** Presses the power button: a guest that listens (ACPI) shuts itself down. False: it does not listen. */
  powerButton(): Promise<boolean>;
  /** Bytes typed by the user. All are queued; none is lost however many. */
  serialInput(bytes: Uint8Array): Promise<void>;
  /** A key by its place, named as KeyboardEvent.code; null lets go of all keys. Keys that no PC has are ignored. */
  key(code: string | null, pressed: boolean): Promise<void>;
  mouse(input: MouseInput): Promise<void>;
  /** The other end of the port that DisplayApi.attach gets: DisplayRequests come in, a DisplayFrame goes out for each. */
  attachDisplay(port: MessagePort): Promise<void>;
  stats(): Promise<MachineStats>;
  /** A debugger of the present machine; one that was given before is closed. */
  debugger(): Promise<MachineDebugger>;
}

/** From display to machine: a frame can be taken. `all`: the display knows nothing yet. */
export interface DisplayRequest {
  readonly all: boolean;
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
