/** AES, PCLMULQDQ and SHA on operands in the staging area. SDM Vol. 2; FIPS 197, FIPS 180-4. */
import { STATUS } from "../layout.ts";
import type { Core } from "./core.ts";
import { CRYPTO_OP, STAGE } from "./sse-ops.ts";

const { a: A, b: B, c: C, result: R } = STAGE;

/** Multiplication by x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
const double = (v: number): number => ((v << 1) ^ (v & 0x80 ? 0x11b : 0)) & 255;
function multiply(x: number, y: number): number {
  let r = 0;
  for (; y; y >>= 1, x = double(x)) if (y & 1) r ^= x;
  return r;
}
const SBOX = new Uint8Array(256);
const INVERSE = new Uint8Array(256);
/** The S-box: the inverse, then an affine map. Generator 3 walks all nonzero elements, its inverse walks their inverses. */
function buildBoxes(): void {
  let p = 1, q = 1;
  const rotate = (v: number, n: number): number => ((v << n) | (v >> (8 - n))) & 255;
  do {
    p = multiply(p, 3);
    q = multiply(q, 0xf6);
    SBOX[p] = q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^ rotate(q, 4) ^ 0x63;
  } while (p !== 1);
  SBOX[0] = 0x63;
  for (let i = 0; i < 256; i++) INVERSE[SBOX[i]] = i;
}
buildBoxes();

const rotl = (v: number, n: number): number => (v << n) | (v >>> (32 - n));
const rotr = (v: number, n: number): number => (v >>> n) | (v << (32 - n));
const SHA1_K = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

export class SseCrypto {
  private readonly state = new Uint8Array(16);
  private readonly x = new Int32Array(4);
  private readonly y = new Int32Array(4);
  private readonly out = new Int32Array(4);

  constructor(private readonly core: Core) {}

  run(op: number, imm: number): number {
    const { i32 } = this.core.state;
    if (op < CRYPTO_OP.pclmulqdq) this.aes(op, imm);
    else if (op === CRYPTO_OP.pclmulqdq) this.carryLess(imm);
    else {
      for (let i = 0; i < 4; i++) {
        this.x[i] = i32[(A >> 2) + i];
        this.y[i] = i32[(B >> 2) + i];
      }
      this.sha(op, imm, i32[C >> 2], i32[(C >> 2) + 1]);
      for (let i = 0; i < 4; i++) i32[(R >> 2) + i] = this.out[i];
    }
    return STATUS.next;
  }

  private aes(op: number, imm: number): void {
    const { u8 } = this.core.state;
    const s = this.state;
    if (op === CRYPTO_OP.aeskeygenassist) {
      // Words 1 and 3 of the source: substituted, and substituted, rotated and mixed with the round constant.
      for (const word of [1, 3]) {
        const sub = [0, 1, 2, 3].map((k) => SBOX[u8[B + 4 * word + k]]);
        for (let k = 0; k < 4; k++) {
          s[4 * (word - 1) + k] = sub[k];
          s[4 * word + k] = sub[(k + 1) & 3] ^ (k === 0 ? imm : 0);
        }
      }
    } else if (op === CRYPTO_OP.aesimc) {
      for (let i = 0; i < 16; i++) s[i] = u8[B + i];
      this.mix(14, 11, 13, 9);
    } else {
      const inverse = op === CRYPTO_OP.aesdec || op === CRYPTO_OP.aesdeclast;
      // Column-major: row r of column c moves from (to) column c + r.
      for (let c = 0; c < 4; c++) {
        for (let r = 0; r < 4; r++) {
          const from = A + 4 * ((c + (inverse ? 4 - r : r)) & 3) + r;
          s[4 * c + r] = inverse ? INVERSE[u8[from]] : SBOX[u8[from]];
        }
      }
      if (op === CRYPTO_OP.aesenc) this.mix(2, 3, 1, 1);
      else if (op === CRYPTO_OP.aesdec) this.mix(14, 11, 13, 9);
      for (let i = 0; i < 16; i++) s[i] ^= u8[B + i];
    }
    u8.set(s, R);
  }

  /** (Inverse) MixColumns with the first row of its circulant matrix. */
  private mix(m0: number, m1: number, m2: number, m3: number): void {
    const s = this.state;
    const row = [m0, m1, m2, m3];
    for (let c = 0; c < 16; c += 4) {
      const v = [s[c], s[c + 1], s[c + 2], s[c + 3]];
      for (let r = 0; r < 4; r++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum ^= multiply(v[k], row[(k - r) & 3]);
        s[c + r] = sum;
      }
    }
  }

  private carryLess(imm: number): void {
    const { u64 } = this.core.state;
    const x = u64[(A >> 3) + (imm & 1)];
    const y = u64[(B >> 3) + ((imm >> 4) & 1)];
    let r = 0n;
    for (let i = 0n; i < 64n; i++) if ((y >> i) & 1n) r ^= x << i;
    u64[R >> 3] = BigInt.asUintN(64, r);
    u64[(R >> 3) + 1] = r >> 64n;
  }

  private sha(op: number, imm: number, w0: number, w1: number): void {
    const { x, y, out } = this;
    switch (op) {
      case CRYPTO_OP.sha1nexte:
        out.set(y);
        out[3] = y[3] + rotl(x[3], 30);
        break;
      case CRYPTO_OP.sha1msg1:
        out[3] = x[1] ^ x[3];
        out[2] = x[0] ^ x[2];
        out[1] = y[3] ^ x[1];
        out[0] = y[2] ^ x[0];
        break;
      case CRYPTO_OP.sha1msg2:
        out[3] = rotl(x[3] ^ y[2], 1);
        out[2] = rotl(x[2] ^ y[1], 1);
        out[1] = rotl(x[1] ^ y[0], 1);
        out[0] = rotl(x[0] ^ out[3], 1);
        break;
      case CRYPTO_OP.sha1rnds4: this.sha1Rounds(imm & 3); break;
      case CRYPTO_OP.sha256rnds2: this.sha256Rounds(w0, w1); break;
      case CRYPTO_OP.sha256msg1: {
        const s0 = (v: number): number => rotr(v, 7) ^ rotr(v, 18) ^ (v >>> 3);
        for (let i = 0; i < 4; i++) out[i] = x[i] + s0(i < 3 ? x[i + 1] : y[0]);
        break;
      }
      case CRYPTO_OP.sha256msg2: {
        const s1 = (v: number): number => rotr(v, 17) ^ rotr(v, 19) ^ (v >>> 10);
        out[0] = x[0] + s1(y[2]);
        out[1] = x[1] + s1(y[3]);
        out[2] = x[2] + s1(out[0]);
        out[3] = x[3] + s1(out[1]);
        break;
      }
    }
  }

  /** Four rounds; x holds A B C D from the top, y the message words with E added to the first. */
  private sha1Rounds(function_: number): void {
    const { x, y, out } = this;
    let a = x[3], b = x[2], c = x[1], d = x[0], e = 0;
    for (let i = 0; i < 4; i++) {
      const f = function_ === 0 ? (b & c) ^ (~b & d) : function_ === 2 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d;
      const next = (f + rotl(a, 5) + y[3 - i] + e + SHA1_K[function_]) | 0;
      e = d;
      d = c;
      c = rotl(b, 30);
      b = a;
      a = next;
    }
    out.set([d, c, b, a]);
  }

  /** Two rounds; y holds A B E F, x holds C D G H from the top; w0, w1 message plus constant. */
  private sha256Rounds(w0: number, w1: number): void {
    const { x, y, out } = this;
    let a = y[3], b = y[2], c = x[3], d = x[2], e = y[1], f = y[0], g = x[1], h = x[0];
    for (const w of [w0, w1]) {
      const ch = (e & f) ^ (~e & g);
      const maj = (a & b) ^ (a & c) ^ (b & c);
      const t = (ch + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + w + h) | 0;
      h = g;
      g = f;
      f = e;
      e = (t + d) | 0;
      d = c;
      c = b;
      b = a;
      a = (t + maj + (rotr(b, 2) ^ rotr(b, 13) ^ rotr(b, 22))) | 0;
    }
    out.set([f, e, b, a]);
  }
}
