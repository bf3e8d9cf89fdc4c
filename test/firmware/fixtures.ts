/** Bootable media made at test time with Debian's tools. Nothing of them is kept in the repository. */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRUB, GRUB_SERIAL, writeGrubDisk } from "../../tools/image/bootable.ts";

/** Whether all of these commands are installed; says once which are not. */
export function haveTools(names: readonly string[]): boolean {
  const missing = names.filter((n) => spawnSync("sh", ["-c", `command -v ${n}`], { env: PATHS }).status !== 0);
  if (missing.length > 0) console.log(`not installed, tests left out: ${missing.join(", ")}`);
  return missing.length === 0;
}

/** mke2fs and mkfs.vfat stand in sbin. */
const PATHS = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: "1" };
const run = (command: string, ...args: string[]): void => void execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"], env: PATHS });

function inFolder<T>(make: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-media-"));
  try {
    return make(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A GRUB rescue ISO with two entries that only print. */
export function grubIso(terminal: "serial" | "console" = "serial"): Uint8Array {
  return inFolder((folder) => {
    mkdirSync(join(folder, "iso/boot/grub"), { recursive: true });
    const entry = (title: string, text: string): string => `menuentry "${title}" { echo "${text}"; sleep 100; }\n`;
    writeFileSync(join(folder, "iso/boot/grub/grub.cfg"), `${terminal === "serial" ? GRUB_SERIAL : ""}set timeout=100\n${entry("alpha", "ALPHA WAS CHOSEN")}${entry("beta", "BETA WAS CHOSEN")}`);
    run("grub-mkrescue", "-d", GRUB, "-o", join(folder, "out.iso"), join(folder, "iso"));
    return readFileSync(join(folder, "out.iso"));
  });
}

export function isolinuxIso(): Uint8Array {
  return inFolder((folder) => {
    const inner = join(folder, "iso/isolinux");
    mkdirSync(inner, { recursive: true });
    copyFileSync("/usr/lib/ISOLINUX/isolinux.bin", join(inner, "isolinux.bin"));
    copyFileSync("/usr/lib/syslinux/modules/bios/ldlinux.c32", join(inner, "ldlinux.c32"));
    writeFileSync(join(inner, "isolinux.cfg"), "DEFAULT x\nPROMPT 1\nSAY HELLO FROM ISOLINUX\nLABEL x\n  LOCALBOOT -1\n");
    run("xorriso", "-as", "mkisofs", "-o", join(folder, "out.iso"), "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot",
      "-boot-load-size", "4", "-boot-info-table", join(folder, "iso"));
    return readFileSync(join(folder, "out.iso"));
  });
}

/** A 1.44 MB floppy as mkfs.vfat leaves it: its boot sector prints a message and waits for a key. */
export function fatFloppy(): Uint8Array {
  return inFolder((folder) => {
    const file = join(folder, "floppy.img");
    writeFileSync(file, new Uint8Array(1440 * 1024));
    run("mkfs.vfat", file);
    return readFileSync(file);
  });
}

/** A disk as Debian's installer leaves it: GRUB in the MBR and behind it, its files, a kernel and an initramfs on ext4. */
export function grubDisk(kernel: Uint8Array, initramfs: Uint8Array, cmdline: string, mib = 64): Uint8Array {
  return inFolder((folder) => {
    const root = join(folder, "root");
    mkdirSync(join(root, "boot/grub/i386-pc"), { recursive: true });
    writeFileSync(join(root, "boot/vmlinuz"), kernel);
    writeFileSync(join(root, "boot/initrd.img"), initramfs);
    writeFileSync(join(root, "boot/grub/grub.cfg"), `${GRUB_SERIAL}set timeout=0\nmenuentry "Debian" { linux /boot/vmlinuz ${cmdline}\ninitrd /boot/initrd.img\n}\n`);
    const partition = join(folder, "ext4.img");
    writeFileSync(partition, new Uint8Array((mib - 1) * 1024 * 1024));
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum_seed,^orphan_file", "-d", root, partition);

    writeGrubDisk(partition, join(folder, "disk.img"));
    return readFileSync(join(folder, "disk.img"));
  });
}
