/**
 * The ISA bridge of the Intel PIIX3 (290550-002 §2.3): function 0 of its device, and the routing of PIRQA#..PIRQD# to interrupt
 * lines. Inputs are the slots' INTx pins, swizzled as firmware expects of a PIIX3 board: INTA# of device 1 is PIRQA#, and each
 * further device or pin is the next (PCI 3.0 §2.2.6).
 */
import { InternalError } from "../../base/errors.ts";
import type { LevelLine } from "../../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { PCI_CONFIG_BYTES, PciConfigSpace } from "./config-space.ts";
import type { PciFunction } from "./function.ts";

const PIRQRC = 0x60;
/** PIRQx does not reach any line. */
const UNROUTED = 0x80;
/** Lines that a PIRQ may be routed to (PIIX3 §2.3.7). */
export const PIRQ_LINES = [3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15] as const;

/** The PIRQ (0 is PIRQA#) of a pin, 1..4, of a device. */
export function pirqOf(device: number, pin: number): number {
  return (device + pin + 2) & 3;
}

export class IsaBridge implements PciFunction, Persistent {
  readonly sectionName = "pci.isa-bridge";
  readonly sectionVersion = 1;
  private config = IsaBridge.defaults();
  /** Asserted inputs by PIRQ, one bit for each that was handed out. */
  private readonly inputs = [0, 0, 0, 0];
  private readonly fitted = [0, 0, 0, 0];
  private readonly lines: ReadonlyMap<number, LevelLine>;
  /** Lines that we hold up, as a mask. */
  private high = 0;

  /** `line` gives an input of an interrupt line, shared with whoever else is on it. */
  constructor(line: (irq: number) => LevelLine) {
    this.lines = new Map(PIRQ_LINES.map((irq) => [irq, line(irq)]));
  }

  private static defaults(): PciConfigSpace {
    const config = new PciConfigSpace({ vendorId: 0x8086, deviceId: 0x7000, revision: 0, classCode: 0x060100 });
    config.define(0x04, 2, 0x0007, 0x0108);
    config.define(0x06, 2, 0x0200, 0, 0xf900);
    config.define(0x0e, 1, 0x80); // more functions follow
    config.define(0x2c, 4, 0x1100_1af4); // subsystem: what firmware for QEMU looks for
    config.define(0x4c, 1, 0x4d, 0x7f); // ISA I/O recovery timers
    config.define(0x4e, 2, 0x0003, 0x01ff); // chip select
    for (let i = 0; i < 4; i++) config.define(PIRQRC + i, 1, UNROUTED, 0x8f);
    config.define(0x69, 1, 0x02, 0xfe); // top of memory
    return config;
  }

  /** The INTx pin of a slot. */
  input(device: number, pin: number): LevelLine {
    const pirq = pirqOf(device, pin);
    if (this.fitted[pirq] === 31) throw new InternalError("too many functions on a PIRQ");
    const bit = 1 << this.fitted[pirq]++;
    return {
      set: (asserted) => {
        if (asserted) this.inputs[pirq] |= bit;
        else this.inputs[pirq] &= ~bit;
        this.drive();
      },
    };
  }

  /** Firmware's part: routes a PIRQ to a line. */
  route(pirq: number, irq: number): void {
    this.config.write(PIRQRC + pirq, 1, irq);
    this.drive();
  }
  /** The line that a PIRQ is routed to, or null. */
  lineOf(pirq: number): number | null {
    const value = this.config.read(PIRQRC + pirq, 1);
    return (value & UNROUTED) === 0 && this.lines.has(value & 15) ? value & 15 : null;
  }

  private drive(): void {
    let high = 0;
    for (let pirq = 0; pirq < 4; pirq++) {
      const irq = this.inputs[pirq] === 0 ? null : this.lineOf(pirq);
      if (irq !== null) high |= 1 << irq;
    }
    const changed = high ^ this.high;
    this.high = high;
    for (const [irq, line] of this.lines) if ((changed & (1 << irq)) !== 0) line.set((high & (1 << irq)) !== 0);
  }

  reset(): void {
    this.config = IsaBridge.defaults();
    this.drive();
  }
  readConfig(offset: number, width: IoWidth): number {
    return this.config.read(offset, width);
  }
  writeConfig(offset: number, width: IoWidth, value: number): void {
    this.config.write(offset, width, value);
    this.drive();
  }

  save(): StateFields {
    return { config: this.config.bytes(), inputs: [...this.inputs], high: this.high };
  }
  restore(r: StateReader): void {
    this.config.setBytes(r.bytes("config", PCI_CONFIG_BYTES));
    r.ints("inputs").slice(0, 4).forEach((v, i) => (this.inputs[i] = v));
    this.high = r.int("high", 0, 0xffff);
  }
}
