/** The files of Debian's Python and Perl with their libraries, as members of an initramfs. */
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CpioEntry } from "../../tools/image/cpio.ts";
import { CACHE } from "../../tools/image/ensure.ts";
import { fetchDebs, unpackDeb } from "../../tools/image/packages.ts";
import { consoleLog } from "../../tools/image/progress.ts";
import { BUILD } from "./paths.ts";

const PACKAGES = ["python3-minimal", "perl-base"];
/** Needed to install packages and for TLS, not to start the programs. */
const WITHOUT = ["dpkg", "libssl3", "debconf"];
/** Nothing of it is opened, and it would only fill the guest's memory. */
const LEFT_OUT = /^usr\/(share\/(doc|man|locale|lintian|bug|binfmts|apport)|lib\/[^/]+\/gconv)(\/|$)/;
const ROOT = join(BUILD, "cold-root");

export interface ColdRoot {
  readonly entries: readonly CpioEntry[];
  /** For the table: the packages' versions. */
  readonly python: string;
  readonly perl: string;
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

/**
 * A Debian system has its modules compiled at installation. Here the package's own interpreter does it, on this machine;
 * "unchecked", because an initramfs does not keep the sources' dates.
 */
async function compileModules(root: string): Promise<void> {
  const python = (await readdir(join(root, "usr/bin"))).find((name) => /^python3\.\d+$/.test(name));
  if (python === undefined) throw new Error("the packages have no usr/bin/python3.x");
  const loader = join(root, "lib64/ld-linux-x86-64.so.2");
  const libraries = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"].map((folder) => join(root, folder)).join(":");
  const modules = join(root, "usr/lib", python);
  await promisify(execFile)(loader, ["--library-path", libraries, join(root, "usr/bin", python), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", modules], {
    env: { PYTHONHOME: join(root, "usr") },
  });
}

/** Unpacks the packages into a folder, once for each set of versions. */
export async function coldRoot(log: (line: string) => void): Promise<ColdRoot> {
  if (process.arch !== "x64") throw new Error("the packages' own interpreter has to run here, and this is no x86-64");
  const debs = await fetchDebs(PACKAGES, WITHOUT, "amd64", CACHE, consoleLog());
  const stamp = debs.map(({ name, version }) => `${name} ${version}`).join("\n");
  if ((await readFile(`${ROOT}.stamp`, "utf8").catch(() => "")) !== stamp) {
    log("unpacking Python and Perl");
    const temporary = `${ROOT}.new`;
    await rm(temporary, { recursive: true, force: true });
    await rm(`${ROOT}.stamp`, { force: true });
    await mkdir(temporary, { recursive: true });
    for (const deb of debs) await unpackDeb(deb, temporary);
    await compileModules(temporary);
    await rm(ROOT, { recursive: true, force: true });
    await rename(temporary, ROOT);
    await writeFile(`${ROOT}.stamp`, stamp);
  }
  const version = (pattern: RegExp): string => debs.find(({ name }) => pattern.test(name))?.version ?? "";
  return { entries: await members(ROOT), python: version(/^python3\.\d+-minimal$/), perl: version(/^perl-base$/) };
}

/** Parents before what is in them. */
async function members(root: string): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const found of (await readdir(join(root, folder), { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === "" ? found.name : `${folder}/${found.name}`;
      if (LEFT_OUT.test(path)) continue;
      const full = join(root, path);
      if (found.isSymbolicLink()) entries.push({ kind: "symlink", path, target: await readlink(full) });
      else if (found.isDirectory()) {
        entries.push({ kind: "directory", path, mode: 0o755 });
        await walk(path);
      } else if (found.isFile()) entries.push({ kind: "file", path, mode: (await stat(full)).mode & 0o777, data: await readFile(full) });
    }
  };
  await walk("");
  // Where /usr holds everything, the system's first package makes these links.
  for (const name of ["lib", "lib64"]) {
    if (!(await exists(join(root, name))) && (await exists(join(root, "usr", name)))) entries.push({ kind: "symlink", path: name, target: `usr/${name}` });
  }
  return entries;
}
