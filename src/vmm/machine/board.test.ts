/** The mainboard: addresses, interrupt lines, signals, snapshots of the whole. */
import { beforeEach, describe, expect, it } from "vitest";
import { TimerQueue } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { restoreSections, saveSection } from "../../base/persist.ts";
import { DEVICES, DeviceRig, pseudoRandom } from "../../devices/testing/rig.ts";
import { Board } from "./board.ts";
import type { BoardOptions } from "./board.ts";

let clock: TimerQueue;
let log: string[];
let serial: number[];
let board: Board;

function make(options: Partial<BoardOptions> = {}): Board {
  return new Board({
    scheduler: clock,
    epochSeconds: 1_795_000_000,
    memoryBytes: 128 * 2 ** 20,
    serialOut: { write: (b) => serial.push(b) },
    debugOut: { write: (b) => log.push(`debug ${b}`) },
    debugExit: { iobase: 0xf4, iosize: 4 },
    apic: { x2apic: true, tscDeadline: true, physicalBits: 40, tscHz: 1_000_000_000, crystalHz: 25_000_000 },
    onReset: () => log.push("reset"),
    onPowerOff: () => log.push("power off"),
    onNmi: () => log.push("nmi"),
    onDebugExit: (code) => log.push(`exit ${code}`),
    onA20: (on) => log.push(`a20 ${on}`),
    onIntr: () => log.push("intr"),
    ...options,
  });
}
beforeEach(() => {
  clock = new TimerQueue();
  log = [];
  serial = [];
  board = make();
});
const out = (port: number, ...values: number[]): void => values.forEach((v) => board.portWrite(port, 1, v));
const inb = (port: number): number => board.portRead(port, 1);
const initialisePics = (): void => {
  out(0x20, 0x11);
  out(0x21, 0x20, 0x04, 0x01, 0x00);
  out(0xa0, 0x11);
  out(0xa1, 0x28, 0x02, 0x01, 0x00);
};

describe("addresses and interrupt lines", () => {
  it("timer at 40h on IRQ0", () => {
    initialisePics();
    out(0x43, 0x34);
    out(0x40, 100, 0);
    clock.advanceTo(100_000);
    expect(board.interruptPending()).toBe(true);
    expect(log).toEqual(["intr"]);
    expect(board.acknowledgeInterrupt()).toBe(0x20);
    expect(board.interruptPending()).toBe(false);
  });
  it("RTC at 70h on IRQ8", () => {
    initialisePics();
    out(0x70, 0x0b);
    out(0x71, 0x12);
    clock.advanceTo(1_000_000_000);
    expect(board.acknowledgeInterrupt()).toBe(0x28);
  });
  it("COM1 at 3F8h on IRQ4; COM2..COM4 absent", () => {
    initialisePics();
    out(0x3fc, 0x0b);
    out(0x3f9, 0x01);
    clock.advanceTo(20_000_000);
    board.serialInput(Uint8Array.of(65, 66));
    expect(board.acknowledgeInterrupt()).toBe(0x24);
    expect([board.serialInputQueued(), inb(0x3f8)]).toEqual([1, 65]);
    out(0x3f8, 72);
    expect(serial).toEqual([72]);
    expect([inb(0x2f9), inb(0x3e9), inb(0x2e9)]).toEqual([0xff, 0xff, 0xff]);
  });
  it("COM1 and COM3 share IRQ4", () => {
    board = make({ extraSerial: [null, { write: () => undefined }] });
    initialisePics();
    for (const base of [0x3f8, 0x3e8]) {
      out(base + 4, 0x08);
      out(base + 1, 0x02);
    }
    expect(inb(0x2f9)).toBe(0xff);
    expect(board.acknowledgeInterrupt()).toBe(0x24);
    out(0x20, 0x20, 0x0a);
    inb(0x3fa);
    expect(inb(0x20) & 0x10).toBe(0); // edge taken
    inb(0x3ea);
    out(0x3e9, 0);
    out(0x3e9, 0x02);
    expect(inb(0x20) & 0x10).toBe(0x10);
  });
  it("keyboard at 60h and 64h on IRQ1", () => {
    initialisePics();
    board.keyboard.typeCodes([0x1c]);
    expect(board.acknowledgeInterrupt()).toBe(0x21);
    expect([inb(0x64) & 1, inb(0x60), inb(0x64) & 1]).toEqual([1, 0x1e, 0]);
  });
  it("speaker gate of port 61h drives counter 2", () => {
    out(0x61, 0x01);
    out(0x43, 0xb0);
    out(0x42, 10, 0);
    expect(inb(0x61) & 0x20).toBe(0);
    clock.advanceTo(10_000);
    expect(inb(0x61) & 0x20).toBe(0x20);
  });
  it("PCI host bridge; reset control shares CF9h", () => {
    board.portWrite(0xcf8, 4, 0x8000_0000);
    expect(board.portRead(0xcfc, 4)).toBe(0x1237_8086);
    out(0xcf9, 0x02, 0x06);
    expect(log).toEqual(["reset"]);
    expect(board.portRead(0xcf8, 4)).toBe(0x8000_0000);
  });
  it("reset and A20 by port 92h and by the keyboard controller", () => {
    out(0x64, 0xdd);
    out(0x92, 0x02);
    out(0x92, 0x03);
    out(0x64, 0xfe);
    expect(log).toEqual(["a20 false", "a20 true", "reset", "reset"]);
  });
  it("debug ports", () => {
    out(0xe9, 33);
    board.portWrite(0xf4, 4, 3);
    expect([inb(0xe9), log]).toEqual([0xe9, ["debug 33", "exit 7"]]);
  });
  it("CMOS tells the memory: 640 KiB, 127 MiB above 1 MiB, 112 MiB above 16 MiB", () => {
    const cmos = (i: number): number => (out(0x70, i), inb(0x71));
    const word = (i: number): number => cmos(i) | (cmos(i + 1) << 8);
    expect([word(0x15), word(0x17), word(0x30), word(0x34)]).toEqual([640, 0xffff, 0xffff, 112 * 16]);
  });
  const ioApic = (pin: number, low: number): void => {
    board.mmioWrite(0xfec0_0000, 4, 0x10 + 2 * pin);
    board.mmioWrite(0xfec0_0010, 4, low);
  };
  it("local APIC at FEE00000h, I/O APIC at FEC00000h: timer on input 2, SCI on 9", () => {
    initialisePics();
    out(0x21, 0xff);
    out(0xa1, 0xff);
    board.mmioWrite(0xfee0_00f0, 4, 0x1ff);
    ioApic(2, 0x50);
    out(0x43, 0x34);
    out(0x40, 100, 0);
    clock.advanceTo(100_000);
    expect(board.acknowledgeInterrupt()).toBe(0x50);
    board.mmioWrite(0xfee0_00b0, 4, 0);
    ioApic(2, 0x1_0000);
    ioApic(9, 0x8039);
    board.portWrite(0x602, 2, 0x100);
    expect([board.interruptPending(), board.powerButtonEnabled]).toEqual([false, true]);
    board.pressPowerButton();
    expect(board.acknowledgeInterrupt()).toBe(0x39);
    board.portWrite(0x600, 2, 0x100);
    board.mmioWrite(0xfee0_00b0, 4, 0);
    expect(board.interruptPending()).toBe(false);
  });
  it("HPET at FED00000h: in legacy replacement it stands in for the 8254", () => {
    initialisePics();
    out(0x43, 0x34);
    out(0x40, 100, 0);
    board.mmioWrite(0xfed0_0010, 4, 3);
    clock.advanceTo(1_000_000);
    expect(board.interruptPending()).toBe(false);
    board.mmioWrite(0xfed0_0108, 4, 200_000);
    board.mmioWrite(0xfed0_010c, 4, 0);
    board.mmioWrite(0xfed0_0100, 4, 4);
    clock.advanceTo(3_000_000);
    expect(board.acknowledgeInterrupt()).toBe(0x20);
    out(0x20, 0x20);
    board.mmioWrite(0xfed0_0010, 4, 0);
    clock.advanceTo(4_000_000);
    expect(board.acknowledgeInterrupt()).toBe(0x20); // the 8254 again
  });
  it("PCI pins share four lines, on the I/O APIC and on the 8259s", () => {
    board.mmioWrite(0xfee0_00f0, 4, 0x1ff);
    const first = board.pciPin(2);
    const second = board.pciPin(6);
    ioApic(17, 0x8061);
    first.set(true);
    second.set(true);
    expect(board.acknowledgeInterrupt()).toBe(0x61);
    first.set(false);
    board.mmioWrite(0xfee0_00b0, 4, 0);
    expect(board.acknowledgeInterrupt()).toBe(0x61);
    second.set(false);
    board.mmioWrite(0xfee0_00b0, 4, 0);
    expect(board.interruptPending()).toBe(false);
    ioApic(17, 0x1_0000);
    initialisePics();
    out(0x4d1, 0x0c); // level
    second.set(true);
    expect([board.acknowledgeInterrupt()]).toEqual([0x2a]);
  });
  it("an MSI reaches the local APIC", () => {
    board.mmioWrite(0xfee0_00f0, 4, 0x1ff);
    board.interrupts.message(0xfee0_0000, 0x4071);
    expect(board.acknowledgeInterrupt()).toBe(0x71);
  });
  it("ACPI S5 at 604h", () => {
    board.portWrite(0x604, 2, 0x2000);
    expect(log).toEqual(["power off"]);
  });
  it("nobody answers elsewhere", () => {
    expect(board.portRead(0x300, 4)).toBe(0xffff_ffff);
    expect(board.mmioRead(0xfed8_0000, 4)).toBe(0xffff_ffff);
    board.mmioWrite(0xfed8_0000, 4, 0);
    const s = board.statistics();
    expect([s.ports.unclaimed.reads, s.memory.unclaimed]).toEqual([4, { reads: 4, writes: 4 }]);
  });
});

describe("configuration", () => {
  it.each([
    [{ iobase: 0x60, iosize: 4 }, "taken"],
    [{ iobase: 0xfffe, iosize: 4 }, "outside"],
    [{ iobase: 0xf4, iosize: 0 }, "iosize"],
  ])("isa-debug-exit %o is refused in one line", (debugExit, message) => {
    expect(() => make({ debugExit })).toThrow(UserError);
    expect(() => make({ debugExit })).toThrow(message);
  });
  it("goes without isa-debug-exit", () => {
    board = make({ debugExit: null });
    board.portWrite(0xf4, 4, 3);
    expect(log).toEqual([]);
  });
});

describe("the whole board", () => {
  /** Random accesses to the fitted ports, input and time; returns what the guest would see. */
  function drive(b: Board, c: TimerQueue, seed: number, steps: number): string[] {
    const random = pseudoRandom(seed);
    const seen: string[] = [];
    const bases = [0x20, 0xa0, 0x40, 0x60, 0x61, 0x64, 0x70, 0x80, 0x92, 0x3f8, 0x4d0, 0xcf8, 0xcfc, 0xf4, 0xe9, 0x3ec];
    for (let i = 0; i < steps; i++) {
      const port = bases[random() % bases.length] + (random() & 3);
      const width = ([1, 1, 2, 4] as const)[random() & 3];
      const what = random() % 16;
      if (what < 6) seen.push(`${port} ${b.portRead(port, width)}`);
      else if (what < 12) b.portWrite(port, width, random());
      else if (what === 12) b.serialInput(Uint8Array.of(random(), random()));
      else if (what === 13 && b.interruptPending()) seen.push(`vector ${b.acknowledgeInterrupt()}`);
      else c.advanceTo(c.nowNs() + (random() % 2_000_000));
    }
    return seen;
  }
  /** The board out of its saved state, on a clock of its own; it saves the same and asks for the same. */
  function restored(): { copy: Board; copyClock: TimerQueue } {
    const snapshot = board.persistents.map(saveSection);
    const copyClock = new TimerQueue();
    copyClock.restoreNow(clock.nowNs());
    const copy = make({ scheduler: copyClock });
    restoreSections(copy.persistents, snapshot);
    expect(copy.persistents.map(saveSection)).toEqual(snapshot);
    expect(copy.interruptPending()).toBe(board.interruptPending());
    return { copy, copyClock };
  }
  it("goes on identically after snapshot and restore", () => {
    for (let seed = 1; seed <= 10; seed++) {
      clock = new TimerQueue();
      board = make();
      drive(board, clock, seed, 3_000);
      const { copy, copyClock } = restored();
      const expected = drive(board, clock, seed + 100, 3_000);
      expect(drive(copy, copyClock, seed + 100, 3_000)).toEqual(expected);
      expect(copy.persistents.map(saveSection)).toEqual(board.persistents.map(saveSection));
    }
  });
  it("lines that the HPET has taken over keep their levels", () => {
    initialisePics();
    const hpet = (offset: number, value: number): void => board.mmioWrite(0xfed0_0000 + offset, 4, value);
    // Legacy replacement (§2.3.5): comparator 1 in the RTC's place, once, 1,000 ticks from now, edge-triggered.
    hpet(0x120, 4);
    hpet(0x128, 1000);
    hpet(0x12c, 0);
    hpet(0x10, 3);
    clock.advanceTo(1_000_000);
    expect(board.interruptPending()).toBe(true);
    restored();
  });
  it("survives every width at every port", () => {
    const random = pseudoRandom(99);
    for (let round = 0; round < 3; round++) {
      for (let port = 0; port < 0x1_0000; port++) {
        for (const width of [1, 2, 4] as const) {
          board.portWrite(port, width, random());
          const value = board.portRead(port, width);
          if (!(Number.isInteger(value) && value >= 0 && value < 2 ** (8 * width))) expect.fail(`${port}: ${value}`);
        }
      }
      clock.advanceTo(clock.nowNs() + 100_000_000);
    }
  });
  it("reset brings every device back to power-on, but for the time", () => {
    drive(board, clock, 5, 3_000);
    board.reset();
    expect(board.interruptPending()).toBe(false);
    expect(board.a20Enabled).toBe(true);
    out(0x43, 0xe2);
    expect(inb(0x40)).toBe(0xc0 | 0x36);
    expect([inb(0x3f9), inb(0x3fb), inb(0x3fc)]).toEqual([0, 0, 0]);
    expect(board.portRead(0xcf8, 4)).toBe(0);
  });
  it("has every section in the registry of the conformance test", () => {
    const registered = Object.values(DEVICES).flatMap((fit) => new DeviceRig(fit).device.persistents.map((p) => p.sectionName));
    // Shared lines are all alike.
    for (const p of board.persistents) expect(registered).toContain(p.sectionName.replace(/^line\..*/, "line.irq4"));
    expect(new Set(board.persistents.map((p) => p.sectionName)).size).toBe(board.persistents.length);
  });
});
