/** The IDE function of Intel's PIIX3 (290550-002 §2.3): two legacy channels, bus mastering behind BAR 4. */
import type { LevelLine } from "../../base/lines.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { DmaMemory } from "../../base/guest-memory.ts";
import type { BusRegion } from "../bus/region.ts";
import { PciEndpoint, type PciSlot } from "../pci/endpoint.ts";
import { BusMaster } from "./bus-master.ts";
import { IdeChannel, type MakeDrive } from "./channel.ts";

const IDETIM = 0x40;

export interface IdeOptions {
  /** IRQ 14 and 15. */
  readonly lines: readonly [LevelLine, LevelLine];
  /** Primary master and slave, secondary master and slave. */
  readonly drives: readonly [MakeDrive | null, MakeDrive | null, MakeDrive | null, MakeDrive | null];
  readonly memory: DmaMemory;
  readonly slot: PciSlot;
}

export class IdeController implements Persistent {
  readonly sectionName = "ide";
  readonly sectionVersion = 1;
  readonly channels: readonly [IdeChannel, IdeChannel];
  readonly endpoint: PciEndpoint;
  /** The two bus masters' registers, eight ports each: behind BAR 4. */
  readonly busMasterPorts: BusRegion;
  private readonly masters: readonly [BusMaster, BusMaster];

  constructor(options: IdeOptions) {
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
    this.endpoint = new PciEndpoint({
      name: "ide", vendorId: 0x8086, deviceId: 0x7010, revision: 0, classCode: 0x010180, subsystemVendorId: 0x1af4, subsystemId: 0x1100,
      bars: { 4: { kind: "io", region: this.busMasterPorts } },
      interruptPin: 0,
    }, options.slot, (endpoint) => {
      // Decode enabled on both channels as a BIOS leaves it: a kernel that is booted without firmware finds its disks.
      endpoint.defineConfig(IDETIM, 2, 0x8000, 0xf3ff);
      endpoint.defineConfig(IDETIM + 2, 2, 0x8000, 0xf3ff);
      endpoint.defineConfig(0x44, 1, 0, 0xff);
    });
  }

  reset(): void {
    this.endpoint.reset();
    for (const m of this.masters) m.reset();
    for (const c of this.channels) c.reset();
  }

  /** After every section is restored: requests to disks go on. */
  resume(): void {
    for (const c of this.channels) c.resume();
  }

  save(): StateFields {
    return {
      pci: this.endpoint.save(), primary: this.channels[0].save(), secondary: this.channels[1].save(), primaryDma: this.masters[0].save(),
      secondaryDma: this.masters[1].save(),
    };
  }
  restore(r: StateReader): void {
    const part = (name: string, restore: (fields: StateReader) => void): void => {
      const fields = r.record(name);
      restore(fields);
      fields.finish();
    };
    part("pci", (f) => this.endpoint.restore(f));
    part("primary", (f) => this.channels[0].restore(f));
    part("secondary", (f) => this.channels[1].restore(f));
    part("primaryDma", (f) => this.masters[0].restore(f));
    part("secondaryDma", (f) => this.masters[1].restore(f));
  }
}
