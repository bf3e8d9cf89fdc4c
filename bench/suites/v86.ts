/** Against v86 (npm), both in Node and both in Chromium: the same 32-bit Debian kernel, initramfs and shell commands on both. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { writeCpio } from "../../tools/image/cpio.ts";
import { CACHE, ensureImage } from "../../tools/image/ensure.ts";
import { fetchDebs, unpackDeb } from "../../tools/image/packages.ts";
import { consoleLog } from "../../tools/image/progress.ts";
import type { Context, Suite } from "../lib/context.ts";
import { engines, pageMachine, publish, startChild, type Machine } from "../lib/engines.ts";
import { MEMORY_MIB, type GuestBoot } from "../lib/guest.ts";
import { BUILD, ROOT } from "../lib/paths.ts";
import { least, median, row, type Row } from "../lib/report.ts";
import { installV86Talk } from "../lib/v86-page.ts";

const COMMANDS = [
  { name: "shell loop of 300,000 turns", command: "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo $i" },
  { name: "dd into md5sum, 32 MiB", command: "dd if=/dev/zero bs=64k count=512 2>/dev/null | md5sum" },
  { name: "dd into gzip -1, 4 MiB", command: "dd if=/tmp/data bs=64k 2>/dev/null | gzip -1 | md5sum" },
] as const;
const BOOT = "boot, self-extracting kernel";
const LIMIT = 2.5;

const HOSTS = ["node", "chromium"] as const;
type Host = (typeof HOSTS)[number];

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

/** The folder of the package's build. */
const v86Folder = (): string => dirname(createRequire(import.meta.url).resolve("v86"));

async function theirs(context: Context, host: Host, { kernel, initrd, cmdline }: GuestBoot, bios: string): Promise<() => Promise<Machine>> {
  const [biosPath, vgaPath] = [join(bios, "bios.bin"), join(bios, "vgabios-stdvga.bin")];
  if (host === "node") {
    const args = [
      "--import", "tsx", "bench/lib/v86-child.ts", "--memory", String(MEMORY_MIB), "--kernel", kernel, "--initrd", initrd, "--append", cmdline,
      "--bios", biosPath, "--vga-bios", vgaPath,
    ];
    return () => startChild({ file: process.execPath, args });
  }
  const chromium = await context.chromium();
  return async () => {
    if (chromium === null) throw new Error("there is no Chromium");
    return pageMachine(
      await chromium.talkWith(installV86Talk, {
        moduleUrl: publish(join(v86Folder(), "libv86.mjs")), wasmUrl: publish(join(v86Folder(), "v86.wasm")), biosUrl: publish(biosPath), vgaBiosUrl: publish(vgaPath),
        kernelUrl: publish(kernel), initrdUrl: publish(initrd), cmdline, memoryMib: MEMORY_MIB,
      }),
    );
  };
}

interface Side {
  readonly title: string;
  start(): Promise<Machine>;
  readonly samples: ReadonlyMap<string, number[]>;
  failed: boolean;
}

export const v86: Suite = {
  name: "v86",
  about: "32-bit boot and shell commands, against v86",
  async run(context) {
    const { choice, log } = context;
    const guest = await ensureImage({ kernel: "linux-image-686" });
    const bios = await biosFolder();
    const { version } = JSON.parse(await readFile(join(v86Folder(), "..", "package.json"), "utf8")) as { version: string };
    Object.assign(context.versions, { v86: version, SeaBIOS: bios.version, "32-bit guest Linux": guest.info.release });
    const boot = { kernel: guest.files.bzImage, initrd: await shellInitramfs(guest.files["initramfs.cpio"]), cmdline: `${guest.info.cmdline} rdinit=/bench/init` };

    const names = [BOOT, ...COMMANDS.map(({ name }) => name)];
    const side = (title: string, start: () => Promise<Machine>): Side => ({ title, start, samples: new Map(names.map((name) => [name, []])), failed: false });
    const pairs: { readonly host: Host; readonly theirs: Side; readonly ours: Side }[] = [];
    for (const engine of await engines(context, HOSTS.filter((host) => choice.engines.includes(host)), choice.machineArgs)) {
      const host = engine.name as Host;
      pairs.push({ host, theirs: side(`v86 in ${host}`, await theirs(context, host, boot, bios.folder)), ours: side(`Tabvisor in ${host}`, () => engine.start(boot)) });
    }

    const checksums = new Map<string, string>();
    for (let run = 1; run <= context.runs; run++) {
      for (const one of pairs.flatMap((pair) => [pair.theirs, pair.ours])) {
        if (one.failed) continue;
        try {
          const machine = await one.start();
          try {
            one.samples.get(BOOT)?.push(machine.readySeconds);
            log(`v86 ${run}: ${one.title} boots in ${machine.readySeconds.toFixed(2)} s`);
            for (const job of COMMANDS) {
              const { seconds, checksum } = await machine.run(job);
              const known = checksums.get(job.name) ?? checksum;
              if (checksum !== known) throw new Error(`${job.name}: the output differs from that of an earlier run: ${checksum} instead of ${known}`);
              checksums.set(job.name, checksum);
              one.samples.get(job.name)?.push(seconds);
              log(`v86 ${run}: ${one.title}, ${job.name} ${seconds.toFixed(2)} s`);
            }
          } finally {
            await machine.close();
          }
        } catch (error) {
          // The other side's figures are still worth having.
          one.failed = true;
          context.fail(`${one.title} with the 32-bit guest: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }

    const rows: Row[] = [];
    for (const { host, ...pair } of pairs) {
      for (const name of names) {
        const [ours, other] = [pair.ours.samples.get(name) ?? [], pair.theirs.samples.get(name) ?? []];
        if (other.length > 0) rows.push(row(`32-bit ${name}: v86`, host, "s", other));
        if (ours.length > 0) rows.push(row(`32-bit ${name}: Tabvisor`, host, "s", ours));
        if (ours.length > 0 && other.length > 0) rows.push(row(`32-bit ${name}: speed to v86's`, host, "x", [median(other) / median(ours)], { target: least(LIMIT) }));
      }
    }
    return rows;
  },
};
