/** Dumps of a running engine's regions: by address, or those entered most. */
import type { PhysicalMemory } from "../../cpu/mmu/physical.ts";
import type { CpuState } from "../../cpu/state.ts";
import { type CodeReader, dumpRegion } from "./dump.ts";
import type { FormedRegion, RegionEngine } from "./engine.ts";

/** A vCPU, as far as reading code goes. */
export interface CodeMemory {
  readonly state: CpuState;
  readonly phys: PhysicalMemory;
}

/** An address's symbol, or "". */
export type NameOf = (address: bigint) => string;

/** From the physical pages that the region was formed of. */
function reader(r: FormedRegion, memory: CodeMemory): CodeReader {
  return (offset, length) => Uint8Array.from({ length }, (_, i) => {
    const ppn = r.region.pages.get((offset + i) >> 12);
    const at = ppn === undefined ? -1 : memory.phys.ramAddress(ppn * 4096 + ((offset + i) & 4095));
    return at < 0 ? 0 : memory.state.u8[at];
  });
}

function text(r: FormedRegion, memory: CodeMemory, nameOf: NameOf): string {
  const { info } = r;
  const name = nameOf(info.address);
  const head = `region 0x${info.address.toString(16)}${name === "" ? "" : ` <${name}>`}: entered ${info.entries} times, ${info.instructions} instructions, ${info.wasmBytes} bytes of WebAssembly, ${(info.compileNs / 1e6).toFixed(2)} ms to make\n`;
  return head + dumpRegion(r.region, r.page, reader(r, memory), undefined, r.tlbBase);
}

/** Regions that begin at `address`, or else those with an instruction there; "" when there is none. */
export function dumpRegionAt(engine: RegionEngine, memory: CodeMemory, address: bigint, nameOf: NameOf): string {
  const all = engine.formed();
  const entered = all.filter((r) => r.info.address === address);
  const found = entered.length > 0 ? entered : all.filter((r) => r.region.blocks.some((b) => b.insns.some((i) => r.page + BigInt(i.offset) === address)));
  return found.map((r) => text(r, memory, nameOf)).join("\n");
}

/** The `count` regions that were entered most. */
export function dumpHottest(engine: RegionEngine, memory: CodeMemory, count: number, nameOf: NameOf): string {
  return engine.formed().slice(0, count).map((r) => text(r, memory, nameOf)).join("\n");
}
