/** The machine's web worker: MachineApi over Comlink; under another name, the thread that compiles its regions. */
import * as Comlink from "comlink";
import { UserError } from "../base/errors.ts";
import { answerCompilerCall, COMPILER_NAME, type CompilerAnswer, type CompilerCall, threadCompiler } from "./compiler.ts";
import type {
  DisplayFrame, DisplayRequest, ImageSource, ImageSources, LoadProgress, MachineApi, MachineDebugger, MachineEvents, MachineStats, MouseInput, WorkerConfig,
} from "./api.ts";
import type { KernelImages } from "./config.ts";
import { provideFirmware } from "./firmware.ts";
import { loadImages, type LoadedImages } from "./images/load.ts";
import { provideInterpreter, type StoredInfo } from "./interpreter.ts";
import { Runner } from "./runner.ts";

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
const interpreterReady = compiling ? Promise.resolve() : fetchInterpreter().catch((e: unknown) => {
  console.warn("tabvisor: no ready-made interpreter, generating one:", e);
});

/** A second worker of this same script, so that the page loads it once. */
function startCompiler(): ReturnType<typeof threadCompiler> {
  return threadCompiler(() => {
    const worker = new Worker(self.location.href, { type: "module", name: COMPILER_NAME });
    return {
      send: (call) => worker.postMessage(call),
      listen: (onAnswer, onDeath) => {
        worker.onmessage = (e: MessageEvent<CompilerAnswer>) => onAnswer(e.data);
        worker.onerror = onDeath;
      },
    };
  });
}
let compiler: ReturnType<typeof threadCompiler> | null = null;

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
  async powerOn(config: WorkerConfig, events: MachineEvents): Promise<void> {
    this.runner?.powerOff();
    this.runner = null;
    await interpreterReady;
    const { boot, kept } = this.take(config.boot);
    if (boot.kernel === null && boot.firmware === undefined) await fetchFirmware();
    const runner = new Runner({ ...config, boot }, {
      serial: (bytes) => events.serial(Comlink.transfer(bytes, [bytes.buffer])),
      status: (status) => events.status(status),
      stopped: (report) => events.stopped(report),
      input: (state) => events.input(state),
      frame: (update) => {
        const frame: DisplayFrame = { update };
        this.display?.postMessage(frame, [update.data.buffer as ArrayBuffer]);
      },
    }, { ...(kept === null ? {} : { images: () => imagesOf(kept, boot.cmdline) }), compiler: (compiler ??= startCompiler()) });
    this.runner = runner;
    if (this.wanted) runner.requestFrame(true);
    runner.resume();
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
    this.need().powerOff();
    return Promise.resolve();
  }
  powerButton(): Promise<boolean> {
    return Promise.resolve(this.need().powerButton());
  }
  serialInput(bytes: Uint8Array): Promise<void> {
    this.need().serialInput(bytes);
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
      this.runner?.requestFrame(event.data.all);
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

if (compiling) {
  self.onmessage = (e: MessageEvent<CompilerCall>) => void answerCompilerCall(e.data).then((answer) => self.postMessage(answer));
} else Comlink.expose(new WorkerMachine());
