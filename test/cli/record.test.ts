/** --record and --replay as a user meets them: equal output and state, kills, wrong images, bad logs. */
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { machineConfig } from "../record/rig.ts";
import { Folder, tabvisor, talk } from "./cli.ts";

const folder = new Folder();
afterAll(() => folder.remove());
const EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"];
const small = folder.file("small", machineConfig({}).boot.kernel ?? new Uint8Array());
const MACHINE = ["-kernel", small, "-m", "4", "-vga", "none", "-cpu", "x86-64-v2,+rdrand", ...EXIT];
const path = (name: string): string => join(folder.path, name);

/** A session: typed in two goes, ended by the guest. */
async function session(log: string, ...more: string[]): ReturnType<typeof talk> {
  return talk([...MACHINE, "--record", log, ...more], async (s) => {
    s.write("hello");
    await s.printed("hello");
    s.write("you");
    await s.printed("you");
    s.write("q");
  });
}
const stateOf = (stderr: string): string => /with the recorded state, ([0-9a-f]{64})/.exec(stderr)?.[1] ?? "none";

describe.each([["deterministic", ["--deterministic"]], ["real-time", []]] as const)("a %s session", (mode, flags) => {
  it("is replayed in every tier: the same bytes, the same state, the same exit code", async () => {
    const log = path(`${mode}.log`);
    const recorded = await session(log, ...flags);
    expect([recorded.code, recorded.stdout.toString(), recorded.stderr]).toEqual([7, "helloyou", ""]);
    const states = new Set<string>();
    for (const tier of ["0", "1", "auto"]) {
      // The recorded command's options hold.
      const again = tabvisor(["--replay", log, "--tier", tier, "--stats"]);
      expect([again.code, again.stdout.toString()]).toEqual([7, "helloyou"]);
      expect(again.stderr).toMatch(/^tabvisor: replayed \d+ instructions/);
      expect(again.stderr).toContain('"instructions":');
      states.add(stateOf(again.stderr));
    }
    expect(states.size).toBe(1);
    expect([...states][0]).not.toBe("none");
  });
});

it("what is typed at a replay is not the guest's", async () => {
  const log = path("typed.log");
  await session(log);
  const again = tabvisor(["--replay", log], { input: "something else entirely" });
  expect([again.code, again.stdout.toString()]).toEqual([7, "helloyou"]);
});

it("a killed recorder leaves what it has written", async () => {
  const log = path("killed.log");
  const recorded = await talk([...MACHINE, "--record", log], async (s) => {
    s.write("hello");
    await s.printed("hello");
    await new Promise((resolve) => setTimeout(resolve, 2500));
    s.kill("SIGKILL");
  });
  expect(recorded.code).toBe(null);
  const again = tabvisor(["--replay", log]);
  expect([again.code, again.stdout.toString()]).toEqual([0, "hello"]);
  expect(again.stderr).toMatch(/^tabvisor: replayed \d+ instructions and \d+ checkpoints; ended where its recording was cut off\n$/);
  // Within a chunk, too.
  truncateSync(log, readFileSync(log).length - 7);
  expect(tabvisor(["--replay", log])).toMatchObject({ code: 0 });
});

it("ended by a signal, a run has its end in the log", async () => {
  const log = path("term.log");
  const recorded = await talk([...MACHINE, "--deterministic", "--record", log], async (s) => {
    s.write("hello");
    await s.printed("hello");
    s.kill("SIGTERM");
  });
  expect([recorded.code, recorded.stderr]).toEqual([143, ""]);
  const again = tabvisor(["--replay", log]);
  expect([again.code, again.stdout.toString(), stateOf(again.stderr).length]).toEqual([0, "hello", 64]);
});

describe("one clear line", () => {
  const log = path("good.log");
  const bad = (args: readonly string[]): unknown => {
    const r = tabvisor(args);
    return [r.code, r.stderr];
  };
  it("for a recording of another kernel or machine", async () => {
    await session(log);
    const other = folder.kernel("echo");
    expect(tabvisor(["--replay", log, "-kernel", other]).stderr).toMatch(/^tabvisor: replay: the kernel is not the one that was recorded \(sha256:[0-9a-f]{12}, given is sha256:[0-9a-f]{12}\)\n$/);
    expect(bad(["--replay", log, "-m", "8"])).toEqual([1, "tabvisor: replay: MiB of RAM differ: recorded with '4', given is '8'\n"]);
    expect(bad(["--replay", log, "-append", "quiet"])).toEqual([1, "tabvisor: replay: the kernel's command line differs: recorded with '', given is 'quiet'\n"]);
    expect(bad(["--replay", log, "-device", "virtio-rng-pci", ...EXIT])).toEqual([1, expect.stringMatching(/^tabvisor: replay: the devices differ/)]);
  });
  it("for what is no log, a newer one, a damaged one, none at all", () => {
    expect(bad(["--replay", small])).toEqual([1, `tabvisor: --replay: '${small}': this is no recording of Tabvisor\n`]);
    expect(bad(["--replay", path("none")])).toEqual([1, `tabvisor: --replay: cannot read '${path("none")}': there is no such file or folder\n`]);
    const bytes = readFileSync(log);
    const changed = (at: number): string => {
      const copy = Uint8Array.from(bytes);
      copy[at] ^= 0x10;
      return folder.file("changed.log", copy);
    };
    expect(bad(["--replay", changed(8)])).toEqual([1, expect.stringContaining("format version 17")]);
    expect(bad(["--replay", changed(40)])).toEqual([1, expect.stringContaining("header does not match its checksum")]);
    expect(bad(["--replay", changed(bytes.length - 1)])).toEqual([1, expect.stringMatching(/the recording is damaged at byte \d+: a part of it does not match its checksum\n$/)]);
  });
  it("for options that do not go together, and a place that cannot be written", () => {
    expect(bad(["--replay", log, "--record", path("x")])).toEqual([1, "tabvisor: --record and --replay exclude each other\n"]);
    expect(bad([...MACHINE, "--record", folder.path])).toEqual([1, expect.stringMatching(/^tabvisor: --record: cannot write '/)]);
    expect(bad([...MACHINE, "--record", path("y"), "--checkpoint", "often"])).toEqual([1, "tabvisor: --checkpoint: 'often' is not a number of million instructions\n"]);
    expect(existsSync(path("y"))).toBe(false);
  });
  it("for a disk that has changed since; a replay changes none", async () => {
    const disk = folder.file("disk.img", new Uint8Array(1 << 20).fill(7));
    const logged = path("disk.log");
    const recorded = await session(logged, "-drive", `file=${disk},if=virtio`);
    expect(recorded.stderr).toBe(`tabvisor: --record: '${disk}' will change, and a replay needs it as it is now: keep a copy, or use -snapshot\n`);
    expect(tabvisor(["--replay", logged]).code).toBe(7);
    writeFileSync(disk, new Uint8Array(1 << 20).fill(8));
    expect(bad(["--replay", logged])).toEqual([1, expect.stringMatching(/^tabvisor: replay: the virtio disk 0 is not the one that was recorded/)]);
  });
});
