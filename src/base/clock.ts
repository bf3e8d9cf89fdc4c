/**
 * Guest time. Integer nanoseconds since machine start, as a `number` (exact up to 2^53 ns = 104 days).
 * Nothing under base/, cpu/ or devices/ reads a host clock: the VMM advances a TimerQueue.
 */

export interface Clock {
  /** Guest time in integer nanoseconds. */
  nowNs(): number;
}

/** A one-shot deadline. Periodic devices re-arm from their callback. */
export interface Timer {
  /** Fires once when guest time reaches `deadlineNs` (integer ns, absolute). Re-arming replaces the deadline. */
  arm(deadlineNs: number): void;
  cancel(): void;
  /** The armed deadline, or null. */
  readonly deadlineNs: number | null;
}

/** The clock capability that a device gets. */
export interface Scheduler extends Clock {
  /** `name` identifies the timer in diagnostics. Timers with equal deadlines fire in order of creation. */
  createTimer(name: string, onExpire: () => void): Timer;
}

class QueuedTimer implements Timer {
  deadlineNs: number | null = null;
  constructor(
    readonly name: string,
    readonly onExpire: () => void,
    private readonly queue: TimerQueue,
  ) {}
  arm(deadlineNs: number): void {
    this.deadlineNs = deadlineNs;
    this.queue.invalidate();
  }
  cancel(): void {
    this.deadlineNs = null;
    this.queue.invalidate();
  }
}

/** Guest time and its timers. Owned by the VMM, which alone calls `advanceTo`. */
export class TimerQueue implements Scheduler {
  private now = 0;
  private readonly timers: QueuedTimer[] = [];
  private next: number | null = null;
  private stale = false;
  /** Timers that have fired, ever. */
  fired = 0;

  /** `onRearm` is told that the earliest deadline may have changed. */
  constructor(private readonly onRearm: () => void = () => undefined) {}

  nowNs(): number {
    return this.now;
  }

  createTimer(name: string, onExpire: () => void): Timer {
    const timer = new QueuedTimer(name, onExpire, this);
    this.timers.push(timer);
    return timer;
  }

  invalidate(): void {
    this.stale = true;
    this.onRearm();
  }

  /** Earliest armed deadline in ns, or null. */
  nextDeadlineNs(): number | null {
    if (this.stale) {
      this.next = null;
      for (const t of this.timers) {
        if (t.deadlineNs !== null && (this.next === null || t.deadlineNs < this.next)) this.next = t.deadlineNs;
      }
      this.stale = false;
    }
    return this.next;
  }

  /** Moves guest time forward to `ns`, firing every timer due, each at its own deadline, in order. */
  advanceTo(ns: number): void {
    for (;;) {
      const next = this.nextDeadlineNs();
      if (next === null || next > ns) break;
      const due = this.timers.find((t) => t.deadlineNs === next);
      if (due === undefined) break;
      if (next > this.now) this.now = next;
      due.deadlineNs = null;
      this.stale = true;
      this.fired++;
      due.onExpire();
    }
    if (ns > this.now) this.now = ns;
  }

  /** Sets the clock itself when a snapshot is restored; devices then re-arm their timers. */
  restoreNow(ns: number): void {
    this.now = ns;
  }
}
