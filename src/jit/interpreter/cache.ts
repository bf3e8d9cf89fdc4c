/**
 * The decode cache: instruction records by physical page and code size, found through a slot table of each page.
 * Writes to decoded bytes turn the records concerned into detours to their slot (self- and cross-modifying code).
 */
import { DECODE_OK, DECODE_TOO_LONG, DECODE_TRUNCATED, decode, Insn, type CodeMode } from "../../cpu/decode/decoder.ts";
import { BREAKPOINT_REACHED, VECTOR } from "../../cpu/fault.ts";
import {
  ARENA_BASE, ARENA_SIZE, CS, FETCH_KEY_16, FETCH_KEY_32, FETCH_KEY_64, FETCH_KEY_FLAT, FETCH_KEY_MODE, FETCH_KEY_WINDOW, REC, RECORD_SIZE,
  SLOT_CACHE_BASE, SLOT_CACHE_ENTRIES, SLOT_CACHE_ENTRY_SIZE, SLOT_CACHE_SLOT, SLOT_TABLE_SIZE, STATE,
} from "../../cpu/layout.ts";
import type { Mmu } from "../../cpu/mmu/mmu.ts";
import type { CodePages, PhysicalMemory } from "../../cpu/mmu/physical.ts";
import type { CpuState } from "../../cpu/state.ts";
import { slotCacheEntry } from "./arrivals.ts";
import { PSEUDO } from "./handlers.ts";
import type { CodeStops } from "../code-stops.ts";
import type { RecordWriter } from "./records.ts";

const PAGE = 4096;
/** Instructions decoded in one go at most. */
const RUN_LIMIT = 64;
/** Bytes of arena that any machine has: the start of a kernel empties it once. */
const LEAST_ARENA = 24 << 20;
/** After so many writes near code without a new decode, the page counts as data again. */
const WRITES_BEFORE_DROP = 64;

/**
 * CodePage.last where CS spans 4 GiB, and where it ends, but not so near that an instruction of this page could reach its end. Regions
 * are made of pages of the first kind alone, so that compiled code checks no limit.
 */
const WHOLE = 8191;
const FAR = PAGE + 15;

/** Decoded code of a physical page. What CS's limit cuts off is decoded apart for each place of the cut. */
interface CodePage {
  readonly ppn: number;
  readonly mode: CodeMode;
  /** Decoded as 32-bit code in flat segments: apart from other 32-bit code. */
  readonly flat: boolean;
  /** Offset in the page of the last byte that CS's limit allows. */
  readonly last: number;
  readonly slots: number;
  writes: number;
  /** Records of instructions of the page before that end in this one. */
  crossers: { slot: number; record: number; ip: number }[];
}

const MODE_OF_KEY: Record<number, CodeMode> = { [FETCH_KEY_16]: 16, [FETCH_KEY_32]: 32, [FETCH_KEY_64]: 64, [FETCH_KEY_FLAT]: 32 };

/** What holds compiled code of the pages, told of their changes. */
export interface CompiledCode {
  invalidate(ppn: number, offset: number, size: number): void;
  /** All records are gone. */
  forgetAll(): void;
}

export class DecodeCache implements CodePages {
  regions: CompiledCode | null = null;
  /** Times TypeScript decoded a run. */
  misses = 0;
  instructionsDecoded = 0;
  flushes = 0;
  /** Breakpoints of some kind are armed: everything runs in tier 0, which stops after any instruction. */
  breakpointsArmed = false;
  /** Where execution breakpoints stand; null while none is armed. */
  stops: CodeStops | null = null;
  private pages = new Map<number, CodePage>();
  /** All of a physical page. */
  private readonly ofPpn = new Map<number, CodePage[]>();
  private top = ARENA_BASE;
  /** Where the arena ends for this machine: in proportion to its RAM, for what was written once stays the host's to hold. */
  private readonly end: number;
  /** What lies above has never been written: slots there are zero as they are, and the host need not give them memory. */
  private written: number;
  private readonly insn = new Insn();
  /** Bytes of an instruction that crosses a page. */
  private readonly window = new Uint8Array(32);
  /** Contents of a page outside RAM, for execution from MMIO. */
  private readonly foreign = new Uint8Array(PAGE);

  constructor(
    private readonly state: CpuState,
    private readonly phys: PhysicalMemory,
    private readonly mmu: Mmu,
    private readonly writer: RecordWriter,
    /** The memory is new. */
    fresh = false,
  ) {
    this.written = fresh ? ARENA_BASE : ARENA_BASE + ARENA_SIZE;
    this.end = ARENA_BASE + Math.min(ARENA_SIZE, Math.max(LEAST_ARENA, phys.ramSize / 4));
    phys.codePages = this;
    this.u16 = new Uint16Array(state.memory.buffer);
  }

  private get i32(): Int32Array {
    return this.state.i32;
  }
  private readonly u16: Uint16Array;

  /** Forgets everything. Only between runs: record addresses become invalid. */
  flush(): void {
    for (const p of this.pages.values()) this.phys.pageFlags[p.ppn] &= ~1;
    this.regions?.forgetAll();
    this.pages.clear();
    this.ofPpn.clear();
    this.written = Math.max(this.written, this.top);
    this.top = ARENA_BASE;
    this.flushes++;
    this.mmu.flushFetch();
    this.i32.fill(0, SLOT_CACHE_BASE >> 2, (SLOT_CACHE_BASE + SLOT_CACHE_ENTRIES * SLOT_CACHE_ENTRY_SIZE) >> 2);
  }

  /** Writes a slot. Emitted code remembers what it found in some. */
  private setSlot(slot: number, record: number): void {
    const { i32 } = this;
    i32[slot >> 2] = record;
    const cached = (slotCacheEntry(slot) + SLOT_CACHE_SLOT) >> 2;
    if (i32[cached] === slot) i32[cached] = 0;
  }

  private allocate(bytes: number): number {
    const at = this.top;
    this.top += bytes;
    return at;
  }

  private mode(): CodeMode {
    return MODE_OF_KEY[this.i32[STATE.fetchKey >> 2] & FETCH_KEY_MODE] ?? 64;
  }

  private flat(): boolean {
    return (this.i32[STATE.fetchKey >> 2] & FETCH_KEY_MODE) === FETCH_KEY_FLAT;
  }

  private static key(ppn: number, mode: CodeMode, flat: boolean, last: number): number {
    // The common ones are small integers, which maps find soonest.
    const whole = ppn * 4 + (flat ? 3 : mode >> 5);
    return last === WHOLE ? whole : -1 - (whole * WHOLE + last);
  }

  /** CodePage.last for the page of linear address `lo`; below its offset when the address itself is beyond the limit. */
  private lastOf(lo: number): number {
    const { state } = this;
    if ((state.i32[STATE.fetchKey >> 2] & FETCH_KEY_WINDOW) === 0) return WHOLE;
    const offset = (lo - Number(state.segBase(CS))) >>> 0;
    return Math.min(FAR, (lo & 4095) + state.limit[CS] - offset);
  }

  /** What regions are made of: 32-bit code has flat segments. */
  private whole(ppn: number, mode: CodeMode): CodePage | undefined {
    return this.pages.get(DecodeCache.key(ppn, mode, mode === 32, WHOLE));
  }

  private page(ppn: number, mode: CodeMode, flat: boolean, last: number): CodePage {
    const key = DecodeCache.key(ppn, mode, flat, last);
    let page = this.pages.get(key);
    if (page === undefined) {
      // An empty record behind it: what stands before a run's first record is never taken for one of its pairs.
      const size = SLOT_TABLE_SIZE + RECORD_SIZE;
      const slots = this.allocate(size);
      if (slots < this.written) this.state.i32.fill(0, slots >> 2, Math.min(slots + size, this.written) >> 2);
      page = { ppn, mode, flat, last, slots, writes: 0, crossers: [] };
      this.pages.set(key, page);
      const all = this.ofPpn.get(ppn);
      if (all === undefined) this.ofPpn.set(ppn, [page]);
      else all.push(page);
    }
    return page;
  }

  /** Makes room for one more run and its pages. */
  private reserve(): void {
    if (this.top + 4 * (SLOT_TABLE_SIZE + RECORD_SIZE) + (RUN_LIMIT + 4) * 2 * RECORD_SIZE > this.end) this.flush();
  }

  /**
   * Prepares execution at linear address hi:lo: fetch TLB entry and records. False when the fetch faults: mmu.fault is set.
   */
  prepare(lo: number, hi: number): boolean {
    // Jumps in flat code may go around. Running on past the last page does not.
    if (hi !== 0 && this.flat() && (lo !== 0 || hi < 0)) hi = this.i32[(STATE.rip >> 2) + 1] = 0;
    this.reserve();
    const last = this.lastOf(lo);
    // Running on past the limit. SDM 3A §5.3.1.
    if (last < (lo & 4095)) return this.beyondLimit();
    // A breakpoint comes before the faults of fetching: SDM 3A table 6-2.
    if (this.stops?.at(lo, hi, -1) === true) return this.stopHere();
    const paddr = this.mmu.translateFetch(lo, hi);
    if (paddr < 0) return false;
    const ppn = Math.floor(paddr / PAGE);
    const page = this.page(ppn, this.mode(), this.flat(), last);
    if (this.stops !== null) {
      for (const offset of this.stops.mapped(lo, hi, ppn)) this.forgetIn(page, offset);
      if (this.stops.at(lo, hi, ppn)) return this.stopHere();
    }
    this.mmu.fillFetch(lo, hi, ppn, page.slots);
    const at = page.slots + (lo & 4095) * 4;
    if (this.i32[at >> 2] !== 0 && this.phys.ramAddress(paddr) >= 0) return this.crossReady(page, lo, hi);
    return this.decodeRun(page, lo, hi);
  }

  private beyondLimit(): false {
    this.mmu.fault.vector = VECTOR.GP;
    this.mmu.fault.errorCode = 0;
    return false;
  }

  private stopHere(): false {
    this.mmu.fault.vector = BREAKPOINT_REACHED;
    return false;
  }

  /** A cached page-crossing instruction: its second page must be mapped and the one decoded, or it is decoded anew. */
  private crossReady(page: CodePage, lo: number, hi: number): boolean {
    const slot = page.slots + (lo & 4095) * 4;
    const record = this.plain(this.i32[slot >> 2]);
    if ((this.i32[record >> 2] & 0xffff) !== PSEUDO.cross) return true;
    const second = this.secondPage(lo, hi);
    if (second < 0) return false;
    if (this.i32[(record + REC.imm) >> 2] === second) return true;
    return this.decodeRun(page, lo, hi);
  }

  /** Enters the page after hi:lo's into the fetch TLB; its physical page number, or -1 with mmu.fault set. */
  private secondPage(lo: number, hi: number): number {
    const lo2 = ((lo & ~4095) + PAGE) | 0;
    const hi2 = lo2 === 0 ? (hi + 1) | 0 : hi;
    const paddr = this.mmu.translateFetch(lo2, hi2);
    if (paddr < 0) return -1;
    const ppn = Math.floor(paddr / PAGE);
    const last = this.lastOf(lo2);
    if (last >= 0) this.mmu.fillFetch(lo2, hi2, ppn, this.page(ppn, this.mode(), this.flat(), last).slots);
    return ppn;
  }

  private bytesOf(ppn: number): { bytes: Uint8Array; base: number } {
    const at = this.phys.ramAddress(ppn * PAGE);
    if (at >= 0) return { bytes: this.state.u8, base: at };
    for (let i = 0; i < PAGE; i += 4) {
      const v = this.phys.env.mmioRead(ppn * PAGE + i, 4);
      for (let k = 0; k < 4; k++) this.foreign[i + k] = v >>> (8 * k);
    }
    return { bytes: this.foreign, base: 0 };
  }

  private protect(ppn: number): void {
    if (!(this.phys.pageFlags[ppn] & 1) && this.phys.ramAddress(ppn * PAGE) >= 0) this.mmu.protectCodePage(ppn);
  }

  /** Decodes from hi:lo until control leaves, the page ends or known records begin. */
  private decodeRun(page: CodePage, lo: number, hi: number): boolean {
    this.misses++;
    page.writes = 0;
    this.protect(page.ppn);
    const { bytes, base } = this.bytesOf(page.ppn);
    const { insn, writer, i32 } = this;
    insn.flat = page.flat;
    let ip = lo & 4095;
    // An instruction's record is written before its slot, so that a fault on the way leaves nothing.
    const start = this.top;
    let at = start;
    for (let n = 0; ; n++) {
      if (ip >= PAGE) {
        writer.writeLookup(at, ip);
        at += RECORD_SIZE;
        break;
      }
      const slot = page.slots + ip * 4;
      if (n > 0 && (i32[slot >> 2] !== 0 || n >= RUN_LIMIT)) {
        writer.writeGoto(at, ip, slot);
        at += RECORD_SIZE;
        break;
      }
      if (n > 0 && this.stops?.at((lo & ~4095) | ip, hi, page.ppn) === true) {
        writer.writeRaise(at, ip, 1, BREAKPOINT_REACHED);
        this.setSlot(slot, at);
        at += RECORD_SIZE;
        break;
      }
      if (ip > page.last) {
        writer.writeLookup(at, ip);
        at += RECORD_SIZE;
        break;
      }
      const status = decode(bytes, base + ip, base + PAGE, page.mode, insn);
      if (status === DECODE_TRUNCATED) {
        if (n > 0) {
          // Only on demand: fetching the next page may fault.
          writer.writeGoto(at, ip, slot);
          at += RECORD_SIZE;
          break;
        }
        return this.decodeCrossing(page, lo, hi, at);
      }
      this.instructionsDecoded++;
      if (ip + insn.length - 1 > page.last) {
        writer.writeRaise(at, ip, insn.length, VECTOR.GP);
        this.setSlot(slot, at);
        at += RECORD_SIZE;
        break;
      }
      if (status === DECODE_OK) writer.write(at, insn, ip, page.slots);
      else writer.writeRaise(at, ip, Math.max(1, insn.length), status === DECODE_TOO_LONG ? VECTOR.GP : VECTOR.UD);
      this.setSlot(slot, at);
      at += RECORD_SIZE;
      if (status !== DECODE_OK || writer.ends(insn)) break;
      ip += insn.length;
    }
    writer.fuse(start, at);
    this.top = at;
    return true;
  }

  /** One instruction whose bytes stand in two pages. */
  private decodeCrossing(page: CodePage, lo: number, hi: number, at: number): boolean {
    const ip = lo & 4095;
    const head = PAGE - ip;
    if (page.last < PAGE) return this.beyondLimit();
    const first = this.bytesOf(page.ppn);
    this.window.set(first.bytes.subarray(first.base + ip, first.base + PAGE));
    const second = this.secondPage(lo, hi);
    if (second < 0) return false;
    const { crossers } = this.page(second, page.mode, page.flat, WHOLE);
    // Pages may have been made.
    at = this.top;
    const tail = this.bytesOf(second);
    this.window.set(tail.bytes.subarray(tail.base, tail.base + 15), head);
    this.insn.flat = page.flat;
    const status = decode(this.window, 0, head + 15, page.mode, this.insn);
    this.instructionsDecoded++;
    this.protect(second);
    const { writer } = this;
    writer.writeCross(at, ip, second);
    const record = at + RECORD_SIZE;
    const length = Math.max(head + 1, this.insn.length);
    const within = ip + this.insn.length - 1 <= page.last;
    if (status === DECODE_OK && within) writer.write(record, this.insn, ip, page.slots);
    else writer.writeRaise(record, ip, length, !within ? VECTOR.GP : status === DECODE_TOO_LONG ? VECTOR.GP : VECTOR.UD);
    writer.writeLookup(record + RECORD_SIZE, ip + this.insn.length);
    const slot = page.slots + ip * 4;
    this.setSlot(slot, at);
    crossers.push({ slot, record: at, ip });
    this.top = Math.max(this.top, at + 3 * RECORD_SIZE);
    return true;
  }

  // --- Writes to code --------------------------------------------------------------------------------------------------

  onCodeWrite(ppn: number, offset: number, size: number): boolean {
    let holdsCode = false;
    // Regions first: their records stand before the plain ones.
    this.regions?.invalidate(ppn, offset, size);
    for (const page of this.ofPpn.get(ppn) ?? []) {
      if (++page.writes > WRITES_BEFORE_DROP) {
        this.regions?.invalidate(ppn, 0, PAGE);
        this.detour(page, 0, PAGE);
      } else {
        this.detour(page, offset, size);
        holdsCode = true;
      }
    }
    if (!holdsCode) this.phys.pageFlags[ppn] &= ~1;
    return holdsCode;
  }

  onPagesMoved(first: number, end: number): void {
    for (const ppn of [...this.ofPpn.keys()]) if (ppn >= first && ppn < end) this.onCodeWrite(ppn, 0, PAGE);
  }

  /** Forgets the instructions at this offset of every page: a breakpoint there comes or goes. */
  forgetOffset(offset: number): void {
    for (const page of [...this.pages.values()]) this.forgetIn(page, offset);
  }

  /** Not a write: the page goes on as code. */
  private forgetIn(page: CodePage, offset: number): void {
    this.regions?.invalidate(page.ppn, offset, 1);
    this.detour(page, offset, 1);
  }

  /** Records whose bytes overlap the range go back to "not decoded". */
  private detour(page: CodePage, offset: number, size: number): void {
    const { i32, u16 } = this;
    const end = Math.min(PAGE, offset + size);
    for (let ip = Math.max(0, offset - 14); ip < end; ip++) {
      const slot = page.slots + ip * 4;
      const record = i32[slot >> 2];
      if (record === 0) continue;
      const real = u16[record >> 1] === PSEUDO.cross ? record + RECORD_SIZE : record;
      if (u16[(real + REC.next) >> 1] <= offset) continue;
      this.setSlot(slot, 0);
      this.writer.unfuse(record - RECORD_SIZE);
      this.writer.writeGoto(record, ip, slot);
      if (real !== record) this.writer.writeGoto(real, ip, slot);
    }
    if (page.crossers.length === 0) return;
    const kept: CodePage["crossers"] = [];
    for (const c of page.crossers) {
      if (this.plain(i32[c.slot >> 2]) !== c.record) continue;
      const next = u16[(c.record + RECORD_SIZE + REC.next) >> 1];
      if (offset < next - PAGE) {
        this.setSlot(c.slot, 0);
        this.writer.writeGoto(c.record, c.ip, c.slot);
        this.writer.writeGoto(c.record + RECORD_SIZE, c.ip, c.slot);
      } else kept.push(c);
    }
    page.crossers = kept;
  }

  // --- Regions ---------------------------------------------------------------------------------------------------------

  /** The instruction's own record behind a region's. */
  private plain(record: number): number {
    return (this.i32[record >> 2] & 0xffff) === PSEUDO.region ? this.i32[(record + REC.link) >> 2] : record;
  }

  /** Whether the instruction at offset `ip` of a page is decoded. */
  isDecoded(ppn: number, mode: CodeMode, ip: number): boolean {
    const page = this.whole(ppn, mode);
    return page !== undefined && this.i32[(page.slots + ip * 4) >> 2] !== 0;
  }

  /** Address of the slot of offset `ip`, or 0. */
  slotOf(ppn: number, mode: CodeMode, ip: number): number {
    const page = this.whole(ppn, mode);
    return page === undefined ? 0 : page.slots + ip * 4;
  }

  /** Writes to this page are to be seen: a region holds its code. */
  watch(ppn: number, mode: CodeMode): void {
    this.page(ppn, mode, mode === 32, WHOLE).writes = 0;
    this.protect(ppn);
  }

  /**
   * Enters region `index` of the table at offset `ip`: the address of its record, or 0 where there is no instruction now. Branches lead to the
   * instruction's record without a look into its slot: it becomes a detour, and the instruction gets another.
   */
  installRegion(ppn: number, mode: CodeMode, ip: number, index: number): number {
    const page = this.whole(ppn, mode);
    if (page === undefined || this.top + 3 * RECORD_SIZE > this.end) return 0;
    const slot = page.slots + ip * 4;
    let own = this.plain(this.i32[slot >> 2]);
    if (own === 0) return 0;
    // No branch is chained to those.
    if (this.u16[own >> 1] !== PSEUDO.cross) {
      const copy = this.allocate(2 * RECORD_SIZE);
      this.writer.writeCopy(copy, own, page.slots);
      this.writer.unfuse(own - RECORD_SIZE);
      this.writer.writeGoto(own, ip, slot);
      own = copy;
    }
    const record = this.allocate(RECORD_SIZE);
    this.writer.writeRegion(record, ip, index, own);
    this.setSlot(slot, record);
    return record;
  }

  /** Undoes installRegion, but for where the instruction's record is. */
  removeRegion(ppn: number, mode: CodeMode, ip: number, record: number): void {
    const page = this.whole(ppn, mode);
    if (page === undefined) return;
    const slot = page.slots + ip * 4;
    if (this.i32[slot >> 2] === record) this.setSlot(slot, this.plain(record));
    this.writer.writeGoto(record, ip, slot);
  }

  /** Offsets of decoded instructions of the page of hi:lo, for showing code: slot table lookup without side effects. */
  decodedOffsets(ppn: number, mode: CodeMode): number[] {
    const pages = (this.ofPpn.get(ppn) ?? []).filter((page) => page.mode === mode);
    const found: number[] = [];
    for (let ip = 0; ip < PAGE; ip++) if (pages.some(({ slots }) => this.i32[(slots + ip * 4) >> 2] !== 0)) found.push(ip);
    return found;
  }

  /** Bytes of the arena in use. */
  get bytesUsed(): number {
    return this.top - ARENA_BASE;
  }
}

