/** Pages that are noted as written, against RAM itself: whatever differs between two moments has been noted. */
import { describe, expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { VIDEO_BYTES } from "../../src/vmm/machine/video-memory.ts";
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import type { DeviceSet } from "../../src/vmm/machine/fitting.ts";
import { MemoryStore } from "../../src/vmm/storage/memory-store.ts";
import { RawDisk } from "../../src/vmm/storage/raw-disk.ts";
import { makeMachine, type Run } from "../machine/guest.ts";
import { guest, guestImages, runTo } from "./rig.ts";

const PAGE = 4096;
/** Million instructions of the boot; nightly: 600, to the prompt. */
const MILLIONS = Number(process.env["TRACKING_BOOT"] ?? 60);

/** Pages of RAM and video memory that differ from `before`, and those of them that were not noted. */
function compare({ machine }: Run, before: Uint8Array, noted: { ram: Iterable<number>; video: Iterable<number> }): { readonly changed: number; readonly missed: number[] } {
  const now = machine.vcpu.state.u8.subarray(RAM_BASE, RAM_BASE + before.length);
  const pages = machine.vcpu.phys.pages;
  const known = new Set([...noted.ram, ...[...noted.video].map((p) => pages + p)]);
  const missed: number[] = [];
  let changed = 0;
  for (let page = 0; page * PAGE < before.length; page++) {
    if (Buffer.compare(now.subarray(page * PAGE, (page + 1) * PAGE), before.subarray(page * PAGE, (page + 1) * PAGE)) === 0) continue;
    changed++;
    if (!known.has(page)) missed.push(page);
  }
  before.set(now);
  return { changed, missed };
}

describe.skipIf(guest === null)("the default guest", () => {
  it.each([["0", {}], ["1", {}], ["auto", { disks: [{ backend: new RawDisk(new MemoryStore(), { sectors: 4096 }) }], rng: {}, nics: [{ mac: null }] }]] as const)(
    `tier %s: what ${MILLIONS} M instructions of boot write is noted`, { timeout: 300_000 }, (tier, devices: DeviceSet) => {
      const run = makeMachine(guestImages(), { memoryMib: 96, tier, vga: "std" }, { devices });
      const bytes = 96 * 2 ** 20 + VIDEO_BYTES;
      const before = new Uint8Array(bytes);
      let total = 0;
      let noted = 0;
      const look = (): void => {
        const epoch = run.machine.beginEpoch();
        const { changed, missed } = compare(run, before, epoch);
        expect(missed).toEqual([]);
        total += changed;
        noted += epoch.ram.length;
      };
      look(); // the kernel's image
      for (let k = 1; k <= 12; k++) {
        runTo(run, Math.floor((MILLIONS * 1e6 * k) / 12) + 31 * k);
        look();
      }
      expect(run.serial()).toContain("Linux version");
      expect(total).toBeGreaterThan(8000);
      // Nor is everything noted. Zeroes written over zeroes are.
      expect(noted).toBeLessThan(1.5 * total);
    });
});
