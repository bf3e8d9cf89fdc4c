/** What SSE lifters and their exact helper agree on: operation numbers, kinds, and when the helper is wanted. */

import { STATE } from "../layout.ts";

/**
 * MXCSR (SDM Vol. 1 §10.2.3): 5:0 sticky flags IE DE ZE OE UE PE, 6 DAZ, 12:7 their masks, 14:13 rounding, 15 FTZ.
 * Bits 31:16 do not exist for the guest. MXCSR_EXACT is ours: set in STATE.mxcsr it sends every operation to the exact helper,
 * which keeps the sticky flags; STMXCSR and FXSAVE must store only the low 16 bits.
 */
export const MXCSR_DEFAULT = 0x1f80;
export const MXCSR_EXACT = -0x80000000;
/** The bits that decide between Wasm's own arithmetic and the helper: it is Wasm's when they equal MXCSR_DEFAULT. */
export const MXCSR_CONTROL = 0xffc0 | MXCSR_EXACT;

/** Where helpers find up to three vector operands and leave the result; 32 bytes each, of which SSE uses 16. */
export const STAGE = { a: STATE.stage, b: STATE.stage + 32, c: STATE.stage + 64, result: STATE.stage + 96 } as const;

/** What CMPxx's predicates 0..15 accept: bit 0 less, 1 equal, 2 greater, 3 unordered; 16..31 are the same. SDM Vol. 2 table 3-1. */
export const PREDICATES = [2, 1, 3, 8, 13, 14, 12, 7, 10, 9, 11, 0, 5, 6, 4, 15] as const;
/** Those of the 32 for which a quiet NaN is invalid. */
export const SIGNALING_PREDICATES = 0x99996666 | 0;

/** Operations of the `sseArith` helper. */
export const SSE_OP = {
  add: 0, sub: 1, mul: 2, div: 3, sqrt: 4, min: 5, max: 6,
  /** imm: predicate 0..31. Gives masks. */
  cmp: 7,
  /** ret0: ZF | PF << 1 | CF << 2. */
  comi: 8, ucomi: 9,
  /** imm: as ROUNDxx. */
  round: 10,
  addsub: 11, hadd: 12, hsub: 13,
  /** imm: as DPPx. */
  dp: 14,
  /** To the other float format. */
  convert: 15,
  /** To signed integers; imm 1: truncating. Results: i32 lanes; for toInt64 ret0, too for one lane of toInt32. */
  toInt32: 16, toInt64: 17,
  /** From signed integers in the first operand. */
  fromInt32: 18, fromInt64: 19,
  /** a * b + c. imm: FMA_NEGATE. */
  fma: 20,
  /** Half precision: four (eight) of the source's low words to singles; singles to words, imm as VCVTPS2PH. */
  fromHalf: 21, toHalf: 22,
} as const;

/** What changes sign before the sum: the product; the addend in even and in odd lanes. */
export const FMA_NEGATE = { product: 1, even: 2, odd: 4 } as const;

/** The helper's `kind`: bit 0 double (of the source; of the result for fromInt), then the number of lanes. */
export const kindOf = (double: boolean, lanes: number): number => (double ? 1 : 0) | (lanes << 1);

/** Operations of the `sseCrypto` helper, by mnemonic. */
export const CRYPTO_OP = {
  aesimc: 0, aesenc: 1, aesenclast: 2, aesdec: 3, aesdeclast: 4, aeskeygenassist: 5, pclmulqdq: 6,
  sha1nexte: 7, sha1msg1: 8, sha1msg2: 9, sha1rnds4: 10, sha256rnds2: 11, sha256msg1: 12, sha256msg2: 13,
} as const;
