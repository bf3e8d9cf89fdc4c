/** Gets the guest's .deb files: resolves a kernel metapackage, downloads what is not there yet, unpacks. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { PrivateApt, type PackageRecord } from "./apt.ts";
import type { ImageLog } from "./progress.ts";

export interface GuestPackages {
  readonly architecture: string;
  /** The kernel, and its modules where they are packaged apart. */
  readonly kernel: readonly DebFile[];
  readonly busybox: DebFile;
}

export interface DebFile {
  readonly name: string;
  readonly version: string;
  readonly path: string;
}

/** Debian's small kernel first; Ubuntu has none of that name. */
export const DEFAULT_KERNELS = ["linux-image-cloud-amd64", "linux-image-kvm", "linux-image-virtual", "linux-image-generic"] as const;
const BUSYBOX = "busybox-static";
const LISTS_MAX_AGE_MS = 24 * 3600 * 1000;

const BY_HAND =
  "Give the packages by hand: npm run image -- --deb linux-image-VERSION-cloud-amd64_….deb --deb busybox-static_….deb " +
  "(both are in Debian's archive). Or start the page and choose a kernel and an initrd of your own.";

export function architectureOf(kernelPackage: string): string {
  return /-(686|686-pae|i386)$/.test(kernelPackage) ? "i386" : "amd64";
}

/** `cache` keeps package lists and .deb files between runs. */
export async function fetchPackages(kernels: readonly string[], cache: string, refresh: boolean, log: ImageLog): Promise<GuestPackages> {
  const architecture = architectureOf(kernels[0]);
  let apt: PrivateApt;
  let resolved: PackageRecord[] | string;
  const stamp = join(cache, `apt-${architecture}`, "updated");
  try {
    apt = await PrivateApt.open(join(cache, `apt-${architecture}`), architecture, log);
    const fresh = await stat(stamp).then((s) => Date.now() - s.mtimeMs < LISTS_MAX_AGE_MS, () => false);
    let failure = refresh || !fresh ? await update(apt, stamp) : "";
    resolved = await resolve(apt, kernels);
    if (typeof resolved === "string" && fresh && !refresh) {
      failure = await update(apt, stamp);
      resolved = await resolve(apt, kernels);
    }
    if (typeof resolved === "string") {
      throw new UserError(`image: apt's sources have no package ${resolved} for ${architecture}${failure === "" ? "" : ` (${failure})`}. ${BY_HAND}`);
    }
  } catch (error) {
    if (error instanceof UserError && error.message.endsWith("is not found")) throw new UserError(`${error.message}: this is not Debian or Ubuntu. ${BY_HAND}`);
    throw error;
  }

  const folder = join(cache, "debs");
  await mkdir(folder, { recursive: true });
  // Left over from killed runs.
  for (const name of await readdir(folder)) if (name.startsWith("download-")) await rm(join(folder, name), { recursive: true, force: true });
  let missing = await missingOf(resolved, architecture, folder);
  if (missing.length > 0) {
    try {
      await download(apt, missing, folder);
    } catch (error) {
      // Lists may name versions that the mirror has replaced meanwhile.
      if (!(error instanceof UserError)) throw error;
      await update(apt, stamp);
      const again = await resolve(apt, kernels);
      if (typeof again === "string") throw error;
      resolved = again;
      missing = await missingOf(resolved, architecture, folder);
      await download(apt, missing, folder);
    }
  }
  const files = await Promise.all(resolved.map(async (r) => ({ name: r.name, version: r.version, path: await requireDeb(r, architecture, folder) })));
  return { architecture, busybox: files[0], kernel: files.slice(1) };
}

/**
 * Further packages with all that they depend on, but for the names in `without` and what only those need. A dependency that no
 * list has is virtual, and left out.
 */
export async function fetchDebs(names: readonly string[], without: readonly string[], architecture: string, cache: string, log: ImageLog): Promise<DebFile[]> {
  const stamp = join(cache, `apt-${architecture}`, "updated");
  const apt = await PrivateApt.open(join(cache, `apt-${architecture}`), architecture, log);
  const fresh = await stat(stamp).then((s) => Date.now() - s.mtimeMs < LISTS_MAX_AGE_MS, () => false);
  let failure = fresh ? "" : await update(apt, stamp);
  let found = await closure(apt, names, without);
  if (typeof found === "string" && fresh) {
    failure = await update(apt, stamp);
    found = await closure(apt, names, without);
  }
  if (typeof found === "string") throw new UserError(`image: apt's sources have no package ${found} for ${architecture}${failure === "" ? "" : ` (${failure})`}`);
  const folder = join(cache, "debs");
  await mkdir(folder, { recursive: true });
  const missing = await missingOf(found, architecture, folder);
  if (missing.length > 0) await download(apt, missing, folder);
  return Promise.all(found.map(async (r) => ({ name: r.name, version: r.version, path: await requireDeb(r, architecture, folder) })));
}

/** Or the name of what is missing. */
async function closure(apt: PrivateApt, names: readonly string[], without: readonly string[]): Promise<PackageRecord[] | string> {
  const found: PackageRecord[] = [];
  const seen = new Set([...without, ...names]);
  for (let wave = [...names], first = true; wave.length > 0; first = false) {
    const records = await Promise.all(wave.map((name) => apt.show(name)));
    const missing = wave.find((_, i) => records[i] === null);
    if (first && missing !== undefined) return missing;
    const known = records.flatMap((r) => r ?? []);
    found.push(...known);
    wave = [...new Set(known.flatMap((r) => r.depends))].filter((name) => !seen.has(name));
    for (const name of wave) seen.add(name);
  }
  return found;
}

async function update(apt: PrivateApt, stamp: string): Promise<string> {
  const failure = await apt.update();
  await writeFile(stamp, "");
  // After a failure the next run tries again.
  if (failure !== "") await utimes(stamp, 0, 0);
  return failure;
}

/** Busybox, the concrete kernel package, its modules package if any; or the name of what is missing. */
async function resolve(apt: PrivateApt, kernels: readonly string[]): Promise<PackageRecord[] | string> {
  const busybox = await apt.show(BUSYBOX);
  if (busybox === null) return BUSYBOX;
  for (const name of kernels) {
    let kernel = await apt.show(name);
    if (kernel === null) continue;
    const wanted = new Set<string>();
    const concrete = kernel.depends.find((d) => /^linux-image-(unsigned-)?\d/.test(d));
    for (const d of kernel.depends) if (/^linux-modules-\d/.test(d)) wanted.add(d);
    if (concrete !== undefined) {
      kernel = await apt.show(concrete);
      if (kernel === null) return concrete;
      for (const d of kernel.depends) if (/^linux-modules-\d/.test(d)) wanted.add(d);
    }
    const modules = await Promise.all([...wanted].map((d) => apt.show(d)));
    return [busybox, kernel, ...modules.flatMap((m) => m ?? [])];
  }
  return kernels.join(" or ");
}

async function findDeb(record: PackageRecord, architecture: string, folder: string): Promise<string | null> {
  const prefix = `${record.name}_${record.version.replaceAll(":", "%3a")}_`;
  const names = [`${prefix}${architecture}.deb`, `${prefix}all.deb`];
  const file = (await readdir(folder)).find((f) => names.includes(f));
  return file === undefined ? null : join(folder, file);
}

async function requireDeb(record: PackageRecord, architecture: string, folder: string): Promise<string> {
  const path = await findDeb(record, architecture, folder);
  if (path === null) throw new UserError(`image: apt-get did not leave the file of ${record.name} ${record.version}`);
  return path;
}

async function missingOf(records: readonly PackageRecord[], architecture: string, folder: string): Promise<PackageRecord[]> {
  const found = await Promise.all(records.map((r) => findDeb(r, architecture, folder)));
  return records.filter((_, i) => found[i] === null);
}

/** Into a folder of its own first: a file under its final name is complete. */
async function download(apt: PrivateApt, records: readonly PackageRecord[], folder: string): Promise<void> {
  const temporary = await mkdtemp(join(folder, "download-"));
  try {
    await apt.download(records.map((r) => `${r.name}=${r.version}`), temporary);
    for (const file of await readdir(temporary)) if (file.endsWith(".deb")) await rename(join(temporary, file), join(folder, file));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Packages that the user brought. */
export async function givenPackages(paths: readonly string[]): Promise<GuestPackages> {
  const kernel: DebFile[] = [];
  let busybox: DebFile | null = null;
  let architecture = "";
  for (const path of paths) {
    const fields = await capture("dpkg-deb", ["-f", path, "Package", "Version", "Architecture"]);
    const field = (key: string): string => new RegExp(`^${key}: (.*)$`, "m").exec(fields)?.[1] ?? "";
    const file = { name: field("Package"), version: field("Version"), path };
    if (file.name === BUSYBOX) busybox = file;
    else if (/^linux-(image|modules)-/.test(file.name)) {
      kernel.push(file);
      architecture = field("Architecture");
    } else throw new UserError(`image: ${basename(path)} is neither a kernel package nor ${BUSYBOX}`);
  }
  if (busybox === null) throw new UserError(`image: among the given packages is no ${BUSYBOX}`);
  if (!kernel.some((k) => k.name.startsWith("linux-image-"))) throw new UserError("image: among the given packages is no linux-image-…");
  return { architecture, kernel, busybox };
}

/** Whole families of drivers that no machine of ours has: not worth the disk space. */
const EXCLUDED = ["sound", "drivers/media", "drivers/net/wireless", "drivers/infiniband", "drivers/gpu", "drivers/iio", "drivers/staging"];

/** Unpacks a package's files. */
export async function unpackDeb(deb: DebFile, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const tar = spawn("tar", ["-x", "-C", into, "--no-same-owner", ...EXCLUDED.map((e) => `--exclude=*/kernel/${e}`)], { stdio: ["pipe", "ignore", "pipe"] });
  const dpkg = spawn("dpkg-deb", ["--fsys-tarfile", deb.path], { stdio: ["ignore", tar.stdin, "pipe"] });
  tar.stdin.destroy(); // dpkg-deb holds its own copy of the pipe's end
  await Promise.all([finished(dpkg, "dpkg-deb"), finished(tar, "tar")]);
}

async function capture(tool: string, args: readonly string[]): Promise<string> {
  const child = spawn(tool, args, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  child.stdout.on("data", (d: Buffer) => (out += d.toString()));
  await finished(child, tool);
  return out;
}

function finished(child: ReturnType<typeof spawn>, tool: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let errors = "";
    child.stderr?.on("data", (d: Buffer) => (errors += d.toString()));
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ENOENT" ? new UserError(`image: ${tool} is needed to unpack packages and is not found`) : error);
    });
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new UserError(`image: ${tool} failed: ${errors.trim().split("\n")[0] ?? ""}`));
    });
  });
}
