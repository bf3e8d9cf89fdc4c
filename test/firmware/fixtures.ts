/** Bootable media made at test time with Debian's tools. Nothing of them is kept in the repository. */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SECTOR = 512;
/** Where the partition of `grubDisk` begins: GRUB's core stands before it. */
const PARTITION_SECTOR = 2048;
const GRUB = "/usr/lib/grub/i386-pc";

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

const SERIAL = "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n";

/** A GRUB rescue ISO with two entries that only print. */
export function grubIso(terminal: "serial" | "console" = "serial"): Uint8Array {
  return inFolder((folder) => {
    mkdirSync(join(folder, "iso/boot/grub"), { recursive: true });
    const entry = (title: string, text: string): string => `menuentry "${title}" { echo "${text}"; sleep 100; }\n`;
    writeFileSync(join(folder, "iso/boot/grub/grub.cfg"), `${terminal === "serial" ? SERIAL : ""}set timeout=100\n${entry("alpha", "ALPHA WAS CHOSEN")}${entry("beta", "BETA WAS CHOSEN")}`);
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
    writeFileSync(join(root, "boot/grub/grub.cfg"), `${SERIAL}set timeout=0\nmenuentry "Debian" { linux /boot/vmlinuz ${cmdline}\ninitrd /boot/initrd.img\n}\n`);
    writeFileSync(join(folder, "early.cfg"), "set root=(hd0,msdos1)\nset prefix=(hd0,msdos1)/boot/grub\n");
    run("grub-mkimage", "-d", GRUB, "-O", "i386-pc", "-o", join(folder, "core.img"), "-p", "/boot/grub", "-c", join(folder, "early.cfg"),
      "biosdisk", "part_msdos", "ext2", "normal", "linux", "serial", "terminal", "echo", "configfile");
    const sectors = (mib * 1024 * 1024) / SECTOR;
    const partition = join(folder, "ext4.img");
    writeFileSync(partition, new Uint8Array((sectors - PARTITION_SECTOR) * SECTOR));
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum_seed,^orphan_file", "-d", root, partition);

    const disk = new Uint8Array(sectors * SECTOR);
    const boot = readFileSync(`${GRUB}/boot.img`);
    disk.set(boot.subarray(0, 440));
    const core = readFileSync(join(folder, "core.img"));
    if (core.length > (PARTITION_SECTOR - 1) * SECTOR) throw new Error("GRUB's core does not fit before the partition");
    disk.set(core, SECTOR);
    disk.set(readFileSync(partition), PARTITION_SECTOR * SECTOR);
    const view = new DataView(disk.buffer);
    disk[446] = 0x80;
    disk[450] = 0x83;
    view.setUint32(454, PARTITION_SECTOR, true);
    view.setUint32(458, sectors - PARTITION_SECTOR, true);
    disk.set([0x55, 0xaa], 510);
    return disk;
  });
}
