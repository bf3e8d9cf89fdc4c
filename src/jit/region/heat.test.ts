import { describe, expect, it } from "vitest";
import { Heat } from "./heat.ts";

/** The first of so many points with which the instruction is to be compiled; 0 where it is none of them. */
function pointsUntil(heat: Heat, slot: number, idle: boolean, most = 100): number {
  for (let n = 1; n <= most; n++) if (heat.point(slot, 1, idle)) return n;
  return 0;
}

describe("heat", () => {
  it("makes what has the points hot, whatever the compiler does", () => {
    const heat = new Heat(() => ({ points: 16, warm: false }));
    for (let i = 0; i < 1000; i++) heat.earn(1);
    expect(pointsUntil(heat, 4, false)).toBe(16);
    expect(pointsUntil(heat, 8, true)).toBe(16);
  });

  it("asks for less of what is warm the longer the compiler has been idle, and never for one point only", () => {
    const heat = new Heat(() => ({ points: 16, warm: true }));
    const first = pointsUntil(heat, 4, true);
    for (let i = 0; i < 50; i++) heat.earn(1);
    const later = pointsUntil(heat, 8, true);
    for (let i = 0; i < 10_000; i++) heat.earn(1);
    expect([first, later < first, pointsUntil(heat, 12, true)]).toEqual([16, true, 2]);
    expect(pointsUntil(heat, 16, false)).toBe(16);
  });

  it("takes credit for each region", () => {
    const heat = new Heat(() => ({ points: 16, warm: true }));
    for (let i = 0; i < 10_000; i++) heat.earn(1);
    const needed = Array.from({ length: 30 }, (_, i) => pointsUntil(heat, 4 * i, true));
    expect(needed[0]).toBe(2);
    expect(needed.at(-1)).toBe(16);
  });

  it("counts each instruction by itself, and anew once all is forgotten", () => {
    const heat = new Heat(() => ({ points: 3, warm: false }));
    expect([heat.point(4, 1, true), heat.point(8, 1, true), heat.point(4, 1, true)]).toEqual([false, false, false]);
    heat.forget();
    expect(pointsUntil(heat, 4, true)).toBe(3);
  });

  it("asks for less where a quarter of the latest samples fell", () => {
    const heat = new Heat(() => ({ points: 100, warm: false, crowded: 4 }));
    const after = (samples: readonly number[]): number => {
      for (const place of samples) heat.earn(place);
      return pointsUntil(heat, 4, false);
    };
    // pointsUntil asks at place 1.
    expect(after(Array.from({ length: 32 }, (_, i) => (i % 4 === 0 ? 1 : i + 10)))).toBe(4);
    expect(after(Array.from({ length: 32 }, (_, i) => (i % 5 === 0 ? 1 : i + 10)))).toBe(100);
  });
});
