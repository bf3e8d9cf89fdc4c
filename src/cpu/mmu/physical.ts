/** Guest-physical memory: RAM inside linear memory, everything else through the environment. */
import type { CpuEnvironment, IoWidth } from "../env.ts";
import { RAM_BASE } from "../layout.ts";
import type { CpuState } from "../state.ts";
import { PAGE_CLEAN, RamPages } from "./ram-pages.ts";

/** A range of physical pages that is not RAM although it lies below the top of RAM (VGA window, ROM). */
export interface Hole {
  /** Physical page numbers, end exclusive. */
  readonly first: number;
  readonly end: number;
}

/**
 * Linear memory outside RAM that the CPU uses like RAM, at a physical address that may change (video memory). Writes to its
 * pages can be watched: the first one to a page is noted and takes the slow path, the following ones do not.
 */
export interface MemoryWindow {
  /** First physical page, or -1: not visible. */
  first: number;
  pages: number;
  /** Address of the first page in linear memory. */
  linear: number;
  /** A write to page `index` of the window, which is watched no more. */
  readonly onWrite: (index: number) => void;
}

/** Bits of `pageFlags`, with PAGE_CLEAN: writes take the slow path while any is set. */
export const PAGE_CODE = 1;
export const PAGE_WATCHED = 2;

/** Pages below 4 GiB: RAM and windows end there. */
const PAGES_32 = 1 << 20;

/** Which accesses to a page reach RAM: the memory that shadows ROM may do one without the other. */
export const PAGE_ACCESS = { read: 1, write: 2 } as const;
const PAGE_BOTH = PAGE_ACCESS.read | PAGE_ACCESS.write;
/** Beside them: the page's contents are still elsewhere. */
const ABSENT = 4;

/** Where the contents of pages are that have not been touched since a restore. */
export interface PageSource {
  /** Puts the contents of page `ppn` into RAM. It is absent no more when this is called. Throws UserError. */
  bringIn(ppn: number): void;
}

/** The decoded code of a physical page, told about writes to it. Implemented by the decode cache. */
export interface CodePages {
  /** A write of `size` bytes at `offset` of page `ppn` is about to happen. Returns true if the page still holds code. */
  onCodeWrite(ppn: number, offset: number, size: number): boolean;
  /** Pages from `first` to `end` (exclusive) are other memory from now on. */
  onPagesMoved(first: number, end: number): void;
}

export class PhysicalMemory {
  /** PAGE_CODE: decoded code in this page. PAGE_WATCHED: in a window, not written since it was looked at. PAGE_CLEAN. By page number. */
  readonly pageFlags = new Uint8Array(PAGES_32);
  readonly pages: number;
  /** PAGE_ACCESS of each page below the top of RAM, and ABSENT. */
  private readonly access: Uint8Array;
  readonly ram: RamPages;
  private source: PageSource | null = null;
  codePages: CodePages | null = null;
  private readonly windows: MemoryWindow[] = [];

  constructor(
    readonly state: CpuState,
    /** Bytes of RAM, a multiple of 4096, contiguous from physical address 0. */
    readonly ramSize: number,
    holes: readonly Hole[],
    readonly env: CpuEnvironment,
  ) {
    this.pages = ramSize / 4096;
    this.access = new Uint8Array(this.pages).fill(PAGE_BOTH);
    this.ram = new RamPages(this.pageFlags, this.pages);
    for (const h of holes) this.setAccess(h.first, h.end, 0);
  }

  /**
   * What reaches RAM in the pages `first` to `end` (exclusive), PAGE_ACCESS bits; the rest goes to the environment. The caller
   * flushes TLBs and decoded code.
   */
  setAccess(first: number, end: number, access: number): void {
    for (let ppn = first; ppn < Math.min(end, this.pages); ppn++) this.access[ppn] = access | (this.access[ppn] & ABSENT);
  }

  /** From now on pages `first` to `end` (exclusive) come from `source` when they are first looked at. */
  setAbsent(first: number, end: number, source: PageSource): void {
    if (this.source !== null && this.source !== source) throw new RangeError("pages come from one source");
    this.source = source;
    for (let ppn = first; ppn < end; ppn++) this.access[ppn] |= ABSENT;
  }
  isAbsent(ppn: number): boolean {
    return (this.access[ppn] & ABSENT) !== 0;
  }
  /** The source has put the page's contents into RAM by itself, or is about to. */
  setPresent(ppn: number): void {
    this.access[ppn] &= ~ABSENT;
  }
  /** Makes sure that a page of RAM is there, whoever may access it. */
  bringIn(ppn: number): void {
    if (!this.isAbsent(ppn)) return;
    this.setPresent(ppn);
    this.source?.bringIn(ppn);
  }

  /** Linear-memory address of a physical address that reads from RAM, or -1. `paddr` is an exact integer below 2^52. */
  ramAddress(paddr: number): number {
    return this.reach(paddr, PAGE_ACCESS.read);
  }

  /** The same for an address whose writes reach memory. */
  writeAddress(paddr: number): number {
    return this.reach(paddr, PAGE_ACCESS.write);
  }

  private reach(paddr: number, wanted: number): number {
    const ppn = Math.floor(paddr / 4096);
    if (ppn < this.pages) {
      const access = this.access[ppn] & (wanted | ABSENT);
      if (access === wanted) return RAM_BASE + paddr;
      if (access === (wanted | ABSENT)) {
        this.bringIn(ppn);
        return RAM_BASE + paddr;
      }
    }
    return this.inWindow(ppn, paddr);
  }

  /** Whether writes to a page that reads from memory reach the same memory, so that a TLB may let them through. */
  isWritable(ppn: number): boolean {
    if (ppn >= this.pages) return true;
    const access = this.access[ppn] & PAGE_BOTH;
    return access === PAGE_BOTH || access === 0;
  }

  private inWindow(ppn: number, paddr: number): number {
    if (ppn < this.pages && (this.access[ppn] & PAGE_BOTH) !== 0) return -1;
    for (const w of this.windows) if (ppn >= w.first && ppn < w.first + w.pages && w.first >= 0) return w.linear + paddr - w.first * 4096;
    return -1;
  }

  /** Adds a window, which `moveWindow` makes visible. One that was added earlier wins where two overlap; RAM wins over all. */
  addWindow(window: MemoryWindow): void {
    this.windows.push(window);
  }

  /** Places a window. The caller flushes the TLBs: their entries lead to what was there before. */
  moveWindow(window: MemoryWindow, first: number, pages: number, linear: number): void {
    this.forget(window);
    window.first = first;
    window.pages = pages;
    window.linear = linear;
    this.forget(window);
  }

  private forget({ first, pages }: MemoryWindow): void {
    if (first < 0) return;
    // Without PAGE_CODE too: what was outside RAM may have been executed as well.
    this.codePages?.onPagesMoved(first, first + pages);
    for (let ppn = first; ppn < first + pages; ppn++) this.pageFlags[ppn] &= ~PAGE_WATCHED;
  }

  /** A write is about to happen to a page with flags: tells who wants to know. */
  beforeWrite(ppn: number, offset: number, size: number): void {
    const flags = this.pageFlags[ppn];
    if (flags & PAGE_CLEAN) this.ram.note(ppn);
    if (flags & PAGE_WATCHED) {
      this.pageFlags[ppn] &= ~PAGE_WATCHED;
      for (const w of this.windows) if (w.first >= 0 && ppn >= w.first && ppn < w.first + w.pages) w.onWrite(ppn - w.first);
    }
    if (flags & PAGE_CODE) this.codePages?.onCodeWrite(ppn, offset, size);
  }

  /** As `beforeWrite` for any range below the top of RAM, for those who write there themselves. */
  beforeWrites(paddr: number, size: number): void {
    for (let at = paddr; at < paddr + size; ) {
      const ppn = Math.floor(at / 4096);
      const n = Math.min(paddr + size - at, 4096 - (at & 4095));
      if (this.pageFlags[ppn] !== 0) this.beforeWrite(ppn, at & 4095, n);
      at += n;
    }
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
      if (this.pageFlags[ppn] !== 0) this.beforeWrite(ppn, paddr & 4095, 4);
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
      if (this.pageFlags[ppn] !== 0) this.beforeWrite(ppn, paddr & 4095, size);
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
