/** `tabvisor`: the machine without a page. Guest serial is standard input and output. */
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../base/errors.ts";
import { loadCompiler } from "../vmm/compiler.ts";
import { DETERMINISTIC_EPOCH_SECONDS, type MachineConfig, type StopReport } from "../vmm/config.ts";
import { SymbolTable } from "../vmm/debug/symbols.ts";
import { dumpRegions } from "../vmm/dump.ts";
import { provideInterpreter } from "../vmm/interpreter.ts";
import { provideFirmware } from "../vmm/firmware.ts";
import { Runner, type RunnerOptions, type StartFrom } from "../vmm/runner.ts";
import { layerOf } from "../vmm/snapshot/restore.ts";
import { nodeCompiler } from "./compiler.ts";
import { takeScreenshot } from "../vmm/screenshot.ts";
import { encodePng } from "./png.ts";
import { type GdbServer, serveGdb } from "./gdb/server.ts";
import { HELP, parseOptions, type CliOptions } from "./options.ts";
import { makeDevices, saveDisk } from "./devices.ts";
import { reason } from "./reason.ts";
import { readRecording, replayCommand, tapeOf } from "./recording.ts";
import { StdioConsole, writeAll } from "./stdio.ts";
import { openDefinition, openMachine, type OpenMachine } from "./up.ts";

const EXIT_TIMEOUT = 124;
/** As of a program that SIGPIPE ends: nobody reads the guest's output any more. */
const EXIT_PIPE = 141;
/** QEMU's own. */
const EXIT_USAGE = 1;

/** Nothing that boots is larger, and no guest's RAM takes two of them. */
const IMAGE_MAX = 2 ** 30;

function readImage(what: string, path: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new UserError(`${what}: '${path}' is not a file`);
    if (stat.size > IMAGE_MAX) throw new UserError(`${what}: '${path}' has ${Math.ceil(stat.size / 2 ** 20)} MiB, at most ${IMAGE_MAX / 2 ** 20} are taken`);
    const data = readFileSync(path);
    // Small files stand in a buffer that Node shares with others: the machine may give this one's memory back.
    return data.byteLength === data.buffer.byteLength ? new Uint8Array(data.buffer) : Uint8Array.from(data);
  } catch (e) {
    if (e instanceof UserError) throw e;
    throw new UserError(`${what}: cannot read '${path}': ${reason(e)}`);
  }
}

interface DefaultGuest {
  readonly kernel: string;
  readonly initrds: string[];
  readonly cmdline: string;
}

/** The guest that `npm run image` makes. */
function defaultGuest(): DefaultGuest {
  const folder = fileURLToPath(new URL("../../.cache/guest/", import.meta.url));
  let text: string;
  try {
    text = readFileSync(`${folder}guest.json`, "utf8");
  } catch {
    throw new UserError("no kernel: give one with -kernel, or make the default guest with 'npm run image'");
  }
  const info = JSON.parse(text) as { cmdline: string };
  return { kernel: `${folder}vmlinux`, initrds: [`${folder}initramfs.cpio`], cmdline: info.cmdline };
}

function addSymbols(table: SymbolTable, path: string): void {
  let file: Uint8Array;
  try {
    file = readFileSync(path);
  } catch (e) {
    throw new UserError(`--symbols: cannot read '${path}': ${reason(e)}`);
  }
  try {
    if (table.addFile(file) > 0) return;
  } catch (e) {
    throw new UserError(`--symbols: '${path}': ${reason(e)}`);
  }
  throw new UserError(`--symbols: '${path}' has no symbols`);
}

/** What the machine has besides its images. */
function settingsOf(options: CliOptions, epochSeconds: number): Omit<MachineConfig, "boot"> {
  return {
    memoryMib: options.memoryMib,
    cpu: options.cpu,
    deterministic: options.deterministic,
    debugExit: options.devices.debugExit,
    epochSeconds,
    noReboot: options.noReboot,
    vga: options.vga,
    tier: options.tier,
  };
}

/** SeaBIOS's VGA BIOS, for another firmware than ours, which has its own. */
function videoRomOf({ vga, videoRom }: CliOptions, bios: string): { videoRom?: Uint8Array } {
  if (vga === "none" || videoRom === "") return {};
  if (videoRom !== null) return { videoRom: readImage("VGA BIOS", videoRom) };
  const found = [dirname(bios), "/usr/share/seabios"].map((folder) => join(folder, "vgabios-stdvga.bin")).find((path) => existsSync(path));
  return found === undefined ? {} : { videoRom: readImage("VGA BIOS", found) };
}

/** A machine that starts in its firmware. */
function firmwareConfig(options: CliOptions, epochSeconds: number): { config: MachineConfig; moduleStrings: string[]; kernelName: string } {
  const firmware = options.bios === null || options.bios === "own" ? {} : { firmware: readImage("bios", options.bios), ...videoRomOf(options, options.bios) };
  return { kernelName: "", moduleStrings: [], config: { ...settingsOf(options, epochSeconds), boot: { kernel: null, initrds: [], cmdline: "", ...firmware } } };
}

function configOf(options: CliOptions, epochSeconds: number): { config: MachineConfig; moduleStrings: string[]; kernelName: string } {
  if (options.firmware) return firmwareConfig(options, epochSeconds);
  const fallback = options.kernel === null ? defaultGuest() : null;
  const kernel = options.kernel ?? fallback?.kernel ?? "";
  const initrds = options.kernel === null && options.initrds.length === 0 ? (fallback?.initrds ?? []) : [...options.initrds];
  // Multiboot modules may carry arguments after the file name.
  const files = initrds.map((i) => i.split(" ")[0] ?? i);
  return {
    kernelName: basename(kernel),
    moduleStrings: initrds,
    config: {
      ...settingsOf(options, epochSeconds),
      boot: {
        kernel: readImage("kernel", kernel),
        initrds: files.map((f) => readImage("initrd", f)),
        cmdline: options.append !== "" ? options.append : (fallback?.cmdline ?? ""),
      },
    },
  };
}

/** The interpreter from the build folder, made there by the first run; generated in memory where that cannot be written. */
async function useStoredInterpreter(): Promise<void> {
  try {
    const { ensureInterpreter } = await import("./interpreter.ts");
    const { wasm, info } = ensureInterpreter();
    provideInterpreter(new WebAssembly.Module(wasm), info);
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code;
    if (code !== "EACCES" && code !== "EROFS" && code !== "ENOENT") throw e;
  }
}

/** `-display` at exit. */
function showScreen(display: CliOptions["display"], runner: Runner): void {
  if (display.kind === "none") return;
  const shot = takeScreenshot(runner.current);
  if (shot === null) throw new UserError("there is no display (-vga none)");
  if (display.kind === "png") writeFileSync(display.path, encodePng(shot.width, shot.height, shot.pixels));
  else if (shot.text === null) throw new UserError(`the screen shows graphics, ${shot.width}x${shot.height}: use png:PATH`);
  else writeAll(1, new TextEncoder().encode(`${shot.text}\n`));
}

/** Our BIOS, assembled by the first run that needs it. */
async function useOwnFirmware(): Promise<void> {
  const { assembleBios, ensureBios } = await import("../../bios/build.ts");
  try {
    provideFirmware(ensureBios());
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code;
    if (code !== "EACCES" && code !== "EROFS") throw e;
    provideFirmware(assembleBios());
  }
}

function describe(report: StopReport): string {
  const lines = [`tabvisor: ${report.message}`];
  if (report.exitCode !== 0 && report.kind !== "debug-exit") lines.push(...report.registers, ...report.disassembly);
  return lines.join("\n") + "\n";
}

/** What `up` and `resume` name; `keep` takes the snapshot of `--save` and closes the store. */
async function definedMachine({ up, resume, store: folder, save }: CliOptions): Promise<{
  readonly defined: OpenMachine | null;
  readonly startFrom: StartFrom | null;
  readonly keep: (runner: Runner) => Promise<void>;
}> {
  const keepNothing = (): Promise<void> => Promise.resolve();
  if (up === null && resume === null) return { defined: null, startFrom: null, keep: keepNothing };
  if (up !== null && save === null) return { defined: await openMachine(up, folder), startFrom: null, keep: keepNothing };
  const [{ openSaved, saveMachine }, { openFolderStore }] = await Promise.all([import("./saved.ts"), import("./store.ts")]);
  const store = folder === null ? null : await openFolderStore(folder);
  try {
    const saved = resume === null ? null : await openSaved(resume, store);
    const defined = saved === null ? await openMachine(up ?? "", folder)
      : await openDefinition(saved.definition, saved.base.startsWith("file:") ? fileURLToPath(saved.base) : process.cwd(), folder, (drive) => layerOf(saved.record, drive, saved.reader));
    return {
      defined,
      startFrom: saved?.start() ?? null,
      keep: async (runner) => {
        try {
          if (save !== null && store !== null) await saveMachine(runner, store, save, defined.definition, defined.base, saved?.record ?? null);
        } finally {
          await store?.close();
        }
      },
    };
  } catch (e) {
    await store?.close();
    throw e;
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const given = parseOptions(argv);
  const recording = given.replay === null ? null : readRecording(given.replay);
  const options = recording === null ? given : parseOptions(replayCommand(recording.command, argv));
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.version) {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    process.stdout.write(`tabvisor ${(JSON.parse(text) as { version: string }).version}\n`);
    return 0;
  }
  if (options.command !== null) {
    const { storeCommand } = await import("./saved.ts");
    process.stdout.write(await storeCommand(options.command.name, options.command.args, options.store));
    return 0;
  }
  if (options.saveDisk !== null) {
    await saveDisk(options, options.saveDisk);
    return 0;
  }
  await useStoredInterpreter();
  const { defined, startFrom, keep } = await definedMachine(options);
  const boot = defined?.definition.boot;
  if (boot === undefined ? options.firmware && (options.bios === null || options.bios === "own") : "firmware" in boot && boot.firmware === "own") await useOwnFirmware();
  let file: number | null = null;
  if (options.serial.kind === "file") {
    try {
      file = openSync(options.serial.path, "w");
    } catch (e) {
      throw new UserError(`-serial: cannot write '${options.serial.path}': ${reason(e)}`);
    }
  }
  const tape = tapeOf(options, recording, argv);
  const { drives, devices, close } = defined === null ? await makeDevices(options, tape.makeTree) : { ...defined.options, close: () => defined.close() };
  const epochSeconds = recording?.machine.epochSeconds ?? (options.deterministic ? DETERMINISTIC_EPOCH_SECONDS : Math.floor(Date.now() / 1000));
  // The images are read again for a reset, and not kept in memory until then.
  const { config, moduleStrings, kernelName } = defined === null ? configOf(options, epochSeconds)
    : { config: await defined.config(), moduleStrings: [...defined.moduleStrings], kernelName: defined.kernelName };
  const machineOptions: RunnerOptions = {
    kernelName, moduleStrings, drives, devices, bootOrder: options.boot.order, bootMenu: options.boot.menu, keepRegions: options.dump !== null,
    images: async () => (defined === null ? configOf(options, epochSeconds).config : await defined.config()).boot,
    ...(defined === null ? {} : { ...defined.options, snapshotDisks: defined.snapshotDisks }), ...(startFrom === null ? {} : { startFrom }), ...((config.tier ?? "auto") === "auto" ? { compiler: nodeCompiler() } : {}),
  };
  if (config.tier === "1") await loadCompiler();
  const symbols = new SymbolTable();
  for (const path of options.symbols) addSymbols(symbols, path);
  const nameOf = (address: bigint): string => symbols.describe(address);
  const tapeDeck = await tape.open(config, machineOptions);
  const stdio = options.serial.kind === "stdio" && defined?.definition.console.ports !== 0 ? new StdioConsole() : null;

  return await new Promise<number>((resolve, reject) => {
    let timeout: ReturnType<typeof setTimeout> | null = null;
    let runner: Runner;
    let gdb: GdbServer | null = null;
    const finish = (code: number): void => {
      if (timeout !== null) clearTimeout(timeout);
      gdb?.close();
      stdio?.close();
      if (file !== null) closeSync(file);
      if (options.dump !== null) writeAll(2, Buffer.from(dumpRegions(runner.current, options.dump, nameOf)));
      try {
        showScreen(options.display, runner);
      } catch (e) {
        process.stderr.write(`tabvisor: -display: ${reason(e)}\n`);
        code ||= 1;
      }
      try {
        close();
      } catch (e) {
        process.stderr.write(`tabvisor: disk: ${reason(e)}\n`);
        code ||= 1;
      }
      tape.close();
      if (options.stats) process.stderr.write(JSON.stringify(runner.stats(process.resourceUsage().maxRSS * 1024, nameOf)) + "\n");
      resolve(code);
    };
    try {
      runner = new Runner(config, {
        serial: (bytes, port = 0) => {
          // The terminal is COM1's.
          if (port > 0) return;
          try {
            if (stdio?.write(bytes) === false) quit(EXIT_PIPE);
            if (file !== null) writeAll(file, bytes);
          } catch (e) {
            if (ended === null) process.stderr.write(`tabvisor: serial output: ${reason(e)}\n`);
            quit(1);
          }
        },
        debug: (bytes) => process.stderr.write(bytes),
        replayed: ({ instructions, hash, checkpoints }) => {
          const end = hash === null ? "where its recording was cut off" : `with the recorded state, ${hash}`;
          process.stderr.write(`tabvisor: replayed ${instructions} instructions and ${checkpoints} checkpoints; ended ${end}\n`);
        },
        stopped: (report) => {
          if (ended !== null) {
            finish(ended);
            return;
          }
          if (report.kind !== "debug-exit" && !(report.kind === "power-off" || report.kind === "reset")) process.stderr.write(describe(report));
          finish(report.exitCode);
        },
      }, { ...machineOptions, tape: tapeDeck });
    } catch (e) {
      stdio?.close();
      reject(e as Error);
      return;
    }
    let ended: number | null = null;
    const quit = (code: number): void => {
      if (ended !== null) return;
      ended = code;
      if (options.save === null) {
        // It tells `stopped`, once a recording has its end.
        runner.powerOff();
        return;
      }
      runner.pause();
      keep(runner).then(
        () => runner.powerOff(),
        (e: unknown) => {
          process.stderr.write(`tabvisor: --save: ${reason(e)}\n`);
          ended = 1;
          runner.powerOff();
        },
      );
    };
    if (options.timeoutSeconds !== null) {
      const seconds = options.timeoutSeconds;
      timeout = setTimeout(() => {
        process.stderr.write(`tabvisor: ended after ${seconds} s (--timeout)\n`);
        quit(EXIT_TIMEOUT);
      }, seconds * 1000);
    }
    stdio?.open({ input: (bytes) => runner.serialInput(bytes), quit: () => quit(0) });
    process.once("SIGINT", () => quit(130));
    process.once("SIGTERM", () => quit(143));
    const start = (): void => {
      if (!options.startStopped) runner.resume();
    };
    if (options.gdb === null) start();
    else {
      serveGdb(options.gdb, () => runner, () => quit(0)).then((server) => {
        gdb = server;
        start();
      }, (e: unknown) => {
        stdio?.close();
        reject(e as Error);
      });
    }
  });
}

function internalError(e: unknown): void {
  process.stderr.write(`tabvisor: internal error: ${e instanceof Error ? e.message : String(e)}\n`);
}

process.once("uncaughtException", (e) => {
  internalError(e);
  process.exit(1);
});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e) {
  if (e instanceof UserError) process.stderr.write(`tabvisor: ${e.message}\n`);
  else internalError(e);
  process.exitCode = EXIT_USAGE;
}
// Standard input may hold the process open; output is written synchronously.
process.exit();
