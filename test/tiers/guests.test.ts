/**
 * The small kernels of test/machine/guests with every arrival compiled: interrupts, timers, faults, single steps and mode changes at
 * the same instruction as in tier 0, in slices of any size. TIERS_GUESTS=1 takes all of them in all slices (nightly).
 */
import { describe, expect, it } from "vitest";
import { assembleKernel, readGuest, runKernel } from "../machine/guest.ts";
import { BY_HAND, ON_QEMU } from "../machine/list.ts";

const ALL = process.env["TIERS_GUESTS"] === "1";
const NAMES = ALL ? [...ON_QEMU, ...BY_HAND] : ["irq", "smc", "strings", "syscall64", "faults32", "debug32"] as const;
const SLICES = ALL ? [Infinity, 1, 7, 100] : [Infinity, 7];

describe("guests in both tiers", () => {
  it.each(NAMES)("%s", async (name) => {
    const kernel = assembleKernel(readGuest(name));
    const expected = runKernel(kernel, { tier: "0" }, 100);
    const hash = await expected.machine.stateHash();
    for (const slice of SLICES) {
      const ended = runKernel(kernel, { tier: "1" }, 100, slice);
      const { vcpu } = ended.machine;
      expect([slice, ended.debug, ended.report.exitCode, vcpu.retired, ended.machine.guestTimeNs]).toEqual([
        slice, expected.debug, expected.report.exitCode, expected.machine.vcpu.retired, expected.machine.guestTimeNs,
      ]);
      expect(await ended.machine.stateHash()).toBe(hash);
    }
  }, 400_000);
});
