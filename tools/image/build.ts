/** Assembles the guest's files out of unpacked packages: kernel, initramfs, modules, and compressed copies for the page. */
import { createHash } from "node:crypto";
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { UserError } from "../../src/base/errors.ts";
import { extractKernel } from "../../src/vmm/boot/payload.ts";
import { writeCpio, type CpioEntry } from "./cpio.ts";
import { packElf } from "./elfPack.ts";
import { POWER_BUTTON, collectModules } from "./modules.ts";
import { unpackDeb, type GuestPackages } from "./packages.ts";
import type { ImageLog } from "./progress.ts";

/** Counts up when the files or their making change in a way that the overlay's hash does not show. */
const FORMAT = 2;

const ROOTFS = join(import.meta.dirname, "rootfs");

export const GUEST_FILES = ["bzImage", "vmlinux", "vmlinux.gz", "initramfs.cpio", "initramfs.cpio.gz", "modules.cpio", "modules.cpio.gz"] as const;
export type GuestFile = (typeof GUEST_FILES)[number];

/** guest.json */
export interface GuestInfo {
  /** Identifies how the image was made; another value means: build anew. */
  readonly recipe: string;
  readonly architecture: string;
  readonly kernelPackage: { readonly name: string; readonly version: string };
  readonly busyboxPackage: { readonly name: string; readonly version: string };
  /** `uname -r` */
  readonly release: string;
  /** The default command line. */
  readonly cmdline: string;
  /** Names in modules.cpio, each after what it needs. */
  readonly modules: readonly string[];
  readonly files: Readonly<Record<GuestFile, { readonly size: number; readonly sha256: string }>>;
}

/** Without tracefs, whose files take 12 MB: with it the kernel does not come up in 64 MB. */
const CMDLINE = "console=ttyS0 earlyprintk=ttyS0,115200 nokaslr cryptomgr.notests no_timer_check initcall_blacklist=tracer_init_tracefs";

/** A hash of everything of ours that goes into the image. */
export async function recipe(): Promise<string> {
  const hash = createHash("sha256").update(`${FORMAT}\n${CMDLINE}\n`);
  for (const { path, data } of await overlay()) hash.update(`${path}\n${data.length}\n`).update(data);
  return hash.digest("hex").slice(0, 16);
}

async function overlay(): Promise<{ path: string; data: Buffer }[]> {
  const found: { path: string; data: Buffer }[] = [];
  for (const path of (await readdir(ROOTFS, { recursive: true })).sort()) {
    if ((await stat(join(ROOTFS, path))).isFile()) found.push({ path, data: await readFile(join(ROOTFS, path)) });
  }
  return found;
}

const DIRECTORIES = [
  "bin", "sbin", "etc", "etc/acpi", "etc/acpi/PWRF", "dev", "proc", "sys", "tmp", "run", "root", "mnt", "home", "var", "var/log",
  "usr", "usr/bin", "usr/sbin", "usr/local", "usr/local/bin", "usr/local/sbin",
] as const;

/** Files of the overlay that are programs. */
const EXECUTABLE = /^(init|etc\/acpi\/.*)$/;

async function initramfs(busybox: Uint8Array, modules: readonly CpioEntry[]): Promise<Uint8Array> {
  const entries: CpioEntry[] = [
    ...DIRECTORIES.map((path): CpioEntry => ({ kind: "directory", path, mode: path === "tmp" ? 0o1777 : path === "root" ? 0o700 : 0o755 })),
    // The kernel opens the console before anything is mounted.
    { kind: "character-device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
    { kind: "character-device", path: "dev/null", mode: 0o666, major: 1, minor: 3 },
    { kind: "file", path: "bin/busybox", mode: 0o755, data: busybox },
    { kind: "symlink", path: "bin/sh", target: "busybox" },
    { kind: "symlink", path: "etc/mtab", target: "/proc/mounts" },
    ...modules,
    ...(await overlay()).map(({ path, data }): CpioEntry => ({
      kind: "file", path, mode: EXECUTABLE.test(path) ? 0o755 : path === "etc/shadow" ? 0o600 : 0o644, data,
    })),
  ];
  return writeCpio(entries);
}

async function firstExisting(paths: readonly string[], what: string): Promise<string> {
  for (const path of paths) if (await stat(path).then(() => true, () => false)) return path;
  throw new UserError(`image: the packages have no ${what}`);
}

/** Writes all files of the guest into `out`; `work` is a scratch folder. */
export async function buildGuest(packages: GuestPackages, out: string, work: string, log: ImageLog): Promise<GuestInfo> {
  const root = join(work, "root");
  for (const deb of [packages.busybox, ...packages.kernel]) {
    log.progress(`Unpacking ${deb.name} ${deb.version}`, null);
    await unpackDeb(deb, root);
  }

  log.progress("Extracting the kernel", null);
  const boot = (await readdir(join(root, "boot"))).find((f) => f.startsWith("vmlinuz-"));
  if (boot === undefined) throw new UserError("image: the kernel package has no boot/vmlinuz-…");
  const release = boot.slice("vmlinuz-".length);
  const bzImage = new Uint8Array(await readFile(join(root, "boot", boot)));
  const vmlinux = packElf(await extractKernel(bzImage));

  log.progress("Writing the initramfs", null);
  const busybox = await readFile(await firstExisting([join(root, "bin/busybox"), join(root, "usr/bin/busybox")], "busybox"));
  const modulesFolder = await firstExisting([join(root, "lib/modules", release), join(root, "usr/lib/modules", release)], "kernel modules");
  const modules = await collectModules(modulesFolder, release);
  const basic = await collectModules(modulesFolder, release, POWER_BUTTON);
  const plain = { vmlinux, "initramfs.cpio": await initramfs(busybox, basic.entries), "modules.cpio": writeCpio(modules.entries) };

  log.progress("Compressing for the page", null);
  const contents = new Map<GuestFile, Uint8Array>([["bzImage", bzImage], ...Object.entries(plain) as [GuestFile, Uint8Array][]]);
  await Promise.all(
    Object.entries(plain).map(async ([name, data]) => {
      contents.set(`${name}.gz` as GuestFile, await promisify(gzip)(data, { level: 9 }));
    }),
  );
  const files = Object.fromEntries(
    [...contents].map(([name, data]) => [name, { size: data.length, sha256: createHash("sha256").update(data).digest("hex") }]),
  ) as GuestInfo["files"];
  for (const [name, data] of contents) await writeFile(join(out, name), data);

  const kernel = packages.kernel[0];
  const info: GuestInfo = {
    recipe: await recipe(),
    architecture: packages.architecture,
    kernelPackage: { name: kernel.name, version: kernel.version },
    busyboxPackage: { name: packages.busybox.name, version: packages.busybox.version },
    release,
    cmdline: CMDLINE,
    modules: modules.order,
    files,
  };
  await writeFile(join(out, "guest.json"), `${JSON.stringify(info, null, 2)}\n`);
  return info;
}
