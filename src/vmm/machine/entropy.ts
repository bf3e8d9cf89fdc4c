/**
 * The machine's source of random bytes: ChaCha20's key stream (RFC 8439 §2.3, nonce 0) under a key that is an input of the machine.
 * Key and position are all its state, so that a restored machine draws what it would have drawn.
 */
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";

export const KEY_BYTES = 32;
const BLOCK_BYTES = 64;
/** "expand 32-byte k", little-endian. */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
/** Columns, then diagonals (RFC 8439 §2.3). */
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14],
];
const DOUBLE_ROUNDS = 10;

/** One block of key stream. `input` is the sixteen words of the state. */
export function chachaBlock(input: Uint32Array, output: Uint8Array): void {
  const x = input.slice();
  const turn = (d: number, a: number, bits: number): void => {
    const v = x[d] ^ x[a];
    x[d] = (v << bits) | (v >>> (32 - bits));
  };
  for (let round = 0; round < DOUBLE_ROUNDS; round++) {
    for (const [a, b, c, d] of QUARTERS) {
      x[a] += x[b];
      turn(d, a, 16);
      x[c] += x[d];
      turn(b, c, 12);
      x[a] += x[b];
      turn(d, a, 8);
      x[c] += x[d];
      turn(b, c, 7);
    }
  }
  const view = new DataView(output.buffer, output.byteOffset, BLOCK_BYTES);
  for (let i = 0; i < 16; i++) view.setUint32(i * 4, x[i] + input[i], true);
}

export class Entropy implements Persistent {
  readonly sectionName = "entropy";
  readonly sectionVersion = 1;
  private readonly words = new Uint32Array(16);
  private readonly block = new Uint8Array(BLOCK_BYTES);
  private position = 0;
  /** Number of the block in `block`; -1: none. */
  private held = -1;

  constructor(key: Uint8Array) {
    this.words.set(CONSTANTS);
    this.reseed(key);
  }

  /** Begins anew: what comes has nothing to do with what came before. `key` has KEY_BYTES bytes. */
  reseed(key: Uint8Array): void {
    const view = new DataView(key.buffer, key.byteOffset, KEY_BYTES);
    for (let i = 0; i < 8; i++) this.words[4 + i] = view.getUint32(i * 4, true);
    this.position = 0;
    this.held = -1;
  }

  fill(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = this.position % BLOCK_BYTES;
      const number = (this.position - at) / BLOCK_BYTES;
      if (number !== this.held) this.make(number);
      const part = this.block.subarray(at, Math.min(BLOCK_BYTES, at + bytes.length - done));
      bytes.set(part, done);
      done += part.length;
      this.position += part.length;
    }
  }

  private make(number: number): void {
    this.words[12] = number;
    // The nonce is 0 otherwise: the counter may go on into it.
    this.words[13] = Math.floor(number / 2 ** 32);
    chachaBlock(this.words, this.block);
    this.held = number;
  }

  save(): StateFields {
    return { key: new Uint8Array(this.words.slice(4, 12).buffer), position: this.position };
  }
  restore(r: StateReader): void {
    this.reseed(r.bytes("key", KEY_BYTES));
    this.position = r.int("position", 0);
  }
}
