/** The host bridge, function 0.0: identity and inert registers of the Intel 82441FX (440FX PMC, 290549-001 §3.2). */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";
import { PciConfigSpace } from "./config-space.ts";
import type { PciFunction } from "./function.ts";

/** First and last PAM registers: two attribute nibbles each, of which PAM0 has the upper one only (§3.2.11). */
const PAM0 = 0x59;
const PAM6 = 0x5f;

/**
 * What the bridge does with accesses to a segment of the ROM area: to DRAM, or on to PCI. Segment 0 is the 64 KiB below 1 MiB,
 * 1 to 12 are the 16 KiB pieces from C0000h on.
 */
export type ShadowControl = (segment: number, readDram: boolean, writeDram: boolean) => void;

export class HostBridge implements PciFunction, Persistent {
  readonly sectionName = "pci.host-bridge";
  readonly sectionVersion = 1;
  private config = HostBridge.defaults();
  private readonly pam = new Uint8Array(PAM6 - PAM0 + 1);

  constructor(private readonly shadow: ShadowControl = () => undefined) {}

  private static defaults(): PciConfigSpace {
    const config = new PciConfigSpace({ vendorId: 0x8086, deviceId: 0x1237, revision: 2, classCode: 0x060000 });
    config.define(0x04, 2, 0x0006, 0x0140); // PCICMD: memory and master are fixed; PERR and SERR enables
    config.define(0x06, 2, 0x0280, 0, 0xf900); // PCISTS: medium DEVSEL#, fast back-to-back; error bits clear by one
    config.define(0x0d, 1, 0x00, 0xf8); // latency timer
    for (let pam = 0x59; pam <= 0x5f; pam++) config.define(pam, 1, 0x00, pam === 0x59 ? 0x30 : 0x33);
    config.define(0x72, 1, 0x02, 0x78); // SMRAM control
    config.define(0x2c, 2, 0x1af4); // subsystem: what firmware for QEMU looks for
    config.define(0x2e, 2, 0x1100);
    return config;
  }

  reset(): void {
    this.config = HostBridge.defaults();
    this.decode();
  }

  /** Tells of changed attributes. */
  private decode(): void {
    for (let i = 0; i < this.pam.length; i++) {
      const value = this.config.read(PAM0 + i, 1);
      const changed = value ^ this.pam[i];
      this.pam[i] = value;
      if (i > 0 && (changed & 0x03) !== 0) this.shadow(2 * i - 1, (value & 0x01) !== 0, (value & 0x02) !== 0);
      if ((changed & 0x30) !== 0) this.shadow(2 * i, (value & 0x10) !== 0, (value & 0x20) !== 0);
    }
  }

  readConfig(offset: number, width: IoWidth): number {
    return this.config.read(offset, width);
  }
  writeConfig(offset: number, width: IoWidth, value: number): void {
    this.config.write(offset, width, value);
    this.decode();
  }

  save(): StateFields {
    return this.config.save();
  }
  restore(r: StateReader): void {
    this.config.restore(r);
    this.decode();
  }
}
