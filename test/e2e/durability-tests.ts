/** A guest in the browser writes to ext4 over the real OPFS; its worker is killed; the next machine's journal and fsck say what is left. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright";
import { build } from "vite";
import { ensureInterpreter, INTERPRETER_FOLDER } from "../../src/cli/interpreter.ts";
import { Chance } from "../../src/vmm/storage/testing/requests.ts";
import { ensureImage } from "../../tools/image/ensure.ts";
import { cmdline, DISK_MIB, makeInitrd, MEMORY_MIB, TOOLS, understand, type Said } from "../durability/guest.ts";
import { haveTools } from "../firmware/fixtures.ts";
import type { DurabilityMessage, DurabilityTask } from "./durability-worker.ts";
import { check, ROOT, type Runner } from "./harness.ts";

/** The 50 take ten minutes: DURABILITY_POINTS=50 npx tsx test/e2e/run.ts killed */
const POINTS = Number(process.env["DURABILITY_POINTS"] ?? 3);
const LOAD_MAX_MS = 2500;
const BOOT_MS = 90_000;
const FILE = "tests/durability.overlay";

interface End {
  readonly serial: string;
  /** By our hand, or what the machine or the worker said last. */
  readonly end: string;
}
const KILLED = "killed";

/** One machine; it is killed `loadMs` after its load has begun. */
function machine(page: Page, task: DurabilityTask, loadMs: number | null): Promise<End> {
  return page.evaluate(
    ([t, ms, killed, limit]) =>
      new Promise<End>((resolve) => {
        const worker = new Worker("durability.js", { type: "module" });
        let serial = "";
        let loading = false;
        const end = (how: string): void => {
          worker.terminate();
          resolve({ serial, end: how });
        };
        setTimeout(() => end("too slow"), limit);
        worker.onerror = (e) => end(e.message);
        worker.onmessage = ({ data }: MessageEvent<DurabilityMessage>) => {
          if ("error" in data) end(data.error);
          else if ("stopped" in data) end(data.stopped);
          else {
            serial += data.serial;
            if (loading || ms === null || !serial.includes("LOAD BEGINS")) return;
            loading = true;
            setTimeout(() => end(killed), ms);
          }
        };
        worker.postMessage(t);
      }),
    [task, loadMs, KILLED, BOOT_MS] as const,
  );
}

async function boot(page: Page, load: boolean, loadMs: number | null): Promise<Said> {
  const task: DurabilityTask = { file: FILE, sectors: DISK_MIB * 2048, memoryMib: MEMORY_MIB, cmdline: cmdline("vda", load) };
  // A killed worker's file is locked for a moment.
  for (let tries = 0; ; tries++) {
    const { serial, end } = await machine(page, task, loadMs);
    if (end.includes("is in use") && tries < 50) {
      await page.waitForTimeout(50);
      continue;
    }
    const said = understand(serial);
    check(load ? end === KILLED : serial.includes("GUEST DONE"), `${end}\n${serial.slice(-1500)}`);
    return said;
  }
}

/** `folder` is what the page's server serves. */
export async function durabilityTests(runner: Runner, page: Page, folder: string): Promise<void> {
  if (!haveTools(TOOLS)) return;
  await runner.test(`ext4 in OPFS survives its worker's being killed at ${POINTS} points of a guest's write load`, async () => {
    const guest = await ensureImage();
    mkdirSync(folder, { recursive: true });
    await build({ root: ROOT, configFile: false, logLevel: "warn", publicDir: false, build: { target: "es2022", outDir: folder, emptyOutDir: false, lib: { entry: join(ROOT, "test/e2e/durability-worker.ts"), formats: ["es"], fileName: () => "durability.js" } } });
    ensureInterpreter();
    for (const name of ["interpreter.wasm", "interpreter.json"]) copyFileSync(join(INTERPRETER_FOLDER, name), join(folder, name));
    copyFileSync(guest.files.vmlinux, join(folder, "vmlinux"));
    writeFileSync(join(folder, "initrd"), makeInitrd(guest));

    const chance = new Chance(7);
    let synced = 0;
    for (let point = 0; point <= POINTS; point++) {
      const last = point === POINTS;
      const loadMs = last ? null : chance.next(LOAD_MAX_MS);
      const said = await boot(page, !last, loadMs);
      if (point > 0) {
        check(said.clean && said.checked !== null, `point ${point}: there was no check`);
        check(said.checked >= synced, `point ${point}: ${synced} was flushed, ${said.checked} is there`);
        console.log(`  kill ${point}: ${synced} operations flushed, ${said.checked} found, file system clean`);
      }
      synced = Math.max(synced, said.synced);
    }
    check(synced > 0, "no load was flushed at all");
  }, () => page, BOOT_MS * (POINTS + 2));
}
