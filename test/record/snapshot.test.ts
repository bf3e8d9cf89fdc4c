/** A recording that begins at a snapshot and takes another on its way: replayed on a machine that was restored from the first. */
import { expect, it } from "vitest";
import { bindingOf } from "../../src/vmm/record/binding.ts";
import { Player, Recording } from "../../src/vmm/record/player.ts";
import { Recorder } from "../../src/vmm/record/recorder.ts";
import { makeMachine } from "../machine/guest.ts";
import { memoryObjects, newSnapshotter, restored, sinkOf, take } from "../snapshot/rig.ts";
import { Chance, machineConfig } from "./rig.ts";

it.each([true, false])("replayed from the snapshot (deterministic: %s)", async (deterministic) => {
  const config = machineConfig({ deterministic });
  const objects = await memoryObjects();
  const run = makeMachine(config.boot, config);
  const { machine } = run;
  const snapshotter = newSnapshotter(run);
  const go = (ns: number): void => {
    for (const end = machine.guestTimeNs + ns; machine.guestTimeNs < end; ) machine.run(1e9, 50_000);
  };
  machine.serialInput(new TextEncoder().encode("ahead"));
  go(13e6);
  const { record } = await take(run, snapshotter, sinkOf(objects), "first", 0);
  const before = run.serial().length;
  const parts: Uint8Array[] = [];
  const recorder = new Recorder({ write: (bytes) => parts.push(bytes.slice()) }, await bindingOf(config, {}), { lightEvery: 20_000, fullEvery: 60_000 });
  recorder.from(machine, "first");
  const chance = new Chance(3);
  for (let i = 0; i < 40; i++) {
    machine.serialInput(Uint8Array.of(97 + chance.below(16)));
    go(chance.below(300_000));
    if (i === 20) await take(run, snapshotter, sinkOf(objects), "second", 5000);
  }
  await recorder.end(machine, false, "cut");
  const expected = [run.serial().slice(before), machine.vcpu.retired, machine.guestTimeNs, await machine.stateHash()];
  expect(String(expected[0]).length).toBeGreaterThan(30);

  for (const tier of ["0", "1"] as const) {
    const recording = new Recording(Buffer.concat(parts));
    expect(recording.start).toEqual({ kind: "snapshot", id: "first" });
    const player = new Player(recording);
    const copy = restored(record, objects, { ...config, tier });
    player.attach(copy.machine);
    let outcome = copy.machine.run(1e9, 7001);
    while (outcome.kind === "more") outcome = copy.machine.run(1e9, 7001);
    expect(outcome.kind).toBe("replayed");
    expect((await player.end(copy.machine, null)).checkpoints).toBeGreaterThan(2);
    expect([copy.serial(), copy.machine.vcpu.retired, copy.machine.guestTimeNs, await copy.machine.stateHash()]).toEqual(expected);
  }
});
