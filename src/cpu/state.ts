/** The architectural state of one vCPU: views over its block in linear memory, and the registers that no emitted code reads. */
import {
  ARITH_FLAGS, CCM_AF, CCM_AF_EXPLICIT, CCM_PARITY_SHIFT, CCM_SF, CCM_STEP, CCM_STEP_DOWN_SHIFT, CS, DS, ES, FETCH_KEY_16, FETCH_KEY_32, FETCH_KEY_64, FETCH_KEY_FLAT,
  FETCH_KEY_USER, FETCH_KEY_WINDOW, FETCH_KEY_WINDOW_SHIFT, FETCH_TLB_BASE, FLAG, FS, GATE_UNPROTECTED, GS, MMU_KERNEL, MMU_KERNEL_SMAP, MMU_USER,
  MMU_USER_ALIGNED, RETURNS_UNBLOCK, SEG_BASE, SEG_FORBIDDEN, SEG_MAX_READ, SEG_MAX_WRITE, SEG_MIN, SEG_STRIDE, SEG_UNUSABLE, SHADOW_NONE, SHADOW_STACK, SHADOW_STI, SS, STATE, TLB_END, XMM_STRIDE,
  tlbAddress,
} from "./layout.ts";

export const CR0 = { PE: 1, MP: 2, EM: 4, TS: 8, ET: 16, NE: 32, WP: 1 << 16, AM: 1 << 18, NW: 1 << 29, CD: 1 << 30, PG: -0x80000000 } as const;
export const CR4 = {
  VME: 1, PVI: 2, TSD: 4, DE: 8, PSE: 16, PAE: 32, MCE: 64, PGE: 128, PCE: 256, OSFXSR: 512, OSXMMEXCPT: 1024, UMIP: 2048,
  LA57: 4096, VMXE: 8192, SMXE: 16384, FSGSBASE: 1 << 16, PCIDE: 1 << 17, OSXSAVE: 1 << 18, SMEP: 1 << 20, SMAP: 1 << 21, PKE: 1 << 22,
} as const;
export const EFER = { SCE: 1, LME: 1 << 8, LMA: 1 << 10, NXE: 1 << 11 } as const;

/** Segment attributes as in a descriptor's bytes 5 and 6: type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13, D/B 14, G 15. */
export const ATTR = { TYPE: 15, S: 16, DPL: 0x60, P: 0x80, AVL: 0x1000, L: 0x2000, DB: 0x4000, G: 0x8000 } as const;

/** A descriptor-table or system segment register (GDTR, IDTR use base and limit only). */
export interface SystemSegment {
  selector: number;
  base: bigint;
  limit: number;
  attr: number;
}

const FORBIDDEN_HIGH = Number(SEG_FORBIDDEN >> 32n);

const systemSegment = (): SystemSegment => ({ selector: 0, base: 0n, limit: 0xffff, attr: 0 });

/** GDTR, in the state block: emitted code reads it. */
class DescriptorTable implements SystemSegment {
  selector = 0;
  attr = 0;
  constructor(private readonly state: CpuState) {}

  get base(): bigint {
    return this.state.u64[STATE.gdtBase >> 3];
  }
  set base(v: bigint) {
    this.state.u64[STATE.gdtBase >> 3] = v;
  }
  get limit(): number {
    return this.state.u32[STATE.gdtLimit >> 2];
  }
  set limit(v: number) {
    this.state.u32[STATE.gdtLimit >> 2] = v;
  }
}

const PARITY = new Uint8Array(256);
for (let i = 0; i < 256; i++) {
  let p = i ^ (i >> 4);
  p ^= p >> 2;
  p ^= p >> 1;
  PARITY[i] = p & 1 ? 0 : FLAG.PF;
}

export class CpuState {
  u8!: Uint8Array;
  i32!: Int32Array;
  u32!: Uint32Array;
  i64!: BigInt64Array;
  u64!: BigUint64Array;

  cr0 = CR0.ET as number;
  cr2 = 0n;
  cr3 = 0n;
  cr4 = 0;
  /** CR8 where there is no local APIC; otherwise it is its TPR. */
  cr8 = 0;
  efer = 0;
  xcr0 = 1n;
  dr = [0n, 0n, 0n, 0n, 0n, 0n, 0xffff0ff0n, 0x400n];
  /** Rights of the sixteen protection keys: access-disable and write-disable, two bits each. */
  pkru = 0;
  /** The four PDPTE registers of PAE paging, low and high halves: loaded with CR3, not read by walks. SDM 3A §4.4.1. */
  readonly pdptes = new Int32Array(8);
  readonly gdtr: SystemSegment = new DescriptorTable(this);
  idtr = systemSegment();
  ldtr = systemSegment();
  tr = systemSegment();
  /** Visible selectors, expanded limits (bytes, inclusive) and attributes of ES CS SS DS FS GS, in the state block as bases are. */
  selector!: Uint16Array;
  limit!: Uint32Array;
  attr!: Uint16Array;
  /** MSRs that are plain storage, by number. */
  readonly msr = new Map<number, bigint>();
  /** MSRs on the path of every system call, outside the map: see FAST_MSR. The second view holds their halves. */
  fastMsr!: BigUint64Array;
  fastMsr32!: Int32Array;
  /** An event was delivered inside the present instruction (INT n, INT3): TF as it was before raises no #DB. */
  eventTaken = false;
  halted = false;
  /** Something rare waits for the run loop: one of the fields below. Whoever sets one sets this, and lowers STATE.limit. */
  attention = false;
  /** DR6 bits of a trap-class #DB that is due after the present instruction. */
  pendingDebug = 0;
  /** DR0-DR3, DR7 or CR4.DE have changed: breakpoints are to be armed anew. */
  debugChanged = false;
  /** A fault of the task that was just switched to, before its first instruction. */
  taskFault: { readonly vector: number; readonly errorCode: number } | null = null;
  /**
   * Address spaces (CR3) whose program has itself cleared MXCSR's sticky flags: it may read them later, so all of its SSE arithmetic goes
   * through the exact helper from then on, whichever way MXCSR is loaded (MXCSR_EXACT). Others do not pay for exact flags.
   */
  readonly exactSpaces = new Set<bigint>();
  private readonly codeWindows = new Map<number, number>();
  /** An NMI has arrived; they are blocked from the delivery of one to the next IRET. SDM 3A §6.7.1. */
  nmiPending = false;
  get nmiBlocked(): boolean {
    return (this.i32[STATE.returns >> 2] & RETURNS_UNBLOCK) !== 0;
  }
  set nmiBlocked(v: boolean) {
    if (v) this.i32[STATE.returns >> 2] |= RETURNS_UNBLOCK;
    else this.i32[STATE.returns >> 2] &= ~RETURNS_UNBLOCK;
  }
  /** The exception being delivered, or -1: decides double faults (SDM 3A §6.15, table 6-5). */
  delivering = -1;
  a20 = true;

  constructor(readonly memory: { readonly buffer: ArrayBuffer | SharedArrayBuffer }) {
    this.refreshViews();
    this.reset();
  }

  /** Call after the memory has grown. */
  refreshViews(): void {
    const b = this.memory.buffer;
    this.u8 = new Uint8Array(b);
    this.i32 = new Int32Array(b);
    this.u32 = new Uint32Array(b);
    this.i64 = new BigInt64Array(b);
    this.u64 = new BigUint64Array(b);
    this.selector = new Uint16Array(b, STATE.selector, 6);
    this.attr = new Uint16Array(b, STATE.segmentAttr, 6);
    this.limit = new Uint32Array(b, STATE.segmentLimit, 6);
    this.fastMsr = new BigUint64Array(b, STATE.fastMsr, 5);
    this.fastMsr32 = new Int32Array(b, STATE.fastMsr, 10);
  }

  get cpl(): number {
    return this.i32[STATE.cpl >> 2];
  }
  /** After MOV SS / POP SS / STI: interrupts are held off for one instruction (SDM 3A §6.8.3). */
  get interruptShadow(): boolean {
    return this.i32[STATE.shadow >> 2] !== SHADOW_NONE;
  }
  /** The shadow is that of MOV SS or POP SS, which holds off #DB traps too. */
  get shadowOfStack(): boolean {
    return this.i32[STATE.shadow >> 2] === SHADOW_STACK;
  }
  /** One of SHADOW_*. */
  setShadow(shadow: number): void {
    this.i32[STATE.shadow >> 2] = shadow;
  }
  /** STATE.icount of the instruction that cast it; 0 when that was in an earlier run. */
  get shadowCast(): number {
    return this.i32[STATE.shadowCast >> 2];
  }
  set shadowCast(count: number) {
    this.i32[STATE.shadowCast >> 2] = count;
  }

  /** Power-on and RESET state, SDM 3A table 9-1. */
  reset(): void {
    for (let i = 0; i < 16; i++) this.setReg(i, 0n);
    this.setReg(2, 0x00000f00n);
    this.u64[STATE.zero >> 3] = 0n;
    this.cr0 = CR0.ET | CR0.CD | CR0.NW;
    this.cr2 = 0n;
    this.cr3 = 0n;
    this.cr4 = 0;
    this.cr8 = 0;
    this.efer = 0;
    this.xcr0 = 1n;
    this.dr = [0n, 0n, 0n, 0n, 0n, 0n, 0xffff0ff0n, 0x400n];
    this.pkru = 0;
    this.pdptes.fill(0);
    for (const t of [this.gdtr, this.idtr, this.ldtr, this.tr]) Object.assign(t, systemSegment());
    this.ldtr.attr = ATTR.P | 2;
    this.tr.attr = ATTR.P | 11;
    this.setCpl(0);
    this.msr.clear();
    this.fastMsr.fill(0n);
    this.setShadow(SHADOW_NONE);
    this.shadowCast = 0;
    this.i32[STATE.interruptWaiting >> 2] = 0;
    this.halted = false;
    this.delivering = -1;
    this.clearPending();
    this.nmiPending = this.nmiBlocked = false;
    this.debugChanged = this.attention = true;
    for (let s = 0; s < 6; s++) this.setSegment(s, 0, 0n, 0xffff, ATTR.P | ATTR.S | 3);
    this.setSegment(CS, 0xf000, 0xffff0000n, 0xffff, ATTR.P | ATTR.S | 3);
    this.u64[STATE.rip >> 3] = 0xfffffff0n;
    this.i32[STATE.mxcsr >> 2] = 0x1f80;
    this.i32[STATE.fpuCw >> 2] = 0x40;
    this.i32[STATE.fpuSw >> 2] = 0;
    this.i32[STATE.fpuTag >> 2] = 0x5555;
    this.i32[STATE.fpuTop >> 2] = 0;
    this.u8.fill(0, STATE.fpr, STATE.fpr + 128);
    this.u8.fill(0, STATE.fpuOp, STATE.fpuDp + 8);
    this.u8.fill(0, STATE.xmm, STATE.xmm + 16 * XMM_STRIDE);
    this.setFlags(2);
    this.updateMode();
  }

  /** Forgets what waits for the run loop. */
  clearPending(): void {
    this.pendingDebug = 0;
    this.taskFault = null;
  }

  reg(n: number): bigint {
    return this.u64[(STATE.gpr >> 3) + n];
  }
  /** The low 32 bits, unsigned. */
  reg32(n: number): number {
    return this.u32[(STATE.gpr >> 2) + 2 * n];
  }
  setReg(n: number, value: bigint): void {
    this.u64[(STATE.gpr >> 3) + n] = value;
  }
  /** Writes a 32-bit result: the upper half becomes zero. */
  setReg32(n: number, value: number): void {
    const i = (STATE.gpr >> 2) + 2 * n;
    this.i32[i] = value;
    this.i32[i + 1] = 0;
  }
  get rip(): bigint {
    return this.u64[STATE.rip >> 3];
  }
  set rip(value: bigint) {
    this.u64[STATE.rip >> 3] = value;
  }

  segBase(s: number): bigint {
    return this.u64[(STATE.seg + s * SEG_STRIDE + SEG_BASE) >> 3];
  }
  setSegBase(s: number, base: bigint): void {
    this.u64[(STATE.seg + s * SEG_STRIDE + SEG_BASE) >> 3] = base;
  }

  /**
   * Loads a segment register's visible and cached parts. `limit` is in bytes, inclusive. Checks nothing.
   * Loading CS or SS wants updateMode() after it.
   */
  setSegment(s: number, selector: number, base: bigint, limit: number, attr: number): void {
    this.loadSegmentCache(s, selector, 0, limit, attr);
    this.u64[(STATE.seg + s * SEG_STRIDE + SEG_BASE) >> 3] = base;
    this.updateFlat();
  }

  /** The same for a 32-bit base (what descriptors hold), without BigInt: system calls and interrupts come through here. */
  loadSegmentCache(s: number, selector: number, base: number, limit: number, attr: number): void {
    this.selector[s] = selector;
    this.limit[s] = limit;
    this.attr[s] = attr;
    const i32 = this.i32;
    const at = (STATE.seg + s * SEG_STRIDE) >> 2;
    i32[at + (SEG_BASE >> 2)] = base;
    i32[at + (SEG_BASE >> 2) + 1] = 0;
    const usable = (attr & ATTR.P) !== 0;
    const type = attr & 15;
    const code = (type & 8) !== 0;
    const readable = usable && (!code || (type & 2) !== 0);
    const writable = usable && !code && (type & 2) !== 0;
    let low = 0;
    let lowHi = 0;
    let high = limit;
    if (!code && (type & 4) !== 0) {
      // Expand-down, SDM 3A §5.3: valid offsets lie above the limit.
      low = (limit + 1) | 0;
      lowHi = low === 0 ? 1 : 0;
      high = attr & ATTR.DB ? -1 : 0xffff;
    }
    i32[at + (SEG_MIN >> 2)] = readable || writable ? low : 0;
    i32[at + (SEG_MIN >> 2) + 1] = readable || writable ? lowHi : Number(SEG_UNUSABLE >> 32n);
    i32[at + (SEG_MAX_READ >> 2)] = readable ? high : 0;
    i32[at + (SEG_MAX_READ >> 2) + 1] = readable ? 0 : FORBIDDEN_HIGH;
    i32[at + (SEG_MAX_WRITE >> 2)] = writable ? high : 0;
    i32[at + (SEG_MAX_WRITE >> 2) + 1] = writable ? 0 : FORBIDDEN_HIGH;
    if (s >= FS) i32[(STATE.segmentRoom >> 2) + 2 * (s - FS) + 1] = readable && writable && low === 0 && lowHi === 0 && (high | 0) === -1 ? 1 : 0;
    else this.updateFlat();
  }

  get longMode(): boolean {
    return (this.efer & EFER.LMA) !== 0;
  }
  get mode64(): boolean {
    return (this.efer & EFER.LMA) !== 0 && (this.attr[CS] & ATTR.L) !== 0;
  }
  get protectedMode(): boolean {
    return (this.cr0 & CR0.PE) !== 0;
  }
  get v86(): boolean {
    return (this.i32[STATE.eflags >> 2] & FLAG.VM) !== 0;
  }
  /** Code size of the present CS: 16, 32 or 64. */
  get codeBits(): 16 | 32 | 64 {
    return this.mode64 ? 64 : this.attr[CS] & ATTR.DB ? 32 : 16;
  }

  /** Recomputes what emitted code assumes. Call after CR0, CR4, XCR0, EFER, CPL, EFLAGS.AC/VM, CS or SS have changed. */
  updateMode(): void {
    const bits = this.codeBits;
    const { cpl } = this;
    let key = bits === 64 ? FETCH_KEY_64 : bits === 32 ? FETCH_KEY_32 : FETCH_KEY_16;
    const limit = this.limit[CS];
    if (bits === 32 && this.flat) key = FETCH_KEY_FLAT;
    if (bits !== 64 && limit !== 0xffffffff) key |= this.codeWindow(limit) << FETCH_KEY_WINDOW_SHIFT;
    const x87Trap = (this.cr0 & (CR0.EM | CR0.TS)) !== 0 ? 1 : 0;
    const sseTrap = x87Trap !== 0 || (this.cr4 & CR4.OSFXSR) === 0 ? 2 : 0;
    // SDM 2A table 2-18 ff.: VEX wants protected mode outside virtual-8086 mode; AVX state wants the system's consent.
    const noVex = (this.cr0 & CR0.PE) === 0 || (this.i32[STATE.eflags >> 2] & FLAG.VM) !== 0;
    const noAvx = noVex || (this.cr0 & CR0.TS) !== 0 || (this.cr4 & CR4.OSXSAVE) === 0 || (this.xcr0 & 6n) !== 6n;
    this.i32[STATE.fpuGate >> 2] = x87Trap | sseTrap | (noAvx ? 4 : 0) | (noVex ? GATE_UNPROTECTED : 0);
    this.i32[STATE.fetchKey >> 2] = cpl === 3 ? key | FETCH_KEY_USER : key;
    this.i32[STATE.tlbBase >> 2] = tlbAddress(this.mmuIndex());
    this.i32[STATE.kernelTlbBase >> 2] = tlbAddress((this.cr4 & CR4.SMAP) !== 0 ? MMU_KERNEL_SMAP : MMU_KERNEL);
    this.i32[STATE.systemCalls >> 2] = (this.efer & EFER.SCE) !== 0 && (this.efer & EFER.LMA) !== 0 ? 1 : 0;
    this.u64[STATE.spMask >> 3] = bits === 64 ? 0xffffffffffffffffn : this.attr[SS] & ATTR.DB ? 0xffffffffn : 0xffffn;
  }

  /** Offsets in CS, SS, DS and ES are linear addresses, and reach all of 4 GiB; so do stack pointers. Asked in 32-bit code alone. */
  private get flat(): boolean {
    if ((this.attr[SS] & ATTR.DB) === 0 || this.limit[CS] !== 0xffffffff) return false;
    const { i32 } = this;
    for (let s = ES; s <= DS; s++) {
      const at = (STATE.seg + s * SEG_STRIDE) >> 2;
      if (i32[at + (SEG_BASE >> 2)] !== 0) return false;
      if (s !== CS && (i32[at + (SEG_MIN >> 2)] | i32[at + (SEG_MIN >> 2) + 1] | ~i32[at + (SEG_MAX_READ >> 2)] | ~i32[at + (SEG_MAX_WRITE >> 2)]) !== 0) return false;
    }
    return true;
  }

  /** A data segment was loaded, which updateMode need not follow. */
  private updateFlat(): void {
    const key = this.i32[STATE.fetchKey >> 2];
    if ((key & FETCH_KEY_32) !== FETCH_KEY_32) return;
    this.i32[STATE.fetchKey >> 2] = this.flat ? key | FETCH_KEY_FLAT : key & ~(FETCH_KEY_FLAT ^ FETCH_KEY_32);
  }

  /** Number of the present CS's base and limit in fetch keys. When there are no more numbers, the fetch TLB starts afresh. */
  private codeWindow(limit: number): number {
    const base = this.u32[(STATE.seg + CS * SEG_STRIDE + SEG_BASE) >> 2];
    // A limit has 20 bits, of bytes or of pages.
    const name = base * 0x200000 + (limit > 0xfffff ? (limit >>> 12) | 0x100000 : limit);
    let number = this.codeWindows.get(name);
    if (number === undefined) {
      if (this.codeWindows.size >= FETCH_KEY_WINDOW >> FETCH_KEY_WINDOW_SHIFT) {
        this.codeWindows.clear();
        this.i32.fill(0, FETCH_TLB_BASE >> 2, TLB_END >> 2);
      }
      number = this.codeWindows.size + 1;
      this.codeWindows.set(name, number);
    }
    return number;
  }

  mmuIndex(): number {
    if (this.cpl === 3) {
      // SDM 3A §6.15, #AC.
      return (this.cr0 & CR0.AM) !== 0 && (this.i32[STATE.eflags >> 2] & FLAG.AC) !== 0 ? MMU_USER_ALIGNED : MMU_USER;
    }
    return (this.cr4 & CR4.SMAP) !== 0 && (this.i32[STATE.eflags >> 2] & FLAG.AC) === 0 ? MMU_KERNEL_SMAP : MMU_KERNEL;
  }

  /** Changes the privilege level; callers then updateMode(). */
  setCpl(cpl: number): void {
    this.i32[STATE.cpl >> 2] = cpl;
  }

  /** RFLAGS with the lazy flags computed. */
  flags(): number {
    const i32 = this.i32;
    const u32 = this.u32;
    const m = i32[STATE.ccM >> 2];
    const rLo = i32[STATE.ccR >> 2];
    const rHi = i32[(STATE.ccR >> 2) + 1];
    const aLo = u32[STATE.ccA >> 2];
    const aHi = u32[(STATE.ccA >> 2) + 1];
    const bLo = u32[STATE.ccB >> 2];
    const bHi = u32[(STATE.ccB >> 2) + 1];
    let f = i32[STATE.eflags >> 2];
    const borrow = aLo < bLo ? 1 : 0;
    const dHi = (aHi - bHi - borrow) | 0;
    if (aHi < bHi || (aHi === bHi && borrow !== 0)) f |= FLAG.CF;
    if ((rLo | rHi) === 0) f |= FLAG.ZF;
    if (rHi < 0 || m < 0) f |= FLAG.SF;
    f |= PARITY[(rLo ^ (m >> CCM_PARITY_SHIFT)) & 0xff];
    const down = (m >> CCM_STEP_DOWN_SHIFT) & 1;
    if (m & CCM_STEP) {
      // As after INC or DEC: from the result alone (a word of it, unless it is 64 bits wide).
      const overflowed = (m & 63) === 0 ? rLo === -down && rHi === ((-0x80000000 - down) | 0) : ((rLo + down) << (m & 63)) === -0x80000000;
      if (overflowed) f |= FLAG.OF;
    } else if (((aHi ^ bHi) & (aHi ^ dHi)) < 0) f |= FLAG.OF;
    if (m & CCM_AF_EXPLICIT) f |= m & CCM_AF ? FLAG.AF : 0;
    else if (m & CCM_STEP) f |= ((rLo + down) & 15) === 0 ? FLAG.AF : 0;
    else {
      const bit = 4 + (m & 63);
      const word = bit < 32 ? aLo ^ bLo ^ (aLo - bLo) : aHi ^ bHi ^ dHi;
      f |= ((word >>> (bit & 31)) & 1) << 4;
    }
    return f;
  }

  /** Sets all of RFLAGS. */
  setFlags(f: number): void {
    this.i32[STATE.eflags >> 2] = (f & ~ARITH_FLAGS) | 2;
    this.i64[STATE.ccR >> 3] = f & FLAG.ZF ? 0n : f & FLAG.SF ? -0x8000000000000000n : 0x100n;
    // PARITY of a zero byte is even, so the XOR byte is odd exactly when PF is clear.
    let m = (f & FLAG.PF ? 0 : 1) << CCM_PARITY_SHIFT;
    m |= CCM_AF_EXPLICIT | (f & FLAG.AF ? CCM_AF : 0);
    if (f & FLAG.SF) m |= CCM_SF;
    this.i32[STATE.ccM >> 2] = m;
    const cf = f & FLAG.CF ? 1n : 0n;
    const of = (f & FLAG.OF) !== 0;
    this.u64[STATE.ccA >> 3] = of ? 0x8000000000000000n - cf : 0n;
    this.i64[STATE.ccB >> 3] = of ? (cf ? -0x8000000000000000n : 1n) : cf;
  }

  /** Called by the instruction itself. Of several in a row only the first holds interrupts off (SDM 2B "MOV", "STI"). */
  castInterruptShadow(ofStack: boolean): void {
    const now = this.i32[STATE.icount >> 2];
    if (this.interruptShadow && this.shadowCast === now - 1) return;
    this.setShadow(ofStack ? SHADOW_STACK : SHADOW_STI);
    this.shadowCast = now;
  }

  get interruptsEnabled(): boolean {
    return (this.i32[STATE.eflags >> 2] & FLAG.IF) !== 0;
  }

  /** FS and GS bases as MSRs. */
  get fsBase(): bigint {
    return this.segBase(FS);
  }
  get gsBase(): bigint {
    return this.segBase(GS);
  }
}


