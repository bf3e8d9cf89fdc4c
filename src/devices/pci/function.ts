/** What the bus asks of a function: its configuration space. */
import type { IoWidth } from "../bus/region.ts";

/** A function on the bus. `offset` 0..255; accesses are naturally aligned. */
export interface PciFunction {
  readConfig(offset: number, width: IoWidth): number;
  writeConfig(offset: number, width: IoWidth, value: number): void;
}
