/** What a BIOS's mode set leaves in the registers: mode 3, colour text of 80 by 25 (IBM PS/2 Hardware Interface TR, mode tables). */
import { vgaFont } from "./font.ts";
import type { VgaRegisters } from "./registers.ts";

const MODE_3 = {
  misc: 0x67,
  sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, //
    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
  ],
  graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff],
  attribute: [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00],
} as const;

/** The EGA's 64 colours: primary and secondary red, green and blue in bits 2-0 and 5-3. */
function egaColours(): Uint8Array {
  const dac = new Uint8Array(768);
  for (let n = 0; n < 64; n++) {
    for (const [i, bit] of [2, 1, 0].entries()) dac[n * 3 + i] = ((n >> bit) & 1 ? 0x2a : 0) + ((n >> (bit + 3)) & 1 ? 0x15 : 0);
  }
  return dac;
}

const BLANK_CELL = 0x0720;

/** Registers, colours, the font in plane 2 and an empty screen. `dwords` are the planes, four bytes for each offset. */
export function setTextMode(registers: VgaRegisters, dwords: Int32Array): void {
  registers.clear();
  registers.misc = MODE_3.misc;
  registers.sequencer.set(MODE_3.sequencer);
  registers.crtc.set(MODE_3.crtc);
  registers.graphics.set(MODE_3.graphics);
  registers.attribute.set(MODE_3.attribute);
  registers.dac.set(egaColours());

  dwords.fill(0);
  // 80 by 25 cells, and what lies behind them: 32 KiB in words at even offsets.
  for (let offset = 0; offset < 0x8000; offset += 2) dwords[offset] = BLANK_CELL;
  const font = vgaFont(16);
  for (let code = 0; code < 256; code++) {
    for (let line = 0; line < 16; line++) dwords[code * 32 + line] |= font[code * 16 + line] << 16;
  }
}
