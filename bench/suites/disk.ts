/** virtio-blk and shared folders, on QEMU and on us in turn: the same kernel, initramfs, disk file and folder. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SECTOR_BYTES } from "../../src/base/block.ts";
import type { MachineSpec } from "../../src/vmm/api.ts";
import { parseDefinition } from "../../src/vmm/definition/parse.ts";
import { writeCpio } from "../../tools/image/cpio.ts";
import { ensureImage, type GuestPaths } from "../../tools/image/ensure.ts";
import { Child, tabvisor, type Command } from "../lib/child.ts";
import type { Chromium } from "../lib/chromium.ts";
import type { Suite } from "../lib/context.ts";
import { runDiskJob } from "../lib/disk-page.ts";
import { publish } from "../lib/engines.ts";
import { MEMORY_MIB } from "../lib/guest.ts";
import { BUILD, ROOT } from "../lib/paths.ts";
import { least, median, most, row, type Row } from "../lib/report.ts";

const SOURCES = join(ROOT, "bench", "guest-disk");
const DISK_MIB = 128;
const FILES = 2000;
type Part = "fill" | "sequential" | "random" | "tar" | "contents";
/** Times to QEMU's: the reciprocals of 0.7, 0.5 and 0.5 of its speed. */
const LIMIT: Readonly<Partial<Record<Part, number>>> = { sequential: 1 / 0.7, random: 2, tar: 2 };
/** What `init` moves. */
const BYTES = { fill: DISK_MIB * 2 ** 20, sequential: 4096 * 2 ** 20, random: 20_000 * 4096 } as const;
const TITLE = { fill: "written and flushed, 1 MiB blocks", sequential: "sequential read, 1 MiB blocks", random: "random reads of 4 KiB", tar: `tar of ${FILES} files` } as const;
const TAG = "bench";

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
  /** Empty: the guest fills it. */
  readonly disk: string;
  readonly folder: string;
  readonly folders: readonly string[];
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  remove(): void;
}

/** A disk, and a tree of 2,000 files of random bytes. */
function makeMaterial(): Material {
  const place = join(tmpdir(), `tabvisor-bench-${process.pid}`);
  const folder = join(place, "tree");
  const random = numbers(1);
  mkdirSync(folder, { recursive: true });
  const disk = join(place, "disk.img");
  writeFileSync(disk, new Uint8Array(DISK_MIB * 2 ** 20));
  const folders = Array.from({ length: FILES / 100 }, (_, i) => `d${i}`);
  for (const name of folders) mkdirSync(join(folder, name));
  const files = Array.from({ length: FILES }, (_, i) => {
    const bytes = new Uint8Array(Uint32Array.from({ length: 50 + (random() % 1950) }, random).buffer);
    const path = `${folders[Math.floor(i / 100)]}/f${i}`;
    writeFileSync(join(folder, path), bytes);
    return { path, bytes };
  });
  return { disk, folder, folders, files, remove: () => rmSync(place, { recursive: true }) };
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
  readonly parts: readonly Part[];
  readonly guest: GuestPaths;
  readonly initrd: string;
  /** On the command line. */
  readonly devices: readonly string[];
  /** In a definition. */
  readonly fields: string;
}

const cmdlineOf = ({ bench }: Job): string => `console=ttyS0 nokaslr cryptomgr.notests rdinit=/bench/init bench="${bench}"`;

function options(job: Job): string[] {
  return ["-m", String(MEMORY_MIB), "-nographic", "-no-reboot", "-kernel", job.guest.files.vmlinux, "-initrd", job.initrd, "-append", cmdlineOf(job), ...job.devices];
}

async function inChromium(chromium: Chromium, job: Job, material: Material, writes: "memory" | "opfs"): Promise<Times> {
  const isDisk = job.fields.includes("disks");
  const drives: MachineSpec["drives"] = isDisk
    ? { disk0: { source: { kind: "blank", sectors: (DISK_MIB * 2 ** 20) / SECTOR_BYTES }, format: null, writes: writes === "opfs" ? { kind: "opfs", path: "bench.img" } : { kind: "memory" } } }
    : {};
  const times = await chromium.inPage(`${job.name} in Chromium`, runDiskJob, {
    kernelUrl: publish(job.guest.files.vmlinux), initrdUrl: publish(job.initrd), cmdline: cmdlineOf(job),
    definition: parseDefinition(`{ name: bench, memory: ${MEMORY_MIB}, display: none, reboot: false, ${job.fields} }`, "bench"),
    drives, parts: job.parts, tag: isDisk ? null : TAG, folders: isDisk ? [] : material.folders,
    files: isDisk ? [] : material.files.map(({ path, bytes }) => ({ path, bytes: Buffer.from(bytes).toString("base64") })),
  }, writes === "opfs");
  return new Map(times.map(({ part, ...rest }) => [part, rest]));
}

export const disk: Suite = {
  name: "disk",
  about: `virtio-blk, and tar of ${FILES} files over virtio-9p and virtio-fs`,
  async run(context) {
    const { log } = context;
    const { engines } = context.choice;
    const qemu = engines.includes("qemu") ? context.qemu : null;
    const small = await context.guest();
    // Only Debian's generic kernel has 9P.
    const generic = await ensureImage({ kernel: "linux-image-amd64" });
    const chromium = engines.includes("chromium") ? await context.chromium() : null;
    const material = makeMaterial();
    const rows: Row[] = [];
    try {
      const share = ["-virtfs", `local,path=${material.folder},mount_tag=${TAG},security_model=none`];
      const shared = `sharedFolders: [{ tag: ${TAG} }]`;
      const jobs: Job[] = [
        {
          name: "virtio-blk", bench: "disk", parts: ["fill", "sequential", "random"], guest: small, initrd: makeInitrd(small),
          devices: ["-drive", `file=${material.disk},format=raw,if=virtio`], fields: "disks: [{ image: { blank: 128M } }]",
        },
        { name: "virtio-9p", bench: "9p tar", parts: ["tar", "contents"], guest: generic, initrd: makeInitrd(generic), devices: share, fields: shared },
        { name: "virtio-fs", bench: "virtiofs tar", parts: ["tar", "contents"], guest: small, initrd: makeInitrd(small), devices: share, fields: shared },
      ];
      const samples = new Map<string, number[]>();
      const printed = new Map<string, string>();
      for (let run = 1; run <= context.runs; run++) {
        for (const job of jobs) {
          const take = (engine: string, times: Times): void => {
            for (const [part, { seconds, printed: text }] of times) {
              log(`disk ${run}: ${job.name} ${part} on ${engine}: ${seconds.toFixed(2)} s`);
              const key = `${job.name} ${part} ${engine}`;
              samples.set(key, [...(samples.get(key) ?? []), seconds]);
              const before = printed.get(part);
              if (before !== undefined && before !== text) throw new Error(`${job.name} ${part} on ${engine} read something else: '${text}' instead of '${before}'`);
              printed.set(part, text);
            }
          };
          // QEMU serves virtio-fs through another program only: its 9P is what ours is compared with.
          if (qemu !== null && job.name !== "virtio-fs") take("qemu", await once({ file: qemu, args: ["-accel", "tcg,thread=single", ...options(job)] }, job.parts));
          if (engines.includes("node")) take("node", await once(tabvisor(options(job)), job.parts));
          if (chromium === null) continue;
          take("chromium", await inChromium(chromium, job, material, "memory"));
          if (job.name === "virtio-blk") take("opfs", await inChromium(chromium, job, material, "opfs"));
        }
      }
      for (const job of jobs) {
        for (const part of job.parts) {
          if (part === "contents") continue;
          const reference = samples.get(`${part === "tar" ? "virtio-9p" : job.name} ${part} qemu`) ?? null;
          for (const engine of ["qemu", "node", "chromium", "opfs"] as const) {
            const seconds = samples.get(`${job.name} ${part} ${engine}`);
            if (seconds === undefined) continue;
            if (part !== "tar" && engine === "opfs") {
              if (part !== "random") rows.push(row(`${job.name} over OPFS: ${TITLE[part]}`, "chromium", "MB/s", seconds.map((s) => BYTES[part] / 1e6 / s), { target: least(200) }));
              continue;
            }
            if (engine === "opfs") continue;
            const limit = LIMIT[part];
            const compared = engine !== "qemu" && reference !== null ? { ratio: median(seconds) / median(reference), ...(limit === undefined ? {} : { target: most(limit, "ratio") }) } : {};
            const note = part === "tar" ? (job.name === "virtio-fs" ? "to QEMU's virtio-9p" : "") : `${(BYTES[part] / 1e6 / median(seconds)).toFixed(0)} MB/s`;
            rows.push(row(`${job.name}: ${TITLE[part]}`, engine, "s", seconds, { ...compared, note }));
          }
        }
      }
    } finally {
      material.remove();
    }
    return rows;
  },
};
