/** Loads the code of the parts that a machine has beside its board. */
import type { Drive } from "../drives.ts";
import { type DeviceSet, hasCards } from "./fitting.ts";

/** Before a machine with these is made. */
export async function loadParts({ drives, devices }: { readonly drives: readonly Drive[]; readonly devices: DeviceSet }): Promise<void> {
  if (hasCards(devices)) await import("./cards.ts");
  if (drives.length > 0) await import("./drives.ts");
}
