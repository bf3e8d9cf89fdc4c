/** A Debian disk: a file system out of Debian's packages, made as an ordinary user (`npm run image -- debian`). */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { UserError } from "../../src/base/errors.ts";
import { removeLeftovers, replaceFolder } from "./atomic.ts";
import { CACHE } from "./ensure.ts";
import { withLock } from "./lock.ts";
import { consoleLog, type ImageLog } from "./progress.ts";

/** Counts up when the disk's making changes in a way that neither the package list nor the overlay's hash shows. */
const FORMAT = 1;
/** Our files on the disk. */
const OVERLAY = join(import.meta.dirname, "debian-rootfs");

/** Besides the essential packages (coreutils, bash, …) and apt. */
const BASE = [
  "python3", "perl", "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "iputils-ping", "login", "passwd", "less", "nano", "vim-tiny",
  "file", "bzip2", "xz-utils", "ca-certificates",
] as const;
/** `--gcc` */
const COMPILER = ["gcc", "libc6-dev", "make", "gdb"] as const;

/** What takes space and is of no use on a disk that is fetched over the network. */
const EXCLUDED = ["/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/lintian/*"];
const INCLUDED = ["/usr/share/locale/locale.alias", "/usr/share/doc/*/copyright"];

const DEFAULT_SIZE = "2G";
const CMDLINE = "root=/dev/vda rw console=ttyS0 nokaslr cryptomgr.notests";

export const DEBIAN_DISK = "disk.img";

export interface DebianOptions {
  readonly log?: ImageLog;
  /** With a C compiler. */
  readonly gcc?: boolean;
  /** Further packages. */
  readonly include?: readonly string[];
  /** Of the file system: a number with K, M or G. */
  readonly size?: string;
  /** Makes it anew, with newer packages. */
  readonly update?: boolean;
  readonly cache?: string;
}

/** debian.json */
export interface DebianInfo {
  /** Identifies how the disk was made; another value means: make it anew. */
  readonly recipe: string;
  readonly suite: string;
  /** Asked for by name. */
  readonly packages: readonly string[];
  /** Everything on the disk. */
  readonly versions: Readonly<Record<string, string>>;
  /** The kernel's command line, after the guest's own. */
  readonly cmdline: string;
  /** Bytes. */
  readonly size: number;
}

export interface DebianPaths {
  readonly folder: string;
  readonly disk: string;
  readonly info: DebianInfo;
}

interface Plan {
  readonly packages: readonly string[];
  readonly size: string;
  readonly recipe: string;
  readonly folder: string;
}

async function planOf(options: DebianOptions): Promise<Plan> {
  const extra = [...(options.gcc === true ? COMPILER : []), ...(options.include ?? [])];
  for (const name of extra) if (!/^[a-z0-9][a-z0-9+.:-]+$/.test(name)) throw new UserError(`image: '${name}' is not the name of a package`);
  const size = options.size ?? DEFAULT_SIZE;
  if (!/^[1-9]\d*[KMG]$/i.test(size)) throw new UserError(`image: '${size}' is not a size such as 900M or 4G`);
  const packages = [...new Set([...BASE, ...extra])].sort();
  const hash = createHash("sha256").update(JSON.stringify([FORMAT, packages, size, CMDLINE, EXCLUDED, INCLUDED]));
  for (const path of (await readdir(OVERLAY, { recursive: true })).sort()) {
    if ((await stat(join(OVERLAY, path))).isFile()) hash.update(`${path}\n`).update(await readFile(join(OVERLAY, path)));
  }
  // A folder for each set of packages; the recipe says whether it is of today's making.
  const set = createHash("sha256").update(JSON.stringify([packages, size])).digest("hex").slice(0, 8);
  const plain = extra.length === 0 && size === DEFAULT_SIZE;
  return { packages, size, recipe: hash.digest("hex").slice(0, 16), folder: join(options.cache ?? CACHE, plain ? "debian" : `debian-${set}`) };
}

/** The disk in `folder` if it is whole and made by this recipe. */
async function existing(folder: string, recipe: string): Promise<DebianPaths | null> {
  const disk = join(folder, DEBIAN_DISK);
  try {
    const info = JSON.parse(await readFile(join(folder, "debian.json"), "utf8")) as DebianInfo;
    return info.recipe === recipe && (await stat(disk)).size === info.size ? { folder, disk, info } : null;
  } catch {
    return null;
  }
}

/** The disk that is there already with these options, or null. */
export async function existingDebian(options: DebianOptions = {}): Promise<DebianPaths | null> {
  const { folder, recipe } = await planOf(options);
  return existing(folder, recipe);
}

/** Returns at once when the disk is there. Throws UserError where something that it needs is missing. */
export async function ensureDebian(options: DebianOptions = {}): Promise<DebianPaths> {
  const log = options.log ?? consoleLog();
  const cache = options.cache ?? CACHE;
  const plan = await planOf(options);
  const there = options.update === true ? null : await existing(plan.folder, plan.recipe);
  if (there !== null) return there;
  await requireTools();

  const lock = join(cache, "image.lock");
  return withLock(lock, log, async () => {
    const meanwhile = options.update === true ? null : await existing(plan.folder, plan.recipe);
    if (meanwhile !== null) return meanwhile;
    await removeLeftovers(cache);
    await replaceFolder(plan.folder, cache, lock, (out, work) => build(plan, out, work, log));
    const built = await existing(plan.folder, plan.recipe);
    if (built === null) throw new Error(`${plan.folder} is not what was just written`);
    const { info } = built;
    log.line(`Debian ${info.suite} ready: ${Object.keys(info.versions).length} packages (${built.disk})`);
    return built;
  });
}

/** Command → Debian package. */
const TOOLS = { mmdebstrap: "mmdebstrap", fakechroot: "fakechroot", fakeroot: "fakeroot", "mke2fs": "e2fsprogs", tar: "tar" } as const;
/** Where administration tools are, which an ordinary user's path may lack. */
const SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
const PATH = [process.env["PATH"] ?? "", ...SBIN].join(delimiter);

async function requireTools(): Promise<void> {
  const missing: string[] = [];
  for (const [command, name] of Object.entries(TOOLS)) {
    const found = await Promise.all(PATH.split(delimiter).map((folder) => stat(join(folder, command)).then(() => true, () => false)));
    if (!found.includes(true)) missing.push(name);
  }
  if (missing.length > 0) throw new UserError(`image: a Debian disk needs ${missing.join(", ")}: apt-get install ${missing.join(" ")}`);
}

interface Source {
  readonly suite: string;
  /** Files with apt's sources; none: mmdebstrap's own knowledge of Debian's mirrors. */
  readonly files: readonly string[];
}

/** On Debian its own release, from its own mirror; elsewhere the stable one. */
async function source(): Promise<Source> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const field = (key: string): string | undefined => new RegExp(`^${key}="?([^"\\n]*)"?$`, "m").exec(release)?.[1];
  const suite = field("VERSION_CODENAME");
  if (field("ID") !== "debian" || suite === undefined) return { suite: "stable", files: [] };
  // Not what somebody has added beside it: it would need keys of its own.
  const files: string[] = [];
  for (const file of ["/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"]) {
    if (/^\s*(deb|URIs:)\s/m.test(await readFile(file, "utf8").catch(() => ""))) files.push(file);
  }
  return { suite, files };
}

async function build(plan: Plan, out: string, work: string, log: ImageLog): Promise<void> {
  const { suite, files } = await source();
  const tarball = join(work, "root.tar");
  const scratch = join(work, "tmp");
  await mkdir(scratch);
  log.progress("Fetching and installing Debian's packages", null);
  await run(
    "mmdebstrap",
    [
      "--mode=fakechroot", "--variant=minbase", "--format=tar", `--include=${plan.packages.join(",")}`,
      `--aptopt=Acquire::Languages "none"`,
      ...EXCLUDED.map((path) => `--dpkgopt=path-exclude=${path}`), ...INCLUDED.map((path) => `--dpkgopt=path-include=${path}`),
      suite, tarball, ...files,
    ],
    { TMPDIR: scratch },
    (line) => {
      const step = /^I: (.*?)(\.\.\.)?$/.exec(line)?.[1];
      if (step !== undefined) log.progress(`Debian: ${step}`, null);
    },
  );

  log.progress("Writing the disk", null);
  const root = join(work, "root");
  const overlay = join(work, "overlay");
  await mkdir(root);
  await cp(OVERLAY, overlay, { recursive: true });
  const disk = join(out, DEBIAN_DISK);
  // One session of fakeroot: it knows the owners of what tar has unpacked. root has no password.
  const script = `
    set -e
    tar -xf "$1" -C "$2" --numeric-owner
    rm "$1"
    chown -R 0:0 "$3"
    cp -R --preserve=mode,ownership "$3/." "$2/"
    sed -i 's/^root:[^:]*:/root::/' "$2/etc/shadow"
    rm -f "$2/etc/machine-id" "$2"/var/log/*.log "$2"/var/cache/ldconfig/aux-cache
    : > "$2/etc/machine-id"
    mke2fs -q -F -t ext4 -L debian -J size=16 -E root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0 -d "$2" "$4" "$5"
  `;
  await run("fakeroot", ["sh", "-c", script, "pack", tarball, root, overlay, disk, plan.size], {}, () => undefined);
  const info: DebianInfo = {
    recipe: plan.recipe,
    suite,
    packages: plan.packages,
    versions: versionsIn(await readFile(join(root, "var/lib/dpkg/status"), "utf8")),
    cmdline: CMDLINE,
    size: (await stat(disk)).size,
  };
  await writeFile(join(out, "debian.json"), `${JSON.stringify(info, null, 2)}\n`);
  await rm(root, { recursive: true, force: true });
}

function versionsIn(status: string): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const record of status.split("\n\n")) {
    const name = /^Package: (.*)$/m.exec(record)?.[1];
    const version = /^Version: (.*)$/m.exec(record)?.[1];
    if (name !== undefined && version !== undefined) versions[name] = version;
  }
  return versions;
}

/** Runs a tool; a failure is a UserError with the first line that says why. */
async function run(tool: string, args: readonly string[], env: Readonly<Record<string, string>>, onLine: (line: string) => void): Promise<void> {
  const child = spawn(tool, [...args], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, PATH, LC_ALL: "C", ...env } });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    onLine(line);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => reject(error.code === "ENOENT" ? new UserError(`image: ${tool} is not found`) : error));
    child.on("close", resolve);
  });
  if (code === 0) return;
  const why = lines.find((l) => /^E: (?!.*failed to run)/.test(l)) ?? lines.find((l) => /error|cannot|fail|could not/i.test(l)) ?? lines.at(-1) ?? "no reason given";
  throw new UserError(`image: ${tool} failed: ${why.replace(/^E: /, "").trim()}`);
}
