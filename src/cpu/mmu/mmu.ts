/**
 * The software MMU: fills the TLBs that emitted code reads, and does every access that misses them (MMIO, pages
 * with decoded code, accesses that cross a page). Also the linear-memory access of helpers in TypeScript.
 */
import type { Breakpoints } from "../breakpoints.ts";
import type { AccessTap } from "../debug-tap.ts";
import { GuestFault, VECTOR } from "../fault.ts";
import {
  FETCH_ENTRY_BITS, FETCH_ENTRY_SIZE, FETCH_KEY_FLAT, FETCH_KEY_MODE, FETCH_PPN, FETCH_SLOTS, FETCH_TAG, FETCH_TLB_BASE, FETCH_TLB_ENTRIES, FILLED_BASE, FILLED_MAX,
  MMU_COUNT, MMU_KERNEL_SMAP, MMU_KERNEL, MMU_USER, MMU_USER_ALIGNED, RAM_BASE, STATE, TLB2_BASE, TLB2_ENTRIES, TLB2_GENERATIONS, TLB2_GLOBAL,
  TLB_ADDEND, TLB_BASE, TLB_END, TLB_ENTRIES, TLB_ENTRY_SIZE,
  TLB_PPN, TLB_READ, TLB_WRITE, tlb2Entry, tlbAddress, tlbEntry,
} from "../layout.ts";
import { CR4, type CpuState } from "../state.ts";
import { physicalOf } from "./inspect.ts";
import { OpenPages } from "./open-pages.ts";
import { PAGE_CODE, PAGE_WATCHED, type PhysicalMemory } from "./physical.ts";
import { ACCESS_FETCH, ACCESS_READ, ACCESS_WRITE, PageWalker } from "./walk.ts";

export { ACCESS_FETCH, ACCESS_READ, ACCESS_WRITE };

/** Flag for writeSlow: the present contents are needed too. */
export const SLOW_RMW = 0x100;
/** Flag for writeSlow: up to rCX elements of `size` bytes are written, no further than to the page's end. */
export const SLOW_BULK = 0x200;

export class Mmu {
  readonly walker: PageWalker;
  /** Set by a slow path that returned 0: the fault to deliver. */
  readonly fault: { vector: number; errorCode: number };
  tlbMisses = 0;
  /** Armed data breakpoints: their pages stay out of the TLBs, so that every access to one comes here. */
  watch: Breakpoints | null = null;
  /** The same for a debugger outside the guest. */
  tap: AccessTap | null = null;
  /** Word indices of non-global fetch TLB entries since the last flush. */
  private readonly fetchFilled: number[] = [];

  /** A staged write: two physical pieces. */
  private commitFirst = 0;
  private commitFirstSize = 0;
  private commitSecond = 0;
  private commitSecondSize = 0;

  constructor(
    private readonly state: CpuState,
    readonly phys: PhysicalMemory,
  ) {
    this.walker = new PageWalker(state, phys);
    this.fault = this.walker.fault;
    this.open = new OpenPages(state, phys.pageFlags.length);
    const never = tlbAddress(MMU_USER_ALIGNED) >> 2;
    for (let i = never; i < never + ((TLB_ENTRIES * TLB_ENTRY_SIZE) >> 2); i += TLB_ENTRY_SIZE >> 2) state.i32[i] = state.i32[i + 2] = 1;
    this.flushAll();
  }

  private mmuIndexNow(): number {
    return (this.state.i32[STATE.tlbBase >> 2] - TLB_BASE) / (TLB_ENTRIES * TLB_ENTRY_SIZE);
  }

  /** The index whose page rights count now. */
  private rightsNow(): number {
    const index = this.mmuIndexNow();
    return index === MMU_USER_ALIGNED ? MMU_USER : index;
  }

  /** Empties every TLB, global entries too. */
  flushAll(): void {
    const s = this.state;
    const from = TLB_BASE >> 2;
    const words = (MMU_COUNT * TLB_ENTRIES * TLB_ENTRY_SIZE) >> 2;
    // Tag 1 equals no page-aligned address.
    for (let i = from; i < from + words; i += TLB_ENTRY_SIZE >> 2) {
      s.i32[i] = 1;
      s.i32[i + 1] = 0;
      s.i32[i + 2] = 1;
      s.i32[i + 3] = 0;
    }
    s.i32[STATE.filledCount >> 2] = 0;
    this.forgetSecond();
    this.flushFetch();
  }

  /** Empties the second-level TLB. */
  private forgetSecond(): void {
    const { i32 } = this.state;
    const next = (i32[STATE.tlb2Generation >> 2] >> 2) + 1;
    if (next < TLB2_GENERATIONS) {
      i32[STATE.tlb2Generation >> 2] = next << 2;
      return;
    }
    i32.fill(0, TLB2_BASE >> 2, (TLB2_BASE + TLB2_ENTRIES * TLB_ENTRY_SIZE) >> 2);
    i32[STATE.tlb2Generation >> 2] = 1 << 2;
  }

  /** Empties the fetch TLB (cheap; also when decoded pages are discarded). */
  flushFetch(): void {
    const s = this.state;
    const from = FETCH_TLB_BASE >> 2;
    const step = FETCH_ENTRY_SIZE >> 2;
    for (let i = 0; i < FETCH_TLB_ENTRIES; i++) {
      s.i32[from + i * step] = 0;
      s.i32[from + i * step + 1] = 0;
    }
    this.fetchFilled.length = 0;
    s.i32[STATE.regionGeneration >> 2]++;
  }

  /** A CR3 write: global entries stay when CR4.PGE is set (SDM 3A §4.10.4.1). */
  flushNonGlobal(): void {
    const i32 = this.state.i32;
    const filled = i32[STATE.filledCount >> 2];
    if (!(this.state.cr4 & CR4.PGE) || filled > FILLED_MAX) {
      this.flushAll();
      return;
    }
    this.forgetSecond();
    for (let n = 0; n < filled; n++) {
      const i = i32[(FILLED_BASE >> 2) + n] >> 2;
      i32[i] = 1;
      i32[i + 1] = 0;
      i32[i + 2] = 1;
      i32[i + 3] = 0;
    }
    i32[STATE.filledCount >> 2] = 0;
    for (const i of this.fetchFilled) {
      i32[i] = 0;
      i32[i + 1] = 0;
    }
    this.fetchFilled.length = 0;
    i32[STATE.regionGeneration >> 2]++;
  }

  /** INVLPG: the page that contains hi:lo, in every TLB. Large pages were filled page by page, so all go. */
  invalidatePage(lo: number, hi: number, large: boolean): void {
    if (large) {
      this.flushAll();
      return;
    }
    const i32 = this.state.i32;
    const page = lo & ~0xfff;
    for (let m = 0; m < MMU_COUNT; m++) {
      const at = tlbEntry(m, lo >>> 12) >> 2;
      if (i32[at] === page && i32[at + 1] === hi) i32[at] = 1;
      if (i32[at + 2] === page && i32[at + 3] === hi) i32[at + 2] = 1;
    }
    i32.fill(0, this.second(lo), this.second(lo) + 4);
    const f = (FETCH_TLB_BASE + ((lo >>> 12) & (FETCH_TLB_ENTRIES - 1)) * FETCH_ENTRY_SIZE) >> 2;
    i32[f] = 0;
    i32[f + 1] = 0;
    i32[STATE.regionGeneration >> 2]++;
  }

  private readonly open: OpenPages;

  /** Physical page `ppn` now holds decoded code: writes to it must take the slow path. */
  protectCodePage(ppn: number): void {
    this.phys.pageFlags[ppn] |= PAGE_CODE;
    if (this.open.close(ppn)) this.forgetSecond();
  }

  /** Pages have been marked as watched: writes to them must take the slow path. */
  protectWatchedPages(): void {
    const { i32 } = this.state;
    const flags = this.phys.pageFlags;
    const step = TLB_ENTRY_SIZE >> 2;
    const end = (TLB_BASE >> 2) + MMU_COUNT * TLB_ENTRIES * step;
    for (let i = TLB_BASE >> 2; i < end; i += step) {
      if (flags[i32[i + (TLB_PPN >> 2)]] & PAGE_WATCHED) i32[i + (TLB_WRITE >> 2)] = 1;
    }
    this.forgetSecond();
  }

  /** Physical pages that the TLBs have: what the guest is at. */
  translated(): number[] {
    const { i32 } = this.state;
    const pages = new Set<number>();
    const end = tlbAddress(MMU_COUNT) >> 2;
    for (let i = FETCH_TLB_BASE >> 2; i < TLB_END >> 2; i += FETCH_ENTRY_SIZE >> 2) if (i32[i] !== 0) pages.add(i32[i + (FETCH_PPN >> 2)]);
    for (let i = TLB_BASE >> 2; i < end; i += TLB_ENTRY_SIZE >> 2) if (i32[i] !== 1 || i32[i + (TLB_WRITE >> 2)] !== 1) pages.add(i32[i + (TLB_PPN >> 2)]);
    return [...pages];
  }

  private fill(lo: number, hi: number, paddr: number, linear: number, mmuIndex: number): void {
    const i32 = this.state.i32;
    const at = tlbEntry(mmuIndex, lo >>> 12);
    const i = at >> 2;
    const page = lo & ~0xfff;
    const ppn = Math.floor(paddr / 4096);
    const readable = page;
    i32[i + (TLB_READ >> 2)] = readable;
    i32[i + (TLB_READ >> 2) + 1] = hi;
    const writable = this.walker.mayWrite(mmuIndex) && this.phys.pageFlags[ppn] === 0 && this.phys.isWritable(ppn);
    if (writable) this.open.note(ppn, lo >>> 12);
    i32[i + (TLB_WRITE >> 2)] = writable ? page : 1;
    i32[i + (TLB_WRITE >> 2) + 1] = hi;
    i32[i + (TLB_ADDEND >> 2)] = linear - lo;
    i32[i + (TLB_PPN >> 2)] = ppn;
    const { global } = this.walker;
    if (!global) {
      const n = i32[STATE.filledCount >> 2]++;
      if (n < FILLED_MAX) i32[(FILLED_BASE >> 2) + n] = at;
    }
    const key = page | i32[STATE.tlb2Generation >> 2] | (mmuIndex + 1);
    const second = this.second(lo);
    i32[second + (TLB_READ >> 2)] = key;
    i32[second + (TLB_READ >> 2) + 1] = hi;
    i32[second + (TLB_WRITE >> 2)] = writable ? key : 0;
    i32[second + (TLB_WRITE >> 2) + 1] = hi;
    i32[second + (TLB_ADDEND >> 2)] = linear - lo;
    i32[second + (TLB_PPN >> 2)] = global ? ppn | TLB2_GLOBAL : ppn;
  }
  /** Word index of a page's entry in the second-level TLB. */
  private second(lo: number): number {
    return tlb2Entry(lo >>> 12) >> 2;
  }

  /**
   * A region's read miss: as readSlow, but 0 also for what tier 0 is to do (devices). Nothing has happened then that
   * executing the instruction again does not repeat.
   */
  readDirect(lo: number, hi: number, size: number): number {
    const mmuIndex = this.mmuIndexNow();
    if (mmuIndex === MMU_USER_ALIGNED || this.spied(lo, hi, size)) return 0;
    const a = this.translateQuietly(lo, hi, ACCESS_READ, mmuIndex);
    if (a < 0) return 0;
    const first = 4096 - (lo & 4095);
    const at = this.phys.ramAddress(a);
    if (at < 0) return 0;
    if (first >= size) {
      this.tlbMisses++;
      this.fill(lo, hi, a, at, mmuIndex);
      return at;
    }
    const lo2 = (lo + first) | 0;
    if (lo2 === 0) return 0;
    const b = this.translateQuietly(lo2, hi, ACCESS_READ, mmuIndex);
    const second = b < 0 ? -1 : this.phys.ramAddress(b);
    if (second < 0) return 0;
    this.phys.readBytes(a, first, STATE.scratch);
    this.phys.readBytes(b, size - first, STATE.scratch + first);
    return STATE.scratch;
  }

  /** A region's store of `size` bytes at STATE.scratch across two pages: 1, or 0 where tier 0 is to do it. */
  storeCrossing(lo: number, hi: number, size: number): number {
    const first = 4096 - (lo & 4095);
    const lo2 = (lo + first) | 0;
    if (first >= size || lo2 === 0) return 0;
    const mmuIndex = this.mmuIndexNow();
    const a = this.plainWrite(lo, hi, mmuIndex);
    const b = a < 0 ? -1 : this.plainWrite(lo2, hi, mmuIndex);
    if (b < 0) return 0;
    const { u8 } = this.state;
    u8.copyWithin(a, STATE.scratch, STATE.scratch + first);
    u8.copyWithin(b, STATE.scratch + first, STATE.scratch + size);
    return 1;
  }
  /** Where a byte may be written just so: RAM that nobody watches. -1 otherwise. */
  private plainWrite(lo: number, hi: number, mmuIndex: number): number {
    if (mmuIndex === MMU_USER_ALIGNED || this.spied(lo, hi, 1)) return -1;
    const a = this.translateQuietly(lo, hi, ACCESS_WRITE, mmuIndex);
    const at = a < 0 ? -1 : this.phys.ramAddress(a);
    return at < 0 || this.phys.pageFlags[Math.floor(a / 4096)] !== 0 ? -1 : at;
  }

  /** Whether it faults is tier 0's to say: a segment's limit may come before the page. */
  private translateQuietly(lo: number, hi: number, access: number, mmuIndex: number): number {
    const { cr2 } = this.state;
    const a = this.walker.translate(lo, hi, access, mmuIndex);
    if (a < 0) {
      this.state.cr2 = cr2;
      this.walker.nonCanonical = null;
    }
    return a;
  }

  /** A region's write miss: 0 for what tier 0 is to do (faults, devices, decoded code, two pages). */
  writeDirect(lo: number, hi: number, sizeAndFlag: number): number {
    if (4096 - (lo & 4095) < (sizeAndFlag & 0xff)) return 0;
    const mmuIndex = this.mmuIndexNow();
    if (mmuIndex === MMU_USER_ALIGNED || this.spied(lo, hi, sizeAndFlag & 0xff)) return 0;
    const a = this.translateQuietly(lo, hi, ACCESS_WRITE, mmuIndex);
    if (a < 0) return 0;
    const at = this.phys.ramAddress(a);
    const ppn = Math.floor(a / 4096);
    const flags = this.phys.pageFlags[ppn];
    if (at < 0 || flags & PAGE_CODE || !this.phys.isWritable(ppn)) return 0;
    if (flags !== 0) this.phys.beforeWrite(ppn, a & 4095, sizeAndFlag & 0xff);
    this.tlbMisses++;
    this.fill(lo, hi, a, at, mmuIndex);
    return at;
  }

  /** Tells the debugger of an access to a page that it watches, and says how it is to be done; null: as ever. */
  private tapped(lo: number, hi: number, size: number, write: boolean): "piecewise" | "whole" | null {
    const { tap } = this;
    if (tap === null || !tap.watchesPage(lo, hi, size)) return null;
    tap.dataAccess(lo, hi, size, write);
    return tap.exact ? "piecewise" : "whole";
  }

  /** Whether an access of a region is tier 0's to do, for its page is watched. */
  private spied(lo: number, hi: number, size: number): boolean {
    return this.watch !== null || (this.tap !== null && this.tap.watchesPage(lo, hi, size));
  }

  /** Emitted code's read miss: the linear-memory address where `size` bytes stand, or 0 with `fault` set. */
  readSlow(lo: number, hi: number, size: number): number {
    return this.readAs(lo, hi, size, this.mmuIndexNow());
  }

  /** False, with #AC as the fault, for an access that is checked and not aligned to its size. SDM 3A table 6-7. */
  private aligned(lo: number, size: number): boolean {
    // Vectors need what their halves do; longer pieces belong to areas with a rule of their own.
    const mask = size > 16 ? 3 : size >= 8 ? 7 : size >= 4 ? 3 : size - 1;
    if (!(lo & mask)) return true;
    this.fault.vector = VECTOR.AC;
    this.fault.errorCode = 0;
    return false;
  }

  /** True, with #GP as the fault, for an access into the page behind the last one by code whose segments are flat: it has checked no limit. */
  private beyondFlat(lo: number, hi: number): boolean {
    if (lo >>> 12 !== 0xfffff || hi !== 0 || (this.state.i32[STATE.fetchKey >> 2] & FETCH_KEY_MODE) !== FETCH_KEY_FLAT) return false;
    // The run loop turns it into #SS for stack references.
    this.walker.nonCanonical = BigInt(lo >>> 0);
    this.fault.vector = VECTOR.GP;
    this.fault.errorCode = 0;
    return true;
  }

  private readAs(lo: number, hi: number, size: number, index: number): number {
    const first = 4096 - (lo & 4095);
    const mmuIndex = index === MMU_USER_ALIGNED ? MMU_USER : index;
    if (first < size && this.beyondFlat(lo, hi)) return 0;
    const a = this.walker.translate(lo, hi, ACCESS_READ, mmuIndex);
    if (a < 0 || (index === MMU_USER_ALIGNED && !this.aligned(lo, size))) return 0;
    const watched = this.watch?.watchesPage(lo, hi, size) === true;
    if (watched) this.watch?.dataAccess(lo, hi, size, false);
    const tapped = this.tapped(lo, hi, size, false);
    if (first >= size) {
      this.tlbMisses++;
      const at = this.phys.ramAddress(a);
      if (at >= 0 && !watched && index !== MMU_USER_ALIGNED && tapped !== "piecewise") {
        if (tapped === null) this.fill(lo, hi, a, at, mmuIndex);
        return at;
      }
      this.phys.readBytes(a, size, STATE.scratch);
      return STATE.scratch;
    }
    const lo2 = (lo + first) | 0;
    const b = this.walker.translate(lo2, lo2 === 0 ? (hi + 1) | 0 : hi, ACCESS_READ, mmuIndex);
    if (b < 0) return 0;
    this.phys.readBytes(a, first, STATE.scratch);
    this.phys.readBytes(b, size - first, STATE.scratch + first);
    return STATE.scratch;
  }

  /**
   * Emitted code's write miss: the address to store `size` bytes at, or 0 with `fault` set. When it is
   * STATE.scratch, writeCommit() must follow the store. With SLOW_RMW in `size`, the old contents are there.
   */
  writeSlow(lo: number, hi: number, size: number): number {
    return this.writeAs(lo, hi, size, this.mmuIndexNow());
  }

  private writeAs(lo: number, hi: number, sizeAndFlag: number, index: number): number {
    const size = sizeAndFlag & 0xff;
    const first = 4096 - (lo & 4095);
    const mmuIndex = index === MMU_USER_ALIGNED ? MMU_USER : index;
    if (first < size && this.beyondFlat(lo, hi)) return 0;
    const a = this.walker.translate(lo, hi, ACCESS_WRITE, mmuIndex);
    if (a < 0 || (index === MMU_USER_ALIGNED && !this.aligned(lo, size))) return 0;
    const watched = this.watch?.watchesPage(lo, hi, size) === true;
    if (watched) this.watch?.dataAccess(lo, hi, size, true);
    const tapped = this.tapped(lo, hi, size, true);
    if (first >= size) {
      this.tlbMisses++;
      const at = this.phys.isWritable(Math.floor(a / 4096)) ? this.phys.ramAddress(a) : -1;
      if (at >= 0 && !watched && index !== MMU_USER_ALIGNED && tapped !== "piecewise") {
        const ppn = Math.floor(a / 4096);
        const flags = this.phys.pageFlags;
        // The fill first: beforeWrite may walk nothing, but the walker's findings belong to this translation.
        if (flags[ppn] !== 0) this.phys.beforeWrite(ppn, a & 4095, sizeAndFlag & SLOW_BULK ? this.bulkBytes(a & 4095, size) : size);
        if (tapped === null) this.fill(lo, hi, a, at, mmuIndex);
        return at;
      }
      this.stage(a, size, 0, 0, (sizeAndFlag & SLOW_RMW) !== 0);
      return STATE.scratch;
    }
    const lo2 = (lo + first) | 0;
    const b = this.walker.translate(lo2, lo2 === 0 ? (hi + 1) | 0 : hi, ACCESS_WRITE, mmuIndex);
    if (b < 0) return 0;
    this.stage(a, first, b, size - first, (sizeAndFlag & SLOW_RMW) !== 0);
    return STATE.scratch;
  }

  /** What SLOW_BULK means in bytes. Kernels patch their code by `rep movs` of five: decoded instructions behind it stay. */
  private bulkBytes(offset: number, size: number): number {
    return Math.min(4096 - offset, Number(this.state.reg(1)) * size);
  }

  private stage(a: number, aSize: number, b: number, bSize: number, read: boolean): void {
    this.commitFirst = a;
    this.commitFirstSize = aSize;
    this.commitSecond = b;
    this.commitSecondSize = bSize;
    if (read) {
      this.phys.readBytes(a, aSize, STATE.scratch);
      if (bSize) this.phys.readBytes(b, bSize, STATE.scratch + aSize);
    }
  }

  /** Completes a staged write from STATE.scratch. */
  writeCommit(): void {
    this.phys.writeBytes(this.commitFirst, this.commitFirstSize, STATE.scratch);
    if (this.commitSecondSize) this.phys.writeBytes(this.commitSecond, this.commitSecondSize, STATE.scratch + this.commitFirstSize);
  }

  /** Instruction fetch: physical address of hi:lo, or -1 with `fault` set. */
  translateFetch(lo: number, hi: number): number {
    return this.walker.translate(lo, hi, ACCESS_FETCH, this.rightsNow());
  }

  /** Enters a page into the fetch TLB. `hi:lo` is the page's linear address. */
  fillFetch(lo: number, hi: number, ppn: number, slots: number): void {
    const i = (FETCH_TLB_BASE + (((lo >>> 12) & (FETCH_TLB_ENTRIES - 1)) << FETCH_ENTRY_BITS)) >> 2;
    const i32 = this.state.i32;
    i32[i + (FETCH_TAG >> 2)] = (lo & ~0xfff) | i32[STATE.fetchKey >> 2];
    i32[i + (FETCH_TAG >> 2) + 1] = hi;
    i32[i + (FETCH_SLOTS >> 2)] = slots;
    i32[i + (FETCH_PPN >> 2)] = ppn;
    // Always right after translateFetch: the walker's finding is this page's.
    if (!this.walker.global) this.fetchFilled.push(i);
  }

  /** Physical page number that the fetch TLB has for hi:lo in the present mode, or -1. */
  fetched(lo: number, hi: number): number {
    const i = (FETCH_TLB_BASE + (((lo >>> 12) & (FETCH_TLB_ENTRIES - 1)) << FETCH_ENTRY_BITS)) >> 2;
    const i32 = this.state.i32;
    const tag = (lo & ~0xfff) | i32[STATE.fetchKey >> 2];
    return i32[i + (FETCH_TAG >> 2)] === tag && i32[i + (FETCH_TAG >> 2) + 1] === hi ? i32[i + (FETCH_PPN >> 2)] : -1;
  }

  /** Address of the slot table that the fetch TLB has for hi:lo in the present mode, or far outside of memory. */
  fetchedSlots(lo: number, hi: number): number {
    if (this.fetched(lo, hi) < 0) return -0x80000000;
    return this.state.i32[(FETCH_TLB_BASE + (((lo >>> 12) & (FETCH_TLB_ENTRIES - 1)) << FETCH_ENTRY_BITS) + FETCH_SLOTS) >> 2];
  }

  // --- Helpers' view -------------------------------------------------------------------------------------------

  private raise(): never {
    throw new GuestFault(this.fault.vector, this.fault.errorCode);
  }

  /** Reads `size` (1, 2, 4, 8) bytes, zero-extended, with the rights of the current privilege level. Throws GuestFault. */
  read(linear: bigint, size: number): bigint {
    return this.readWith(linear, size, this.mmuIndexNow());
  }
  /** The same as an implicit supervisor access (descriptor tables, TSS): SDM 3A §4.6.1. */
  readSystem(linear: bigint, size: number): bigint {
    return this.readWith(linear, size, this.systemIndex());
  }
  private systemIndex(): number {
    return this.state.cr4 & CR4.SMAP ? MMU_KERNEL_SMAP : MMU_KERNEL;
  }
  private readWith(linear: bigint, size: number, mmuIndex: number): bigint {
    const at = this.readAs(Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)), size, mmuIndex);
    if (at === 0) this.raise();
    const u8 = this.state.u8;
    if (size <= 4) {
      let v = 0;
      for (let i = size - 1; i >= 0; i--) v = v * 256 + u8[at + i];
      return BigInt(v);
    }
    let v = 0n;
    for (let i = size - 1; i >= 0; i--) v = (v << 8n) | BigInt(u8[at + i]);
    return v;
  }

  /** Writes with the rights of the current privilege level. Throws GuestFault, having written nothing. */
  write(linear: bigint, size: number, value: bigint): void {
    this.writeWith(linear, size, value, this.mmuIndexNow());
  }
  writeSystem(linear: bigint, size: number, value: bigint): void {
    this.writeWith(linear, size, value, this.systemIndex());
  }
  private writeWith(linear: bigint, size: number, value: bigint, mmuIndex: number): void {
    const at = this.writeAs(Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n)), size, mmuIndex);
    if (at === 0) this.raise();
    const u8 = this.state.u8;
    for (let i = 0; i < size; i++) u8[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    if (at === STATE.scratch) this.writeCommit();
  }

  /** Faults unless `size` bytes at `linear` may be written now; changes nothing but accessed and dirty bits. */
  probeWrite(linear: bigint, size: number): void {
    for (const at of [linear, linear + BigInt(size - 1)]) {
      const lo = Number(BigInt.asIntN(32, at));
      if (this.walker.translate(lo, Number(BigInt.asIntN(32, at >> 32n)), ACCESS_WRITE, this.rightsNow()) < 0) this.raise();
    }
  }

  /** Non-faulting read for inspection (disassembly, debugger): null where unmapped or MMIO. Does not touch the TLB. */
  peek(linear: bigint): number | null {
    const a = this.physical(linear);
    const at = a < 0 ? -1 : this.phys.ramAddress(a);
    return at < 0 ? null : this.state.u8[at];
  }
  /** The same for 8 bytes that stand in one page. */
  peek64(linear: bigint): bigint | null {
    if ((linear & 4095n) > 4088n) return null;
    const a = this.physical(linear);
    const at = a < 0 ? -1 : this.phys.ramAddress(a);
    return at < 0 ? null : new DataView(this.state.memory.buffer).getBigUint64(at, true);
  }
  /** Physical page number of a linear address for inspection, or null. */
  physicalPage(linear: bigint): number | null {
    const a = this.physical(linear);
    return a < 0 ? null : Math.floor(a / 4096);
  }
  private physical(linear: bigint): number {
    return physicalOf(this.state, this.phys, linear);
  }
}

/** Guest RAM's place in linear memory, for views. */
export const ramView = (state: CpuState, size: number): Uint8Array => state.u8.subarray(RAM_BASE, RAM_BASE + size);
