/** RAM that comes out of a snapshot page by page: when the guest or a device first touches one, and in the background. */
import { UserError } from "../../base/errors.ts";
import { RAM_BASE } from "../../cpu/layout.ts";
import type { PageSource, PhysicalMemory } from "../../cpu/mmu/physical.ts";
import { type ObjectReader, ZERO_ID } from "../store/objects.ts";
import { CHUNK_PAGES, PAGE_BYTES, type PageTable } from "./page-table.ts";

/** Touches after which the guest's slice ends: they may have taken milliseconds, and others wait. */
const TOUCHES = 16;

export class LazyRam implements PageSource {
  /** Pages brought in because they were touched, and ahead of that. */
  touched = 0;
  prefetched = 0;
  private cursor = 0;
  private ahead = 0;

  /** `first`: pages that are likely to be wanted first. RAM is zeroes. `pause` asks the guest's slice to end. */
  constructor(
    private readonly phys: PhysicalMemory,
    private readonly table: PageTable,
    private readonly reader: ObjectReader,
    private readonly first: Uint32Array,
    private readonly pause: () => void,
  ) {
    table.chunks.forEach((_id, chunk) => {
      if (!table.isZeroChunk(chunk)) phys.setAbsent(chunk * CHUNK_PAGES, Math.min(phys.pages, (chunk + 1) * CHUNK_PAGES), this);
    });
  }

  /** Pages whose contents have come another way. */
  present(pages: Iterable<number>): void {
    for (const ppn of pages) this.phys.setPresent(ppn);
  }

  bringIn(ppn: number): void {
    // Its neighbours lie in the frame that the reader keeps unpacked: each is cheap when it is wanted.
    this.load(ppn);
    if (++this.touched % TOUCHES === 0) this.pause();
  }

  private fetch(ppn: number): void {
    if (!this.phys.isAbsent(ppn)) return;
    this.phys.setPresent(ppn);
    this.prefetched++;
    this.load(ppn);
  }

  private load(ppn: number): void {
    const id = this.table.id(ppn);
    if (id === ZERO_ID) return;
    const page = this.reader.read(id);
    if (page.length !== PAGE_BYTES) throw new UserError(`snapshot: the page at ${(ppn * PAGE_BYTES).toString(16)}h has ${page.length} bytes, not ${PAGE_BYTES}`);
    this.phys.state.u8.set(page, RAM_BASE + ppn * PAGE_BYTES);
  }

  /** Brings in pages until `until` says so; true when all are there. */
  prefetch(until: () => boolean): boolean {
    const { first, phys } = this;
    let since = 0;
    while (this.ahead < first.length || this.cursor < phys.pages) {
      const ppn = this.ahead < first.length ? first[this.ahead++] : this.cursor++;
      if (!phys.isAbsent(ppn)) continue;
      this.fetch(ppn);
      if (++since % 8 === 0 && until()) return false;
    }
    return true;
  }
}
