/** What a device shows to a bus: a block of registers at offsets, never at addresses. */

/** Bytes in one access. */
export type IoWidth = 1 | 2 | 4;

export interface BusRegion {
  /** Bytes that the region covers. */
  readonly length: number;
  /**
   * Widths that the device decodes. A naturally aligned access of a declared width arrives whole; any other is
   * split into halves until it fits. A byte that nobody decodes reads as FFh and is dropped when written.
   */
  readonly widths: readonly IoWidth[];
  /** `offset` in bytes from the start of the region. The bus masks the result to the width. */
  read(offset: number, width: IoWidth): number;
  /** `value` is unsigned and masked to the width. */
  write(offset: number, width: IoWidth, value: number): void;
  /** The byte at an offset for a debugger, where reading has no side effects. */
  peek?(offset: number): number;
}

/** Where and under which name a region is mapped. */
export interface MappingOptions {
  /** Identifies the region in errors and statistics. */
  readonly name: string;
  readonly base: number;
  /**
   * The region's decoder looks at the width of an access as well as at its address, so that another region that
   * says the same may share its addresses for other widths (PCI 2.2 §3.2.2.3.2: CF8h as a doubleword is
   * CONFIG_ADDRESS, as a byte it is not).
   */
  readonly widthDecoded?: boolean;
}

/** A mapped region. */
export interface Mapping {
  readonly name: string;
  readonly base: number;
  /** Unmaps the region; its counters stay in the statistics. */
  remove(): void;
}

/** Accesses since the machine was made, after splitting. */
export interface AccessCount {
  readonly reads: number;
  readonly writes: number;
}

export interface BusStatistics {
  readonly regions: Readonly<Record<string, AccessCount>>;
  /** Byte accesses that no region claims. */
  readonly unclaimed: AccessCount;
  /** The same by address (hexadecimal), for the first addresses seen. */
  readonly unclaimedAddresses: Readonly<Record<string, number>>;
}

/** Counts unclaimed accesses; remembers the first addresses. */
export class UnclaimedCounter {
  private static readonly REMEMBERED = 256;
  reads = 0;
  writes = 0;
  private readonly byAddress = new Map<number, number>();

  read(address: number): void {
    this.reads++;
    this.note(address);
  }
  write(address: number): void {
    this.writes++;
    this.note(address);
  }
  private note(address: number): void {
    const seen = this.byAddress.get(address);
    if (seen !== undefined) this.byAddress.set(address, seen + 1);
    else if (this.byAddress.size < UnclaimedCounter.REMEMBERED) this.byAddress.set(address, 1);
  }
  addresses(): Record<string, number> {
    const result: Record<string, number> = {};
    for (const [address, count] of this.byAddress) result[address.toString(16)] = count;
    return result;
  }
}

/** A mapped region with its counters; shared by both buses. */
export class Claim {
  reads = 0;
  writes = 0;
  constructor(
    readonly name: string,
    readonly base: number,
    readonly region: BusRegion,
    readonly widthDecoded: boolean,
  ) {}

  get end(): number {
    return this.base + this.region.length;
  }
  decodes(width: IoWidth): boolean {
    return this.region.widths.includes(width);
  }
  /** Whether two claims may not exist together. */
  collidesWith(other: Claim): boolean {
    if (this.base >= other.end || other.base >= this.end) return false;
    if (!this.widthDecoded || !other.widthDecoded) return true;
    return this.region.widths.some((w) => other.decodes(w));
  }
}

/** Sums the counters of claims by name. */
export function statisticsOf(claims: readonly Claim[], unclaimed: UnclaimedCounter): BusStatistics {
  const regions: Record<string, AccessCount> = {};
  for (const c of claims) {
    const before = regions[c.name] ?? { reads: 0, writes: 0 };
    regions[c.name] = { reads: before.reads + c.reads, writes: before.writes + c.writes };
  }
  return {
    regions,
    unclaimed: { reads: unclaimed.reads, writes: unclaimed.writes },
    unclaimedAddresses: unclaimed.addresses(),
  };
}
