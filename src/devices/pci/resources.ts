/** Firmware's part where there is no firmware: addresses for the BARs, routes for the PIRQs, lines for the functions. */
import { pirqOf, type IsaBridge } from "./isa-bridge.ts";
import type { PciBus } from "./pci-bus.ts";
import { PCI_COMMAND } from "./endpoint.ts";

/** Address windows that the board leaves to PCI, in bytes; ends are exclusive. */
export interface PciWindows {
  readonly io: { readonly base: number; readonly end: number };
  readonly memory: { readonly base: number; readonly end: number };
}

const INTERRUPT_LINE = 0x3c;

/**
 * Places the largest BARs first, each at a multiple of its size, and turns decoding on. `pirqLines`: the interrupt lines of
 * PIRQA#..PIRQD#. What does not fit stays without an address, as firmware would leave it.
 */
export function assignResources(pci: PciBus, bridge: IsaBridge, windows: PciWindows, pirqLines: readonly number[]): void {
  const wanted = pci.endpoints.flatMap(({ endpoint }) => endpoint.resources.map((r) => ({ endpoint, ...r })));
  wanted.sort((a, b) => b.size - a.size);
  const next = { io: windows.io.base, memory: windows.memory.base };
  for (const { endpoint, index, kind, size } of wanted) {
    const window = kind === "io" ? "io" : "memory";
    const base = Math.ceil(next[window] / size) * size;
    if (base + size > windows[window].end) continue;
    next[window] = base + size;
    endpoint.assign(index, base);
  }
  pirqLines.forEach((irq, pirq) => bridge.route(pirq, irq));
  for (const { device, endpoint } of pci.endpoints) {
    const command = endpoint.resources.reduce((c, { kind }) => c | (kind === "io" ? PCI_COMMAND.io : PCI_COMMAND.memory), 0);
    endpoint.writeConfig(0x04, 2, command);
    if (endpoint.interruptPin !== 0) endpoint.writeConfig(INTERRUPT_LINE, 1, pirqLines[pirqOf(device, endpoint.interruptPin)]);
  }
}
