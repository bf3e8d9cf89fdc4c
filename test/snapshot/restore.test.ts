/**
 * A snapshot of a running machine and what goes on from it: the same state hash as the machine it was taken of. SNAPSHOT_ROUNDS is the soak's
 * number of rounds (the default is a slice of it; nightly: 200).
 */
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { ZERO_ID } from "../../src/vmm/store/objects.ts";
import { Restore } from "../../src/vmm/snapshot/restore.ts";
import { assembleKernel, makeMachine, readGuest, runKernel, type Run } from "../machine/guest.ts";
import { guest, guestImages, memoryObjects, newSnapshotter, restored, runTo, sinkOf, take } from "./rig.ts";
import { Snapshotter } from "../../src/vmm/snapshot/snapshotter.ts";

const ROUNDS = Number(process.env["SNAPSHOT_ROUNDS"] ?? 4);
const SEED = Number(process.env["SNAPSHOT_SEED"] ?? 1);
const MEMORY = { memoryMib: 96 };

/** Park and Miller. */
function random(seed: number): () => number {
  let s = seed;
  return () => (s = (s * 48271) % 0x7fffffff) / 0x7fffffff;
}

describe.skipIf(guest === null)("the default guest", () => {
  it(`${ROUNDS} rounds: run, snapshot, run on, restore lazily, run on`, { timeout: 60_000 + ROUNDS * 15_000 }, async () => {
    const next = random(SEED);
    const objects = await memoryObjects();
    const sink = sinkOf(objects);
    let run: Run = makeMachine(guestImages(), MEMORY);
    let snapshotter = newSnapshotter(run);
    let at = Math.floor(20e6 + next() * 40e6);
    for (let round = 0; round < ROUNDS; round++) {
      runTo(run, at);
      const { record, pages } = await take(run, snapshotter, sink, `s${round}`, Math.floor(next() * 50_000));
      expect(record.instructions).toBe(at);
      expect(pages).toBeGreaterThan(0);
      const until = run.machine.vcpu.retired + Math.floor(next() * 8e6);
      runTo(run, until);
      const copy = restored(record, objects, MEMORY);
      // Some pages come ahead, most are touched.
      let steps = 0;
      copy.restore.prefetch(() => ++steps > next() * 50);
      runTo(copy, until, 1 + Math.floor(next() * 3e6));
      expect(copy.restore.statistics.touched).toBeGreaterThan(0);
      expect(await copy.machine.stateHash()).toBe(await run.machine.stateHash());
      // The next round goes on with either of the two: the copy's snapshots build on the snapshot that it came from.
      if (next() < 0.5) {
        run = copy;
        snapshotter = new Snapshotter(copy.machine, new Map(), copy.restore.lineage);
      }
      at = until + Math.floor(next() * 5e6);
    }
  });

  it("costs what has changed", { timeout: 120_000 }, async () => {
    const objects = await memoryObjects();
    const run = makeMachine(guestImages(), MEMORY);
    runTo(run, 60e6);
    const snapshotter = newSnapshotter(run);
    const first = await take(run, snapshotter, sinkOf(objects), "a", 0);
    const { count } = objects;
    const second = await take(run, snapshotter, sinkOf(objects), "b", 0);
    expect(second.pages).toBe(0);
    // The pages that the guest was at belong to the state: the TLBs are empty now.
    expect(objects.count).toBeLessThanOrEqual(count + 1);
    runTo(run, 60e6 + 1000);
    const third = await take(run, snapshotter, sinkOf(objects), "c", 0);
    expect(third.pages).toBeLessThan(first.pages / 20);
    expect(third.record.ram.filter((id, i) => id !== first.record.ram[i]).length).toBeLessThan(first.record.ram.length / 2);
  });

  it("a snapshot that fails is owed to the next one", { timeout: 120_000 }, async () => {
    const objects = await memoryObjects();
    const run = makeMachine(guestImages(), MEMORY);
    runTo(run, 40e6);
    const snapshotter = newSnapshotter(run);
    let calls = 0;
    const full = { ...sinkOf(objects), put: (list: readonly Uint8Array[]) => (++calls > 5 ? Promise.reject(new UserError("the store is full")) : objects.put(list)) };
    await expect(take(run, snapshotter, full, "a")).rejects.toThrow("the store is full");
    const { record } = await take(run, snapshotter, sinkOf(objects), "b");
    runTo(run, record.instructions + 3e6);
    const copy = restored(record, objects, MEMORY);
    runTo(copy, record.instructions + 3e6);
    expect(await copy.machine.stateHash()).toBe(await run.machine.stateHash());
  });

  it("a snapshot that does not build on a removed one is whole", { timeout: 120_000 }, async () => {
    const [gone, kept] = [await memoryObjects(), await memoryObjects()];
    const run = makeMachine(guestImages(), MEMORY);
    runTo(run, 40e6);
    const first = await take(run, newSnapshotter(run), sinkOf(gone), "a");
    const copy = restored(first.record, gone, MEMORY);
    runTo(copy, first.record.instructions + 1e6);
    const snapshotter = new Snapshotter(copy.machine, new Map(), copy.restore.lineage);
    const sink = sinkOf(kept);
    const taking = snapshotter.take({ id: "b", machineId: "m", parent: null, name: "", notes: "", createdMs: 0, definition: null, full: true }, sink, () => ({ thumbnail: Promise.resolve(null), terminalTail: "" }), () => 0);
    while (snapshotter.busy) {
      snapshotter.sweep(() => false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { record } = await taking;
    const again = restored(record, kept, MEMORY);
    runTo(again, record.instructions + 2e6);
    runTo(copy, record.instructions + 2e6);
    expect(await again.machine.stateHash()).toBe(await copy.machine.stateHash());
  });
});

describe("small guests", () => {
  it.each(["irq", "modes", "smc", "strings", "syscall64"])("%s goes on identically out of a chain of snapshots", async (name) => {
    const kernel = assembleKernel(readGuest(name));
    const whole = runKernel(kernel);
    const total = whole.machine.vcpu.retired;
    const objects = await memoryObjects();
    let run: Run = makeMachine({ kernel });
    let snapshotter = newSnapshotter(run);
    for (let k = 1; k <= 6; k++) {
      runTo(run, Math.floor((total * k) / 7) + k * 17);
      const { record } = await take(run, snapshotter, sinkOf(objects), `${k}`, 0);
      const copy = restored(record, objects, {});
      snapshotter = new Snapshotter(copy.machine, new Map(), copy.restore.lineage);
      run = copy;
    }
    for (;;) if (run.machine.run(100).kind === "stopped") break;
    expect([run.machine.vcpu.retired, await run.machine.stateHash()]).toEqual([total, await whole.machine.stateHash()]);
  });
});

describe("what cannot be used is refused in one line", () => {
  const kernel = assembleKernel(readGuest("irq"));
  const snapshot = async (): Promise<{ objects: Awaited<ReturnType<typeof memoryObjects>>; record: Record<string, unknown> }> => {
    const objects = await memoryObjects();
    const run = makeMachine({ kernel });
    runTo(run, 10_000);
    const { record } = await take(run, newSnapshotter(run), sinkOf(objects), "s", 0);
    return { objects, record: { ...record } };
  };
  it("records", async () => {
    const { objects, record } = await snapshot();
    const bad: [Record<string, unknown>, RegExp][] = [
      [{ version: 2 }, /version 2/], [{ ram: [] }, /'ram' has 0 entries/], [{ ram: "x" }, /'ram' is not a list/], [{ ramBytes: -1 }, /'ramBytes'/],
      [{ ramBytes: 2 ** 21, ram: [ZERO_ID] }, /RAM has 2097152 bytes/], [{ state: ["zz"] }, /'state'/], [{ disks: { a: { sectors: 1, base: "", chunks: [[0]] } } }, /disk 'a'/],
      [{ state: [] }, /damaged/], [{ state: [(record["ram"] as string[]).find((id) => id !== ZERO_ID)] }, /damaged|not that of a machine|sections/],
      [{ state: ["12".repeat(16)] }, /missing/], [{ video: [] }, /video memory/],
    ];
    for (const [change, message] of bad) {
      const attempt = (): unknown => restored({ ...record, ...change }, objects, {});
      expect(attempt, JSON.stringify(change)).toThrow(UserError);
      expect(attempt, JSON.stringify(change)).toThrow(message);
      expect(attempt).not.toThrow(/\n/);
    }
    for (const value of [null, 5, "x", [], {}]) expect(() => Restore.ofSnapshot(value, objects)).toThrow(UserError);
  });
  it("machines of another kind", async () => {
    const { objects, record } = await snapshot();
    for (const config of [{ memoryMib: 64 }, { cpu: "x86-64-v2" }, { vga: "none" }] as const) expect(() => restored(record, objects, config)).toThrow(UserError);
    expect(() => restored(record, objects, { memoryMib: 64 })).toThrow(/memoryMib 32.*64/);
    expect(() => restored(record, objects, {}, { devices: { rng: {} } })).toThrow(/virtio-rng/);
  });
  it("tables and pages that are missing or of a wrong size end the machine that meets them", async () => {
    const { objects, record } = await snapshot();
    const small = objects.putNow([Uint8Array.of(1, 2, 3)])[0];
    for (const id of [small, "12".repeat(16)]) {
      const attempt = (): unknown => restored({ ...record, ram: (record["ram"] as string[]).map(() => id) }, objects, {}).machine.run(100);
      expect(attempt).toThrow(UserError);
    }
  });
  it("random bytes in the state", async () => {
    const { objects, record } = await snapshot();
    const state = objects.read((record["state"] as string[])[0]);
    const next = random(7);
    for (let i = 0; i < 60; i++) {
      const bytes = state.slice();
      for (let n = 0; n < 3; n++) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      const [id] = objects.putNow([bytes]);
      try {
        restored({ ...record, state: [id, ...(record["state"] as string[]).slice(1)] }, objects, {}).machine.run(5);
      } catch (e) {
        expect(e, e instanceof Error ? e.stack : "").toBeInstanceOf(UserError);
      }
    }
  });
});
