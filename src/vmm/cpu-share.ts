/** A cap on the part of one core that a machine may take, kept by resting between slices. Measured by the worker's own busy time. */

/** Longest slice of emulation between turns of the event loop, in ms of host time. */
const SLICE_MS = 8;
/** A slice and the rest after it take about so long where the cap is low. */
const PERIOD_MS = 40;
const SHORTEST_SLICE_MS = 1;
/** Time that was not used is kept for so long: timers come late, and lateness must not cost the machine its share. */
const MEMORY_MS = 50;

export class CpuShare {
  private share = 1;
  /** Busy ms that may be taken at once; negative: rest first. */
  private balanceMs = 0;
  private atMs = 0;
  private busyMs = 0;
  private measuredMs = 0;

  constructor(nowMs: number) {
    this.atMs = this.measuredMs = nowMs;
  }

  /** `share`: 0 to 1, of one core. */
  set(share: number): void {
    this.share = share;
  }

  /** How long the next slice is to be. */
  get sliceMs(): number {
    return Math.min(SLICE_MS, Math.max(SHORTEST_SLICE_MS, PERIOD_MS * this.share));
  }

  /** The machine was busy for the time between. */
  ran(fromMs: number, toMs: number): void {
    const busy = Math.max(0, toMs - fromMs);
    this.busyMs += busy;
    this.refill(toMs);
    this.balanceMs -= busy;
  }

  private refill(nowMs: number): void {
    const passed = Math.max(0, nowMs - this.atMs);
    this.atMs = nowMs;
    this.balanceMs = Math.min(this.share * MEMORY_MS, this.balanceMs + passed * this.share);
  }

  /** How long the machine is to rest from now on. */
  restMs(nowMs: number): number {
    if (this.share >= 1) return 0;
    this.refill(nowMs);
    return this.balanceMs < 0 ? -this.balanceMs / this.share : 0;
  }

  /** The part of one core that was taken since the last call, 0 to 1. */
  takeLoad(nowMs: number): number {
    const passed = nowMs - this.measuredMs;
    const load = passed > 0 ? Math.min(1, this.busyMs / passed) : 0;
    this.measuredMs = nowMs;
    this.busyMs = 0;
    return load;
  }
}
