/** Assembles the guests of ours, runs them on a Machine and, where it is installed, on QEMU. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { provideInterpreter } from "../../src/jit/interpreter/compiled.ts";
import type { MachineConfig, StopReport } from "../../src/vmm/config.ts";
import { Machine, type MachineOptions } from "../../src/vmm/machine/machine.ts";

export const GUESTS = join(import.meta.dirname, "guests");
/** The CPU that both sides show: what QEMU's TCG has, and we. */
const CPU = "x86-64-v2,+la57,+pku";
const QEMU_CPU = "Nehalem,+smep,+smap,+fsgsbase,+xsave,+rdtscp,+pdpe1gb,+la57,+pku,vendor=GenuineIntel";

/** Vectors that push an error code (SDM 3A table 6-1). */
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);

/** Entry stubs of vectors `first`..`last`: error code (or 0), vector, `common`. The table of their addresses is `name`. */
function stubs(bits: number, first: number, last: number, name: string, common: string): string[] {
  const lines: string[] = [];
  for (let v = first; v <= last; v++) lines.push(`${name}_${v}:${WITH_ERROR_CODE.has(v) ? "" : " push 0"}`, `push ${v}`, `jmp near ${common}`);
  const word = bits === 64 ? "dq" : "dd";
  lines.push(`${name}:`);
  for (let v = first; v <= last; v++) lines.push(`${word} ${name}_${v}`);
  return lines;
}

/**
 * What the assembler lacks: `%include FILE`; `%print "text"`; `%hex REG` (as wide as the mode); `%line`;
 * `%try INSTRUCTION`, after which a handler goes on behind it; `%stubs FIRST LAST NAME COMMON`.
 */
function preprocess(source: string): string {
  let bits = 32;
  let labels = 0;
  const expand = (text: string): string[] => text.split("\n").flatMap((line) => {
    const t = line.trim();
    const mode = /^bits (\d+)/.exec(t);
    if (mode !== null) bits = Number(mode[1]);
    const m = /^%(\w+)\s*(.*)$/.exec(t);
    if (m === null) return [line];
    const [, word, rest] = m;
    switch (word) {
      case "include": return expand(readFileSync(join(GUESTS, rest), "utf8"));
      case "print": return [`call putz${bits}`, `db ${rest}, 0`];
      case "line": return [`call putz${bits}`, "db 10, 0"];
      case "hex": return [`push ${rest}`, `call hexarg${bits}`];
      case "try": {
        const label = `.try${labels++}`;
        return [`mov ${bits === 64 ? "qword" : "dword"} [resume], ${label}`, rest, `${label}:`];
      }
      case "stubs": {
        const [first, last, name, common] = rest.split(/\s+/);
        return stubs(bits, Number(first), Number(last), name, common);
      }
      default: throw new Error(`unknown directive %${word}`);
    }
  });
  return expand(source).join("\n");
}

/** A Multiboot 1 image at 1 MiB whose address fields say where it goes. The source starts at `start`, in 32-bit mode. */
export function assembleKernel(source: string): Uint8Array {
  return assembleWithSymbols(source).bytes;
}

/** The same with its labels. */
export function assembleWithSymbols(source: string): { readonly bytes: Uint8Array; readonly symbols: ReadonlyMap<string, bigint> } {
  const header = `
    bits 32
    header: dd 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)
    dd header, header, image_end, image_end + 0x1000, start
  `;
  const text = preprocess(`${header}\n${source}\nalign 16\nimage_end:\n`);
  try {
    return assembleProgram(text, { mode: 32, origin: 0x100000 });
  } catch (e) {
    const at = /^line (\d+):/.exec(e instanceof Error ? e.message : "");
    throw at === null ? e : new Error(`${(e as Error).message}: "${text.split("\n")[Number(at[1]) - 1]}"`);
  }
}

export const readGuest = (name: string): string => readFileSync(join(GUESTS, `${name}.asm`), "utf8");

let provided = false;

export interface Run {
  readonly machine: Machine;
  /** Text of port E9h. */
  debug(): string;
  serial(): string;
}

/** A machine that stands before its first instruction. `key`: of a real-time machine's entropy. `hostNs`: its host's clock. */
export function makeMachine(boot: Partial<MachineConfig["boot"]>, config: Partial<MachineConfig> = {}, options: MachineOptions = {}, key: Uint8Array = new Uint8Array(32).fill(1), hostNs: () => number = () => performance.now() * 1e6): Run {
  if (!provided) {
    const { wasm, info } = ensureInterpreter();
    provideInterpreter(new WebAssembly.Module(wasm), info);
    provided = true;
  }
  const debug: number[] = [];
  const serial: number[] = [];
  const machine = new Machine({
    memoryMib: 32, cpu: CPU, deterministic: true, debugExit: { iobase: 0xf4, iosize: 4 }, epochSeconds: 1_700_000_000, noReboot: true, ...config,
    boot: { kernel: new Uint8Array(), initrds: [], cmdline: "", ...boot },
  }, {
    serial: (b) => serial.push(b),
    debug: (b) => debug.push(b),
    hostNs,
    entropy: (bytes) => bytes.set(key),
  }, options);
  return { machine, debug: () => Buffer.from(debug).toString("latin1"), serial: () => Buffer.from(serial).toString("latin1") };
}

export interface Ended {
  readonly debug: string;
  readonly serial: string;
  readonly report: StopReport;
  readonly machine: Machine;
}

/** Runs until the guest ends the machine, in pieces of `slice` instructions; throws after `seconds` of host time. */
export function runKernel(kernel: Uint8Array, config: Partial<MachineConfig> = {}, seconds = 20, slice = Infinity): Ended {
  const run = makeMachine({ kernel }, config);
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const outcome = run.machine.run(100, slice);
    if (outcome.kind === "stopped") return { debug: run.debug(), serial: run.serial(), report: outcome.report, machine: run.machine };
    if (outcome.kind === "reset") throw new Error("the guest reset the machine");
    if (performance.now() > until) {
      throw new Error(`still running after ${seconds} s at 0x${run.machine.vcpu.state.rip.toString(16)}; output so far:\n${run.debug()}`);
    }
  }
}

let qemu: string | null | undefined;

/** QEMU's version, or null; says once that the comparison is left out. */
export function qemuVersion(): string | null {
  if (qemu !== undefined) return qemu;
  try {
    qemu = execFileSync("qemu-system-x86_64", ["--version"], { encoding: "utf8" }).split("\n")[0];
  } catch {
    qemu = null;
    console.log("qemu-system-x86_64 is not installed: our output is compared with stored output of QEMU only");
  }
  return qemu;
}

export interface QemuEnded {
  readonly debug: string;
  readonly exitCode: number | null;
}

export function runOnQemu(kernel: Uint8Array): QemuEnded {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-qemu-"));
  try {
    const image = join(folder, "kernel");
    const log = join(folder, "debug");
    writeFileSync(image, kernel);
    const { status } = spawnSync("qemu-system-x86_64", [
      "-accel", "tcg", "-cpu", QEMU_CPU, "-m", "32", "-display", "none", "-serial", "none", "-monitor", "none", "-no-reboot", "-net", "none",
      "-vga", "std", "-kernel", image, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4", "-debugcon", `file:${log}`,
    ], { stdio: "ignore", timeout: 5_000 });
    // SeaBIOS writes to the port, too.
    const text = readFileSync(log, "latin1");
    const at = text.indexOf(START);
    return { debug: at < 0 ? text : text.slice(at + START.length), exitCode: status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every guest writes it first. */
export const START = "\n== guest ==\n";
