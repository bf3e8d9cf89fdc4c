/** The application's icons as pictures, drawn here: the favicon's shapes on a full square, so that systems may cut corners as they like. */
import { encodePng } from "../src/cli/png.ts";

/** Units of public/favicon.svg. */
const UNITS = 32;
/** Samples a pixel, each way. */
const SAMPLES = 4;

type Rgb = readonly [number, number, number];
const FROM: Rgb = [0x6d, 0x8b, 0xff];
const TO: Rgb = [0x7a, 0x5c, 0xf0];
const PAPER: Rgb = [0xff, 0xff, 0xff];
const INK: Rgb = [0x5b, 0x5f, 0xe6];
const INK_WIDTH = 1.9;
const STROKES: readonly (readonly [number, number, number, number])[] = [[10.5, 15.5, 13.5, 18], [13.5, 18, 10.5, 20.5], [16, 20.8, 20.5, 20.8]];

function inRounded(x: number, y: number, left: number, top: number, right: number, bottom: number, radius: number): boolean {
  const dx = Math.max(left + radius - x, x - (right - radius), 0);
  const dy = Math.max(top + radius - y, y - (bottom - radius), 0);
  return x >= left && x <= right && y >= top && y <= bottom && dx * dx + dy * dy <= radius * radius;
}

function distance(x: number, y: number, [x1, y1, x2, y2]: readonly [number, number, number, number]): number {
  const along = Math.min(1, Math.max(0, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / ((x2 - x1) ** 2 + (y2 - y1) ** 2)));
  return Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1));
}

function colourAt(x: number, y: number): Rgb {
  if (STROKES.some((s) => distance(x, y, s) <= INK_WIDTH / 2)) return INK;
  // The tab's right edge slopes from (14, 9) to (16.5, 12).
  const onTab = inRounded(x, y, 6, 9, 18, 20, 2.5) && x <= 14 + ((y - 9) * 2.5) / 3;
  if (onTab || inRounded(x, y, 6, 12, 26, 24, 2.5)) return PAPER;
  const t = (x + y) / (2 * UNITS);
  return [0, 1, 2].map((i) => FROM[i] + (TO[i] - FROM[i]) * t) as unknown as Rgb;
}

export function drawIcon(size: number): Uint8Array {
  const pixels = new Uint32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const sum = [0, 0, 0];
      for (let sy = 0; sy < SAMPLES; sy++) {
        for (let sx = 0; sx < SAMPLES; sx++) {
          const colour = colourAt(((x + (sx + 0.5) / SAMPLES) * UNITS) / size, ((y + (sy + 0.5) / SAMPLES) * UNITS) / size);
          for (let i = 0; i < 3; i++) sum[i] += colour[i];
        }
      }
      const [r, g, b] = sum.map((s) => Math.round(s / SAMPLES ** 2));
      pixels[y * size + x] = (r | (g << 8) | (b << 16)) >>> 0;
    }
  }
  return encodePng(size, size, pixels);
}
