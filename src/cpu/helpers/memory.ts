/**
 * Linear memory as helpers see it, without BigInt: addresses are 32-bit halves, the TLBs are tried before the MMU's slow
 * paths. Every failed access throws GuestFault before anything is written.
 */
import { GuestFault, VECTOR } from "../fault.ts";
import {
  FLAG, MMU_KERNEL, MMU_KERNEL_SMAP, MMU_USER, SEGMENT_FAULT, STATE, TLB_ADDEND, TLB_READ, TLB_WRITE, tlbAddress, tlbEntry,
} from "../layout.ts";
import type { Mmu } from "../mmu/mmu.ts";
import { CR4, EFER, type CpuState } from "../state.ts";

export class LinearMemory {
  /** Upper half of what `read64` returned last. */
  hi = 0;

  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
  ) {}

  /** MMU index of implicit supervisor accesses (descriptor tables, TSS): EFLAGS.AC does not matter. SDM 3A §4.6.1. */
  systemIndex(): number {
    return this.state.cr4 & CR4.SMAP ? MMU_KERNEL_SMAP : MMU_KERNEL;
  }
  /** MMU index of the present privilege level. */
  index(): number {
    return this.state.mmuIndex();
  }
  /** MMU index of explicit accesses at privilege level `cpl`: stack pushes of an event that changes level. */
  indexAt(cpl: number): number {
    if (cpl === 3) return MMU_USER;
    const s = this.state;
    return (s.cr4 & CR4.SMAP) !== 0 && (s.i32[STATE.eflags >> 2] & FLAG.AC) === 0 ? MMU_KERNEL_SMAP : MMU_KERNEL;
  }

  /** Whether hi is the upper half of a canonical address. SDM 1 §3.3.7.1. */
  canonical(hi: number): boolean {
    const top = hi >> (this.state.cr4 & CR4.LA57 ? 24 : 15);
    return top === 0 || top === -1;
  }

  /** Where bytes hi:lo..+size-1 are in Wasm memory if they are in one page that a TLB knows for `tag` (TLB_READ, TLB_WRITE); else 0. */
  known(lo: number, hi: number, size: number, index: number, tag: number): number {
    if ((lo & 0xfff) + size > 4096) return 0;
    const i32 = this.state.i32;
    const e = tlbEntry(index, lo >>> 12) >> 2;
    return i32[e + (tag >> 2)] === (lo & ~0xfff) && i32[e + (tag >> 2) + 1] === hi ? (lo + i32[e + (TLB_ADDEND >> 2)]) >>> 0 : 0;
  }

  /** Where `size` (at most 64) bytes of hi:lo can be read in Wasm memory; may be STATE.scratch. */
  readable(lo: number, hi: number, size: number, index: number): number {
    return this.known(lo, hi, size, index, TLB_READ) || this.slow(lo, hi, size, index, false);
  }

  /** Where to store `size` (at most 64) bytes of hi:lo; `commit` must follow the stores. */
  writable(lo: number, hi: number, size: number, index: number): number {
    return this.known(lo, hi, size, index, TLB_WRITE) || this.slow(lo, hi, size, index, true);
  }

  /** Completes the stores to what `writable` returned. */
  commit(at: number): void {
    if (at === STATE.scratch) this.mmu.writeCommit();
  }

  private slow(lo: number, hi: number, size: number, index: number, write: boolean): number {
    const i32 = this.state.i32;
    const present = i32[STATE.tlbBase >> 2];
    i32[STATE.tlbBase >> 2] = tlbAddress(index);
    // Legacy modes have 32-bit linear addresses; an upper half there is what a failed segment check left (layout.ts).
    const top = this.state.efer & EFER.LMA || (hi & ~7) === SEGMENT_FAULT ? hi : 0;
    const at = write ? this.mmu.writeSlow(lo, top, size) : this.mmu.readSlow(lo, top, size);
    this.state.i32[STATE.tlbBase >> 2] = present;
    if (at === 0) throw new GuestFault(this.mmu.fault.vector, this.mmu.fault.errorCode);
    return at;
  }

  /** Faults unless hi:lo..+size-1 can be written; at most two pages. */
  probeWrite(lo: number, hi: number, size: number, index: number): void {
    this.writable(lo, hi, 1, index);
    const end = (lo + size - 1) | 0;
    if ((end ^ lo) & ~0xfff) this.writable(end, end >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi, 1, index);
  }

  // Wasm memory, any alignment.
  get16(at: number): number {
    const u8 = this.state.u8;
    return u8[at] | (u8[at + 1] << 8);
  }
  get32(at: number): number {
    if ((at & 3) === 0) return this.state.i32[at >>> 2];
    const u8 = this.state.u8;
    return u8[at] | (u8[at + 1] << 8) | (u8[at + 2] << 16) | (u8[at + 3] << 24);
  }
  put32(at: number, value: number): void {
    if ((at & 3) === 0) this.state.i32[at >>> 2] = value;
    else {
      const u8 = this.state.u8;
      u8[at] = value;
      u8[at + 1] = value >>> 8;
      u8[at + 2] = value >>> 16;
      u8[at + 3] = value >>> 24;
    }
  }
  put64(at: number, lo: number, hi: number): void {
    this.put32(at, lo);
    this.put32(at + 4, hi);
  }

  /** Reads 1, 2, 4 or 8 bytes: the low half as a signed number, the upper half (or 0) in `hi`. */
  read(lo: number, hi: number, size: number, index: number): number {
    const at = this.readable(lo, hi, size, index);
    this.hi = 0;
    if (size === 8) {
      this.hi = this.get32(at + 4);
      return this.get32(at);
    }
    return size === 4 ? this.get32(at) : size === 2 ? this.get16(at) : this.state.u8[at];
  }

  /** Writes 1, 2, 4 or 8 bytes. */
  write(lo: number, hi: number, size: number, index: number, value: number, valueHi = 0): void {
    const at = this.writable(lo, hi, size, index);
    if (size >= 4) {
      this.put32(at, value);
      if (size === 8) this.put32(at + 4, valueHi);
    } else {
      this.state.u8[at] = value;
      if (size === 2) this.state.u8[at + 1] = value >>> 8;
    }
    this.commit(at);
  }

  /** #SS(errorCode) unless hi is canonical. */
  requireStackCanonical(hi: number, errorCode = 0): void {
    if (!this.canonical(hi)) throw new GuestFault(VECTOR.SS, errorCode);
  }
}
