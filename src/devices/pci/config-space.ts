/** A PCI function's 256 bytes of configuration space: values, and which bits the guest may write (PCI 2.2 §6.1). */
import type { StateFields, StateReader } from "../../base/persist.ts";
import type { IoWidth } from "../bus/region.ts";

export const PCI_CONFIG_BYTES = 256;

/** The registers of header type 0 that every function has. */
export interface PciIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision: number;
  /** Base class, sub-class, programming interface: 24 bits. */
  readonly classCode: number;
}

export class PciConfigSpace {
  private readonly values = new Uint8Array(PCI_CONFIG_BYTES);
  private readonly writable = new Uint8Array(PCI_CONFIG_BYTES);
  private readonly clearable = new Uint8Array(PCI_CONFIG_BYTES);

  constructor(identity: PciIdentity) {
    this.define(0x00, 2, identity.vendorId);
    this.define(0x02, 2, identity.deviceId);
    this.define(0x08, 4, ((identity.classCode << 8) | identity.revision) >>> 0);
  }

  /** Sets a register's reset value, its writable bits and its write-one-to-clear bits. Little-endian. */
  define(offset: number, width: IoWidth, value: number, writable = 0, clearable = 0): void {
    for (let i = 0; i < width; i++) {
      this.values[offset + i] = value >>> (8 * i);
      this.writable[offset + i] = writable >>> (8 * i);
      this.clearable[offset + i] = clearable >>> (8 * i);
    }
  }

  read(offset: number, width: IoWidth): number {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = (value << 8) | this.values[offset + i];
    return value >>> 0;
  }

  /** A write by the guest. */
  write(offset: number, width: IoWidth, value: number): void {
    for (let i = 0; i < width; i++) {
      const at = offset + i;
      const byte = (value >>> (8 * i)) & 0xff;
      const mask = this.writable[at];
      this.values[at] = ((this.values[at] & ~mask) | (byte & mask)) & ~(byte & this.clearable[at]);
    }
  }

  /** A copy of all values. */
  bytes(): Uint8Array {
    return this.values.slice();
  }
  /** Takes values from `bytes`, whatever the guest may write. */
  setBytes(values: Uint8Array): void {
    this.values.set(values);
  }

  save(): StateFields {
    return { bytes: this.values.slice() };
  }
  restore(r: StateReader): void {
    this.values.set(r.bytes("bytes", PCI_CONFIG_BYTES));
  }
}
