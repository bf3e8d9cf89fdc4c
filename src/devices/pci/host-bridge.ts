/** The host bridge, function 0.0: identity and inert registers of the Intel 82441FX (440FX PMC, 290549-001 §3.2). */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { PciConfigSpace } from "./config-space.ts";
import type { PciFunction } from "./function.ts";

export class HostBridge implements PciFunction, Persistent {
  readonly sectionName = "pci.host-bridge";
  readonly sectionVersion = 1;
  private config = HostBridge.defaults();

  private static defaults(): PciConfigSpace {
    const config = new PciConfigSpace({ vendorId: 0x8086, deviceId: 0x1237, revision: 2, classCode: 0x060000 });
    config.define(0x04, 2, 0x0006, 0x0140); // PCICMD: memory and master are fixed; PERR and SERR enables
    config.define(0x06, 2, 0x0280, 0, 0xf900); // PCISTS: medium DEVSEL#, fast back-to-back; error bits clear by one
    config.define(0x0d, 1, 0x00, 0xf8); // latency timer
    for (let pam = 0x59; pam <= 0x5f; pam++) config.define(pam, 1, 0x00, pam === 0x59 ? 0x30 : 0x33);
    config.define(0x72, 1, 0x02, 0x78); // SMRAM control
    return config;
  }

  reset(): void {
    this.config = HostBridge.defaults();
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
