/** Machines that run jobs: the benchmark guest in QEMU, in Node and in Chromium, behind one interface. */
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { MachineStats } from "../../src/vmm/api.ts";
import { Child, type Command } from "./child.ts";
import type { TalkingPage } from "./chromium.ts";
import type { Context } from "./context.ts";
import { conversation, type Job, type Outcome } from "./conversation.ts";
import { MEMORY_MIB, nodeBoot, qemuBoot, type GuestBoot } from "./guest.ts";
import { BUILD } from "./paths.ts";

export const ENGINE_NAMES = ["qemu", "node", "chromium"] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** A started machine whose guest takes commands. */
export interface Machine {
  /** Seconds from its start (QEMU, Node: of the process; Chromium: power-on) until then. */
  readonly readySeconds: number;
  run(job: Job): Promise<Outcome>;
  /** Ends it. */
  close(): Promise<MachineReport>;
}

export interface MachineReport {
  /** Null where the engine keeps none. */
  readonly stats: MachineStats | null;
  /** How long the worker's answers took, where there is a worker. */
  readonly answersMs: readonly number[];
}

export interface EngineOf {
  readonly name: EngineName;
  start(boot: GuestBoot): Promise<Machine>;
}

/** A whole run of all programs; one program, or the start of the guest. */
const LIMIT_MS = 900_000;
const JOB_LIMIT_MS = 300_000;

/** The `--stats` line, or null. */
export function statsLine(errors: string): MachineStats | null {
  const line = errors.split("\n").findLast((text) => text.startsWith("{"));
  return line === undefined ? null : (JSON.parse(line) as MachineStats);
}

function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no end after ${JOB_LIMIT_MS / 1000} s`)), JOB_LIMIT_MS);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** A process whose guest's serial line is its standard input and output. */
export async function startChild(command: Command): Promise<Machine> {
  const child = new Child(command, LIMIT_MS);
  const talk = conversation((text) => child.write(text), () => performance.now());
  const from = performance.now();
  child.listen((text) => talk.feed(text), () => talk.end(`${basename(command.file)} ended: ${child.errors.trim().slice(-300)}`));
  const timer = setTimeout(() => talk.end(`the guest takes no commands after ${JOB_LIMIT_MS / 1000} s`), JOB_LIMIT_MS);
  try {
    const readySeconds = ((await talk.ready()) - from) / 1000;
    clearTimeout(timer);
    return {
      readySeconds,
      run: (job) => within(job.name, talk.run(job)),
      async close() {
        await child.terminate();
        return { stats: statsLine(child.errors), answersMs: [] };
      },
    };
  } catch (error) {
    clearTimeout(timer);
    await child.terminate();
    throw error;
  }
}

/** `--tier 1` for the command line is the field `tier` of the machine's configuration in the worker. */
export function configFields(args: readonly string[]): Record<string, string | true> {
  const fields: Record<string, string | true> = {};
  for (let i = 0; i < args.length; i++) {
    const name = /^--?([a-z][a-z0-9-]*)$/.exec(args[i])?.[1];
    if (name === undefined) throw new Error(`machine option '${args[i]}' is not --NAME or --NAME VALUE`);
    const value = i + 1 < args.length && !args[i + 1].startsWith("-") ? args[++i] : true;
    fields[name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())] = value;
  }
  return fields;
}

/** Puts a file where the page can fetch it; answers its address. */
export function publish(path: string): string {
  const name = basename(path);
  copyFileSync(path, join(BUILD, "page", name));
  return name;
}

/** A machine in a page, as one of an engine. */
export function pageMachine(page: TalkingPage): Machine {
  return {
    readySeconds: page.readySeconds,
    run: (job) => within(job.name, page.run(job)),
    async close() {
      try {
        return await page.report();
      } finally {
        await page.close();
      }
    },
  };
}

async function inChromium(context: Context, machineArgs: readonly string[]): Promise<EngineOf | null> {
  const chromium = await context.chromium();
  if (chromium === null) return null;
  return {
    name: "chromium",
    async start({ kernel, initrd, cmdline }) {
      const config = {
        memoryMib: MEMORY_MIB, cpu: "x86-64-v2", deterministic: false, debugExit: null, epochSeconds: Math.floor(Date.now() / 1000), noReboot: true,
        ...configFields(machineArgs),
      };
      return pageMachine(await chromium.talk({ kernelUrl: publish(kernel), initrdUrl: publish(initrd), cmdline, config }));
    },
  };
}

/** The chosen ones that are there. `machineArgs` are options for our machine, as the command line takes them. */
export async function engines(context: Context, chosen: readonly EngineName[], machineArgs: readonly string[]): Promise<EngineOf[]> {
  const found: EngineOf[] = [];
  const { qemu } = context;
  if (chosen.includes("qemu") && qemu !== null) found.push({ name: "qemu", start: (boot) => startChild(qemuBoot(qemu, boot)) });
  if (chosen.includes("node")) found.push({ name: "node", start: (boot) => startChild(nodeBoot(boot, machineArgs)) });
  const chromium = chosen.includes("chromium") ? await inChromium(context, machineArgs) : null;
  if (chromium !== null) found.push(chromium);
  return found;
}
