/** Page walks: linear to physical for every paging mode. SDM 3A chapter 4. */
import { PF_ERROR, VECTOR } from "../fault.ts";
import { MMU_KERNEL_SMAP, MMU_USER, SEGMENT_FAULT, SS } from "../layout.ts";
import { CR0, CR4, EFER, type CpuState } from "../state.ts";
import type { PhysicalMemory } from "./physical.ts";

export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export const ACCESS_FETCH = 2;

const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
const ACCESSED = 0x20;
const DIRTY = 0x40;
const LARGE = 0x80;
const GLOBAL = 0x100;
const TWO_32 = 0x100000000;

/** A fault that emitted code's slow paths report without an exception. */
export interface PendingFault {
  vector: number;
  errorCode: number;
}

export class PageWalker {
  /** What the last successful walk found, for the TLB. */
  writable = false;
  dirty = false;
  global = false;
  noExecute = false;
  user = false;
  readonly fault: PendingFault = { vector: 0, errorCode: 0 };
  /** The data address whose form raised the last #GP, until the run loop has seen it. */
  nonCanonical: bigint | null = null;

  constructor(
    private readonly state: CpuState,
    private readonly phys: PhysicalMemory,
  ) {}

  /**
   * Physical address of linear address hi:lo, or -1 with `fault` filled (and CR2 set for a page fault).
   * `mmuIndex` carries the privilege and whether SMAP is in force; `access` is ACCESS_*.
   */
  translate(lo: number, hi: number, access: number, mmuIndex: number): number {
    const s = this.state;
    if (hi !== 0 && !(s.efer & EFER.LMA)) {
      // A segment check failed (layout.ts, SEGMENT_FAULT).
      this.fault.vector = (hi & 7) === SS ? VECTOR.SS : VECTOR.GP;
      this.fault.errorCode = 0;
      return -1;
    }
    if (!(s.cr0 & CR0.PG)) {
      this.writable = this.dirty = this.user = true;
      this.global = this.noExecute = this.writeKeyed = false;
      const linear = lo >>> 0;
      return s.a20 ? linear : (linear & ~(1 << 20)) >>> 0;
    }
    if (s.efer & EFER.LMA) {
      if ((hi & ~7) === SEGMENT_FAULT && !s.mode64) {
        this.fault.vector = (hi & 7) === SS ? VECTOR.SS : VECTOR.GP;
        this.fault.errorCode = 0;
        return -1;
      }
      const top = s.cr4 & CR4.LA57 ? hi >> 24 : hi >> 15;
      if (top !== 0 && top !== -1) {
        // The run loop turns it into #SS for stack references.
        if (access !== ACCESS_FETCH) this.nonCanonical = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
        this.fault.vector = VECTOR.GP;
        this.fault.errorCode = 0;
        return -1;
      }
      return this.walk64(lo, hi, access, mmuIndex, s.cr4 & CR4.LA57 ? 5 : 4);
    }
    return s.cr4 & CR4.PAE ? this.walk64(lo, 0, access, mmuIndex, 3) : this.walk32(lo, access, mmuIndex);
  }

  private pageFault(lo: number, hi: number, access: number, mmuIndex: number, bits: number): -1 {
    let code = bits;
    if (access === ACCESS_WRITE) code |= PF_ERROR.write;
    if (mmuIndex === MMU_USER) code |= PF_ERROR.user;
    if (access === ACCESS_FETCH && (this.state.efer & EFER.NXE || this.state.cr4 & CR4.SMEP)) code |= PF_ERROR.fetch;
    this.fault.vector = VECTOR.PF;
    this.fault.errorCode = code;
    this.state.cr2 = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    return -1;
  }

  /** PAE, 4-level and 5-level paging (SDM 3A §4.4, §4.5): `levels` tables of 64-bit entries. */
  private walk64(lo: number, hi: number, access: number, mmuIndex: number, levels: number): number {
    const s = this.state;
    const phys = this.phys;
    const nxe = (s.efer & EFER.NXE) !== 0;
    let table = levels === 3 ? Number(s.cr3 & 0xffffffe0n) : Number(s.cr3 & 0xffffffffff000n);
    let writable = WRITABLE;
    let user = USER;
    let nx = false;
    for (let level = levels; ; level--) {
      const index = level === 5 ? (hi >>> 16) & 511
        : level === 4 ? (hi >>> 7) & 511
        : level === 3 ? (levels === 3 ? lo >>> 30 : ((hi << 2) | (lo >>> 30)) & 511)
        : level === 2 ? (lo >>> 21) & 511
        : (lo >>> 12) & 511;
      const at = table + index * 8;
      const pdpte = levels === 3 && level === 3;
      let eLo = pdpte ? s.pdptes[2 * index] : phys.read32(at);
      const eHi = pdpte ? s.pdptes[2 * index + 1] : phys.read32(at + 4);
      if (!(eLo & PRESENT)) return this.pageFault(lo, hi, access, mmuIndex, 0);
      // Bits 51:maxphyaddr and, without NXE, bit 63 are reserved. We report 40 physical address bits.
      if ((eHi & 0x000fff00) !== 0 || (!nxe && eHi < 0)) {
        return this.pageFault(lo, hi, access, mmuIndex, PF_ERROR.present | PF_ERROR.reserved);
      }
      if (!pdpte) {
        writable &= eLo;
        user &= eLo;
        if (eHi < 0) nx = true;
      }
      const large = level > 1 && (eLo & LARGE) !== 0 && !pdpte;
      if (large && (level > 3 || eLo & (level === 3 ? 0x3fffe000 : 0x1fe000))) {
        return this.pageFault(lo, hi, access, mmuIndex, PF_ERROR.present | PF_ERROR.reserved);
      }
      if (level === 1 || large) {
        if (!this.allowed(writable, user, nx, access, mmuIndex)) {
          return this.pageFault(lo, hi, access, mmuIndex, PF_ERROR.present);
        }
        this.writeKeyed = false;
        if (s.cr4 & CR4.PKE && user && levels > 3 && access !== ACCESS_FETCH) {
          // Protection keys, SDM 3A §4.6.2: bits 62:59 of the entry that maps the page.
          const rights = s.pkru >>> (2 * ((eHi >>> 27) & 15));
          this.writeKeyed = (rights & 2) !== 0;
          const denied = (rights & 1) !== 0 || (this.writeKeyed && access === ACCESS_WRITE && (mmuIndex === MMU_USER || (s.cr0 & CR0.WP) !== 0));
          if (denied) return this.pageFault(lo, hi, access, mmuIndex, PF_ERROR.present | PF_ERROR.protectionKey);
        }
        const want = ACCESSED | (access === ACCESS_WRITE ? DIRTY : 0);
        if ((eLo & want) !== want) {
          eLo |= want;
          phys.write32(at, eLo);
        }
        this.found(writable, user, nx, eLo);
        const base = (eHi & 0xff) * TWO_32;
        if (level === 1) return base + ((eLo & ~0xfff) >>> 0) + (lo & 0xfff);
        if (level === 2) return base + ((eLo & ~0x1fffff) >>> 0) + (lo & 0x1fffff);
        return base + ((eLo & ~0x3fffffff) >>> 0) + (lo & 0x3fffffff);
      }
      if (!pdpte && !(eLo & ACCESSED)) phys.write32(at, eLo | ACCESSED);
      table = (eHi & 0xff) * TWO_32 + ((eLo & ~0xfff) >>> 0);
    }
  }

  /** 32-bit paging with 4 KiB and 4 MiB pages (SDM 3A §4.3). */
  private walk32(lo: number, access: number, mmuIndex: number): number {
    const s = this.state;
    const phys = this.phys;
    const pdeAt = Number(s.cr3 & 0xfffff000n) + (lo >>> 22) * 4;
    const pde = phys.read32(pdeAt);
    if (!(pde & PRESENT)) return this.pageFault(lo, 0, access, mmuIndex, 0);
    const large = (pde & LARGE) !== 0 && (s.cr4 & CR4.PSE) !== 0;
    let at = pdeAt;
    let entry = pde;
    let writable = pde & WRITABLE;
    let user = pde & USER;
    if (large) {
      // PSE-36: bits 20:13 hold address bits 39:32; bit 21 is reserved.
      if (pde & 0x200000) return this.pageFault(lo, 0, access, mmuIndex, PF_ERROR.present | PF_ERROR.reserved);
    } else {
      at = ((pde & ~0xfff) >>> 0) + ((lo >>> 12) & 1023) * 4;
      entry = phys.read32(at);
      if (!(entry & PRESENT)) return this.pageFault(lo, 0, access, mmuIndex, 0);
      writable &= entry;
      user &= entry;
    }
    if (!this.allowed(writable, user, false, access, mmuIndex)) {
      return this.pageFault(lo, 0, access, mmuIndex, PF_ERROR.present);
    }
    if (!large && !(pde & ACCESSED)) phys.write32(pdeAt, pde | ACCESSED);
    const want = ACCESSED | (access === ACCESS_WRITE ? DIRTY : 0);
    if ((entry & want) !== want) {
      entry |= want;
      phys.write32(at, entry);
    }
    this.writeKeyed = false;
    this.found(writable, user, false, entry);
    if (large) return ((pde >>> 13) & 0xff) * TWO_32 + ((pde & 0xffc00000) >>> 0) + (lo & 0x3fffff);
    return ((entry & ~0xfff) >>> 0) + (lo & 0xfff);
  }

  /** Access rights, SDM 3A §4.6.1. */
  private allowed(writable: number, user: number, nx: boolean, access: number, mmuIndex: number): boolean {
    const s = this.state;
    if (mmuIndex === MMU_USER) {
      if (!user) return false;
      if (access === ACCESS_WRITE) return writable !== 0;
      return access !== ACCESS_FETCH || !nx;
    }
    if (access === ACCESS_FETCH) return !nx && !(user && s.cr4 & CR4.SMEP);
    if (user && mmuIndex === MMU_KERNEL_SMAP) return false;
    if (access === ACCESS_WRITE) return writable !== 0 || !(s.cr0 & CR0.WP);
    return true;
  }

  private found(writable: number, user: number, nx: boolean, entry: number): void {
    const supervisorWritable = !(this.state.cr0 & CR0.WP);
    this.writable = writable !== 0;
    this.supervisorOverride = supervisorWritable;
    this.dirty = (entry & DIRTY) !== 0;
    this.global = (entry & GLOBAL) !== 0 && (this.state.cr4 & CR4.PGE) !== 0;
    this.noExecute = nx;
    this.user = user !== 0;
  }
  private supervisorOverride = false;
  /** The page's protection key disables writes: each one walks. */
  private writeKeyed = false;

  /** Whether the walked page may be written at `mmuIndex` without another walk. */
  mayWrite(mmuIndex: number): boolean {
    return this.dirty && !this.writeKeyed && (this.writable || (mmuIndex !== MMU_USER && this.supervisorOverride));
  }
}


