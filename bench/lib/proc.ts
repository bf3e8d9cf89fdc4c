/** What Linux tells of a process: CPU time and memory. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const PAGE = 4096;

let ticks = 0;
function ticksPerSecond(): number {
  if (ticks === 0) ticks = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ticks;
}

/** User and system seconds of all threads so far; 0 for a process that is gone. */
export function cpuSeconds(pid: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return 0;
  }
  // The second field is a name in parentheses that may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond();
}

export interface MemoryUse {
  /** Bytes. Pss divides what is shared between the processes that share it. */
  readonly rss: number;
  readonly pss: number;
  /** Bytes of guest RAM in it; 0 where there is no machine yet. */
  readonly guest: number;
}

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly writable: boolean;
  rss: number;
  pss: number;
}

function mappings(pid: number): Mapping[] {
  const all: Mapping[] = [];
  for (const line of readFileSync(`/proc/${pid}/smaps`, "latin1").split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line);
    if (head !== null) {
      all.push({ start: parseInt(head[1], 16), end: parseInt(head[2], 16), writable: head[3].startsWith("rw"), rss: 0, pss: 0 });
      continue;
    }
    const size = /^(Rss|Pss): +(\d+) kB/.exec(line);
    const last = all.at(-1);
    if (size === null || last === undefined) continue;
    last[size[1] === "Rss" ? "rss" : "pss"] += Number(size[2]) * 1024;
  }
  return all;
}

/** Bytes of present pages in a range of addresses. */
function presentBytes(pid: number, start: number, bytes: number): number {
  const entries = Buffer.alloc((bytes / PAGE) * 8);
  const file = openSync(`/proc/${pid}/pagemap`, "r");
  let length: number;
  try {
    length = readSync(file, entries, 0, entries.length, (start / PAGE) * 8);
  } finally {
    closeSync(file);
  }
  let present = 0;
  for (let at = 7; at < length; at += 8) if ((entries[at] & 0x80) !== 0) present += PAGE;
  return present;
}

/**
 * Memory of a process that may hold a machine. Its Wasm memory is one mapping: `below` bytes of tables and decode
 * cache, then `ram` bytes of guest RAM, recognised by its size.
 */
export function memoryUse(pid: number, below: number, ram: number): MemoryUse {
  const all = mappings(pid);
  const wasm = all.find((m) => m.writable && m.end - m.start === below + ram);
  return {
    rss: all.reduce((sum, m) => sum + m.rss, 0),
    pss: all.reduce((sum, m) => sum + m.pss, 0),
    guest: wasm === undefined ? 0 : Math.max(0, wasm.rss - presentBytes(pid, wasm.start, below)),
  };
}
