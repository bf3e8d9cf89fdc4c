/**
 * The real-time clock and CMOS RAM: Motorola MC146818 (datasheet ADI-856-R1) with the DS12887's reading of the
 * divider bits, 128 bytes of RAM, and the PC's century byte at 32h.
 *
 * Time is a count of seconds plus the guest time at which the present second began; registers, flags and the
 * update-in-progress bit are computed from guest time when they are asked for.
 */
import type { Scheduler, Timer } from "../base/clock.ts";
import type { LevelLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import { Oscillator } from "../base/ticks.ts";
import type { BusRegion } from "./bus/region.ts";
import { calendarTime, secondsFromFields } from "./calendar.ts";

const SECONDS = 0x00;
const SECONDS_ALARM = 0x01;
const MINUTES = 0x02;
const MINUTES_ALARM = 0x03;
const HOURS = 0x04;
const HOURS_ALARM = 0x05;
const DAY_OF_WEEK = 0x06;
const DATE = 0x07;
const MONTH = 0x08;
const YEAR = 0x09;
const REG_A = 0x0a;
const REG_B = 0x0b;
const REG_C = 0x0c;
const REG_D = 0x0d;
/** Not in the MC146818: the PC's century byte, kept in step with the clock. */
export const CMOS_CENTURY = 0x32;

const A_UIP = 0x80;
const B_SET = 0x80;
const B_PIE = 0x40;
const B_AIE = 0x20;
const B_UIE = 0x10;
const B_SQWE = 0x08;
const B_DM_BINARY = 0x04;
const B_24H = 0x02;
const C_IRQF = 0x80;
const C_PF = 0x40;
const C_AF = 0x20;
const C_UF = 0x10;
const D_VRT = 0x80;

const RAM_BYTES = 128;
const SECOND_NS = 1_000_000_000;
/** Table 6, 32.768 kHz: UIP rises 244 µs before an update cycle of 1984 µs; registers change at its end. */
const UPDATE_NS = 2_228_000;
const CRYSTAL = new Oscillator(32_768);
const TIME_REGISTERS = [SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DATE, MONTH, YEAR, CMOS_CENTURY] as const;

function isTimeRegister(index: number): boolean {
  return TIME_REGISTERS.some((r) => r === index);
}

export class Rtc implements Persistent {
  readonly sectionName = "rtc";
  readonly sectionVersion = 1;
  /** Port +0: index and NMI mask; +1: data. */
  readonly ports: BusRegion;

  private index = 0;
  private nmiMask = false;
  /** RAM, alarms and A, B, C; the time registers only while SET is 1 or the divider stands. */
  private readonly ram = new Uint8Array(RAM_BYTES);
  /** Calendar seconds since 1970 at `secondStartNs`. */
  private epochSeconds: number;
  /** Guest ns at which that second began (may be before 0). */
  private secondStartNs = 0;
  /** Days that the weekday register is ahead of the calendar, 0..6. */
  private weekdayShift = 0;
  /** Guest ns up to which flags have been computed. */
  private flagsNs = 0;
  private asserted = false;
  private readonly timer: Timer;

  /** `epochSeconds`: seconds since 1970-01-01 UTC at guest time 0. `irq8`: the IRQ pin. */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly irq8: LevelLine,
    epochSeconds: number,
  ) {
    this.epochSeconds = epochSeconds;
    // Power-on contents as a BIOS leaves them: 32,768 Hz divider, 1,024 Hz periodic rate, BCD, 24 hours.
    this.ram[REG_A] = 0x26;
    this.ram[REG_B] = B_24H;
    this.timer = scheduler.createTimer("rtc", () => this.update());
    this.ports = {
      length: 2,
      widths: [1],
      // The index register is write-only in the PC.
      read: (offset) => (offset === 0 ? 0xff : this.readRegister(this.index)),
      write: (offset, _width, value) => {
        if (offset === 0) {
          this.index = value & 0x7f;
          this.nmiMask = (value & 0x80) !== 0;
        } else this.writeRegister(this.index, value);
      },
    };
  }

  /** RESET pin: interrupts off, flags cleared; time, calendar and RAM go on. */
  reset(): void {
    this.sync();
    this.ram[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    this.ram[REG_C] = 0;
    this.index = 0;
    this.nmiMask = false;
    this.update();
  }

  /** The IRQ pin. */
  get interruptAsserted(): boolean {
    return this.asserted;
  }

  /** Port 70h bit 7: NMI is kept from the processor. */
  get nmiMasked(): boolean {
    return this.nmiMask;
  }

  /** A byte of CMOS RAM (0Eh..7Fh), for firmware data the machine fills in. */
  setRam(index: number, value: number): void {
    this.ram[index & 0x7f] = value;
  }

  getRam(index: number): number {
    return this.ram[index & 0x7f];
  }

  /** DV = 010 is "the only combination that turns the oscillator on and lets the RTC keep time" (DS12887). */
  private get divided(): boolean {
    return (this.ram[REG_A] & 0x70) === 0x20;
  }
  /** The clock's registers stand in `ram`. */
  private get frozen(): boolean {
    return (this.ram[REG_B] & B_SET) !== 0 || !this.divided;
  }

  private toRegister(value: number): number {
    return (this.ram[REG_B] & B_DM_BINARY) !== 0 ? value : (Math.floor(value / 10) << 4) | value % 10;
  }
  private fromRegister(byte: number): number {
    return (this.ram[REG_B] & B_DM_BINARY) !== 0 ? byte : (byte >> 4) * 10 + (byte & 15);
  }
  private hoursToRegister(hours: number): number {
    if ((this.ram[REG_B] & B_24H) !== 0) return this.toRegister(hours);
    return this.toRegister(hours % 12 === 0 ? 12 : hours % 12) | (hours >= 12 ? 0x80 : 0);
  }
  private hoursFromRegister(byte: number): number {
    if ((this.ram[REG_B] & B_24H) !== 0) return this.fromRegister(byte);
    return (this.fromRegister(byte & 0x7f) % 12) + ((byte & 0x80) !== 0 ? 12 : 0);
  }

  /** Whole seconds since `secondStartNs`. */
  private elapsedSeconds(ns: number): number {
    return Math.floor((ns - this.secondStartNs) / SECOND_NS);
  }

  /** Moves the start of the present second up to now; the calendar too unless it stands. */
  private advance(): void {
    const passed = this.elapsedSeconds(this.scheduler.nowNs());
    this.secondStartNs += passed * SECOND_NS;
    if (!this.frozen) this.epochSeconds += passed;
  }

  private timeRegister(index: number): number {
    const seconds = this.epochSeconds + this.elapsedSeconds(this.scheduler.nowNs());
    const t = calendarTime(seconds);
    switch (index) {
      case SECONDS:
        return this.toRegister(t.seconds);
      case MINUTES:
        return this.toRegister(t.minutes);
      case HOURS:
        return this.hoursToRegister(t.hours);
      case DAY_OF_WEEK:
        return this.toRegister(((t.weekday - 1 + this.weekdayShift) % 7) + 1);
      case DATE:
        return this.toRegister(t.day);
      case MONTH:
        return this.toRegister(t.month);
      case YEAR:
        return this.toRegister(t.year % 100);
      default:
        return this.toRegister(Math.floor(t.year / 100) % 100);
    }
  }

  /** Copies the running clock into its registers. */
  private freeze(): void {
    this.advance();
    for (const r of TIME_REGISTERS) this.ram[r] = this.timeRegister(r);
  }

  /** Takes the clock up from its registers; fields out of range run over into their neighbours. */
  private thaw(): void {
    this.epochSeconds = secondsFromFields({
      year: this.fromRegister(this.ram[CMOS_CENTURY]) * 100 + this.fromRegister(this.ram[YEAR]),
      month: this.fromRegister(this.ram[MONTH]),
      day: this.fromRegister(this.ram[DATE]),
      hours: this.hoursFromRegister(this.ram[HOURS]),
      minutes: this.fromRegister(this.ram[MINUTES]),
      seconds: this.fromRegister(this.ram[SECONDS]),
    });
    const weekday = this.fromRegister(this.ram[DAY_OF_WEEK]);
    this.weekdayShift = (((weekday - calendarTime(this.epochSeconds).weekday) % 7) + 7) % 7;
  }

  private readRegister(index: number): number {
    if (isTimeRegister(index)) return this.frozen ? this.ram[index] : this.timeRegister(index);
    switch (index) {
      case REG_A:
        return this.ram[REG_A] | (this.updateInProgress() ? A_UIP : 0);
      case REG_C: {
        this.sync();
        const value = this.ram[REG_C];
        this.ram[REG_C] = 0;
        this.update();
        return value;
      }
      case REG_D:
        return D_VRT;
      default:
        return this.ram[index];
    }
  }

  private updateInProgress(): boolean {
    if (this.frozen) return false;
    const now = this.scheduler.nowNs();
    const intoSecond = now - this.secondStartNs - this.elapsedSeconds(now) * SECOND_NS;
    return intoSecond >= SECOND_NS - UPDATE_NS;
  }

  private writeRegister(index: number, value: number): void {
    if (index === REG_C || index === REG_D) return; // read-only
    if (index === REG_A || index === REG_B || isTimeRegister(index) || index <= HOURS_ALARM) {
      this.sync();
      if (index === REG_A) this.changeControl(value & 0x7f, this.ram[REG_B]);
      else if (index === REG_B) this.changeControl(this.ram[REG_A], value);
      else if (!isTimeRegister(index) || this.frozen) this.ram[index] = value;
      else {
        this.freeze();
        this.ram[index] = value;
        this.thaw();
      }
      this.update();
    } else this.ram[index] = value;
  }

  private changeControl(a: number, b: number): void {
    const wasFrozen = this.frozen;
    const wasDivided = this.divided;
    if (!wasFrozen) this.freeze();
    else this.advance();
    this.ram[REG_A] = a;
    // With SET the update-ended interrupt enable is cleared (datasheet, register B, UIE).
    this.ram[REG_B] = (b & B_SET) !== 0 ? b & ~B_UIE : b;
    if (this.divided && !wasDivided) {
      // "The first update occurs one-half second after the divider reset is removed."
      this.secondStartNs = this.scheduler.nowNs() - SECOND_NS / 2;
    }
    // A running clock keeps its time when DM or 24/12 changes; one that stood is read anew from its registers.
    if (wasFrozen && !this.frozen) this.thaw();
  }

  /** Sets the flags of events in (flagsNs, now]. */
  private sync(): void {
    const now = this.scheduler.nowNs();
    const from = this.flagsNs;
    this.flagsNs = now;
    if (now <= from || !this.divided) return;
    const period = this.periodTicks();
    if (period > 0 && this.periodsAt(now, period) > this.periodsAt(from, period)) this.ram[REG_C] |= C_PF;
    if (this.frozen) return;
    const first = this.elapsedSeconds(from) + 1;
    const last = this.elapsedSeconds(now);
    if (last < first) return;
    this.ram[REG_C] |= C_UF;
    const alarm = this.nextAlarm(this.epochSeconds + first);
    if (alarm >= 0 && alarm <= this.epochSeconds + last) this.ram[REG_C] |= C_AF;
  }

  /** Periodic rate in crystal ticks (table 5, 32.768 kHz), or 0 for none: RS 1 and 2 repeat 256 and 128 Hz. */
  private periodTicks(): number {
    const rs = this.ram[REG_A] & 0x0f;
    if (rs === 0) return 0;
    return 1 << ((rs <= 2 ? rs + 7 : rs) - 1);
  }

  /** Periods since the start of the second that `secondStartNs` names; every period divides a second. */
  private periodsAt(ns: number, period: number): number {
    const whole = this.elapsedSeconds(ns);
    const rest = ns - this.secondStartNs - whole * SECOND_NS;
    return Math.floor((whole * 32_768 + CRYSTAL.ticksAt(rest)) / period);
  }

  /** The first alarm at or after calendar second `from`, or -1. Codes C0h..FFh match anything. */
  private nextAlarm(from: number): number {
    const field = (index: number, hours: boolean): number => {
      const byte = this.ram[index];
      return byte >= 0xc0 ? -1 : hours ? this.hoursFromRegister(byte) : this.fromRegister(byte);
    };
    const h = field(HOURS_ALARM, true);
    const m = field(MINUTES_ALARM, false);
    const s = field(SECONDS_ALARM, false);
    if (h >= 24 || m >= 60 || s >= 60) return -1;
    const midnight = Math.floor(from / 86_400) * 86_400;
    for (let hour = Math.floor((from - midnight) / 3600); hour < 48; hour++) {
      if (h >= 0 && hour % 24 !== h) continue;
      for (let minute = 0; minute < 60; minute++) {
        if (m >= 0 && minute !== m) continue;
        const start = midnight + hour * 3600 + minute * 60;
        if (start + 59 < from) continue;
        const at = s >= 0 ? start + s : Math.max(start, from);
        if (at >= from) return at;
      }
    }
    return -1;
  }

  /** Brings flags, the IRQ pin and the timer up to date. */
  private update(): void {
    this.sync();
    const enabled = this.ram[REG_B] & (B_PIE | B_AIE | B_UIE);
    const pending = (this.ram[REG_C] & enabled) !== 0;
    if (pending) this.ram[REG_C] |= C_IRQF;
    else this.ram[REG_C] &= ~C_IRQF;
    if (pending !== this.asserted) {
      this.asserted = pending;
      this.irq8.set(pending);
    }
    this.arm();
  }

  /** An asserted IRQ stays until register C is read: nothing can be added to it. */
  private arm(): void {
    const next = this.asserted ? -1 : this.nextEventNs(this.ram[REG_B] & (B_PIE | B_AIE | B_UIE));
    if (next < 0) this.timer.cancel();
    else this.timer.arm(next);
  }

  /** Guest ns of the next enabled event after now, or -1. */
  private nextEventNs(enabled: number): number {
    if (enabled === 0 || !this.divided) return -1;
    const now = this.scheduler.nowNs();
    const whole = this.elapsedSeconds(now);
    let next = -1;
    const period = this.periodTicks();
    if ((enabled & B_PIE) !== 0 && period > 0) {
      const tick = (this.periodsAt(now, period) + 1) * period;
      const seconds = Math.floor(tick / 32_768);
      next = this.secondStartNs + seconds * SECOND_NS + CRYSTAL.nsAt(tick - seconds * 32_768);
    }
    if (this.frozen) return next;
    let boundary = -1;
    if ((enabled & B_UIE) !== 0) boundary = whole + 1;
    else if ((enabled & B_AIE) !== 0) {
      const alarm = this.nextAlarm(this.epochSeconds + whole + 1);
      if (alarm >= 0) boundary = alarm - this.epochSeconds;
    }
    if (boundary >= 0) {
      const at = this.secondStartNs + boundary * SECOND_NS;
      if (next < 0 || at < next) next = at;
    }
    return next;
  }

  save(): StateFields {
    return {
      index: this.index,
      nmiMask: this.nmiMask,
      ram: this.ram.slice(),
      epochSeconds: this.epochSeconds,
      secondStartNs: this.secondStartNs,
      weekdayShift: this.weekdayShift,
      flagsNs: this.flagsNs,
      asserted: this.asserted,
    };
  }

  restore(r: StateReader): void {
    this.index = r.int("index", 0, 0x7f);
    this.nmiMask = r.bool("nmiMask");
    this.ram.set(r.bytes("ram", RAM_BYTES));
    this.epochSeconds = r.int("epochSeconds");
    this.secondStartNs = r.int("secondStartNs");
    this.weekdayShift = r.int("weekdayShift", 0, 6);
    this.flagsNs = r.int("flagsNs", 0);
    this.asserted = r.bool("asserted");
    this.arm();
  }
}
