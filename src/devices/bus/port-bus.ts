/** The I/O port bus: 64 Ki ports dispatched through one flat table per access width (SDM Vol. 1 §19.3). */
import { InternalError } from "../../base/errors.ts";
import { Claim, statisticsOf, UnclaimedCounter } from "./region.ts";
import type { BusRegion, BusStatistics, IoWidth, Mapping, MappingOptions } from "./region.ts";

const PORTS = 0x1_0000;

export class PortBus {
  /** Index into `claims` of who decodes an access of 1, 2 or 4 bytes that starts at a port; 0 is nobody. */
  private readonly byteTable = new Uint16Array(PORTS);
  private readonly wordTable = new Uint16Array(PORTS);
  private readonly longTable = new Uint16Array(PORTS);
  /** All claims ever made; removed ones stay for the statistics. Entry 0 is never used. */
  private readonly claims: (Claim | null)[] = [null];
  private readonly active = new Set<Claim>();
  private readonly unclaimed = new UnclaimedCounter();

  /** Maps a region at fixed ports. An overlap is a mistake of ours. */
  map(region: BusRegion, options: MappingOptions): Mapping {
    const mapping = this.tryMap(region, options);
    if (mapping === null) throw new InternalError(`ports of '${options.name}' at ${options.base.toString(16)} overlap`);
    return mapping;
  }

  /** Maps a region where the guest may choose the ports (PCI BARs): null if they overlap a mapped region. */
  tryMap(region: BusRegion, options: MappingOptions): Mapping | null {
    const { name, base } = options;
    if (!Number.isInteger(base) || region.length <= 0 || base < 0 || base + region.length > PORTS) {
      throw new InternalError(`ports of '${name}' lie outside 0..FFFF`);
    }
    const claim = new Claim(name, base, region, options.widthDecoded === true);
    for (const other of this.active) if (claim.collidesWith(other)) return null;
    const previous = this.claims.findIndex((c) => c !== null && !this.active.has(c) && c.name === name);
    const index = previous > 0 ? previous : this.claims.length;
    if (index > 0xffff) throw new InternalError("too many port regions");
    const old = this.claims[index];
    if (old) {
      claim.reads = old.reads;
      claim.writes = old.writes;
    }
    this.claims[index] = claim;
    this.active.add(claim);
    this.fill(claim, index);
    return {
      name,
      base,
      remove: () => {
        if (this.active.delete(claim)) this.fill(claim, 0);
      },
    };
  }

  private fill(claim: Claim, index: number): void {
    for (const width of claim.region.widths) {
      const table = this.table(width);
      const first = Math.ceil(claim.base / width) * width;
      for (let port = first; port + width <= claim.end; port += width) table[port] = index;
    }
  }

  private table(width: IoWidth): Uint16Array {
    return width === 1 ? this.byteTable : width === 2 ? this.wordTable : this.longTable;
  }

  /** `port` 0..FFFFh; the bytes of an access that runs past FFFFh are claimed by nobody. Unsigned result. */
  read(port: number, width: IoWidth): number {
    const index = this.table(width)[port];
    if (index !== 0 && index !== undefined) {
      const claim = this.claims[index] as Claim;
      claim.reads++;
      const value = claim.region.read(port - claim.base, width);
      return width === 4 ? value >>> 0 : width === 2 ? value & 0xffff : value & 0xff;
    }
    if (width === 4) return (this.read(port, 2) | (this.read(port + 2, 2) << 16)) >>> 0;
    if (width === 2) return this.read(port, 1) | (this.read(port + 1, 1) << 8);
    this.unclaimed.read(port);
    return 0xff;
  }

  write(port: number, width: IoWidth, value: number): void {
    const index = this.table(width)[port];
    if (index !== 0 && index !== undefined) {
      const claim = this.claims[index] as Claim;
      claim.writes++;
      claim.region.write(port - claim.base, width, width === 4 ? value >>> 0 : width === 2 ? value & 0xffff : value & 0xff);
    } else if (width === 4) {
      this.write(port, 2, value & 0xffff);
      this.write(port + 2, 2, value >>> 16);
    } else if (width === 2) {
      this.write(port, 1, value & 0xff);
      this.write(port + 1, 1, (value >>> 8) & 0xff);
    } else this.unclaimed.write(port);
  }

  statistics(): BusStatistics {
    return statisticsOf(this.claims.filter((c) => c !== null), this.unclaimed);
  }
}
