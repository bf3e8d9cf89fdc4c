/** Disks and CDs in the page, in each browser, on the machine's screen: a disk keeps a file over a reload, a CD's menu takes keys, poweroff ends in the powered-off state. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { GRUB_SERIAL, writeGrubDisk } from "../../tools/image/bootable.ts";
import { writeCpio } from "../../tools/image/cpio.ts";
import { ensureImage } from "../../tools/image/ensure.ts";
import { grubIso, haveTools } from "../firmware/fixtures.ts";
import { flow, type OpenPage } from "./flows.ts";
import type { GuestPage } from "./guest-page.ts";
import { check, equal, type Runner } from "./harness.ts";
import { typeOnScreen } from "./on-screen.ts";
import type { PickedFile } from "./tab.ts";

const BOOT_MS = 200_000;
const ENV = { ...process.env, PATH: [process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(delimiter) };

/** The first process on the small disk: its root file system is the disk, and a name and a password are asked for. */
const INIT = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo 4 >/proc/sys/kernel/printk
while :; do
  printf 'disk login: '
  read name
  stty -echo; printf 'Password: '; read word; stty echo; echo
  [ "$name $word" = "root secret" ] && break
  echo 'Login incorrect'
done
echo "Welcome to the small disk"
PS1='disk# ' sh
poweroff -f
`;

/** A file of a "newc" archive: headers of 110 hexadecimal digits and letters, names and data at multiples of four. */
function memberOf(archive: Buffer, wanted: string): Buffer {
  const four = (n: number): number => (n + 3) & ~3;
  for (let at = 0; at < archive.length; ) {
    const field = (i: number): number => parseInt(archive.toString("latin1", at + 6 + i * 8, at + 14 + i * 8), 16);
    const [size, nameSize] = [field(6), field(11)];
    const name = archive.toString("latin1", at + 110, at + 109 + nameSize);
    const data = four(at + 110 + nameSize);
    if (name === wanted) return archive.subarray(data, data + size);
    if (name === "TRAILER!!!") break;
    at = four(data + size);
  }
  throw new Error(`the initramfs has no ${wanted}`);
}

let made: Promise<Buffer> | null = null;
/** Made once for all browsers. */
const smallDisk = (): Promise<Buffer> => (made ??= makeDisk());

/** A Debian kernel and BusyBox on ext4 behind GRUB: what the Debian disk is, in a few megabytes. */
async function makeDisk(): Promise<Buffer> {
  const { files } = await ensureImage();
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-disk-"));
  try {
    const root = join(folder, "root");
    for (const name of ["boot/grub", "bin", "sbin", "usr/bin", "usr/sbin", "proc", "sys", "dev", "tmp", "root"]) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, "bin/busybox"), memberOf(readFileSync(files["initramfs.cpio"]), "bin/busybox"), { mode: 0o755 });
    for (const name of ["sh", "mount", "cat", "stty", "sync", "poweroff", "ls", "echo", "uname"]) execFileSync("ln", ["-s", "busybox", join(root, "bin", name)]);
    writeFileSync(join(root, "sbin/init"), INIT, { mode: 0o755 });
    execFileSync("cp", [files.bzImage, join(root, "boot/vmlinuz")]);
    // Disks on IDE need a driver that no PCI function asks for.
    const early = writeCpio([{ kind: "file", path: "boot-init", mode: 0o755, data: Buffer.from("#!/bin/busybox sh\n/bin/busybox modprobe -q sd_mod\nexec /init\n") }]);
    writeFileSync(join(root, "boot/initrd.img"), Buffer.concat([readFileSync(files["initramfs.cpio"]), readFileSync(files["modules.cpio"]), early]));
    writeFileSync(join(root, "boot/grub/grub.cfg"), `${GRUB_SERIAL.split("\n")[0]}\nterminal_input console\nterminal_output console\nset timeout=0\n`
      + "menuentry \"small\" {\n linux /boot/vmlinuz rdinit=/boot-init root=/dev/sda1 rw console=ttyS0 console=tty0 nokaslr cryptomgr.notests no_timer_check quiet\n initrd /boot/initrd.img\n}\n");
    const partition = join(folder, "root.img");
    execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-O", "^metadata_csum_seed,^orphan_file", "-d", root, partition, "64M"], { env: ENV });
    const out = join(folder, "disk.img");
    writeGrubDisk(partition, out);
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function newFromFile(m: GuestPage, file: PickedFile): Promise<void> {
  await m.tab.click('#views [data-view="screen"]');
  await m.tab.click("#new-machine");
  await m.tab.pick('[data-template="disk"]', file);
  await m.waitForPhase("running", 60_000);
}

async function login(m: GuestPage): Promise<void> {
  await m.waitForScreen(/disk login: *$/, BOOT_MS);
  await typeOnScreen(m, "root\n");
  await m.waitForScreen(/Password: *$/, 20_000);
  await typeOnScreen(m, "secret\n");
  await m.waitForScreen(/Welcome to the small disk[\s\S]*disk# *$/, 20_000);
}

/** The small disk's shell, if no test before has come to it. */
async function shell(m: GuestPage): Promise<void> {
  if (/Welcome to the small disk/.test(await m.screen()) && (await m.phase()) === "running") {
    // What the test before has typed last may be at work.
    await m.waitForScreen(/disk# *$/, 20_000);
    return;
  }
  await newFromFile(m, { name: "small.img", bytes: await smallDisk() });
  await login(m);
}

export async function diskTests(runner: Runner, open: OpenPage): Promise<void> {
  if (!haveTools(["grub-mkrescue", "grub-mkimage", "xorriso", "mke2fs"])) return;
  await flow(runner, () => open({ query: "?autostart=0", size: { width: 1200, height: 800 } }), BOOT_MS + 60_000, async (test) => {
    await test("disk: boots through GRUB from a file that was picked, and takes a login on the screen", async (m) => {
      await shell(m);
      check(!(await m.screen()).includes("secret"), "the password is not shown");
      await typeOnScreen(m, "uname -s\n");
      await m.waitForScreen(/^Linux$/m, 20_000);
    });
    await test("disk: a file that was written is there after a reload and another boot", async (m) => {
      await shell(m);
      await typeOnScreen(m, "echo kept over a reload > /root/note; sync; echo do ne\n");
      await m.waitForScreen(/^do ne$/m, 30_000);
      const name = await m.tab.text("#machine-name");
      await m.reload();
      equal(await m.tab.text("#machine-name"), name, "the machine is chosen again");
      await m.tab.click("#power-on");
      await login(m);
      await typeOnScreen(m, "cat /root/note\n");
      await m.waitForScreen(/^kept over a reload$/m, 20_000);
    });
    await test("disk: poweroff ends in the powered-off state", async (m) => {
      await shell(m);
      await typeOnScreen(m, "exit\n");
      await m.waitForPhase("stopped", 30_000);
      equal(await m.tab.text("#stopped-title"), "The guest powered off", "title");
      equal(await m.tab.text("#pill-text"), "Powered off", "state");
    });
    await test("CD: GRUB's menu is on the screen, and an entry is picked by keyboard", async (m) => {
      await newFromFile(m, { name: "rescue.iso", bytes: grubIso("console") });
      await m.waitForScreen(/alpha[\s\S]*beta/, BOOT_MS);
      await m.tab.focus("#screen");
      await m.tab.press("ArrowDown");
      await m.tab.press("Enter");
      await m.waitForScreen(/BETA WAS CHOSEN/, 60_000);
      check(!(await m.screen()).includes("ALPHA WAS CHOSEN"), "the other entry was not run");
      await m.tab.click("#power-off");
      await m.waitForPhase("off");
    });
    await test("firmware: with nothing to boot its monitor answers", async (m) => {
      await m.tab.click('#views [data-view="screen"]');
      await m.tab.click("#new-machine");
      await m.tab.click('[data-template="monitor"]');
      await m.waitForPhase("running", 60_000);
      await m.waitForScreen(/monitor/i, 60_000);
      await m.tab.click("#power-off");
      await m.waitForPhase("off");
    });
  });
}
