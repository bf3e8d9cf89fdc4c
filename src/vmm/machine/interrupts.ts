/** The PC's interrupt wiring: 8259 pair, I/O APIC and local APIC, and which input a device's line leads to. */
import type { Scheduler } from "../../base/clock.ts";
import { InternalError } from "../../base/errors.ts";
import type { EdgeLine, LevelLine } from "../../base/lines.ts";
import type { Persistent } from "../../base/persist.ts";
import { IoApic } from "../../devices/apic/io-apic.ts";
import { LocalApic } from "../../devices/apic/local-apic.ts";
import { decodeMsi } from "../../devices/apic/message.ts";
import type { MmioBus } from "../../devices/bus/mmio-bus.ts";
import type { Mapping } from "../../devices/bus/region.ts";
import { PicPair } from "../../devices/pic.ts";
import { SharedLine } from "../../devices/shared-line.ts";
import { IRQ, PCI_INTX, isaGsi } from "./memory-map.ts";

/** What the processor's model says of its local APIC. */
export interface ApicConfig {
  readonly x2apic: boolean;
  readonly tscDeadline: boolean;
  readonly physicalBits: number;
  readonly tscHz: number;
  readonly crystalHz: number;
}

export interface InterruptsOptions {
  readonly scheduler: Scheduler;
  readonly memory: MmioBus;
  /** Null: no local APIC; the 8259s drive the INTR pin. */
  readonly apic: ApicConfig | null;
  /** INTR towards the core has become asserted. */
  onIntr(): void;
  onNmi(): void;
  /** INIT#, by message. */
  onInit(): void;
}

/** A line for a device that holds a level or gives edges. */
export type Line = LevelLine & EdgeLine;

export class Interrupts {
  readonly pic: PicPair;
  readonly ioApic: IoApic;
  readonly apic: LocalApic;
  /** In the order in which they are restored. */
  readonly persistents: readonly Persistent[];
  private page: Mapping | null = null;
  /** ISA inputs that several sources share, by number. */
  private readonly shared = new Map<number, SharedLine>();
  private readonly pci: readonly SharedLine[];
  /** HPET legacy replacement: the 8254 and the RTC are cut off. */
  private replaced = false;

  constructor(private readonly options: InterruptsOptions) {
    const { apic, scheduler } = options;
    this.pic = new PicPair({ set: () => this.external() });
    this.apic = new LocalApic({
      scheduler,
      fitted: apic !== null,
      tscHz: apic?.tscHz ?? 1_000_000_000,
      crystalHz: apic?.crystalHz ?? 1_000_000,
      x2apic: apic?.x2apic === true,
      tscDeadline: apic?.tscDeadline === true,
      physicalBits: apic?.physicalBits ?? 36,
      external: this.pic,
      signals: {
        intr: () => options.onIntr(),
        nmi: () => options.onNmi(),
        init: () => options.onInit(),
        endOfInterrupt: (vector) => this.ioApic.endOfInterrupt(vector),
        page: (base) => this.mapPage(base),
      },
    });
    this.ioApic = new IoApic(this.apic);
    this.mapPage(this.apic.pageAddress);
    // The 8259s get the slots' pins through the ISA bridge.
    this.pci = PCI_INTX.gsis.map((gsi, i) => new SharedLine(`pci${i}`, this.ioApic.line(gsi)));
    this.persistents = [this.pic, this.ioApic, this.apic, ...this.pci];
  }

  /** The shared lines of ISA interrupts: they save their inputs. Complete once every device is made. */
  get sharedLines(): readonly SharedLine[] {
    return [...this.shared.values()];
  }

  private external(): void {
    this.apic.externalChanged();
    // The 8259s are on input 0 of the I/O APIC, too, for ExtINT through it (82093AA §2.4).
    this.ioApic.line(0).set(this.pic.asserted);
  }

  private mapPage(base: number | null): void {
    if ((this.page?.base ?? null) === base) return;
    this.page?.remove();
    // Over another device nothing is mapped: the guest has put it where it cannot be.
    this.page = base === null ? null : this.options.memory.tryMap(this.apic.page, { name: "apic", base });
  }

  /** ISA interrupt 0 to 15, for one device. */
  isa(irq: number): Line {
    if (irq === 2) throw new InternalError("IRQ 2 is the cascade");
    const pic = this.pic.line(irq);
    const pin = this.ioApic.line(isaGsi(irq));
    return {
      set: (asserted) => {
        pic.set(asserted);
        pin.set(asserted);
      },
      pulse: () => {
        pic.pulse();
        pin.pulse();
      },
    };
  }

  /** One of several devices on an ISA interrupt, each with its own input. */
  sharedInput(irq: number): LevelLine {
    let line = this.shared.get(irq);
    if (line === undefined) this.shared.set(irq, (line = new SharedLine(`irq${irq}`, this.isa(irq))));
    return line.input();
  }

  /** The I/O APIC's input of INTA..INTD (`pin` 0..3) of PCI device `slot` on bus 0. Once for each device and pin. */
  pciPin(slot: number, pin: number): LevelLine {
    return this.pci[PCI_INTX.line(slot, pin)].input();
  }

  /** Input 0 to 23 of the I/O APIC alone. */
  gsi(pin: number): Line {
    return this.ioApic.line(pin);
  }

  /** A device's write into the range of interrupt messages (MSI, MSI-X). */
  message(address: number, data: number): void {
    this.apic.deliver(decodeMsi(address, data));
  }

  /** The 8254's line: cut off while the HPET stands in for it. */
  readonly pitLine = (): EdgeLine => {
    const line = this.isa(IRQ.pit);
    return {
      pulse: () => {
        if (!this.replaced) line.pulse();
      },
    };
  };
  /** The RTC's line, likewise. */
  readonly rtcLine = (): LevelLine => {
    const line = this.isa(IRQ.rtc);
    return {
      set: (asserted) => {
        if (!this.replaced) line.set(asserted);
      },
    };
  };

  /** `rtcAsserted`: the RTC's output now. */
  legacyReplacement(on: boolean, rtcAsserted: boolean): void {
    if (on === this.replaced) return;
    this.replaced = on;
    this.isa(IRQ.rtc).set(!on && rtcAsserted);
  }

  /** It is on in a state that is being restored; the controllers' inputs are restored by themselves. */
  legacyRestored(): void {
    this.replaced = true;
  }

  reset(): void {
    this.pic.reset();
    this.ioApic.reset();
    this.apic.reset();
  }
}
