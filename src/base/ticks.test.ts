/** Exactness of tick conversion, against arithmetic in bigint. */
import { describe, expect, it } from "vitest";
import { Oscillator } from "./ticks.ts";

describe.each([1_193_182, 32_768, 3_579_545, 14_318_180, 10_000_000])("%i Hz", (hz) => {
  const o = new Oscillator(hz);
  it("agrees with exact arithmetic, without drift over 100 days", () => {
    let ns = 1;
    for (let i = 0; i < 3_000; i++) {
      ns = (ns * 48_271 + i) % 8_640_000_000_000_000;
      expect(o.ticksAt(ns)).toBe(Number((BigInt(ns) * BigInt(hz)) / 1_000_000_000n));
    }
  });
  it("nsAt is the first nanosecond of a tick", () => {
    for (let i = 0; i < 500; i++) {
      const tick = (i * 514_229_017) % (hz * 8_000_000);
      const ns = o.nsAt(tick);
      expect(o.ticksAt(ns)).toBe(tick);
      if (ns > 0) expect(o.ticksAt(ns - 1)).toBe(tick - 1);
    }
  });
});
