/** Browser tests of replays: a machine in a worker records a run, replays one of another host, or goes on from another's state. */
import "../../src/jit/interpreter/generate.ts";
import { loadCompiler } from "../../src/jit/region/compiler.ts";
import type { MachineConfig } from "../../src/vmm/config.ts";
import { KEY_BYTES } from "../../src/vmm/machine/entropy.ts";
import { Machine } from "../../src/vmm/machine/machine.ts";
import { bindingOf } from "../../src/vmm/record/binding.ts";
import { Player, Recording } from "../../src/vmm/record/player.ts";
import { Recorder } from "../../src/vmm/record/recorder.ts";

export type ReplayTask =
  /** Types the bytes one by one, `apart` instructions between them; the guest ends by the last one. */
  | { readonly kind: "record"; readonly config: MachineConfig; readonly typed: readonly number[]; readonly apart: number }
  | { readonly kind: "replay"; readonly config: MachineConfig; readonly log: Uint8Array }
  /** Runs so many instructions, and gives the state as a log that begins with it. */
  | { readonly kind: "save"; readonly config: MachineConfig; readonly instructions: number }
  /** Goes on from the log's state. */
  | { readonly kind: "resume"; readonly config: MachineConfig; readonly log: Uint8Array; readonly instructions: number };

export interface ReplayAnswer {
  readonly serial: string;
  readonly instructions: number;
  readonly hash: string;
  readonly log: Uint8Array | null;
}

export async function perform(task: ReplayTask): Promise<ReplayAnswer> {
  const { config } = task;
  if (config.tier === "1") await loadCompiler();
  let serial = "";
  const make = (key: Uint8Array): Machine => new Machine(config, {
    serial: (byte) => (serial += String.fromCharCode(byte)), debug: () => undefined, hostNs: () => performance.now() * 1e6, entropy: (bytes) => bytes.set(key),
  });
  const parts: Uint8Array[] = [];
  const newRecorder = async (): Promise<Recorder> => new Recorder({ write: (bytes) => parts.push(bytes) }, await bindingOf(config, {}));
  const answer = async (machine: Machine): Promise<ReplayAnswer> => {
    const log = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    parts.reduce((at, p) => (log.set(p, at), at + p.length), 0);
    return { serial, instructions: machine.vcpu.retired, hash: await machine.stateHash(), log: parts.length > 0 ? log : null };
  };
  const runTo = (machine: Machine, instructions: number): void => {
    while (machine.vcpu.retired < instructions) machine.run(1e9, instructions - machine.vcpu.retired);
  };
  switch (task.kind) {
    case "record": {
      const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
      const machine = make(key);
      const recorder = await newRecorder();
      recorder.powerOn(machine, key);
      for (let i = 0; ; i++) {
        if (i < task.typed.length) machine.serialInput(Uint8Array.of(task.typed[i]));
        const outcome = machine.run(1e9, task.apart);
        if (outcome.kind !== "stopped") continue;
        await recorder.end(machine, true, outcome.report.kind);
        return answer(machine);
      }
    }
    case "replay": {
      const player = new Player(new Recording(task.log));
      const machine = make(player.key());
      player.attach(machine);
      for (;;) {
        const outcome = machine.run(1e9);
        if (outcome.kind === "reset") throw new Error("the guest reset the machine");
        if (outcome.kind !== "stopped" && outcome.kind !== "replayed") continue;
        await player.end(machine, outcome.kind === "stopped" ? outcome.report.kind : null);
        return answer(machine);
      }
    }
    case "save": {
      const machine = make(new Uint8Array(KEY_BYTES));
      runTo(machine, task.instructions);
      const recorder = await newRecorder();
      recorder.from(machine, null);
      await recorder.end(machine, false, "cut");
      return answer(machine);
    }
    case "resume": {
      const machine = make(new Uint8Array(KEY_BYTES));
      new Recording(task.log).restore(machine);
      runTo(machine, task.instructions);
      return answer(machine);
    }
  }
}

// In a worker; Node imports the function alone.
if ("WorkerGlobalScope" in globalThis) {
  self.onmessage = ({ data }: MessageEvent<ReplayTask>): void => {
    perform(data).then(
      (result) => self.postMessage({ result }),
      (e: unknown) => self.postMessage({ error: e instanceof Error ? e.message : String(e) }),
    );
  };
}
