/** Puts a file system behind GRUB, as an installer leaves a disk: MBR, GRUB's core behind it, one partition (`image debian --bootable`). */
import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { writeCpio } from "./cpio.ts";
import type { DebianPaths } from "./debian.ts";
import type { GuestPaths } from "./ensure.ts";

const SECTOR = 512;
/** Where the partition begins: GRUB's core stands before it. */
const PARTITION_SECTOR = 2048;
export const GRUB = "/usr/lib/grub/i386-pc";
const COPY_BYTES = 1 << 20;
const ENV = { ...process.env, PATH: [process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(delimiter), LC_ALL: "C" };

export const GRUB_SERIAL = "serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n";

function run(command: string, packageName: string, ...args: string[]): void {
  try {
    execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"], env: ENV });
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === "ENOENT") throw new UserError(`image: ${command} is not found: apt-get install ${packageName}`);
    throw new UserError(`image: ${command} failed: ${((e as { stderr?: Buffer }).stderr ?? "").toString().trim().split("\n").at(-1) ?? ""}`);
  }
}

/** Writes `out`: the file system of `partition` (a file with /boot/grub/grub.cfg in it) on a disk that GRUB boots. Throws UserError. */
export function writeGrubDisk(partition: string, out: string): void {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-grub-"));
  try {
    writeFileSync(join(folder, "early.cfg"), "set root=(hd0,msdos1)\nset prefix=(hd0,msdos1)/boot/grub\n");
    run("grub-mkimage", "grub-common grub-pc-bin", "-d", GRUB, "-O", "i386-pc", "-o", join(folder, "core.img"), "-p", "/boot/grub", "-c", join(folder, "early.cfg"),
      "biosdisk", "part_msdos", "ext2", "normal", "linux", "serial", "terminal", "echo", "configfile");
    const core = readFileSync(join(folder, "core.img"));
    if (core.length > (PARTITION_SECTOR - 1) * SECTOR) throw new Error("GRUB's core does not fit before the partition");
    const sectors = Math.ceil(statSync(partition).size / SECTOR);
    const head = Buffer.alloc((1 + Math.ceil(core.length / SECTOR)) * SECTOR);
    head.set(readFileSync(`${GRUB}/boot.img`).subarray(0, 440));
    head.set(core, SECTOR);
    // One active Linux partition.
    head[446] = 0x80;
    head[450] = 0x83;
    head.writeUInt32LE(PARTITION_SECTOR, 454);
    head.writeUInt32LE(sectors, 458);
    head.set([0x55, 0xaa], 510);
    const file = openSync(out, "w");
    try {
      writeSync(file, head, 0, head.length, 0);
      copyInto(partition, file, PARTITION_SECTOR * SECTOR);
      ftruncateSync(file, (PARTITION_SECTOR + sectors) * SECTOR);
    } finally {
      closeSync(file);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Zeroes stay holes. */
function copyInto(path: string, file: number, at: number): void {
  const from = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(COPY_BYTES);
    const zeroes = Buffer.alloc(COPY_BYTES);
    for (let done = 0; ; ) {
      const count = readSync(from, buffer, 0, COPY_BYTES, done);
      if (count === 0) return;
      if (!buffer.subarray(0, count).equals(zeroes.subarray(0, count))) writeSync(file, buffer, 0, count, at + done);
      done += count;
    }
  } finally {
    closeSync(from);
  }
}

/** The Debian disk with the guest's kernel and initramfs on it and GRUB before it. Returns the path of the image. */
export function makeBootable({ disk, folder }: DebianPaths, { files, info }: GuestPaths): string {
  const out = join(folder, "boot.img");
  const work = mkdtempSync(join(tmpdir(), "tabvisor-boot-"));
  try {
    const copy = join(work, "root.img");
    run("cp", "coreutils", "--sparse=always", disk, copy);
    // Disks on IDE need a driver that no PCI function asks for.
    const early = "#!/bin/busybox sh\n/bin/busybox modprobe -q sd_mod\nexec /init\n";
    const initrd = Buffer.concat([
      readFileSync(files["initramfs.cpio"]), readFileSync(files["modules.cpio"]),
      writeCpio([{ kind: "file", path: "boot-init", mode: 0o755, data: Buffer.from(early) }]),
    ]);
    writeFileSync(join(work, "initrd.img"), initrd);
    const cmdline = "rdinit=/boot-init root=LABEL=debian rw console=tty0 console=ttyS0 nokaslr cryptomgr.notests no_timer_check";
    writeFileSync(join(work, "grub.cfg"), `${GRUB_SERIAL.replace("terminal_input serial\nterminal_output serial", "terminal_input serial console\nterminal_output serial console")}set timeout=0\nmenuentry "Debian, kernel ${info.release}" {\n  linux /boot/vmlinuz ${cmdline}\n  initrd /boot/initrd.img\n}\n`);
    const script = [["mkdir", "/boot/grub"], ["write", files.bzImage, "/boot/vmlinuz"], ["write", join(work, "initrd.img"), "/boot/initrd.img"], ["write", join(work, "grub.cfg"), "/boot/grub/grub.cfg"]];
    writeFileSync(join(work, "script"), script.map((words) => words.join(" ")).join("\n"));
    run("debugfs", "e2fsprogs", "-w", "-f", join(work, "script"), copy);
    writeGrubDisk(copy, out);
    return out;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
