/** Machines that start in their firmware, for tests: run until some text has appeared. */
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { provideInterpreter } from "../../src/jit/interpreter/compiled.ts";
import type { MachineConfig } from "../../src/vmm/config.ts";
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import { Machine, type MachineOptions } from "../../src/vmm/machine/machine.ts";

let provided = false;

export interface FirmwareRun {
  readonly machine: Machine;
  /** Text of ports E9h and 402h. */
  readonly debug: string;
  readonly serial: string;
  /**
   * Runs until `text` stands in serial or debug output after everything that former calls have found; throws after `seconds`. Escape sequences do not
   * count: a firmware's serial console moves the cursor by the clock, in the middle of a word too, with a return before it.
   */
  until(text: string, seconds?: number): void;
  /** Types at COM1. */
  type(text: string): void;
}

/** Without a VGA unless `config` says so: firmware talks on the serial port then. */
export function startFirmware(firmware: Uint8Array, options: MachineOptions = {}, config: Partial<MachineConfig> = {}, videoRom?: Uint8Array): FirmwareRun {
  if (!provided) {
    const { wasm, info } = ensureInterpreter();
    provideInterpreter(new WebAssembly.Module(wasm), info);
    provided = true;
  }
  let debug = "";
  let serial = "";
  const host = {
    serial: (b: number) => void (serial += String.fromCharCode(b)),
    debug: (b: number) => void (debug += String.fromCharCode(b)),
    hostNs: () => performance.now() * 1e6,
    entropy: (bytes: Uint8Array) => void bytes.fill(7),
  };
  const full: MachineConfig = {
    memoryMib: 64, cpu: "x86-64-v2", vga: "none", deterministic: true, debugExit: null, epochSeconds: 1_700_000_000, noReboot: true, ...config,
    boot: { kernel: null, firmware, initrds: [], cmdline: "", ...(videoRom === undefined ? {} : { videoRom }) },
  };
  const machine = new Machine(full, host, options);
  const seen = { serial: 0, debug: 0 };
  const found = (text: string): boolean => {
    const s = serial.replace(/\r?\x1b\[[0-9;?]*[A-Za-z]/g, "").indexOf(text, seen.serial);
    const d = debug.indexOf(text, seen.debug);
    if (s >= 0) seen.serial = s + text.length;
    if (d >= 0) seen.debug = d + text.length;
    return s >= 0 || d >= 0;
  };
  return {
    machine,
    get debug() {
      return debug;
    },
    get serial() {
      return serial;
    },
    type: (text) => machine.serialInput(new TextEncoder().encode(text)),
    until(text, seconds = 20) {
      const end = performance.now() + seconds * 1000;
      const state = (): string => `at 0x${machine.vcpu.state.rip.toString(16)}\nserial:\n${serial.slice(-3000)}\ndebug:\n${debug.slice(-3000)}`;
      while (!found(text)) {
        const outcome = machine.run(20);
        if (outcome.kind === "stopped" && !found(text)) throw new Error(`${outcome.report.message}\n${outcome.report.registers.join("\n")}\n${outcome.report.disassembly.join("\n")}\n${state()}`);
        if (outcome.kind === "stopped") return;
        if (performance.now() > end) throw new Error(`'${text}' has not appeared, ${state()}`);
      }
    },
  };
}
