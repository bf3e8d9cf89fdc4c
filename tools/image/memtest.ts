/** Debian's memtest86+, for the nightly tests: its Linux-bootable binaries, fetched once. */
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../src/base/errors.ts";
import { PrivateApt } from "./apt.ts";
import { CACHE } from "./ensure.ts";
import { unpackDeb } from "./packages.ts";
import { consoleLog, type ImageLog } from "./progress.ts";

const PACKAGE = "memtest86+";

export interface MemtestFiles {
  /** Absolute paths of the 64-bit and the 32-bit binary. */
  readonly x64: string;
  readonly ia32: string;
}

/** Throws UserError where apt has no such package. */
export async function ensureMemtest(log: ImageLog = consoleLog(), cache = CACHE): Promise<MemtestFiles> {
  const folder = join(cache, PACKAGE);
  const files = { x64: join(folder, "boot/memtest86+x64.bin"), ia32: join(folder, "boot/memtest86+ia32.bin") };
  const there = await Promise.all(Object.values(files).map((f) => stat(f).then(() => true, () => false)));
  if (there.every((t) => t)) return files;
  const apt = await PrivateApt.open(join(cache, "apt-amd64"), "amd64", log);
  let record = await apt.show(PACKAGE);
  if (record === null) {
    const failure = await apt.update();
    record = await apt.show(PACKAGE);
    if (record === null) throw new UserError(`image: apt's sources have no package ${PACKAGE}${failure === "" ? "" : ` (${failure})`}`);
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await apt.download([`${PACKAGE}=${record.version}`], folder);
  const deb = (await readdir(folder)).find((f) => f.endsWith(".deb"));
  if (deb === undefined) throw new UserError(`image: apt-get did not leave the file of ${PACKAGE}`);
  await unpackDeb({ name: PACKAGE, version: record.version, path: join(folder, deb) }, folder);
  return files;
}
