/** Kernel images built by hand for tests, field by field from the specifications, and guest RAM that checks its bounds. */
import type { BootMemory } from "../../src/vmm/boot/plan.ts";

export class TestRam implements BootMemory {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  constructor(readonly size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
  write(paddr: number, bytes: Uint8Array): void {
    if (!Number.isInteger(paddr) || paddr < 0 || paddr + bytes.length > this.size) throw new Error(`write outside RAM at ${paddr}`);
    this.bytes.set(bytes, paddr);
  }
  read(paddr: number, length: number): Uint8Array {
    if (paddr < 0 || paddr + length > this.size) throw new Error(`read outside RAM at ${paddr}`);
    return this.bytes.slice(paddr, paddr + length);
  }
  u8(at: number): number {
    return this.view.getUint8(at);
  }
  u16(at: number): number {
    return this.view.getUint16(at, true);
  }
  u32(at: number): number {
    return this.view.getUint32(at, true);
  }
  u64(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }
  string(at: number): string {
    return Buffer.from(this.bytes.subarray(at, this.bytes.indexOf(0, at))).toString();
  }
}

export interface TestSegment {
  physical: number;
  virtual?: bigint;
  data: Uint8Array;
  memorySize?: number;
  /** 1: PT_LOAD, 3: PT_INTERP, 4: PT_NOTE. */
  type?: number;
}

export interface TestElf {
  bits: 32 | 64;
  entry: bigint | number;
  segments: readonly TestSegment[];
  machine?: number;
  type?: number;
}

/** Segments lie one after the other in the file, the first at 0x1000. */
export function buildElf(elf: TestElf): Uint8Array {
  const wide = elf.bits === 64;
  const ehdr = wide ? 64 : 52;
  const phdr = wide ? 56 : 32;
  const total = 0x1000 + elf.segments.reduce((n, s) => n + s.data.length, 0);
  const bytes = new Uint8Array(total);
  const v = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  v.setUint16(16, elf.type ?? 2, true);
  v.setUint16(18, elf.machine ?? (wide ? 62 : 3), true);
  v.setUint32(20, 1, true);
  if (wide) {
    v.setBigUint64(24, BigInt(elf.entry), true);
    v.setBigUint64(32, BigInt(ehdr), true);
  } else {
    v.setUint32(24, Number(elf.entry), true);
    v.setUint32(28, ehdr, true);
  }
  v.setUint16(wide ? 54 : 42, phdr, true);
  v.setUint16(wide ? 56 : 44, elf.segments.length, true);
  let offset = 0x1000;
  elf.segments.forEach((s, i) => {
    const at = ehdr + i * phdr;
    const memory = s.memorySize ?? s.data.length;
    v.setUint32(at, s.type ?? 1, true);
    if (wide) {
      v.setBigUint64(at + 8, BigInt(offset), true);
      v.setBigUint64(at + 16, s.virtual ?? BigInt(s.physical), true);
      v.setBigUint64(at + 24, BigInt(s.physical), true);
      v.setBigUint64(at + 32, BigInt(s.data.length), true);
      v.setBigUint64(at + 40, BigInt(memory), true);
      v.setBigUint64(at + 48, 4n, true);
    } else {
      v.setUint32(at + 4, offset, true);
      v.setUint32(at + 8, Number(s.virtual ?? BigInt(s.physical)), true);
      v.setUint32(at + 12, s.physical, true);
      v.setUint32(at + 16, s.data.length, true);
      v.setUint32(at + 20, memory, true);
      v.setUint32(at + 28, 4, true);
    }
    bytes.set(s.data, offset);
    offset += s.data.length;
  });
  return bytes;
}

/** A note as in an ELF note section (4-byte alignment). */
export function buildNote(owner: string, type: number, description: readonly number[]): Uint8Array {
  const name = Buffer.from(`${owner}\0`);
  const padded = (n: number): number => (n + 3) & ~3;
  const bytes = new Uint8Array(12 + padded(name.length) + padded(description.length));
  new DataView(bytes.buffer).setUint32(0, name.length, true);
  new DataView(bytes.buffer).setUint32(4, description.length, true);
  new DataView(bytes.buffer).setUint32(8, type, true);
  bytes.set(name, 12);
  bytes.set(description, 12 + padded(name.length));
  return bytes;
}

export interface TestBzImage {
  version?: number;
  payload?: Uint8Array;
  loadFlags?: number;
  relocatable?: boolean;
  xloadFlags?: number;
  prefAddress?: number;
  initSize?: number;
  initrdAddrMax?: number;
  cmdlineSize?: number;
}

/** One setup sector beyond the boot sector; the protected-mode part is 0xCC for 0x400 bytes, then the payload. */
export function buildBzImage(o: TestBzImage = {}): Uint8Array {
  const payload = o.payload ?? new Uint8Array(0);
  const protectedSize = (0x400 + payload.length + 15) & ~15;
  const bytes = new Uint8Array(0x600 + protectedSize);
  const v = new DataView(bytes.buffer);
  bytes[0x1f1] = 2;
  v.setUint32(0x1f4, protectedSize / 16, true);
  v.setUint16(0x1fe, 0xaa55, true);
  v.setUint16(0x200, 0x6aeb, true);
  bytes.set([0x48, 0x64, 0x72, 0x53], 0x202);
  v.setUint16(0x206, o.version ?? 0x20f, true);
  bytes[0x211] = o.loadFlags ?? 1;
  v.setUint32(0x214, 0x100000, true);
  v.setUint32(0x22c, o.initrdAddrMax ?? 0x7fffffff, true);
  v.setUint32(0x230, 0x200000, true);
  bytes[0x234] = (o.relocatable ?? true) ? 1 : 0;
  v.setUint16(0x236, o.xloadFlags ?? 1, true);
  v.setUint32(0x238, o.cmdlineSize ?? 2047, true);
  v.setUint32(0x248, 0x400, true);
  v.setUint32(0x24c, payload.length, true);
  v.setBigUint64(0x258, BigInt(o.prefAddress ?? 0x1000000), true);
  v.setUint32(0x260, o.initSize ?? 0x10000, true);
  bytes.fill(0xcc, 0x600, 0xa00);
  bytes.set(payload, 0xa00);
  return bytes;
}

/** The 12 bytes of a Multiboot 1 header, and the address fields if given: header, load, load end, bss end, entry. */
export function multibootHeader(flags: number, addresses: readonly number[] = []): Uint8Array {
  const v = new DataView(new ArrayBuffer(12 + addresses.length * 4));
  v.setUint32(0, 0x1badb002, true);
  v.setUint32(4, flags, true);
  v.setUint32(8, -(0x1badb002 + flags), true);
  addresses.forEach((a, i) => v.setUint32(12 + i * 4, a, true));
  return new Uint8Array(v.buffer);
}

export function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}
