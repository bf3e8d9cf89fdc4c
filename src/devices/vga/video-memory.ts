/** Video memory as the VGA sees it: bytes that the CPU also reaches directly, and the pages of it that were written. */

/** Bytes of a page of `VideoMemory.written`. */
export const VIDEO_PAGE = 4096;

/** The planes, or the linear framebuffer: as much as QEMU's standard VGA has by default. */
export const VRAM_BYTES = 16 * 1024 * 1024;
/** Behind it: characters and attributes as the CPU sees them in text modes, see `Vga`. */
export const TEXT_BYTES = 32 * 1024;
export const VIDEO_BYTES = VRAM_BYTES + TEXT_BYTES;

/** Bytes of the window at A0000h. */
export const LEGACY_BYTES = 128 * 1024;

/** Values of `VideoMemory.written`. */
export const WRITTEN = 1;
export const TOUCHED = 2;

/** Pages first to end (exclusive) are to be looked at, written or not. */
export function touch(written: Uint8Array, first = 0, end = written.length): void {
  for (let page = first; page < end; page++) written[page] ||= TOUCHED;
}

export interface VideoMemory {
  /** VIDEO_BYTES, or with less of a framebuffer; the CPU writes to what is visible without asking. */
  readonly bytes: Uint8Array;
  /**
   * For each page: 0 not written since `watch`, WRITTEN, or TOUCHED: somebody wants to see it although nobody has written. The owner of the
   * memory sets WRITTEN; the device does, for writes of its own.
   */
  readonly written: Uint8Array;
  /**
   * Clears `written` for pages first to end (exclusive) and notes writes to them from now on. Pages that are written all the time may be left
   * WRITTEN, whether they are written again or not: that is found out a few calls later.
   */
  watch(first: number, end: number): void;
  /**
   * Lets `length` bytes from `offset` on appear at byte `at` of the window at A0000h, as plain memory. With length 0 the
   * accesses arrive at the device's region instead. All are multiples of VIDEO_PAGE.
   */
  showLegacy(at: number, length: number, offset: number): void;
}
