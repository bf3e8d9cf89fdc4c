/** A machine ends once, also where the one who takes its output powers it off as it ends by itself. */
import { expect, it } from "vitest";
import { ensureBios } from "../../bios/build.ts";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { provideInterpreter } from "../../src/jit/interpreter/compiled.ts";
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import { Runner } from "../../src/vmm/runner.ts";
import { memoryDisk } from "../firmware/memory-disk.ts";

/** How the sector ends: all of them with a dot on COM1 right before. */
const ENDS = {
  halts: "cli\n hlt",
  resets: "mov al, 0xfe\n out 0x64, al\n cli\n hlt",
  exits: "mov dx, 0xf4\n mov al, 1\n out dx, al\n hlt",
};

it.each(Object.keys(ENDS) as (keyof typeof ENDS)[])("a guest that %s", async (name) => {
  const { wasm, info } = ensureInterpreter();
  provideInterpreter(new WebAssembly.Module(wasm), info);
  const disk = new Uint8Array(1 << 20);
  disk.set(assembleProgram(`org 0x7c00
  mov dx, 0x3f8
  mov al, '.'
  out dx, al
  ${ENDS[name]}
  times 510 - ($ - $$) db 0
  dw 0xaa55`, { mode: 16 }).bytes);
  const told: string[] = [];
  const runner: Runner = new Runner({
    memoryMib: 16, cpu: "x86-64-v2", vga: "none", deterministic: true, debugExit: { iobase: 0xf4, iosize: 4 }, epochSeconds: 0, noReboot: false,
    boot: { kernel: null, firmware: ensureBios(), initrds: [], cmdline: "" },
  }, {
    serial: (bytes) => {
      if (Buffer.from(bytes).toString("latin1").endsWith(".")) runner.powerOff();
    },
    stopped: (report) => told.push(report.kind),
    restarted: () => told.push("restarted"),
  }, { drives: [{ interface: "ide", media: "disk", index: 0, backend: memoryDisk(disk) }] });
  runner.resume();
  for (let i = 0; i < 500 && told.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(told).toEqual(["power-off"]);
});
