/** Guest-physical memory: RAM inside linear memory, everything else through the environment. */
import type { CpuEnvironment, IoWidth } from "../env.ts";
import { RAM_BASE } from "../layout.ts";
import type { CpuState } from "../state.ts";

/** A range of physical pages that is not RAM although it lies below the top of RAM (VGA window, ROM). */
export interface Hole {
  /** Physical page numbers, end exclusive. */
  readonly first: number;
  readonly end: number;
}

/** Which accesses to a page reach RAM: the memory that shadows ROM may do one without the other. */
export const PAGE_ACCESS = { read: 1, write: 2 } as const;

/** The decoded code of a physical page, told about writes to it. Implemented by the decode cache. */
export interface CodePages {
  /** A write of `size` bytes at `offset` of page `ppn` is about to happen. Returns true if the page still holds code. */
  onCodeWrite(ppn: number, offset: number, size: number): boolean;
}

export class PhysicalMemory {
  /** Bit 0: decoded code in this page (writes take the slow path). */
  readonly pageFlags: Uint8Array;
  readonly pages: number;
  /** PAGE_ACCESS of each page below the top of RAM. */
  private readonly access: Uint8Array;
  codePages: CodePages | null = null;

  constructor(
    readonly state: CpuState,
    /** Bytes of RAM, a multiple of 4096, contiguous from physical address 0. */
    readonly ramSize: number,
    holes: readonly Hole[],
    readonly env: CpuEnvironment,
  ) {
    this.pages = ramSize / 4096;
    this.pageFlags = new Uint8Array(this.pages);
    this.access = new Uint8Array(this.pages).fill(PAGE_ACCESS.read | PAGE_ACCESS.write);
    for (const h of holes) this.setAccess(h.first, h.end, 0);
  }

  /**
   * What reaches RAM in the pages `first` to `end` (exclusive), PAGE_ACCESS bits; the rest goes to the environment. The caller
   * flushes TLBs and decoded code.
   */
  setAccess(first: number, end: number, access: number): void {
    this.access.fill(access, Math.min(first, this.pages), Math.min(end, this.pages));
  }

  /** Linear-memory address of a physical address that reads from RAM, or -1. `paddr` is an exact integer below 2^52. */
  ramAddress(paddr: number): number {
    const ppn = Math.floor(paddr / 4096);
    return ppn < this.pages && (this.access[ppn] & PAGE_ACCESS.read) !== 0 ? RAM_BASE + paddr : -1;
  }

  /** The same for an address whose writes reach RAM. */
  writeAddress(paddr: number): number {
    const ppn = Math.floor(paddr / 4096);
    return ppn < this.pages && (this.access[ppn] & PAGE_ACCESS.write) !== 0 ? RAM_BASE + paddr : -1;
  }

  /** Whether all accesses to a page reach RAM, so that a TLB may let writes through. */
  isWritableRam(ppn: number): boolean {
    return ppn < this.pages && this.access[ppn] === (PAGE_ACCESS.read | PAGE_ACCESS.write);
  }

  /** Page-table entries and descriptors: aligned 32-bit read; outside RAM through MMIO. */
  read32(paddr: number): number {
    const at = this.ramAddress(paddr);
    return at >= 0 ? this.state.i32[at >>> 2] : this.env.mmioRead(paddr, 4) | 0;
  }

  write32(paddr: number, value: number): void {
    const at = this.writeAddress(paddr);
    if (at >= 0) {
      const ppn = Math.floor(paddr / 4096);
      if (this.pageFlags[ppn] & 1) this.codePages?.onCodeWrite(ppn, paddr & 4095, 4);
      this.state.i32[at >>> 2] = value;
    } else this.env.mmioWrite(paddr, 4, value >>> 0);
  }

  /** Copies from physical memory inside one page into linear memory. */
  readBytes(paddr: number, size: number, to: number): void {
    const at = this.ramAddress(paddr);
    const u8 = this.state.u8;
    if (at >= 0) u8.copyWithin(to, at, at + size);
    else for (let i = 0; i < size; ) {
      const w = widthFor(paddr + i, size - i);
      const v = this.env.mmioRead(paddr + i, w);
      for (let k = 0; k < w; k++) u8[to + i + k] = v >>> (8 * k);
      i += w;
    }
  }

  /** Copies from linear memory to physical memory inside one page, minding code and MMIO. */
  writeBytes(paddr: number, size: number, from: number): void {
    const at = this.writeAddress(paddr);
    const u8 = this.state.u8;
    if (at >= 0) {
      const ppn = Math.floor(paddr / 4096);
      if (this.pageFlags[ppn] & 1) this.codePages?.onCodeWrite(ppn, paddr & 4095, size);
      u8.copyWithin(at, from, from + size);
    } else for (let i = 0; i < size; ) {
      const w = widthFor(paddr + i, size - i);
      let v = 0;
      for (let k = 0; k < w; k++) v |= u8[from + i + k] << (8 * k);
      this.env.mmioWrite(paddr + i, w, v >>> 0);
      i += w;
    }
  }
}

/** The widest naturally aligned access of at most `left` bytes at `paddr`. */
function widthFor(paddr: number, left: number): IoWidth {
  if (left >= 4 && paddr % 4 === 0) return 4;
  if (left >= 2 && paddr % 2 === 0) return 2;
  return 1;
}
