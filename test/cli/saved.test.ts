/** Machines of definitions on the command line: what is said of bad input, and a machine that is saved, listed, exported, and goes on. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tabvisor-saved-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const store = ["--store", at("store")];

interface Done {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

/** Runs the command; `talk`: what is typed when the output ends so, null ends it by a signal. */
function tabvisor(args: readonly string[], talk: readonly (readonly [until: string, type: string | null])[] = []): Promise<Done> {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const left = [...talk];
  let out = "";
  let err = "";
  let seen = 0;
  child.stdout.on("data", (data: Buffer) => {
    out += data.toString("latin1");
    while (left.length > 0 && out.indexOf(left[0][0], seen) >= 0) {
      const [until, type] = left.shift() ?? ["", null];
      seen = out.indexOf(until, seen) + until.length;
      if (type === null) child.kill("SIGTERM");
      else child.stdin.write(type);
    }
  });
  child.stderr.on("data", (data: Buffer) => (err += data.toString("utf8")));
  if (talk.length === 0) child.stdin.end();
  return new Promise((resolve) => child.on("close", (code) => resolve({ out, err, code })));
}

writeFileSync(at("monitor.yaml"), "name: Monitor\nmemory: 16M\nboot: { firmware: own }\ndisplay: none\ndisks:\n  - image: { blank: 1M }\n    bus: ide\n    writes: keep\n");

describe("machines of definitions", () => {
  it.each([
    [["up"], "tabvisor: up: name a machine's definition: tabvisor up machine.yaml\n"],
    [["up", at("none.yaml")], `tabvisor: cannot read '${at("none.yaml")}': there is no such file or folder\n`],
    [["up", at("monitor.yaml"), "-m", "64"], "tabvisor: up: option '-m' is not taken: the definition says what the machine is\n"],
    [["up", at("monitor.yaml")], "tabvisor: disk0: its changes can be kept only with --store FOLDER; or say 'writes: discard'\n"],
    [["up", at("monitor.yaml"), "--save", "x"], "tabvisor: --save: goes with 'up FILE' or 'resume', and with --store FOLDER\n"],
    [["resume", "x"], "tabvisor: resume: 'x' is no file: name a snapshot with --store FOLDER, or an exported machine\n"],
    [["resume", "x", ...store], "tabvisor: there is no snapshot 'x'\n"],
    [["import", at("monitor.yaml"), ...store], `tabvisor: ${at("monitor.yaml")}: this is not a file of Tabvisor's\n`],
    [["snapshots"], "tabvisor: snapshots: say where the machines are: --store FOLDER\n"],
  ])("bad input gets one line: %j", async (args, message) => {
    expect(await tabvisor(args)).toEqual({ out: "", err: message, code: 1 });
  });

  it("are saved, listed, exported, and go on from there", async () => {
    const up = await tabvisor(["up", at("monitor.yaml"), ...store, "--save", "at the prompt"], [["> ", "nonsense\r"], ["lists them", ""], ["> ", null]]);
    expect(up.err).toBe("");
    expect(up.out).toContain("Tabvisor monitor");
    expect((await tabvisor(["snapshots", ...store])).out).toMatch(/^[0-9a-f]{8} {2}\d{4}-.* {2}16 MiB .* instructions {2}at the prompt\n$/);
    expect(await tabvisor(["export", "at the prompt", at("m.tabvisor"), ...store])).toEqual({ out: "", err: "", code: 0 });
    expect(statSync(at("m.tabvisor")).size).toBeGreaterThan(1000);
    for (const how of [["resume", "at the prompt", ...store], ["resume", at("m.tabvisor")]]) {
      const { out, err } = await tabvisor([...how, "--timeout", "6"]);
      // It waits at its prompt: nothing of the start is said again.
      expect([out, err]).toEqual(["", "tabvisor: ended after 6 s (--timeout)\n"]);
    }
    const other = ["--store", at("other")];
    expect((await tabvisor(["import", at("m.tabvisor"), ...other])).out).toMatch(/^Monitor: go on with 'tabvisor resume [0-9a-f]{8} /);
    expect((await tabvisor(["snapshots", ...other])).out).toContain("at the prompt");
    expect(await tabvisor(["remove", "at the prompt", ...other])).toEqual({ out: "", err: "", code: 0 });
    expect((await tabvisor(["snapshots", ...other])).out).toBe("no snapshots\n");
  }, 120_000);
});
