/** Disks and CDs in the page, on the machine's screen: a disk keeps a file over a reload, a CD's menu takes keys, poweroff ends in the powered-off state. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Browser } from "playwright";
import { GRUB_SERIAL, writeGrubDisk } from "../../tools/image/bootable.ts";
import { writeCpio } from "../../tools/image/cpio.ts";
import { ensureImage } from "../../tools/image/ensure.ts";
import { grubIso, haveTools } from "../firmware/fixtures.ts";
import { check, equal, MachinePage, type Runner, type Site } from "./harness.ts";
import { screenText, typeOnScreen, waitForScreen } from "./on-screen.ts";

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

/** A Debian kernel and BusyBox on ext4 behind GRUB: what the Debian disk is, in a few megabytes. */
async function smallDisk(): Promise<Buffer> {
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

async function newFromFile(m: MachinePage, file: { readonly name: string; readonly bytes: Uint8Array }): Promise<void> {
  await m.page.locator("#new-machine").click();
  const [chooser] = await Promise.all([m.page.waitForEvent("filechooser"), m.page.locator('[data-template="disk"]').click()]);
  // Playwright takes no large buffers.
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-disk-"));
  try {
    const path = join(folder, file.name);
    writeFileSync(path, file.bytes);
    await chooser.setFiles(path);
    await m.waitForPhase("running", 60_000);
  } finally {
    setTimeout(() => rmSync(folder, { recursive: true, force: true }), 300_000).unref();
  }
}

export async function diskTests(runner: Runner, browser: Browser, site: Site): Promise<void> {
  if (!haveTools(["grub-mkrescue", "grub-mkimage", "xorriso", "mke2fs"])) return;
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  let machine: MachinePage | null = null;
  const test = (name: string, body: (m: MachinePage) => Promise<void>): Promise<void> =>
    runner.test(
      name,
      async () => {
        machine ??= await MachinePage.open(context, site.url, "?autostart=0");
        await body(machine);
        equal(machine.errors, [], "uncaught errors on the page");
      },
      () => machine?.page ?? null,
      BOOT_MS + 60_000,
    );
  const login = async (m: MachinePage): Promise<void> => {
    await waitForScreen(m, /disk login: *$/, BOOT_MS);
    await typeOnScreen(m, "root\n");
    await waitForScreen(m, /Password: *$/, 20_000);
    await typeOnScreen(m, "secret\n");
    await waitForScreen(m, /Welcome to the small disk[\s\S]*disk# *$/, 20_000);
  };

  await test("disk: boots through GRUB from a file that was picked, and takes a login on the screen", async (m) => {
    await m.page.locator('#views [data-view="screen"]').click();
    await newFromFile(m, { name: "small.img", bytes: await smallDisk() });
    await login(m);
    check(!(await screenText(m)).includes("secret"), "the password is not shown");
    await typeOnScreen(m, "uname -s\n");
    await waitForScreen(m, /^Linux$/m, 20_000);
  });
  await test("disk: a file that was written is there after a reload and another boot", async (m) => {
    await typeOnScreen(m, "echo kept over a reload > /root/note; sync; echo do ne\n");
    await waitForScreen(m, /^do ne$/m, 30_000);
    await m.page.reload();
    await m.page.waitForSelector("html[data-ready]");
    equal(await m.page.locator("#machine-name").textContent(), "small", "the machine is chosen again");
    await m.page.locator("#power-on").click();
    await login(m);
    await typeOnScreen(m, "cat /root/note\n");
    await waitForScreen(m, /^kept over a reload$/m, 20_000);
  });
  await test("disk: poweroff ends in the powered-off state", async (m) => {
    await typeOnScreen(m, "exit\n");
    await m.waitForPhase("stopped", 30_000);
    equal(await m.page.locator("#stopped-title").textContent(), "The guest powered off", "title");
    equal(await m.page.locator("#pill-text").textContent(), "Powered off", "state");
  });
  await test("CD: GRUB's menu is on the screen, and an entry is picked by keyboard", async (m) => {
    await newFromFile(m, { name: "rescue.iso", bytes: grubIso("console") });
    await waitForScreen(m, /alpha[\s\S]*beta/, BOOT_MS);
    await m.page.locator("#screen").focus();
    await m.page.keyboard.press("ArrowDown");
    await m.page.keyboard.press("Enter");
    await waitForScreen(m, /BETA WAS CHOSEN/, 60_000);
    check(!(await screenText(m)).includes("ALPHA WAS CHOSEN"), "the other entry was not run");
    await m.page.locator("#power-off").click();
    await m.waitForPhase("off");
  });
  await test("firmware: with nothing to boot its monitor answers", async (m) => {
    await m.page.locator("#new-machine").click();
    await m.page.locator('[data-template="monitor"]').click();
    await m.waitForPhase("running", 60_000);
    await waitForScreen(m, /monitor/i, 60_000);
    await m.page.locator("#power-off").click();
    await m.waitForPhase("off");
  });
  await context.close();
}
