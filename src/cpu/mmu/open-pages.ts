/**
 * Where a TLB lets writes through to each physical page, so that a page that becomes code is closed without looking through all entries, and
 * without emptying the second level.
 */
import { MMU_COUNT, STATE, TLB2_GENERATIONS, TLB2_GLOBAL, TLB_BASE, TLB_ENTRIES, TLB_ENTRY_SIZE, TLB_PPN, TLB_WRITE, tlb2Entry, tlbEntry } from "../layout.ts";
import type { CpuState } from "../state.ts";

/** Linear pages that are remembered of each physical one: a kernel's own mapping, and another. */
const WAYS = 2;
/** In the first way: there were more at a time. */
const MANY = 0xffffffff;
/** Of a key of the second level. */
const GENERATION = (TLB2_GENERATIONS - 1) << 2;

/** Word index of a linear page's entry: one for each MMU index, and one in the second level. */
const first = (mmuIndex: number, page: number): number => tlbEntry(mmuIndex, page) >> 2;
const second = (page: number): number => tlb2Entry(page) >> 2;

export class OpenPages {
  /** WAYS for each physical page: 0, the low 20 bits of the linear page number plus one, or MANY. Entries that have gone since do no harm. */
  private readonly ways: Uint32Array;

  constructor(
    private readonly state: CpuState,
    pages: number,
  ) {
    this.ways = new Uint32Array(WAYS * pages);
  }

  /** An entry that lets writes through is being filled: linear page number `page` (its low 20 bits). */
  note(ppn: number, page: number): void {
    const { ways } = this;
    const from = WAYS * ppn;
    if (ways[from] === page + 1 || ways[from + 1] === page + 1 || ways[from] === MANY) return;
    for (let way = from; way < from + WAYS; way++) {
      if (ways[way] !== 0 && this.isOpen(ppn, ways[way] - 1)) continue;
      ways[way] = page + 1;
      return;
    }
    ways[from] = MANY;
  }

  private isOpen(ppn: number, page: number): boolean {
    const { i32 } = this.state;
    for (let m = 0; m < MMU_COUNT; m++) {
      const i = first(m, page);
      if (i32[i + (TLB_PPN >> 2)] === ppn && i32[i + (TLB_WRITE >> 2)] !== 1) return true;
    }
    const s = second(page);
    return (i32[s + (TLB_PPN >> 2)] & ~TLB2_GLOBAL) === ppn && (i32[s + (TLB_WRITE >> 2)] & GENERATION) === i32[STATE.tlb2Generation >> 2];
  }

  /** Writes to the page take the slow path from now on. True: entries of the second level may still let them through, and it has to be emptied. */
  close(ppn: number): boolean {
    const { ways } = this;
    const { i32 } = this.state;
    const from = WAYS * ppn;
    if (ways[from] === MANY) {
      ways.fill(0, from, from + WAYS);
      const step = TLB_ENTRY_SIZE >> 2;
      const end = (TLB_BASE >> 2) + MMU_COUNT * TLB_ENTRIES * step;
      for (let i = TLB_BASE >> 2; i < end; i += step) if (i32[i + (TLB_PPN >> 2)] === ppn) i32[i + (TLB_WRITE >> 2)] = 1;
      return true;
    }
    for (let way = from; way < from + WAYS; way++) {
      if (ways[way] === 0) continue;
      const page = ways[way] - 1;
      ways[way] = 0;
      for (let m = 0; m < MMU_COUNT; m++) {
        const i = first(m, page);
        if (i32[i + (TLB_PPN >> 2)] === ppn) i32[i + (TLB_WRITE >> 2)] = 1;
      }
      const s = second(page);
      if ((i32[s + (TLB_PPN >> 2)] & ~TLB2_GLOBAL) === ppn) i32[s + (TLB_WRITE >> 2)] = 0;
    }
    return false;
  }
}
