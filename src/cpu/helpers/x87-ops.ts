/** What x87 lifters and their helpers agree on: operation numbers and memory formats. */

/**
 * Arithmetic by the three bits that the opcodes hold. `com` and `comp` compare; `r` forms take the operands in the other order:
 * sub is destination - source.
 */
export const ARITH = { add: 0, mul: 1, com: 2, comp: 3, sub: 4, subr: 5, div: 6, divr: 7 } as const;

/** Operations of the `x87Register` helper: (operation, i of ST(i)). ARITH alone: ST0 is the destination. */
export const REG_OP = {
  /** Added to an ARITH number: ST(i) is the destination; and ST0 is popped. */
  toSti: 8, toStiPop: 16,
  fld: 24, fxch: 25, fst: 26, fstp: 27, fucom: 28, fucomp: 29, fcompp: 30, fucompp: 31,
  /** Condition true, false. */
  fcmov: 32, fcmovNot: 33,
  ffree: 34, ffreep: 35, fchs: 36, fabs: 37, ftst: 38, fxam: 39,
  fld1: 40, fldl2t: 41, fldl2e: 42, fldpi: 43, fldlg2: 44, fldln2: 45, fldz: 46,
  f2xm1: 47, fyl2x: 48, fptan: 49, fpatan: 50, fxtract: 51, fprem1: 52, fdecstp: 53, fincstp: 54, fprem: 55, fyl2xp1: 56,
  fsqrt: 57, fsincos: 58, frndint: 59, fscale: 60, fsin: 61, fcos: 62,
  /** ret0: ZF | PF << 1 | CF << 2. */
  fcomi: 63, fucomi: 64, fcomip: 65, fucomip: 66,
  /** D9 D8+i: FSTP without a stack fault. */
  fstpNoCheck: 67,
  fnop: 68,
} as const;

/** Memory formats. */
export const FORMAT = { single: 0, double: 1, int16: 2, int32: 3, int64: 4, extended: 5, bcd: 6 } as const;

/** Operations of the `x87Memory` helper besides ARITH: (operation, format), operand in STATE.ret. */
export const MEM_LOAD = 8;

/** Flags of the `x87Prepare` helper: (format, flags). */
export const STORE_POP = 1, STORE_TRUNCATE = 2;

/** Operations of the `x87Environment` helper. */
export const ENV_OP = { fnstenv: 0, fldenv: 1, fnsave: 2, frstor: 3 } as const;

/** Bytes of the environment by operand size, and of the eight registers behind it. */
export const environmentSize = (opSize: number): number => (opSize === 16 ? 14 : 28);
export const REGISTERS_SIZE = 80;

/** Status word: exceptions 5:0, SF, ES, C0, C1, C2, TOP (kept apart: STATE.fpuTop), C3, B. SDM Vol. 1 §8.1.3. */
export const SW = { SF: 0x40, ES: 0x80, C0: 0x100, C1: 0x200, C2: 0x400, C3: 0x4000, B: 0x8000, CONDITIONS: 0x4700 } as const;
/** Control word bits that can be written; bit 6 reads as one. */
export const CW_WRITABLE = 0x1f3f, CW_FIXED = 0x40, CW_INIT = 0x37f;
