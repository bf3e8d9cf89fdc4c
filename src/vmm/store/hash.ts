/** The hash that names objects: BLAKE2b with 16 bytes of output (RFC 7693 §2.1), in WebAssembly, synchronous once loaded. */
import { createBLAKE2b } from "hash-wasm";

/** The name of an object: 32 hexadecimal digits. docs/RATIONALE.md says why this hash. */
export type ObjectHash = (bytes: Uint8Array) => string;

const BITS = 128;
let loading: Promise<ObjectHash> | null = null;

/** Compiles the hash; one for the thread. */
export function loadHash(): Promise<ObjectHash> {
  return (loading ??= createBLAKE2b(BITS).then((hasher) => (bytes) => hasher.init().update(bytes).digest("hex")));
}
