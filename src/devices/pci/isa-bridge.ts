/** PIIX3, function 0: the PCI-to-ISA bridge (290550-002 §2.2): identity and registers that software sets and reads back. */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { PciConfigSpace } from "./config-space.ts";
import type { PciFunction } from "./pci-bus.ts";

export class IsaBridge implements PciFunction, Persistent {
  readonly sectionName = "pci.isa-bridge";
  readonly sectionVersion = 1;
  private config = IsaBridge.defaults();

  private static defaults(): PciConfigSpace {
    const config = new PciConfigSpace({ vendorId: 0x8086, deviceId: 0x7000, revision: 0, classCode: 0x060100 });
    config.define(0x04, 2, 0x0007, 0x0008);
    config.define(0x06, 2, 0x0200, 0, 0x3800);
    config.define(0x0e, 1, 0x80); // more functions follow
    config.define(0x2c, 2, 0x1af4);
    config.define(0x2e, 2, 0x1100);
    config.define(0x4c, 1, 0x4d, 0x7f); // ISA recovery timer
    config.define(0x4e, 2, 0x0003, 0x01ff); // X-bus chip select
    for (let pirq = 0x60; pirq <= 0x63; pirq++) config.define(pirq, 1, 0x80, 0x8f); // PIRQ routing
    config.define(0x69, 1, 0x02, 0xfe); // top of memory
    return config;
  }

  reset(): void {
    this.config = IsaBridge.defaults();
  }
  readConfig(offset: number, width: IoWidth): number {
    return this.config.read(offset, width);
  }
  writeConfig(offset: number, width: IoWidth, value: number): void {
    this.config.write(offset, width, value);
  }
  save(): StateFields {
    return this.config.save();
  }
  restore(r: StateReader): void {
    this.config.restore(r);
  }
}
