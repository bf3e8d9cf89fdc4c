/**
 * Which pages of RAM have been written since an epoch. A page that has not is flagged, so that no TLB entry has a write tag for it and its
 * first write comes to a slow path, which tells. Later ones cost nothing.
 */

/** Bit of `pageFlags`: RAM that has not been written in this epoch. */
export const PAGE_CLEAN = 4;

export class RamPages {
  /** Told of a page number before the first write to it in this epoch: its contents are still the old ones. */
  beforeFirst: ((ppn: number) => void) | null = null;
  private written = new Uint32Array(1024);
  private count = 0;

  /** The first epoch begins: RAM is zeroes. */
  constructor(
    private readonly pageFlags: Uint8Array,
    readonly pages: number,
  ) {
    pageFlags.fill(PAGE_CLEAN, 0, pages);
  }

  /** A write to a clean page is about to happen. */
  note(ppn: number): void {
    this.pageFlags[ppn] &= ~PAGE_CLEAN;
    this.beforeFirst?.(ppn);
    if (this.count === this.written.length) {
      const larger = new Uint32Array(this.count * 2);
      larger.set(this.written);
      this.written = larger;
    }
    this.written[this.count++] = ppn;
  }

  isWritten(ppn: number): boolean {
    return (this.pageFlags[ppn] & PAGE_CLEAN) === 0;
  }

  /** Pages written in this epoch. */
  get writtenCount(): number {
    return this.count;
  }

  /**
   * Begins an epoch; the pages that were written in the last one, ascending. The caller empties the TLBs, before anything runs: their
   * write tags are those of the old epoch.
   */
  begin(): Uint32Array {
    let list = this.written.slice(0, this.count);
    if (this.count < this.pages / 64) list.sort();
    else {
      // Faster than sorting many.
      list = new Uint32Array(this.count);
      for (let ppn = 0, n = 0; n < this.count; ppn++) if (this.isWritten(ppn)) list[n++] = ppn;
    }
    for (const ppn of list) this.pageFlags[ppn] |= PAGE_CLEAN;
    this.count = 0;
    return list;
  }
}
