/** Kernels of a few bytes for the tests of bad ends. */

const LOAD = 0x10_0000;
const HEADERS = 52 + 32;

/** A 32-bit Multiboot 1 ELF that runs `code` at 1 MiB + 0x60. */
export function multibootKernel(code: readonly number[]): Buffer {
  const body = Buffer.alloc(12 + code.length);
  const magic = 0x1bad_b002;
  body.writeUInt32LE(magic, 0);
  body.writeUInt32LE(0, 4);
  body.writeUInt32LE((0x1_0000_0000 - magic) >>> 0, 8);
  body.set(code, 12);

  const elf = Buffer.alloc(HEADERS + body.length);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]); // 32-bit, little endian
  elf.writeUInt16LE(2, 16); // executable
  elf.writeUInt16LE(3, 18); // i386
  elf.writeUInt32LE(1, 20);
  elf.writeUInt32LE(LOAD + HEADERS + 12, 24); // entry
  elf.writeUInt32LE(52, 28); // program headers
  elf.writeUInt16LE(52, 40);
  elf.writeUInt16LE(32, 42);
  elf.writeUInt16LE(1, 44);
  elf.writeUInt32LE(1, 52); // PT_LOAD
  elf.writeUInt32LE(0, 56);
  elf.writeUInt32LE(LOAD, 60);
  elf.writeUInt32LE(LOAD, 64);
  elf.writeUInt32LE(elf.length, 68);
  elf.writeUInt32LE(elf.length, 72);
  elf.writeUInt32LE(7, 76);
  elf.writeUInt32LE(0x1000, 80);
  elf.set(body, HEADERS);
  return elf;
}
