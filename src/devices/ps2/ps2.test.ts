/** The 8042 and its keyboard against the IBM PS/2 Hardware Interface TR, and the probe of the Linux i8042 driver. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { I8042 } from "./i8042.ts";
import { Ps2Keyboard } from "./keyboard.ts";

let keyboard: Ps2Keyboard;
let aux: Ps2Keyboard;
let irq1: number;
let irq12: number;
let signals: string[];
let i8042: I8042;
const rd = (): number => i8042.dataPort.read(0, 1);
const status = (): number => i8042.commandPort.read(0, 1);
const data = (value: number): void => i8042.dataPort.write(0, 1, value);
const command = (value: number, ...bytes: number[]): void => {
  i8042.commandPort.write(0, 1, value);
  bytes.forEach(data);
};
const drain = (): number[] => {
  const bytes: number[] = [];
  while ((status() & 1) !== 0) bytes.push(rd());
  return bytes;
};

function make(withAux: boolean): void {
  keyboard = new Ps2Keyboard(new TimerQueue());
  aux = new Ps2Keyboard(new TimerQueue());
  irq1 = irq12 = 0;
  signals = [];
  i8042 = new I8042(
    { set: (on) => (irq1 += on ? 1 : 0) },
    { set: (on) => (irq12 += on ? 1 : 0) },
    { reset: () => signals.push("reset"), a20: (on) => signals.push(`a20 ${on}`) },
    keyboard,
    withAux ? aux : null,
  );
}
beforeEach(() => make(false));

describe("controller", () => {
  it("answers the Linux probe without an auxiliary port at once", () => {
    expect(drain()).toEqual([]);
    command(0x20);
    expect(status() & 0x21).toBe(0x01);
    const config = rd();
    command(0x60, (config & ~0x01) | 0x10);
    command(0xd3, 0x5a); // AUX_LOOP: comes back, but not as auxiliary data
    expect(status() & 0x21).toBe(0x01);
    expect(rd()).toBe(0x5a);
    command(0xa9); // AUX_TEST fails
    expect(drain()[0]).not.toBe(0);
    command(0xab);
    expect(drain()).toEqual([0x00]);
    command(0x60, 0x45);
    data(0xf2);
    expect(drain()).toEqual([0xfa, 0xab, 0x41]); // translated
  });
  it("self test gives 55h and sets SYS", () => {
    command(0x60, 0x00);
    expect(status() & 0x04).toBe(0);
    command(0xaa);
    expect([rd(), status() & 0x04]).toEqual([0x55, 0x04]);
  });
  it("status tells the last write's port", () => {
    command(0xae);
    expect(status() & 0x08).toBe(0x08);
    data(0xee);
    expect(status() & 0x08).toBe(0);
  });
  it("keeps 32 bytes of RAM", () => {
    command(0x7f, 0xa5);
    command(0x3f);
    expect(rd()).toBe(0xa5);
  });
  it("drives reset and A20 by the output port", () => {
    command(0xd1, 0xdd);
    command(0xd0);
    expect(rd() & 0x03).toBe(0x01);
    command(0xdf);
    command(0xd1, 0xde);
    command(0xfe);
    command(0xff);
    expect(signals).toEqual(["a20 false", "a20 true", "a20 true", "reset", "reset"]);
  });
  it("interrupts once for each byte, when enabled", () => {
    command(0x60, 0x41);
    irq1 = 0;
    keyboard.typeCodes([0x1c, 0xf0, 0x1c]);
    expect(irq1).toBe(1);
    expect(drain()).toEqual([0x1e, 0x9e]);
    expect(irq1).toBe(2);
    command(0x60, 0x40);
    keyboard.typeCodes([0x1c]);
    expect(irq1).toBe(2);
  });
  it("holds keys back while the keyboard's clock is off, untranslated when told so", () => {
    command(0xad);
    command(0x60, 0x11);
    keyboard.typeCodes([0xf0, 0x1c]);
    expect(drain()).toEqual([]);
    command(0xae);
    expect(drain()).toEqual([0xf0, 0x1c]);
  });
  it("with an auxiliary device: loop, test, commands by D4h, IRQ12", () => {
    make(true);
    command(0x60, 0x47);
    command(0xd3, 0x5a);
    expect([status() & 0x21, rd()]).toEqual([0x21, 0x5a]);
    command(0xa9);
    expect(rd()).toBe(0);
    irq12 = 0;
    command(0xd4, 0xf4);
    expect([status() & 0x21, irq12, rd()]).toEqual([0x21, 1, 0xfa]);
  });
});

describe("keyboard", () => {
  beforeEach(() => command(0x60, 0x01)); // no translation
  it.each([
    [[0xff], [0xfa, 0xaa]],
    [[0xf2], [0xfa, 0xab, 0x83]],
    [[0xee], [0xee]],
    [[0xed, 0x05], [0xfa, 0xfa]],
    [[0xf3, 0x00], [0xfa, 0xfa]],
    [[0xf0, 0x00], [0xfa, 0xfa, 0x02]],
    [[0xf0, 0x03, 0xf0, 0x00], [0xfa, 0xfa, 0xfa, 0xfa, 0x03]],
    [[0xf4], [0xfa]],
    [[0xf5], [0xfa]],
    [[0xf6], [0xfa]],
    [[0x10], [0xfe]],
    [[0xee, 0xfe], [0xee, 0xee]],
  ])("answers %o", (sent, expected) => {
    const got: number[] = [];
    for (const byte of sent) {
      data(byte);
      got.push(...drain());
    }
    expect(got).toEqual(expected);
  });
  it("keeps LEDs, and is silent after default disable", () => {
    data(0xed);
    data(0x07);
    expect(keyboard.ledState).toBe(7);
    data(0xf5);
    drain();
    keyboard.typeCodes([0x1c]);
    expect(drain()).toEqual([]);
  });
  it("overruns with code 00h", () => {
    for (let i = 0; i < 40; i++) keyboard.typeCodes([0x1c]);
    const codes = drain();
    expect(codes.at(-1)).toBe(0x00);
    expect(codes.length).toBeLessThanOrEqual(18);
  });
});
