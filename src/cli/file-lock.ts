/** One writer for each disk image of the host: a lock file beside it names the process; that of a process which is gone does not count. */
import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { UserError } from "../base/errors.ts";

export interface FileLock {
  release(): void;
}

const NO_LOCK: FileLock = { release: () => undefined };
let counter = 0;

/** Throws UserError while another process writes to the file. Where no file can be made beside it there is no lock. */
export function lockForWriting(path: string): FileLock {
  const real = realpathSync(path);
  const lock = join(dirname(real), `.${basename(real)}.lock`);
  const own = `${lock}.${process.pid}.${counter++}`;
  try {
    writeFileSync(own, `${process.pid} ${startOf(process.pid) ?? "-"} ${hostname()}\n`);
  } catch {
    return NO_LOCK;
  }
  try {
    for (let tries = 0; tries < 3; tries++) {
      try {
        // A link is there whole or not at all, and only one process can make it.
        linkSync(own, lock);
        return { release: () => rmSync(lock, { force: true }) };
      } catch (e) {
        const code = (e as NodeJS.ErrnoException).code;
        // File systems without links.
        if (code !== "EEXIST") return NO_LOCK;
      }
      const owner = ownerOf(lock);
      if (owner !== null && owner.alive) throw new UserError(`disk: '${path}' is in use: process ${owner.pid}${owner.host === hostname() ? "" : ` on ${owner.host}`} writes to it`);
      takeAway(lock, owner?.text ?? null);
    }
    throw new UserError(`disk: '${path}' is in use by another process`);
  } finally {
    rmSync(own, { force: true });
  }
}

interface Owner {
  readonly text: string;
  readonly pid: number;
  readonly host: string;
  readonly alive: boolean;
}

/** Null: the lock is gone, or says nothing. */
function ownerOf(lock: string): Owner | null {
  let text: string;
  try {
    text = readFileSync(lock, "utf8");
  } catch {
    return null;
  }
  const [pid, start, host] = text.trim().split(" ");
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 0) return null;
  // Of processes of other hosts (network file systems) nothing is known: theirs counts.
  const alive = host !== hostname() || (isAlive(number) && (start === "-" || startOf(number) === start));
  return { text, pid: number, host, alive };
}

/** Removes a lock that was found stale, unless somebody has taken it meanwhile. */
function takeAway(lock: string, text: string | null): void {
  const aside = `${lock}.${process.pid}.old`;
  try {
    renameSync(lock, aside);
  } catch {
    return; // another process was faster
  }
  if (text !== null && readFileSync(aside, "utf8") !== text) {
    try {
      linkSync(aside, lock);
    } catch {
      // It has been taken a third time.
    }
  }
  rmSync(aside, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process began, in the kernel's ticks (proc(5), field 22): process numbers come again. Null where there is no /proc. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses, with anything in it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
