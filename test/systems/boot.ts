/** Runs a system that somebody else wrote on a whole machine, without a page or a terminal, and talks to it over the serial port. */
import { readFileSync } from "node:fs";
import type { MachineConfig, StopReport } from "../../src/vmm/config.ts";
import { makeMachine } from "../machine/guest.ts";

export interface SystemBoot {
  readonly kernel: string;
  readonly initrd?: string;
  readonly cmdline: string;
  readonly memoryMib: number;
  /** Seconds of host time at most. */
  readonly seconds: number;
  /** What to type when the serial output ends with the text before it, each once and in order. */
  readonly dialogue?: readonly (readonly [RegExp, string])[];
  /** The run ends when the output matches. */
  readonly until?: RegExp;
  readonly config?: Partial<MachineConfig>;
}

export interface SystemEnd {
  readonly serial: string;
  readonly report: StopReport | null;
  readonly instructions: number;
  readonly seconds: number;
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4));

export function bootSystem(boot: SystemBoot): SystemEnd {
  const read = (file: string): Uint8Array => new Uint8Array(readFileSync(file));
  const run = makeMachine(
    { kernel: read(boot.kernel), initrds: boot.initrd === undefined ? [] : [read(boot.initrd)], cmdline: boot.cmdline },
    { memoryMib: boot.memoryMib, debugExit: null, deterministic: false, ...boot.config },
  );
  const began = performance.now();
  const dialogue = [...(boot.dialogue ?? [])];
  const ended = (report: StopReport | null): SystemEnd => ({
    serial: run.serial(), report, instructions: run.machine.vcpu.retired, seconds: (performance.now() - began) / 1000,
  });
  for (;;) {
    const outcome = run.machine.run(200);
    if (outcome.kind === "stopped") return ended(outcome.report);
    if (outcome.kind === "reset") throw new Error(`the guest reset the machine; its output ends with:\n${run.serial().slice(-2000)}`);
    // Asleep like the guest, but awake for a dialogue.
    if (outcome.kind === "idle") Atomics.wait(SLEEP, 0, 0, Math.min(20, (outcome.ns ?? 2e7) / 1e6));
    const tail = run.serial().slice(-4000);
    if (boot.until?.test(tail) === true) return ended(null);
    const next = dialogue[0] as (typeof dialogue)[number] | undefined;
    if (next?.[0].test(tail) === true) {
      dialogue.shift();
      run.machine.serialInput(new TextEncoder().encode(next[1]));
    }
    if (performance.now() - began > boot.seconds * 1000) {
      throw new Error(`not done after ${boot.seconds} s; the output ends with:\n${tail.slice(-2000)}`);
    }
  }
}
