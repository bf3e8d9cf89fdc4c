/** Feature bits, device types and status bits that all of virtio shares (virtio 1.2 §2.1, §5, §6). */

export const FEATURE = {
  indirect: 28,
  eventIndex: 29,
  version1: 32,
  packed: 34,
  ringReset: 40,
} as const;

/** Device IDs (virtio 1.2 §5). */
export const DEVICE_TYPE = { net: 1, block: 2, console: 3, entropy: 4, balloon: 5, ninep: 9, fs: 26 } as const;

/** Device status (virtio 1.2 §2.1). */
export const STATUS = { acknowledge: 1, driver: 2, driverOk: 4, featuresOk: 8, needsReset: 0x40, failed: 0x80 } as const;

export function featureMask(...bits: readonly number[]): bigint {
  return bits.reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);
}
