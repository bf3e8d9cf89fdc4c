/** The worker that holds one machine, seen from the page. The only file of ui/ that knows Comlink. */
import * as Comlink from "comlink";
import type { MachineApi, MachineConfig, MachineEvents } from "../vmm/api.ts";

/** A machine's worker. Calls reject when the worker itself dies, so that none waits for ever. */
export interface MachineConnection extends MachineApi {
  /** Ends the worker and gives its memory back. */
  terminate(): void;
}

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
    powerOn: (config: MachineConfig, events: MachineEvents) =>
      guard(remote.powerOn(Comlink.transfer(config, imageBuffers(config)), Comlink.proxy(events))),
    pause: () => guard(remote.pause()),
    resume: () => guard(remote.resume()),
    reset: () => guard(remote.reset()),
    powerOff: () => guard(remote.powerOff()),
    serialInput: (bytes: Uint8Array) => guard(remote.serialInput(bytes)),
    stats: () => guard(remote.stats()),
    terminate: () => {
      if (ended) return;
      ended = true;
      worker.terminate();
      fail(new Error("the machine was switched off"));
    },
  };
}

/** Like `connectMachine`, with the first worker started at once (if `early`), before anyone asks for it. */
export function earlyConnect(early: boolean): typeof connectMachine {
  let crash: (message: string) => void = () => undefined;
  let first = early ? connectMachine((message) => crash(message)) : null;
  return (onCrash) => {
    if (first === null) return connectMachine(onCrash);
    const connection = first;
    first = null;
    crash = onCrash;
    return connection;
  };
}

/** Images are moved, not copied: a kernel of 50 MB would be in memory twice. */
function imageBuffers(config: MachineConfig): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const image of [config.boot.kernel ?? new Uint8Array(0), ...config.boot.initrds]) {
    if (image.buffer instanceof ArrayBuffer) buffers.add(image.buffer);
  }
  return [...buffers];
}
