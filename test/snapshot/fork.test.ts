/** A running machine forks: the child is what the parent was, and draws random numbers of its own. Machines in Runners take snapshots while they run. */
import { describe, expect, it } from "vitest";
import type { MachineConfig, StopReport } from "../../src/vmm/config.ts";
import { RunnerSnapshots } from "../../src/vmm/runner-snapshots.ts";
import { Runner, type RunnerOptions } from "../../src/vmm/runner.ts";
import { encodePng } from "../../src/cli/png.ts";
import { compareSnapshots, ranges } from "../../src/vmm/snapshot/compare.ts";
import { ForkReceiver, type ForkMessage } from "../../src/vmm/snapshot/fork.ts";
import type { SnapshotRecord } from "../../src/vmm/snapshot/record.ts";
import { Restore } from "../../src/vmm/snapshot/restore.ts";
import { Snapshotter } from "../../src/vmm/snapshot/snapshotter.ts";
import { SnapshotDisk } from "../../src/vmm/snapshot/disk.ts";
import { MemoryStore } from "../../src/vmm/storage/memory-store.ts";
import { RawDisk } from "../../src/vmm/storage/raw-disk.ts";
import { makeMachine } from "../machine/guest.ts";
import { guest, guestImages, memoryObjects, newSnapshotter, request, runTo, sinkOf, take } from "./rig.ts";

const MEMORY = { memoryMib: 96 };
const KEY = new Uint8Array(32).fill(3);

/** As a message port does. */
const clone = (message: ForkMessage): ForkMessage => structuredClone(message);

describe.skipIf(guest === null)("a fork of the default guest", () => {
  it.each([["without a snapshot", false], ["above a snapshot", true]])("%s, while the parent runs on", { timeout: 120_000 }, async (_name, above) => {
    const objects = await memoryObjects();
    const disks = (): Map<string, SnapshotDisk> => new Map([["hd", new SnapshotDisk(new RawDisk(new MemoryStore(), { sectors: 64 }), { base: "blank" })]]);
    const parentDisks = disks();
    const parent = makeMachine(guestImages(), MEMORY);
    runTo(parent, 40e6);
    const snapshotter = newSnapshotter(parent, parentDisks);
    parentDisks.get("hd")?.write(3, [new Uint8Array(512).fill(5)], () => undefined);
    if (above) {
      await take(parent, snapshotter, sinkOf(objects), "s");
      runTo(parent, 45e6);
      parentDisks.get("hd")?.write(20, [new Uint8Array(512).fill(6)], () => undefined);
    }
    const at = parent.machine.vcpu.retired;
    const receiver = new ForkReceiver();
    receiver.reader = objects;
    let whole = false;
    let pages = 0;
    const { done } = snapshotter.fork((message) => {
      if (message.kind === "pages") pages += message.pages.length;
      receiver.take(clone(message));
      whole ||= message.kind === "end";
    });
    // The child is made while its memory is on its way, some of it out of the store already.
    const early = receiver.restore(KEY);
    const child = makeMachine({ kernel: new Uint8Array() }, MEMORY, { restore: early.apply, ...(receiver.memory === null ? {} : { memory: receiver.memory }) });
    let ahead = 0;
    early.prefetch(() => ahead++ > 20);
    while (!whole) {
      let steps = 0;
      snapshotter.sweep(() => steps++ > 0);
      runTo(parent, parent.machine.vcpu.retired + 30_000);
      parentDisks.get("hd")?.write(3, [new Uint8Array(512).fill(9)], () => undefined);
    }
    await done;
    const childDisks = new Map([["hd", new SnapshotDisk(new RawDisk(new MemoryStore(), { sectors: 64 }), { base: "blank", layer: receiver.layer("hd") })]] as const);
    receiver.settle(childDisks);
    // With a snapshot, only what is newer went through the port.
    expect(pages)[above ? "toBeLessThan" : "toBeGreaterThan"](3000);
    expect(child.machine.vcpu.retired).toBe(at);
    const sector = new Uint8Array(512);
    childDisks.get("hd")?.read(3, [sector], () => undefined);
    expect(sector[0]).toBe(5);
    childDisks.get("hd")?.read(20, [sector], () => undefined);
    expect(sector[0]).toBe(above ? 6 : 0);
    const until = parent.machine.vcpu.retired + 5e6;
    runTo(parent, until);
    runTo(child, until);
    // But for the random numbers.
    const state = (m: typeof child): unknown => m.machine.save().filter((s) => s.name !== "entropy");
    expect(state(child)).toEqual(state(parent));
    const entropy = (m: typeof child): unknown => m.machine.save().find((s) => s.name === "entropy")?.fields["key"];
    expect(entropy(child)).toEqual(KEY);
    expect(entropy(child)).not.toEqual(entropy(parent));
    // The child's snapshots are whole: they build on the parent's where there is one.
    const kept = above ? objects : await memoryObjects();
    const childSnapshotter = new Snapshotter(child.machine, childDisks, early.lineage);
    const { record } = await take(child, childSnapshotter, sinkOf(kept), "child", 0);
    const again = makeMachine({ kernel: new Uint8Array() }, MEMORY, { restore: Restore.ofSnapshot(record, kept).apply });
    runTo(again, record.instructions + 2e6);
    runTo(child, record.instructions + 2e6);
    expect(await again.machine.stateHash()).toBe(await child.machine.stateHash());
    // And the parent's next one has what the fork took out of its epoch.
    const parents = await take(parent, snapshotter, sinkOf(objects), "parent", 0);
    const parentAgain = makeMachine({ kernel: new Uint8Array() }, MEMORY, { restore: Restore.ofSnapshot(parents.record, objects).apply });
    expect(await parentAgain.machine.stateHash()).toBe(await parent.machine.stateHash());
  });
});

describe.skipIf(guest === null)("a Runner", () => {
  const config = (): MachineConfig => ({
    memoryMib: 96, cpu: "x86-64-v2", boot: guestImages(), deterministic: false, debugExit: null, epochSeconds: 1_700_000_000, noReboot: true,
  });
  interface Console {
    readonly runner: Runner;
    text(): string;
    until(what: string): Promise<void>;
    readonly stopped: Promise<StopReport>;
  }
  function start(given: MachineConfig, options: RunnerOptions = {}): Console {
    let text = "";
    let look: () => void = () => undefined;
    let end: (report: StopReport) => void = () => undefined;
    const stopped = new Promise<StopReport>((resolve) => {
      end = resolve;
    });
    const runner = new Runner(given, {
      serial: (bytes) => {
        text += Buffer.from(bytes).toString("latin1");
        look();
      },
      stopped: end,
    }, options);
    runner.resume();
    return {
      runner, stopped, text: () => text,
      until: (what) => new Promise((resolve) => {
        const from = text.length;
        look = () => {
          if (text.indexOf(what, what === "# " ? 0 : from) >= 0) resolve();
        };
        look();
      }),
    };
  }

  it("takes snapshots of a guest at work; what is restored has its console, its files and its screen", { timeout: 120_000 }, async () => {
    const objects = await memoryObjects();
    const first = start(config(), { encodeImage: (w, h, pixels) => Promise.resolve(encodePng(w, h, pixels)) });
    await first.until("# ");
    const type = (to: Console, line: string): void => to.runner.serialInput(Buffer.from(`${line}\n`));
    type(first, "echo sn''ap > /tmp/file; echo wri''tten");
    await first.until("written");
    const a = await first.runner.snapshot(request("a"), sinkOf(objects));
    expect(a.record.terminalTail).toContain("written");
    expect(a.record.thumbnail).not.toBeNull();
    expect(Buffer.from(objects.read(a.record.thumbnail ?? "").subarray(1, 4)).toString()).toBe("PNG");
    type(first, "echo la''ter > /tmp/file; echo chan''ged");
    await first.until("changed");
    const b = await first.runner.snapshot(request("b"), sinkOf(objects));
    // Two at a time are refused, and the one under way goes on.
    const both = [first.runner.snapshot(request("c"), sinkOf(objects)), first.runner.snapshot(request("d"), sinkOf(objects))];
    await expect(both[1]).rejects.toThrow("being taken already");
    await both[0];
    const again = async (record: SnapshotRecord, expected: string): Promise<void> => {
      let came = false;
      const second = start({ ...config(), boot: { kernel: new Uint8Array(), initrds: [], cmdline: "" } }, { startFrom: { from: Restore.ofSnapshot(record, objects), snapshots: RunnerSnapshots, restored: () => (came = true) } });
      type(second, "cat /tmp/file; echo do''ne");
      await second.until("done");
      expect(second.text()).toContain(expected);
      while (!came) await new Promise((resolve) => setTimeout(resolve, 5));
      second.runner.powerOff();
      await second.stopped;
    };
    await again(a.record, "snap");
    await again(b.record, "later");
    const difference = await compareSnapshots(a.record, b.record, (id) => Promise.resolve(objects.read(id)));
    expect(difference.pages.length).toBeGreaterThan(10);
    expect(difference.pages.length).toBeLessThan(6000);
    expect(ranges([1, 2, 5])).toEqual([[1, 3], [5, 6]]);
    // A machine that ends while its snapshot is on its way: the snapshot is whole all the same.
    const last = first.runner.snapshot(request("e"), sinkOf(objects));
    first.runner.powerOff();
    const { record } = await last;
    await again(record, "later");
    await expect(first.runner.snapshot(request("f"), sinkOf(objects))).rejects.toThrow("no running machine");
  });
});
