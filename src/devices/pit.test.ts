/** The 8254 against its datasheet (231164-005). Times in ticks of 1/1,193,182 s. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../base/clock.ts";
import { Oscillator } from "../base/ticks.ts";
import { Pit, PIT_HZ } from "./pit.ts";

const oscillator = new Oscillator(PIT_HZ);
let clock: TimerQueue;
let pit: Pit;
let edges: number[];
let tick: number;

beforeEach(() => {
  clock = new TimerQueue();
  edges = [];
  pit = new Pit(clock, { pulse: () => edges.push(oscillator.ticksAt(clock.nowNs())) });
  tick = 0;
});
const at = (t: number): void => {
  tick = t;
  clock.advanceTo(oscillator.nsAt(t));
};
const step = (t: number): void => at(tick + t);
const control = (value: number): void => pit.ports.write(3, 1, value);
const write = (counter: number, ...bytes: number[]): void => bytes.forEach((b) => pit.ports.write(counter, 1, b));
const read = (counter: number): number => pit.ports.read(counter, 1);
const count = (counter: number): number => {
  control(counter << 6);
  return read(counter) | (read(counter) << 8);
};
/** Read-back of status. */
const status = (counter: number): number => {
  control(0xe0 | (2 << counter));
  return read(counter);
};
const outOf = (counter: number): number => status(counter) >> 7;
/** OUT of counter 2 for the given number of ticks from now, as a string of 0 and 1. */
const wave = (ticks: number): string => {
  let s = "";
  for (let i = 0; i < ticks; i++) {
    s += pit.out2() ? "1" : "0";
    step(1);
  }
  return s;
};

describe("mode 0", () => {
  it("OUT is low after the control word and high N + 1 CLKs after the count is written", () => {
    pit.setGate2(true);
    control(0xb0);
    write(2, 4, 0);
    // Tick 0 is the write; CE is loaded at 1, counts 3, 2, 1, 0 at 2..5.
    expect(wave(7)).toBe("0000011");
  });
  it("goes on counting past zero from FFFFh", () => {
    control(0x30);
    write(0, 4, 0);
    step(1);
    expect(count(0)).toBe(4);
    step(5);
    expect(count(0)).toBe(0xffff);
  });
  it("the first byte of a new count stops counting and sets OUT low", () => {
    control(0x30);
    write(0, 4, 0);
    step(6);
    expect(outOf(0)).toBe(1);
    write(0, 10);
    expect(outOf(0)).toBe(0);
    step(100);
    expect(outOf(0)).toBe(0);
    write(0, 0);
    step(11);
    expect(outOf(0)).toBe(1);
    expect(edges).toEqual([5, 117]);
  });
  it("GATE = 0 suspends counting", () => {
    pit.setGate2(true);
    control(0xb0);
    write(2, 10, 0);
    step(4);
    pit.setGate2(false);
    expect(count(2)).toBe(7);
    step(1000);
    expect(count(2)).toBe(7);
    pit.setGate2(true);
    step(7);
    expect(pit.out2()).toBe(true);
  });
  it("interrupts once", () => {
    control(0x30);
    write(0, 100, 0);
    step(1000);
    expect(edges).toEqual([101]);
  });
});

describe("mode 1", () => {
  it("is a retriggerable one-shot of N CLKs that starts with the CLK after the trigger", () => {
    control(0xb2);
    write(2, 3, 0);
    expect(wave(3)).toBe("111");
    pit.setGate2(true);
    expect(wave(6)).toBe("100011");
    pit.setGate2(false);
    pit.setGate2(true);
    expect(wave(2)).toBe("10");
    pit.setGate2(false);
    pit.setGate2(true); // retrigger: low for another 3
    expect(wave(6)).toBe("000011");
  });
});

describe("mode 2", () => {
  it("divides by N: OUT low for the last CLK of each period", () => {
    pit.setGate2(true);
    control(0xb4);
    write(2, 4, 0);
    step(1);
    expect(wave(12)).toBe("111011101110");
  });
  it("counts N..1 and interrupts every N ticks, for ever exactly", () => {
    control(0x34);
    write(0, 100, 0);
    step(1);
    expect(count(0)).toBe(100);
    step(99);
    expect(count(0)).toBe(1);
    step(1);
    expect(count(0)).toBe(100);
    at(100_001);
    expect(edges.length).toBe(1000);
    expect(edges[999]).toBe(100_001);
  });
  it("HZ = 1000 (1193): 10 s give exactly floor(11931820 / 1193) interrupts", () => {
    control(0x34);
    write(0, 1193 & 255, 1193 >> 8);
    clock.advanceTo(10_000_000_000);
    expect(edges.length).toBe(Math.floor((11_931_820 - 1) / 1193));
  });
  it("a new count takes effect at the end of the period", () => {
    control(0x34);
    write(0, 10, 0);
    step(3);
    write(0, 20, 0);
    expect(status(0) & 0x40).toBe(0x40); // null count
    step(1);
    expect(count(0)).toBe(7);
    at(60);
    expect(edges).toEqual([11, 31, 51]);
    expect(status(0) & 0x40).toBe(0);
  });
  it("GATE low sets OUT high; its rise reloads", () => {
    pit.setGate2(true);
    control(0xb4);
    write(2, 4, 0);
    step(4);
    expect(pit.out2()).toBe(false);
    pit.setGate2(false);
    expect(pit.out2()).toBe(true);
    step(10);
    pit.setGate2(true);
    step(1);
    expect(wave(5)).toBe("11101");
  });
  it("count 0 means 65536", () => {
    control(0x34);
    write(0, 0, 0);
    at(200_000);
    expect(edges).toEqual([65_537, 131_073, 196_609]);
  });
});

describe("mode 3", () => {
  it("even N: half high, half low; the count goes down by two", () => {
    pit.setGate2(true);
    control(0xb6);
    write(2, 4, 0);
    step(1);
    expect(wave(8)).toBe("11001100");
    const counts = [0, 1, 2, 3].map(() => {
      const c = count(2);
      step(1);
      return c;
    });
    expect(counts).toEqual([4, 2, 4, 2]);
  });
  it("odd N: high for (N + 1) / 2, low for (N - 1) / 2", () => {
    pit.setGate2(true);
    control(0xb6);
    write(2, 5, 0);
    step(1);
    expect(wave(10)).toBe("1110011100");
    const counts = [0, 1, 2, 3, 4].map(() => {
      const c = count(2);
      step(1);
      return c;
    });
    expect(counts).toEqual([4, 2, 0, 4, 2]);
  });
  it("a new count takes effect at the end of the half cycle", () => {
    pit.setGate2(true);
    control(0xb6);
    write(2, 4, 0);
    step(2);
    write(2, 8, 0);
    expect(wave(10)).toBe("1000011110");
  });
  it("interrupts on rising edges only, also across a new count", () => {
    control(0x36);
    write(0, 4, 0);
    at(9);
    expect(edges).toEqual([5, 9]);
    step(1);
    write(0, 8, 0); // loaded at 11, the start of the low half: 4 low, then 4 high, 4 low
    at(24);
    expect(edges).toEqual([5, 9, 15, 23]);
  });
});

it("a count written again before CE is loaded replaces the first", () => {
  control(0x36);
  write(0, 4, 0, 8, 0);
  at(20);
  expect(edges).toEqual([9, 17]);
});

describe("modes 4 and 5", () => {
  it("mode 4 strobes low for one CLK, N + 1 CLKs after the count is written", () => {
    pit.setGate2(true);
    control(0xb8);
    write(2, 3, 0);
    expect(wave(7)).toBe("1111011");
    control(0x38);
    write(0, 3, 0);
    const start = tick;
    step(100);
    expect(edges).toEqual([start + 5]);
  });
  it("mode 5 strobes N + 1 CLKs after the trigger", () => {
    control(0xba);
    write(2, 3, 0);
    expect(wave(10)).toBe("1111111111");
    pit.setGate2(true);
    expect(wave(7)).toBe("1111011");
  });
});

describe("reading", () => {
  it("a latched count stands until it is read; a second latch is ignored", () => {
    control(0x34);
    write(0, 0x10, 0x27);
    step(1);
    control(0x00);
    step(50);
    control(0x00);
    expect([read(0), read(0)]).toEqual([0x10, 0x27]);
    expect([read(0), read(0)]).toEqual([0xde, 0x26]); // 10000 - 50, not latched
  });
  it("LSB-only and MSB-only counters", () => {
    control(0x14);
    write(0, 200);
    step(1);
    expect([read(0), read(0)]).toEqual([200, 200]);
    control(0x24);
    write(0, 3);
    step(1);
    expect(read(0)).toBe(3);
    step(1);
    expect(read(0)).toBe(2);
  });
  it("read-back latches several counters; status comes before the count", () => {
    control(0x34);
    write(0, 0x34, 0x12);
    control(0x76);
    write(1, 0x78, 0x56);
    step(1);
    control(0xc6); // counts and status of 0 and 1
    step(10);
    expect([read(0), read(0), read(0)]).toEqual([0x80 | 0x34, 0x34, 0x12]);
    expect([read(1), read(1), read(1)]).toEqual([0x80 | 0x36, 0x78, 0x56]);
  });
  it("null count is 1 from the control word until CE is loaded", () => {
    control(0x30);
    expect(status(0)).toBe(0x40 | 0x30);
    write(0, 5, 0);
    expect(status(0) & 0x40).toBe(0x40);
    step(1);
    expect(status(0) & 0x40).toBe(0);
  });
  it("BCD counts decades", () => {
    control(0x35);
    write(0, 0x00, 0x01); // 100
    step(2);
    expect(count(0)).toBe(0x99);
    control(0x31);
    write(0, 0x00, 0x00); // 10000
    step(2);
    expect(count(0)).toBe(0x9999);
  });
  it("the control word register cannot be read", () => {
    expect(read(3)).toBe(0xff);
  });
});

it("an illegal count of 1 neither hangs nor floods", () => {
  for (const mode of [2, 3]) {
    control(0x30 | (mode << 1));
    write(0, 1, 0);
    step(10_000);
    write(0, 100, 0);
    step(1_001);
  }
  expect(edges.length).toBeGreaterThan(15);
  expect(edges.length).toBeLessThan(25);
});

it("IRQ0's edges are exactly the rises of OUT 0, whatever is programmed and when", () => {
  let seed = 12345;
  const random = (n: number): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % n;
  control(0x36);
  let last = outOf(0);
  const rises: number[] = [];
  const watch = (): void => {
    const out = outOf(0);
    if (out > last) rises.push(tick);
    last = out;
  };
  for (let i = 0; i < 30_000; i++) {
    const what = random(40);
    if (what === 0) control(0x10 | (random(6) << 1));
    else if (what === 1) control(0x30 | (random(6) << 1) | random(2));
    else if (what < 4) write(0, random(40));
    else if (what < 6) write(0, random(40), 0);
    watch();
    step(1);
    watch();
  }
  expect(rises.length).toBeGreaterThan(300);
  expect(edges).toEqual(rises);
});
