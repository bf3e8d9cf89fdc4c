/**
 * Deterministic boots of the default guest and of Debian's 32-bit kernel in tier 0 and with everything compiled at its first arrival: the same
 * state hash at ten points. TIERS_BOOT sets how many million instructions (the default ends inside the kernel's start; nightly: 520, to the prompt).
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { validateRegion } from "../../src/jit/region/validate.ts";
import { existingGuest, guestFolder } from "../../tools/image/ensure.ts";
import { makeMachine, type Run } from "../machine/guest.ts";

const MILLIONS = Number(process.env["TIERS_BOOT"] ?? 15);
const POINTS = 10;

const guest = await existingGuest();
if (guest === null) console.log("there is no default guest (npm run image): the tiers are not compared on its boot");
const guest32 = await existingGuest(guestFolder("linux-image-686"));
if (guest32 === null) console.log("there is no 32-bit guest (npm run image -- --kernel linux-image-686): the tiers are not compared on its boot");

describe.each([{ name: "the default guest", guest }, { name: "Debian's 32-bit kernel", guest: guest32 }])("$name", ({ guest }) => {
  it.skipIf(guest === null)(`${MILLIONS} M instructions in both tiers`, { timeout: 120_000 + MILLIONS * 3000 }, async () => {
    if (guest === null) return;
    const boot = (tier: "0" | "1"): Run => makeMachine({
      kernel: new Uint8Array(readFileSync(guest.files.vmlinux)), initrds: [new Uint8Array(readFileSync(guest.files["initramfs.cpio"]))], cmdline: guest.info.cmdline,
    }, { memoryMib: 96, tier }, { validateRegions: validateRegion });
    const [a, b] = [boot("0"), boot("1")];
    const runTo = ({ machine }: Run, total: number): void => {
      while (machine.vcpu.retired < total) machine.run(1e9, total - machine.vcpu.retired);
    };
    for (let k = 1; k <= POINTS; k++) {
      // Not at round numbers: a loop's length would divide them.
      const at = Math.floor((MILLIONS * 1e6 * k) / POINTS) + 7919 * k;
      for (const run of [a, b]) runTo(run, at);
      const summary = async (run: Run): Promise<unknown> => [run.machine.vcpu.retired, run.machine.guestTimeNs, run.machine.vcpu.state.rip.toString(16), await run.machine.stateHash()];
      expect(await summary(b)).toEqual(await summary(a));
    }
    expect(b.serial()).toBe(a.serial());
    expect(b.serial()).toContain("Linux version");
    const { vcpu } = b.machine;
    console.log(`${Math.round((vcpu.retiredInRegions / vcpu.retired) * 100)} % in tier 1: ${JSON.stringify(vcpu.regions?.stats)}`);
    expect(vcpu.retiredInRegions).toBeGreaterThan(vcpu.retired / 2);
  });
});
