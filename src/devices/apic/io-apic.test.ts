/** The I/O APIC against the 82093AA datasheet (290566-001), with a local APIC behind it for the EOI of level interrupts. */
import { beforeEach, describe, expect, it } from "vitest";
import { IoApic } from "./io-apic.ts";
import type { ApicMessage } from "./message.ts";

let messages: ApicMessage[];
let io: IoApic;
const rd = (register: number): number => {
  io.page.write(0, 4, register);
  return io.page.read(0x10, 4) >>> 0;
};
const wr = (register: number, value: number): void => {
  io.page.write(0, 4, register);
  io.page.write(0x10, 4, value);
};
const entry = (pin: number, low: number, high = 0): void => {
  wr(0x11 + 2 * pin, high);
  wr(0x10 + 2 * pin, low);
};
const MASKED = 0x10000;
const LEVEL = 0x8000;
const REMOTE_IRR = 0x4000;

beforeEach(() => {
  messages = [];
  io = new IoApic({ deliver: (m) => messages.push(m) });
});

describe("registers (§3.2)", () => {
  it("ID, version with 24 entries, arbitration; entries are masked at reset", () => {
    wr(0, 0x0f000000);
    expect([rd(0), rd(1), rd(2), rd(0x10), rd(0x3e), rd(0x3f)]).toEqual([0x0f000000, 0x00170020, 0x0f000000, MASKED, MASKED, 0]);
    io.reset();
    expect(rd(0)).toBe(0);
  });
  it("delivery status and remote IRR are read-only, reserved bits stay 0", () => {
    entry(5, 0xffffffff, 0xffffffff);
    expect([rd(0x1a), rd(0x1b)]).toEqual([0x1afff, 0xff000000]);
    wr(1, 0);
    expect(rd(1)).toBe(0x00170020);
  });
  it("the selector reads back; bytes reach it; entries beyond the last are 0", () => {
    io.page.write(0, 1, 0x3f);
    expect([io.page.read(0, 4), rd(0x40), rd(0xff), rd(3)]).toEqual([0x3f, 0, 0, 0]);
    wr(0x40, 0xffffffff);
    expect(io.page.read(0x30, 4)).toBe(0);
  });
});

describe("edges", () => {
  it("one message for each rising edge", () => {
    entry(4, 0x34);
    const line = io.line(4);
    line.set(true);
    line.set(true);
    expect(messages).toEqual([{ vector: 0x34, mode: 0, level: false, destination: 0, logical: false }]);
    line.set(false);
    line.set(true);
    expect(messages.length).toBe(2);
    line.pulse();
    expect(messages.length).toBe(3);
  });
  it("an edge on a masked pin is lost", () => {
    io.line(4).set(true);
    entry(4, 0x34);
    expect(messages).toEqual([]);
  });
  it("delivery mode and destination are the entry's; NMI is an edge whatever the trigger bit says", () => {
    entry(9, 0x0100 | 0x0800 | 0x51, 0x03000000);
    io.line(9).set(true);
    entry(10, 0x0400 | LEVEL | 0x52);
    io.line(10).set(true);
    expect(messages).toEqual([
      { vector: 0x51, mode: 1, level: false, destination: 3, logical: true },
      { vector: 0x52, mode: 4, level: false, destination: 0, logical: false },
    ]);
    expect(rd(0x10 + 20) & REMOTE_IRR).toBe(0);
  });
});

describe("levels", () => {
  it("one message until the EOI, then again while the pin is high", () => {
    entry(16, LEVEL | 0x61);
    const line = io.line(16);
    line.set(true);
    expect([messages.length, rd(0x30) & REMOTE_IRR]).toEqual([1, REMOTE_IRR]);
    line.set(false);
    line.set(true);
    expect(messages.length).toBe(1);
    io.endOfInterrupt(0x60);
    expect(messages.length).toBe(1);
    io.endOfInterrupt(0x61);
    expect([messages.length, messages[1].level]).toEqual([2, true]);
    line.set(false);
    io.endOfInterrupt(0x61);
    expect([messages.length, rd(0x30) & REMOTE_IRR]).toEqual([2, 0]);
  });
  it("a level is not lost behind the mask", () => {
    io.line(16).set(true);
    entry(16, LEVEL | 0x61);
    expect(messages.length).toBe(1);
  });
  it("masking and unmasking between does not repeat it; edge mode forgets remote IRR", () => {
    entry(16, LEVEL | 0x61);
    io.line(16).set(true);
    entry(16, MASKED | LEVEL | 0x61);
    entry(16, LEVEL | 0x61);
    expect([messages.length, rd(0x30) & REMOTE_IRR]).toEqual([1, REMOTE_IRR]);
    entry(16, MASKED | 0x61);
    entry(16, LEVEL | 0x61);
    expect(messages.length).toBe(2);
  });
  it("two pins with one vector end together; the EOI register does the same", () => {
    entry(16, LEVEL | 0x61);
    entry(17, LEVEL | 0x61);
    io.line(16).set(true);
    io.line(17).set(true);
    io.page.write(0x40, 4, 0x61);
    expect(messages.length).toBe(4);
  });
});
