/** Runs inside a page before its own scripts: workers of machines for the bench's scripts there, with a thread that compiles, as the page's client starts them. */
import type * as ComlinkModule from "comlink";
import type { MachineApi } from "../../src/vmm/api.ts";

export interface MachineWorker {
  readonly worker: Worker;
  readonly api: ComlinkModule.Remote<MachineApi>;
  /** Ends both threads. */
  terminate(): void;
}

declare global {
  interface Window {
    /** comlink's UMD build, injected. */
    Comlink?: typeof ComlinkModule;
    /** A worker out of the page's script for it; throws where Comlink is missing. */
    __benchMachine?: (workerUrl: string) => MachineWorker;
  }
}

/** Sent to the browser as text: it uses nothing from outside of itself. `compilerName`: `COMPILER_NAME` of the VMM. */
export function installMachineWorkers(compilerName: string): void {
  window.__benchMachine = (workerUrl) => {
    const comlink = window.Comlink;
    if (comlink === undefined) throw new Error("comlink is missing");
    const worker = new Worker(workerUrl, { type: "module" });
    const api = comlink.wrap<MachineApi>(worker);
    let compiler: Worker | null = null;
    const { port1, port2 } = new MessageChannel();
    const wanted = (): void => {
      compiler = new Worker(workerUrl, { type: "module", name: compilerName });
      compiler.postMessage(port1, [port1]);
    };
    // A worker that dies says so by its own event.
    api.useCompiler(comlink.transfer(port2, [port2]), comlink.proxy(wanted)).catch(() => undefined);
    return {
      worker, api,
      terminate: () => {
        worker.terminate();
        compiler?.terminate();
      },
    };
  };
}
