/** What a machine has been at: interrupts by vector, exits by device, tiers and hot regions, and what its TLBs hold. */
import {
  FETCH_ENTRY_SIZE, FETCH_KEY_USER, FETCH_PPN, FETCH_TLB_BASE, FETCH_TLB_ENTRIES, MMU_KERNEL, MMU_KERNEL_SMAP, MMU_USER, TLB_ENTRIES, TLB_ENTRY_SIZE,
  TLB_PPN, TLB_READ, TLB_WRITE, tlbAddress,
} from "../../cpu/layout.ts";
import type { BusStatistics } from "../../devices/bus/region.ts";
import type { Machine } from "../machine/machine.ts";
import type { ActivityView, TlbView } from "./api.ts";
import type { SymbolTable } from "./symbols.ts";

const HOTTEST = 12;

const linear = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

export function activityView(machine: Machine, symbols: SymbolTable): ActivityView {
  const { vcpu, board } = machine;
  const { counts, lastAt } = vcpu.cpu.interrupts;
  const vectors: { vector: number; count: number; lastAt: bigint; lastSymbol: string }[] = [];
  counts.forEach((count, vector) => {
    if (count === 0) return;
    const at = linear(lastAt[2 * vector], lastAt[2 * vector + 1]);
    vectors.push({ vector, count, lastAt: at, lastSymbol: symbols.describe(at) });
  });
  const { ports, memory } = board.statistics();
  const { regions } = vcpu;
  return {
    vectors,
    exits: [...exitsOf("port", ports), ...exitsOf("memory", memory)],
    instructions: vcpu.retired, compiled: vcpu.retiredInRegions, guestTimeNs: machine.guestTimeNs,
    regions: regions === null ? null : { installed: regions.stats.regions, queue: regions.stats.queue, wasmBytes: regions.stats.wasmBytes },
    hottest: (regions?.regions() ?? []).slice(0, HOTTEST).map((r) => ({
      address: r.address, symbol: symbols.describe(r.address), entries: r.entries, instructions: r.instructions, wasmBytes: r.wasmBytes,
    })),
  };
}

function exitsOf(bus: "port" | "memory", { regions, unclaimed }: BusStatistics): ActivityView["exits"][number][] {
  const all = [...Object.entries(regions), ["nobody", unclaimed] as const];
  return all.filter(([, n]) => n.reads + n.writes > 0).map(([name, n]) => ({ bus, name, reads: n.reads, writes: n.writes }));
}

const DATA_KINDS = [[MMU_USER, "user"], [MMU_KERNEL_SMAP, "kernel, SMAP"], [MMU_KERNEL, "kernel"]] as const;

/** Filled entries; of these at most `most`, nearest to an address first. */
export function tlbView(machine: Machine, near: bigint | null, most: number): TlbView {
  const { i32 } = machine.vcpu.state;
  const all: TlbView["entries"][number][] = [];
  const counts: Record<string, number> = {};
  const note = (kind: string, at: bigint, ppn: number, rights: string): void => {
    counts[kind] = (counts[kind] ?? 0) + 1;
    all.push({ kind, linear: at, physical: ppn * 4096, rights });
  };
  for (const [index, kind] of DATA_KINDS) {
    for (let n = 0; n < TLB_ENTRIES; n++) {
      const e = (tlbAddress(index) + n * TLB_ENTRY_SIZE) >> 2;
      // A tag with a low bit is no page's.
      const readable = !(i32[e + (TLB_READ >> 2)] & 0xfff);
      const writable = !(i32[e + (TLB_WRITE >> 2)] & 0xfff);
      if (!readable && !writable) continue;
      const tag = e + ((readable ? TLB_READ : TLB_WRITE) >> 2);
      note(kind, linear(i32[tag], i32[tag + 1]), i32[e + (TLB_PPN >> 2)], `${readable ? "r" : "-"}${writable ? "w" : "-"}`);
    }
  }
  for (let n = 0; n < FETCH_TLB_ENTRIES; n++) {
    const e = (FETCH_TLB_BASE + n * FETCH_ENTRY_SIZE) >> 2;
    const key = i32[e] & 0xfff;
    if (key === 0) continue;
    note("fetch", linear(i32[e] & ~0xfff, i32[e + 1]), i32[e + (FETCH_PPN >> 2)], key & FETCH_KEY_USER ? "xu" : "x");
  }
  const distance = (at: bigint): bigint => (near === null ? at : at > near ? at - near : near - at);
  all.sort((a, b) => (distance(a.linear) < distance(b.linear) ? -1 : distance(a.linear) > distance(b.linear) ? 1 : 0));
  return { counts, entries: all.slice(0, most) };
}
