/** A small picture of a screen. */

/** Width of the largest. */
const THUMBNAIL_WIDTH = 320;

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGBA bytes. */
  readonly pixels: Uint32Array;
}

/** Each pixel is the mean of those that it stands for. */
export function shrink(width: number, height: number, pixels: Uint32Array): Picture {
  const scale = Math.max(1, Math.ceil(width / THUMBNAIL_WIDTH));
  const [w, h] = [Math.floor(width / scale), Math.max(1, Math.floor(height / scale))];
  const out = new Uint32Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let [r, g, b, n] = [0, 0, 0, 0];
      for (let dy = 0; dy < scale && y * scale + dy < height; dy++) {
        for (let dx = 0; dx < scale; dx++) {
          const p = pixels[(y * scale + dy) * width + x * scale + dx];
          r += p & 0xff;
          g += (p >>> 8) & 0xff;
          b += (p >>> 16) & 0xff;
          n++;
        }
      }
      out[y * w + x] = (0xff000000 | (Math.round(b / n) << 16) | (Math.round(g / n) << 8) | Math.round(r / n)) >>> 0;
    }
  }
  return { width: w, height: h, pixels: out };
}
