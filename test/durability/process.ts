/** Kills the command (SIGKILL) while its guest writes to an overlay file, again and again. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { Chance } from "../../src/vmm/storage/testing/requests.ts";
import { cmdline, MEMORY_MIB, understand, type Said } from "./guest.ts";

const COMMAND = join(import.meta.dirname, "../../bin/tabvisor.mjs");
const LIMIT_MS = 120_000;
/** Host time of the load until the kill. */
const LOAD_MAX_MS = 1500;

export interface Kills {
  readonly kernel: string;
  readonly initrd: string;
  /** A raw image, which stays as it is. */
  readonly base: string;
  readonly overlay: string;
  readonly points: number;
  readonly seed: number;
  log(line: string): void;
}

/** One boot; `loadMs` of the load until it is killed, or null: to its own end. */
function boot(kills: Kills, loadMs: number | null): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      COMMAND, "-m", `${MEMORY_MIB}M`, "-vga", "none", "-nographic", "-no-reboot", "-kernel", kills.kernel, "-initrd", kills.initrd,
      "-append", cmdline("vda", loadMs !== null), "-drive", `file=${kills.base},format=raw,if=virtio,overlay=${kills.overlay}`,
    ], { stdio: ["ignore", "pipe", "pipe"] });
    let serial = "";
    let errors = "";
    let timer: NodeJS.Timeout | null = null;
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    child.stdout.on("data", (data: Buffer) => {
      serial += data.toString("latin1");
      if (loadMs !== null && timer === null && serial.includes("LOAD BEGINS")) timer = setTimeout(() => child.kill("SIGKILL"), loadMs);
      if (/FAILED/.test(serial)) setTimeout(() => child.kill("SIGKILL"), 500);
    });
    child.stderr.on("data", (data: Buffer) => (errors += data.toString("utf8")));
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      if (timer !== null) clearTimeout(timer);
      try {
        const said = understand(serial);
        const asMeant = loadMs === null ? code === 0 : signal === "SIGKILL" && timer !== null;
        if (!asMeant) throw new Error(`the command ended with ${code ?? signal ?? "?"}: ${errors}\n${serial.slice(-2000)}`);
        resolve(said);
      } catch (e) {
        reject(e as Error);
      }
    });
  });
}

/** Rejects at the first point that is not recovered. */
export async function killProcesses(kills: Kills): Promise<void> {
  const chance = new Chance(kills.seed);
  let synced = 0;
  for (let point = 0; point <= kills.points; point++) {
    const last = point === kills.points;
    const loadMs = chance.next(LOAD_MAX_MS);
    const said = await boot(kills, last ? null : loadMs);
    if (point > 0) {
      if (!said.clean || said.checked === null) throw new Error(`point ${point}: there was no check`);
      if (said.checked < synced) throw new Error(`point ${point}: ${synced} was flushed, ${said.checked} is there`);
    }
    synced = Math.max(synced, said.synced);
    if (!last) kills.log(`kill ${point + 1}: after ${loadMs} ms of load; ${synced} operations flushed${said.checked === null ? "" : `; before: ${said.checked} found, file system clean`}`);
  }
  if (synced === 0) throw new Error("no load was flushed at all: nothing is proven");
}
