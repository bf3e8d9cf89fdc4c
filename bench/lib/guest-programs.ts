/** Builds the benchmark guest: the programs by gcc, and an initramfs that has them beside the default guest's files. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeCpio, type CpioEntry } from "../../tools/image/cpio.ts";
import type { GuestPaths } from "../../tools/image/ensure.ts";
import type { Job, Outcome } from "./conversation.ts";
import { BUILD, ROOT } from "./paths.ts";

const SOURCES = join(ROOT, "bench", "guest");
const BINARY = join(BUILD, "programs");
const FLAGS = ["-O2", "-static", "-std=gnu11", "-Wall", "-Wextra"];

const run = promisify(execFile);

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

/** The path of the programs, compiled when the sources have changed. */
export async function buildPrograms(log: (line: string) => void): Promise<string> {
  const sources = (await readdir(SOURCES)).filter((name) => /\.[ch]$/.test(name)).sort();
  const stamp = hashOf([...FLAGS, ...(await Promise.all(sources.map((name) => readFile(join(SOURCES, name)))))]);
  const stampFile = `${BINARY}.stamp`;
  if ((await readFile(stampFile, "utf8").catch(() => "")) === stamp) return BINARY;
  log("compiling the benchmark programs");
  await mkdir(BUILD, { recursive: true });
  const files = sources.filter((name) => name.endsWith(".c")).map((name) => join(SOURCES, name));
  try {
    await run("gcc", [...FLAGS, "-o", BINARY, ...files, "-lm"]);
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    throw new Error(String(code) === "ENOENT" ? "gcc is not on PATH (Debian's packages gcc and libc6-dev)" : `gcc: ${(stderr ?? "").trim() || String(error)}`, { cause: error });
  }
  await writeFile(stampFile, stamp);
  return BINARY;
}

/** Writes the default guest's initramfs with the programs, and what else is given, after it. */
export async function buildInitramfs(guest: GuestPaths, name: string, log: (line: string) => void, more: readonly CpioEntry[] = []): Promise<string> {
  const [base, programs, init] = await Promise.all([
    readFile(guest.files["initramfs.cpio"]),
    buildPrograms(log).then((path) => readFile(path)),
    readFile(join(SOURCES, "init")),
  ]);
  const own = writeCpio([
    { kind: "directory", path: "bench", mode: 0o755 },
    { kind: "file", path: "bench/init", mode: 0o755, data: init },
    { kind: "file", path: "bench/programs", mode: 0o755, data: programs },
    ...more,
  ]);
  const path = join(BUILD, name);
  // The kernel unpacks archives one after the other.
  await writeFile(path, Buffer.concat([base, own]));
  return path;
}

/** The kernel's command line for it. */
export function programsCmdline(guest: GuestPaths): string {
  return `${guest.info.cmdline} rdinit=/bench/init`;
}

/** One program on this machine's own CPU, timed inside of the process. */
export async function runNative(binary: string, { name, command }: Job): Promise<Outcome> {
  // A file system in memory, as the guest's.
  const { stdout } = await run(binary, command.split(" "), { env: { ...process.env, BENCH_TMP: "/dev/shm" } });
  const match = /^END \S+ ([0-9a-f]+) (\d+)$/m.exec(stdout);
  if (match === null) throw new Error(`${name} printed no result natively: ${stdout}`);
  const seconds = Number(match[2]) / 1e9;
  return { name, seconds, guestSeconds: seconds, checksum: match[1] };
}
