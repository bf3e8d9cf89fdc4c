/**
 * The long version: `tsx test/durability/run.ts [--points 50] [--seed 1] [--only power|ide|process]`. Power cuts of a machine
 * on virtio and on IDE, and kills of the command's process; then e2fsck of the host looks at the disk, too.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeRaw } from "../../src/cli/host-file.ts";
import { ensureImage } from "../../tools/image/ensure.ts";
import { DISK_MIB, makeInitrd } from "./guest.ts";
import { cutPower } from "./power.ts";
import { killProcesses } from "./process.ts";

const { values } = parseArgs({ options: { points: { type: "string", default: "50" }, seed: { type: "string", default: "1" }, only: { type: "string" } } });
const points = Number(values.points);
const seed = Number(values.seed);
const log = (line: string): void => console.log(line);
const wanted = (name: string): boolean => values.only === undefined || values.only === name;

const guest = await ensureImage();
const folder = mkdtempSync(join(tmpdir(), "tabvisor-durability-"));
const fsck = (image: string): void => {
  const said = execFileSync("e2fsck", ["-fn", image], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` } });
  log(`the host's e2fsck -fn: ${said.trim().split("\n").at(-1) ?? ""}`);
};
try {
  const initrd = makeInitrd(guest);
  for (const [name, kind] of [["power", "virtio"], ["ide", "ide"]] as const) {
    if (!wanted(name)) continue;
    log(`\n${points} power cuts, ${kind}`);
    const disk = cutPower({ kernel: readFileSync(guest.files.vmlinux), initrd, points, seed, interface: kind, log });
    const image = join(folder, `${name}.img`);
    await writeRaw(disk, image);
    fsck(image);
  }
  if (wanted("process")) {
    log(`\n${points} kills of the command`);
    const [initrdFile, base, overlay, image] = ["initrd", "base.img", "disk.overlay", "process.img"].map((name) => join(folder, name));
    writeFileSync(initrdFile, initrd);
    writeFileSync(base, "");
    truncateSync(base, DISK_MIB * 2 ** 20);
    await killProcesses({ kernel: guest.files.vmlinux, initrd: initrdFile, base, overlay, points, seed, log });
    execFileSync(process.execPath, [join(import.meta.dirname, "../../bin/tabvisor.mjs"), "-drive", `file=${base},format=raw,overlay=${overlay}`, "--save-disk", image]);
    fsck(image);
  }
  log("\nall points recovered");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
