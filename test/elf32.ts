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

/** An ELF file of symbols alone, all in one section at `base`: what a debugger reads. `bits` 64: x86-64. */
export function symbolFile(bits: 32 | 64, base: number | bigint, length: number, symbols: ReadonlyMap<string, bigint>): Buffer {
  const wide = bits === 64;
  const names = [...symbols].filter(([name, at]) => !name.includes(".") && at >= BigInt(base) && at < BigInt(base) + BigInt(length));
  // One table of strings for the sections and the symbols.
  const sectionNames = "\0.text\0.symtab\0.strtab\0";
  const strings = Buffer.from(sectionNames + names.map(([name]) => `${name}\0`).join(""));
  const entry = wide ? 24 : 16;
  const table = Buffer.alloc((names.length + 1) * entry);
  let nameAt = sectionNames.length;
  names.forEach(([name, address], i) => {
    const at = (i + 1) * entry;
    table.writeUInt32LE(nameAt, at);
    nameAt += name.length + 1;
    const info = at + (wide ? 4 : 12);
    table.writeUInt8(0x12, info); // global function
    table.writeUInt16LE(1, info + 2);
    if (wide) table.writeBigUInt64LE(address, at + 8);
    else table.writeUInt32LE(Number(address), at + 4);
  });
  const head = wide ? 64 : 52;
  const size = wide ? 64 : 40;
  const tableAt = head;
  const stringsAt = tableAt + table.length;
  const sectionsAt = stringsAt + strings.length;
  const elf = Buffer.alloc(sectionsAt + 4 * size);
  elf.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(wide ? 62 : 3, 18);
  elf.writeUInt32LE(1, 20);
  const word = (value: number | bigint, at: number): void => {
    if (wide) elf.writeBigUInt64LE(BigInt(value), at);
    else elf.writeUInt32LE(Number(value), at);
  };
  word(sectionsAt, wide ? 40 : 32);
  elf.writeUInt16LE(head, wide ? 52 : 40);
  elf.writeUInt16LE(size, wide ? 58 : 46);
  elf.writeUInt16LE(4, wide ? 60 : 48);
  elf.writeUInt16LE(3, wide ? 62 : 50);
  elf.set(table, tableAt);
  elf.set(strings, stringsAt);
  /** name, type, flags, address, offset, size, link, info, align, entry size */
  const section = (n: number, name: number, type: number, flags: number, address: number | bigint, offset: number, bytes: number, link: number, info: number, each: number): void => {
    const at = sectionsAt + n * size;
    elf.writeUInt32LE(name, at);
    elf.writeUInt32LE(type, at + 4);
    const step = wide ? 8 : 4;
    [flags, address, offset, bytes].forEach((v, i) => word(v, at + 8 + i * step));
    const rest = at + 8 + 4 * step;
    elf.writeUInt32LE(link, rest);
    elf.writeUInt32LE(info, rest + 4);
    word(1, rest + 8);
    word(each, rest + 8 + step);
  };
  section(1, 1, 8, 6, base, 0, length, 0, 0, 0);
  section(2, 7, 2, 0, 0, tableAt, table.length, 3, 1, entry);
  section(3, 15, 3, 0, 0, stringsAt, strings.length, 0, 0, 0);
  return elf;
}
