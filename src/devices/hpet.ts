/**
 * The high precision event timer: IA-PC HPET Specification 1.0a, one block, a 64-bit counter of 100 MHz and three
 * comparators, the first of them periodic. The counter is computed from guest time when it is asked for.
 */
import type { Scheduler, Timer } from "../base/clock.ts";
import type { EdgeLine, LevelLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import type { BusRegion } from "./bus/region.ts";

export const HPET_TIMERS = 3;
/** Nanoseconds of a tick. */
const TICK_NS = 10;
const PERIOD_FS = TICK_NS * 1_000_000;
/** §2.3.4: revision 1, three timers, 64-bit counter, legacy replacement, vendor. */
export const HPET_CAPABILITIES = 0x8086_0000 | (1 << 15) | (1 << 13) | ((HPET_TIMERS - 1) << 8) | 1;
/** I/O APIC inputs that a comparator may drive: 20 to 23 (§2.3.8, Tn_INT_ROUTE_CAP). */
const ROUTES = 0x00f0_0000;

const ENABLE = 1;
const LEGACY = 2;

const T_LEVEL = 1 << 1;
const T_ENABLE = 1 << 2;
const T_PERIODIC = 1 << 3;
const T_PERIODIC_CAPABLE = 1 << 4;
const T_64BIT = 1 << 5;
const T_SET_VALUE = 1 << 6;
const T_32BIT_MODE = 1 << 8;
const T_WRITABLE = T_LEVEL | T_ENABLE | T_PERIODIC | T_SET_VALUE | T_32BIT_MODE | (31 << 9);

const MASK64 = (1n << 64n) - 1n;
const MASK32 = 0xffff_ffffn;
/** Ticks further away than this never come. */
const FOREVER = 1n << 48n;
/** A periodic comparator gives an interrupt at most every 10 µs: faster ones would find the last one still pending. */
const SHORTEST = 999n;

/** A comparator's output is a level or edges, as its configuration says (§2.3.8, Tn_INT_TYPE_CNF). */
export interface HpetPin extends LevelLine, EdgeLine {}

export interface HpetOutputs {
  /** Interrupt input of the I/O APIC by number: a comparator's route. */
  line(pin: number): HpetPin;
  /** Legacy replacement (§2.3.5): comparators 0 and 1 take the places of the 8254 (IRQ 0) and the RTC (IRQ 8). */
  readonly legacy: readonly [HpetPin, HpetPin];
  /** Legacy replacement has been switched: 8254 and RTC are cut off or joined again. */
  legacyReplacement(on: boolean): void;
  /** It was on in a restored state: who gets the lines has their levels already. */
  legacyRestored(): void;
}

interface Comparator {
  config: number;
  value: bigint;
  period: bigint;
  /** The next write to the comparator goes to the accumulator only (Tn_VAL_SET_CNF). */
  setValue: boolean;
  /** The line that is held high, or -1: none; -2: legacy. */
  held: number;
  timer: Timer;
}

const half = (value: bigint, offset: number): number => Number((offset & 4) !== 0 ? value >> 32n : value & MASK32);
const withHalf = (value: bigint, offset: number, word: number): bigint =>
  (offset & 4) !== 0 ? (value & MASK32) | (BigInt(word) << 32n) : (value & ~MASK32) | BigInt(word);

export class Hpet implements Persistent {
  readonly sectionName = "hpet";
  readonly sectionVersion = 1;
  /** 1 KiB of registers; 64-bit accesses arrive as two of 32 bits. */
  readonly registers: BusRegion;

  private config = 0;
  private status = 0;
  /** Counter at `since` ns while it runs, or the value at which it stands. */
  private counter = 0n;
  private since = 0;
  private readonly comparators: readonly Comparator[];

  constructor(
    private readonly scheduler: Scheduler,
    private readonly outputs: HpetOutputs,
  ) {
    this.comparators = Array.from({ length: HPET_TIMERS }, (_, n) => ({
      config: 0, value: MASK64, period: 0n, setValue: false, held: -1,
      timer: scheduler.createTimer(`hpet.${n}`, () => this.match(n)),
    }));
    this.registers = {
      length: 0x400,
      widths: [4],
      read: (offset) => this.read(offset),
      write: (offset, _width, value) => this.write(offset, value >>> 0),
    };
  }

  reset(): void {
    const legacy = this.legacy;
    this.comparators.forEach((c, n) => {
      this.lower(n);
      c.config = 0;
      c.value = MASK64;
      c.period = 0n;
      c.setValue = false;
      c.timer.cancel();
    });
    this.config = this.status = this.since = 0;
    this.counter = 0n;
    if (legacy) this.outputs.legacyReplacement(false);
  }

  /** Whether comparators 0 and 1 stand in for the 8254 and the RTC. */
  get legacy(): boolean {
    return (this.config & (LEGACY | ENABLE)) === (LEGACY | ENABLE);
  }

  private get running(): boolean {
    return (this.config & ENABLE) !== 0;
  }

  private now(): bigint {
    if (!this.running) return this.counter;
    return (this.counter + BigInt(Math.floor((this.scheduler.nowNs() - this.since) / TICK_NS))) & MASK64;
  }

  /** Half of the counter, without a bigint where it is small: systems poll it. */
  private counterWord(offset: number): number {
    if (!this.running || this.counter !== 0n) return half(this.now(), offset);
    const ticks = Math.floor((this.scheduler.nowNs() - this.since) / TICK_NS);
    return (offset & 4) !== 0 ? Math.floor(ticks / 2 ** 32) : ticks >>> 0;
  }

  private capabilities(n: number): number {
    return T_64BIT | (n === 0 ? T_PERIODIC_CAPABLE : 0);
  }
  private mask(c: Comparator): bigint {
    return (c.config & T_32BIT_MODE) !== 0 ? MASK32 : MASK64;
  }
  private periodic(c: Comparator, n: number): boolean {
    return n === 0 && (c.config & T_PERIODIC) !== 0;
  }

  /** Interrupt output of a comparator: an I/O APIC pin, -2 legacy, -1 none. */
  private route(n: number): number {
    if (this.legacy && n < 2) return -2;
    const pin = (this.comparators[n].config >> 9) & 31;
    return ((ROUTES >>> pin) & 1) !== 0 ? pin : -1;
  }
  private lineOf(n: number, route: number): HpetPin | null {
    return route === -2 ? this.outputs.legacy[n] : route >= 0 ? this.outputs.line(route) : null;
  }

  private lower(n: number): void {
    const c = this.comparators[n];
    if (c.held === -1) return;
    this.lineOf(n, c.held)?.set(false);
    c.held = -1;
  }

  /** The counter has reached a comparator. */
  private match(n: number): void {
    const c = this.comparators[n];
    if (this.periodic(c, n) && c.period > 0n) {
      // Past the present count in one step, however long ago the match was.
      const mask = this.mask(c);
      const behind = (this.now() - c.value) & mask;
      const skipped = c.period > SHORTEST ? behind : behind + SHORTEST;
      c.value = (c.value + (skipped / c.period + 1n) * c.period) & mask;
    }
    if ((c.config & T_LEVEL) !== 0) {
      this.status |= 1 << n;
      if ((c.config & T_ENABLE) !== 0) this.raise(n);
    } else if ((c.config & T_ENABLE) !== 0) this.lineOf(n, this.route(n))?.pulse();
    this.arm(n, true);
  }

  private raise(n: number): void {
    const c = this.comparators[n];
    const route = this.route(n);
    if (route === c.held) return;
    this.lower(n);
    c.held = route;
    this.lineOf(n, route)?.set(true);
  }

  /** Ticks until the next match; a comparator that equals the count now has matched (`passed`) or matches at once. */
  private arm(n: number, passed: boolean): void {
    const c = this.comparators[n];
    // Level-triggered and still pending: a further match changes nothing but the accumulator, which catches up.
    const wanted = this.running && (c.config & (T_ENABLE | T_LEVEL)) !== 0;
    if (!wanted) {
      if (c.timer.deadlineNs !== null) c.timer.cancel();
      return;
    }
    const mask = this.mask(c);
    let ticks = (c.value - this.now()) & mask;
    if (ticks === 0n && passed) ticks = this.periodic(c, n) ? c.period & mask : mask + 1n;
    if (ticks >= FOREVER || (passed && ticks === 0n)) {
      c.timer.cancel();
      return;
    }
    const base = this.scheduler.nowNs();
    const intoTick = (base - this.since) % TICK_NS;
    c.timer.arm(base - intoTick + Number(ticks) * TICK_NS);
  }

  private armAll(): void {
    this.comparators.forEach((_, n) => this.arm(n, false));
  }

  private read(offset: number): number {
    const n = (offset - 0x100) >> 5;
    if (offset >= 0x100 && n < HPET_TIMERS) {
      const c = this.comparators[n];
      switch (offset & 0x1f) {
        case 0x00: return c.config | this.capabilities(n);
        case 0x04: return ROUTES;
        case 0x08:
        case 0x0c: return half(this.comparatorValue(c, n), offset);
        default: return 0; // FSB route: not capable
      }
    }
    switch (offset) {
      case 0x00: return HPET_CAPABILITIES;
      case 0x04: return PERIOD_FS;
      case 0x10: return this.config;
      case 0x20: return this.status;
      case 0xf0:
      case 0xf4: return this.counterWord(offset);
      default: return 0;
    }
  }

  /** A periodic comparator without an event of its own (masked) still advances. */
  private comparatorValue(c: Comparator, n: number): bigint {
    const mask = this.mask(c);
    if (!this.running || !this.periodic(c, n) || c.period === 0n || c.timer.deadlineNs !== null) return c.value & mask;
    const behind = (this.now() - c.value) & mask;
    if (behind > mask >> 1n) return c.value & mask;
    return (c.value + (behind / c.period + 1n) * c.period) & mask;
  }

  private write(offset: number, value: number): void {
    this.settle();
    const n = (offset - 0x100) >> 5;
    if (offset >= 0x100 && n < HPET_TIMERS) {
      const register = offset & 0x1f;
      if (register === 0x00) this.writeTimerConfig(n, value);
      else if (register === 0x08 || register === 0x0c) this.writeComparator(n, register, value);
      return;
    }
    switch (offset) {
      case 0x10:
        this.writeConfig(value);
        break;
      case 0x20:
        // Write one to clear; the line falls with it.
        for (let i = 0; i < HPET_TIMERS; i++) {
          if ((value & this.status & (1 << i)) === 0) continue;
          this.status &= ~(1 << i);
          this.lower(i);
        }
        break;
      case 0xf0:
      case 0xf4:
        // "Writes to this register should only be done while the counter is halted": the other half keeps.
        this.counter = withHalf(this.now(), offset, value);
        this.since = this.scheduler.nowNs();
        this.armAll();
        break;
    }
  }

  /** Matches that are due happen before anything changes. */
  private settle(): void {
    const now = this.scheduler.nowNs();
    this.comparators.forEach((c, n) => {
      if (c.timer.deadlineNs === null || c.timer.deadlineNs > now) return;
      c.timer.cancel();
      this.match(n);
    });
  }

  private writeConfig(value: number): void {
    const legacy = this.legacy;
    const next = value & (ENABLE | LEGACY);
    if ((next ^ this.config) & ENABLE) {
      this.counter = this.now();
      this.since = this.scheduler.nowNs();
    }
    this.config = next;
    if (this.legacy !== legacy) {
      this.lower(0);
      this.lower(1);
      this.outputs.legacyReplacement(this.legacy);
    }
    this.armAll();
  }

  private writeTimerConfig(n: number, value: number): void {
    const c = this.comparators[n];
    let next = value & T_WRITABLE;
    if (n !== 0) next &= ~(T_PERIODIC | T_SET_VALUE);
    // A route that is not among those of the capability reads back as it was.
    if (((ROUTES >>> ((next >> 9) & 31)) & 1) === 0) next = (next & ~(31 << 9)) | (c.config & (31 << 9));
    c.setValue = (next & T_SET_VALUE) !== 0;
    c.config = next & ~T_SET_VALUE;
    if ((c.config & T_LEVEL) === 0) {
      this.status &= ~(1 << n);
      this.lower(n);
    } else if ((c.config & T_ENABLE) === 0) this.lower(n);
    else if ((this.status & (1 << n)) !== 0) this.raise(n);
    if ((c.config & T_32BIT_MODE) !== 0) {
      c.value &= MASK32;
      c.period &= MASK32;
    }
    this.arm(n, false);
  }

  /** §2.3.9.2.2: a periodic comparator takes its period; the first write after VAL_SET also its accumulator. */
  private writeComparator(n: number, offset: number, value: number): void {
    const c = this.comparators[n];
    const mask = this.mask(c);
    if (offset === 0x0c && mask === MASK32) return;
    if (!this.periodic(c, n)) c.value = withHalf(c.value, offset, value) & mask;
    else if (c.setValue) {
      c.value = withHalf(c.value, offset, value) & mask;
      // The bit clears itself with the last half.
      if (offset === 0x0c || mask === MASK32) c.setValue = false;
    } else {
      // Accumulated matches belong to the period that ends here.
      c.value = this.comparatorValue(c, n);
      c.period = withHalf(c.period, offset, value) & mask;
    }
    this.arm(n, false);
  }

  save(): StateFields {
    return {
      config: this.config, status: this.status, counter: this.counter, since: this.since,
      comparators: this.comparators.map((c) => ({
        config: c.config, value: c.value, period: c.period, setValue: c.setValue, held: c.held, deadlineNs: c.timer.deadlineNs,
      })),
    };
  }

  restore(r: StateReader): void {
    const u64 = (x: StateReader, field: string): bigint => BigInt.asUintN(64, x.bigint(field));
    this.config = r.int("config", 0, 3);
    this.status = r.int("status", 0, 7);
    this.counter = u64(r, "counter");
    this.since = r.int("since", 0);
    r.records("comparators", HPET_TIMERS).forEach((saved, n) => {
      const c = this.comparators[n];
      c.config = saved.int("config", 0, T_WRITABLE);
      c.value = u64(saved, "value");
      c.period = u64(saved, "period");
      c.setValue = saved.bool("setValue");
      c.held = saved.int("held", -2, 31);
      const deadline = saved.intOrNull("deadlineNs");
      saved.finish();
      if (deadline !== null) c.timer.arm(deadline);
    });
    if (this.legacy) this.outputs.legacyRestored();
  }
}
