/** Runs Debian's gdb in batch mode against the remote stub of our command or of QEMU. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMAND } from "../cli/cli.ts";

export const hasCommand = (name: string): boolean => {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** A port of this computer that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function listens(port: number, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) throw new Error("it ended before it listened");
    // Whoever connects stops the machine; that is how it begins anyhow.
    const ready = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it does not listen");
}

export interface Stub {
  readonly port: number;
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

/** `args` without the stub's own; the machine waits for "continue". */
export async function startStub(command: string, before: readonly string[], args: readonly string[], stopped = true): Promise<Stub> {
  const port = await freePort();
  const child = spawn(command, [...before, ...args, "-gdb", `tcp:127.0.0.1:${port}`, ...(stopped ? ["-S"] : [])], { stdio: ["pipe", "pipe", "ignore"], cwd: tmpdir() });
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  if (stopped) {
    // A look at the port would let QEMU run on: wait for what /proc says instead.
    await untilListening(port, child);
  } else await listens(port, child);
  return {
    port, child, ended,
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** By the kernel's table of sockets: nothing is connected. */
async function untilListening(port: number, child: ChildProcess): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) throw new Error("it ended before it listened");
    const table = execFileSync("cat", ["/proc/net/tcp"], { encoding: "utf8" });
    if (new RegExp(`0100007F:${hex} 00000000:0000 0A`).test(table)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it does not listen");
}

export const startOurs = (args: readonly string[], stopped = true): Promise<Stub> => startStub(process.execPath, [COMMAND], ["-serial", "none", ...args], stopped);
export const startQemu = (args: readonly string[]): Promise<Stub> =>
  startStub("qemu-system-x86_64", ["-accel", "tcg", "-display", "none", "-serial", "none", "-monitor", "none", "-net", "none", "-no-reboot"], args);

/** gdb's output, without the noise that names the connection. */
export function runGdb(stub: Stub, script: string, seconds = 60): string {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-gdb-"));
  try {
    const file = join(folder, "script.gdb");
    writeFileSync(file, `set pagination off\nset confirm off\nset width 0\nset tcp connect-timeout 10\ntarget remote 127.0.0.1:${stub.port}\n${script}\n`);
    const r = spawnSync("gdb", ["-nx", "-batch", "-x", file], { encoding: "utf8", timeout: seconds * 1000, killSignal: "SIGKILL", maxBuffer: 1 << 26 });
    if (r.error !== undefined) throw r.error;
    return `${r.stdout}${r.stderr}`.split("\n").filter((l) => !/^warning: No executable|^determining executable|^Remote debugging using/.test(l)).join("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
