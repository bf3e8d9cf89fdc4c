/**
 * The programmable interval timer: Intel 8254 (datasheet order no. 231164-005), clocked at 1,193,182 Hz.
 *
 * Nothing counts while time passes: a counter keeps the tick at which its present sequence began and computes
 * OUT and the count from guest time when asked. Counter 0 alone needs a timer, for the rising edges of its OUT.
 */
import type { Scheduler, Timer } from "../base/clock.ts";
import type { EdgeLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import { Oscillator } from "../base/ticks.ts";
import type { BusRegion } from "./bus/region.ts";

/** 14.31818 MHz / 12, to the nearest integer. */
export const PIT_HZ = 1_193_182;

/** Mode and OUT are undefined before programming: LSB then MSB, mode 3, OUT high, so that programming gives no edge. */
const POWER_ON_CONTROL = 0x36;
const RW_LSB = 1;
const RW_MSB = 2;

/** One counter. Times are CLK ticks since guest time 0; counts are plain integers, 1..65536 (1..10000 in BCD). */
class Counter8254 {
  /** D5..D0 of the last control word: RW1 RW0 M2 M1 M0 BCD. */
  private control = POWER_ON_CONTROL;
  /** The first byte of a two-byte count, or -1. */
  private firstByte = -1;
  /** A count has been written since the control word. */
  private countWritten = false;
  /** CR holds a count that CE has not been loaded with. */
  private fresh = false;
  /** CR: what the next load takes. 0 stands for the full range until `countWritten`. */
  private reload = 0;
  /** CE has been loaded (or will be, at `start`). Otherwise it holds `held` and OUT its initial level. */
  private running = false;
  /** The count that the running sequence was loaded with. */
  private loaded = 0;
  /** Tick at which CE took `loaded`; in the future for less than one CLK after a write or trigger. */
  private start = 0;
  /** Ticks that the sequence had run when it was stopped by GATE, or -1. */
  private stopped = -1;
  /** What CE shows while it is not running or waits for `start`. */
  private held = 0;
  /** Modes 2 and 3: tick at which `reload` replaces `loaded`, or -1. */
  private reloadAt = -1;
  private gate: boolean;
  /** The next read takes the most significant byte. */
  private readMsb = false;
  /** Latched count, or -1; latched status, or -1. */
  private latchedCount = -1;
  private latchedStatus = -1;

  constructor(private readonly initialGate: boolean) {
    this.gate = initialGate;
  }

  reset(): void {
    this.control = POWER_ON_CONTROL;
    this.firstByte = this.stopped = this.reloadAt = this.latchedCount = this.latchedStatus = -1;
    this.countWritten = this.fresh = this.running = this.readMsb = false;
    this.reload = this.loaded = this.start = this.held = 0;
    this.gate = this.initialGate;
  }

  private get mode(): number {
    const m = (this.control >> 1) & 7;
    return m >= 6 ? m - 4 : m;
  }
  private get bcd(): boolean {
    return (this.control & 1) !== 0;
  }
  private get rw(): number {
    return (this.control >> 4) & 3;
  }
  private get range(): number {
    return this.bcd ? 10_000 : 65_536;
  }

  /** Applies a reload whose tick has come. */
  private sync(now: number): void {
    if (this.reloadAt < 0 || now < this.reloadAt) return;
    const at = this.reloadAt;
    this.reloadAt = -1;
    this.fresh = false;
    if (this.mode === 2) {
      this.loaded = this.reload;
      this.start = at;
      return;
    }
    const startsHigh = (at - this.start) % this.loaded === 0;
    this.loaded = this.reload;
    // A sequence begins with its high half: one that takes over in the low half began that much earlier.
    this.start = startsHigh ? at : at - this.highHalf();
  }

  /** Mode 3: CLKs for which OUT is high: N/2, or (N+1)/2 for odd N. */
  private highHalf(): number {
    return Math.ceil(this.loaded / 2);
  }

  /** Mode 0 between the two bytes of a count. */
  private get suspended(): boolean {
    return this.mode === 0 && this.firstByte >= 0;
  }

  private elapsed(now: number): number {
    return this.stopped >= 0 ? this.stopped : now - this.start;
  }

  out(now: number): boolean {
    this.sync(now);
    const mode = this.mode;
    if (!this.running) return mode !== 0;
    const e = this.elapsed(now);
    const n = this.loaded;
    switch (mode) {
      case 0:
        return !this.suspended && e >= n;
      case 1:
        return e < 0 ? this.outBeforeTrigger : e >= n;
      case 2:
        // A count of 1 is illegal (datasheet, mode 2): OUT stays high.
        return !this.gate || e < 0 || n === 1 || e % n !== n - 1;
      case 3:
        return !this.gate || e < 0 || n === 1 || e % n < this.highHalf();
      default:
        return e !== n;
    }
  }

  /** Mode 1: OUT in the CLK between a trigger and its load: a retriggered pulse stays low. */
  private outBeforeTrigger = true;

  /** The counting element. */
  private count(now: number): number {
    this.sync(now);
    if (!this.running) return this.held;
    const e = this.elapsed(now);
    if (e < 0) return this.held;
    const n = this.loaded;
    switch (this.mode) {
      case 2:
        return n - (e % n);
      case 3: {
        const high = this.highHalf();
        const phase = e % n;
        return (n & ~1) - 2 * (phase < high ? phase : phase - high);
      }
      default: {
        // Counting goes on past zero from the top of the range.
        const rest = (n - e) % this.range;
        return rest < 0 ? rest + this.range : rest;
      }
    }
  }

  private countBits(now: number): number {
    const c = this.count(now) % this.range;
    if (!this.bcd) return c;
    return (Math.floor(c / 1000) << 12) | (Math.floor((c % 1000) / 100) << 8) | (Math.floor((c % 100) / 10) << 4) | (c % 10);
  }

  /** NULL COUNT: the last count written is not in CE yet. */
  private nullCount(now: number): boolean {
    this.sync(now);
    return this.fresh || !this.running || now < this.start;
  }

  /** The counter is stopped now and shows what it had. */
  private hold(now: number): void {
    this.held = this.count(now);
  }

  writeControl(value: number, now: number): void {
    this.hold(now);
    this.control = value & 0x3f;
    this.firstByte = this.stopped = this.reloadAt = this.latchedCount = this.latchedStatus = -1;
    this.countWritten = this.fresh = this.running = this.readMsb = false;
    this.reload = 0;
    this.outBeforeTrigger = true;
  }

  writeCount(value: number, now: number): void {
    this.sync(now);
    let bits: number;
    if (this.rw === RW_LSB) bits = value;
    else if (this.rw === RW_MSB) bits = value << 8;
    else if (this.firstByte < 0) {
      // Mode 0: "writing the first byte disables counting; OUT is set low immediately".
      if (this.mode === 0 && this.running && this.stopped < 0) {
        this.hold(now);
        this.stopped = Math.max(0, this.elapsed(now));
      }
      this.firstByte = value;
      return;
    } else {
      bits = this.firstByte | (value << 8);
      this.firstByte = -1;
    }
    const n = this.bcd ? (bits >> 12) * 1000 + ((bits >> 8) & 15) * 100 + ((bits >> 4) & 15) * 10 + (bits & 15) : bits;
    this.reload = n === 0 ? this.range : n;
    this.countWritten = this.fresh = true;
    switch (this.mode) {
      case 0:
      case 4:
        this.load(now);
        break;
      case 2:
      case 3:
        if (!this.running || now < this.start) this.load(now);
        else if (this.gate) this.reloadAt = this.nextReload(now);
        break;
      default: // modes 1 and 5 load at the next trigger
    }
  }

  /** Loads CE from CR on the next CLK. */
  private load(now: number): void {
    this.hold(now);
    this.loaded = this.reload;
    this.fresh = false;
    this.running = true;
    this.reloadAt = -1;
    this.start = now + 1;
    this.stopped = this.gate || this.mode === 1 || this.mode === 5 ? -1 : 0;
  }

  /** Modes 2 and 3: the tick at which CE is next loaded: the end of the period, or of the half cycle. */
  private nextReload(now: number): number {
    const phase = (now - this.start) % this.loaded;
    const begin = now - phase;
    if (this.mode === 3 && phase < this.highHalf()) return begin + this.highHalf();
    return begin + this.loaded;
  }

  setGate(high: boolean, now: number): void {
    if (high === this.gate) return;
    this.sync(now);
    const mode = this.mode;
    if (mode === 1 || mode === 5) {
      this.gate = high;
      if (!high || !this.countWritten) return;
      this.outBeforeTrigger = this.out(now);
      this.load(now);
      return;
    }
    if (!high) {
      if (this.running && this.stopped < 0) {
        this.hold(now);
        this.stopped = Math.max(0, this.elapsed(now));
      }
      this.reloadAt = -1;
      this.gate = false;
      return;
    }
    this.gate = true;
    if (!this.running) return;
    if (mode === 2 || mode === 3) {
      this.hold(now);
      this.load(now);
    } else if (this.stopped >= 0 && !this.suspended) {
      this.start = now - this.stopped;
      this.stopped = -1;
    }
  }

  latchCount(now: number): void {
    if (this.latchedCount < 0) this.latchedCount = this.countBits(now);
  }

  latchStatus(now: number): void {
    if (this.latchedStatus >= 0) return;
    this.latchedStatus = (this.out(now) ? 0x80 : 0) | (this.nullCount(now) ? 0x40 : 0) | this.control;
  }

  read(now: number): number {
    if (this.latchedStatus >= 0) {
      const status = this.latchedStatus;
      this.latchedStatus = -1;
      return status;
    }
    const bits = this.latchedCount >= 0 ? this.latchedCount : this.countBits(now);
    const twoBytes = this.rw !== RW_LSB && this.rw !== RW_MSB;
    const msb = this.rw === RW_MSB || (twoBytes && this.readMsb);
    if (twoBytes) this.readMsb = !this.readMsb;
    if (!twoBytes || msb) this.latchedCount = -1;
    return msb ? bits >> 8 : bits & 0xff;
  }

  /** The next tick after `now` at which OUT rises, or -1 if it will not by itself. */
  nextRise(now: number): number {
    this.sync(now);
    if (!this.running || this.stopped >= 0) return -1;
    const n = this.loaded;
    switch (this.mode) {
      case 0:
      case 1:
        return this.start + n > now ? this.start + n : -1;
      case 2:
      case 3: {
        const e = now - this.start;
        const next = e < 0 ? this.start + n : now - (e % n) + n;
        if (this.reloadAt >= 0 && this.reloadAt < next) {
          // Mode 3, new count at the start of the low half: OUT rises after the new low half.
          return this.reload > 1 ? this.reloadAt + (this.reload >> 1) : -1;
        }
        if (n > 1) return next;
        return this.reloadAt >= 0 && this.reload > 1 ? this.reloadAt + this.reload : -1;
      }
      default:
        return this.start + n + 1 > now ? this.start + n + 1 : -1;
    }
  }

  /** The state at tick `now`, with a reload that is due already applied. */
  save(now: number): StateFields {
    this.sync(now);
    return {
      control: this.control,
      firstByte: this.firstByte,
      countWritten: this.countWritten,
      fresh: this.fresh,
      reload: this.reload,
      running: this.running,
      loaded: this.loaded,
      start: this.start,
      stopped: this.stopped,
      held: this.held,
      reloadAt: this.reloadAt,
      gate: this.gate,
      readMsb: this.readMsb,
      latchedCount: this.latchedCount,
      latchedStatus: this.latchedStatus,
      outBeforeTrigger: this.outBeforeTrigger,
    };
  }

  restore(r: StateReader): void {
    this.control = r.int("control", 0, 0x3f);
    this.firstByte = r.int("firstByte", -1, 0xff);
    this.countWritten = r.bool("countWritten");
    this.fresh = r.bool("fresh");
    this.reload = r.int("reload", 0, 65_536);
    this.running = r.bool("running");
    this.loaded = r.int("loaded", this.running ? 1 : 0, 65_536);
    this.start = r.int("start");
    this.stopped = r.int("stopped", -1);
    this.held = r.int("held");
    this.reloadAt = r.int("reloadAt", -1);
    this.gate = r.bool("gate");
    this.readMsb = r.bool("readMsb");
    this.latchedCount = r.int("latchedCount", -1, 0xffff);
    this.latchedStatus = r.int("latchedStatus", -1, 0xff);
    this.outBeforeTrigger = r.bool("outBeforeTrigger");
    r.finish();
  }
}

export class Pit implements Persistent {
  readonly sectionName = "pit";
  readonly sectionVersion = 1;
  /** Ports +0..+2 counters 0..2, +3 control word. */
  readonly ports: BusRegion;

  private readonly oscillator = new Oscillator(PIT_HZ);
  private readonly counters: readonly Counter8254[];
  private readonly timer: Timer;

  /** `irq0` gets an edge for each rising edge of counter 0's OUT. GATE 0 and 1 are tied high, GATE 2 is port 61h's. */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly irq0: EdgeLine,
  ) {
    this.counters = [new Counter8254(true), new Counter8254(true), new Counter8254(false)];
    this.timer = scheduler.createTimer("pit.counter0", () => {
      this.irq0.pulse();
      this.arm();
    });
    this.ports = {
      length: 4,
      widths: [1],
      // The control word register cannot be read: the data bus floats.
      read: (offset) => (offset === 3 ? 0xff : this.counters[offset].read(this.tick())),
      write: (offset, _width, value) => this.write(offset, value),
    };
  }

  reset(): void {
    for (const c of this.counters) c.reset();
    this.timer.cancel();
  }

  private tick(): number {
    return this.oscillator.ticksAt(this.scheduler.nowNs());
  }

  private write(offset: number, value: number): void {
    const now = this.tick();
    const selected = offset === 3 ? value >> 6 : offset;
    if (offset === 3 && selected === 3) {
      this.readBack(value, now);
      return;
    }
    const counter = this.counters[selected];
    if (offset === 3 && (value & 0x30) === 0) {
      counter.latchCount(now);
      return;
    }
    const before = counter.out(now);
    if (offset === 3) counter.writeControl(value, now);
    else counter.writeCount(value, now);
    if (selected === 0) {
      if (!before && counter.out(now)) this.irq0.pulse();
      this.arm();
    }
  }

  /** Read-back command: D5 = 0 latches counts, D4 = 0 latches status, D3..D1 select counters. */
  private readBack(value: number, now: number): void {
    for (let i = 0; i < 3; i++) {
      if ((value & (2 << i)) === 0) continue;
      if ((value & 0x10) === 0) this.counters[i].latchStatus(now);
      if ((value & 0x20) === 0) this.counters[i].latchCount(now);
    }
  }

  private arm(): void {
    const rise = this.counters[0].nextRise(this.tick());
    if (rise < 0) this.timer.cancel();
    else this.timer.arm(this.oscillator.nsAt(rise));
  }

  /** GATE of counter 2 (port 61h bit 0). */
  setGate2(high: boolean): void {
    this.counters[2].setGate(high, this.tick());
  }

  /** OUT of counter 2 (port 61h bit 5; the speaker's tone). */
  out2(): boolean {
    return this.counters[2].out(this.tick());
  }

  save(): StateFields {
    const now = this.tick();
    return { counters: this.counters.map((c) => c.save(now)) };
  }

  restore(r: StateReader): void {
    const saved = r.records("counters", this.counters.length);
    this.counters.forEach((c, i) => c.restore(saved[i]));
    this.arm();
  }
}
