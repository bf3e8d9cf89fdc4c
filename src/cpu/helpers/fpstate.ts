/** FXSAVE, XSAVE and their restores: images of x87, SSE and AVX state. SDM 1 chapter 10.5 and 13, SDM 2A "FXSAVE". */
import { GuestFault, VECTOR, generalProtection, undefinedOpcode } from "../fault.ts";
import { STATE, STATUS, TLB_READ, TLB_WRITE, XMM_STRIDE } from "../layout.ts";
import { CR0, CR4, type CpuState } from "../state.ts";
import type { Core } from "./core.ts";
import { MXCSR_EXACT } from "./sse-ops.ts";
import { X87Pointers } from "./x87-pointers.ts";
import { XFEATURE, XSAVE_HEADER_END, XSAVE_PKRU, XSAVE_PKRU_SIZE, xsaveCompactedSize, xsavePkru, xsaveSize } from "./model.ts";

const XSAVE_HEADER = 512;
/** Bits of MXCSR that may be set; FXSAVE reports it as MXCSR_MASK. */
export const MXCSR_MASK = 0xffff;
/** The sticky exception flags. */
const MXCSR_FLAGS = 0x3f;
/** Programs that read the flags are few. */
export const MAX_EXACT_SPACES = 64;
const MXCSR_INIT = 0x1f80;
/** Error summary and busy. */
const ES_B = 0x8080;
const FCW_INIT = 0x37f;

const { x87: X87, sse: SSE, avx: AVX, pkru: PKRU } = XFEATURE;

/** What CPUID shows for XSAVE, XSAVEOPT, XSAVEC, XSAVES. */
const XSAVE_FEATURES = ["xsave", "xsaveopt", "xsavec", "xsaves"] as const;

// Legacy area, SDM 1 table 10-2: FCW and FSW in the first word, FTW and FOP in the second, pointers in the next four.
const MXCSR = 24;
const FPR = 32;
const XMM = 160;

/** Full tag word from the eight empty-or-not bits and the registers' contents. SDM 1 §8.1.7, SDM 2A table 3-48. */
export function fullTags(abridged: number, state: CpuState): number {
  const { i32 } = state;
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    let tag = 3;
    if ((abridged >> i) & 1) {
      const at = (STATE.fpr + i * 16) >> 2;
      const exponent = i32[at + 2] & 0x7fff;
      if (exponent === 0 && (i32[at] | i32[at + 1]) === 0) tag = 1;
      else tag = exponent === 0 || exponent === 0x7fff || i32[at + 1] >= 0 ? 2 : 0;
    }
    tags |= tag << (2 * i);
  }
  return tags;
}

/** One bit per physical register: 1 where it is not empty. */
export function abridgedTags(tags: number): number {
  let out = 0;
  for (let i = 0; i < 8; i++) if (((tags >> (2 * i)) & 3) !== 3) out |= 1 << i;
  return out;
}

/** Words of the image. */
const MXCSR_W = MXCSR >> 2, FPR_W = FPR >> 2, XMM_W = XMM >> 2, HEADER_W = XSAVE_HEADER >> 2, AVX_W = XSAVE_HEADER_END >> 2;
const IMAGE_BYTES = XSAVE_PKRU + XSAVE_PKRU_SIZE;

export class FpState {
  /** The image while it is built or taken apart: the guest's memory from word `base` on where one page has it, else a copy, which `load` and `store` move in pieces. */
  private words: Int32Array;
  private base = 0;
  private readonly copy = new Int32Array(IMAGE_BYTES / 4);

  private readonly pointers: X87Pointers;

  constructor(private readonly core: Core) {
    this.pointers = new X87Pointers(core.state);
    this.words = this.copy;
  }

  /** Where the `size` bytes of the image behind lo:hi (aligned to 4) are handled. */
  private place(lo: number, hi: number, size: number, tag: number): void {
    const { state, memory } = this.core;
    const at = memory.known(lo, hi, size, memory.index(), tag);
    this.words = at === 0 ? this.copy : state.i32;
    this.base = at >>> 2;
  }

  // --- between state and image ---

  /** Intel's processors keep the last instruction's pointers in every image, AMD's where an unmasked exception is pending (APM 3, "FXSAVE"). */
  private withPointers(sw: number): boolean {
    return !this.core.model.amd || (sw & ES_B) !== 0;
  }

  private x87ToImage(wide: boolean): void {
    const { i32 } = this.core.state;
    const { words, base } = this;
    const top = i32[STATE.fpuTop >> 2];
    const sw = i32[STATE.fpuSw >> 2];
    words[base] = (i32[STATE.fpuCw >> 2] & 0xffff) | ((sw | (top << 11)) << 16);
    words[base + 1] = abridgedTags(i32[STATE.fpuTag >> 2]);
    words[base + 2] = words[base + 3] = words[base + 4] = words[base + 5] = 0;
    if (this.withPointers(sw)) this.pointers.toImage(words, base, wide);
    for (let i = 0; i < 8; i++) {
      const from = (STATE.fpr + ((top + i) & 7) * 16) >> 2;
      const to = base + FPR_W + i * 4;
      words[to] = i32[from];
      words[to + 1] = i32[from + 1];
      words[to + 2] = i32[from + 2] & 0xffff;
      words[to + 3] = 0;
    }
  }

  private imageToX87(wide: boolean): void {
    const { i32 } = this.core.state;
    const { words, base } = this;
    const cw = words[base] & 0xffff;
    const present = words[base] >>> 16;
    const top = (present >> 11) & 7;
    // Bit 6 of the control word reads as one; bits 7 and 13-15 are reserved.
    i32[STATE.fpuCw >> 2] = (cw & 0x1f3f) | 0x40;
    // ES and B follow from flags and masks (SDM 1 §8.1.3.3), whatever the image says.
    const sw = present & ~(0x3800 | ES_B);
    i32[STATE.fpuSw >> 2] = sw & ~cw & 0x3f ? sw | ES_B : sw;
    this.pointers.fromImage(words, base, wide);
    i32[STATE.fpuTop >> 2] = top;
    for (let i = 0; i < 8; i++) {
      const to = (STATE.fpr + ((top + i) & 7) * 16) >> 2;
      const from = base + FPR_W + i * 4;
      i32[to] = words[from];
      i32[to + 1] = words[from + 1];
      i32[to + 2] = words[from + 2] & 0xffff;
      i32[to + 3] = 0;
    }
    i32[STATE.fpuTag >> 2] = fullTags(words[base + 1] & 0xff, this.core.state);
  }

  private initX87(): void {
    const { i32, u8 } = this.core.state;
    i32[STATE.fpuCw >> 2] = FCW_INIT;
    i32[STATE.fpuSw >> 2] = 0;
    i32[STATE.fpuTop >> 2] = 0;
    i32[STATE.fpuTag >> 2] = 0xffff;
    u8.fill(0, STATE.fpr, STATE.fpr + 128);
    this.pointers.clear();
  }

  /** Halves of vector registers: the low (`half` 0) to and from XMM's place, the high (4 words on) for AVX. `at`: word of the image. */
  private vectorToImage(at: number, half: number): void {
    const { i32 } = this.core.state;
    const { words } = this;
    let from = (STATE.xmm >> 2) + half;
    let to = this.base + at;
    for (let n = this.registers(); n > 0; n--, from += XMM_STRIDE >> 2, to += 4) {
      words[to] = i32[from];
      words[to + 1] = i32[from + 1];
      words[to + 2] = i32[from + 2];
      words[to + 3] = i32[from + 3];
    }
  }
  private imageToVector(at: number, half: number): void {
    const { i32 } = this.core.state;
    const { words } = this;
    let to = (STATE.xmm >> 2) + half;
    let from = this.base + at;
    for (let n = this.registers(); n > 0; n--, to += XMM_STRIDE >> 2, from += 4) {
      i32[to] = words[from];
      i32[to + 1] = words[from + 1];
      i32[to + 2] = words[from + 2];
      i32[to + 3] = words[from + 3];
    }
  }
  private initVector(half: number): void {
    const { i32 } = this.core.state;
    const count = this.registers();
    for (let r = 0; r < count; r++) {
      const to = ((STATE.xmm + r * XMM_STRIDE) >> 2) + half;
      i32[to] = i32[to + 1] = i32[to + 2] = i32[to + 3] = 0;
    }
  }
  /** XMM8-15 are neither saved nor restored outside 64-bit mode. */
  private registers(): number {
    return this.core.state.mode64 ? 16 : 8;
  }
  private vectorInUse(half: number): boolean {
    const { i32 } = this.core.state;
    for (let r = 0; r < 16; r++) {
      const at = ((STATE.xmm + r * XMM_STRIDE) >> 2) + half;
      if ((i32[at] | i32[at + 1] | i32[at + 2] | i32[at + 3]) !== 0) return true;
    }
    return false;
  }
  private x87InUse(): boolean {
    const { i32 } = this.core.state;
    if (i32[STATE.fpuCw >> 2] !== FCW_INIT || i32[STATE.fpuSw >> 2] !== 0 || i32[STATE.fpuTop >> 2] !== 0) return true;
    if ((i32[STATE.fpuTag >> 2] & 0xffff) !== 0xffff) return true;
    if (!this.core.model.amd && this.pointers.inUse) return true;
    for (let i = STATE.fpr >> 2; i < (STATE.fpr + 128) >> 2; i++) if (i32[i] !== 0) return true;
    return false;
  }
  /** XINUSE: components, of those in `mask`, that are not in their initial configuration. SDM 1 §13.6. */
  inUse(mask: number): number {
    return (mask & X87 && this.x87InUse() ? X87 : 0) | (mask & SSE && this.vectorInUse(0) ? SSE : 0) | (mask & AVX && this.vectorInUse(4) ? AVX : 0) | (mask & PKRU && this.core.state.pkru !== 0 ? PKRU : 0);
  }

  // --- between image and guest memory ---

  /** Writes bytes from..to-1 (multiples of 4) of a copied image behind linear address `lo`,`hi` (aligned to 16). */
  private store(lo: number, hi: number, from: number, to: number): void {
    const { state, memory } = this.core;
    const { copy } = this;
    if (this.words !== copy) return;
    const index = memory.index();
    for (let at = from; at < to; ) {
      const p = (lo + at) | 0;
      // At most 64 bytes, and not across a page: the address is a multiple of 8, so that words stay whole.
      const size = Math.min(64, to - at, 4096 - (p & 4095));
      const dest = memory.writable(p, p >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi, size, index);
      const { i32 } = state;
      for (let k = 0; k < size >> 2; k++) i32[(dest >>> 2) + k] = copy[(at >> 2) + k];
      memory.commit(dest);
      at += size;
    }
  }
  private load(lo: number, hi: number, from: number, to: number): void {
    const { state, memory } = this.core;
    const { copy } = this;
    if (this.words !== copy) return;
    const index = memory.index();
    for (let at = from; at < to; ) {
      const p = (lo + at) | 0;
      const size = Math.min(64, to - at, 4096 - (p & 4095));
      const source = memory.readable(p, p >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi, size, index);
      const { i32 } = state;
      for (let k = 0; k < size >> 2; k++) copy[(at >> 2) + k] = i32[(source >>> 2) + k];
      at += size;
    }
  }

  /** The guest's MXCSR: bits above 15 are ours (sse-ops.ts). */
  private mxcsr(): number {
    return this.core.state.i32[STATE.mxcsr >> 2] & MXCSR_MASK;
  }
  private setMxcsr(value: number): void {
    const { i32 } = this.core.state;
    i32[STATE.mxcsr >> 2] = value | (this.core.state.exactSpaces.has(this.core.state.cr3) ? MXCSR_EXACT : 0);
  }
  private requireMxcsr(value: number): void {
    if (value & ~MXCSR_MASK) throw generalProtection();
  }

  ldmxcsr(value: number): number {
    this.requireMxcsr(value);
    const { state } = this.core;
    if (state.cpl === 3 && (value & MXCSR_FLAGS) === 0) {
      if (state.exactSpaces.size >= MAX_EXACT_SPACES) state.exactSpaces.clear();
      state.exactSpaces.add(state.cr3);
    }
    this.setMxcsr(value);
    return STATUS.next;
  }

  // --- FXSAVE, FXRSTOR ---

  private legacyStart(linear: bigint): void {
    const { core } = this;
    if (core.state.cr0 & (CR0.EM | CR0.TS)) throw new GuestFault(VECTOR.NM);
    core.split(linear);
    if (core.lo & 15) throw generalProtection();
  }

  /** `wide`: with REX.W, which makes 64-bit offsets of FIP and FDP. */
  fxsave(linear: bigint, wide: number): number {
    const { core } = this;
    this.legacyStart(linear);
    const { lo, hi } = core;
    const end = XMM + this.registers() * 16;
    core.memory.probeWrite(lo, hi, end, core.memory.index());
    this.place(lo, hi, end, TLB_WRITE);
    this.x87ToImage(wide !== 0);
    this.words[this.base + MXCSR_W] = this.mxcsr();
    this.words[this.base + MXCSR_W + 1] = MXCSR_MASK;
    this.vectorToImage(XMM_W, 0);
    this.store(lo, hi, 0, end);
    return STATUS.next;
  }

  fxrstor(linear: bigint, wide: number): number {
    const { core } = this;
    this.legacyStart(linear);
    this.place(core.lo, core.hi, XMM + 256, TLB_READ);
    this.load(core.lo, core.hi, 0, XMM + 256);
    const mxcsr = this.words[this.base + MXCSR_W];
    this.requireMxcsr(mxcsr);
    this.imageToX87(wide !== 0);
    this.imageToVector(XMM_W, 0);
    this.setMxcsr(mxcsr);
    return STATUS.next;
  }

  // --- XSAVE family ---

  /** RFBM: the components asked for in EDX:EAX that XCR0 enables. */
  private requested(linear: bigint): number {
    const { core } = this;
    const { state } = core;
    if (!(state.cr4 & CR4.OSXSAVE)) throw undefinedOpcode();
    if (state.cr0 & CR0.TS) throw new GuestFault(VECTOR.NM);
    core.split(linear);
    if (core.lo & 63) throw generalProtection();
    return core.regLo(0) & Number(state.xcr0);
  }

  /** `form`: 0 XSAVE, 1 XSAVEOPT, 2 XSAVEC, 3 XSAVES. SDM 1 §13.7-13.11. */
  xsave(linear: bigint, wide: number, form: number): number {
    const { core } = this;
    const { model, memory } = core;
    if (!model.has(XSAVE_FEATURES[form])) throw undefinedOpcode();
    if (form === 3) core.requireCpl0();
    const mask = this.requested(linear);
    const { lo, hi } = core;
    const compact = form >= 2;
    const size = compact ? xsaveCompactedSize(mask) : xsaveSize(mask);
    memory.probeWrite(lo, hi, size, memory.index());
    this.place(lo, hi, size, TLB_WRITE);
    const { words, base } = this;
    let inUse = this.inUse(mask);
    const mxcsr = this.mxcsr();
    // XSAVEC and XSAVES count MXCSR among the SSE state.
    if (compact && mxcsr !== MXCSR_INIT) inUse |= mask & SSE;
    // XSAVE stores initial configurations too, the others leave them out.
    const stored = form === 0 ? mask : inUse;
    if (stored & X87) {
      this.x87ToImage(wide !== 0);
      this.store(lo, hi, 0, MXCSR);
      this.store(lo, hi, FPR, XMM);
    }
    if (compact ? stored & SSE : mask & (SSE | AVX)) {
      words[base + MXCSR_W] = mxcsr;
      words[base + MXCSR_W + 1] = MXCSR_MASK;
      this.store(lo, hi, MXCSR, FPR);
    }
    if (stored & SSE) {
      this.vectorToImage(XMM_W, 0);
      this.store(lo, hi, XMM, XMM + this.registers() * 16);
    }
    const header = base + HEADER_W;
    if (compact) {
      words[header] = inUse;
      words[header + 1] = 0;
      words[header + 2] = mask;
      words[header + 3] = -0x80000000;
      this.store(lo, hi, XSAVE_HEADER, XSAVE_HEADER + 16);
    } else {
      this.load(lo, hi, XSAVE_HEADER, XSAVE_HEADER + 8);
      words[header] = (words[header] & ~mask) | inUse;
      this.store(lo, hi, XSAVE_HEADER, XSAVE_HEADER + 8);
    }
    if (stored & AVX) {
      this.vectorToImage(AVX_W, 4);
      this.store(lo, hi, XSAVE_HEADER_END, XSAVE_HEADER_END + this.registers() * 16);
    }
    if (stored & PKRU) {
      const at = compact ? xsavePkru(mask) : XSAVE_PKRU;
      words[base + (at >> 2)] = core.state.pkru;
      words[base + (at >> 2) + 1] = 0;
      this.store(lo, hi, at, at + XSAVE_PKRU_SIZE);
    }
    return STATUS.next;
  }

  /** `form`: 0 XRSTOR, 1 XRSTORS. SDM 1 §13.8. */
  xrstor(linear: bigint, wide: number, form: number): number {
    const { core } = this;
    const { model, state } = core;
    if (!model.has(form === 1 ? "xsaves" : "xsave")) throw undefinedOpcode();
    if (form === 1) core.requireCpl0();
    const mask = this.requested(linear);
    const { lo, hi } = core;
    // Whatever is of it, in a page that is there.
    this.place(lo, hi, IMAGE_BYTES, TLB_READ);
    this.load(lo, hi, 0, XSAVE_HEADER_END);
    const { words, base } = this;
    const header = base + HEADER_W;
    const enabled = Number(state.xcr0);
    const present = words[header];
    const layout = words[header + 2];
    const compacted = words[header + 3] < 0;
    if (words[header + 1] !== 0 || present & ~enabled || (form === 1 && !compacted)) throw generalProtection();
    if (compacted) {
      if (!model.has("xsavec") || words[header + 3] !== -0x80000000 || layout & ~enabled || present & ~layout) throw generalProtection();
    } else if (layout !== 0 || words[header + 3] !== 0) throw generalProtection();
    for (let i = 4; i < (compacted ? 16 : 6); i++) if (words[header + i] !== 0) throw generalProtection();
    const restore = mask & present;
    if (compacted ? restore & AVX : mask & AVX) {
      // Its last byte first; in a standard image even where the header says that it is initial (measured on AMD).
      const last = (lo + xsaveSize(AVX) - 1) | 0;
      core.memory.readable(last, last >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi, 1, core.memory.index());
    }
    if (restore & AVX) this.load(lo, hi, XSAVE_HEADER_END, XSAVE_HEADER_END + this.registers() * 16);
    const pkruAt = compacted ? xsavePkru(layout) : XSAVE_PKRU;
    if (restore & PKRU) this.load(lo, hi, pkruAt, pkruAt + XSAVE_PKRU_SIZE);
    let mxcsr = this.mxcsr();
    if (compacted) {
      if (mask & SSE) mxcsr = present & SSE ? words[base + MXCSR_W] : MXCSR_INIT;
    } else if (mask & (SSE | AVX)) mxcsr = words[base + MXCSR_W];
    this.requireMxcsr(mxcsr);
    if (mask & X87) {
      if (restore & X87) this.imageToX87(wide !== 0);
      else this.initX87();
    }
    if (mask & SSE) {
      if (restore & SSE) this.imageToVector(XMM_W, 0);
      else this.initVector(0);
    }
    if (mask & AVX) {
      if (restore & AVX) this.imageToVector(AVX_W, 4);
      else this.initVector(4);
    }
    if (mask & PKRU) this.setPkru(restore & PKRU ? words[base + (pkruAt >> 2)] : 0);
    this.setMxcsr(mxcsr);
    return STATUS.next;
  }

  /** The data TLBs hold what the keys allowed. */
  setPkru(value: number): void {
    const { core } = this;
    if (value === core.state.pkru) return;
    core.state.pkru = value;
    core.mmu.flushAll();
  }
}
