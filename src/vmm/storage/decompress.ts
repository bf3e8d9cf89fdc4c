/** Decompression of single clusters, synchronous: raw deflate and Zstandard frames, each followed by anything. */
import { inflateSync } from "fflate";
import { ZSTDDecoder } from "zstddec";

/** Unpacks one cluster into exactly `bytes` bytes, or throws. */
export type Decompress = (packed: Uint8Array, bytes: number) => Uint8Array;

export function inflateCluster(packed: Uint8Array, bytes: number): Uint8Array {
  const out = inflateSync(packed, { out: new Uint8Array(bytes) });
  if (out.length !== bytes) throw new Error(`${out.length} bytes in place of ${bytes}`);
  return out;
}

/** The decoder has to be compiled first. */
export async function zstdCluster(): Promise<Decompress> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (packed, bytes) => {
    const out = decoder.decode(packed.subarray(0, zstdFrameBytes(packed)), bytes);
    if (out.length !== bytes) throw new Error("damaged Zstandard data");
    return out;
  };
}

const MAGIC = 0xfd2f_b528;
const RLE_BLOCK = 1;

/** Length of the frame at the start (RFC 8878 §3.1.1): the decoder takes nothing after it. */
function zstdFrameBytes(data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (view.getUint32(0, true) !== MAGIC) throw new Error("not a Zstandard frame");
  const descriptor = view.getUint8(4);
  const single = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const contentSize = sizeFlag === 0 ? (single ? 1 : 0) : 2 ** sizeFlag;
  let at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3] + contentSize;
  for (;;) {
    const block = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    at += 3 + (((block >> 1) & 3) === RLE_BLOCK ? 1 : block >> 3);
    if ((block & 1) !== 0) break;
  }
  at += (descriptor & 4) !== 0 ? 4 : 0;
  if (at > data.length) throw new Error("the Zstandard frame is cut short");
  return at;
}
