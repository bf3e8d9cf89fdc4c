/** The cap on a machine's share of a core, on a simulated host whose slices run over and whose timers come late. */
import { describe, expect, it } from "vitest";
import { CpuShare } from "./cpu-share.ts";

/** A busy machine for `seconds`; what it took of them. */
function busyShare(share: number, seconds: number, overrunMs: (i: number) => number, lateMs: (i: number) => number): number {
  let now = 1000;
  const cap = new CpuShare(now);
  cap.set(share);
  const end = now + seconds * 1000;
  let busy = 0;
  for (let i = 0; now < end; i++) {
    const from = now;
    now += cap.sliceMs + overrunMs(i);
    busy += now - from;
    cap.ran(from, now);
    const rest = cap.restMs(now);
    // As the Runner: what is shorter than a timer's millisecond is not rested.
    if (rest >= 1) now += rest + lateMs(i);
  }
  return busy / (now - 1000);
}

describe("CPU share", () => {
  const random = (seed: number) => (i: number): number => (((i * 2654435761 + seed) >>> 8) & 0xffff) / 0x10000;
  it.each([0.05, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9])("holds within 5 %% of %d", (share) => {
    for (const [overrun, late] of [[0, 0], [3, 1], [1, 4], [6, 16]]) {
      const taken = busyShare(share, 30, (i) => random(1)(i) * overrun, (i) => random(7)(i) * late);
      expect(taken, `overrun ${overrun} ms, timers ${late} ms late`).toBeLessThan(share * 1.05);
      expect(taken, `overrun ${overrun} ms, timers ${late} ms late`).toBeGreaterThan(share * 0.95);
    }
  });

  it("holds in each second, not only on the whole", () => {
    for (let second = 1; second < 10; second++) expect(busyShare(0.3, second, () => 2, () => 4)).toBeLessThan(0.3 * 1.05 + 0.02 / second);
  });

  it("does not keep what an idle machine has not used for long", () => {
    const cap = new CpuShare(0);
    cap.set(0.2);
    cap.ran(0, 1);
    expect(cap.restMs(10_000)).toBe(0);
    cap.ran(10_000, 10_100);
    // 100 ms of work are worth 500 ms; 50 ms and what the work itself took are all that was there.
    expect(cap.restMs(10_100)).toBeGreaterThan(340);
  });

  it("is free where there is no cap, and says the load", () => {
    const cap = new CpuShare(0);
    cap.ran(0, 500);
    expect(cap.restMs(500)).toBe(0);
    expect(cap.takeLoad(1000)).toBe(0.5);
    expect(cap.takeLoad(2000)).toBe(0);
  });
});
