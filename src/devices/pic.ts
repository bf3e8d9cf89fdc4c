/**
 * The PC's pair of cascaded interrupt controllers: Intel 8259A (datasheet order no. 231468-003), with the
 * edge/level control registers of the PIIX3 (Intel 290550-002 §2.5.3, ELCR1/ELCR2).
 *
 * MCS-80/85 mode (ICW4 µPM = 0) delivers the 8086 vector all the same: no x86 processor takes a CALL.
 */
import type { EdgeLine, LevelLine } from "../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../base/persist.ts";
import type { BusRegion, IoWidth } from "./bus/region.ts";

/** What the next byte to the odd port is. 0: OCW1; 2..4: that ICW. */
type ExpectedWord = 0 | 2 | 3 | 4;

/** Names of the 8259A's registers and words are those of its datasheet. */
class Controller8259A {
  /** Levels of IR0..IR7. */
  private inputs = 0;
  /** Edge-sense latches: set by a rising edge, cleared by acknowledge or by the input going low. */
  private edges = 0;
  private isr = 0;
  private imr = 0;
  private elcr = 0;
  private vectorBase = 0;
  private icw1 = 0;
  private icw3 = 0;
  private icw4 = 0;
  private expected: ExpectedWord = 0;
  /** The IR of lowest priority; 7 after initialisation. */
  private lowest = 7;
  private specialMask = false;
  private rotateOnAutoEoi = false;
  private readIsr = false;
  private poll = false;

  constructor(
    private readonly isMaster: boolean,
    /** INT may have changed; `acknowledged` says that it was low for the length of an acknowledge. */
    private readonly onChange: (acknowledged: boolean) => void,
    /** IRs whose trigger mode can be programmed (PIIX3 §2.5.3: timer, keyboard, cascade, RTC, FERR# cannot). */
    private readonly elcrWritable: number,
  ) {}

  reset(): void {
    this.isr = this.imr = this.elcr = this.vectorBase = this.edges = 0;
    this.icw1 = this.icw3 = this.icw4 = 0;
    this.expected = 0;
    this.lowest = 7;
    this.specialMask = this.rotateOnAutoEoi = this.readIsr = this.poll = false;
    this.onChange(false);
  }

  setInput(ir: number, high: boolean): void {
    const bit = 1 << ir;
    if (high) {
      if ((this.inputs & bit) === 0) this.edges |= bit;
      this.inputs |= bit;
    } else {
      // "If the IR input goes low before INTA a default IR7 will occur": the request does not outlive its line.
      this.inputs &= ~bit;
      this.edges &= ~bit;
    }
    this.onChange(false);
  }

  /** One rising edge on an input that rests high. */
  pulseInput(ir: number): void {
    this.inputs |= 1 << ir;
    this.edges |= 1 << ir;
    this.onChange(false);
  }

  private irr(): number {
    const level = (this.icw1 & 0x08) !== 0 ? 0xff : this.elcr;
    return (this.inputs & level) | (this.edges & ~level);
  }

  /** The IR that INT is asserted for, or -1. Fully nested priorities, rotated by `lowest`. */
  private requested(): number {
    if (this.expected !== 0) return -1;
    const requests = this.irr() & ~this.imr;
    if (requests === 0) return -1;
    // Special mask mode: a masked level in service holds back nobody.
    const inService = this.specialMask ? this.isr & ~this.imr : this.isr;
    const slaves = this.isMaster && (this.icw4 & 0x10) !== 0 ? this.icw3 : 0;
    for (let i = 1; i <= 8; i++) {
      const ir = (this.lowest + i) & 7;
      const bit = 1 << ir;
      const serving = (inService & bit) !== 0;
      // Special fully nested mode: a slave in service may ask again for a request of higher priority.
      if ((requests & bit) !== 0 && (!serving || (slaves & bit) !== 0)) return ir;
      if (serving) return -1;
    }
    return -1;
  }

  get asserted(): boolean {
    return this.requested() >= 0;
  }

  /** The first INTA pulse: the IR that is now in service, or -1 if the request has gone. */
  private beginService(): number {
    const ir = this.requested();
    if (ir < 0) return -1;
    const bit = 1 << ir;
    this.edges &= ~bit;
    if ((this.icw4 & 0x02) === 0) this.isr |= bit;
    else if (this.rotateOnAutoEoi) this.lowest = ir;
    return ir;
  }

  /** Interrupt acknowledge: the IR (7 without an ISR bit if spurious). */
  acknowledge(): number {
    const ir = this.beginService();
    this.onChange(true);
    return ir < 0 ? 7 : ir;
  }

  isSpurious(): boolean {
    return this.requested() < 0;
  }

  vectorOf(ir: number): number {
    return this.vectorBase | ir;
  }

  read(offset: number): number {
    if (this.poll) {
      // Poll command: this read is the acknowledge; I in bit 7, the level in bits 2..0.
      this.poll = false;
      const ir = this.beginService();
      this.onChange(true);
      return ir < 0 ? 0 : 0x80 | ir;
    }
    if (offset === 1) return this.imr;
    return this.readIsr ? this.isr : this.irr();
  }

  write(offset: number, value: number): void {
    if (offset === 0) {
      if ((value & 0x10) !== 0) this.writeIcw1(value);
      else if ((value & 0x08) !== 0) this.writeOcw3(value);
      else this.writeOcw2(value);
    } else this.writeOdd(value);
    this.onChange(false);
  }

  private writeIcw1(value: number): void {
    this.icw1 = value;
    this.edges = 0;
    this.imr = 0;
    this.isr = 0;
    this.lowest = 7;
    this.specialMask = false;
    this.readIsr = false;
    this.poll = false;
    this.rotateOnAutoEoi = false;
    this.icw4 = 0;
    this.expected = 2;
  }

  private writeOdd(value: number): void {
    const single = (this.icw1 & 0x02) !== 0;
    const wantsIcw4 = (this.icw1 & 0x01) !== 0;
    switch (this.expected) {
      case 0:
        this.imr = value;
        break;
      case 2:
        this.vectorBase = value & 0xf8;
        this.expected = !single ? 3 : wantsIcw4 ? 4 : 0;
        break;
      case 3:
        this.icw3 = value;
        this.expected = wantsIcw4 ? 4 : 0;
        break;
      case 4:
        this.icw4 = value & 0x1f;
        this.expected = 0;
        break;
    }
  }

  private writeOcw2(value: number): void {
    const level = value & 7;
    switch (value >> 5) {
      case 0b000: // rotate in automatic EOI mode (clear)
        this.rotateOnAutoEoi = false;
        break;
      case 0b001: // non-specific EOI
        this.endHighest();
        break;
      case 0b010: // no operation
        break;
      case 0b011: // specific EOI
        this.isr &= ~(1 << level);
        break;
      case 0b100: // rotate in automatic EOI mode (set)
        this.rotateOnAutoEoi = true;
        break;
      case 0b101: {
        // rotate on non-specific EOI
        const ended = this.endHighest();
        if (ended >= 0) this.lowest = ended;
        break;
      }
      case 0b110: // set priority
        this.lowest = level;
        break;
      case 0b111: // rotate on specific EOI
        this.isr &= ~(1 << level);
        this.lowest = level;
        break;
    }
  }

  /** Clears the highest-priority ISR bit; in special mask mode a masked one is passed over. */
  private endHighest(): number {
    const candidates = this.specialMask ? this.isr & ~this.imr : this.isr;
    for (let i = 1; i <= 8; i++) {
      const ir = (this.lowest + i) & 7;
      if ((candidates & (1 << ir)) !== 0) {
        this.isr &= ~(1 << ir);
        return ir;
      }
    }
    return -1;
  }

  private writeOcw3(value: number): void {
    if ((value & 0x40) !== 0) this.specialMask = (value & 0x20) !== 0;
    if ((value & 0x04) !== 0) this.poll = true;
    else if ((value & 0x02) !== 0) this.readIsr = (value & 0x01) !== 0;
  }

  readElcr(): number {
    return this.elcr;
  }
  writeElcr(value: number): void {
    this.elcr = value & this.elcrWritable;
    this.onChange(false);
  }

  save(): StateFields {
    return {
      inputs: this.inputs,
      edges: this.edges,
      isr: this.isr,
      imr: this.imr,
      elcr: this.elcr,
      vectorBase: this.vectorBase,
      icw1: this.icw1,
      icw3: this.icw3,
      icw4: this.icw4,
      expected: this.expected,
      lowest: this.lowest,
      specialMask: this.specialMask,
      rotateOnAutoEoi: this.rotateOnAutoEoi,
      readIsr: this.readIsr,
      poll: this.poll,
    };
  }

  restore(r: StateReader): void {
    this.inputs = r.int("inputs", 0, 0xff);
    this.edges = r.int("edges", 0, 0xff);
    this.isr = r.int("isr", 0, 0xff);
    this.imr = r.int("imr", 0, 0xff);
    this.elcr = r.int("elcr", 0, 0xff);
    this.vectorBase = r.int("vectorBase", 0, 0xf8);
    this.icw1 = r.int("icw1", 0, 0xff);
    this.icw3 = r.int("icw3", 0, 0xff);
    this.icw4 = r.int("icw4", 0, 0x1f);
    const expected = r.int("expected", 0, 4);
    this.expected = expected === 2 || expected === 3 || expected === 4 ? expected : 0;
    this.lowest = r.int("lowest", 0, 7);
    this.specialMask = r.bool("specialMask");
    this.rotateOnAutoEoi = r.bool("rotateOnAutoEoi");
    this.readIsr = r.bool("readIsr");
    this.poll = r.bool("poll");
    r.finish();
  }
}

/** IRQ0..15: a master whose IR2 is the slave's INT output. */
export class PicPair implements Persistent {
  readonly sectionName = "pic";
  readonly sectionVersion = 1;
  /** Ports +0 and +1 of the master, of the slave, and ELCR1/ELCR2. */
  readonly masterPorts: BusRegion;
  readonly slavePorts: BusRegion;
  readonly elcrPorts: BusRegion;
  /** State of the INTR pin. */
  asserted = false;

  private readonly master: Controller8259A;
  private readonly slave: Controller8259A;
  private cascade = false;

  /** `intr` is the processor's INTR pin. */
  constructor(private readonly intr: LevelLine) {
    this.slave = new Controller8259A(false, (acknowledged) => this.slaveChanged(acknowledged), 0xde);
    this.master = new Controller8259A(true, () => this.masterChanged(), 0xf8);
    this.masterPorts = this.ports(this.master);
    this.slavePorts = this.ports(this.slave);
    this.elcrPorts = {
      length: 2,
      widths: [1],
      read: (offset) => (offset === 0 ? this.master : this.slave).readElcr(),
      write: (offset, _width, value) => (offset === 0 ? this.master : this.slave).writeElcr(value),
    };
  }

  private ports(c: Controller8259A): BusRegion {
    return {
      length: 2,
      widths: [1],
      read: (offset: number) => c.read(offset),
      write: (offset: number, _width: IoWidth, value: number) => c.write(offset, value),
    };
  }

  private slaveChanged(acknowledged: boolean): void {
    if (acknowledged && this.cascade) {
      this.cascade = false;
      this.master.setInput(2, false);
    }
    const high = this.slave.asserted;
    if (high === this.cascade) return;
    this.cascade = high;
    this.master.setInput(2, high);
  }

  private masterChanged(): void {
    const high = this.master.asserted;
    if (high === this.asserted) return;
    this.asserted = high;
    this.intr.set(high);
  }

  /** Hardware reset (PCIRST#): registers to their defaults; the input pins keep their levels. */
  reset(): void {
    this.slave.reset();
    this.master.reset();
  }

  /** A pin that follows a device's interrupt output, or takes rising edges and rests high. `irq` 0..15 without 2. */
  line(irq: number): LevelLine & EdgeLine {
    const controller = irq < 8 ? this.master : this.slave;
    const ir = irq & 7;
    return { set: (asserted) => controller.setInput(ir, asserted), pulse: () => controller.pulseInput(ir) };
  }

  /** The INTA cycle: the vector. A request that has gone gives IR7 of the chip that was asked, not in service. */
  acknowledge(): number {
    const cascaded = !this.master.isSpurious();
    const ir = this.master.acknowledge();
    if (!cascaded || ir !== 2) return this.master.vectorOf(ir);
    return this.slave.vectorOf(this.slave.acknowledge());
  }

  save(): StateFields {
    return { master: this.master.save(), slave: this.slave.save(), cascade: this.cascade, asserted: this.asserted };
  }

  restore(r: StateReader): void {
    this.master.restore(r.record("master"));
    this.slave.restore(r.record("slave"));
    this.cascade = r.bool("cascade");
    this.asserted = r.bool("asserted");
    if (this.asserted) this.intr.set(true);
  }
}
