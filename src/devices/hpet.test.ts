/** HPET registers, comparators and legacy replacement against the IA-PC HPET Specification 1.0a. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../base/clock.ts";
import { Hpet, type HpetPin } from "./hpet.ts";

let clock: TimerQueue;
let log: string[];
let hpet: Hpet;
const pin = (name: string): HpetPin => ({
  set: (on) => log.push(`${clock.nowNs()} ${name} ${on ? "high" : "low"}`),
  pulse: () => log.push(`${clock.nowNs()} ${name}`),
});
const rd = (offset: number): number => hpet.registers.read(offset, 4) >>> 0;
const wr = (offset: number, value: number): void => hpet.registers.write(offset, 4, value);
const T = (n: number): { config: number; comparator: number } => ({ config: 0x100 + 0x20 * n, comparator: 0x108 + 0x20 * n });
const ENABLE = 4;
const PERIODIC = 8;
const SET = 0x40;
const NARROW = 0x100;
const PIN20 = 20 << 9;

beforeEach(() => {
  clock = new TimerQueue();
  log = [];
  hpet = new Hpet(clock, { line: (n) => pin(`pin${n}`), legacy: [pin("irq0"), pin("irq8")], legacyReplacement: (on) => log.push(`legacy ${on}`), legacyRestored: () => log.push("restored") });
});

describe("registers (§2.3)", () => {
  it("capabilities: revision 1, three timers, 64 bits, legacy replacement, 10 ns", () => {
    expect([rd(0), rd(4)]).toEqual([0x8086a201, 10_000_000]);
  });
  it("comparators: all ones at reset, the first periodic-capable, routes 20 to 23, no FSB", () => {
    expect([0, 1, 2].map((n) => rd(T(n).config))).toEqual([0x30, 0x20, 0x20]);
    expect([rd(0x104), rd(0x108), rd(0x10c), rd(0x110)]).toEqual([0x00f00000, 0xffffffff, 0xffffffff, 0]);
  });
  it("the counter stands, runs and stands; it is written while it stands", () => {
    clock.advanceTo(1_000);
    expect(rd(0xf0)).toBe(0);
    wr(0xf0, 0xfffffff0);
    wr(0xf4, 5);
    wr(0x10, 1);
    clock.advanceTo(1_000 + 10 * 0x20);
    expect([rd(0xf0), rd(0xf4)]).toEqual([0x10, 6]);
    wr(0x10, 0);
    clock.advanceTo(1e6);
    expect([rd(0xf0), rd(0xf4)]).toEqual([0x10, 6]);
  });
  it("a route outside the capability is not taken; only timer 0 is periodic", () => {
    wr(T(1).config, PIN20 | PERIODIC);
    wr(T(1).config, (3 << 9) | PERIODIC);
    expect(rd(T(1).config)).toBe(PIN20 | 0x20);
    expect(rd(0x400 - 4)).toBe(0);
  });
});

describe("comparators (§2.3.8, §2.3.9)", () => {
  it("one-shot, edge: one pulse at the match", () => {
    wr(T(1).config, PIN20 | ENABLE);
    wr(T(1).comparator, 100);
    wr(T(1).comparator + 4, 0);
    wr(0x10, 1);
    clock.advanceTo(1e9);
    expect(log).toEqual(["1000 pin20"]);
    expect(rd(0x20)).toBe(0);
  });
  it("32-bit: again at every wrap", () => {
    wr(T(2).config, PIN20 | ENABLE | NARROW);
    wr(T(2).comparator, 100);
    wr(0x10, 1);
    clock.advanceTo(1000 + 10 * 2 ** 32);
    expect(log).toEqual(["1000 pin20", `${1000 + 10 * 2 ** 32} pin20`]);
  });
  it("level: the line stays until its status bit is cleared", () => {
    wr(T(1).config, PIN20 | ENABLE | 2);
    wr(T(1).comparator, 100);
    wr(T(1).comparator + 4, 0);
    wr(0x10, 1);
    clock.advanceTo(5_000);
    expect([log, rd(0x20)]).toEqual([["1000 pin20 high"], 2]);
    wr(0x20, 5);
    expect(rd(0x20)).toBe(2);
    wr(0x20, 2);
    expect([log[1], rd(0x20)]).toEqual(["5000 pin20 low", 0]);
  });
  it("periodic as Linux programs it: accumulator, then period", () => {
    wr(T(0).config, PIN20 | ENABLE | PERIODIC | SET | NARROW);
    wr(T(0).comparator, 500);
    wr(T(0).comparator, 2_000);
    wr(0x10, 1);
    clock.advanceTo(50_000);
    expect(log).toEqual(["5000 pin20", "25000 pin20", "45000 pin20"]);
    expect(rd(T(0).comparator)).toBe(6_500);
  });
  it("periodic, 64 bits in two halves", () => {
    wr(T(0).config, PIN20 | ENABLE | PERIODIC | SET);
    wr(T(0).comparator, 1_000);
    wr(T(0).comparator + 4, 0);
    wr(T(0).comparator, 1_000);
    wr(T(0).comparator + 4, 0);
    wr(0x10, 1);
    clock.advanceTo(25_000);
    expect(log).toEqual(["10000 pin20", "20000 pin20"]);
  });
  it("a period of one tick does not stop the host", () => {
    wr(T(0).config, PIN20 | ENABLE | PERIODIC | SET | NARROW);
    wr(T(0).comparator, 1);
    wr(T(0).comparator, 1);
    wr(0x10, 1);
    clock.advanceTo(1e9);
    expect(log.length).toBeLessThanOrEqual(100_001);
  });
  it("disabled: no interrupt", () => {
    wr(T(1).config, PIN20);
    wr(T(1).comparator, 100);
    wr(0x10, 1);
    clock.advanceTo(1e6);
    expect(log).toEqual([]);
  });
});

describe("legacy replacement (§2.3.5)", () => {
  it("timer 0 on IRQ 0, timer 1 on IRQ 8; only while the block is enabled", () => {
    wr(0x10, 2);
    expect([log, hpet.legacy]).toEqual([[], false]);
    wr(T(0).config, PIN20 | ENABLE | NARROW);
    wr(T(0).comparator, 100);
    wr(T(1).config, PIN20 | ENABLE | NARROW);
    wr(T(1).comparator, 200);
    wr(0x10, 3);
    clock.advanceTo(5_000);
    expect(log).toEqual(["legacy true", "1000 irq0", "2000 irq8"]);
    hpet.reset();
    expect(log[3]).toBe("legacy false");
  });
});
