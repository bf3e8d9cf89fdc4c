/** The worker that holds one machine, seen from the page. The only file of ui/ that knows Comlink. */
import * as Comlink from "comlink";
import { COMPILER_NAME } from "../vmm/api.ts";
import type {
  DebugState, DisplayApi, DisplayEvents, FolderAnswer, FolderCall, ImageSources, LoadProgress, MachineApi, MachineConnection, MachineDebugger, MachineEvents, MachineSpec, MouseInput, SharedCompiler, SnapshotRequest,
  SnapshotResult, StartSource, StoreProgress, WorkerConfig,
} from "../vmm/api.ts";

export type { MachineConnection } from "../vmm/api.ts";

/** Starts a worker. `onCrash` is called once if it dies on its own (out of memory, script that does not load). */
export function connectMachine(onCrash: (message: string) => void): MachineConnection {
  const worker = new Worker(new URL("../vmm/worker.ts", import.meta.url), { type: "module", name: "tabvisor-machine" });
  const remote = Comlink.wrap<MachineApi>(worker);

  let ended = false;
  let fail: (error: Error) => void = () => undefined;
  const death = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  death.catch(() => undefined); // nobody may be waiting
  const guard = <T>(call: Promise<T>): Promise<T> => Promise.race([call, death]);

  worker.addEventListener("error", (event: ErrorEvent) => {
    event.preventDefault();
    if (ended) return;
    ended = true;
    const message = event.message === "" || event.message === undefined ? "the machine's worker could not be loaded" : event.message;
    fail(new Error(message));
    worker.terminate();
    onCrash(message);
  });

  return {
    load: (images: ImageSources, onProgress: (progress: LoadProgress) => void) => guard(remote.load(images, Comlink.proxy(onProgress))),
    prepare: (spec: MachineSpec, onProgress: (progress: LoadProgress) => void) => guard(remote.prepare(spec, Comlink.proxy(onProgress))),
    warm: () => guard(remote.warm()),
    foresee: () => guard(remote.foresee()),
    useStore: (port: MessagePort) => guard(remote.useStore(Comlink.transfer(port, [port]))),
    snapshot: (request: SnapshotRequest, onProgress?: (progress: StoreProgress) => void) =>
      guard(remote.snapshot(request, Comlink.proxy(onProgress ?? (() => undefined))) as Promise<SnapshotResult>),
    fork: (port: MessagePort) => guard(remote.fork(Comlink.transfer(port, [port]))),
    powerOn: (config: WorkerConfig | "prepared", events: MachineEvents, start?: StartSource) =>
      guard(remote.powerOn(config, Comlink.proxy(events), start?.kind === "fork" ? Comlink.transfer(start, [start.port]) : start)),
    pause: () => guard(remote.pause()),
    resume: () => guard(remote.resume()),
    reset: () => guard(remote.reset()),
    powerOff: () => guard(remote.powerOff()),
    powerButton: () => guard(remote.powerButton()),
    serialInput: (bytes: Uint8Array, port = 0) => guard(remote.serialInput(bytes, port)),
    key: (code: string | null, pressed: boolean) => guard(remote.key(code, pressed)),
    mouse: (input: MouseInput) => guard(remote.mouse(input)),
    attachDisplay: (port: MessagePort) => guard(remote.attachDisplay(Comlink.transfer(port, [port]))),
    stats: () => guard(remote.stats()),
    startRecording: () => guard(remote.startRecording()),
    stopRecording: () => guard(remote.stopRecording()),
    setShare: (share: number) => guard(remote.setShare(share)),
    folder: (tag: string, call: FolderCall) => guard(remote.folder(tag, call) as Promise<FolderAnswer>),
    openFolder: (tag: string, path: string) => guard(remote.openFolder(tag, path)),
    screenshot: () => guard(remote.screenshot()),
    useCompiler: (port: MessagePort, wanted: () => void) => guard(remote.useCompiler(Comlink.transfer(port, [port]), Comlink.proxy(wanted))),
    compilerLost: () => guard(remote.compilerLost()),
    debugger: async () => wrapDebugger((await guard(remote.debugger())) as unknown as Comlink.Remote<MachineDebugger>, guard),
    terminate: () => {
      if (ended) return;
      ended = true;
      worker.terminate();
      fail(new Error("the machine was switched off"));
    },
  };
}

export function connectCompiler(): SharedCompiler {
  let worker: Worker | null = null;
  const served = new Set<() => void>();
  const start = (): Worker => {
    // The machine's script under another name (vmm/compiler.ts), so that the page loads it once.
    const started = new Worker(new URL("../vmm/worker.ts", import.meta.url), { type: "module", name: COMPILER_NAME });
    started.addEventListener("error", (event: ErrorEvent) => {
      event.preventDefault();
      if (worker !== started) return;
      started.terminate();
      worker = null;
      for (const lost of served) lost();
      served.clear();
    });
    return started;
  };
  return {
    connect: (machine) => {
      const { port1, port2 } = new MessageChannel();
      const lost = (): void => void machine.compilerLost().catch(() => undefined);
      let open = true;
      const wanted = (): void => {
        if (!open) return;
        open = false;
        served.add(lost);
        (worker ??= start()).postMessage(port1, [port1]);
      };
      machine.useCompiler(port2, wanted).catch(() => undefined);
      return () => {
        open = false;
        served.delete(lost);
      };
    },
    terminate: () => {
      worker?.terminate();
      worker = null;
    },
  };
}

/** A debugger in a worker; its calls reject when the worker dies. */
function wrapDebugger(remote: Comlink.Remote<MachineDebugger>, guard: <T>(call: Promise<T>) => Promise<T>): MachineDebugger {
  return {
    look: (request) => guard(remote.look(request)),
    listen: (listener: ((state: DebugState) => void) | null) => guard(remote.listen(listener === null ? null : Comlink.proxy(listener))),
    pause: () => guard(remote.pause()),
    resume: () => guard(remote.resume()),
    step: (interrupts) => guard(remote.step(interrupts)),
    stepOver: () => guard(remote.stepOver()),
    finish: () => guard(remote.finish()),
    runTo: (address) => guard(remote.runTo(address)),
    setBreakpoints: (list) => guard(remote.setBreakpoints(list)),
    setRegister: (name, value) => guard(remote.setRegister(name, value)),
    writeMemory: (space, address, bytes) => guard(remote.writeMemory(space, address, bytes)),
    addSymbols: (file) => guard(remote.addSymbols(file)),
    evaluate: (text) => guard(remote.evaluate(text)),
    close: () => guard(remote.close()),
  };
}

/** The display's worker. It lives as long as the page; machines are attached to it one after the other. */
export function connectDisplay(canvas: OffscreenCanvas | null, events: DisplayEvents): DisplayApi {
  const worker = new Worker(new URL("../vmm/display-worker.ts", import.meta.url), { type: "module", name: "tabvisor-display" });
  const remote = Comlink.wrap<DisplayApi>(worker);
  void remote.start(canvas === null ? null : Comlink.transfer(canvas, [canvas]), Comlink.proxy(events));
  return {
    start: () => Promise.reject(new Error("the display is started already")),
    attach: (port) => remote.attach(Comlink.transfer(port, [port])),
    setVisible: (visible) => remote.setVisible(visible),
    text: () => remote.text(),
    framesShown: () => remote.framesShown(),
  };
}

export interface EarlyConnection {
  /** Null if none was wanted. */
  readonly first: MachineConnection | null;
  /** Like `connectMachine`; gives the first worker to who asks first. */
  readonly connect: typeof connectMachine;
}

/** Starts the first worker at once (if `early`), before anyone asks for it. */
export function earlyConnect(early: boolean): EarlyConnection {
  let crash: (message: string) => void = () => undefined;
  const first = early ? connectMachine((message) => crash(message)) : null;
  let given = first === null;
  const connect = (onCrash: (message: string) => void): MachineConnection => {
    if (given || first === null) return connectMachine(onCrash);
    given = true;
    crash = onCrash;
    return first;
  };
  return { first, connect };
}
