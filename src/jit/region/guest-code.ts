/** The running guest's code, as the scanner sees it: through the present page tables, the decode cache and tier 0's counters. */
import type { CodeMode } from "../../cpu/decode/decoder.ts";
import type { Mmu } from "../../cpu/mmu/mmu.ts";
import type { CpuState } from "../../cpu/state.ts";
import type { DecodeCache } from "../interpreter/cache.ts";
import type { CodeSource } from "./scan.ts";

export interface GuestCode {
  readonly state: CpuState;
  readonly mmu: Mmu;
  readonly cache: DecodeCache;
  readonly mode: CodeMode;
  /** Linear address of the entry's page, and its physical page. */
  readonly page: bigint;
  readonly own: number;
  readonly guarded: boolean;
  /** Whether tier 0 has counted an arrival at the instruction of this slot. */
  reached(slot: number): boolean;
}

/** Farther code is not one region's: offsets are 32 bits. */
const FARTHEST = 0x40000000;

export function guestCode({ state, mmu, cache, mode, page, own, guarded, reached }: GuestCode): CodeSource {
  const ppns = new Map<number, number>([[0, own]]);
  const ppnAt = (offset: number): number => ppns.get(offset >> 12) ?? -1;
  const near = (distance: number): number | null => (distance < -FARTHEST || distance > FARTHEST ? null : distance);
  return {
    mode, bytes: state.u8, guarded,
    page: (delta) => {
      let ppn = ppns.get(delta);
      if (ppn === undefined) {
        const at = BigInt.asIntN(64, page + BigInt(delta) * 4096n);
        const linear = mode === 32 ? BigInt.asUintN(32, at) : at;
        ppn = linear !== at ? -1 : mmu.fetched(Number(BigInt.asIntN(32, at)), Number(BigInt.asIntN(32, at >> 32n)));
        // Every change of address space empties the fetch TLB. Whether the page is still there is looked at where a region goes to it.
        if (ppn < 0 && linear === at) ppn = mmu.physicalPage(linear) ?? -1;
        ppns.set(delta, ppn);
      }
      const at = ppn < 0 ? -1 : mmu.phys.ramAddress(ppn * 4096);
      return at < 0 ? null : { ppn, at };
    },
    known: (offset) => ppnAt(offset) >= 0 && cache.isDecoded(ppnAt(offset), mode, offset & 4095),
    pointer: (offset) => {
      const target = mmu.peek64(BigInt.asIntN(64, page + BigInt(offset)));
      return target === null ? null : near(Number(BigInt.asIntN(64, target - page)));
    },
    pointerAt: (linear) => {
      const target = mmu.peek64(BigInt(linear >>> 0));
      return target === null ? null : near(Number(BigInt.asUintN(32, target)) - Number(page));
    },
    stop: (offset) => cache.stops?.offsets.has(offset & 4095) === true,
    reached: (offset) => {
      const slot = cache.slotOf(ppnAt(offset), mode, offset & 4095);
      return slot !== 0 && reached(slot);
    },
  };
}
