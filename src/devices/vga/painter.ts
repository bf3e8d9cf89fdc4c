/** Makes pixels of screen updates. It keeps the memory that it was sent, so that each update is only what has changed. */
import { ATTR, CRTC, GFX, SEQ } from "./register-names.ts";
import {
  colourIndex, geometryOf, planeOffset, rowStep, type DisplaySink, type LinearScreen, type ScreenState, type ScreenUpdate, splitLine, startCounter,
  type VgaGeometry, type VgaScreen,
} from "./screen.ts";
import { bytesPerPixel } from "./vbe.ts";
import { VIDEO_PAGE, VRAM_BYTES } from "./video-memory.ts";

/** Frames of 1/60 s: the cursor is on for 16 and off for 16, blinking characters twice as long (IBM PS/2 HITR, "Cursor start"). */
export const CURSOR_BLINK_MS = (16 * 1000) / 60;

const BLACK = 0xff000000;
const SCREEN_OFF = 0x20;
const SYNC_ENABLED = 0x80;

/** Lines of the picture that have changed: first and end (exclusive). */
export interface Damage {
  readonly first: number;
  readonly end: number;
}

export class Painter implements DisplaySink {
  width = 0;
  height = 0;
  /** RGBA bytes, `width` by `height`. */
  pixels = new Uint32Array(0);
  private readonly bytes = new Uint8Array(VRAM_BYTES);
  private readonly dwords = new Int32Array(this.bytes.buffer);
  private state: ScreenState | null = null;
  private damageFirst = 0;
  private damageEnd = 0;
  /** Where a cursor blinks: lines. */
  private cursorLines: Damage | null = null;
  private blinkingText = false;
  private phase = 0;

  /** Takes an update and paints what it changes. */
  update({ state, pages, data }: ScreenUpdate): void {
    pages.forEach((page, i) => this.bytes.set(data.subarray(i * VIDEO_PAGE, (i + 1) * VIDEO_PAGE), page * VIDEO_PAGE));
    const before = this.state;
    this.state = state;
    const { width, height } = state.kind === "linear" ? state : geometryOf(state);
    if (width !== this.width || height !== this.height) {
      this.width = width;
      this.height = height;
      this.pixels = new Uint32Array(width * height).fill(BLACK);
      this.damage(0, height);
    }
    if (state.kind === "vga") {
      this.paintVga(state, 0, height);
      this.damage(0, height);
    } else this.paintLinearPages(state, pages, !sameLinear(before, state));
  }

  /** Lets cursor and characters blink: `phase` counts times of CURSOR_BLINK_MS. */
  blink(phase: number): void {
    const before = this.phase;
    this.phase = phase;
    if (this.state?.kind !== "vga" || before === phase) return;
    if (this.blinkingText && (before >> 1) % 2 !== (phase >> 1) % 2) {
      this.paintVga(this.state, 0, this.height);
      this.damage(0, this.height);
    } else if (this.cursorLines !== null) {
      const { first, end } = this.cursorLines;
      this.paintVga(this.state, first, end);
      this.damage(first, end);
    }
  }

  /** Whether `blink` has anything to do. */
  get blinks(): boolean {
    return this.state?.kind === "vga" && (this.cursorLines !== null || this.blinkingText);
  }

  /** What has changed since the last call, or null. */
  takeDamage(): Damage | null {
    const { damageFirst: first, damageEnd: end } = this;
    this.damageFirst = this.damageEnd = 0;
    return first < end ? { first, end: Math.min(end, this.height) } : null;
  }

  private damage(first: number, end: number): void {
    if (this.damageFirst >= this.damageEnd) {
      this.damageFirst = first;
      this.damageEnd = end;
    } else {
      this.damageFirst = Math.min(this.damageFirst, first);
      this.damageEnd = Math.max(this.damageEnd, end);
    }
  }

  /** The characters of a text mode, line by line, as codes; null in a graphics mode. */
  textCodes(): Uint8Array[] | null {
    const { state } = this;
    if (state?.kind !== "vga") return null;
    const geometry = geometryOf(state);
    if (!geometry.text) return null;
    const lines: Uint8Array[] = [];
    for (let y = 0; y + geometry.cellHeight <= this.height; y += geometry.cellHeight) {
      const { counter } = rowAt(state, geometry, y);
      lines.push(Uint8Array.from({ length: geometry.columns }, (_, x) => this.dwords[planeOffset(state, counter + x, 0)] & 0xff));
    }
    return lines;
  }

  // --- Linear framebuffers -----------------------------------------------------------------------------------------------

  private paintLinearPages(state: LinearScreen, pages: Uint32Array, all: boolean): void {
    if (all) {
      this.paintLinear(state, 0, state.height);
      this.damage(0, state.height);
      return;
    }
    const pitch = state.bpp === 4 ? state.pitch * 4 : state.pitch;
    const offset = state.bpp === 4 ? state.offset * 4 : state.offset;
    let painted = 0;
    for (const page of pages) {
      const at = page * VIDEO_PAGE - offset;
      const first = Math.max(painted, Math.floor(at / pitch), 0);
      const end = Math.min(state.height, Math.floor((at + VIDEO_PAGE - 1) / pitch) + 1);
      if (first >= end) continue;
      this.paintLinear(state, first, end);
      this.damage(first, end);
      painted = end;
    }
  }

  private paintLinear(state: LinearScreen, first: number, end: number): void {
    const { bytes, pixels } = this;
    const { width, bpp, pitch, offset, palette } = state;
    const size = bytesPerPixel(bpp);
    for (let y = first; y < end; y++) {
      let from = offset + y * pitch;
      let to = y * width;
      const last = to + width;
      if (bpp === 32 && (from & 3) === 0) {
        from >>>= 2;
        for (; to < last; from++, to++) {
          const v = this.dwords[from];
          pixels[to] = BLACK | ((v & 0xff) << 16) | (v & 0xff00) | ((v >>> 16) & 0xff);
        }
      } else if (bpp === 4) this.planarLine(from, to, width, (pixel) => palette[state.colours[pixel]]);
      else if (bpp === 8) for (; to < last; to++) pixels[to] = palette[bytes[from++]];
      else if (size === 2) {
        for (; to < last; from += 2, to++) pixels[to] = highColour(bytes[from] | (bytes[from + 1] << 8), bpp);
      } else for (; to < last; from += size, to++) pixels[to] = BLACK | (bytes[from] << 16) | (bytes[from + 1] << 8) | bytes[from + 2];
    }
  }

  /** Pixels of one bit in each of four planes. */
  private planarLine(offset: number, to: number, width: number, colour: (pixel: number) => number): void {
    for (let x = 0; x < width; x++) {
      const v = this.dwords[offset + (x >>> 3)] >>> (7 - (x & 7));
      this.pixels[to + x] = colour((v & 1) | ((v >>> 7) & 2) | ((v >>> 14) & 4) | ((v >>> 21) & 8));
    }
  }

  // --- The VGA's own modes -------------------------------------------------------------------------------------------------

  private paintVga(state: VgaScreen, first: number, end: number): void {
    const geometry = geometryOf(state);
    const { sequencer, crtc, attribute, palette } = state;
    if (!state.on || (sequencer[SEQ.clocking] & SCREEN_OFF) !== 0 || (crtc[CRTC.mode] & SYNC_ENABLED) === 0) {
      this.cursorLines = null;
      this.blinkingText = false;
      this.pixels.fill(BLACK, first * this.width, end * this.width);
      return;
    }
    const colours = Uint32Array.from({ length: 16 }, (_, i) => palette[colourIndex(attribute, i)]);
    if (first === 0 && end === this.height) {
      this.cursorLines = null;
      this.blinkingText = false;
    }
    // One character clock more than is seen, for panning.
    const line = new Uint32Array((geometry.columns + 1) * Math.max(geometry.dots, 8));
    for (let y = first; y < end; y++) {
      const row = rowAt(state, geometry, y);
      if (geometry.text) this.textLine(state, geometry, row, y, colours, line);
      else this.graphicsLine(state, geometry, row, colours, line);
      const pan = panning(state, geometry, row.split);
      this.pixels.set(line.subarray(pan, pan + this.width), y * this.width);
    }
  }

  private textLine(state: VgaScreen, geometry: VgaGeometry, row: Row, y: number, colours: Uint32Array, line: Uint32Array): void {
    const { crtc, attribute, sequencer } = state;
    const { dots, columns } = geometry;
    const mode = attribute[ATTR.mode];
    const blinking = (mode & 0x08) !== 0;
    const hidden = blinking && (this.phase >> 1) % 2 === 1;
    const fontB = fontOffset(sequencer[SEQ.fontSelect], 0);
    const fontA = fontOffset(sequencer[SEQ.fontSelect], 1);
    const underline = (mode & 0x02) !== 0 && row.scan === (crtc[CRTC.underline] & 0x1f);
    const cursor = cursorOf(crtc);
    const inCursor = cursor !== null && row.scan >= cursor.first && row.scan <= cursor.last;
    for (let x = 0; x <= columns; x++) {
      const cell = this.dwords[planeOffset(state, row.counter + x, row.scan)];
      const code = cell & 0xff;
      const attr = (cell >>> 8) & 0xff;
      const font = attr & 0x08 ? fontA : fontB;
      let bits = (this.dwords[font + code * 32 + row.scan] >>> 16) & 0xff;
      if (underline && (attr & 0x07) === 1) bits = 0xff;
      if (blinking && (attr & 0x80) !== 0) {
        this.blinkingText = true;
        if (hidden) bits = 0;
      }
      // The ninth dot repeats the eighth in line drawing characters.
      let nine = bits << 1;
      if ((mode & 0x04) !== 0 && code >= 0xc0 && code <= 0xdf) nine |= bits & 1;
      if (cursor !== null && row.counter + x === cursor.counter) {
        this.noteCursor(y, row.scan, geometry.cellHeight);
        if (inCursor && this.phase % 2 === 0) nine = 0x1ff;
      }
      const ink = colours[attr & 0x0f];
      const paper = colours[(attr >>> 4) & (blinking ? 7 : 15)];
      const at = x * dots;
      for (let dot = 0; dot < dots; dot++) line[at + dot] = nine & (0x100 >> dot) ? ink : paper;
    }
  }

  private noteCursor(y: number, scan: number, cellHeight: number): void {
    const first = Math.max(0, y - scan);
    this.cursorLines = { first, end: Math.min(this.height, first + cellHeight) };
  }

  private graphicsLine(state: VgaScreen, { columns }: VgaGeometry, row: Row, colours: Uint32Array, line: Uint32Array): void {
    const shift = state.graphics[GFX.mode];
    for (let x = 0; x <= columns; x++) {
      const v = this.dwords[planeOffset(state, row.counter + x, row.scan)];
      if (shift & 0x40) {
        for (let i = 0; i < 4; i++) line[x * 4 + i] = state.palette[(v >>> (8 * i)) & 0xff];
      } else if (shift & 0x20) {
        // Two bits of planes 0 and 1 each, one plane after the other, and two of planes 2 and 3 above them.
        for (let i = 0; i < 8; i++) {
          const low = (v >>> (i < 4 ? 0 : 8)) & 0xff;
          const high = (v >>> (i < 4 ? 16 : 24)) & 0xff;
          const at = 6 - 2 * (i & 3);
          line[x * 8 + i] = colours[((low >>> at) & 3) | (((high >>> at) & 3) << 2)];
        }
      } else {
        for (let i = 0; i < 8; i++) {
          const bit = v >>> (7 - i);
          line[x * 8 + i] = colours[(bit & 1) | ((bit >>> 7) & 2) | ((bit >>> 14) & 4) | ((bit >>> 21) & 8)];
        }
      }
    }
  }
}

/** What the CRT controller's counters hold at the start of a line of pixels. */
interface Row {
  readonly counter: number;
  readonly scan: number;
  /** Below the line compare. */
  readonly split: boolean;
}

function rowAt({ crtc }: VgaScreen, { text, cellHeight, repeat }: VgaGeometry, y: number): Row {
  const split = Math.ceil(splitLine(crtc) / repeat);
  const below = y >= split;
  // Lines of the picture are rows of scan lines: of characters, or of CGA modes.
  const perRow = text || (crtc[CRTC.mode] & 3) !== 3 ? cellHeight : 1;
  const line = below ? y - split : y + (perRow > 1 ? crtc[CRTC.presetRow] & 0x1f : 0);
  return { counter: (below ? 0 : startCounter(crtc)) + Math.floor(line / perRow) * rowStep(crtc), scan: line % perRow, split: below };
}

/** Dots by which the picture is shifted to the left. */
function panning({ attribute, graphics }: VgaScreen, { text, dots }: VgaGeometry, split: boolean): number {
  // Pixel panning may be off below the line compare.
  if (split && (attribute[ATTR.mode] & 0x20) !== 0) return 0;
  const value = attribute[ATTR.panning] & 15;
  if (text && dots === 9) return value >= 8 ? 0 : value + 1;
  if (!text && (graphics[GFX.mode] & 0x40) !== 0) return (value & 7) >> 1;
  return value & 7;
}

function cursorOf(crtc: Uint8Array): { counter: number; first: number; last: number } | null {
  const first = crtc[CRTC.cursorStart] & 0x1f;
  const last = crtc[CRTC.cursorEnd] & 0x1f;
  if ((crtc[CRTC.cursorStart] & 0x20) !== 0 || first > last) return null;
  return { counter: ((crtc[CRTC.cursorHigh] << 8) | crtc[CRTC.cursorLow]) + ((crtc[CRTC.cursorEnd] >>> 5) & 3), first, last };
}

/** Where in plane 2 a font begins: character map select, map A (`which` 1) in bits 5, 3 and 2, map B in bits 4, 1 and 0. */
function fontOffset(select: number, which: 0 | 1): number {
  const low = which === 1 ? (select >>> 2) & 3 : select & 3;
  const high = which === 1 ? (select >>> 5) & 1 : (select >>> 4) & 1;
  return low * 0x4000 + high * 0x2000;
}

function highColour(v: number, bpp: number): number {
  const five = (n: number): number => (n << 3) | (n >>> 2);
  const blue = five(v & 0x1f);
  if (bpp === 15) return BLACK | (blue << 16) | (five((v >>> 5) & 0x1f) << 8) | five((v >>> 10) & 0x1f);
  const green = (v >>> 5) & 0x3f;
  return BLACK | (blue << 16) | (((green << 2) | (green >>> 4)) << 8) | five(v >>> 11);
}

function sameLinear(a: ScreenState | null, b: LinearScreen): boolean {
  return (
    a?.kind === "linear" && a.width === b.width && a.height === b.height && a.bpp === b.bpp && a.pitch === b.pitch && a.offset === b.offset &&
    (b.bpp > 8 || (a.palette.every((c, i) => c === b.palette[i]) && a.colours.every((c, i) => c === b.colours[i])))
  );
}
