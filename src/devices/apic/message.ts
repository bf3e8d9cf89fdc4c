/** Interrupt messages between I/O APIC, MSI sources and local APIC. SDM 3A §10.6.1 (ICR), §10.11 (MSI); 82093AA §3.2.4. */

/** Delivery modes, as ICR, LVT, redirection table and MSI data encode them. */
export const DELIVERY = { fixed: 0, lowestPriority: 1, smi: 2, nmi: 4, init: 5, startUp: 6, extInt: 7 } as const;

export interface ApicMessage {
  /** 0..255 */
  readonly vector: number;
  /** One of DELIVERY. */
  readonly mode: number;
  /** Level-triggered: the EOI is broadcast. */
  readonly level: boolean;
  /** APIC ID or logical destination: 8 bits, 32 from x2APIC. */
  readonly destination: number;
  readonly logical: boolean;
}

/** Where messages go. */
export interface ApicBus {
  deliver(message: ApicMessage): void;
}

/** First address of the range in which a write by a device is an interrupt message. */
export const MSI_BASE = 0xfee0_0000;
export const MSI_LENGTH = 0x10_0000;

/** Decodes a device's write of `data` to `address` (in MSI_BASE..+MSI_LENGTH). SDM 3A §10.11.1, §10.11.2. */
export function decodeMsi(address: number, data: number): ApicMessage {
  return {
    vector: data & 0xff,
    mode: (data >>> 8) & 7,
    level: (data & 0x8000) !== 0,
    destination: (address >>> 12) & 0xff,
    // Bit 2 counts with or without the redirection hint (bit 3): Linux in flat mode sends to FEE01004h, as processors and QEMU take it.
    logical: (address & 4) !== 0,
  };
}
