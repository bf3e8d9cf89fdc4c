/**
 * The processor's local APIC: xAPIC page and x2APIC registers. SDM 3A chapter 10 (325462, "Advanced Programmable
 * Interrupt Controller"; chapter 11 in editions since 2023). One processor: an IPI goes to itself or to nobody.
 *
 * At reset LINT0 is an unmasked ExtINT, as firmware leaves the bootstrap processor (virtual wire mode, Intel
 * MultiProcessor Specification 1.4 §3.6.2.2), because most guests start here without firmware.
 */
import type { Scheduler } from "../../base/clock.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import { DELIVERY, type ApicBus, type ApicMessage } from "./message.ts";
import { ApicTimer } from "./timer.ts";
import { VectorSet } from "./vector-set.ts";

/** Register offsets in the page, and 16 times the x2APIC register number. SDM 3A table 10-1. */
export const APIC = {
  id: 0x20, version: 0x30, tpr: 0x80, ppr: 0xa0, eoi: 0xb0, ldr: 0xd0, dfr: 0xe0, svr: 0xf0, isr: 0x100, tmr: 0x180, irr: 0x200,
  esr: 0x280, icrLow: 0x300, icrHigh: 0x310, lvtTimer: 0x320, lvtThermal: 0x330, lvtPerformance: 0x340, lvtLint0: 0x350,
  lvtLint1: 0x360, lvtError: 0x370, initialCount: 0x380, currentCount: 0x390, divide: 0x3e0, selfIpi: 0x3f0,
} as const;

export const MSR_APIC_BASE = 0x1b;
export const MSR_TSC_DEADLINE = 0x6e0;
export const MSR_X2APIC_FIRST = 0x800;
export const MSR_X2APIC_LAST = 0x8ff;

const BASE_BSP = 0x100;
const BASE_X2APIC = 0x400;
const BASE_ENABLE = 0x800;
export const APIC_PAGE_DEFAULT = 0xfee0_0000;

/** Version 14h (integrated xAPIC), six LVT entries. */
const VERSION = 0x0005_0014;
const LVT_MASK = 1 << 16;
const SVR_ENABLE = 1 << 8;
const LVT_FIRST = APIC.lvtTimer;
/** Writable bits of the six LVT entries, in the order of their offsets. SDM 3A figure 10-8. */
const LVT_WRITABLE = [0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff] as const;
const ICR_WRITABLE = 0x000c_cfff;
const ESR = { sendIllegalVector: 1 << 5, receiveIllegalVector: 1 << 6, illegalRegister: 1 << 7 } as const;
const ICR_LEVEL_ASSERT = 1 << 14;

/** What the local APIC drives. */
export interface LocalApicSignals {
  /** INTR towards the core has become asserted. */
  intr(): void;
  nmi(): void;
  init(): void;
  /** The end of a level-triggered interrupt, for the I/O APICs. */
  endOfInterrupt(vector: number): void;
  /** Physical address of the register page, or null: hardware-disabled or x2APIC mode. */
  page(base: number | null): void;
}

/** The 8259 pair on LINT0. */
export interface ExternalInterrupts {
  readonly asserted: boolean;
  acknowledge(): number;
}

export interface LocalApicOptions {
  readonly scheduler: Scheduler;
  readonly crystalHz: number;
  readonly tscHz: number;
  readonly external: ExternalInterrupts;
  readonly signals: LocalApicSignals;
  /** False: the processor has none; it passes INTR through. */
  readonly fitted: boolean;
  /** What CPUID promises. */
  readonly x2apic: boolean;
  readonly tscDeadline: boolean;
  /** Physical address bits. */
  readonly physicalBits: number;
}

export class LocalApic implements Persistent, ApicBus {
  readonly sectionName = "apic";
  readonly sectionVersion = 1;
  /** The 4 KiB page of xAPIC mode. */
  readonly page: BusRegion;
  /** INTR towards the core: acknowledge() has a vector. */
  asserted = false;

  private readonly id = 0;
  private base = 0;
  private tpr = 0;
  private ldr = 0;
  private dfr = 0xffff_ffff;
  private svr = 0xff;
  private esr = 0;
  /** Errors since the last write to ESR. */
  private errors = 0;
  private icrLow = 0;
  private icrHigh = 0;
  private readonly lvt = new Uint32Array(LVT_WRITABLE.length);
  private readonly irr = new VectorSet();
  private readonly isr = new VectorSet();
  private readonly tmr = new VectorSet();
  /** An ExtINT came as a message; the vector is the 8259s'. */
  private externalLatched = false;
  private readonly timer: ApicTimer;

  constructor(private readonly options: LocalApicOptions) {
    this.timer = new ApicTimer(options.scheduler, options.crystalHz, options.tscHz, {
      expire: () => this.localInterrupt(APIC.lvtTimer),
      // An illegal vector is recorded once in ESR.
      pending: () => this.irr.has(this.lvt[0] & 0xff) || (this.lvt[0] & 0xff) < 16,
    });
    this.page = {
      length: 0x1000,
      widths: [1, 2, 4],
      // Accesses other than of a register's doubleword are undefined (§10.4.1): reads give its part, writes are dropped.
      read: (offset) => (offset & 0xc) === 0 ? this.readRegister(offset & 0xff0) >>> (8 * (offset & 3)) : 0,
      write: (offset, width, value) => {
        if (width === 4 && (offset & 0xc) === 0) this.writeRegister(offset & 0xff0, value);
      },
    };
    this.powerUp();
  }

  private powerUp(): void {
    this.base = APIC_PAGE_DEFAULT + (this.options.fitted ? BASE_ENABLE | BASE_BSP : BASE_BSP);
    this.clear();
    this.lvt[(APIC.lvtLint0 - LVT_FIRST) >> 4] = DELIVERY.extInt << 8;
  }

  /** The state after power-up, reset or global disable. §10.4.7.1 */
  private clear(): void {
    this.tpr = this.ldr = this.esr = this.errors = this.icrLow = this.icrHigh = 0;
    this.dfr = 0xffff_ffff;
    this.svr = 0xff;
    this.lvt.fill(LVT_MASK);
    this.irr.clear();
    this.isr.clear();
    this.tmr.clear();
    this.externalLatched = false;
    this.timer.reset();
  }

  reset(): void {
    this.powerUp();
    this.options.signals.page(this.pageAddress);
    this.update();
  }

  private get enabled(): boolean {
    return (this.base & BASE_ENABLE) !== 0;
  }
  private get x2apic(): boolean {
    return (this.base & BASE_X2APIC) !== 0;
  }
  private get softwareEnabled(): boolean {
    return (this.svr & SVR_ENABLE) !== 0;
  }
  /** CPUID.1:EDX.APIC follows IA32_APIC_BASE.EN (§10.4.3). */
  get present(): boolean {
    return this.enabled;
  }
  get pageAddress(): number | null {
    return this.enabled && !this.x2apic ? Math.floor(this.base / 4096) * 4096 : null;
  }

  // --- Delivery to the core --------------------------------------------------------------------------------------------

  private get ppr(): number {
    const served = Math.max(this.isr.highest, 0) & 0xf0;
    return (this.tpr & 0xf0) >= served ? this.tpr : served;
  }

  /** The vector that the core would get from IRR now, or -1. */
  private deliverable(): number {
    const v = this.irr.highest;
    return this.enabled && v >= 0 && (v & 0xf0) > (this.ppr & 0xf0) ? v : -1;
  }

  private externalAsserted(): boolean {
    if (this.externalLatched) return true;
    if (!this.options.external.asserted) return false;
    // Hardware-disabled, LINT0 is the INTR pin.
    if (!this.enabled) return true;
    return (this.lvt[(APIC.lvtLint0 - LVT_FIRST) >> 4] & (LVT_MASK | 0x700)) === DELIVERY.extInt << 8;
  }

  private update(): void {
    const asserted = this.deliverable() >= 0 || this.externalAsserted();
    if (asserted === this.asserted) return;
    this.asserted = asserted;
    if (asserted) this.options.signals.intr();
  }

  /** The 8259s' INTR has changed. */
  externalChanged(): void {
    const lint0 = this.lvt[(APIC.lvtLint0 - LVT_FIRST) >> 4];
    if (this.options.external.asserted && this.enabled && (lint0 & 0x700) !== DELIVERY.extInt << 8) this.localInterrupt(APIC.lvtLint0);
    this.update();
  }

  /** The core takes an interrupt: its vector. What has gone meanwhile gives the spurious vector. */
  acknowledge(): number {
    const v = this.deliverable();
    if (v < 0 && this.externalAsserted()) {
      this.externalLatched = false;
      const vector = this.options.external.acknowledge();
      this.update();
      return vector;
    }
    if (v < 0) return this.svr & 0xff;
    this.irr.delete(v);
    this.isr.add(v);
    this.update();
    if (v === (this.lvt[0] & 0xff)) this.timer.resume();
    return v;
  }

  /** A local source by its LVT entry. */
  private localInterrupt(entry: number): void {
    const lvt = this.lvt[(entry - LVT_FIRST) >> 4];
    if ((lvt & LVT_MASK) !== 0) return;
    // Timer and error have no delivery mode: always fixed.
    const mode = entry === APIC.lvtTimer || entry === APIC.lvtError ? DELIVERY.fixed : (lvt >>> 8) & 7;
    this.accept({ vector: lvt & 0xff, mode, level: entry === APIC.lvtLint0 && mode === DELIVERY.fixed && (lvt & 0x8000) !== 0 });
  }

  /** A message from the bus. */
  deliver(message: ApicMessage): void {
    if (this.enabled && this.addressed(message)) this.accept(message);
  }

  /** §10.6.2: physical, flat and cluster destinations. */
  private addressed({ destination, logical }: ApicMessage): boolean {
    const broadcast = this.x2apic ? 0xffff_ffff : 0xff;
    // An 8-bit destination of all ones is a broadcast in every mode.
    if (destination === broadcast || destination === 0xff) return true;
    if (!logical) return destination === this.id;
    if (this.x2apic) return destination >>> 16 === 0 && (destination & 1) !== 0;
    const own = this.ldr >>> 24;
    if (this.dfr >>> 28 === 0xf) return (destination & own) !== 0;
    return (destination & 0xf0) === (own & 0xf0) && (destination & own & 0x0f) !== 0;
  }

  private accept({ vector, mode, level }: Pick<ApicMessage, "vector" | "mode" | "level">): void {
    switch (mode) {
      case DELIVERY.fixed:
      case DELIVERY.lowestPriority:
        // Software-disabled: fixed interrupts are not accepted (§10.4.7.2).
        if (!this.softwareEnabled) return;
        if (vector < 16) {
          this.raiseError(ESR.receiveIllegalVector);
          return;
        }
        this.irr.add(vector);
        if (level) this.tmr.add(vector);
        else this.tmr.delete(vector);
        this.update();
        return;
      case DELIVERY.nmi:
        this.options.signals.nmi();
        return;
      case DELIVERY.init:
        this.options.signals.init();
        return;
      case DELIVERY.extInt:
        this.externalLatched = true;
        this.update();
        return;
      default: // SMI: there is no system management mode. Start-up IPIs do nothing to a processor that runs.
    }
  }

  private raiseError(bit: number): void {
    const raised = (this.errors & bit) === 0;
    this.errors |= bit;
    if (!raised) return;
    const vector = this.lvt[(APIC.lvtError - LVT_FIRST) >> 4] & 0xff;
    // An illegal error vector would raise itself for ever.
    if (vector >= 16 || bit !== ESR.receiveIllegalVector) this.localInterrupt(APIC.lvtError);
  }

  private endOfInterrupt(): void {
    const v = this.isr.highest;
    if (v < 0) return;
    this.isr.delete(v);
    if (this.tmr.has(v)) this.options.signals.endOfInterrupt(v);
    this.update();
  }

  /** §10.6.1. One processor: every shorthand but "all excluding self" is this one. */
  private sendIpi(): void {
    const low = this.icrLow;
    const vector = low & 0xff;
    const mode = (low >>> 8) & 7;
    const shorthand = (low >>> 18) & 3;
    if ((mode === DELIVERY.fixed || mode === DELIVERY.lowestPriority) && vector < 16) {
      this.raiseError(ESR.sendIllegalVector);
      return;
    }
    if (shorthand === 3) return;
    // INIT level de-assert only synchronises arbitration IDs; remote read and reserved modes do nothing.
    if (mode === DELIVERY.init && (low & ICR_LEVEL_ASSERT) === 0) return;
    if (mode === 3 || mode === DELIVERY.extInt) return;
    const message = {
      vector, mode, level: false, logical: (low & 0x800) !== 0, destination: this.x2apic ? this.icrHigh : this.icrHigh >>> 24,
    };
    if (shorthand !== 0 || this.addressed(message)) this.accept(message);
  }

  // --- CR8 -------------------------------------------------------------------------------------------------------------

  /** CR8: bits 7:4 of TPR (§10.8.6). */
  get taskPriority(): number {
    return this.tpr >> 4;
  }
  set taskPriority(value: number) {
    this.tpr = (value & 15) << 4;
    this.update();
  }

  // --- Registers -------------------------------------------------------------------------------------------------------

  /** xAPIC: a register's value; reserved ones give 0 and an error. */
  private readRegister(offset: number): number {
    const value = this.common(offset);
    if (value >= 0) return value;
    switch (offset) {
      case APIC.id: return (this.id << 24) >>> 0;
      case APIC.ldr: return this.ldr;
      case APIC.dfr: return this.dfr;
      case APIC.eoi: return 0;
      case APIC.icrLow: return this.icrLow;
      case APIC.icrHigh: return this.icrHigh;
      default:
        this.raiseError(ESR.illegalRegister);
        return 0;
    }
  }

  /** Registers that are the same in both modes; -1 for others. */
  private common(offset: number): number {
    if (offset >= APIC.isr && offset < APIC.esr) {
      const set = offset < APIC.tmr ? this.isr : offset < APIC.irr ? this.tmr : this.irr;
      return set.word((offset >> 4) & 7);
    }
    if (offset >= LVT_FIRST && offset <= APIC.lvtError) return this.lvt[(offset - LVT_FIRST) >> 4];
    switch (offset) {
      case APIC.version: return VERSION;
      case APIC.tpr: return this.tpr;
      case APIC.ppr: return this.ppr;
      case APIC.svr: return this.svr;
      case APIC.esr: return this.esr;
      case APIC.initialCount: return this.timer.initialCount;
      case APIC.currentCount: return this.timer.currentCount;
      case APIC.divide: return this.timer.divide;
      default: return -1;
    }
  }

  private writeRegister(offset: number, value: number): void {
    if (this.writeCommon(offset, value)) return;
    switch (offset) {
      case APIC.eoi:
        this.endOfInterrupt();
        break;
      case APIC.ldr:
        this.ldr = (value & 0xff00_0000) >>> 0;
        break;
      case APIC.dfr:
        this.dfr = (value | 0x0fff_ffff) >>> 0;
        break;
      case APIC.esr:
        this.esr = this.errors;
        this.errors = 0;
        break;
      case APIC.icrLow:
        this.icrLow = value & ICR_WRITABLE;
        this.sendIpi();
        break;
      case APIC.icrHigh:
        this.icrHigh = (value & 0xff00_0000) >>> 0;
        break;
      case APIC.id:
      case APIC.version:
      case APIC.ppr:
      case APIC.currentCount:
        break; // read-only
      default:
        if (offset < APIC.isr || offset >= APIC.esr) this.raiseError(ESR.illegalRegister);
    }
  }

  private writeCommon(offset: number, value: number): boolean {
    if (offset >= LVT_FIRST && offset <= APIC.lvtError) {
      this.writeLvt((offset - LVT_FIRST) >> 4, value);
      return true;
    }
    switch (offset) {
      case APIC.tpr:
        this.tpr = value & 0xff;
        this.update();
        return true;
      case APIC.svr:
        this.writeSvr(value);
        return true;
      case APIC.initialCount:
        this.timer.initialCount = value;
        return true;
      case APIC.divide:
        this.timer.divide = value;
        return true;
      default:
        return false;
    }
  }

  private writeSvr(value: number): void {
    // Focus checking and EOI-broadcast suppression are not there.
    this.svr = value & 0x1ff;
    if (!this.softwareEnabled) for (let i = 0; i < this.lvt.length; i++) this.writeLvt(i, this.lvt[i]);
    this.update();
  }

  private writeLvt(i: number, value: number): void {
    let bits = value & LVT_WRITABLE[i];
    // What was due still comes by the old entry.
    if (i === 0) this.timer.settle();
    // "Attempts to reset these bits will be ignored" while software-disabled.
    if (!this.softwareEnabled) bits |= LVT_MASK;
    this.lvt[i] = bits;
    if (i === 0) this.configureTimer();
    if (i === (APIC.lvtLint0 - LVT_FIRST) >> 4) this.update();
  }

  private configureTimer(): void {
    const mode = (this.lvt[0] >>> 17) & 3;
    // Without TSC-deadline bit 18 is reserved.
    this.timer.configure(this.options.tscDeadline ? mode : mode & 1, (this.lvt[0] & LVT_MASK) !== 0);
  }

  // --- Model-specific registers ----------------------------------------------------------------------------------------

  /** RDMSR of IA32_APIC_BASE or an x2APIC register; null: #GP(0). */
  readMsr(n: number): bigint | null {
    if (n === MSR_APIC_BASE) return BigInt(this.base);
    const offset = this.x2apicOffset(n);
    if (offset < 0 || offset === APIC.eoi || offset === APIC.selfIpi) return null;
    const value = this.common(offset);
    if (value >= 0) return BigInt(value);
    switch (offset) {
      case APIC.id: return BigInt(this.id);
      // §10.12.10.2: derived from the ID.
      case APIC.ldr: return BigInt(((this.id >> 4) << 16) | (1 << (this.id & 15)));
      case APIC.icrLow: return (BigInt(this.icrHigh) << 32n) | BigInt(this.icrLow);
      default: return null;
    }
  }

  /** WRMSR; false: #GP(0). */
  writeMsr(n: number, value: bigint): boolean {
    if (n === MSR_APIC_BASE) return this.writeBase(value);
    const offset = this.x2apicOffset(n);
    if (offset < 0) return false;
    if (offset === APIC.icrLow) {
      if ((Number(value & 0xffff_ffffn) & ~ICR_WRITABLE) !== 0) return false;
      this.icrHigh = Number(value >> 32n);
      this.icrLow = Number(value & 0xffff_ffffn);
      this.sendIpi();
      return true;
    }
    if (value >> 32n !== 0n) return false;
    const v = Number(value);
    switch (offset) {
      case APIC.eoi:
        if (v !== 0) return false;
        this.endOfInterrupt();
        return true;
      case APIC.esr:
        if (v !== 0) return false;
        this.writeRegister(offset, v);
        return true;
      case APIC.selfIpi:
        if (v > 0xff) return false;
        if (v < 16) this.raiseError(ESR.sendIllegalVector);
        else this.accept({ vector: v, mode: DELIVERY.fixed, level: false });
        return true;
    }
    return (v & ~this.x2apicWritable(offset)) === 0 && this.writeCommon(offset, v);
  }

  /** Bits that may be set in an x2APIC register (reserved ones raise #GP). */
  private x2apicWritable(offset: number): number {
    if (offset >= LVT_FIRST && offset <= APIC.lvtError) return LVT_WRITABLE[(offset - LVT_FIRST) >> 4];
    if (offset === APIC.tpr) return 0xff;
    if (offset === APIC.svr) return 0x1ff;
    return offset === APIC.divide ? 0x0b : -1;
  }

  private x2apicOffset(n: number): number {
    return this.x2apic && n >= MSR_X2APIC_FIRST && n <= MSR_X2APIC_LAST ? (n - MSR_X2APIC_FIRST) << 4 : -1;
  }

  /** §10.12.1, figure 10-27: x2APIC mode is left only by disabling the APIC, and entered only from xAPIC mode. */
  private writeBase(value: bigint): boolean {
    if (!this.options.fitted) return false;
    const allowed = ((1n << BigInt(this.options.physicalBits)) - 0x1000n) | BigInt(BASE_BSP | BASE_ENABLE | (this.options.x2apic ? BASE_X2APIC : 0));
    if ((value & ~allowed) !== 0n) return false;
    const v = Number(value);
    const mode = v & (BASE_ENABLE | BASE_X2APIC);
    const before = this.base & (BASE_ENABLE | BASE_X2APIC);
    if (mode === BASE_X2APIC) return false;
    if (mode === (BASE_ENABLE | BASE_X2APIC) && before === 0) return false;
    if (mode === BASE_ENABLE && before === (BASE_ENABLE | BASE_X2APIC)) return false;
    const page = this.pageAddress;
    this.base = v;
    if (mode === 0 && before !== 0) this.clear();
    if (this.pageAddress !== page) this.options.signals.page(this.pageAddress);
    this.update();
    return true;
  }

  /** IA32_TSC_DEADLINE in ticks of the TSC before the guest's adjustments; 0 disarmed, or not in that mode. */
  get deadline(): bigint {
    return this.timer.deadline;
  }
  set deadline(tick: bigint) {
    this.timer.deadline = tick;
  }

  // --- State -----------------------------------------------------------------------------------------------------------

  save(): StateFields {
    // First: what is due may still set a request.
    const timer = this.timer.save();
    return {
      base: this.base, tpr: this.tpr, ldr: this.ldr, dfr: this.dfr, svr: this.svr, esr: this.esr, errors: this.errors,
      icrLow: this.icrLow, icrHigh: this.icrHigh, lvt: [...this.lvt], irr: this.irr.save(), isr: this.isr.save(), tmr: this.tmr.save(),
      externalLatched: this.externalLatched, asserted: this.asserted, timer,
    };
  }

  restore(r: StateReader): void {
    const u32 = (field: string): number => r.int(field, 0, 0xffff_ffff);
    this.base = r.int("base", 0, 2 ** this.options.physicalBits - 1);
    this.tpr = r.int("tpr", 0, 0xff);
    this.ldr = u32("ldr");
    this.dfr = u32("dfr");
    this.svr = r.int("svr", 0, 0x1ff);
    this.esr = r.int("esr", 0, 0xff);
    this.errors = r.int("errors", 0, 0xff);
    this.icrLow = u32("icrLow");
    this.icrHigh = u32("icrHigh");
    r.ints("lvt").slice(0, this.lvt.length).forEach((v, i) => (this.lvt[i] = v & LVT_WRITABLE[i]));
    this.irr.restore(r, "irr");
    this.isr.restore(r, "isr");
    this.tmr.restore(r, "tmr");
    this.externalLatched = r.bool("externalLatched");
    this.asserted = r.bool("asserted");
    const mode = (this.lvt[0] >>> 17) & 3;
    this.timer.restore(r.record("timer"), this.options.tscDeadline ? mode : mode & 1, (this.lvt[0] & LVT_MASK) !== 0);
    this.options.signals.page(this.pageAddress);
  }
}
