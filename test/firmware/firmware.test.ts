/** Our BIOS and Debian's SeaBIOS boot the same media, made at test time with Debian's tools; QEMU is the reference where it is there. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ensureBios } from "../../bios/build.ts";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import type { Drive } from "../../src/vmm/drives.ts";
import { fatFloppy, grubDisk, grubIso, haveTools, isolinuxIso } from "./fixtures.ts";
import { memoryDisk } from "./memory-disk.ts";
import { startFirmware, type FirmwareRun } from "./run.ts";

const SEABIOS = "/usr/share/seabios/bios-256k.bin";
const ROOT = join(import.meta.dirname, "../..");
const firmware: [string, () => Uint8Array][] = [["our BIOS", ensureBios]];
if (existsSync(SEABIOS)) firmware.push(["SeaBIOS", () => readFileSync(SEABIOS)]);
else console.log("Debian's package seabios is not installed: only our own BIOS is tested");
const qemu = haveTools(["qemu-system-x86_64"]);

const disk = (bytes: Uint8Array): Drive => ({ interface: "ide", media: "disk", index: 0, backend: memoryDisk(bytes) });
const cdrom = (bytes: Uint8Array): Drive => ({ interface: "ide", media: "cdrom", index: 2, backend: memoryDisk(bytes, true) });
const floppy = (bytes: Uint8Array): Drive => ({ interface: "floppy", media: "disk", index: 0, backend: memoryDisk(bytes) });

/** Real time: boot loaders count it, and wait for keys while it passes. */
const boot = (image: Uint8Array, drives: readonly Drive[], memoryMib = 64): FirmwareRun => startFirmware(image, { drives }, { memoryMib, deterministic: false });

/** The teaching system's disk. */
function teachDisk(): Uint8Array {
  const image = new Uint8Array(1 << 20);
  image.set(assembleProgram(readFileSync(join(import.meta.dirname, "guests/teach.asm"), "utf8"), { mode: 16 }).bytes);
  return image;
}

/** Serial output of QEMU with SeaBIOS, from `from` on. */
function qemuSerial(image: Uint8Array, from: string): string {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-qemu-"));
  try {
    const file = join(folder, "disk.img");
    const log = join(folder, "serial");
    writeFileSync(file, image);
    try {
      execFileSync("qemu-system-x86_64", ["-accel", "tcg", "-m", "64", "-display", "none", "-vga", "none", "-net", "none", "-monitor", "none",
        "-serial", `file:${log}`, "-drive", `file=${file},format=raw,if=ide`], { timeout: 5_000, stdio: "ignore" });
    } catch {
      // The guest halts and QEMU is ended by the time limit.
    }
    const text = readFileSync(log, "latin1");
    return text.slice(text.indexOf(from));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(firmware)("%s", (_name, image) => {
  it("boots a sector from the IDE disk", () => {
    // mov al,'K'; out 0xe9,al; hlt; jmp
    const sector = assembleProgram("org 0x7c00\nmov al, 'K'\nout 0xe9, al\nmov al, dl\nout 0xe9, al\ncli\nhlt\ntimes 510 - ($ - $$) db 0\ndw 0xaa55", { mode: 16 }).bytes;
    const bytes = new Uint8Array(1 << 20);
    bytes.set(sector);
    const run = boot(image(), [disk(bytes)]);
    run.until("K\x80");
  });

  it("boots a teaching system, as QEMU does", () => {
    const bytes = teachDisk();
    const run = boot(image(), [disk(bytes)]);
    run.until("\nend\n", 60);
    const ours = run.serial.slice(run.serial.indexOf("teaching system"));
    expect(ours).toContain("type of the memory at 1 MiB: 1\ndisk reads what was written\nAAABBB\nprograms were switched\nend");
    if (qemu) expect(ours).toBe(qemuSerial(bytes, "teaching system"));
  });

  it.runIf(haveTools(["mkfs.vfat"]))("boots a FAT floppy's boot sector", () => {
    const run = boot(image(), [floppy(fatFloppy())]);
    run.until("This is not a bootable disk.", 40);
    run.until("try again", 20);
  });

  it.runIf(haveTools(["xorriso"]) && existsSync("/usr/lib/ISOLINUX/isolinux.bin"))("boots ISOLINUX", () => {
    const run = boot(image(), [cdrom(isolinuxIso())]);
    run.until("HELLO FROM ISOLINUX", 60);
    run.until("boot:", 20);
  });

  it.runIf(haveTools(["grub-mkrescue", "xorriso", "mformat"]))("boots a GRUB rescue ISO; an entry is picked with the keyboard", () => {
    const run = boot(image(), [cdrom(grubIso())], 128);
    run.until("alpha", 90);
    run.until("beta", 30);
    run.type("\x1b[B");
    run.type("\r");
    run.until("BETA WAS CHOSEN", 60);
  }, 240_000);

  const guest = join(ROOT, ".cache/guest");
  it.runIf(haveTools(["grub-mkimage", "mke2fs"]) && existsSync(join(guest, "bzImage"))).each(["IDE", "virtio"])("boots a Debian disk with GRUB in the MBR on %s", (kind) => {
    const bytes = grubDisk(readFileSync(join(guest, "bzImage")), readFileSync(join(guest, "initramfs.cpio.gz")), "console=ttyS0 nokaslr cryptomgr.notests");
    const devices = { disks: [{ backend: memoryDisk(bytes) }], shares: [], nics: [], rng: null, balloon: null };
    const run = kind === "IDE" ? boot(image(), [disk(bytes)], 256) : startFirmware(image(), { devices }, { memoryMib: 256, deterministic: false });
    run.until("Linux version", 120);
    run.until("BIOS-e820: [mem 0x0000000000100000-", 20);
    run.until("root@tabvisor", 240);
  }, 400_000);
});
