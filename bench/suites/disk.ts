/** virtio-blk and shared folders, on QEMU and on us in turn: the same kernel, initramfs, disk file and folder. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeCpio } from "../../tools/image/cpio.ts";
import { ensureImage, type GuestPaths } from "../../tools/image/ensure.ts";
import { Child, tabvisor, type Command } from "../lib/child.ts";
import type { Suite } from "../lib/context.ts";
import { MEMORY_MIB } from "../lib/guest.ts";
import { BUILD, ROOT } from "../lib/paths.ts";
import { median, most, row, type Row } from "../lib/report.ts";

const SOURCES = join(ROOT, "bench", "guest-disk");
const DISK_MIB = 128;
const FILES = 2000;
/** Times to QEMU's: the reciprocals of 0.7, 0.5 and 0.5 of its speed. */
const LIMIT = { sequential: 1 / 0.7, random: 2, tar: 2 } as const;
const BYTES = { sequential: 512 * 2 ** 20, random: 20_000 * 4096 } as const;

/** Numbers that are the same each time (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

interface Material {
  readonly disk: string;
  readonly folder: string;
  remove(): void;
}

/** A disk of random bytes and a tree of 2,000 files, in memory where the host has a file system for that. */
function makeMaterial(): Material {
  const folder = join(tmpdir(), `tabvisor-bench-${process.pid}`);
  const random = numbers(1);
  mkdirSync(folder);
  const disk = join(folder, "disk.img");
  writeFileSync(disk, Uint32Array.from({ length: (DISK_MIB * 2 ** 20) / 4 }, random));
  for (let i = 0; i < FILES; i++) {
    const place = join(folder, "tree", `d${Math.floor(i / 100)}`);
    if (i % 100 === 0) mkdirSync(place, { recursive: true });
    writeFileSync(join(place, `f${i}`), Uint32Array.from({ length: 50 + (random() % 1950) }, random));
  }
  return { disk, folder: join(folder, "tree"), remove: () => rmSync(folder, { recursive: true }) };
}

function makeInitrd({ files, info }: GuestPaths): string {
  mkdirSync(BUILD, { recursive: true });
  const reads = join(BUILD, "reads");
  execFileSync("gcc", ["-O2", "-static", "-o", reads, join(SOURCES, "reads.c")]);
  const own = writeCpio([
    { kind: "directory", path: "bench", mode: 0o755 },
    { kind: "file", path: "bench/init", mode: 0o755, data: readFileSync(join(SOURCES, "init")) },
    { kind: "file", path: "bench/reads", mode: 0o755, data: readFileSync(reads) },
  ]);
  const path = join(BUILD, `disk-${info.release}.cpio`);
  writeFileSync(path, Buffer.concat([readFileSync(files["initramfs.cpio"]), readFileSync(files["modules.cpio"]), own]));
  return path;
}

/** Seconds of each part, and what it printed. */
type Times = ReadonlyMap<string, { readonly seconds: number; readonly printed: string }>;

async function once(command: Command, parts: readonly string[]): Promise<Times> {
  const child = new Child(command);
  const times = new Map<string, { seconds: number; printed: string }>();
  try {
    for (const part of parts) {
      const begin = await child.printed(`BEGIN ${part}`);
      const from = child.output.indexOf(`BEGIN ${part}`);
      const ok = "END ok";
      // The parts before have ends too.
      const end = await child.printed(ok, from);
      times.set(part, { seconds: end - begin, printed: child.output.slice(from, child.output.indexOf(ok, from)).split("\n").slice(1).join("\n").trim() });
    }
    await child.printed("BENCH OVER");
  } finally {
    await child.terminate();
  }
  return times;
}

interface Job {
  readonly name: string;
  readonly bench: string;
  readonly parts: readonly ("sequential" | "random" | "tar")[];
  readonly guest: GuestPaths;
  readonly initrd: string;
  readonly devices: readonly string[];
}

function options(job: Job): string[] {
  const cmdline = `console=ttyS0 nokaslr cryptomgr.notests rdinit=/bench/init bench="${job.bench}"`;
  return ["-m", String(MEMORY_MIB), "-nographic", "-no-reboot", "-kernel", job.guest.files.vmlinux, "-initrd", job.initrd, "-append", cmdline, ...job.devices];
}

export const disk: Suite = {
  name: "disk",
  about: `virtio-blk reads, and tar of ${FILES} files over virtio-9p and virtio-fs`,
  async run(context) {
    const { qemu, log } = context;
    const small = await context.guest();
    // Only Debian's generic kernel has 9P.
    const generic = await ensureImage({ kernel: "linux-image-amd64" });
    const material = makeMaterial();
    const rows: Row[] = [];
    try {
      const share = ["-virtfs", `local,path=${material.folder},mount_tag=bench,security_model=none`];
      const jobs: Job[] = [
        { name: "virtio-blk", bench: "disk", parts: ["sequential", "random"], guest: small, initrd: makeInitrd(small), devices: ["-drive", `file=${material.disk},format=raw,if=virtio,readonly=on`] },
        { name: "virtio-9p", bench: "9p tar", parts: ["tar"], guest: generic, initrd: makeInitrd(generic), devices: share },
        { name: "virtio-fs", bench: "virtiofs tar", parts: ["tar"], guest: small, initrd: makeInitrd(small), devices: share },
      ];
      const samples = new Map<string, number[]>();
      const printed = new Map<string, string>();
      for (let run = 1; run <= context.runs; run++) {
        for (const job of jobs) {
          const engines: [Row["engine"], Command][] = [["node", tabvisor(options(job))]];
          // QEMU serves virtio-fs through another program only: its 9P is what ours is compared with.
          if (qemu !== null && job.name !== "virtio-fs") engines.unshift(["qemu", { file: qemu, args: ["-accel", "tcg,thread=single", ...options(job)] }]);
          for (const [engine, command] of engines) {
            for (const [part, { seconds, printed: text }] of await once(command, job.parts)) {
              log(`disk ${run}: ${job.name} ${part} on ${engine}: ${seconds.toFixed(2)} s`);
              const key = `${job.name} ${part} ${engine}`;
              samples.set(key, [...(samples.get(key) ?? []), seconds]);
              const before = printed.get(`${job.name} ${part}`);
              if (before !== undefined && before !== text) throw new Error(`${job.name} ${part} on ${engine} read something else: '${text}' instead of '${before}'`);
              printed.set(`${job.name} ${part}`, text);
            }
          }
        }
      }
      const title = { sequential: "sequential read, 1 MiB blocks", random: "random reads of 4 KiB", tar: `tar of ${FILES} files` } as const;
      for (const job of jobs) {
        for (const part of job.parts) {
          const reference = samples.get(`${part === "tar" ? "virtio-9p" : job.name} ${part} qemu`) ?? null;
          for (const engine of ["qemu", "node"] as const) {
            const seconds = samples.get(`${job.name} ${part} ${engine}`);
            if (seconds === undefined) continue;
            const rate = part === "tar" ? "" : `${(BYTES[part] / 1e6 / median(seconds)).toFixed(0)} MB/s`;
            const compared = engine === "node" && reference !== null ? { ratio: median(seconds) / median(reference), target: most(LIMIT[part], "ratio") } : {};
            rows.push(row(`${job.name}: ${title[part]}`, engine, "s", seconds, { ...compared, note: part === "tar" && job.name === "virtio-fs" ? "to QEMU's virtio-9p" : rate }));
          }
        }
      }
    } finally {
      material.remove();
    }
    return rows;
  },
};
