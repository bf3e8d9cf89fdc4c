/** Read-only memory on the memory bus: writes are dropped. */
import type { BusRegion } from "./bus/region.ts";

/** `bytes.length` must be a multiple of four. */
export function romRegion(bytes: Uint8Array): BusRegion {
  return {
    length: bytes.length,
    widths: [1, 2, 4],
    read: (offset, width) => {
      let value = 0;
      for (let i = 0; i < width; i++) value |= bytes[offset + i] << (8 * i);
      return value >>> 0;
    },
    write: () => undefined,
    peek: (offset) => bytes[offset],
  };
}
