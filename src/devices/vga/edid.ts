/** The monitor's description for the guest: EDID 1.4, one block of 128 bytes (VESA E-EDID Standard, Release A, Rev. 2). */

export const EDID_BYTES = 128;

/** A mode as a detailed timing has it: dots and lines. */
interface Timing {
  readonly clock10kHz: number;
  readonly horizontal: Axis;
  readonly vertical: Axis;
}
interface Axis {
  readonly active: number;
  readonly blank: number;
  readonly front: number;
  readonly sync: number;
}

/** VESA DMT: 1024x768 at 60 Hz. */
const XGA: Timing = {
  clock10kHz: 6500,
  horizontal: { active: 1024, blank: 320, front: 24, sync: 136 },
  vertical: { active: 768, blank: 38, front: 3, sync: 6 },
};
/** CTA-861: 1920x1080 at 60 Hz. */
const FULL_HD: Timing = {
  clock10kHz: 14850,
  horizontal: { active: 1920, blank: 280, front: 88, sync: 44 },
  vertical: { active: 1080, blank: 45, front: 4, sync: 5 },
};
const WIDTH_MM = 320;
const HEIGHT_MM = 240;

/** §3.10.2: 18 bytes. */
function detailed({ clock10kHz, horizontal: h, vertical: v }: Timing): number[] {
  return [
    clock10kHz & 0xff, clock10kHz >>> 8,
    h.active & 0xff, h.blank & 0xff, ((h.active >>> 8) << 4) | (h.blank >>> 8),
    v.active & 0xff, v.blank & 0xff, ((v.active >>> 8) << 4) | (v.blank >>> 8),
    h.front & 0xff, h.sync & 0xff, ((v.front & 15) << 4) | (v.sync & 15),
    ((h.front >>> 8) << 6) | ((h.sync >>> 8) << 4) | ((v.front >>> 4) << 2) | (v.sync >>> 4),
    WIDTH_MM & 0xff, HEIGHT_MM & 0xff, ((WIDTH_MM >>> 8) << 4) | (HEIGHT_MM >>> 8),
    0, 0, 0x18, // digital separate sync
  ];
}

/** §3.10.3: a display descriptor of 18 bytes with text. */
function text(tag: number, value: string): number[] {
  const bytes = [...`${value}\n`].map((c) => c.charCodeAt(0));
  while (bytes.length < 13) bytes.push(0x20);
  return [0, 0, 0, tag, 0, ...bytes];
}

/** Standard timing (§3.9): width and aspect ratio code (1: 4:3, 2: 5:4, 3: 16:9) at 60 Hz. */
const standard = (width: number, aspect: number): number[] => [width / 8 - 31, aspect << 6];

export function buildEdid(): Uint8Array {
  const letter = (c: string): number => c.charCodeAt(0) - 64;
  const maker = (letter("T") << 10) | (letter("B") << 5) | letter("V");
  const bytes = [
    0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,
    maker >>> 8, maker & 0xff, 1, 0, 0, 0, 0, 0, // product 1, no serial number
    1, 36, 1, 4, // week 1 of 2026, EDID 1.4
    0xa5, WIDTH_MM / 10, HEIGHT_MM / 10, 120, 0x0e, // digital, 8 bits a colour; gamma 2.2; sRGB, preferred timing is native
    // sRGB's primaries and white point.
    0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54,
    0x21, 0x08, 0x00, // 640x480, 800x600 and 1024x768 at 60 Hz
    ...standard(1280, 2), ...standard(1280, 3), ...standard(1152, 1), ...standard(1600, 1), ...standard(1600, 3), ...standard(1920, 3),
    1, 1, 1, 1, // unused
    ...detailed(XGA),
    ...detailed(FULL_HD),
    ...text(0xfc, "Tabvisor"),
    0, 0, 0, 0xfd, 0, 50, 75, 30, 90, 20, 1, 10, 32, 32, 32, 32, 32, 32, // 50-75 Hz, 30-90 kHz, 200 MHz
    0, // no extension
  ];
  bytes.push((256 - (bytes.reduce((sum, b) => sum + b, 0) & 0xff)) & 0xff);
  return Uint8Array.from(bytes);
}
