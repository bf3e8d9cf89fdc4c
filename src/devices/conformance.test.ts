/** What holds for every device: snapshot → run on → restore → identical; and no misuse hurts. */
import { describe, expect, it } from "vitest";
import { restoreSections, saveSection } from "../base/persist.ts";
import { DEVICES, DeviceRig, pseudoRandom } from "./testing/rig.ts";

const STEPS = 4_000;
/** Of 2,000 accesses, in the test of misuse. The long version: DEVICE_ROUNDS=1000. */
const ROUNDS = Number(process.env["DEVICE_ROUNDS"] ?? 20);

describe.each(Object.entries(DEVICES))("%s", (name, fit) => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("goes on identically after snapshot and restore (script %i)", (script) => {
    const original = new DeviceRig(fit);
    original.run(pseudoRandom(script * 7919), STEPS);
    const snapshot = original.device.persistents.map(saveSection);
    const startNs = original.clock.nowNs();

    original.trace.events.length = 0;
    original.run(pseudoRandom(script * 104_729), STEPS);

    const copy = new DeviceRig(fit, startNs);
    restoreSections(copy.device.persistents, snapshot);
    expect(copy.device.persistents.map(saveSection)).toEqual(snapshot);
    copy.trace.events.length = 0;
    copy.run(pseudoRandom(script * 104_729), STEPS);

    expect(copy.trace.events).toEqual(original.trace.events);
    expect(copy.device.persistents.map(saveSection)).toEqual(original.device.persistents.map(saveSection));
    expect(copy.clock.nextDeadlineNs()).toBe(original.clock.nextDeadlineNs());
  });

  it("restores whatever state it is caught in", () => {
    const original = new DeviceRig(fit);
    const random = pseudoRandom(name.length * 17 + 3);
    for (let point = 0; point < 200; point++) {
      original.run(random, 1 + (random() % 40));
      const snapshot = original.device.persistents.map(saveSection);
      const copy = new DeviceRig(fit, original.clock.nowNs());
      restoreSections(copy.device.persistents, snapshot);
      expect(copy.device.persistents.map(saveSection)).toEqual(snapshot);
      copy.trace.events.length = original.trace.events.length = 0;
      const seed = random();
      copy.run(pseudoRandom(seed), 60);
      original.run(pseudoRandom(seed), 60);
      expect(copy.trace.events).toEqual(original.trace.events);
    }
  });

  it("does not share state with its snapshot", () => {
    const rig = new DeviceRig(fit);
    rig.run(pseudoRandom(11), 200);
    const snapshot = rig.device.persistents.map(saveSection);
    const frozen = structuredClone(snapshot);
    rig.run(pseudoRandom(12), STEPS);
    expect(snapshot).toEqual(frozen);
  });

  it("survives random reads and writes of every register and width", () => {
    const rig = new DeviceRig(fit);
    const random = pseudoRandom(name.length * 31 + 5);
    for (let round = 0; round < ROUNDS; round++) {
      rig.run(random, 2_000);
      rig.trace.events.length = 0;
    }
    for (let port = 0; port < 64; port++) {
      for (const width of [1, 2, 4] as const) {
        for (const value of [0, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff]) {
          rig.bus.write(port, width, value);
          const read = rig.bus.read(port, width);
          expect(Number.isInteger(read) && read >= 0 && read < 2 ** (8 * width)).toBe(true);
        }
      }
    }
  }, 5_000 + 500 * ROUNDS);
});
