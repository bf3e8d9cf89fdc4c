/**
 * The I/O APIC: Intel 82093AA (datasheet 290566-001) with 24 redirection entries, and the EOI register of version 20h
 * (ICH2 datasheet 290687-002 §9.5.5). Pins take assertion, whatever its electrical level: the polarity bit is kept and
 * has no effect, as the board's wiring fits what its firmware tables say.
 */
import type { EdgeLine, LevelLine } from "../../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion } from "../bus/region.ts";
import { DELIVERY, type ApicBus } from "./message.ts";

export const IO_APIC_PINS = 24;
const VERSION = 0x20 | ((IO_APIC_PINS - 1) << 16);

/** §3.2: offsets in the page. */
const IOREGSEL = 0x00;
const IOWIN = 0x10;
const EOI = 0x40;

const REG_ID = 0;
const REG_VERSION = 1;
const REG_ARBITRATION = 2;
const REG_TABLE = 0x10;

/** Low half of a redirection entry, §3.2.4. */
const REMOTE_IRR = 1 << 14;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const LOGICAL = 1 << 11;
const WRITABLE = 0xff | (7 << 8) | LOGICAL | (1 << 13) | LEVEL | MASKED;

/** NMI, INIT, SMI and ExtINT are edge-triggered whatever the bit says (§3.2.4, delivery mode). */
function isLevel(low: number): boolean {
  const mode = (low >>> 8) & 7;
  return (low & LEVEL) !== 0 && (mode === DELIVERY.fixed || mode === DELIVERY.lowestPriority);
}

export class IoApic implements Persistent {
  readonly sectionName = "ioapic";
  readonly sectionVersion = 1;
  readonly page: BusRegion;

  private select = 0;
  private id = 0;
  private readonly low = new Uint32Array(IO_APIC_PINS).fill(MASKED);
  private readonly high = new Uint32Array(IO_APIC_PINS);
  /** Levels of the pins. */
  private inputs = 0;

  constructor(private readonly bus: ApicBus) {
    this.page = {
      length: 0x1000,
      widths: [1, 4],
      read: (offset) => this.read(offset),
      write: (offset, width, value) => this.write(offset, width, value),
    };
  }

  reset(): void {
    this.select = this.id = 0;
    this.low.fill(MASKED);
    this.high.fill(0);
  }

  /** `pin` 0..23: for a source that follows a level, or gives rising edges and rests high. */
  line(pin: number): LevelLine & EdgeLine {
    return {
      set: (asserted) => this.setInput(pin, asserted),
      pulse: () => {
        this.inputs |= 1 << pin;
        this.signal(pin);
      },
    };
  }

  private setInput(pin: number, asserted: boolean): void {
    const bit = 1 << pin;
    const rising = asserted && (this.inputs & bit) === 0;
    this.inputs = asserted ? this.inputs | bit : this.inputs & ~bit;
    if (rising) this.signal(pin);
  }

  /** A pin has become asserted, or a level-triggered entry is open again. Masked edges are lost (§3.2.4, interrupt mask). */
  private signal(pin: number): void {
    const low = this.low[pin];
    if ((low & MASKED) !== 0) return;
    const mode = (low >>> 8) & 7;
    const level = isLevel(low);
    if (level) {
      if ((low & REMOTE_IRR) !== 0 || (this.inputs & (1 << pin)) === 0) return;
      this.low[pin] = low | REMOTE_IRR;
    }
    this.bus.deliver({ vector: low & 0xff, mode, level, destination: this.high[pin] >>> 24, logical: (low & LOGICAL) !== 0 });
  }

  /** The local APIC's EOI message: level-triggered entries with this vector are open again. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IO_APIC_PINS; pin++) {
      const low = this.low[pin];
      if ((low & REMOTE_IRR) === 0 || (low & 0xff) !== vector) continue;
      this.low[pin] = low & ~REMOTE_IRR;
      this.signal(pin);
    }
  }

  /** Registers are doublewords; IOREGSEL is a byte. */
  private read(offset: number): number {
    const shift = 8 * (offset & 3);
    switch (offset & ~3) {
      case IOREGSEL: return this.select >>> shift;
      case IOWIN: return this.readSelected() >>> shift;
      default: return 0;
    }
  }

  private readSelected(): number {
    const { select } = this;
    switch (select) {
      case REG_ID:
      case REG_ARBITRATION: return this.id << 24;
      case REG_VERSION: return VERSION;
    }
    const pin = (select - REG_TABLE) >> 1;
    if (pin < 0 || pin >= IO_APIC_PINS) return 0;
    return (select & 1) !== 0 ? this.high[pin] : this.low[pin];
  }

  private write(offset: number, width: number, value: number): void {
    if (offset === IOREGSEL) this.select = value & 0xff;
    else if (offset === EOI) this.endOfInterrupt(value & 0xff);
    else if (offset === IOWIN && width === 4) this.writeSelected(value);
  }

  private writeSelected(value: number): void {
    const { select } = this;
    if (select === REG_ID) {
      this.id = (value >>> 24) & 0x0f;
      return;
    }
    const pin = (select - REG_TABLE) >> 1;
    if (pin < 0 || pin >= IO_APIC_PINS) return;
    if ((select & 1) !== 0) {
      this.high[pin] = (value & 0xff00_0000) >>> 0;
      return;
    }
    const before = this.low[pin];
    let low = value & WRITABLE;
    // Remote IRR is read-only; an entry that is or was edge-triggered has none.
    if ((low & LEVEL) !== 0 && (before & LEVEL) !== 0) low |= before & REMOTE_IRR;
    this.low[pin] = low;
    if (isLevel(low)) this.signal(pin);
  }

  save(): StateFields {
    return { select: this.select, id: this.id, low: [...this.low], high: [...this.high], inputs: this.inputs };
  }

  restore(r: StateReader): void {
    this.select = r.int("select", 0, 0xff);
    this.id = r.int("id", 0, 0x0f);
    this.low.set(r.ints("low").slice(0, IO_APIC_PINS));
    this.high.set(r.ints("high").slice(0, IO_APIC_PINS));
    this.inputs = r.int("inputs", 0, 2 ** IO_APIC_PINS - 1);
  }
}
