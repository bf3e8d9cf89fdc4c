/** What a display device shows: plain data that can be sent elsewhere, where `Painter` makes a picture of it. */
import { ATTR, CRTC, GFX, SEQ } from "./register-names.ts";
import { PLANE_BYTES } from "./planes.ts";

/** The VGA's own registers rule: text, planes, 256 colours. Copies. */
export interface VgaScreen {
  readonly kind: "vga";
  readonly sequencer: Uint8Array;
  readonly crtc: Uint8Array;
  readonly graphics: Uint8Array;
  readonly attribute: Uint8Array;
  /** False while the palette is being loaded: black. */
  readonly on: boolean;
  /** The DAC's 256 colours as RGBA bytes. */
  readonly palette: Uint32Array;
}

/** Rows of pixels. */
export interface LinearScreen {
  readonly kind: "linear";
  readonly width: number;
  readonly height: number;
  /** 4: planar, the pitch is of one plane. Else 8, 15, 16, 24 or 32. */
  readonly bpp: number;
  /** Bytes. */
  readonly pitch: number;
  readonly offset: number;
  /** For 8 bits and less. */
  readonly palette: Uint32Array;
  /** Palette entries of the 16 colours of planar modes. */
  readonly colours: Uint8Array;
}

export type ScreenState = VgaScreen | LinearScreen;

/** The state, and the pages of video memory that changed since the last update. */
export interface ScreenUpdate {
  readonly state: ScreenState;
  /** Numbers of pages of VIDEO_PAGE bytes, ascending. */
  readonly pages: Uint32Array;
  /** Their contents. */
  readonly data: Uint8Array;
}

/** Where a display device's picture goes. */
export interface DisplaySink {
  /** A place for an update's data, so that not every frame takes fresh memory. What is in it does not matter. */
  room?(bytes: number): Uint8Array;
  update(update: ScreenUpdate): void;
}

/** How a VGA's registers divide the picture. */
export interface VgaGeometry {
  readonly text: boolean;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Character clocks in a line. */
  readonly columns: number;
  /** Dots in a character clock: 8 or 9. */
  readonly dots: number;
  /** Lines of a character cell. */
  readonly cellHeight: number;
  /** Scan lines that show the same line of pixels. */
  readonly repeat: number;
}

const CHAIN4 = 0x08;

export function geometryOf({ sequencer, crtc, graphics }: Pick<VgaScreen, "sequencer" | "crtc" | "graphics">): VgaGeometry {
  const text = (graphics[GFX.misc] & 1) === 0;
  const columns = Math.min(crtc[CRTC.horizontalEnd] + 1, 256);
  const dots = (sequencer[SEQ.clocking] & 1) !== 0 ? 8 : 9;
  const lines = 1 + (crtc[CRTC.displayEnd] | ((crtc[CRTC.overflow] & 0x02) << 7) | ((crtc[CRTC.overflow] & 0x40) << 3));
  const cellHeight = (crtc[CRTC.maximumScan] & 0x1f) + 1;
  // Where the row scan is part of the address (CGA modes), the lines of a row differ.
  const sameRow = (crtc[CRTC.mode] & 3) === 3;
  const repeat = (crtc[CRTC.maximumScan] & 0x80 ? 2 : 1) * (text || !sameRow ? 1 : cellHeight);
  const colours256 = !text && (graphics[GFX.mode] & 0x40) !== 0;
  return {
    text, columns, cellHeight, repeat,
    dots: text ? dots : 8,
    width: text ? columns * dots : colours256 ? columns * 4 : columns * 8,
    height: Math.max(1, Math.floor(lines / repeat)),
  };
}

/** The byte of a plane that the CRT controller addresses. */
export function planeOffset({ crtc, sequencer }: Pick<VgaScreen, "crtc" | "sequencer">, counter: number, rowScan: number): number {
  const mode = crtc[CRTC.mode];
  let offset = counter;
  // In chain-4 this VGA keeps the planes densely (see Planes), so that nothing is skipped.
  if (sequencer[SEQ.memoryMode] & CHAIN4) offset = counter;
  else if (crtc[CRTC.underline] & 0x40) offset = (counter << 2) | ((counter >>> 14) & 3);
  else if (!(mode & 0x40)) offset = (counter << 1) | ((mode & 0x20 ? counter >>> 15 : counter >>> 13) & 1);
  if (!(mode & 1)) offset = (offset & ~0x2000) | ((rowScan & 1) << 13);
  if (!(mode & 2)) offset = (offset & ~0x4000) | ((rowScan & 2) << 13);
  return offset & (PLANE_BYTES - 1);
}

export function startCounter(crtc: Uint8Array): number {
  return ((crtc[CRTC.startHigh] << 8) | crtc[CRTC.startLow]) + ((crtc[CRTC.presetRow] >>> 5) & 3);
}

/** Counter distance of rows. */
export function rowStep(crtc: Uint8Array): number {
  return crtc[CRTC.offset] * 2;
}

/** The first scan line that begins again at counter 0. */
export function splitLine(crtc: Uint8Array): number {
  return (crtc[CRTC.lineCompare] | ((crtc[CRTC.overflow] & 0x10) << 4) | ((crtc[CRTC.maximumScan] & 0x40) << 3)) + 1;
}

/** Attribute controller: four bits of a pixel to an entry of the DAC. */
export function colourIndex(attribute: Uint8Array, pixel: number): number {
  const colour = attribute[pixel & attribute[ATTR.planeEnable] & 15];
  const select = attribute[ATTR.colourSelect];
  if (attribute[ATTR.mode] & 0x80) return (colour & 0x0f) | ((select & 0x0f) << 4);
  return colour | ((select & 0x0c) << 4);
}
