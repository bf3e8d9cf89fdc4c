/**
 * Exact binary32 and binary64 arithmetic on bit patterns, under every MXCSR: rounding modes, DAZ, FTZ and the six exceptions.
 * SDM Vol. 1 §4.8, §4.9, §11.5. Values are exact BigInt significands until the one rounding at the end.
 */

/** Exception flags as in MXCSR. */
export const IE = 1, DE = 2, ZE = 4, OE = 8, UE = 16, PE = 32;
/** Those found before the operation and those found in its result. */
export const PRE = IE | DE | ZE, POST = OE | UE | PE;
export const DAZ = 1 << 6, OM = OE << 7, UM = UE << 7, RC_SHIFT = 13, FTZ = 1 << 15;
const NEAREST = 0, DOWN = 1, UP = 2;

export interface Format {
  /** Bits of the fraction. */
  readonly fraction: number;
  readonly exponents: number;
  readonly bias: number;
  readonly signBit: bigint;
  readonly infinity: bigint;
  readonly quiet: bigint;
  readonly defaultNan: bigint;
}
function format(fraction: number, exponentBits: number): Format {
  const f = BigInt(fraction);
  const exponents = (1 << exponentBits) - 1;
  const infinity = BigInt(exponents) << f;
  const signBit = 1n << BigInt(fraction + exponentBits);
  const quiet = 1n << (f - 1n);
  return { fraction, exponents, bias: exponents >> 1, signBit, infinity, quiet, defaultNan: signBit | infinity | quiet };
}
export const SINGLE = format(23, 8);
export const DOUBLE = format(52, 11);
export const HALF = format(10, 5);

export const isNan = (f: Format, v: bigint): boolean => (v & ~f.signBit) > f.infinity;
const isSignaling = (f: Format, v: bigint): boolean => isNan(f, v) && (v & f.quiet) === 0n;
const isInfinity = (f: Format, v: bigint): boolean => (v & ~f.signBit) === f.infinity;
const isZero = (f: Format, v: bigint): boolean => (v & ~f.signBit) === 0n;
const isNegative = (f: Format, v: bigint): boolean => (v & f.signBit) !== 0n;
const isDenormal = (f: Format, v: bigint): boolean => {
  const m = v & ~f.signBit;
  return m !== 0n && m >> BigInt(f.fraction) === 0n;
};

function bitLength(v: bigint): number {
  const hex = v.toString(16);
  return 4 * hex.length - Math.clz32(parseInt(hex[0], 16)) + 28;
}

/** Integer square root by Newton's method. */
function integerRoot(v: bigint): bigint {
  let x = 1n << BigInt((bitLength(v) + 1) >> 1);
  for (;;) {
    const y = (x + v / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}

export class SoftFloat {
  /** MXCSR in force; set before a batch. */
  mxcsr = 0x1f80;
  /** Exceptions raised since `begin`. */
  flags = 0;

  begin(mxcsr: number): void {
    this.mxcsr = mxcsr;
    this.flags = 0;
  }
  private get rounding(): number {
    return (this.mxcsr >> RC_SHIFT) & 3;
  }

  /** The operand as the operation sees it under DAZ. */
  private input(f: Format, v: bigint): bigint {
    return (this.mxcsr & DAZ) !== 0 && isDenormal(f, v) ? v & f.signBit : v;
  }
  private noteDenormal(f: Format, v: bigint): void {
    if (isDenormal(f, v)) this.flags |= DE;
  }
  private invalid(f: Format): bigint {
    this.flags |= IE;
    return f.defaultNan;
  }
  /** The first operand if it is a NaN, else the second, made quiet; null if neither is one. SDM Vol. 1 table 4-7. */
  private nan(f: Format, a: bigint, b: bigint): bigint | null {
    const first = isNan(f, a);
    if (!first && !isNan(f, b)) return null;
    if (isSignaling(f, a) || isSignaling(f, b)) this.flags |= IE;
    return (first ? a : b) | f.quiet;
  }

  /** |v| = significand * 2^exponent, v finite. */
  private significand(f: Format, v: bigint): bigint {
    const frac = v & ((1n << BigInt(f.fraction)) - 1n);
    return isDenormal(f, v) || isZero(f, v) ? frac : frac | (1n << BigInt(f.fraction));
  }
  private exponent(f: Format, v: bigint): number {
    const e = Number((v >> BigInt(f.fraction)) & BigInt(f.exponents));
    return (e === 0 ? 1 : e) - f.bias - f.fraction;
  }

  /** n / 2^shift rounded, `sticky`: a bit more than n. Sets `inexact`. */
  private inexact = false;
  private shiftRound(n: bigint, shift: number, sticky: boolean, negative: boolean): bigint {
    if (shift <= 0) {
      this.inexact = sticky;
      const q = n << BigInt(-shift);
      return sticky && this.rounding === (negative ? DOWN : UP) ? q + 1n : q;
    }
    const s = BigInt(shift);
    const q = n >> s;
    const rest = n - (q << s);
    this.inexact = rest !== 0n || sticky;
    if (!this.inexact) return q;
    switch (this.rounding) {
      case NEAREST: {
        const half = 1n << (s - 1n);
        return rest > half || (rest === half && (sticky || (q & 1n) !== 0n)) ? q + 1n : q;
      }
      case DOWN: return negative ? q + 1n : q;
      case UP: return negative ? q : q + 1n;
      default: return q;
    }
  }

  /** The number (-1)^negative * (n + a bit when sticky) * 2^exponent, n > 0, as bits of `f`. */
  private pack(f: Format, negative: boolean, n: bigint, exponent: number, sticky: boolean): bigint {
    const sign = negative ? f.signBit : 0n;
    const precision = f.fraction + 1;
    const minimum = 1 - f.bias;
    // First as if the exponent were unbounded: this decides about tininess (SDM Vol. 1 §4.9.1.5: after rounding).
    let top = exponent + bitLength(n) - 1;
    let q = this.shiftRound(n, top - f.fraction - exponent, sticky, negative);
    let inexact = this.inexact;
    if (bitLength(q) > precision) {
      q >>= 1n;
      top++;
    }
    if (top < minimum) {
      if ((this.mxcsr & UM) === 0) {
        // Unmasked: reported whether exact or not.
        this.flags |= UE;
        if (inexact) this.flags |= PE;
        return sign;
      }
      if ((this.mxcsr & FTZ) !== 0) {
        this.flags |= UE | PE;
        return sign;
      }
      q = this.shiftRound(n, minimum - f.fraction - exponent, sticky, negative);
      inexact = this.inexact;
      if (inexact) this.flags |= UE | PE;
      // A carry into the normal numbers lands on the right encoding by itself.
      return sign | q;
    }
    if (top > f.bias) {
      // Unmasked, precision is judged by the result with an unbounded exponent.
      this.flags |= (this.mxcsr & OM) !== 0 || inexact ? OE | PE : OE;
      const r = this.rounding;
      const toInfinity = r === NEAREST || r === (negative ? DOWN : UP);
      return sign | (toInfinity ? f.infinity : f.infinity - 1n);
    }
    if (inexact) this.flags |= PE;
    return sign | ((BigInt(top + f.bias) << BigInt(f.fraction)) + (q - (1n << BigInt(f.fraction))));
  }

  add(f: Format, a: bigint, b: bigint, subtract = false): bigint {
    const nan = this.nan(f, a, b);
    if (nan !== null) return nan;
    a = this.input(f, a);
    b = this.input(f, b);
    if (subtract) b ^= f.signBit;
    if (isInfinity(f, a) && isInfinity(f, b) && a !== b) return this.invalid(f);
    this.noteDenormal(f, a);
    this.noteDenormal(f, b);
    if (isInfinity(f, a)) return a;
    if (isInfinity(f, b)) return b;
    const ea = this.exponent(f, a);
    const eb = this.exponent(f, b);
    const e = Math.min(ea, eb);
    let sa = this.significand(f, a) << BigInt(ea - e);
    let sb = this.significand(f, b) << BigInt(eb - e);
    if (isNegative(f, a)) sa = -sa;
    if (isNegative(f, b)) sb = -sb;
    const sum = sa + sb;
    if (sum === 0n) {
      if (isZero(f, a) && isZero(f, b) && a === b) return a;
      return this.rounding === DOWN ? f.signBit : 0n;
    }
    return this.pack(f, sum < 0n, sum < 0n ? -sum : sum, e, false);
  }

  mul(f: Format, a: bigint, b: bigint): bigint {
    const nan = this.nan(f, a, b);
    if (nan !== null) return nan;
    a = this.input(f, a);
    b = this.input(f, b);
    const sign = (a ^ b) & f.signBit;
    if ((isInfinity(f, a) && isZero(f, b)) || (isZero(f, a) && isInfinity(f, b))) return this.invalid(f);
    this.noteDenormal(f, a);
    this.noteDenormal(f, b);
    if (isInfinity(f, a) || isInfinity(f, b)) return sign | f.infinity;
    if (isZero(f, a) || isZero(f, b)) return sign;
    return this.pack(f, sign !== 0n, this.significand(f, a) * this.significand(f, b), this.exponent(f, a) + this.exponent(f, b), false);
  }

  /** a * b + c, rounded once; `product` and `addend`: with that term's sign changed (a NaN's stays). SDM Vol. 1 §14.5.3. */
  fma(f: Format, a: bigint, b: bigint, c: bigint, product: boolean, addend: boolean): bigint {
    const zeroByInfinity = (isInfinity(f, this.input(f, a)) && isZero(f, this.input(f, b))) || (isZero(f, this.input(f, a)) && isInfinity(f, this.input(f, b)));
    const nan = this.nan(f, a, b) ?? this.nan(f, c, c);
    if (nan !== null) {
      if (isSignaling(f, c)) this.flags |= IE;
      return nan;
    }
    a = this.input(f, a);
    b = this.input(f, b);
    c = this.input(f, c);
    if (addend) c ^= f.signBit;
    if (product) a ^= f.signBit;
    const sign = (a ^ b) & f.signBit;
    if (zeroByInfinity) return this.invalid(f);
    const infinite = isInfinity(f, a) || isInfinity(f, b);
    if (infinite && isInfinity(f, c) && (c & f.signBit) !== sign) return this.invalid(f);
    this.noteDenormal(f, a);
    this.noteDenormal(f, b);
    this.noteDenormal(f, c);
    if (infinite) return sign | f.infinity;
    if (isInfinity(f, c)) return c;
    const ep = this.exponent(f, a) + this.exponent(f, b);
    const ec = this.exponent(f, c);
    const e = Math.min(ep, ec);
    let p = (this.significand(f, a) * this.significand(f, b)) << BigInt(ep - e);
    let s = this.significand(f, c) << BigInt(ec - e);
    const bothZero = p === 0n && s === 0n;
    if (sign !== 0n) p = -p;
    if (isNegative(f, c)) s = -s;
    const sum = p + s;
    if (sum === 0n) {
      if (bothZero && sign === (c & f.signBit)) return sign;
      return this.rounding === DOWN ? f.signBit : 0n;
    }
    return this.pack(f, sum < 0n, sum < 0n ? -sum : sum, e, false);
  }

  /** VCVTPH2PS: DAZ does not count, and denormal halves are no exception. */
  fromHalf(a: bigint): bigint {
    const { flags, mxcsr } = this;
    this.mxcsr &= ~DAZ;
    const r = this.convert(HALF, SINGLE, a);
    this.mxcsr = mxcsr;
    this.flags = flags | (this.flags & IE);
    return r;
  }
  /** VCVTPS2PH: imm[2] MXCSR's rounding, else imm[1:0]; FTZ does not count. */
  toHalf(a: bigint, imm: number): bigint {
    const { mxcsr } = this;
    this.mxcsr &= ~FTZ;
    if ((imm & 4) === 0) this.mxcsr = (this.mxcsr & ~(3 << RC_SHIFT)) | ((imm & 3) << RC_SHIFT);
    const r = this.convert(SINGLE, HALF, a);
    this.mxcsr = mxcsr;
    return r;
  }

  div(f: Format, a: bigint, b: bigint): bigint {
    const nan = this.nan(f, a, b);
    if (nan !== null) return nan;
    a = this.input(f, a);
    b = this.input(f, b);
    const sign = (a ^ b) & f.signBit;
    if ((isInfinity(f, a) && isInfinity(f, b)) || (isZero(f, a) && isZero(f, b))) return this.invalid(f);
    if (isZero(f, b)) {
      if (!isInfinity(f, a)) this.flags |= ZE;
      return sign | f.infinity;
    }
    this.noteDenormal(f, a);
    this.noteDenormal(f, b);
    if (isInfinity(f, a)) return sign | f.infinity;
    if (isInfinity(f, b) || isZero(f, a)) return sign;
    // Enough bits for the quotient to have three more than the format whatever the operands.
    const extra = 2 * f.fraction + 4;
    const n = this.significand(f, a) << BigInt(extra);
    const d = this.significand(f, b);
    const q = n / d;
    return this.pack(f, sign !== 0n, q, this.exponent(f, a) - this.exponent(f, b) - extra, q * d !== n);
  }

  sqrt(f: Format, a: bigint): bigint {
    const nan = this.nan(f, a, a);
    if (nan !== null) return nan;
    a = this.input(f, a);
    if (isZero(f, a)) return a;
    if (isNegative(f, a)) return this.invalid(f);
    this.noteDenormal(f, a);
    if (isInfinity(f, a)) return a;
    let e = this.exponent(f, a);
    let n = this.significand(f, a) << BigInt(2 * f.fraction + 6);
    e -= 2 * f.fraction + 6;
    if (e & 1) {
      n <<= 1n;
      e--;
    }
    const root = integerRoot(n);
    return this.pack(f, false, root, e / 2, root * root !== n);
  }

  /** -1, 0, 1, or 2 for unordered. `quietSignals`: quiet NaNs are invalid too. */
  compare(f: Format, a: bigint, b: bigint, quietSignals: boolean): number {
    if (isNan(f, a) || isNan(f, b)) {
      if (quietSignals || isSignaling(f, a) || isSignaling(f, b)) this.flags |= IE;
      return 2;
    }
    a = this.input(f, a);
    b = this.input(f, b);
    this.noteDenormal(f, a);
    this.noteDenormal(f, b);
    const order = (v: bigint): bigint => (isNegative(f, v) ? -(v & ~f.signBit) : v);
    const x = order(a);
    const y = order(b);
    return x < y ? -1 : x > y ? 1 : 0;
  }

  /** MIN, MAX: the second operand unless the first is strictly less (greater). */
  extreme(f: Format, a: bigint, b: bigint, wanted: -1 | 1): bigint {
    const order = this.compare(f, a, b, true);
    return this.input(f, order === wanted ? a : b);
  }

  convert(from: Format, to: Format, a: bigint): bigint {
    const shift = BigInt(Math.abs(from.fraction - to.fraction));
    if (isNan(from, a)) {
      if (isSignaling(from, a)) this.flags |= IE;
      const payload = a & (from.quiet - 1n);
      const moved = to.fraction > from.fraction ? payload << shift : payload >> shift;
      return (isNegative(from, a) ? to.signBit : 0n) | to.infinity | to.quiet | moved;
    }
    a = this.input(from, a);
    const sign = isNegative(from, a) ? to.signBit : 0n;
    if (isInfinity(from, a)) return sign | to.infinity;
    if (isZero(from, a)) return sign;
    this.noteDenormal(from, a);
    return this.pack(to, sign !== 0n, this.significand(from, a), this.exponent(from, a), false);
  }

  fromInteger(to: Format, v: bigint): bigint {
    if (v === 0n) return 0n;
    return this.pack(to, v < 0n, v < 0n ? -v : v, 0, false);
  }

  /** The integer, or the lowest of `width` bits where it does not fit. */
  toInteger(from: Format, a: bigint, width: number, truncate: boolean): bigint {
    const lowest = -(1n << BigInt(width - 1));
    if (isNan(from, a) || isInfinity(from, a)) {
      this.flags |= IE;
      return lowest;
    }
    const v = this.integral(from, this.input(from, a), truncate ? 3 : this.rounding);
    if (v < lowest || v >= -lowest) {
      this.flags |= IE;
      return lowest;
    }
    if (this.inexact) this.flags |= PE;
    return v;
  }

  /** A finite number rounded to an integer. Sets `inexact`. */
  private integral(f: Format, a: bigint, mode: number): bigint {
    const saved = this.mxcsr;
    this.mxcsr = (saved & ~(3 << RC_SHIFT)) | (mode << RC_SHIFT);
    const negative = isNegative(f, a);
    const q = this.shiftRound(this.significand(f, a), -this.exponent(f, a), false, negative);
    this.mxcsr = saved;
    return negative ? -q : q;
  }

  /** ROUNDxx: imm[2] MXCSR's mode, else imm[1:0]; imm[3] no precision exception. */
  round(f: Format, a: bigint, imm: number): bigint {
    const nan = this.nan(f, a, a);
    if (nan !== null) return nan;
    a = this.input(f, a);
    if (isInfinity(f, a) || isZero(f, a)) return a;
    const v = this.integral(f, a, imm & 4 ? this.rounding : imm & 3);
    if (this.inexact && (imm & 8) === 0) this.flags |= PE;
    const sign = a & f.signBit;
    // At most as many bits as the format holds: exact.
    return v === 0n ? sign : this.exactInteger(f, v);
  }
  private exactInteger(f: Format, v: bigint): bigint {
    const n = v < 0n ? -v : v;
    const top = bitLength(n) - 1;
    const fraction = top <= f.fraction ? n << BigInt(f.fraction - top) : n >> BigInt(top - f.fraction);
    return (v < 0n ? f.signBit : 0n) | ((BigInt(top + f.bias) << BigInt(f.fraction)) + (fraction - (1n << BigInt(f.fraction))));
  }
}
