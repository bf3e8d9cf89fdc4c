/** The local APIC's timer: one-shot, periodic and TSC-deadline. SDM 3A §10.5.4. Nothing counts while time passes. */
import type { Scheduler, Timer } from "../../base/clock.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { Oscillator } from "../../base/ticks.ts";

export const TIMER_MODE = { oneShot: 0, periodic: 1, deadline: 2 } as const;

export interface TimerOutput {
  /** The timer's interrupt. */
  expire(): void;
  /** A further expiry would change nothing: the last one is still pending. */
  pending(): boolean;
}

/** Deadlines further away than this never come (2^52 ns are 52 days). */
const FOREVER_NS = 2 ** 52;

export class ApicTimer {
  /** Divide configuration register, bits 0, 1 and 3. */
  private divideBits = 0;
  private initial = 0;
  private mode: number = TIMER_MODE.oneShot;
  private masked = true;
  /** Crystal tick and count from which the present countdown is computed; count 0: stopped. */
  private startTick = 0;
  private startCount = 0;
  /** TSC tick (of the TSC before any adjustment by the guest), or 0: disarmed. */
  private deadlineTick = 0n;
  private readonly crystal: Oscillator;
  private readonly tsc: Oscillator;
  private readonly timer: Timer;

  /** `crystalHz`: the clock that is divided (CPUID 15h ECX); `tscHz`: that of the time-stamp counter. */
  constructor(
    private readonly scheduler: Scheduler,
    crystalHz: number,
    tscHz: number,
    private readonly output: TimerOutput,
  ) {
    this.crystal = new Oscillator(crystalHz);
    this.tsc = new Oscillator(tscHz);
    this.timer = scheduler.createTimer("apic.timer", () => this.expired());
  }

  reset(): void {
    this.divideBits = this.initial = this.startTick = this.startCount = 0;
    this.mode = TIMER_MODE.oneShot;
    this.masked = true;
    this.deadlineTick = 0n;
    this.timer.cancel();
  }

  /** Mode and mask of the LVT entry. Modes 2 and 3 other than `deadline` are reserved and do not count. */
  configure(mode: number, masked: boolean): void {
    this.settle();
    if (mode !== this.mode && (mode === TIMER_MODE.deadline || this.mode === TIMER_MODE.deadline)) {
      // "Transitioning between TSC-deadline mode and other timer modes also disarms the timer."
      this.deadlineTick = 0n;
      this.initial = this.startCount = 0;
    } else if (mode !== this.mode) this.rebase();
    this.mode = mode;
    this.masked = masked;
    this.arm();
  }

  get divide(): number {
    return this.divideBits;
  }
  set divide(value: number) {
    this.settle();
    this.rebase();
    this.divideBits = value & 0x0b;
    this.arm();
  }
  /** 1, 2, 4 .. 128: 111b is divide by 1. */
  private get divisor(): number {
    const code = (this.divideBits & 3) | ((this.divideBits & 8) >> 1);
    return code === 7 ? 1 : 2 << code;
  }

  get initialCount(): number {
    return this.initial;
  }
  /** Starts the countdown; 0 stops it. Ignored in TSC-deadline mode. */
  set initialCount(value: number) {
    if (this.mode === TIMER_MODE.deadline) return;
    this.settle();
    this.initial = this.startCount = value >>> 0;
    this.startTick = this.crystal.ticksAt(this.scheduler.nowNs());
    this.arm();
  }

  get currentCount(): number {
    if (this.startCount === 0 || this.mode === TIMER_MODE.deadline) return 0;
    const elapsed = Math.floor((this.crystal.ticksAt(this.scheduler.nowNs()) - this.startTick) / this.divisor);
    if (elapsed < this.startCount) return this.startCount - elapsed;
    if (this.mode !== TIMER_MODE.periodic || this.initial === 0) return 0;
    return this.initial - ((elapsed - this.startCount) % this.initial);
  }

  /** IA32_TSC_DEADLINE in ticks of the unadjusted TSC; 0: disarmed. */
  get deadline(): bigint {
    this.settle();
    return this.deadlineTick;
  }
  /** Ignored outside TSC-deadline mode. A deadline that has passed expires now. */
  set deadline(tick: bigint) {
    if (this.mode !== TIMER_MODE.deadline) return;
    this.settle();
    this.deadlineTick = tick;
    this.arm();
    this.settle();
  }

  /** The interrupt has been taken: a periodic timer goes on. */
  resume(): void {
    if (this.timer.deadlineNs === null) this.arm();
  }

  /** Takes the count as it is now for a new start, when divisor or mode change. */
  private rebase(): void {
    this.startCount = this.currentCount;
    this.startTick = this.crystal.ticksAt(this.scheduler.nowNs());
  }

  /** What is due happens before anything changes. */
  settle(): void {
    const due = this.timer.deadlineNs;
    if (due === null || due > this.scheduler.nowNs()) {
      // A masked deadline passes in silence.
      if (due === null && this.deadlineTick !== 0n && this.deadlineNs() <= this.scheduler.nowNs()) this.deadlineTick = 0n;
      return;
    }
    this.timer.cancel();
    this.expired();
  }

  private expired(): void {
    this.deadlineTick = 0n;
    this.output.expire();
    this.arm();
  }

  private deadlineNs(): number {
    return this.deadlineTick >= BigInt(FOREVER_NS) ? Infinity : this.tsc.nsAt(Number(this.deadlineTick));
  }

  private arm(): void {
    const next = this.masked ? Infinity : this.nextNs();
    if (next < FOREVER_NS) this.timer.arm(next);
    else this.timer.cancel();
  }

  private nextNs(): number {
    if (this.mode === TIMER_MODE.deadline) return this.deadlineTick === 0n ? Infinity : this.deadlineNs();
    if (this.startCount === 0 || this.mode > TIMER_MODE.periodic) return Infinity;
    const now = this.crystal.ticksAt(this.scheduler.nowNs());
    const { divisor } = this;
    const first = this.startTick + this.startCount * divisor;
    if (now < first) return this.crystal.nsAt(first);
    if (this.mode === TIMER_MODE.oneShot || this.initial === 0) return Infinity;
    // Expiries that would fall together with one that is still pending need no event each.
    if (this.output.pending()) return Infinity;
    const period = this.initial * divisor;
    return this.crystal.nsAt(first + (Math.floor((now - first) / period) + 1) * period);
  }

  save(): StateFields {
    this.settle();
    return {
      divideBits: this.divideBits, initial: this.initial, startTick: this.startTick, startCount: this.startCount, deadline: this.deadlineTick,
    };
  }

  /** `mode` and `masked` are those of the LVT entry. */
  restore(r: StateReader, mode: number, masked: boolean): void {
    this.divideBits = r.int("divideBits", 0, 0x0b);
    this.initial = r.int("initial", 0, 0xffff_ffff);
    this.startTick = r.int("startTick", 0);
    this.startCount = r.int("startCount", 0, 0xffff_ffff);
    this.deadlineTick = r.bigint("deadline");
    r.finish();
    this.mode = mode;
    this.masked = masked;
    this.arm();
  }
}
