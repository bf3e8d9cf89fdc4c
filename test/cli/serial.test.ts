/** Guest serial as the command's input and output; terminals, signals, closed pipes; the default guest's bad and good ends. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { existingGuest } from "../../tools/image/ensure.ts";
import { COMMAND, Folder, tabvisor, talk } from "./cli.ts";

const folder = new Folder();
afterAll(() => folder.remove());
const EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"];
const guest = await existingGuest();
const ALL = Buffer.alloc(25_600, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
const python = spawnSync("python3", ["-c", "import pty"]).status === 0;
if (!python) console.log("python3 is not installed: the terminal tests are left out");

describe("output", () => {
  it("byte for byte, on standard output", () => {
    expect(Buffer.compare(tabvisor(["-kernel", folder.kernel("bytes"), ...EXIT]).stdout, ALL)).toBe(0);
    expect(Buffer.compare(tabvisor(["-kernel", folder.kernel("bytes"), ...EXIT, "-nographic"]).stdout, ALL)).toBe(0);
  });
  it("-serial none", () => {
    expect(tabvisor(["-kernel", folder.kernel("bytes"), ...EXIT, "-serial", "none"])).toEqual({ code: 1, stdout: Buffer.alloc(0), stderr: "" });
  });
  it("-serial file:PATH, instead of what was there", () => {
    const path = folder.file("serial.log", "x".repeat(100_000));
    expect(tabvisor(["-kernel", folder.kernel("bytes"), ...EXIT, "-serial", `file:${path}`])).toEqual({ code: 1, stdout: Buffer.alloc(0), stderr: "" });
    expect(Buffer.compare(readFileSync(path), ALL)).toBe(0);
  });
  it("a reader that leaves ends it", () => {
    const r = spawnSync("bash", ["-c", `"${process.execPath}" "${COMMAND}" -kernel "${folder.kernel("echo")}" < <(head -c 1000000 /dev/zero) | head -c 100 | wc -c; echo "\${PIPESTATUS[0]}"`], { timeout: 30_000, killSignal: "SIGKILL" });
    expect(r.stdout.toString()).toBe("100\n141\n");
  });
});

describe("input", () => {
  it("goes to the guest byte for byte, Ctrl-A too when it is no terminal", () => {
    const input = Buffer.from(Array.from({ length: 20_000 }, (_, i) => ((i * 7) % 256 === 113 ? 1 : (i * 7) % 256)));
    const { code, stdout } = tabvisor(["-kernel", folder.kernel("echo"), ...EXIT], { input: Buffer.concat([input, Buffer.from("q")]) });
    expect(code).toBe(3);
    expect(Buffer.compare(stdout, Buffer.concat([Buffer.from("ready\n"), Buffer.from(input.map((b) => b + 1))]))).toBe(0);
  });
  it("answers at once", async () => {
    const { code } = await talk(["-kernel", folder.kernel("echo"), ...EXIT], async (s) => {
      await s.printed("ready");
      s.write("HAL");
      await s.printed("IBM");
      s.write("q");
    });
    expect(code).toBe(3);
  });
  it("its end does not end the guest", async () => {
    const { code, stderr } = await talk(["-kernel", folder.kernel("echo"), "--timeout", "1"], async (s) => {
      s.end();
      await s.printed("ready");
    });
    expect([code, stderr]).toEqual([124, "tabvisor: ended after 1 s (--timeout)\n"]);
  });
});

describe("signals", () => {
  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("%s ends a busy guest: %i", async (signal, expected) => {
    const { code, stderr } = await talk(["-kernel", folder.kernel("echo"), "--stats"], async (s) => {
      await s.printed("ready");
      s.kill(signal);
    });
    expect(code).toBe(expected);
    expect(Object.keys(JSON.parse(stderr) as object)).toContain("instructions");
  });
});

describe.skipIf(!python)("a terminal", () => {
  /** Runs the command on a pseudo-terminal: waits for "ready", writes `keys`, answers its output and exit code. */
  const onTerminal = (keys: string): { code: number; output: string } => {
    const script = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
out = b""
sent = False
end = time.time() + 20
while time.time() < end:
    if select.select([fd], [], [], 0.2)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    if not sent and b"ready" in out:
        os.write(fd, ${JSON.stringify(keys)}.encode("latin1"))
        sent = True
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(out)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
`;
    const r = spawnSync("python3", ["-c", script, process.execPath, COMMAND, "-kernel", folder.kernel("echo"), ...EXIT], { timeout: 30_000, killSignal: "SIGKILL" });
    return { code: r.status ?? -1, output: r.stdout.toString("latin1") };
  };

  it("Ctrl-A X quits", () => {
    expect(onTerminal("a\u0001x")).toMatchObject({ code: 0 });
  });
  it("is raw: no echo, Ctrl-C and Ctrl-D for the guest, Ctrl-A Ctrl-A is one, output unchanged", () => {
    // Raw both ways.
    // The guest answers each byte plus one: ^C gives ^D, ^D ^E, ^A ^B, CR SO, LF VT.
    const { code, output } = onTerminal("\u0003\u0004\u0001\u0001\r\nq");
    expect([code, JSON.stringify(output)]).toEqual([3, JSON.stringify("ready\n\u0004\u0005\u0002\u000e\u000b")]);
  });
});

describe.skipIf(guest === null)("the default guest", () => {
  it("without a root file system: the panic's line, 1", () => {
    const { code, stdout, stderr } = tabvisor(["-kernel", guest?.files.vmlinux ?? "", "-append", "console=ttyS0 panic=0 root=/dev/none", "--timeout", "25"]);
    expect(stderr.split("\n")[0]).toBe("tabvisor: Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)");
    expect(code).toBe(1);
    expect(stdout.toString()).toContain("---[ end Kernel panic");
    expect(stderr).toMatch(/^RAX=/m);
  });
  it("boots to its prompt, takes a command, and powers off: 0", async () => {
    const { code, stderr } = await talk(["--stats", "--timeout", "28"], async (s) => {
      await s.printed("ends the machine.");
      s.write("echo $((6*7))-$(uname -m)\n");
      await s.printed("42-x86_64");
      s.write("poweroff -f\n");
    });
    expect(code).toBe(0);
    const stats = JSON.parse(stderr) as { instructions: number; unimplemented: object };
    expect(stats.unimplemented).toEqual({});
    expect(stats.instructions).toBeGreaterThan(1e8);
  });
});

it("the command is the package's", () => {
  const text = JSON.parse(readFileSync(join(COMMAND, "..", "..", "package.json"), "utf8")) as { bin: Record<string, string> };
  expect(existsSync(join(COMMAND, "..", "..", text.bin["tabvisor"]))).toBe(true);
});
