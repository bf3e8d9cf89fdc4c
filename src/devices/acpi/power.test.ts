/** ACPI fixed hardware: PM1, PM timer, GPE and SCI against ACPI 6.5 §4.8. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { AcpiPower } from "./power.ts";

let clock: TimerQueue;
let sci: boolean[];
let off: number;
let power: AcpiPower;
const rd = (offset: number, width: 1 | 2 | 4 = 2): number => power.pmPorts.read(offset, width);
const wr = (offset: number, value: number, width: 1 | 2 | 4 = 2): void => power.pmPorts.write(offset, width, value);

beforeEach(() => {
  clock = new TimerQueue();
  sci = [];
  off = 0;
  power = new AcpiPower(clock, { set: (on) => sci.push(on) }, { powerOff: () => off++ });
});

describe("PM1 (§4.8.3)", () => {
  it("power button: status always, SCI when enabled, until a one is written", () => {
    expect(power.powerButtonEnabled).toBe(false);
    power.pressPowerButton();
    expect([rd(0), sci]).toEqual([0x100, []]);
    wr(2, 0x100);
    expect([sci, power.powerButtonEnabled]).toEqual([[true], true]);
    wr(0, 0x001);
    expect(rd(0)).toBe(0x100);
    wr(0, 0x100);
    expect([rd(0), sci]).toEqual([0, [true, false]]);
  });
  it("bytes and doublewords reach status and enable", () => {
    wr(3, 0x01, 1);
    expect([rd(2), rd(0, 4)]).toEqual([0x100, 0x100_0000]);
    wr(0, 0x0020_0000, 4);
    expect(rd(2)).toBe(0x20);
  });
  it("RTC alarm", () => {
    wr(2, 0x400);
    power.rtcAlarm();
    expect([rd(0), sci]).toEqual([0x400, [true]]);
  });
  it("control: always in ACPI mode; S5 with SLP_EN switches off, other types do nothing", () => {
    expect(rd(4)).toBe(1);
    wr(4, 0x1c00 | 0x2000);
    expect([off, rd(4)]).toEqual([0, 0x1c01]);
    wr(4, 0x2000);
    expect([off, rd(4)]).toEqual([1, 1]);
  });
  it("SLP_EN as a byte", () => {
    wr(5, 0x20, 1);
    expect(off).toBe(1);
  });
});

describe("PM timer (§4.8.3.3)", () => {
  it("3.579545 MHz, 24 bits", () => {
    clock.advanceTo(1_000_000_000);
    expect(rd(8, 4)).toBe(3_579_545);
    clock.advanceTo(5_000_000_000);
    expect(rd(8, 4)).toBe(17_897_725 - 2 ** 24);
    expect([rd(8, 1), rd(9, 1), rd(10, 2)]).toEqual([0xfd, 0x18, 0x11]);
  });
  it("TMR_STS when its highest bit changes, once for each acknowledgement", () => {
    wr(2, 1);
    const half = Math.ceil((2 ** 23 * 1e9) / 3_579_545);
    clock.advanceTo(half - 1);
    expect(rd(0)).toBe(0);
    clock.advanceTo(half);
    expect([rd(0), sci]).toEqual([1, [true]]);
    clock.advanceTo(10 * half);
    wr(0, 1);
    expect(sci).toEqual([true, false]);
    clock.advanceTo(11 * half);
    expect(sci).toEqual([true, false, true]);
  });
});

describe("GPE block 0 (§4.8.4.1)", () => {
  it("status, enable, SCI", () => {
    power.raiseGpe(9);
    power.gpePorts.write(3, 1, 0x02);
    expect([power.gpePorts.read(0, 4), sci]).toEqual([0x0200_0200, [true]]);
    power.gpePorts.write(1, 1, 0x02);
    expect([power.gpePorts.read(0, 2), sci]).toEqual([0, [true, false]]);
  });
});
