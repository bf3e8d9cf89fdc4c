/** Guest time: where the instruction count and the host's clock become integer nanoseconds (DESIGN.md §5). */
import { TimerQueue } from "../../base/clock.ts";

/** What an instruction takes of guest time is counted in these parts of a nanosecond: exact in logs, and in double arithmetic. */
const RATE_UNITS = 64;
/** At most a guest nanosecond each; exactly that in deterministic mode: a 1 GHz, one-instruction-a-cycle machine. */
const MOST_RATE = RATE_UNITS;
/** Real-time mode: the part of what an instruction takes that the guest's clock counts inside a slice, so that it stays behind the host's. */
const CAUTION = 0.75;
const LEAST_RATE = 3;
/**
 * Real-time mode: a slice goes on for so many times what is left to the deadline. Slices that end just before it are followed by shorter and shorter
 * ones, five for a tick; one that ends behind it makes the timer late by an eighth of the wait.
 */
const BEHIND = 1.125;

/** Real-time mode: instructions worth an entry into emitted code. */
const SHORTEST_SLICE = 300;

/** Real-time mode: what is left of the host's speed while the guest's clock is ahead of the host's. */
const SLEWED = 0.9;

/** TSC frequency told to the guest: one tick a guest nanosecond. */
export const TSC_KHZ = 1_000_000;

export class GuestClock {
  readonly timers: TimerQueue;
  /** Guest ns and instruction count at the start of the present slice. */
  private baseNs = 0;
  private baseInstructions = 0;
  /** Host ns minus guest ns, in real-time mode. */
  private hostOffset = 0;
  /** The host's time and the guest's when they were last compared, in real-time mode. */
  private comparedHostNs = 0;
  private comparedNs = 0;
  private skipped = 0;

  /** `retired` gives the instruction count at this very moment. `onRearm`: a deadline now lies inside the present slice. */
  constructor(
    private readonly deterministic: boolean,
    private readonly retired: () => number,
    onRearm: () => void,
  ) {
    this.timers = new TimerQueue(() => {
      const next = this.timers.nextDeadlineNs();
      if (next !== null && next < this.sliceEndNs) onRearm();
    });
  }
  /** Guest ns at which the present slice ends at the latest. */
  private sliceEndNs = Infinity;

  /** Guest time at the present instruction. */
  nowNs(): number {
    return this.baseNs + Math.floor(((this.retired() - this.baseInstructions) * this.rate) / RATE_UNITS);
  }
  /** Guest time of an instruction, in 64ths of a nanosecond. */
  rate: number = MOST_RATE;
  private get nsEach(): number {
    return this.rate / RATE_UNITS;
  }

  /**
   * Real-time mode: takes the host clock in, between slices. Inside a slice time advances by a constant that is below what
   * an instruction took of late (`hostNsEach`), so that guest time never goes back and does not run ahead of the host's, unless it was told to (`skip`).
   * `slackNs`: being behind by less is left so, if no timer is due by then. False: nothing was changed, and nothing is due.
   */
  sync(hostNs: number, hostNsEach: number, slackNs = 0): boolean {
    if (this.deterministic) return false;
    const now = this.nowNs();
    const slewed = this.comparedNs + Math.floor((hostNs - this.comparedHostNs) * SLEWED);
    const host = Math.max(now, slewed, Math.floor(hostNs - this.hostOffset)) + this.skipped;
    if (host - now < slackNs) {
      const next = this.timers.nextDeadlineNs();
      if (next === null || next > host) return false;
    }
    this.skipped = 0;
    this.compare(hostNs, host);
    this.set(host, Math.min(MOST_RATE, Math.max(LEAST_RATE, Math.round(hostNsEach * CAUTION * RATE_UNITS))));
    return true;
  }

  /** Real-time mode: the next `sync` goes so many ns further, ahead of the host's clock; later ones let that catch up. */
  skip(ns: number): void {
    this.skipped = ns;
  }
  /** How far the guest's clock is ahead of the host's; negative where it is behind. */
  leadNs(hostNs: number): number {
    return this.nowNs() + this.skipped - (hostNs - this.hostOffset);
  }
  private compare(hostNs: number, ns: number): void {
    this.comparedHostNs = hostNs;
    this.comparedNs = ns;
  }

  /** A replay: what `sync` came to in the recorded run. */
  set(ns: number, rate: number): void {
    this.rebase(ns);
    this.rate = rate;
  }

  /** Starts or resumes: host time passed meanwhile is not guest time. */
  resume(hostNs: number): void {
    this.hostOffset = hostNs - this.nowNs();
    this.compare(hostNs, this.nowNs());
  }

  /** Sets guest time when a snapshot is restored; devices then re-arm their timers, and `resume` follows. */
  restore(ns: number): void {
    this.rebase(ns);
    this.timers.restoreNow(ns);
  }

  private rebase(ns: number): void {
    this.baseInstructions = this.retired();
    this.baseNs = ns;
  }

  /** Fires the timers that are due. */
  fire(): void {
    this.timers.advanceTo(this.nowNs());
  }

  /**
   * Instructions until the next deadline (at least 1), or `most`. In real-time mode an instruction takes `hostNsEach` of the
   * host's time, more than the guest's clock counts inside a slice: the slice ends when the host's clock is to be looked at.
   */
  instructionsToDeadline(most: number, hostNsEach: number): number {
    const next = this.timers.nextDeadlineNs();
    const now = this.nowNs();
    let instructions = most;
    if (next !== null) {
      const left = Math.ceil((next - now) / this.nsEach);
      const sooner = this.deterministic ? left : Math.min(left, Math.max(SHORTEST_SLICE, Math.ceil(((next - now) * BEHIND) / hostNsEach)));
      instructions = Math.max(1, Math.min(most, sooner));
    }
    this.sliceEndNs = now + instructions * this.nsEach;
    return instructions;
  }

  /** A halted guest in deterministic mode: time jumps to the next deadline. How far in ns; null when there is none. */
  skipToDeadline(): number | null {
    const next = this.timers.nextDeadlineNs();
    if (next === null) return null;
    const now = this.nowNs();
    this.rebase(Math.max(next, now));
    return Math.max(0, next - now);
  }

  /** Guest ns until the next deadline, or null. */
  nsToDeadline(): number | null {
    const next = this.timers.nextDeadlineNs();
    return next === null ? null : Math.max(0, next - this.nowNs());
  }
}
