/** Writes a picture as PNG (PNG Specification 1.2): eight bits of red, green and blue, zlib by Node. */
import { deflateSync } from "node:zlib";
import { crc32 } from "../vmm/boot/crc32.ts";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** `pixels` are RGBA bytes in memory order; the fourth is not looked at. */
export function encodePng(width: number, height: number, pixels: Uint32Array): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8); // bit depth, truecolour
  // Each line begins with its filter: none.
  const lines = new Uint8Array((1 + 3 * width) * height);
  let to = 0;
  for (let y = 0; y < height; y++) {
    to++;
    for (let x = 0; x < width; x++) {
      const pixel = pixels[y * width + x];
      lines[to++] = pixel;
      lines[to++] = pixel >>> 8;
      lines[to++] = pixel >>> 16;
    }
  }
  const parts = [SIGNATURE, chunk("IHDR", header), chunk("IDAT", deflateSync(lines)), chunk("IEND", new Uint8Array(0))];
  const png = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    png.set(part, at);
    at += part.length;
  }
  return png;
}
