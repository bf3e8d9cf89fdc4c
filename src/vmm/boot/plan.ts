/** Where in guest RAM a loader puts things: every range is reserved once, overlaps and misfits are UserErrors. */
import { UserError } from "../../base/errors.ts";
import { MIB, alignDown, alignUp, hex } from "./bytes.ts";

/** Guest RAM as a loader sees it: [0, size) in one piece. */
export interface BootMemory {
  /** Bytes of RAM. */
  readonly size: number;
  write(paddr: number, bytes: Uint8Array): void;
  read(paddr: number, length: number): Uint8Array;
  /** What firmware has left in RAM; absent: nothing. */
  readonly firmware?: FirmwareData;
}

/** ACPI's root pointer, and the tables' place in RAM. */
export interface FirmwareData {
  readonly rsdp: number;
  readonly tables: { readonly start: number; readonly end: number };
}

/** Start of the reserved area below 1 MiB (EBDA, video memory, ROMs), as on PCs. */
export const LOW_RAM_END = 0x9fc00;
export const HIGH_RAM_START = 0x100000;

export interface Range {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly what: string;
}

const ZEROS = new Uint8Array(64 * 1024);

export class RamPlan {
  private readonly used: Range[] = [{ start: LOW_RAM_END, end: HIGH_RAM_START, what: "the PC's video memory and ROM area" }];

  constructor(readonly memory: BootMemory) {
    if (memory.firmware !== undefined) this.used.push({ ...memory.firmware.tables, what: "the ACPI tables" });
    if (memory.size < 2 * MIB) throw new UserError(`RAM too small: at least 2 MiB are needed, the machine has ${toMib(memory.size)} MiB`);
  }

  /** Takes [start, start + size) for `what`. */
  reserve(start: number, size: number, what: string): Range {
    const end = start + size;
    if (end > this.memory.size) throw this.tooSmall(end, `${what} at ${hex(start)}`);
    const other = this.used.find((r) => r.start < end && start < r.end);
    if (other !== undefined && size > 0) {
      throw new UserError(`kernel: ${what} at ${hex(start)}..${hex(end)} overlaps ${other.what} at ${hex(other.start)}..${hex(other.end)}`);
    }
    const range = { start, end, what };
    if (size > 0) this.used.push(range);
    return range;
  }

  /** The highest free place that ends at or below `limit` and starts at or above `min`. */
  placeHigh(size: number, alignment: number, min: number, limit: number, what: string): Range {
    let top = Math.min(limit, this.memory.size);
    for (;;) {
      const start = alignDown(top - size, alignment);
      if (start < min) break;
      const other = this.conflict(start, size);
      if (other === undefined) return this.reserve(start, size, what);
      top = other.start;
    }
    const lowest = alignUp(this.highestEnd(min), alignment);
    if (lowest + size > limit) {
      throw new UserError(`${what}: ${toMib(size)} MiB do not fit: the kernel takes it between ${hex(lowest)} and ${hex(limit)} only`);
    }
    throw this.tooSmall(alignUp(lowest + size, alignment), what);
  }

  /** The lowest free place at or above `min`. */
  placeLow(size: number, alignment: number, min: number, what: string): Range {
    let start = alignUp(min, alignment);
    for (;;) {
      const other = this.conflict(start, size);
      if (other === undefined) return this.reserve(start, size, what);
      start = alignUp(other.end, alignment);
    }
  }

  write(range: Range, bytes: Uint8Array): void {
    this.memory.write(range.start, bytes);
  }

  /** Writes bytes, then zeros up to `end`: RAM may hold a former run's data. */
  writeZeroExtended(start: number, bytes: Uint8Array, end: number): void {
    if (bytes.length > 0) this.memory.write(start, bytes);
    for (let at = start + bytes.length; at < end; at += ZEROS.length) {
      this.memory.write(at, end - at >= ZEROS.length ? ZEROS : ZEROS.subarray(0, end - at));
    }
  }

  /** End of the highest reserved range, at least `min`. */
  highestEnd(min = 0): number {
    return this.used.reduce((end, r) => Math.max(end, r.end), min);
  }

  private conflict(start: number, size: number): Range | undefined {
    return this.used.find((r) => r.start < start + size && start < r.end);
  }

  private tooSmall(end: number, what: string): UserError {
    return new UserError(
      `RAM too small: ${what} needs at least ${toMib(end)} MiB, the machine has ${Math.floor(this.memory.size / MIB)} MiB`,
    );
  }
}

function toMib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}

/** E820 types. */
export const E820_RAM = 1;
export const E820_RESERVED = 2;
/** RAM that holds ACPI tables: free once they are read. */
export const E820_ACPI = 3;

export interface MemoryMapEntry {
  readonly start: number;
  readonly size: number;
  readonly type: typeof E820_RAM | typeof E820_RESERVED | typeof E820_ACPI;
}

/** The firmware's memory map: as PCs report it, video memory itself is not listed. */
export function memoryMap({ size: ramSize, firmware }: Pick<BootMemory, "size" | "firmware">): readonly MemoryMapEntry[] {
  const tables = firmware?.tables ?? { start: ramSize, end: ramSize };
  const map: MemoryMapEntry[] = [
    { start: 0, size: LOW_RAM_END, type: E820_RAM },
    { start: LOW_RAM_END, size: 0xa0000 - LOW_RAM_END, type: E820_RESERVED },
    { start: 0xf0000, size: 0x10000, type: E820_RESERVED },
    { start: HIGH_RAM_START, size: tables.start - HIGH_RAM_START, type: E820_RAM },
    { start: tables.start, size: tables.end - tables.start, type: E820_ACPI },
    { start: tables.end, size: ramSize - tables.end, type: E820_RAM },
  ];
  return map.filter((e) => e.size > 0);
}
