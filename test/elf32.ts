/** The smallest ELF that a Multiboot loader takes: one header, one segment that is the whole file. */

/** Bytes before the body: ELF header (52) and one program header (32). */
export const ELF_HEADERS = 84;

/** `body` follows the headers; the file is loaded at physical address `load` and entered at `entry`. */
export function elf32(body: Uint8Array, load: number, entry: number): Buffer {
  const elf = Buffer.alloc(ELF_HEADERS + body.length);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]); // 32-bit, little endian
  elf.writeUInt16LE(2, 16); // executable
  elf.writeUInt16LE(3, 18); // i386
  elf.writeUInt32LE(1, 20);
  elf.writeUInt32LE(entry, 24);
  elf.writeUInt32LE(52, 28); // program headers
  elf.writeUInt16LE(52, 40);
  elf.writeUInt16LE(32, 42);
  elf.writeUInt16LE(1, 44);
  elf.writeUInt32LE(1, 52); // PT_LOAD
  elf.writeUInt32LE(0, 56);
  elf.writeUInt32LE(load, 60);
  elf.writeUInt32LE(load, 64);
  elf.writeUInt32LE(elf.length, 68);
  elf.writeUInt32LE(elf.length, 72);
  elf.writeUInt32LE(7, 76);
  elf.writeUInt32LE(0x1000, 80);
  elf.set(body, ELF_HEADERS);
  return elf;
}
