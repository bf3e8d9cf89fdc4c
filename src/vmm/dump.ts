/** A machine's compiled regions as text (`--dump-region`, `--dump-hot`). */
import { dumpHottest, dumpRegionAt } from "../jit/region/inspect.ts";
import type { Machine } from "./machine/machine.ts";

export interface DumpRequest {
  /** Linear addresses. */
  readonly addresses: readonly bigint[];
  /** The so many regions that were entered most. */
  readonly hottest: number;
}

/** From a machine with `keepRegions`. What there is no region for gets a line that says so. `nameOf` an address, or "". */
export function dumpRegions(machine: Machine, request: DumpRequest, nameOf: (address: bigint) => string): string {
  const { vcpu } = machine;
  const { regions } = vcpu;
  if (regions === null) return "there are no regions: tier 0 alone\n";
  const parts = request.addresses.map((a) => dumpRegionAt(regions, vcpu, a, nameOf) || `there is no region at 0x${a.toString(16)}\n`);
  if (request.hottest > 0) parts.push(dumpHottest(regions, vcpu, request.hottest, nameOf) || "there are no regions\n");
  return parts.join("\n");
}
