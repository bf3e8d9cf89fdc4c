/** Kernels of a few bytes for the tests of bad ends. */
import { ELF_HEADERS, elf32 } from "../elf32.ts";

const LOAD = 0x10_0000;

/** A 32-bit Multiboot 1 ELF that runs `code` at 1 MiB + 0x60. */
export function multibootKernel(code: readonly number[]): Buffer {
  const body = Buffer.alloc(12 + code.length);
  const magic = 0x1bad_b002;
  body.writeUInt32LE(magic, 0);
  body.writeUInt32LE(0, 4);
  body.writeUInt32LE((0x1_0000_0000 - magic) >>> 0, 8);
  body.set(code, 12);

  return elf32(body, LOAD, LOAD + ELF_HEADERS + 12);
}
