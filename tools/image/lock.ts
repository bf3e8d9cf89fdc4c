/** One builder at a time: a lock file that names its process; the lock of a process that is gone does not count. */
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ImageLog } from "./progress.ts";

export async function withLock<T>(path: string, log: ImageLog, body: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    try {
      const file = await open(path, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = Number(await readFile(path, "utf8").catch(() => "0"));
    // Empty: its owner is just writing it, or was killed while it did.
    if (owner === 0) {
      await sleep(500);
      if ((await readFile(path, "utf8").catch(() => "1")) === "") await rm(path, { force: true });
      continue;
    }
    if (!isAlive(owner)) {
      await rm(path, { force: true });
      continue;
    }
    log.progress(`Waiting for another run (process ${owner})`, null);
    await sleep(300);
  }
  try {
    return await body();
  } finally {
    await rm(path, { force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
