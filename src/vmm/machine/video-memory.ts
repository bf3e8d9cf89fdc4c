/** Video memory in the machine's one memory, behind RAM: two windows of the CPU onto it, and the pages that were written. */
import { PAGE_WATCHED, type MemoryWindow } from "../../cpu/mmu/physical.ts";
import type { Vcpu } from "../../jit/vcpu.ts";
import { LEGACY_BYTES, TOUCHED, VIDEO_BYTES, VIDEO_PAGE, type VideoMemory, VRAM_BYTES, WRITTEN } from "../../devices/vga/video-memory.ts";

export { VIDEO_BYTES };

/**
 * A page that was found written at so many looks in a row is busy: it counts as written without being watched, and is watched again at
 * every eighth look only. The first write to a watched page costs a microsecond and throws compiled code back to the interpreter.
 */
const BUSY_AFTER = 4;
const RECHECK_LOOKS = 8;

export class MappedVideoMemory implements VideoMemory {
  readonly bytes: Uint8Array;
  readonly written = new Uint8Array(VIDEO_BYTES / VIDEO_PAGE).fill(TOUCHED);
  /** Written in this epoch, and since then looked at by the display: 1. */
  private readonly seen = new Uint8Array(VIDEO_BYTES / VIDEO_PAGE);
  /** Looks in a row at which a page was found written, to BUSY_AFTER. */
  private readonly streaks = new Uint8Array(VIDEO_BYTES / VIDEO_PAGE);
  private looks = 0;
  private readonly legacy: MemoryWindow;
  private readonly linear: MemoryWindow;

  /** `at` is an address in linear memory, `legacyBase` the physical address of the VGA's window. */
  constructor(
    private readonly vcpu: Pick<Vcpu, "phys" | "mmu" | "state">,
    private readonly at: number,
    private readonly legacyBase: number,
  ) {
    this.bytes = vcpu.state.u8.subarray(at, at + VIDEO_BYTES);
    this.legacy = this.window();
    this.linear = this.window();
  }

  private window(): MemoryWindow {
    const window: MemoryWindow = {
      first: -1,
      pages: 0,
      linear: 0,
      onWrite: (index) => {
        this.written[(window.linear - this.at) / VIDEO_PAGE + index] = WRITTEN;
      },
    };
    this.vcpu.phys.addWindow(window);
    return window;
  }

  private move(window: MemoryWindow, base: number | null, length: number, offset: number): void {
    const first = base === null || length === 0 ? -1 : base / VIDEO_PAGE;
    this.vcpu.phys.moveWindow(window, first, length / VIDEO_PAGE, this.at + offset);
    // It is watched where the rest of its memory is.
    if (first >= 0) this.mark(window, offset / VIDEO_PAGE, (offset + length) / VIDEO_PAGE);
    this.vcpu.mmu.flushAll();
  }

  showLegacy(at: number, length: number, offset: number): void {
    if (at + length > LEGACY_BYTES || offset + length > VIDEO_BYTES) throw new RangeError("the VGA's window is smaller");
    this.move(this.legacy, this.legacyBase + at, length, offset);
  }

  /** The linear framebuffer's physical address below 4 GiB, or null. */
  showLinear(base: number | null): void {
    this.move(this.linear, base, VRAM_BYTES, 0);
  }

  watch(first: number, end: number): void {
    const { written, seen, streaks } = this;
    const recheck = ++this.looks % RECHECK_LOOKS === 0;
    let watched = false;
    for (let page = first; page < end; page++) {
      if (written[page] === WRITTEN) {
        seen[page] = 1;
        if (streaks[page] < BUSY_AFTER) streaks[page]++;
        else if (!recheck) continue;
      } else streaks[page] = 0;
      watched ||= written[page] !== 0;
      written[page] = 0;
    }
    // What was not written is watched already.
    if (!watched) return;
    for (const window of [this.legacy, this.linear]) this.mark(window, first, end);
    this.vcpu.mmu.protectWatchedPages();
  }

  /** A page's contents, written in this epoch. */
  put(page: number, contents: Uint8Array): void {
    this.bytes.set(contents, page * VIDEO_PAGE);
    this.written[page] = WRITTEN;
  }

  /** Begins an epoch: the pages that were written in the last one, ascending. The caller empties the TLBs. */
  beginEpoch(): number[] {
    const { written, seen } = this;
    const pages: number[] = [];
    for (let page = 0; page < written.length; page++) {
      if (written[page] !== WRITTEN && seen[page] === 0) continue;
      pages.push(page);
      seen[page] = 0;
      if (written[page] === WRITTEN) written[page] = TOUCHED;
    }
    for (const window of [this.legacy, this.linear]) this.mark(window, 0, written.length);
    return pages;
  }

  /** Watches those of pages first to end that show in a window and have not been written. */
  private mark(window: MemoryWindow, first: number, end: number): void {
    if (window.first < 0) return;
    const { pageFlags } = this.vcpu.phys;
    const shift = (window.linear - this.at) / VIDEO_PAGE;
    for (let page = Math.max(first, shift); page < Math.min(end, shift + window.pages); page++) {
      if (this.written[page] !== WRITTEN) pageFlags[window.first + page - shift] |= PAGE_WATCHED;
    }
  }
}
