/** Compression of frames: Zstandard, in WebAssembly, synchronous once loaded. The packer is large and only loaded by who writes. */
import { zstdCluster, type Decompress } from "../storage/decompress.ts";

/** Unpacks one frame into exactly so many bytes, or throws. */
export type Unpack = Decompress;
/** Packs bytes into one Zstandard frame. */
export type Packer = (bytes: Uint8Array) => Uint8Array;

/** docs/RATIONALE.md has the measurement. */
const LEVEL = 1;

let unpack: Promise<Unpack> | null = null;
let packer: Promise<Packer> | null = null;

export function loadUnpack(): Promise<Unpack> {
  return (unpack ??= zstdCluster());
}

export function loadPacker(): Promise<Packer> {
  return (packer ??= import("@bokuweb/zstd-wasm").then(async ({ compress, init }) => {
    await init();
    return (bytes) => compress(bytes, LEVEL);
  }));
}
