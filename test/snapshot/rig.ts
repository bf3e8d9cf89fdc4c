/** Machines and snapshots for tests: deterministic guests, and a store in memory. */
import { readFileSync } from "node:fs";
import { existingGuest } from "../../tools/image/ensure.ts";
import type { MachineConfig } from "../../src/vmm/config.ts";
import type { MachineOptions } from "../../src/vmm/machine/machine.ts";
import type { CapturableDisk } from "../../src/vmm/snapshot/disk.ts";
import type { SnapshotRecord } from "../../src/vmm/snapshot/record.ts";
import { Restore } from "../../src/vmm/snapshot/restore.ts";
import { Snapshotter, type SnapshotRequest, type SnapshotSink } from "../../src/vmm/snapshot/snapshotter.ts";
import { loadHash } from "../../src/vmm/store/hash.ts";
import { MemoryObjects, type ObjectReader } from "../../src/vmm/store/objects.ts";
import { makeMachine, type Run } from "../machine/guest.ts";

export const guest = await existingGuest();
if (guest === null) console.log("there is no default guest (npm run image): snapshots are not tested on it");

export function guestImages(cmdline = ""): MachineConfig["boot"] {
  if (guest === null) throw new Error("no guest");
  return {
    kernel: new Uint8Array(readFileSync(guest.files.vmlinux)), initrds: [new Uint8Array(readFileSync(guest.files["initramfs.cpio"]))],
    cmdline: `${guest.info.cmdline} ${cmdline}`,
  };
}

export const memoryObjects = async (): Promise<MemoryObjects> => new MemoryObjects(await loadHash());

export const sinkOf = (objects: MemoryObjects): SnapshotSink => ({
  put: (list) => objects.put(list),
  commit: () => Promise.resolve(),
  abort: () => Promise.resolve(),
});

export const request = (id: string): SnapshotRequest => ({ id, machineId: "m", parent: null, name: id, notes: "", createdMs: 0, definition: null });

/** Runs to `total` instructions exactly; throws if the machine ends before. */
export function runTo({ machine }: Run, total: number, slice = Infinity): void {
  while (machine.vcpu.retired < total) {
    const outcome = machine.run(1e9, Math.min(slice, total - machine.vcpu.retired));
    if (outcome.kind !== "more" && outcome.kind !== "idle") throw new Error(`ended early: ${JSON.stringify(outcome)}`);
  }
}

/** Takes a snapshot; between two sweeps of a few pages the guest runs `meanwhile` instructions. */
export async function take(run: Run, snapshotter: Snapshotter, sink: SnapshotSink, id: string, meanwhile = 20_000): Promise<{ record: SnapshotRecord; pauseMs: number; pages: number; copiedPages: number }> {
  const taken = snapshotter.take(request(id), sink, () => ({ thumbnail: Promise.resolve(null), terminalTail: "" }), () => performance.now());
  taken.catch(() => undefined);
  while (snapshotter.busy) {
    let batches = 0;
    snapshotter.sweep(() => batches++ > 0);
    if (meanwhile > 0) runTo(run, run.machine.vcpu.retired + meanwhile);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return taken;
}

export const newSnapshotter = (run: Run, disks: ReadonlyMap<string, CapturableDisk> = new Map()): Snapshotter => new Snapshotter(run.machine, disks, null);

/** A machine that goes on from a snapshot; its memory comes when it is touched. */
export function restored(record: unknown, reader: ObjectReader, config: Partial<MachineConfig>, options: MachineOptions = {}): Run & { readonly restore: Restore } {
  const restore = Restore.ofSnapshot(record, reader);
  const run = makeMachine({ kernel: new Uint8Array() }, config, { ...options, restore: restore.apply });
  return { ...run, restore };
}
