/** What SSE lifters and their exact helper agree on: operation numbers, kinds, and when the helper is wanted. */

/**
 * MXCSR (SDM Vol. 1 §10.2.3): 5:0 sticky flags IE DE ZE OE UE PE, 6 DAZ, 12:7 their masks, 14:13 rounding, 15 FTZ.
 * Bits 31:16 do not exist for the guest. MXCSR_EXACT is ours: set in STATE.mxcsr it sends every operation to the exact helper,
 * which keeps the sticky flags; STMXCSR and FXSAVE must store only the low 16 bits.
 */
export const MXCSR_DEFAULT = 0x1f80;
export const MXCSR_EXACT = -0x80000000;
/** The bits that decide between Wasm's own arithmetic and the helper: it is Wasm's when they equal MXCSR_DEFAULT. */
export const MXCSR_CONTROL = 0xffc0 | MXCSR_EXACT;

/** Operations of the `sseArith` helper. */
export const SSE_OP = {
  add: 0, sub: 1, mul: 2, div: 3, sqrt: 4, min: 5, max: 6,
  /** imm: predicate 0..7. Gives masks. */
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
} as const;

/** The helper's `kind`: bit 0 double (of the source; of the result for fromInt), then the number of lanes. */
export const kindOf = (double: boolean, lanes: number): number => (double ? 1 : 0) | (lanes << 1);

/** Operations of the `sseCrypto` helper, by mnemonic. */
export const CRYPTO_OP = {
  aesimc: 0, aesenc: 1, aesenclast: 2, aesdec: 3, aesdeclast: 4, aeskeygenassist: 5, pclmulqdq: 6,
  sha1nexte: 7, sha1msg1: 8, sha1msg2: 9, sha1rnds4: 10, sha256rnds2: 11, sha256msg1: 12, sha256msg2: 13,
} as const;
