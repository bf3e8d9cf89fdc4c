/** Assembles our firmware with our own assembler: `npx tsx bios/build.ts [FILE]`. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../src/base/errors.ts";
import { assembleFiles } from "../src/cpu/isa/assembler.ts";
import { vgaFont } from "../src/devices/vga/font.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SOURCES = join(ROOT, "bios/src");
const IMAGE = join(ROOT, "build/bios/bios.bin");
const STAMP = join(ROOT, "build/bios/bios.json");

export const BIOS_BYTES = 0x1_0000;

/** The screen font, as the assembler's data. */
function fontSource(): string {
  const font = vgaFont(16);
  const lines: string[] = [];
  for (let i = 0; i < font.length; i += 16) lines.push(`  db ${[...font.subarray(i, i + 16)].join(", ")}`);
  return lines.join("\n");
}

function readSource(name: string): string {
  if (name === "font.inc") return fontSource();
  try {
    return readFileSync(join(SOURCES, name), "utf8");
  } catch {
    throw new UserError(`bios: there is no '${name}'`);
  }
}

/** The image: 64 KiB whose last sixteen bytes are the reset vector. */
export function assembleBios(): Uint8Array {
  const { bytes } = assembleFiles("bios.asm", readSource, { mode: 16 });
  if (bytes.length !== BIOS_BYTES) throw new UserError(`bios: the image has ${bytes.length} bytes, not ${BIOS_BYTES}`);
  return bytes;
}

/** SHA-256 over whatever the image depends on. */
function sourceHash(): string {
  const hash = createHash("sha256");
  for (const folder of ["bios", "src/cpu/isa", "src/devices/vga"]) {
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).sort()) {
      if (/\.(asm|inc|ts)$/.test(file) && !file.endsWith(".test.ts")) hash.update(file).update(readFileSync(join(ROOT, folder, file)));
    }
  }
  return hash.digest("hex");
}

/** The image of the present sources; writes it unless it is there. */
export function ensureBios(): Uint8Array<ArrayBuffer> {
  const hash = sourceHash();
  try {
    if ((JSON.parse(readFileSync(STAMP, "utf8")) as { hash: string }).hash === hash) return new Uint8Array(readFileSync(IMAGE));
  } catch {
    // Not there yet.
  }
  const bytes = Uint8Array.from(assembleBios());
  mkdirSync(dirname(IMAGE), { recursive: true });
  for (const [path, data] of [[IMAGE, bytes], [STAMP, JSON.stringify({ hash })]] as const) {
    writeFileSync(`${path}.${process.pid}`, data);
    renameSync(`${path}.${process.pid}`, path);
  }
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const bytes = ensureBios();
    const target = process.argv[2];
    if (target !== undefined) writeFileSync(target, bytes);
    console.log(`${target ?? IMAGE}: ${bytes.length} bytes`);
  } catch (e) {
    if (!(e instanceof UserError)) throw e;
    console.error(e.message);
    process.exitCode = 1;
  }
}
