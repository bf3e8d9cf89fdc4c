/** Runs inside the page before its own scripts: takes the times there, where no protocol delays them. */
import type * as ComlinkModule from "comlink";
import type {} from "../../src/ui/test-hook.ts";
import type {} from "./machine-worker.ts";
import type { MachineApi, MachineStats, MachineStatus, StopReport } from "../../src/vmm/api.ts";

/** Milliseconds since the page was opened (performance.timeOrigin). */
export interface PageTimes {
  readonly powerOn: number;
  readonly firstLine: number;
  readonly prompt: number;
  /** Right after the prompt. */
  readonly stats: MachineStats;
}

export interface ProbeOptions {
  readonly firstLine: string;
  readonly prompt: string;
}

declare global {
  interface Window {
    /** Resolves at the prompt. */
    __benchTimes?: Promise<PageTimes>;
    /** Resolves at the first line of the kernel. */
    __benchFirstLine?: Promise<number>;
    /** The machine of the page. */
    __benchRemote?: ComlinkModule.Remote<MachineApi>;
  }
}

/** Sent to the browser as text: it uses nothing from outside of itself. */
export function installProbe({ firstLine, prompt }: ProbeOptions): void {
  const POLL_MS = 10;
  let worker: Worker | null = null;
  let powerOn = 0;
  const started = (by: Worker): void => {
    worker = by;
    powerOn = performance.now();
  };

  // The call that starts the machine crosses to the worker as a Comlink message.
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (this: Worker, ...args: [message: unknown, ...rest: unknown[]]): void {
    const path = (args[0] as { path?: unknown } | null)?.path;
    if (Array.isArray(path) && path[0] === "powerOn") started(this);
    Reflect.apply(post, this, args);
  };

  /** `last`: lines that it is looked for in. Reading all of a full terminal at every poll would slow down what is measured. */
  const shown = (text: string, last?: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const poll = (): void => {
        if (window.__tabvisorTerminalText?.(last).includes(text) === true) resolve(performance.now());
        else if (document.documentElement?.dataset["phase"] === "stopped") reject(new Error(`the machine ended before '${text}'`));
        else setTimeout(poll, POLL_MS);
      };
      poll();
    });

  const first = shown(firstLine);
  const times = first.then(async (firstLineMs) => {
    const promptMs = await shown(prompt, 10);
    if (worker === null || window.Comlink === undefined) throw new Error("the page started no machine that the bench could see");
    // Kept: the end of a proxy would close the worker's end for the page, too.
    window.__benchRemote = window.Comlink.wrap<MachineApi>(worker);
    const stats = await window.__benchRemote.stats();
    return { powerOn, firstLine: firstLineMs, prompt: promptMs, stats };
  });
  times.catch(() => undefined);
  window.__benchFirstLine = first;
  window.__benchTimes = times;
}

export interface LoopOptions {
  readonly workerUrl: string;
  /** Base64. */
  readonly kernel: string;
  readonly memoryMib: number;
}

export interface LoopOutcome {
  readonly exitCode: number;
  readonly message: string;
  readonly stats: MachineStats;
  /** Instructions a second in the best status interval (half a second): after the engine has compiled everything. */
  readonly best: number;
}

/** Runs a test kernel in the page's worker without the page: until the kernel ends the machine. Also sent as text. */
export async function runKernel({ workerUrl, kernel, memoryMib }: LoopOptions): Promise<LoopOutcome> {
  const comlink = window.Comlink;
  const machine = window.__benchMachine?.(workerUrl);
  if (comlink === undefined || machine === undefined) throw new Error("a script is missing");
  const { worker, api } = machine;
  try {
    return await new Promise((resolve, reject) => {
      let best = 0;
      const events = {
        serial: (): void => undefined,
        input: (): void => undefined,
        folder: (): void => undefined,
        restarted: (): void => undefined,
        status: ({ state, instructionsPerSecond }: MachineStatus): void => {
          if (state === "running") best = Math.max(best, instructionsPerSecond);
        },
        stopped: ({ exitCode, message }: StopReport): void => {
          api.stats().then((stats) => resolve({ exitCode, message, stats, best }), reject);
        },
      };
      const boot = { kernel: Uint8Array.from(atob(kernel), (c) => c.charCodeAt(0)), initrds: [], cmdline: "" };
      const config = { memoryMib, cpu: "x86-64-v2", boot, deterministic: false, debugExit: { iobase: 0xf4, iosize: 4 }, epochSeconds: 0, noReboot: true };
      worker.addEventListener("error", (event) => reject(new Error(`the worker failed: ${event.message}`)));
      api.powerOn(config, comlink.proxy(events)).catch(reject);
    });
  } finally {
    machine.terminate();
  }
}
