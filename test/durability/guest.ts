/** The guest of the durability tests: the default one's kernel, and an initramfs with a write load, its check, and e2fsprogs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeCpio, type CpioEntry } from "../../tools/image/cpio.ts";
import type { GuestPaths } from "../../tools/image/ensure.ts";

const SOURCES = join(import.meta.dirname, "guest");
const BUILD = join(import.meta.dirname, "../../build/durability");
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

export const DISK_MIB = 48;
/** Guest RAM. */
export const MEMORY_MIB = 128;
/** What the tests need installed. */
export const TOOLS = ["gcc", "ldd", "e2fsck", "mke2fs"] as const;

/** Text of the command's, each file once. */
const output = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: "utf8", env: { ...process.env, PATH, LC_ALL: "C" } });

/** A program of the host and the libraries that it loads, where it looks for them. */
function withLibraries(names: readonly string[]): CpioEntry[] {
  const files = new Map<string, string>();
  for (const name of names) {
    const path = output("sh", "-c", `command -v ${name}`).trim();
    files.set(`durability/${name}`, path);
    for (const [, library] of output("ldd", path).matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)) files.set(library.slice(1), library);
  }
  const folders = new Set<string>();
  const entries: CpioEntry[] = [];
  for (const [at, path] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const missing: string[] = [];
    for (let folder = dirname(at); folder !== "."; folder = dirname(folder)) if (!folders.has(folder)) missing.unshift(folder);
    for (const folder of missing) {
      folders.add(folder);
      entries.push({ kind: "directory", path: folder, mode: 0o755 });
    }
    entries.push({ kind: "file", path: at, mode: 0o755, data: readFileSync(realpathSync(path)) });
  }
  return entries;
}

/** The initramfs, all parts in one. */
export function makeInitrd({ files }: GuestPaths): Uint8Array {
  mkdirSync(BUILD, { recursive: true });
  const load = join(BUILD, `load-${process.pid}`);
  execFileSync("gcc", ["-O2", "-Wall", "-static", "-o", load, join(SOURCES, "load.c")]);
  const own = writeCpio([
    ...withLibraries(["e2fsck", "mke2fs"]),
    { kind: "file", path: "durability/init", mode: 0o755, data: readFileSync(join(SOURCES, "init")) },
    { kind: "file", path: "durability/load", mode: 0o755, data: readFileSync(load) },
  ]);
  return Buffer.concat([readFileSync(files["initramfs.cpio"]), readFileSync(files["modules.cpio"]), own]);
}

/** `load`: goes on writing after the check. */
export const cmdline = (disk: "vda" | "sda", load: boolean): string =>
  `console=ttyS0 nokaslr cryptomgr.notests no_timer_check quiet rdinit=/durability/init disk=${disk} load=${load ? "yes" : "no"}`;

/** What a boot has said so far. */
export interface Said {
  /** The last operation that the guest knows to be flushed; 0: none. */
  readonly synced: number;
  /** Operation that the check found flushed; null: there was no check yet. */
  readonly checked: number | null;
  readonly clean: boolean;
  readonly loading: boolean;
}

/** Throws with the guest's own words when its check failed. */
export function understand(serial: string): Said {
  const failure = /^.*(?:FAILED|Call Trace|I\/O error|EXT4-fs error).*$/m.exec(serial);
  if (failure !== null) throw new Error(`${failure[0].trim()}\n${serial.slice(-3000)}`);
  const checked = /^CHECKED (\d+)/m.exec(serial);
  const synced = [...serial.matchAll(/^SYNCED (\d+)\r?$/gm)].at(-1);
  return {
    synced: synced === undefined ? 0 : Number(synced[1]),
    checked: checked === null ? null : Number(checked[1]),
    clean: /^FSCK CLEAN/m.test(serial),
    loading: /^LOAD BEGINS/m.test(serial),
  };
}
