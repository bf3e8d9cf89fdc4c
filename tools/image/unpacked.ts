/** Debian packages unpacked into a folder, as an ordinary user, and such a folder as members of an initramfs. */
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CpioEntry } from "./cpio.ts";
import { CACHE } from "./ensure.ts";
import { fetchDebs, unpackDeb } from "./packages.ts";
import { consoleLog } from "./progress.ts";

/** Of amd64's packages, relative to the folder. */
export const LOADER = "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
export const LIBRARY_FOLDERS = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"] as const;

export interface Unpacked {
  readonly folder: string;
  /** By package. */
  readonly versions: ReadonlyMap<string, string>;
}

/**
 * Unpacks amd64 packages and what they depend on into `folder`, once for each set of versions. `without`: as `fetchDebs` has it.
 * `finish` is called once after unpacking. Throws UserError where there are no packages to be had.
 */
export async function unpackedPackages(folder: string, packages: readonly string[], without: readonly string[], finish?: (root: string) => Promise<void>): Promise<Unpacked> {
  const debs = await fetchDebs(packages, without, "amd64", CACHE, consoleLog());
  const stamp = debs.map(({ name, version }) => `${name} ${version}`).join("\n");
  if ((await readFile(`${folder}.stamp`, "utf8").catch(() => "")) !== stamp) {
    const temporary = `${folder}.new`;
    await rm(temporary, { recursive: true, force: true });
    await rm(`${folder}.stamp`, { force: true });
    await mkdir(temporary, { recursive: true });
    for (const deb of debs) await unpackDeb(deb, temporary);
    await finish?.(temporary);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    await writeFile(`${folder}.stamp`, stamp);
  }
  return { folder, versions: new Map(debs.map(({ name, version }) => [name, version])) };
}

/** Words before a program of the folder that run it here, with its own C library. */
export function loaderWords(root: string): readonly string[] {
  return [join(root, LOADER), "--library-path", LIBRARY_FOLDERS.map((folder) => join(root, folder)).join(":")];
}

/**
 * A Debian system has Python's modules compiled at installation. Here the package's own interpreter does it, on this machine;
 * "unchecked", because an initramfs does not keep the sources' dates.
 */
export async function compilePythonModules(root: string): Promise<void> {
  const python = (await readdir(join(root, "usr/bin"))).find((name) => /^python3\.\d+$/.test(name));
  if (python === undefined) throw new Error("the packages have no usr/bin/python3.x");
  const [loader, ...options] = loaderWords(root);
  const modules = join(root, "usr/lib", python);
  await promisify(execFile)(loader, [...options, join(root, "usr/bin", python), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", modules], {
    env: { PYTHONHOME: join(root, "usr") },
  });
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

/** Parents before what is in them. `leftOut`: paths, without a slash in front, that the guest can do without. */
export async function rootMembers(root: string, leftOut: RegExp): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const found of (await readdir(join(root, folder), { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === "" ? found.name : `${folder}/${found.name}`;
      if (leftOut.test(path)) continue;
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
