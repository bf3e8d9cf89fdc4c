/**
 * 80-bit values, their classes, NaN rules and the one rounding at the end of every operation: significands are two unsigned
 * 32-bit numbers, a third holds what lies below them. SDM Vol. 1 §4.8, §4.9, §8.5.
 */

/** Exceptions as in the status word; their masks stand at the same bits of the control word. */
export const IE = 1, DE = 2, ZE = 4, OE = 8, UE = 16, PE = 32;
/** Found before the operation: unmasked, they keep it from happening. */
const PRE = IE | DE | ZE;
export const NEAREST = 0, DOWN = 1, UP = 2;
export const TWO32 = 4294967296;
/** Unmasked overflow and underflow deliver the result with its exponent moved by this. SDM Vol. 1 §8.5.4, §8.5.5. */
const EXPONENT_ADJUST = 0x6000;
export const BIAS = 0x3fff;
export const MAX_EXPONENT = 0x7fff;

/** An 80-bit value: sign and exponent, and the significand's halves, unsigned. */
export interface Extended {
  se: number;
  hi: number;
  lo: number;
}

export const isUnsupported = (v: Extended): boolean => (v.se & 0x7fff) !== 0 && v.hi < 0x80000000;
export const isNan = (v: Extended): boolean => (v.se & 0x7fff) === MAX_EXPONENT && v.hi >= 0x80000000 && (v.hi !== 0x80000000 || v.lo !== 0);
export const isSignaling = (v: Extended): boolean => isNan(v) && (v.hi & 0x40000000) === 0;
export const isInfinity = (v: Extended): boolean => (v.se & 0x7fff) === MAX_EXPONENT && v.hi === 0x80000000 && v.lo === 0;
export const isZero = (v: Extended): boolean => (v.se & 0x7fff) === 0 && v.hi === 0 && v.lo === 0;
/** Pseudo-denormals count. */
export const isDenormal = (v: Extended): boolean => (v.se & 0x7fff) === 0 && (v.hi !== 0 || v.lo !== 0);
export const significand = (v: Extended): bigint => (BigInt(v.hi) << 32n) | BigInt(v.lo);
/** A number that is not zero as integer significand with bit 63 set, and the exponent (biased, may be below 1). */
export function normalized(v: Extended): { m: bigint; e: number } {
  let e = v.se & 0x7fff;
  let m = significand(v);
  if (e === 0) e = 1;
  while (m >> 63n === 0n) {
    m <<= 1n;
    e--;
  }
  return { m, e };
}

export class X87Rounding {
  /** Exceptions of the operation in progress. */
  flags = 0;
  /** The last rounding added to the magnitude (C1). */
  up = false;
  /** The memory operand was denormal in its own format (DE where the operation comes to it). */
  memoryDenormal = false;
  /** The result. */
  readonly r: Extended = { se: 0, hi: 0, lo: 0 };
  rc = NEAREST;
  private pc = 64;
  private masks = 0x3f;
  /** What `compare` found: -1, 0, 1, 2 for unordered. */
  order = 0;
  /** Of `round`. */
  protected exponent = 0;

  begin(cw: number): void {
    this.flags = 0;
    this.up = false;
    this.memoryDenormal = false;
    this.masks = cw & 0x3f;
    this.rc = (cw >> 10) & 3;
    const pc = (cw >> 8) & 3;
    this.pc = pc === 0 ? 24 : pc === 2 ? 53 : 64;
  }
  /** Operations that precision control does not touch. SDM Vol. 1 §8.1.5.2. */
  fullPrecision(): void {
    this.pc = 64;
  }
  masked(exceptions: number): boolean {
    return (exceptions & ~this.masks) === 0;
  }
  /** Whether the result may be delivered after what was found before the operation. */
  get proceeds(): boolean {
    return (this.flags & PRE & ~this.masks) === 0;
  }

  set(se: number, hi: number, lo: number): void {
    const { r } = this;
    r.se = se;
    r.hi = hi;
    r.lo = lo;
  }
  copy(v: Extended): void {
    this.set(v.se, v.hi, v.lo);
  }
  zero(sign: number): void {
    this.set(sign << 15, 0, 0);
  }
  infinity(sign: number): void {
    this.set((sign << 15) | MAX_EXPONENT, 0x80000000, 0);
  }
  /** The indefinite QNaN. */
  indefinite(): void {
    this.set(0xffff, 0xc0000000, 0);
  }
  /** #IA with the default result. */
  invalid(): boolean {
    this.flags |= IE;
    this.indefinite();
    return this.masked(IE);
  }

  // --- NaNs -----------------------------------------------------------------------------------------------------------
  /** Whether an operand decides the result: an unsupported format or a NaN. SDM Vol. 1 table 4-7. */
  quieted(a: Extended): boolean {
    if (isUnsupported(a)) {
      this.invalid();
      return true;
    }
    if (!isNan(a)) return false;
    if (isSignaling(a)) this.flags |= IE;
    this.set(a.se, (a.hi | 0x40000000) >>> 0, a.lo);
    return true;
  }
  special2(a: Extended, b: Extended): boolean {
    if (isUnsupported(a) || isUnsupported(b)) {
      this.invalid();
      return true;
    }
    const an = isNan(a), bn = isNan(b);
    if (!an && !bn) return false;
    const as = isSignaling(a), bs = isSignaling(b);
    if (as || bs) this.flags |= IE;
    let first = an;
    if (an && bn) {
      // A QNaN before an SNaN, then the larger significand, then the positive one.
      if (as !== bs) first = bs;
      else first = a.hi !== b.hi ? a.hi > b.hi : a.lo !== b.lo ? a.lo > b.lo : a.se < b.se;
    }
    const n = first ? a : b;
    this.set(n.se, (n.hi | 0x40000000) >>> 0, n.lo);
    return true;
  }
  /** DE for a denormal operand; false when it is unmasked. */
  denormal(a: boolean): boolean {
    if (a || this.memoryDenormal) this.flags |= DE;
    return this.proceeds;
  }
  /** A NaN, unsupported or denormal operand of a one-operand function: true when the result (or none) is settled. */
  settled(a: Extended): boolean {
    return this.quieted(a) || !this.denormal(isDenormal(a));
  }

  // --- Rounding -------------------------------------------------------------------------------------------------------
  protected increments(sign: number, odd: boolean, x: number): boolean {
    if (x === 0) return false;
    switch (this.rc) {
      case NEAREST: return x > 0x80000000 || (x === 0x80000000 && odd);
      case DOWN: return sign !== 0;
      case UP: return sign === 0;
      default: return false;
    }
  }
  private incrementsAt(p: number, sign: number, hi: number, lo: number, x: number): boolean {
    if (p === 64) return this.increments(sign, (lo & 1) !== 0, x);
    if (p === 53) return this.increments(sign, (lo & 0x800) !== 0, (((lo & 0x7ff) << 21) | (x !== 0 ? 1 : 0)) >>> 0);
    return this.increments(sign, (hi & 0x100) !== 0, (((hi & 0xff) << 24) | (lo >>> 8) | ((lo & 0xff) | x ? 1 : 0)) >>> 0);
  }

  /**
   * Rounds (hi, lo, x) to `p` significant bits, bit 31 of hi being the first, in a format with exponents 1..max-1: into r.hi, r.lo
   * and `exponent` (0 for a denormal result, `max` for infinity). The lowest bit of x is sticky. `adjust`: what unmasked overflow
   * and underflow move the exponent by.
   */
  protected roundTo(sign: number, e: number, hi: number, lo: number, x: number, p: number, max: number, adjust: number): void {
    let inexact: boolean;
    let denormal = false;
    if (e <= 0) {
      // Tininess is detected after rounding as if the exponent had no limit. SDM Vol. 1 §4.9.1.5.
      const carries = e === 0 && this.incrementsAt(p, sign, hi, lo, x) && lastBits(p, hi, lo);
      if (!carries) {
        if (this.masked(UE)) denormal = true;
        else {
          this.flags |= UE;
          e += adjust;
          if (e <= 0) {
            // Still too small (FSCALE), or not to be delivered (stores).
            this.flags |= PE;
            this.exponent = this.r.hi = this.r.lo = 0;
            return;
          }
        }
      }
      if (denormal || carries) {
        const n = 1 - e;
        if (n > 95) {
          x = 1;
          hi = lo = 0;
        } else {
          for (let left = n; left > 0; ) {
            const s = Math.min(left, 31);
            x = ((x >>> s) | (lo << (32 - s)) | (x << (32 - s) ? 1 : 0)) >>> 0;
            lo = ((lo >>> s) | (hi << (32 - s))) >>> 0;
            hi = hi >>> s;
            left -= s;
          }
        }
        e = 0;
      }
    }
    const inc = this.incrementsAt(p, sign, hi, lo, x);
    if (p === 64) inexact = x !== 0;
    else if (p === 53) {
      inexact = x !== 0 || (lo & 0x7ff) !== 0;
      lo = (lo & ~0x7ff) >>> 0;
    } else {
      inexact = x !== 0 || lo !== 0 || (hi & 0xff) !== 0;
      lo = 0;
      hi = (hi & ~0xff) >>> 0;
    }
    if (inc) {
      if (p === 24) hi += 0x100;
      else {
        lo += p === 53 ? 0x800 : 1;
        if (lo >= TWO32) {
          lo = 0;
          hi++;
        }
      }
      if (hi >= TWO32) {
        hi = 0x80000000;
        e++;
      }
    }
    if (e === 0 && hi >= 0x80000000) e = 1;
    if (inexact) {
      this.flags |= PE | (denormal ? UE : 0);
      this.up = inc;
    }
    if (e >= max) {
      this.flags |= OE;
      const beyond = !this.masked(OE) && e - adjust >= max;
      if (this.masked(OE) || beyond) {
        this.flags |= PE;
        const toInfinity = beyond || this.rc === NEAREST || (this.rc === DOWN ? sign !== 0 : this.rc === UP && sign === 0);
        this.up = toInfinity;
        if (toInfinity) {
          e = max;
          hi = 0x80000000;
          lo = 0;
        } else {
          e = max - 1;
          hi = p === 24 ? 0xffffff00 : 0xffffffff;
          lo = p === 24 ? 0 : p === 53 ? 0xfffff800 : 0xffffffff;
        }
      } else e -= adjust;
    }
    this.exponent = e;
    this.r.hi = hi;
    this.r.lo = lo;
  }

  /** Rounds a normalized (hi, lo, x) times 2^(e - BIAS - 63...) to the result under precision and rounding control. */
  round(sign: number, e: number, hi: number, lo: number, x: number): void {
    this.roundTo(sign, e, hi, lo, x, this.pc, MAX_EXPONENT, EXPONENT_ADJUST);
    this.r.se = (sign << 15) | this.exponent;
  }
  /** The same for a positive integer of any length, of value m * 2^scale; `sticky`: there is more below. */
  roundBig(sign: number, m: bigint, scale: number, sticky = false): void {
    const length = m.toString(16).length * 4;
    const shift = length - 96;
    let top = shift >= 0 ? m >> BigInt(shift) : m << BigInt(-shift);
    if (shift > 0 && (top << BigInt(shift)) !== m) sticky = true;
    let e = scale + shift + 95 + BIAS;
    while (top >> 95n === 0n) {
      top <<= 1n;
      e--;
    }
    const x = Number(top & 0xffffffffn);
    this.round(sign, e, Number(top >> 64n), Number((top >> 32n) & 0xffffffffn), sticky ? (x | 1) >>> 0 : x);
  }
}

/** Whether all `p` leading bits are ones. */
const lastBits = (p: number, hi: number, lo: number): boolean =>
  p === 24 ? hi >= 0xffffff00 : hi === 0xffffffff && lo >= (p === 53 ? 0xfffff800 : 0xffffffff);
