/** The memory-mapped register bus: physical addresses outside RAM, sorted ranges with the last hit remembered. */
import { InternalError } from "../../base/errors.ts";
import { Claim, statisticsOf, UnclaimedCounter } from "./region.ts";
import type { BusRegion, BusStatistics, IoWidth, Mapping, MappingOptions } from "./region.ts";

/** 52 physical address bits (SDM Vol. 3A §4.1.4). */
const ADDRESS_END = 2 ** 52;

export class MmioBus {
  /** Sorted by base, without overlap: regions that share addresses by width exist on the port bus only. */
  private ranges: Claim[] = [];
  private readonly all: Claim[] = [];
  private last: Claim | null = null;
  private readonly unclaimed = new UnclaimedCounter();

  /** Maps a region at a fixed address. An overlap is a mistake of ours. */
  map(region: BusRegion, options: MappingOptions): Mapping {
    const mapping = this.tryMap(region, options);
    if (mapping === null) throw new InternalError(`memory of '${options.name}' at ${options.base.toString(16)} overlaps`);
    return mapping;
  }

  /** Maps a region where the guest may choose the address (PCI BARs): null if it overlaps a mapped region. */
  tryMap(region: BusRegion, options: MappingOptions): Mapping | null {
    const { name, base } = options;
    if (!Number.isInteger(base) || region.length <= 0 || base < 0 || base + region.length > ADDRESS_END) {
      throw new InternalError(`memory of '${name}' lies outside the physical address space`);
    }
    const claim = new Claim(name, base, region, false);
    if (this.ranges.some((r) => r.collidesWith(claim))) return null;
    this.ranges = [...this.ranges, claim].sort((a, b) => a.base - b.base);
    this.remember(claim);
    return {
      name,
      base,
      remove: () => {
        this.ranges = this.ranges.filter((r) => r !== claim);
        if (this.last === claim) this.last = null;
      },
    };
  }

  /** Statistics are by name: a region that the guest moves about takes the place of its former self. */
  private remember(claim: Claim): void {
    const index = this.all.findIndex((c) => c.name === claim.name && !this.ranges.includes(c));
    if (index < 0) {
      this.all.push(claim);
      return;
    }
    claim.reads = this.all[index].reads;
    claim.writes = this.all[index].writes;
    this.all[index] = claim;
  }

  private find(address: number): Claim | null {
    const last = this.last;
    if (last !== null && address >= last.base && address < last.end) return last;
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.ranges[middle];
      if (address < range.base) high = middle;
      else if (address >= range.end) low = middle + 1;
      else return (this.last = range);
    }
    return null;
  }

  /** `address` is an exact integer below 2^52. Unsigned result; all ones where nobody answers. */
  read(address: number, width: IoWidth): number {
    const claim = this.find(address);
    if (claim !== null && address % width === 0 && address + width <= claim.end && claim.decodes(width)) {
      claim.reads++;
      const value = claim.region.read(address - claim.base, width);
      return width === 4 ? value >>> 0 : width === 2 ? value & 0xffff : value & 0xff;
    }
    if (width === 4) return (this.read(address, 2) | (this.read(address + 2, 2) << 16)) >>> 0;
    if (width === 2) return this.read(address, 1) | (this.read(address + 1, 1) << 8);
    this.unclaimed.read(address);
    return 0xff;
  }

  write(address: number, width: IoWidth, value: number): void {
    const claim = this.find(address);
    if (claim !== null && address % width === 0 && address + width <= claim.end && claim.decodes(width)) {
      claim.writes++;
      claim.region.write(address - claim.base, width, width === 4 ? value >>> 0 : width === 2 ? value & 0xffff : value & 0xff);
    } else if (width === 4) {
      this.write(address, 2, value & 0xffff);
      this.write(address + 2, 2, value >>> 16);
    } else if (width === 2) {
      this.write(address, 1, value & 0xff);
      this.write(address + 1, 1, (value >>> 8) & 0xff);
    } else this.unclaimed.write(address);
  }

  /** The byte at an address for a debugger; null where nobody answers without side effects. */
  peek(address: number): number | null {
    const claim = this.ranges.find((r) => address >= r.base && address < r.end);
    return claim?.region.peek?.(address - claim.base) ?? null;
  }

  statistics(): BusStatistics {
    return statisticsOf(this.all, this.unclaimed);
  }
}
