/** The default guest, made when it is not there yet: `npm run image`, `npm start` and `npm test` call this. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { removeLeftovers, replaceFolder } from "./atomic.ts";
import { GUEST_FILES, buildGuest, recipe, type GuestFile, type GuestInfo } from "./build.ts";
import { withLock } from "./lock.ts";
import { DEFAULT_KERNELS, fetchPackages, givenPackages } from "./packages.ts";
import { consoleLog, type ImageLog } from "./progress.ts";

export type { GuestFile, GuestInfo } from "./build.ts";
export type { ImageLog } from "./progress.ts";

export const CACHE = join(import.meta.dirname, "..", "..", ".cache");

export interface EnsureOptions {
  readonly log?: ImageLog;
  /** A Debian kernel (meta)package; its guest has a folder of its own. Default: the small cloud kernel. */
  readonly kernel?: string;
  /** Looks for newer packages even if there is a guest. */
  readonly update?: boolean;
  /** .deb files to use instead of apt. */
  readonly debs?: readonly string[];
  /** Where everything is kept. */
  readonly cache?: string;
}

export interface GuestPaths {
  readonly folder: string;
  /** Absolute path of each file. */
  readonly files: Readonly<Record<GuestFile, string>>;
  /** guest.json */
  readonly json: string;
  readonly info: GuestInfo;
}

export function guestFolder(kernel?: string, cache = CACHE): string {
  return join(cache, kernel === undefined ? "guest" : `guest-${kernel}`);
}

/** The guest in `folder` if it is whole and made by the present recipe. */
export async function existingGuest(folder = guestFolder()): Promise<GuestPaths | null> {
  const json = join(folder, "guest.json");
  let info: GuestInfo;
  try {
    info = JSON.parse(await readFile(json, "utf8")) as GuestInfo;
    if (info.recipe !== (await recipe())) return null;
    for (const name of GUEST_FILES) if ((await stat(join(folder, name))).size !== info.files[name].size) return null;
  } catch {
    return null;
  }
  const files = Object.fromEntries(GUEST_FILES.map((name) => [name, join(folder, name)])) as GuestPaths["files"];
  return { folder, files, json, info };
}

/** Returns at once when the guest is there. Throws UserError where something that it needs is missing. */
export async function ensureImage(options: EnsureOptions = {}): Promise<GuestPaths> {
  const log = options.log ?? consoleLog();
  const cache = options.cache ?? CACHE;
  const folder = guestFolder(options.kernel, cache);
  const anew = options.update === true || options.debs !== undefined;
  const there = await existingGuest(folder);
  if (there !== null && !anew) return there;

  const lock = join(cache, "image.lock");
  return withLock(lock, log, async () => {
    const meanwhile = await existingGuest(folder);
    if (meanwhile !== null && !anew) return meanwhile;
    await removeLeftovers(cache);

    const packages =
      options.debs !== undefined
        ? await givenPackages(options.debs)
        : await fetchPackages(options.kernel === undefined ? DEFAULT_KERNELS : [options.kernel], cache, options.update === true, log);
    if (meanwhile !== null && sameVersions(meanwhile.info, packages)) return meanwhile;

    await replaceFolder(folder, cache, lock, async (out, work) => {
      await buildGuest(packages, out, work, log);
    });
    const built = await existingGuest(folder);
    if (built === null) throw new Error(`${folder} is not what was just written`);
    log.line(`Guest ready: Linux ${built.info.release}, ${(built.info.files.vmlinux.size / 1e6).toFixed(1)} MB kernel (${folder})`);
    return built;
  });
}

function sameVersions(info: GuestInfo, packages: Awaited<ReturnType<typeof fetchPackages>>): boolean {
  const same = (a: { name: string; version: string }, b: { name: string; version: string }): boolean => a.name === b.name && a.version === b.version;
  return same(info.kernelPackage, packages.kernel[0]) && same(info.busyboxPackage, packages.busybox);
}
