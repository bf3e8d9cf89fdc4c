/**
 * The default guest with a disk, entropy, a network and a shared folder: a session that is typed into it, recorded and replayed.
 * REPLAY_TIERS sets the tiers of the replays (default 0 and auto; nightly 0,1,auto).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeDevices } from "../../src/cli/devices.ts";
import { parseOptions } from "../../src/cli/options.ts";
import { readRecording, replayCommand, tapeOf } from "../../src/cli/recording.ts";
import type { MachineConfig, StopReport } from "../../src/vmm/config.ts";
import type { ReplayResult } from "../../src/vmm/record/player.ts";
import { Runner } from "../../src/vmm/runner.ts";
import { existingGuest } from "../../tools/image/ensure.ts";
import { makeMachine } from "../machine/guest.ts";
import { machineConfig } from "./rig.ts";

const TIERS = (process.env["REPLAY_TIERS"] ?? "0,auto").split(",") as NonNullable<MachineConfig["tier"]>[];
const guest = await existingGuest();
if (guest === null) console.log("there is no default guest (npm run image): its recording is left out");
const folder = mkdtempSync(join(tmpdir(), "tabvisor-record-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What is typed once the output has something. */
type Script = readonly (readonly [printed: string, typed: string])[];
const PROMPT = "root@tabvisor";
const SCRIPT: Script = [
  [PROMPT, "modprobe -a virtio_blk virtio_net virtio_rng virtiofs; head -c 70000 /dev/hwrng | dd of=/dev/vda conv=fsync 2>/dev/null; md5sum /dev/vda; echo A$((1))B\n"],
  ["A1B", "mkdir /m; mount -t virtiofs share /m && md5sum /m/big; ls -l /m; date > /m/new; cat /m/new; mv /m/new /m/newer; rm /m/gone; stat /m/newer; echo A$((2))B\n"],
  ["A2B", "ifconfig eth0 up; udhcpc -n -q -f -i eth0 2>&1 | tail -1; date; head -c 8 /dev/urandom | md5sum; umount /m; echo A$((3))B\n"],
  ["A3B", "poweroff -f\n"],
];

interface Ran {
  readonly serial: string;
  readonly instructions: number;
  readonly hash: string;
  readonly report: StopReport;
  readonly result: ReplayResult | null;
}

/** As the command does, in this process. */
async function run(argv: readonly string[], script: Script): Promise<Ran> {
  const given = parseOptions(argv);
  const recording = given.replay === null ? null : readRecording(given.replay);
  const options = recording === null ? given : parseOptions(replayCommand(recording.command, argv));
  const config: MachineConfig = {
    memoryMib: options.memoryMib, cpu: options.cpu, deterministic: options.deterministic, debugExit: null, noReboot: false, vga: options.vga, tier: options.tier,
    epochSeconds: recording?.machine.epochSeconds ?? 1_750_000_000,
    boot: { kernel: new Uint8Array(readFileSync(options.kernel ?? "")), initrds: options.initrds.map((f) => new Uint8Array(readFileSync(f))), cmdline: options.append },
  };
  const tape = tapeOf(options, recording, argv);
  const { drives, devices, close } = await makeDevices(options, tape.makeTree);
  const opened = await tape.open(config, { drives, devices });
  let serial = "";
  let step = 0;
  let from = 0;
  let result: ReplayResult | null = null;
  const ran = await new Promise<Ran>((resolve, reject) => {
    const runner = new Runner(config, {
      serial: (bytes) => {
        serial += Buffer.from(bytes).toString("latin1");
        if (step < script.length && serial.includes(script[step][0], from)) {
          from = serial.length;
          runner.serialInput(new TextEncoder().encode(script[step++][1]));
        }
      },
      replayed: (r) => (result = r),
      stopped: (report) => {
        const { vcpu } = runner.current;
        runner.current.stateHash().then((hash) => resolve({ serial, instructions: vcpu.retired, hash, report, result }), reject);
      },
    }, { drives, devices, tape: opened });
    runner.resume();
  });
  close();
  tape.close();
  return ran;
}

describe.skipIf(guest === null).each([["real-time", []], ["deterministic", ["--deterministic"]]] as const)("a %s session", (mode, flags) => {
  it(`is the same in tiers ${TIERS.join(", ")}`, { timeout: 900_000 }, async () => {
    if (guest === null) return;
    // The interpreter is there.
    makeMachine(machineConfig({}).boot);
    const shared = join(folder, mode);
    mkdirSync(shared);
    writeFileSync(join(shared, "big"), new Uint8Array(300_000).map((_, i) => i * 7));
    writeFileSync(join(shared, "gone"), "x");
    const disk = join(folder, `${mode}.img`);
    writeFileSync(disk, new Uint8Array(1 << 20));
    const log = join(folder, `${mode}.log`);
    const argv = [
      "-kernel", guest.files.vmlinux, "-initrd", `${guest.files["initramfs.cpio"]},${guest.files["modules.cpio"]}`, "-append", `${guest.info.cmdline} quiet`, "-m", "96", ...flags,
      "-drive", `file=${disk},if=virtio,snapshot=on`, "-nic", "user", "-device", "virtio-rng-pci", "-virtfs", `local,path=${shared},mount_tag=share,security_model=none`,
    ];
    const recorded = await run([...argv, "--record", log, "--checkpoint", "200"], SCRIPT);
    expect(recorded.report.kind).toBe("power-off");
    for (const text of ["  /dev/vda", "  /m/big", "newer", "lease of 10.0.2.15"]) expect(recorded.serial).toContain(text);
    // A replay has neither the folder nor what was typed.
    rmSync(shared, { recursive: true });
    for (const tier of TIERS) {
      const again = await run(["--replay", log, "--tier", tier], []);
      expect(again.report.message).toBe(recorded.report.message);
      expect([again.serial, again.instructions, again.hash]).toEqual([recorded.serial, recorded.instructions, recorded.hash]);
      expect(again.result?.checkpoints).toBeGreaterThan(5);
    }
    console.log(`${mode}: ${recorded.instructions} instructions, a log of ${readFileSync(log).length} bytes`);
  });
});
