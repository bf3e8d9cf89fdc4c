/**
 * Power cuts, in one process and repeatable: a deterministic machine writes to an overlay on a file that loses, at the cut, any of
 * the sectors that were not flushed. The next machine starts from what is left.
 */
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import { HandleStore } from "../../src/vmm/storage/opfs-store.ts";
import { Overlay } from "../../src/vmm/storage/overlay.ts";
import { FakeHandle } from "../../src/vmm/storage/testing/fake-handle.ts";
import { Chance } from "../../src/vmm/storage/testing/requests.ts";
import type { Machine } from "../../src/vmm/machine/machine.ts";
import { makeMachine } from "../machine/guest.ts";
import { cmdline, DISK_MIB, MEMORY_MIB, understand, type Said } from "./guest.ts";

export interface PowerCuts {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly points: number;
  readonly seed: number;
  readonly interface: "virtio" | "ide";
  /** The disk says that it has flushed, and has not: the proof that a loss is seen. */
  readonly lies?: boolean;
  log(line: string): void;
}

/** Instructions of the write load until the cut. */
const LOAD_MAX = 400_000_000;
/** An overlay in which the guest has made its file system. */
const FORMATTED_BYTES = 1 << 20;
/** The guest's seconds of one boot: how fast the host is does not count. */
const LIMIT_SECONDS = 120;

const openOverlay = (handle: FakeHandle): Overlay =>
  Overlay.open(new HandleStore("disk", handle), { base: null, baseId: "blank", sectors: DISK_MIB * 2048 });

/** One boot up to `loaded` instructions of the load, or to its end when it does not load. */
function boot(cuts: PowerCuts, handle: FakeHandle, loadInstructions: number | null): Said {
  const overlay = openOverlay(handle);
  if (cuts.lies === true && loadInstructions !== null && handle.getSize() > FORMATTED_BYTES) overlay.flush = (done) => done(null);
  const virtio = cuts.interface === "virtio";
  const run = makeMachine(
    { kernel: cuts.kernel, initrds: [cuts.initrd], cmdline: cmdline(virtio ? "vda" : "sda", loadInstructions !== null) },
    { memoryMib: MEMORY_MIB, cpu: "x86-64-v2", vga: "none", debugExit: null },
    virtio ? { devices: { disks: [{ backend: overlay }], shares: [], nics: [], rng: null, balloon: null } } : { drives: [{ interface: "ide", media: "disk", index: 0, backend: overlay }] },
  );
  const { machine } = run;
  const step = (instructions = Infinity): boolean => {
    if (machine.guestTimeNs > LIMIT_SECONDS * 1e9) throw new Error(`not done after ${LIMIT_SECONDS} s:\n${run.serial().slice(-2000)}`);
    return runFor(machine, instructions);
  };
  while (!understand(run.serial()).loading) {
    if (!step()) {
      const said = understand(run.serial());
      if (loadInstructions !== null) throw new Error(`the guest ended before its load:\n${run.serial().slice(-2000)}`);
      overlay.close();
      return said;
    }
  }
  const last = machine.vcpu.retired + (loadInstructions ?? 0);
  while (machine.vcpu.retired < last) if (!step(last - machine.vcpu.retired)) throw new Error(`the load ended:\n${run.serial().slice(-2000)}`);
  return understand(run.serial());
}

/** False: the machine has ended. */
function runFor(machine: Machine, instructions: number): boolean {
  const outcome = machine.run(50, instructions);
  if (outcome.kind === "reset") throw new Error("the guest reset the machine");
  return outcome.kind !== "stopped";
}

/** Throws at the first point that is not recovered. Returns the disk's contents at the end. */
export function cutPower(cuts: PowerCuts): Overlay {
  const chance = new Chance(cuts.seed);
  let handle = new FakeHandle();
  let synced = 0;
  for (let point = 0; point <= cuts.points; point++) {
    const last = point === cuts.points;
    const load = 1 + chance.next(LOAD_MAX);
    const said = boot(cuts, handle, last ? null : load);
    if (point > 0) {
      if (!said.clean || said.checked === null) throw new Error(`point ${point}: there was no check`);
      if (said.checked < synced) throw new Error(`point ${point}: ${synced} was flushed, ${said.checked} is there`);
    }
    synced = Math.max(synced, said.synced);
    if (last) break;
    const share = [0, 50, 100, 20, 80][point % 5];
    cuts.log(`cut ${point + 1}: after ${(load / 1e6).toFixed(0)} M instructions of load; ${synced} operations flushed, ${share} % of what was not is kept${said.checked === null ? "" : `; before: ${said.checked} found, file system clean`}`);
    handle = new FakeHandle(handle.afterCut(chance, share));
  }
  if (synced === 0) throw new Error("no load was flushed at all: nothing is proven");
  return openOverlay(handle);
}
