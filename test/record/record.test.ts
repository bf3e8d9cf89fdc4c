/** Recorded runs of a small guest, with random input at random times: replayed in every tier, equal in output, count and state. */
import { describe, expect, it } from "vitest";
import type { MachineConfig } from "../../src/vmm/config.ts";
import type { MachineInput } from "../../src/vmm/machine/door.ts";
import { Recording } from "../../src/vmm/record/player.ts";
import { Chance, machineConfig, record, replay, type Recorded } from "./rig.ts";

const TIERS = ["0", "1", "auto"] as const;
const KEYS = ["KeyA", "Enter", "ArrowUp", "ShiftLeft", "F1", "Backspace"];

function anyInput(chance: Chance): MachineInput {
  switch (chance.below(8)) {
    case 0:
      return { kind: "key", code: KEYS[chance.below(KEYS.length)], pressed: chance.below(2) === 0 };
    case 1:
      return { kind: "mouse", input: { dx: chance.below(20) - 10, dy: chance.below(20) - 10, dz: 0, buttons: chance.below(8) } };
    case 2:
      return { kind: "power-button" };
    case 3:
      return { kind: "key", code: null, pressed: false };
    case 4:
      return { kind: "reseed", key: new Uint8Array(32).map(() => chance.below(256)) };
    default:
      // Neither q nor r.
      return { kind: "serial", port: 0, bytes: new Uint8Array(1 + chance.below(40)).map(() => 97 + chance.below(16)) };
  }
}

/** A run of so many inputs between random numbers of instructions; with a reset in the middle. */
function fuzzed(config: MachineConfig, seed: number, inputs: number, most = 60_000): Promise<Recorded> {
  const chance = new Chance(seed);
  let left = inputs;
  const type = (text: string): MachineInput => ({ kind: "serial", port: 0, bytes: new TextEncoder().encode(text) });
  return record(config, {}, { lightEvery: 150_000, fullEvery: 500_000 }, (machine) => {
    left--;
    // As a snapshot does.
    if (chance.below(12) === 0) machine.beginEpoch();
    if (left === Math.floor(inputs / 2)) machine.input(type("r"));
    else if (left <= 0) machine.input(type("q"));
    else for (let n = chance.below(3); n > 0; n--) machine.input(anyInput(chance));
    return 1 + chance.below(chance.below(4) === 0 ? 50 : most);
  });
}

describe.each(["deterministic", "real-time"] as const)("%s mode", (mode) => {
  const config = (tier: MachineConfig["tier"] = "auto"): MachineConfig => machineConfig({ deterministic: mode === "deterministic", tier });
  it.each([1, 2, 3, 4, 5])("run %i is the same in every tier, whole and in pieces", async (seed) => {
    const run = await fuzzed(config(TIERS[seed % 3]), seed, 120);
    expect(run.summary.serial.length).toBeGreaterThan(50);
    for (const tier of TIERS) expect((await replay(run.log, config(tier))).summary).toEqual(run.summary);
    const chance = new Chance(seed);
    const { summary, result } = await replay(run.log, config("0"), {}, () => 1 + chance.below(30_000));
    expect(summary).toEqual(run.summary);
    expect(result.hash).toBe(run.summary.hash);
  });
});

it("two recordings of a real-time machine differ, and each replays as itself", async () => {
  const config = machineConfig({ deterministic: false });
  const [a, b] = [await fuzzed(config, 9, 60), await fuzzed(config, 9, 60)];
  expect(a.summary.hash).not.toBe(b.summary.hash);
  expect((await replay(b.log, config)).summary).toEqual(b.summary);
  expect((await replay(a.log, config)).summary).toEqual(a.summary);
});

it("begins in the middle of a run, with the machine's state in the log", async () => {
  const { Recorder } = await import("../../src/vmm/record/recorder.ts");
  const { bindingOf } = await import("../../src/vmm/record/binding.ts");
  const { makeMachine } = await import("../machine/guest.ts");
  for (const deterministic of [true, false]) {
    const config = machineConfig({ deterministic });
    const { machine, serial } = makeMachine(config.boot, config);
    machine.serialInput(new TextEncoder().encode("ahead"));
    const runTo = (ns: number): void => {
      while (machine.guestTimeNs < ns) machine.run(1e9, 40_000);
    };
    runTo(12e6);
    // Not taken yet when the recording begins: it is part of the state.
    machine.serialInput(new TextEncoder().encode("pending"));
    const skipped = serial().length;
    const parts: Uint8Array[] = [];
    const recorder = new Recorder({ write: (bytes) => parts.push(bytes.slice()) }, await bindingOf(config, {}));
    recorder.from(machine, null);
    for (let i = 0; i < 30; i++) {
      machine.serialInput(Uint8Array.of(97 + (i % 16)));
      runTo(machine.guestTimeNs + 100_000);
    }
    await recorder.end(machine, false, "cut");
    const hash = await machine.stateHash();
    for (const tier of ["0", "1"] as const) {
      const again = await replay(Buffer.concat(parts), { ...config, tier });
      expect([again.summary.serial, again.summary.hash, again.summary.instructions]).toEqual([serial().slice(skipped), hash, machine.vcpu.retired]);
      expect(again.summary.serial).toContain("pending");
    }
  }
});

describe("a replay that is not the same", () => {
  it("is found at the first checkpoint", async () => {
    const config = machineConfig({});
    const run = await fuzzed(config, 11, 120);
    const recording = new Recording(run.log);
    expect(recording.instructions).toBeGreaterThan(2_000_000);
    // Another processor: the binding would have refused it.
    const other = machineConfig({ memoryMib: 5 });
    await expect(replay(run.log, other)).rejects.toThrow(/^replay: /);
    // A word of memory that nobody looks at.
    const { Player } = await import("../../src/vmm/record/player.ts");
    const { makeMachine } = await import("../machine/guest.ts");
    const player = new Player(recording);
    player.key();
    const { machine } = makeMachine(config.boot, config);
    player.attach(machine);
    machine.vcpu.state.u8[machine.guestMemoryRange[0] + 0x3f_0000] ^= 1;
    const result = (async () => {
      for (;;) {
        const outcome = machine.run(1e9);
        if (outcome.kind === "reset" || outcome.kind === "stopped") {
          await player.end(machine, "debug-exit");
          return;
        }
      }
    })();
    await expect(result).rejects.toThrow(/^replay: at instruction \d+ the state's hash is [0-9a-f]{16}, and was [0-9a-f]{16} \(checkpoint \d+\); it was equal at instruction \d+$/);
  });
});
