/** Registers, bits and command codes of ATA/ATAPI-6 (T13/1410D). */

/** Offsets in the command block (§7). Reads of 1 and 7 give Error and Status, writes Features and Command. */
export const REG = { data: 0, error: 1, count: 2, lbaLow: 3, lbaMid: 4, lbaHigh: 5, device: 6, status: 7 } as const;

/** Status register (§7.15). DSC is the Seek Complete bit of older editions; drivers still look at it. */
export const ST = { ERR: 0x01, DRQ: 0x08, DSC: 0x10, DF: 0x20, DRDY: 0x40, BSY: 0x80 } as const;

/** Error register (§7.11). The upper nibble is the sense key for packet devices. */
export const ER = { ABRT: 0x04, IDNF: 0x10, UNC: 0x40, WP: 0x40 } as const;

/** Device register (§7.10). Bits 7 and 5 are obsolete and set by old drivers. */
export const DEV = { LBA: 0x40, SECOND: 0x10, HEAD: 0x0f } as const;

/** Device Control register (§7.9). */
export const CTL = { NIEN: 0x02, SRST: 0x04, HOB: 0x80 } as const;

/** Interrupt reason of packet devices, in the Sector Count register (§8.23.3). */
export const REASON = { CD: 1, IO: 2 } as const;

export const CMD = {
  nop: 0x00, dataSetManagement: 0x06, deviceReset: 0x08, read: 0x20, readNoRetry: 0x21, readExt: 0x24, readDmaExt: 0x25,
  readNativeMaxExt: 0x27, readMultipleExt: 0x29, write: 0x30, writeNoRetry: 0x31, writeExt: 0x34, writeDmaExt: 0x35,
  writeMultipleExt: 0x39, verify: 0x40, verifyNoRetry: 0x41, verifyExt: 0x42, diagnostic: 0x90, initializeParameters: 0x91, packet: 0xa0,
  identifyPacket: 0xa1, readMultiple: 0xc4, writeMultiple: 0xc5, setMultiple: 0xc6, readDma: 0xc8, readDmaNoRetry: 0xc9, writeDma: 0xca,
  writeDmaNoRetry: 0xcb, standbyImmediate: 0xe0, idleImmediate: 0xe1, standby: 0xe2, idle: 0xe3, checkPower: 0xe5, sleep: 0xe6, flush: 0xe7,
  flushExt: 0xea, identify: 0xec, setFeatures: 0xef, readNativeMax: 0xf8,
} as const;

/** The taskfile as a command reads it: the present register contents, and those before the last write (§6.20, 48-bit). */
export interface TaskFile {
  features: number;
  error: number;
  count: number;
  lbaLow: number;
  lbaMid: number;
  lbaHigh: number;
  device: number;
  status: number;
  /** What the 48-bit commands take as bits 15:8 and 47:24. */
  previous: { features: number; count: number; lbaLow: number; lbaMid: number; lbaHigh: number };
}

export function emptyTaskFile(): TaskFile {
  return {
    features: 0, error: 0, count: 0, lbaLow: 0, lbaMid: 0, lbaHigh: 0, device: 0, status: 0,
    previous: { features: 0, count: 0, lbaLow: 0, lbaMid: 0, lbaHigh: 0 },
  };
}

/** An identification string: two characters in a word, the first in the high byte, padded with spaces (§8.15.8). */
export function putString(words: Uint16Array, at: number, length: number, text: string): void {
  for (let i = 0; i < length; i += 2) {
    const code = (k: number): number => (k < text.length ? text.charCodeAt(k) & 0x7f : 0x20);
    words[at + i / 2] = (code(i) << 8) | code(i + 1);
  }
}

/** Word 255: a signature and a checksum that makes the sum of all bytes zero (§8.15.62). */
export function finishIdentify(words: Uint16Array): Uint8Array {
  words[255] = 0xa5;
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  words.forEach((w, i) => view.setUint16(2 * i, w, true));
  let sum = 0;
  for (const b of bytes) sum += b;
  bytes[511] = -sum & 0xff;
  return bytes;
}
