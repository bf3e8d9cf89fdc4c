/** Debian's OVMF (UEFI): its shell, and a kernel that it starts from a FAT disk on IDE and on virtio. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { MachineOptions } from "../../src/vmm/machine/machine.ts";
import { takeScreenshot } from "../../src/vmm/screenshot.ts";
import { haveTools } from "./fixtures.ts";
import { memoryDisk } from "./memory-disk.ts";
import { startFirmware } from "./run.ts";

const OVMF = "/usr/share/ovmf/OVMF.fd";
const GUEST = join(import.meta.dirname, "../../.cache/guest");
const present = existsSync(OVMF);
if (!present) console.log("Debian's package ovmf is not installed: UEFI is not tested");

/** A FAT disk whose startup.nsh starts Debian's kernel by its EFI stub. */
function efiDisk(): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-efi-"));
  try {
    const image = join(folder, "efi.img");
    writeFileSync(image, new Uint8Array(40 << 20));
    const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: "1" };
    const run = (command: string, ...args: string[]): void => void execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"], env });
    run("mkfs.vfat", image);
    writeFileSync(join(folder, "startup.nsh"), "echo STARTED BY THE SHELL\r\nfs0:\r\nbzimage.efi initrd=\\initrd.img console=ttyS0 nokaslr cryptomgr.notests no_timer_check\r\n");
    run("mcopy", "-i", image, join(folder, "startup.nsh"), "::startup.nsh");
    run("mcopy", "-i", image, join(GUEST, "bzImage"), "::bzimage.efi");
    run("mcopy", "-i", image, join(GUEST, "initramfs.cpio.gz"), "::initrd.img");
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.skipIf(!present)("OVMF", () => {
  let firmware: Uint8Array;
  beforeAll(() => {
    firmware = readFileSync(OVMF);
  });

  it("reaches its shell, on the serial terminal and on the screen", () => {
    const run = startFirmware(firmware, {}, { memoryMib: 256, deterministic: false, vga: "std" });
    run.until("UEFI Interactive Shell", 120);
    run.until("Shell> ", 60);
    run.type("ver\r");
    run.until("UEFI Interactive Shell v2", 30);
    expect(takeScreenshot(run.machine)).toMatchObject({ text: null });
  }, 240_000);

  const disks: [string, () => MachineOptions][] = [
    ["IDE", () => ({ drives: [{ interface: "ide", media: "disk", index: 0, backend: memoryDisk(efiDisk()) }] })],
    ["virtio", () => ({ devices: { disks: [{ backend: memoryDisk(efiDisk()) }], shares: [], nics: [], rng: null, balloon: null } })],
  ];
  it.runIf(haveTools(["mkfs.vfat", "mcopy"]) && existsSync(join(GUEST, "bzImage"))).each(disks)("starts a kernel from a FAT disk on %s", (_name, options) => {
    const run = startFirmware(firmware, options(), { memoryMib: 256, deterministic: false });
    run.until("STARTED BY THE SHELL", 120);
    run.until("Linux version", 60);
    run.until("efi: EFI v2.70 by EDK II", 10);
    run.until("root@tabvisor", 120);
  }, 400_000);
});
