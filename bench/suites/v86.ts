/** Against v86 (npm) in Node: the same 32-bit Debian kernel, initramfs and shell commands on both. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { writeCpio } from "../../tools/image/cpio.ts";
import { CACHE, ensureImage } from "../../tools/image/ensure.ts";
import { fetchDebs, unpackDeb } from "../../tools/image/packages.ts";
import { consoleLog } from "../../tools/image/progress.ts";
import type { Command } from "../lib/child.ts";
import type { Suite } from "../lib/context.ts";
import { startChild } from "../lib/engines.ts";
import { MEMORY_MIB, nodeBoot } from "../lib/guest.ts";
import { BUILD, ROOT } from "../lib/paths.ts";
import { least, median, row, type Row } from "../lib/report.ts";

const COMMANDS = [
  { name: "shell loop of 300,000 turns", command: "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo $i" },
  { name: "dd into md5sum, 32 MiB", command: "dd if=/dev/zero bs=64k count=512 2>/dev/null | md5sum" },
  { name: "dd into gzip -1, 4 MiB", command: "dd if=/tmp/data bs=64k 2>/dev/null | gzip -1 | md5sum" },
] as const;
const BOOT = "boot, self-extracting kernel";
const LIMIT = 2.5;

type Side = "node" | "v86";

/** v86 starts its guests with a BIOS. */
async function biosFolder(): Promise<{ readonly folder: string; readonly version: string }> {
  const [seabios] = await fetchDebs(["seabios"], [], "amd64", CACHE, consoleLog());
  const into = join(BUILD, "seabios", seabios.version.replaceAll(/[^\w.-]/g, "_"));
  await unpackDeb(seabios, into);
  return { folder: join(into, "usr/share/seabios"), version: seabios.version };
}

async function shellInitramfs(base: string): Promise<string> {
  const init = await readFile(join(ROOT, "bench", "guest", "shell-init"));
  const own = writeCpio([
    { kind: "directory", path: "bench", mode: 0o755 },
    { kind: "file", path: "bench/init", mode: 0o755, data: init },
  ]);
  const path = join(BUILD, "shell.cpio");
  await mkdir(BUILD, { recursive: true });
  await writeFile(path, Buffer.concat([await readFile(base), own]));
  return path;
}

export const v86: Suite = {
  name: "v86",
  about: "32-bit boot and shell commands, against v86 in Node",
  async run(context) {
    const { choice, log } = context;
    const guest = await ensureImage({ kernel: "linux-image-686" });
    const bios = await biosFolder();
    const { version } = JSON.parse(await readFile(join(createRequire(import.meta.url).resolve("v86"), "../../package.json"), "utf8")) as { version: string };
    Object.assign(context.versions, { v86: version, SeaBIOS: bios.version, "32-bit guest Linux": guest.info.release });
    const kernel = guest.files.bzImage;
    const initrd = await shellInitramfs(guest.files["initramfs.cpio"]);
    const cmdline = `${guest.info.cmdline} rdinit=/bench/init`;
    const sides: Readonly<Record<Side, Command>> = {
      node: nodeBoot({ kernel, initrd, cmdline }, choice.machineArgs),
      v86: {
        file: process.execPath,
        args: [
          "--import", "tsx", "bench/lib/v86-child.ts", "--memory", String(MEMORY_MIB), "--kernel", kernel, "--initrd", initrd, "--append", cmdline,
          "--bios", join(bios.folder, "bios.bin"), "--vga-bios", join(bios.folder, "vgabios-stdvga.bin"),
        ],
      },
    };

    const names = [BOOT, ...COMMANDS.map(({ name }) => name)];
    const samples = new Map(names.map((name) => [name, new Map<Side, number[]>([["node", []], ["v86", []]])]));
    const checksums = new Map<string, string>();
    const out = new Set<Side>();
    for (let run = 1; run <= context.runs; run++) {
      for (const side of ["v86", "node"] as const) {
        if (out.has(side)) continue;
        try {
          const machine = await startChild(sides[side]);
          try {
            samples.get(BOOT)?.get(side)?.push(machine.readySeconds);
            log(`v86 ${run}: ${side} boots in ${machine.readySeconds.toFixed(2)} s`);
            for (const job of COMMANDS) {
              const { seconds, checksum } = await machine.run(job);
              const known = checksums.get(job.name) ?? checksum;
              if (checksum !== known) throw new Error(`${job.name}: the output differs from that of an earlier run: ${checksum} instead of ${known}`);
              checksums.set(job.name, checksum);
              samples.get(job.name)?.get(side)?.push(seconds);
              log(`v86 ${run}: ${side}, ${job.name} ${seconds.toFixed(2)} s`);
            }
          } finally {
            await machine.close();
          }
        } catch (error) {
          // The other side's figures are still worth having.
          out.add(side);
          context.fail(`${side === "node" ? "Tabvisor" : "v86"} with the 32-bit guest: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }

    const rows: Row[] = [];
    for (const [name, of] of samples) {
      const [ours, theirs] = [of.get("node") ?? [], of.get("v86") ?? []];
      if (theirs.length > 0) rows.push(row(`32-bit ${name}`, "v86", "s", theirs));
      if (ours.length > 0) rows.push(row(`32-bit ${name}`, "node", "s", ours));
      if (ours.length > 0 && theirs.length > 0) rows.push(row(`32-bit ${name}: speed to v86's`, "node", "x", [median(theirs) / median(ours)], { target: least(LIMIT) }));
    }
    return rows;
  },
};
