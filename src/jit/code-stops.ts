/**
 * Where the decode cache puts "breakpoint reached" in an instruction's place: the guest's execution breakpoints and a debugger's. Records are kept by
 * physical page, so a stop at a linear address holds for each page that was fetched at that address, through any other mapping
 * as well; the run loop executes the instruction alone where it was not meant.
 */

const PAGE = 4096;

export class CodeStops {
  private readonly byPage = new Map<string, Set<number>>();
  private readonly byFrame = new Map<number, Set<number>>();
  /** Offsets in their pages. */
  readonly offsets: ReadonlySet<number>;
  /** The one instruction that is executed in spite of a stop. */
  exempt: { readonly lo: number; readonly hi: number } | null = null;

  /** Linear and physical addresses; physical ones are exact integers below 2^52. */
  constructor(linear: readonly bigint[], physical: readonly number[]) {
    const add = <K>(map: Map<K, Set<number>>, key: K, offset: number): void => {
      const set = map.get(key);
      if (set === undefined) map.set(key, new Set([offset]));
      else set.add(offset);
    };
    for (const at of linear) add(this.byPage, pageKey(Number(BigInt.asIntN(32, at)), Number(BigInt.asIntN(32, at >> 32n))), Number(at & 0xfffn));
    for (const at of physical) add(this.byFrame, Math.floor(at / PAGE), at % PAGE);
    this.offsets = new Set([...[...this.byPage.values()].flatMap((s) => [...s]), ...physical.map((p) => p % PAGE)]);
  }

  get empty(): boolean {
    return this.offsets.size === 0;
  }

  /** Whether the instruction at hi:lo, in physical page `ppn`, is to be stopped at; `ppn` -1: it is not known yet. */
  at(lo: number, hi: number, ppn: number): boolean {
    const offset = lo & (PAGE - 1);
    if (!this.offsets.has(offset) || (this.exempt !== null && this.exempt.lo === lo && this.exempt.hi === hi)) return false;
    return this.byFrame.get(ppn)?.has(offset) === true || this.byPage.get(pageKey(lo, hi))?.has(offset) === true;
  }

  /** The page of hi:lo is fetched from physical page `ppn`: offsets whose instructions there must be forgotten, for they were decoded without stops. */
  mapped(lo: number, hi: number, ppn: number): readonly number[] {
    const wanted = this.byPage.get(pageKey(lo, hi));
    if (wanted === undefined) return NONE;
    const known = this.byFrame.get(ppn);
    const news = [...wanted].filter((o) => known?.has(o) !== true);
    if (news.length > 0) this.byFrame.set(ppn, new Set([...(known ?? NONE), ...news]));
    return news;
  }
}

const NONE: readonly number[] = [];
const pageKey = (lo: number, hi: number): string => `${hi | 0}:${(lo & -PAGE) | 0}`;
