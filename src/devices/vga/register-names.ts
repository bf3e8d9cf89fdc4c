/** Numbers and writable bits of the VGA's indexed registers (IBM PS/2 Hardware Interface TR, "Video subsystem"). */

/** Writable bits, by index. */
export const FILES = {
  sequencer: [0x03, 0x3d, 0x0f, 0x3f, 0x0e],
  crtc: [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0x3f, 0x7f, 0xff, 0xff, 0xff, 0xff, //
    0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xef, 0xff,
  ],
  graphics: [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff],
  attribute: [...Array.from({ length: 16 }, () => 0x3f), 0xef, 0xff, 0x3f, 0x0f, 0x0f],
} as const satisfies Record<string, readonly number[]>;

export const SEQ = { reset: 0, clocking: 1, mapMask: 2, fontSelect: 3, memoryMode: 4 } as const;

export const CRTC = {
  horizontalTotal: 0, horizontalEnd: 1, horizontalRetrace: 4, verticalTotal: 6, overflow: 7, presetRow: 8, maximumScan: 9,
  cursorStart: 10, cursorEnd: 11, startHigh: 12, startLow: 13, cursorHigh: 14, cursorLow: 15, retraceStart: 16,
  retraceEnd: 17, displayEnd: 18, offset: 19, underline: 20, mode: 23, lineCompare: 24,
} as const;
/** Bit 7 of this one protects registers 0 to 7. */
export const CRTC_PROTECTED = CRTC.retraceEnd;

export const GFX = { setReset: 0, enableSetReset: 1, colourCompare: 2, rotate: 3, readMap: 4, mode: 5, misc: 6, dontCare: 7, bitMask: 8 } as const;

export const ATTR = { mode: 16, overscan: 17, planeEnable: 18, panning: 19, colourSelect: 20 } as const;
