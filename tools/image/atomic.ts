/** Makes a folder in one step: a run that is interrupted leaves the old one, or nothing. */
import { rmSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** Removes what killed runs have left. Only the lock's holder has temporary folders. */
export async function removeLeftovers(cache: string): Promise<void> {
  for (const name of await readdir(cache)) if (name.startsWith("tmp-")) await rm(join(cache, name), { recursive: true, force: true });
}

/** `build` fills its first folder, with the second one for scratch. The caller holds the lock in `lock`. */
export async function replaceFolder(folder: string, cache: string, lock: string, build: (out: string, work: string) => Promise<void>): Promise<void> {
  const temporary = join(cache, `tmp-${process.pid}`);
  const interrupted = (signal: NodeJS.Signals): void => {
    rmSync(temporary, { recursive: true, force: true });
    rmSync(lock, { force: true });
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    const out = join(temporary, "out");
    const work = join(temporary, "work");
    for (const path of [out, work]) await mkdir(path, { recursive: true });
    await build(out, work);
    // A folder cannot be replaced in one step: the old one steps aside first.
    await rename(folder, join(temporary, "old")).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await rename(out, folder);
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await rm(temporary, { recursive: true, force: true });
  }
}
