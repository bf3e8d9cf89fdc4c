/** The 8042 and its keyboard against the IBM PS/2 Hardware Interface TR, and the probe of the Linux i8042 driver. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { I8042 } from "./i8042.ts";
import { Ps2Keyboard } from "./keyboard.ts";
import { KEYS } from "./keys.ts";
import { Ps2Mouse } from "./mouse.ts";

let keyboard: Ps2Keyboard;
let aux: Ps2Mouse;
let clock: TimerQueue;
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
  clock = new TimerQueue();
  keyboard = new Ps2Keyboard(clock);
  aux = new Ps2Mouse(clock);
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

describe("keys by place", () => {
  const set = (n: number): void => {
    command(0x60, 0x01);
    data(0xf0);
    drain();
    data(n);
    drain();
  };
  const codes = (name: string, pressed: boolean): number[] => {
    keyboard.key(name, pressed);
    return drain();
  };

  // IBM PS/2 HITR, keyboard scan code sets; Microsoft, Keyboard Scan Code Specification, appendix A.
  it.each([
    ["KeyA", [0x1e], [0x9e], [0x1c], [0xf0, 0x1c], [0x1c]],
    ["Enter", [0x1c], [0x9c], [0x5a], [0xf0, 0x5a], [0x5a]],
    ["ArrowUp", [0xe0, 0x48], [0xe0, 0xc8], [0xe0, 0x75], [0xe0, 0xf0, 0x75], [0x63]],
    ["ControlRight", [0xe0, 0x1d], [0xe0, 0x9d], [0xe0, 0x14], [0xe0, 0xf0, 0x14], [0x58]],
    ["MetaLeft", [0xe0, 0x5b], [0xe0, 0xdb], [0xe0, 0x1f], [0xe0, 0xf0, 0x1f], [0x8b]],
    ["F7", [0x41], [0xc1], [0x83], [0xf0, 0x83], [0x37]],
    ["IntlBackslash", [0x56], [0xd6], [0x61], [0xf0, 0x61], [0x13]],
    ["Pause", [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], [], [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77], [], [0x62]],
    ["PrintScreen", [0xe0, 0x2a, 0xe0, 0x37], [0xe0, 0xb7, 0xe0, 0xaa], [0xe0, 0x12, 0xe0, 0x7c], [0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12], [0x57]],
  ])("%s in sets 1, 2 and 3, and translated", (name, make1, break1, make2, break2, make3) => {
    expect([codes(name, true), codes(name, false)]).toEqual([make1, break1]); // translated, as the PC has it
    set(1);
    expect([codes(name, true), codes(name, false)]).toEqual([make1, break1]);
    set(2);
    expect([codes(name, true), codes(name, false)]).toEqual([make2, break2]);
    set(3);
    expect([codes(name, true), codes(name, false)]).toEqual([make3, []]);
  });
  it("set 3: break codes where asked for", () => {
    set(3);
    expect([codes("ShiftLeft", true), codes("ShiftLeft", false)]).toEqual([[0x12], [0xf0, 0x12]]);
    data(0xf8);
    drain();
    expect([codes("KeyA", true), codes("KeyA", false)]).toEqual([[0x1c], [0xf0, 0x1c]]);
  });
  it("repeats the last key while the host does: from 500 ms on, 10.9 a second, or as told", () => {
    command(0x60, 0x41);
    expect(codes("KeyA", true)).toEqual([0x1e]);
    let pressed = 0;
    /** The host repeats `name` every `every` ms. */
    const during = (ms: number, name: string | null, every = 1): number => {
      const before = pressed;
      for (let i = 0; i < ms; i++) {
        clock.advanceTo(clock.nowNs() + 1_000_000);
        if (name !== null && i % every === 0) keyboard.key(name, true);
        pressed += drain().filter((c) => c === 0x1e || c === 0x30).length;
      }
      return pressed - before;
    };
    expect(during(499, "KeyA")).toBe(0);
    expect(during(1002, "KeyA")).toBe(11);
    expect(during(2000, null)).toBe(0); // its release may be on its way
    expect(during(40, "KeyA")).toBe(1); // nothing is made up for
    data(0xf3);
    data(0x00); // 250 ms, 30 a second
    drain();
    expect(codes("KeyB", true)).toEqual([0x30]);
    expect(during(249, "KeyB")).toBe(0);
    expect(during(1000, "KeyB")).toBe(30);
    const many = during(4000, "KeyB", 33);
    expect([many > 115, many <= 120]).toEqual([true, true]); // not half as many for a host of nearly the same period, and not more
    expect(during(1000, "KeyB", 100)).toBe(9); // the first came too soon after the last
    expect(during(1000, "KeyA")).toBe(0); // down, but not the last
    codes("KeyA", false);
    expect(during(100, "KeyB")).toBe(4); // B is still down, and was due
    codes("KeyB", false);
    expect(during(1000, null)).toBe(0);
  });
  it("loses nothing that a person types, and lets go of everything", () => {
    command(0x60, 0x41);
    const typed = KEYS.filter(({ name }) => /^(Key|Digit)/.test(name));
    for (const { name } of typed) for (const down of [true, false]) keyboard.key(name, down);
    expect(drain().length).toBe(typed.length * 2);
    keyboard.key("ShiftLeft", true);
    keyboard.key("AltRight", true);
    drain();
    keyboard.releaseAll();
    expect(drain()).toEqual([0xaa, 0xe0, 0xb8]);
  });
  it("knows each key once, and no others", () => {
    expect(new Set(KEYS.map((k) => k.name)).size).toBe(KEYS.length);
    expect(new Set(KEYS.map((k) => k.set2)).size).toBe(KEYS.length);
    expect(keyboard.key("Hyper", true)).toBe(false);
  });
});

describe("mouse", () => {
  const tell = (...bytes: number[]): number[] => {
    const got: number[] = [];
    for (const byte of bytes) {
      command(0xd4, byte);
      got.push(...drain());
    }
    return got;
  };
  const move = (dx: number, dy: number, buttons = 0, dz = 0): number[] => {
    clock.advanceTo(clock.nowNs() + 30_000_000);
    aux.move({ dx, dy, dz, buttons });
    return drain();
  };
  beforeEach(() => {
    make(true);
    command(0x60, 0x47);
  });

  it("identifies itself, resets, and is silent until enabled", () => {
    expect(tell(0xff)).toEqual([0xfa, 0xaa, 0x00]);
    expect(tell(0xf2)).toEqual([0xfa, 0x00]);
    expect(move(1, 1)).toEqual([]);
    expect(tell(0xf4)).toEqual([0xfa]);
    expect(move(5, 3, 1)).toEqual([0x29, 0x05, 0xfd]); // up is positive, the button is down
    expect(move(-300, 0)).toEqual([0x18, 0x00, 0x00]); // 256 at most
    clock.advanceTo(clock.nowNs() + 20_000_000);
    expect(drain()).toEqual([0x18, 0xd4, 0x00]); // the rest
  });
  it("has a wheel after rates 200, 100, 80 and five buttons after 200, 200, 80", () => {
    expect(tell(0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0x03]);
    tell(0xf4);
    expect(move(0, 0, 0, -1)).toEqual([0x08, 0, 0, 0xff]);
    expect(tell(0xf3, 200, 0xf3, 200, 0xf3, 80, 0xf2).at(-1)).toBe(0x04);
    expect(move(0, 0, 0x10, 1)).toEqual([0x08, 0, 0, 0x21]);
    expect(tell(0xff)).toEqual([0xfa, 0xaa, 0x00]);
    expect(tell(0xf2)).toEqual([0xfa, 0x00]);
  });
  it("keeps its sample rate", () => {
    tell(0xf3, 10, 0xf4);
    expect(move(1, 0)).toEqual([0x08, 1, 0]);
    expect(move(1, 0)).toEqual([]);
    expect(move(1, 0)).toEqual([]);
    clock.advanceTo(clock.nowNs() + 100_000_000);
    expect(drain()).toEqual([0x08, 2, 0]);
  });
  it("status, remote mode, wrap mode, scaling", () => {
    expect(tell(0xe8, 3, 0xf3, 40, 0xe7, 0xe9)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0x10, 3, 40]);
    tell(0xf4);
    expect(move(3, 0)).toEqual([0x08, 3, 0]);
    expect(move(5, 0)).toEqual([0x08, 9, 0]);
    expect(tell(0xf0)).toEqual([0xfa]);
    expect(move(7, 0)).toEqual([]);
    expect(tell(0xeb)).toEqual([0xfa, 0x08, 7, 0]); // read data is not scaled
    expect(tell(0xee, 0x55, 0xf2)).toEqual([0xfa, 0x55, 0xf2]);
    expect(tell(0xec, 0xf2)).toEqual([0xfa, 0xfa, 0x00]);
  });
  it("refuses what it does not know", () => {
    expect(tell(0x01)).toEqual([0xfe]);
    expect(tell(0xf3, 77)).toEqual([0xfa, 0xfe]);
    expect(tell(77)).toEqual([0xfc]);
    expect(tell(0xf2)).toEqual([0xfa, 0x00]);
  });
});
