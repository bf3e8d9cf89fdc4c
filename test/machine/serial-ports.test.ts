/** Serial ports beyond COM1: fitted as the definition says, each with its own output and input. */
import { expect, it } from "vitest";
import { ensureBios } from "../../bios/build.ts";
import { ensureInterpreter } from "../../src/cli/interpreter.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { provideInterpreter } from "../../src/jit/interpreter/compiled.ts";
import "../../src/vmm/machine/cards.ts";
import "../../src/vmm/machine/drives.ts";
import { Runner } from "../../src/vmm/runner.ts";
import { memoryDisk } from "../firmware/memory-disk.ts";

/** Tells which of the four ports have a scratch register, then echoes on COM2 what comes there, until a dot. */
const SECTOR = `org 0x7c00
  xor ax, ax
  mov ds, ax
  mov si, ports
next: lodsw
  test ax, ax
  jz echo
  mov dx, ax
  add dx, 7
  mov al, 0x5a
  out dx, al
  in al, dx
  cmp al, 0x5a
  mov al, '-'
  jne tell
  mov al, '+'
tell: mov dx, 0x3f8
  out dx, al
  jmp next
echo: mov dx, 0x2fd
  in al, dx
  test al, 1
  jz echo
  mov dx, 0x2f8
  in al, dx
  out dx, al
  cmp al, '.'
  jne echo
  mov dx, 0x3f8
  out dx, al
  cli
  hlt
ports: dw 0x3f8, 0x2f8, 0x3e8, 0x2e8, 0
  times 510 - ($ - $$) db 0
  dw 0xaa55`;

it.each([1, 2, 4])("%i ports", async (ports) => {
  const { wasm, info } = ensureInterpreter();
  provideInterpreter(new WebAssembly.Module(wasm), info);
  const disk = new Uint8Array(1 << 20);
  disk.set(assembleProgram(SECTOR, { mode: 16 }).bytes);
  const text = ["", "", "", ""];
  const { runner, ended } = await new Promise<{ runner: Runner; ended: string }>((resolve) => {
    const runner: Runner = new Runner({
      memoryMib: 16, cpu: "x86-64-v2", vga: "none", deterministic: true, debugExit: null, epochSeconds: 0, noReboot: true, serialPorts: ports,
      boot: { kernel: null, firmware: ensureBios(), initrds: [], cmdline: "" },
    }, {
      serial: (bytes, port = 0) => {
        text[port] += Buffer.from(bytes).toString("latin1");
        // The line of answers is whole.
        if (port === 0 && /[+-]{4}$/.test(text[0])) {
          runner.serialInput(Buffer.from("nobody"), 3);
          runner.serialInput(Buffer.from("abc."), 1);
          if (ports === 1) resolve({ runner, ended: "no second port" });
        }
      },
      stopped: (report) => resolve({ runner, ended: report.kind }),
    }, { drives: [{ interface: "ide", media: "disk", index: 0, backend: memoryDisk(disk) }] });
    runner.resume();
  });
  runner.powerOff();
  expect(ended).toBe(ports === 1 ? "no second port" : "halted-forever");
  expect(/[+-]{4}/.exec(text[0])?.[0]).toBe("++++".slice(0, ports).padEnd(4, "-"));
  expect(text.slice(1)).toEqual([ports > 1 ? "abc." : "", "", ""]);
});
