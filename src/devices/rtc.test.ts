/** The MC146818 against its datasheet, and the calendar against JavaScript's own. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../base/clock.ts";
import { calendarTime, secondsFromFields } from "./calendar.ts";
import { Rtc } from "./rtc.ts";

const SECOND = 1_000_000_000;
let clock: TimerQueue;
let rtc: Rtc;
let irq: boolean;
let interrupts: number[];
const rd = (index: number): number => {
  rtc.ports.write(0, 1, index);
  return rtc.ports.read(1, 1);
};
const wr = (index: number, value: number): void => {
  rtc.ports.write(0, 1, index);
  rtc.ports.write(1, 1, value);
};
const pass = (ns: number): void => clock.advanceTo(clock.nowNs() + ns);
/** Century, year, month, date, weekday, hours, minutes, seconds, in hexadecimal digits. */
const now = (): string => [0x32, 9, 8, 7, 6, 4, 2, 0].map((r) => rd(r).toString(16).padStart(2, "0")).join(" ");

function make(iso: string): void {
  clock = new TimerQueue();
  interrupts = [];
  irq = false;
  const line = {
    set: (asserted: boolean) => {
      irq = asserted;
      if (asserted) interrupts.push(clock.nowNs());
    },
  };
  rtc = new Rtc(clock, line, Date.parse(iso) / 1000);
}
beforeEach(() => make("2026-11-21T20:25:06Z"));

describe("time", () => {
  it("shows the epoch in BCD and 24 hours", () => {
    expect(now()).toBe("20 26 11 21 07 20 25 06"); // a Saturday
    pass(54 * SECOND);
    expect(now()).toBe("20 26 11 21 07 20 26 00");
  });
  it("carries through leap days, years and centuries", () => {
    make("2028-02-28T23:59:59Z");
    pass(SECOND);
    expect(now()).toBe("20 28 02 29 03 00 00 00");
    make("2099-12-31T23:59:59Z");
    pass(SECOND);
    expect(now()).toBe("21 00 01 01 06 00 00 00");
  });
  it("binary, and 12 hours with PM in bit 7", () => {
    wr(0x0b, 0x06);
    expect(now()).toBe("14 1a 0b 15 07 14 19 06");
    wr(0x0b, 0x00);
    expect(rd(4)).toBe(0x88);
    make("2026-01-01T00:30:00Z");
    wr(0x0b, 0x00);
    expect(rd(4)).toBe(0x12);
    pass(12 * 3600 * SECOND);
    expect(rd(4)).toBe(0x92);
  });
  it("is set under SET, which stops updates", () => {
    wr(0x0b, 0x82);
    pass(5 * SECOND);
    expect(rd(0)).toBe(0x06);
    [[0x32, 0x19], [9, 0x99], [8, 0x12], [7, 0x31], [6, 0x06], [4, 0x23], [2, 0x59], [0, 0x58]].forEach(([r, v]) => wr(r, v));
    wr(0x0b, 0x02);
    expect(now()).toBe("19 99 12 31 06 23 59 58");
    pass(2 * SECOND);
    expect(now()).toBe("20 00 01 01 07 00 00 00");
  });
  it("the first update comes half a second after the divider reset is released", () => {
    wr(0x0a, 0x76);
    pass(3 * SECOND);
    expect(rd(0)).toBe(0x06);
    wr(0x0a, 0x26);
    pass(SECOND / 2 - 1);
    expect(rd(0)).toBe(0x06);
    pass(1);
    expect(rd(0)).toBe(0x07);
  });
  it("UIP is up for the 244 µs + 1984 µs before a change, and not under SET", () => {
    pass(SECOND - 2_228_001);
    expect(rd(0x0a)).toBe(0x26);
    pass(1);
    expect(rd(0x0a)).toBe(0xa6);
    wr(0x0b, 0x82);
    expect(rd(0x0a)).toBe(0x26);
    wr(0x0b, 0x02);
    pass(2_228_000);
    expect([rd(0x0a), rd(0)]).toEqual([0x26, 0x07]);
  });
});

describe("interrupts", () => {
  it("update-ended, once a second; register C clears", () => {
    wr(0x0a, 0x20); // no periodic rate
    wr(0x0b, 0x12);
    pass(SECOND);
    expect([irq, rd(0x0c), irq, rd(0x0c)]).toEqual([true, 0x90, false, 0]);
    pass(3 * SECOND);
    expect(interrupts).toEqual([SECOND, 2 * SECOND]); // nobody read C in between
  });
  it("flags are set without being enabled", () => {
    pass(SECOND);
    expect(rd(0x0c)).toBe(0x40 | 0x10);
    expect(interrupts).toEqual([]);
  });
  it("periodic at 1024 Hz and, with RS 1 and 2, at 256 and 128 Hz", () => {
    for (const [rs, hz] of [[6, 1024], [3, 8192], [15, 2], [1, 256], [2, 128]]) {
      make("2026-11-21T20:25:06Z");
      wr(0x0a, 0x20 | rs);
      wr(0x0b, 0x42);
      for (let i = 0; i < 2 * hz; i++) {
        clock.advanceTo(Math.ceil(((i + 1) * SECOND) / hz));
        expect(rd(0x0c) & 0xc0).toBe(0xc0);
      }
      expect(interrupts.length).toBe(2 * hz);
    }
  });
  it("alarm at a time of day", () => {
    [[5, 0x20], [3, 0x26], [1, 0x10]].forEach(([r, v]) => wr(r, v));
    wr(0x0b, 0x22);
    pass(63 * SECOND);
    expect(irq).toBe(false);
    pass(SECOND);
    expect([irq, rd(0x0c)]).toEqual([true, 0xf0]);
    pass(86_400 * SECOND);
    expect(interrupts).toEqual([64 * SECOND, (64 + 86_400) * SECOND]);
  });
  it("alarm with don't-care codes: every minute at 30 seconds", () => {
    [[5, 0xff], [3, 0xc0], [1, 0x30]].forEach(([r, v]) => wr(r, v));
    wr(0x0b, 0x22);
    for (let i = 0; i < 200; i++) {
      pass(SECOND);
      rd(0x0c);
    }
    expect(interrupts.map((ns) => ns / SECOND)).toEqual([24, 84, 144]);
  });
  it("an alarm that cannot come does not hang", () => {
    [[5, 0x99], [3, 0xbf], [1, 0x77]].forEach(([r, v]) => wr(r, v));
    wr(0x0b, 0x22);
    pass(10 * 86_400 * SECOND);
    expect(interrupts).toEqual([]);
  });
});

describe("CMOS", () => {
  it("keeps RAM, masks NMI by bit 7 of the index, and register D says that it is valid", () => {
    wr(0x40, 0x5a);
    wr(0x0d, 0);
    expect([rd(0xc0), rtc.nmiMasked, rd(0x0d), rtc.nmiMasked]).toEqual([0x5a, true, 0x80, false]);
  });
  it("reset turns interrupts off and keeps the time", () => {
    wr(0x0b, 0x72);
    pass(SECOND);
    rtc.reset();
    expect([irq, rd(0x0b), rd(0x0c), rd(0)]).toEqual([false, 0x02, 0, 0x07]);
  });
});

it("the calendar agrees with Date over 400 years", () => {
  for (let s = -5_000_000_000; s < 9_000_000_000; s += 86_399 * 37) {
    const t = calendarTime(s);
    const d = new Date(s * 1000);
    expect([t.year, t.month, t.day, t.weekday, t.hours, t.minutes, t.seconds]).toEqual([
      d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCDay() + 1,
      d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds(),
    ]);
    expect(secondsFromFields(t)).toBe(s);
  }
  expect(secondsFromFields({ year: 2025, month: 14, day: 0, hours: 0, minutes: 0, seconds: 0 })).toBe(Date.UTC(2026, 0, 31) / 1000);
});
