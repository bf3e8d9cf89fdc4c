/** `npx tsx test/storage/record.ts`: small qcow2 images by qemu-img, with the checksums of what QEMU reads from them. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { qemuImg, qemuIo } from "./qemu-img.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const work = mkdtempSync(join(tmpdir(), "tabvisor-record-"));
mkdirSync(fixtures, { recursive: true });

const IMAGES: Readonly<Record<string, { readonly options: string; readonly compress: boolean }>> = {
  "v2.qcow2": { options: "compat=0.10,cluster_size=4k", compress: false },
  "v2-zlib.qcow2": { options: "compat=0.10,cluster_size=64k", compress: true },
  "v3.qcow2": { options: "compat=1.1,cluster_size=512", compress: false },
  "v3-zlib.qcow2": { options: "compat=1.1,cluster_size=4k", compress: true },
  "v3-zstd.qcow2": { options: "compat=1.1,cluster_size=64k,compression_type=zstd", compress: true },
};

let sums = "";
for (const [name, { options, compress }] of Object.entries(IMAGES)) {
  const file = join(work, name);
  qemuImg("create", "-f", "qcow2", "-o", options, file, "900k");
  const write = compress ? "write -c" : "write";
  const cluster = Number(/cluster_size=(\d+)/.exec(options)?.[1]) * (options.includes("k") ? 1024 : 1);
  for (const [i, at] of [0, 3, 4, 7, 12].entries()) qemuIo(file, "qcow2", `${write} -P ${i + 40} ${at * cluster} ${cluster}`);
  if (!options.includes("0.10")) qemuIo(file, "qcow2", `write -z ${4 * cluster} ${cluster}`);
  const raw = join(work, "raw");
  qemuImg("convert", "-O", "raw", file, raw);
  sums += `${createHash("sha256").update(readFileSync(raw)).digest("hex")}  ${name}\n`;
  writeFileSync(join(fixtures, `${name}.gz`), gzipSync(readFileSync(file), { level: 9 }));
}
writeFileSync(join(fixtures, "sha256"), sums);
rmSync(work, { recursive: true });
