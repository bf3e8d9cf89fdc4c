/**
 * Function 1.3, the power management function of the PIIX4 (Intel 290562-001 §7), as far as firmware asks for it: it says where the
 * power management ports are (devices/acpi/power.ts, whose place is fixed), and that SMM is set up already. Fitted beside firmware only.
 */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { PciConfigSpace } from "./config-space.ts";
import type { PciFunction } from "./function.ts";

export class PowerFunction implements PciFunction, Persistent {
  readonly sectionName = "pci.power";
  readonly sectionVersion = 1;
  private config: PciConfigSpace;

  /** `base`: first of the ports. */
  constructor(private readonly base: number) {
    this.config = this.defaults();
  }

  private defaults(): PciConfigSpace {
    const config = new PciConfigSpace({ vendorId: 0x8086, deviceId: 0x7113, revision: 3, classCode: 0x068000 });
    config.define(0x04, 2, 0x0001, 0x0100); // PCICMD: I/O, SERR# enable
    config.define(0x06, 2, 0x0280, 0, 0xf800);
    config.define(0x2c, 4, 0x1100_1af4); // subsystem: what firmware for QEMU looks for
    config.define(0x3c, 1, 9, 0xff); // the SCI's line
    config.define(0x3d, 1, 1); // INTA#
    config.define(0x40, 4, this.base | 1); // PMBA: fixed, as the ACPI tables name it
    config.define(0x58, 4, 0x0200_0000); // DEVACTB: APMC_EN, which firmware takes for "SMM is there already"
    config.define(0x80, 1, 0x01, 0x01); // PMREGMISC: the ports are decoded
    config.define(0xd2, 1, 0x00, 0x0f); // SMBus host: there is none
    return config;
  }

  reset(): void {
    this.config = this.defaults();
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
