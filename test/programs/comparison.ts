/** Debian's programs at the same work in the guest and on this CPU, with the same C library; what they say must not differ by a byte. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { writeCpio, type CpioEntry } from "../../tools/image/cpio.ts";
import type { GuestPaths } from "../../tools/image/ensure.ts";
import { compilePythonModules, loaderWords, rootMembers, unpackedPackages } from "../../tools/image/unpacked.ts";

const PROJECT = join(import.meta.dirname, "..", "..");
const WORK = join(import.meta.dirname, "work");
const BUILD = join(PROJECT, "build", "programs");
const PACKAGES = ["openssl", "python3", "perl", "gcc", "libc6-dev", "xz-utils", "sqlite3", "zstd", "bzip2", "bc", "busybox-static"];
/** Installing and updating, network names, printing: the programs do without. */
const WITHOUT = [
  "dpkg", "debconf", "tzdata", "ca-certificates", "libcrypt-dev", "libtirpc-dev", "libnsl-dev", "rpcsvc-proto", "mailcap", "mime-support", "media-types", "libc-dev-bin",
  "libtirpc3", "libnsl2", "libgssapi-krb5-2", "libasan8", "liblsan0", "libtsan2", "libubsan1", "libitm1", "libcc1-0", "libgprofng0",
];
/** Nothing of it is opened, and it would only fill the guest's memory. */
const LEFT_OUT = new RegExp(`^(${[
  "usr/share/(doc|man|info|locale|lintian|bug|binfmts|apport|bash-completion|gcc|gdb|applications|pixmaps|python3|readline|perl5)", "usr/lib/[^/]+/(gconv|perl-base/unicore/lib)",
  "usr/lib/[^/]+/(?!libc_nonshared)[^/]+\\.a", "usr/lib/gcc/.*/(lto1|lto-wrapper|plugin|(?!libgcc\\.a)[^/]+\\.a|g\\+\\+-mapper-server)", "usr/share/perl/[\\d.]+/(pod|unicore/lib|CPAN|Unicode/Collate|Pod|TAP|Test2|Module|ExtUtils)",
  "usr/lib/python3[^/]*/(idlelib|lib2to3|ensurepip|pydoc_data|distutils|tkinter|turtledemo|test|unittest|asyncio|multiprocessing)", "usr/lib/python3", "etc", "var", "sbin", "usr/sbin",
].join("|")})(/|$)`);

export interface Amount {
  readonly size: "short" | "full";
  /** Which steps: a regular expression without spaces. */
  readonly steps: string;
}

export interface Model {
  /** `-cpu` */
  readonly name: string;
  readonly avx2: boolean;
  /** What the C library must not choose its functions by on this CPU: libm's results depend on it. glibc's names. */
  readonly masked: readonly string[];
}

const AVX512 = ["AVX512F", "AVX512VL", "AVX512BW", "AVX512DQ", "AVX512CD", "AVX512ER", "AVX512PF", "AVX512_VBMI", "AVX512_VBMI2", "AVX512IFMA"];
export const MODELS: readonly Model[] = [
  { name: "x86-64-v2", avx2: false, masked: [...AVX512, "AVX", "AVX2", "FMA", "FMA4", "BMI1", "BMI2", "LZCNT", "MOVBE"] },
  { name: "x86-64-v3", avx2: true, masked: [...AVX512, "FMA4"] },
  { name: "max", avx2: true, masked: [...AVX512, "FMA4"] },
];

export interface Programs {
  readonly root: string;
  readonly initrd: string;
  readonly versions: ReadonlyMap<string, string>;
}

/** Throws UserError where there are no packages to be had. */
export async function preparePrograms(): Promise<Programs> {
  await mkdir(BUILD, { recursive: true });
  const { folder: root, versions } = await unpackedPackages(join(BUILD, "root"), PACKAGES, WITHOUT, compilePythonModules);
  const files = await Promise.all((await readdir(WORK)).sort().map(async (name): Promise<CpioEntry> => (
    { kind: "file", path: name === "init" ? name : `work/${name}`, mode: 0o755, data: await readFile(join(WORK, name)) }
  )));
  const archive = writeCpio([
    ...(await rootMembers(root, LEFT_OUT)), { kind: "directory", path: "work", mode: 0o755 }, ...files,
    ...["proc", "dev", "tmp"].map((path): CpioEntry => ({ kind: "directory", path, mode: 0o755 })), { kind: "character-device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
  ]);
  const initrd = join(BUILD, `${createHash("sha256").update(archive).digest("hex").slice(0, 16)}.cpio`);
  for (const name of await readdir(BUILD)) if (name.endsWith(".cpio") && join(BUILD, name) !== initrd) await rm(join(BUILD, name));
  await writeFile(initrd, archive);
  return { root, initrd, versions };
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    const [out, error]: Buffer[][] = [[], []];
    child.stdout.on("data", (d: Buffer) => out.push(d));
    child.stderr.on("data", (d: Buffer) => error.push(d));
    child.on("error", reject);
    child.on("close", (code) => resolve({ stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(error).toString(), code }));
  });
}

/** What each step said, by its name. */
export type Results = ReadonlyMap<string, string>;

export async function onThisCpu(programs: Programs, amount: Amount, model: Model): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), "programs-"));
  try {
    const busybox = join(programs.root, "bin/busybox");
    const out = join(folder, "out");
    const { code, stderr } = await run(busybox, ["sh", join(WORK, "work.sh")], {
      PATH: process.env["PATH"], ROOT: programs.root, RUN: loaderWords(programs.root).join(" "), WORK, OUT: out, TMP: join(folder, "scratch"), SIZE: amount.size, STEPS: amount.steps, AVX2: model.avx2 ? "1" : "0",
      BUSYBOX: busybox, GLIBC_TUNABLES: `glibc.cpu.hwcaps=${model.masked.map((name) => `-${name}`).join(",")}`,
    });
    if (code !== 0) throw new Error(`the work on this CPU ended with ${String(code)}:\n${stderr}`);
    return new Map(await Promise.all((await readdir(out)).sort().map(async (name): Promise<[string, string]> => [name, await readFile(join(out, name), "latin1")])));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface GuestRun {
  readonly results: Results;
  readonly instructions: number;
  readonly seconds: number;
}

export async function inTheGuest(programs: Programs, guest: GuestPaths, amount: Amount, model: Model, seconds: number): Promise<GuestRun> {
  const { stdout, stderr } = await run(process.execPath, [
    "--import", "tsx", join(PROJECT, "src/cli/main.ts"), "-kernel", guest.files.vmlinux, "-initrd", programs.initrd, "-cpu", model.name, "-m", "1G", "--stats", "--timeout", String(seconds),
    "-append", `console=ttyS0 nokaslr quiet cryptomgr.notests SIZE=${amount.size} AVX2=${model.avx2 ? 1 : 0} STEPS=${amount.steps}`,
  ], process.env);
  const said = stdout.replaceAll("\r", "");
  if (!said.includes("\n== end\n")) throw new Error(`the guest did not come to its end:\n${said.slice(-3000)}\n${stderr.slice(-3000)}`);
  const parts = said.slice(said.indexOf("\n== ") + 4).split("\n== ").slice(0, -1);
  const results = new Map(parts.map((part): [string, string] => {
    const end = part.indexOf("\n");
    return [part.slice(0, end), gunzipSync(Buffer.from(part.slice(end), "base64")).toString("latin1")];
  }));
  const stats = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { readonly instructions: number; readonly seconds: number };
  return { results, instructions: stats.instructions, seconds: stats.seconds };
}

/** One text for each step that differs: the first line that does. */
export function differences(guest: Results, here: Results): string[] {
  const found: string[] = [];
  for (const name of new Set([...here.keys(), ...guest.keys()])) {
    const [a, b] = [guest.get(name), here.get(name)];
    if (a === b) continue;
    if (a === undefined || b === undefined) found.push(`${name}: only ${a === undefined ? "on this CPU" : "in the guest"}`);
    else {
      const [lines, others] = [a.split("\n"), b.split("\n")];
      const at = lines.findIndex((line, i) => line !== others[i]);
      const [line, other] = [lines[at] ?? "", others[at < 0 ? lines.length : at] ?? ""];
      const column = Math.max(0, [...line].findIndex((c, i) => c !== other[i]) - 60);
      found.push(`${name}, line ${at + 1}:\n  guest …${line.slice(column, column + 160)}\n  here  …${other.slice(column, column + 160)}`);
    }
  }
  return found;
}
