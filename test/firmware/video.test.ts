/** Firmware with a screen: ours with its INT 10h, and Debian's SeaBIOS with its VGA BIOS as an option ROM out of fw_cfg. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ensureBios } from "../../bios/build.ts";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import type { MachineConfig } from "../../src/vmm/config.ts";
import type { Drive } from "../../src/vmm/drives.ts";
import type { Machine } from "../../src/vmm/machine/machine.ts";
import { takeScreenshot } from "../../src/vmm/screenshot.ts";
import { grubIso, haveTools } from "./fixtures.ts";
import { memoryDisk } from "./memory-disk.ts";
import { startFirmware } from "./run.ts";

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const VGABIOS = "/usr/share/seabios/vgabios-stdvga.bin";

type Firmware = Pick<MachineConfig["boot"], "firmware" | "videoRom">;
const firmware: [string, () => Firmware][] = [["our BIOS", () => ({ firmware: ensureBios() })]];
if (existsSync(VGABIOS)) firmware.push(["SeaBIOS", () => ({ firmware: readFileSync(SEABIOS), videoRom: readFileSync(VGABIOS) })]);
else console.log("Debian's package seabios is not installed: only our own BIOS is tested");

/** A boot sector's bytes on a disk of 1 MiB. */
function bootDisk(source: string): Drive {
  const bytes = new Uint8Array(1 << 20);
  bytes.set(assembleProgram(`org 0x7c00\n${source}\ntimes 510 - ($ - $$) db 0\ndw 0xaa55`, { mode: 16 }).bytes);
  return { interface: "ide", media: "disk", index: 0, backend: memoryDisk(bytes) };
}

const start = ({ firmware: image = new Uint8Array(), videoRom }: Firmware, drives: readonly Drive[]): Machine =>
  startFirmware(image, { drives }, { vga: "std", deterministic: false, memoryMib: 128 }, videoRom).machine;

function shows(machine: Machine, what: RegExp, seconds: number): string {
  const text = (): string => takeScreenshot(machine)?.text ?? "";
  for (const end = performance.now() + seconds * 1000; performance.now() < end && !what.test(text()); ) machine.run(20);
  expect(text()).toMatch(what);
  return text();
}

function press(machine: Machine, ...keys: string[]): void {
  for (const key of keys) {
    machine.board.keyboard.key(key, true);
    machine.board.keyboard.key(key, false);
  }
}

describe.each(firmware)("%s", (name, image) => {
  it("writes to the screen, and so do programs by INT 10h; INT 16h gives what is typed there", () => {
    const machine = start(image(), [bootDisk(`
      cld
      mov si, text
    next:
      lodsb
      test al, al
      jz typed
      mov ah, 0x0e
      xor bx, bx
      int 0x10
      jmp next
    typed:
      xor ax, ax
      int 0x16
      mov ah, 0x0e
      int 0x10
      jmp typed
    text: db 13, 10, "INT 10h was here: ", 0
    `)]);
    const text = shows(machine, /INT 10h was here:/, 60);
    if (name === "SeaBIOS") expect(text).toContain("SeaBIOS (version");
    press(machine, "KeyO", "KeyK");
    shows(machine, /INT 10h was here: ok/, 40);
  }, 90_000);

  it("sets a VBE mode whose framebuffer is where PCI has it", () => {
    const machine = start(image(), [bootDisk(`
      xor ax, ax
      mov es, ax
      mov ax, 0x4f01
      mov cx, 0x4118
      mov di, 0x8000
      int 0x10
      mov ax, 0x4f02
      mov bx, 0x4118
      int 0x10
      mov [0x9000], ax
      hang: jmp hang
    `)]);
    const ram = (at: number): number => machine.vcpu.state.u8[RAM_BASE + at] | (machine.vcpu.state.u8[RAM_BASE + at + 1] << 8);
    for (const end = performance.now() + 60_000; performance.now() < end && ram(0x9000) === 0; ) machine.run(20);
    expect(ram(0x9000)).toBe(0x004f);
    // ModeInfoBlock (VBE 3.0 §4.4): XResolution, YResolution, PhysBasePtr.
    expect([ram(0x8012), ram(0x8014)]).toEqual([1024, 768]);
    expect(ram(0x8028) + ram(0x802a) * 65536).toBe(machine.board.framebufferBase);
    machine.run(20);
    expect(takeScreenshot(machine)).toMatchObject({ width: 1024, height: 768, text: null });
  }, 90_000);

  it.runIf(haveTools(["grub-mkrescue", "xorriso", "mformat"]))("boots a GRUB rescue ISO whose menu is on the screen; an entry is picked with the keyboard", () => {
    const machine = start(image(), [{ interface: "ide", media: "cdrom", index: 2, backend: memoryDisk(grubIso("console"), true) }]);
    shows(machine, /alpha[^]*beta/, 90);
    press(machine, "ArrowDown");
    press(machine, "Enter");
    shows(machine, /BETA WAS CHOSEN/, 60);
  }, 240_000);
});

it("an option ROM that is none is refused in one line", () => {
  expect(() => start({ firmware: ensureBios(), videoRom: new Uint8Array(1024) }, [])).toThrow("the VGA BIOS is no option ROM: it does not begin with 55 AA");
});
