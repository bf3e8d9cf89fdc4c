/** LZ4's legacy frame, the one in which Linux stores its payload (lz4 project: lz4_Frame_format.md and lz4_Block_format.md). */
import { UserError } from "../../base/errors.ts";

const LEGACY_MAGIC = 0x184c2102;

function corrupt(what: string): UserError {
  return new UserError(`${what}: the LZ4 data is corrupt`);
}

/** Decodes into exactly `size` bytes. Bytes that follow the last block are ignored, as Linux appends the size there. */
export function decodeLz4Legacy(data: Uint8Array, size: number, what: string): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < 8 || view.getUint32(0, true) !== LEGACY_MAGIC) throw corrupt(what);
  const out = new Uint8Array(size);
  let at = 4;
  let produced = 0;
  while (produced < size) {
    if (at + 4 > data.length) throw corrupt(what);
    const blockSize = view.getUint32(at, true);
    at += 4;
    // Legacy frames may be concatenated: the next one's magic stands where a block's size would.
    if (blockSize === LEGACY_MAGIC) continue;
    if (blockSize === 0 || at + blockSize > data.length) throw corrupt(what);
    produced = decodeBlock(data, at, at + blockSize, out, produced, what);
    at += blockSize;
  }
  return out;
}

/** One independent block: sequences of literals and a copy from at most 64 KiB back. Returns the end in `out`. */
function decodeBlock(data: Uint8Array, start: number, end: number, out: Uint8Array, outStart: number, what: string): number {
  let at = start;
  let to = outStart;
  while (at < end) {
    const token = data[at++];
    let literals = token >> 4;
    if (literals === 15) {
      let more: number;
      do {
        if (at >= end) throw corrupt(what);
        more = data[at++];
        literals += more;
      } while (more === 255);
    }
    if (at + literals > end || to + literals > out.length) throw corrupt(what);
    out.set(data.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === end) break; // the last sequence has literals only

    if (at + 2 > end) throw corrupt(what);
    const distance = data[at] | (data[at + 1] << 8);
    at += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      let more: number;
      do {
        if (at >= end) throw corrupt(what);
        more = data[at++];
        length += more;
      } while (more === 255);
    }
    const from = to - distance;
    if (distance === 0 || from < outStart || to + length > out.length) throw corrupt(what);
    if (distance >= length) {
      out.copyWithin(to, from, from + length);
    } else {
      // Overlapping: the copy repeats its own output.
      for (let i = 0; i < length; i++) out[to + i] = out[from + i];
    }
    to += length;
  }
  return to;
}
