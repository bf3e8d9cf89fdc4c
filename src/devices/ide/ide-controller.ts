/** The IDE function of Intel's PIIX3 (290550-002 §2.3): two legacy channels, bus mastering behind BAR 4. */
import type { LevelLine } from "../../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion, IoWidth } from "../bus/region.ts";
import type { DmaMemory } from "../dma-memory.ts";
import { PciConfigSpace } from "../pci/config-space.ts";
import type { PciFunction } from "../pci/pci-bus.ts";
import { BusMaster } from "./bus-master.ts";
import { IdeChannel, type MakeDrive } from "./channel.ts";

const PCI_COMMAND = 0x04;
const COMMAND_IO = 0x01;
const COMMAND_MASTER = 0x04;
/** Bus master interface base address; sixteen ports. */
const BMIBA = 0x20;
const IDETIM = 0x40;

export interface IdeOptions {
  /** IRQ 14 and 15. */
  readonly lines: readonly [LevelLine, LevelLine];
  /** Primary master and slave, secondary master and slave. */
  readonly drives: readonly [MakeDrive | null, MakeDrive | null, MakeDrive | null, MakeDrive | null];
  readonly memory: DmaMemory;
  /** BAR 4 decodes at this port, or (null) nowhere. */
  onBusMasterBase(base: number | null): void;
}

export class IdeController implements PciFunction, Persistent {
  readonly sectionName = "ide";
  readonly sectionVersion = 1;
  readonly channels: readonly [IdeChannel, IdeChannel];
  /** The two bus masters' registers, eight ports each: for BAR 4. */
  readonly busMasterPorts: BusRegion;
  private readonly masters: readonly [BusMaster, BusMaster];
  private config = IdeController.defaults();
  private base: number | null = null;

  constructor(private readonly options: IdeOptions) {
    const [a, b, c, d] = options.drives;
    // What a bus master moves while PCI mastering is off goes nowhere; drivers turn it on first.
    this.masters = [new BusMaster(() => this.channels[0], options.memory), new BusMaster(() => this.channels[1], options.memory)];
    this.channels = [
      new IdeChannel(options.lines[0], [a, b], () => this.masters[0]),
      new IdeChannel(options.lines[1], [c, d], () => this.masters[1]),
    ];
    this.busMasterPorts = {
      length: 16,
      widths: [1, 2, 4],
      read: (offset, width) => {
        let value = 0;
        for (let i = 0; i < width; i++) value |= this.masters[(offset + i) >> 3].read((offset + i) & 7) << (8 * i);
        return value >>> 0;
      },
      write: (offset, width, value) => {
        for (let i = 0; i < width; i++) this.masters[(offset + i) >> 3].write((offset + i) & 7, (value >>> (8 * i)) & 0xff);
      },
    };
  }

  private static defaults(): PciConfigSpace {
    const config = new PciConfigSpace({ vendorId: 0x8086, deviceId: 0x7010, revision: 0, classCode: 0x010180 });
    config.define(PCI_COMMAND, 2, 0x0000, COMMAND_IO | COMMAND_MASTER);
    config.define(0x06, 2, 0x0280, 0, 0x3800);
    config.define(0x0d, 1, 0, 0xf0);
    // Firmware sizes BARs by all 32 bits.
    config.define(BMIBA, 4, 0x0000_0001, 0xffff_fff0);
    config.define(0x2c, 2, 0x1af4);
    config.define(0x2e, 2, 0x1100);
    // Decode enabled on both channels as a BIOS leaves it: a kernel that is booted without firmware finds its disks.
    config.define(IDETIM, 2, 0x8000, 0xf3ff);
    config.define(IDETIM + 2, 2, 0x8000, 0xf3ff);
    config.define(0x44, 1, 0, 0xff);
    return config;
  }

  readConfig(offset: number, width: IoWidth): number {
    return this.config.read(offset, width);
  }
  writeConfig(offset: number, width: IoWidth, value: number): void {
    this.config.write(offset, width, value);
    this.decode();
  }

  private decode(): void {
    const bar = this.config.read(BMIBA, 4) - 1;
    const base = (this.config.read(PCI_COMMAND, 2) & COMMAND_IO) !== 0 && bar !== 0 && bar < 0x1_0000 ? bar : null;
    if (base === this.base) return;
    this.base = base;
    this.options.onBusMasterBase(base);
  }

  reset(): void {
    this.config = IdeController.defaults();
    this.decode();
    for (const m of this.masters) m.reset();
    for (const c of this.channels) c.reset();
  }

  /** After every section is restored: requests to disks go on. */
  resume(): void {
    for (const c of this.channels) c.resume();
  }

  save(): StateFields {
    return {
      config: this.config.save(), primary: this.channels[0].save(), secondary: this.channels[1].save(), primaryDma: this.masters[0].save(),
      secondaryDma: this.masters[1].save(),
    };
  }
  restore(r: StateReader): void {
    const part = (name: string, restore: (fields: StateReader) => void): void => {
      const fields = r.record(name);
      restore(fields);
      fields.finish();
    };
    part("config", (f) => this.config.restore(f));
    part("primary", (f) => this.channels[0].restore(f));
    part("secondary", (f) => this.channels[1].restore(f));
    part("primaryDma", (f) => this.masters[0].restore(f));
    part("secondaryDma", (f) => this.masters[1].restore(f));
    this.decode();
  }
}
