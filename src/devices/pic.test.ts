/** The 8259A pair against its datasheet (231468-003). */
import { beforeEach, describe, expect, it } from "vitest";
import type { BusRegion } from "./bus/region.ts";
import { PicPair } from "./pic.ts";

let pic: PicPair;
let risen: number;
const out = (region: BusRegion, offset: number, value: number): void => region.write(offset, 1, value);
const command = (value: number): void => out(pic.masterPorts, 0, value);
const data = (value: number): void => out(pic.masterPorts, 1, value);
const slaveCommand = (value: number): void => out(pic.slavePorts, 0, value);
const slaveData = (value: number): void => out(pic.slavePorts, 1, value);
const readIrr = (): number => (command(0x0a), pic.masterPorts.read(0, 1));
const readIsr = (): number => (command(0x0b), pic.masterPorts.read(0, 1));
const EOI = 0x20;

function initialise(icw4 = 0x01): void {
  command(0x11);
  data(0x20);
  data(0x04);
  data(icw4);
  slaveCommand(0x11);
  slaveData(0x28);
  slaveData(0x02);
  slaveData(icw4 & ~0x10);
}
const raise = (irq: number): void => pic.line(irq).set(true);
const lower = (irq: number): void => pic.line(irq).set(false);

beforeEach(() => {
  risen = 0;
  pic = new PicPair({ set: (asserted) => (risen += asserted ? 1 : 0) });
  initialise();
});

describe("initialisation", () => {
  it("ICW1 clears IMR, the edge latches and special mask mode, and selects IRR for reading", () => {
    data(0xff);
    expect(pic.masterPorts.read(1, 1)).toBe(0xff);
    raise(3);
    command(0x0b);
    initialise();
    expect(pic.masterPorts.read(1, 1)).toBe(0);
    // IR3 is still high: it needs a new low-to-high transition.
    expect(pic.asserted).toBe(false);
    lower(3);
    raise(3);
    expect(pic.masterPorts.read(0, 1)).toBe(0x08);
    expect(pic.acknowledge()).toBe(0x23);
  });
  it("ICW2 gives vector bits 7..3 only", () => {
    command(0x11);
    data(0x57);
    data(0x04);
    data(0x01);
    raise(1);
    expect(pic.acknowledge()).toBe(0x51);
  });
  it("without IC4 and with SNGL the sequence is ICW1, ICW2", () => {
    command(0x12);
    data(0x40);
    data(0xfe); // OCW1 already
    expect(pic.masterPorts.read(1, 1)).toBe(0xfe);
  });
});

describe("fully nested mode", () => {
  it("serves the highest priority first and holds back equal and lower ones until EOI", () => {
    raise(5);
    raise(1);
    expect(pic.acknowledge()).toBe(0x21);
    expect(pic.asserted).toBe(false);
    expect(readIsr()).toBe(0x02);
    expect(readIrr()).toBe(0x20);
    raise(0);
    expect(pic.acknowledge()).toBe(0x20);
    command(EOI);
    expect(readIsr()).toBe(0x02);
    command(EOI);
    expect(pic.acknowledge()).toBe(0x25);
  });
  it("masks by OCW1", () => {
    data(0x10);
    raise(4);
    expect(pic.asserted).toBe(false);
    data(0x00);
    expect(pic.asserted).toBe(true);
  });
  it("cascades the slave at IR2 and needs both EOIs", () => {
    raise(12);
    expect(pic.acknowledge()).toBe(0x2c);
    expect(readIsr()).toBe(0x04);
    raise(9); // higher priority within the slave, held back by the master's IR2 in service
    expect(pic.asserted).toBe(false);
    slaveCommand(EOI);
    command(EOI);
    expect(pic.acknowledge()).toBe(0x29);
  });
  it("special fully nested mode lets a slave's higher request through", () => {
    initialise(0x11);
    raise(12);
    expect(pic.acknowledge()).toBe(0x2c);
    raise(9);
    expect(pic.acknowledge()).toBe(0x29);
    raise(3);
    expect(pic.asserted).toBe(false); // lower than IR2 on the master
  });
});

describe("triggering", () => {
  it("takes one interrupt per edge", () => {
    raise(4);
    pic.acknowledge();
    command(EOI);
    expect(pic.asserted).toBe(false);
    lower(4);
    raise(4);
    expect(pic.asserted).toBe(true);
    expect(risen).toBe(2);
  });
  it("takes level interrupts as long as ELCR says level and the line is high", () => {
    pic.elcrPorts.write(1, 1, 0xff);
    expect(pic.elcrPorts.read(1, 1)).toBe(0xde); // IRQ8 and IRQ13 are always edge
    pic.elcrPorts.write(0, 1, 0xff);
    expect(pic.elcrPorts.read(0, 1)).toBe(0xf8); // IRQ0, 1, 2 are always edge
    raise(11);
    expect(pic.acknowledge()).toBe(0x2b);
    slaveCommand(EOI);
    command(EOI);
    expect(pic.acknowledge()).toBe(0x2b);
    lower(11);
    slaveCommand(EOI);
    command(EOI);
    expect(pic.asserted).toBe(false);
  });
  it("gives a spurious IR7 without ISR bit when the request goes before INTA", () => {
    raise(4);
    lower(4);
    expect(pic.asserted).toBe(false);
    expect(pic.acknowledge()).toBe(0x27);
    expect(readIsr()).toBe(0);
  });
  it("an EdgeLine's request stays although nothing holds the line", () => {
    pic.line(0).pulse();
    pic.line(0).pulse();
    expect(pic.acknowledge()).toBe(0x20);
    command(EOI);
    expect(pic.asserted).toBe(false);
    pic.line(0).pulse();
    expect(pic.asserted).toBe(true);
  });
});

describe("end of interrupt and rotation", () => {
  it("specific EOI ends the named level", () => {
    raise(6);
    pic.acknowledge();
    raise(2 + 1);
    pic.acknowledge();
    command(0x60 | 6);
    expect(readIsr()).toBe(0x08);
  });
  it("rotate on non-specific EOI makes the served level lowest", () => {
    raise(4);
    raise(5);
    pic.acknowledge();
    command(0xa0);
    lower(4);
    raise(4);
    expect(pic.acknowledge()).toBe(0x25);
    command(EOI);
    expect(pic.acknowledge()).toBe(0x24);
  });
  it("set priority makes a level lowest; rotate on specific EOI too", () => {
    command(0xc0 | 5); // IR6 highest
    raise(0);
    raise(6);
    expect(pic.acknowledge()).toBe(0x26);
    command(0xe0 | 6); // IR7 highest
    raise(7);
    expect(pic.acknowledge()).toBe(0x27);
  });
  it("AEOI leaves no ISR bit; with rotation the served level becomes lowest", () => {
    initialise(0x03);
    raise(3);
    raise(4);
    expect(pic.acknowledge()).toBe(0x23);
    expect(readIsr()).toBe(0);
    expect(pic.acknowledge()).toBe(0x24);
    command(0x80);
    lower(3);
    lower(4);
    raise(3);
    expect(pic.acknowledge()).toBe(0x23);
    lower(3);
    raise(3);
    raise(4);
    expect(pic.acknowledge()).toBe(0x24);
  });
  it("AEOI on both chips serves two requests of the slave one after the other", () => {
    initialise(0x03);
    raise(9);
    raise(10);
    expect(pic.acknowledge()).toBe(0x29);
    expect(pic.acknowledge()).toBe(0x2a);
    expect(pic.asserted).toBe(false);
  });
});

describe("OCW3", () => {
  it("special mask mode enables lower levels while a masked one is in service", () => {
    raise(3);
    pic.acknowledge();
    raise(5);
    expect(pic.asserted).toBe(false);
    data(0x08);
    command(0x68);
    expect(pic.acknowledge()).toBe(0x25);
    // A non-specific EOI does not clear the masked bit.
    command(EOI);
    expect(readIsr()).toBe(0x08);
    command(0x48); // leave
    lower(6);
    raise(6);
    expect(pic.asserted).toBe(false);
  });
  it("poll acknowledges and gives I and the level", () => {
    raise(6);
    command(0x0c);
    expect(pic.masterPorts.read(0, 1)).toBe(0x86);
    expect(readIsr()).toBe(0x40);
    command(0x0c);
    expect(pic.masterPorts.read(0, 1) & 0x80).toBe(0);
  });
});
