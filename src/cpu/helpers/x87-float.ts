/**
 * 80-bit extended arithmetic without BigInt on the common paths: significands are two unsigned 32-bit numbers, a third holds what
 * lies below them until the one rounding. SDM Vol. 1 §4.8, §4.9, §8.5.
 */

/** Exceptions as in the status word; their masks stand at the same bits of the control word. */
export const IE = 1, DE = 2, ZE = 4, OE = 8, UE = 16, PE = 32;
/** Found before the operation: unmasked, they keep it from happening. */
const PRE = IE | DE | ZE;
const NEAREST = 0, DOWN = 1, UP = 2;
const TWO32 = 4294967296;
/** Unmasked overflow and underflow deliver the result with its exponent moved by this. SDM Vol. 1 §8.5.4, §8.5.5. */
const EXPONENT_ADJUST = 0x6000;
const BIAS = 0x3fff;
const MAX_EXPONENT = 0x7fff;

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

/** Upper half of a 32 by 32 bit product. */
const mulHigh = (a: number, b: number): number => Math.floor((a * (b >>> 16) + Math.floor((a * (b & 0xffff)) / 65536)) / 65536);

export class X87Float {
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
  private exponent = 0;

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
  private special1(a: Extended): boolean {
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
    return this.special1(a) || !this.denormal(isDenormal(a));
  }

  // --- Rounding -------------------------------------------------------------------------------------------------------
  private increments(sign: number, odd: boolean, x: number): boolean {
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
  private roundTo(sign: number, e: number, hi: number, lo: number, x: number, p: number, max: number, adjust: number): void {
    let inexact = false;
    let denormal = false;
    if (e <= 0) {
      // Tininess is detected after rounding as if the exponent had no limit. SDM Vol. 1 §4.9.1.5.
      const carries = e === 0 && this.incrementsAt(p, sign, hi, lo, x) && lastBits(p, hi, lo);
      if (!carries) {
        if (!this.masked(UE)) {
          this.flags |= UE;
          e += adjust;
        } else denormal = true;
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
      if (this.masked(OE)) {
        this.flags |= PE;
        const toInfinity = this.rc === NEAREST || (this.rc === DOWN ? sign !== 0 : this.rc === UP && sign === 0);
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
      } else {
        e -= adjust;
        // Only what FSCALE can bring about is still out of range.
        if (e >= max) {
          e = max;
          hi = 0x80000000;
          lo = 0;
        }
      }
    } else if (e < 0) {
      e = 0;
      hi = lo = 0;
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

  // --- Addition, multiplication, division -------------------------------------------------------------------------------
  /** a + b, or a - b. False: an unmasked exception keeps it from happening. */
  add(a: Extended, b: Extended, negate: boolean): boolean {
    if (this.special2(a, b)) return this.proceeds;
    const sa = a.se >> 15;
    const sb = (b.se >> 15) ^ (negate ? 1 : 0);
    const ai = isInfinity(a), bi = isInfinity(b);
    if (ai && bi && sa !== sb) return this.invalid();
    if (!this.denormal(isDenormal(a) || isDenormal(b))) return false;
    if (ai || bi) {
      this.infinity(ai ? sa : sb);
      return true;
    }
    const ea = a.se & 0x7fff || 1;
    const eb = b.se & 0x7fff || 1;
    const swap = ea !== eb ? ea < eb : a.hi !== b.hi ? a.hi < b.hi : a.lo < b.lo;
    const big = swap ? b : a;
    const small = swap ? a : b;
    let e = swap ? eb : ea;
    let sign = swap ? sb : sa;
    let d = e - (swap ? ea : eb);
    let h = small.hi, l = small.lo, x = 0;
    if (d > 95) {
      x = (h | l) !== 0 ? 1 : 0;
      h = l = 0;
    } else {
      if (d >= 64) {
        x = (h | (l !== 0 ? 1 : 0)) >>> 0;
        l = h = 0;
        d -= 64;
        x = d === 0 ? x : ((x >>> d) | (x << (32 - d) ? 1 : 0)) >>> 0;
      } else {
        if (d >= 32) {
          x = l;
          l = h;
          h = 0;
          d -= 32;
        }
        if (d > 0) {
          x = ((x >>> d) | (l << (32 - d)) | (x << (32 - d) ? 1 : 0)) >>> 0;
          l = ((l >>> d) | (h << (32 - d))) >>> 0;
          h = h >>> d;
        }
      }
    }
    if (sa === sb) {
      l += big.lo;
      h += big.hi;
      if (l >= TWO32) {
        l -= TWO32;
        h++;
      }
      if (h >= TWO32) {
        x = ((x >>> 1) | (x & 1) | (l << 31)) >>> 0;
        l = ((l >>> 1) | (h << 31)) >>> 0;
        h = Math.floor(h / 2);
        e++;
      }
    } else {
      // big - small: the part below is borrowed.
      l = big.lo - l;
      h = big.hi - h;
      if (x !== 0) {
        x = TWO32 - x;
        l--;
      }
      if (l < 0) {
        l += TWO32;
        h--;
      }
      if ((h | l | x) === 0) sign = this.rc === DOWN ? 1 : 0;
    }
    if ((h | l | x) === 0) {
      this.zero(sign);
      return true;
    }
    if (h < 0x80000000) {
      while (h === 0) {
        h = l;
        l = x;
        x = 0;
        e -= 32;
      }
      const s = Math.clz32(h);
      if (s > 0) {
        h = ((h << s) | (l >>> (32 - s))) >>> 0;
        l = ((l << s) | (x >>> (32 - s))) >>> 0;
        x = (x << s) >>> 0;
        e -= s;
      }
    }
    this.round(sign, e, h, l, x);
    return true;
  }

  mul(a: Extended, b: Extended): boolean {
    if (this.special2(a, b)) return this.proceeds;
    const sign = (a.se ^ b.se) >> 15;
    const ai = isInfinity(a), bi = isInfinity(b);
    const az = isZero(a), bz = isZero(b);
    if ((ai && bz) || (bi && az)) return this.invalid();
    if (!this.denormal(isDenormal(a) || isDenormal(b))) return false;
    if (ai || bi) {
      this.infinity(sign);
      return true;
    }
    if (az || bz) {
      this.zero(sign);
      return true;
    }
    let e = (a.se & 0x7fff || 1) + (b.se & 0x7fff || 1) - (BIAS - 1);
    let { hi: ah, lo: al } = a;
    let { hi: bh, lo: bl } = b;
    if (ah < 0x80000000) {
      const n = normalized(a);
      ah = Number(n.m >> 32n);
      al = Number(n.m & 0xffffffffn);
      e += n.e - 1;
    }
    if (bh < 0x80000000) {
      const n = normalized(b);
      bh = Number(n.m >> 32n);
      bl = Number(n.m & 0xffffffffn);
      e += n.e - 1;
    }
    let p0 = Math.imul(al, bl) >>> 0;
    let p1 = mulHigh(al, bl) + (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bh) >>> 0);
    let p2 = mulHigh(ah, bl) + mulHigh(al, bh) + (Math.imul(ah, bh) >>> 0);
    if (p1 >= TWO32) {
      const carry = Math.floor(p1 / TWO32);
      p1 -= carry * TWO32;
      p2 += carry;
    }
    let p3 = mulHigh(ah, bh);
    if (p2 >= TWO32) {
      const carry = Math.floor(p2 / TWO32);
      p2 -= carry * TWO32;
      p3 += carry;
    }
    if (p3 < 0x80000000) {
      p3 = ((p3 << 1) | (p2 >>> 31)) >>> 0;
      p2 = ((p2 << 1) | (p1 >>> 31)) >>> 0;
      p1 = ((p1 << 1) | (p0 >>> 31)) >>> 0;
      p0 = (p0 << 1) >>> 0;
      e--;
    }
    this.round(sign, e, p3, p2, p0 === 0 ? p1 : (p1 | 1) >>> 0);
    return true;
  }

  div(a: Extended, b: Extended): boolean {
    if (this.special2(a, b)) return this.proceeds;
    const sign = (a.se ^ b.se) >> 15;
    const ai = isInfinity(a), bi = isInfinity(b);
    const az = isZero(a), bz = isZero(b);
    if ((ai && bi) || (az && bz)) return this.invalid();
    if (bz && !ai) {
      this.flags |= ZE;
      this.infinity(sign);
      return this.masked(ZE);
    }
    if (!this.denormal(isDenormal(a) || isDenormal(b))) return false;
    if (ai) {
      this.infinity(sign);
      return true;
    }
    if (az || bi) {
      this.zero(sign);
      return true;
    }
    const x = normalized(a), y = normalized(b);
    const n = x.m << 66n;
    const q = n / y.m;
    this.roundBig(sign, q, x.e - y.e - 66, q * y.m !== n);
    return true;
  }

  sqrt(a: Extended): boolean {
    if (this.special1(a)) return this.proceeds;
    if (isZero(a)) {
      this.copy(a);
      return this.denormal(false);
    }
    if (a.se >> 15) return this.invalid();
    if (!this.denormal(isDenormal(a))) return false;
    if (isInfinity(a)) {
      this.copy(a);
      return true;
    }
    const x = normalized(a);
    // Value m * 2^(e - BIAS - 63): make the exponent even.
    let scale = x.e - BIAS - 63;
    let m = x.m << 70n;
    scale -= 70;
    if (scale & 1) {
      m <<= 1n;
      scale--;
    }
    const s = squareRoot(m);
    this.roundBig(0, s, scale / 2, s * s !== m);
    return true;
  }

  // --- Comparison -------------------------------------------------------------------------------------------------------
  /** Into `order`. `quiet`: QNaNs are no exception. False: an unmasked exception. */
  compare(a: Extended, b: Extended, quiet: boolean): boolean {
    this.order = 2;
    if (isUnsupported(a) || isUnsupported(b) || isSignaling(a) || isSignaling(b) || (!quiet && (isNan(a) || isNan(b)))) {
      this.flags |= IE;
      return this.masked(IE);
    }
    if (isNan(a) || isNan(b)) return true;
    if (!this.denormal(isDenormal(a) || isDenormal(b))) return false;
    const sa = a.se >> 15, sb = b.se >> 15;
    if (isZero(a) && isZero(b)) this.order = 0;
    else if (sa !== sb) this.order = sa ? -1 : 1;
    else {
      const d = ((a.se & 0x7fff) || 1) - ((b.se & 0x7fff) || 1) || a.hi - b.hi || a.lo - b.lo;
      this.order = d === 0 ? 0 : d < 0 !== (sa !== 0) ? -1 : 1;
    }
    return true;
  }

  // --- Integers ---------------------------------------------------------------------------------------------------------
  /** Rounds to an integer magnitude of at most 64 bits under rounding control into r.hi, r.lo; false when it has more. */
  integer(v: Extended, truncate: boolean): boolean {
    const e = (v.se & 0x7fff) - BIAS;
    if (e > 63) return false;
    let hi = v.hi, lo = v.lo, x = 0;
    const n = 63 - e;
    if (n >= 96) {
      x = (hi | lo) !== 0 ? 1 : 0;
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
    if (x !== 0) {
      this.flags |= PE;
      if (!truncate && this.increments(v.se >> 15, (lo & 1) !== 0, x)) {
        this.up = true;
        if (++lo >= TWO32) {
          lo = 0;
          if (++hi >= TWO32) return false;
        }
      }
    }
    this.r.hi = hi;
    this.r.lo = lo;
    return true;
  }
  /** A signed 64-bit integer, exactly. */
  fromInteger(lo: number, hi: number): void {
    const sign = hi < 0 ? 1 : 0;
    let l = lo >>> 0, h = hi >>> 0;
    if (sign) {
      l = (~lo + 1) >>> 0;
      h = (~hi + (l === 0 ? 1 : 0)) >>> 0;
    }
    if (h === 0 && l === 0) {
      this.zero(0);
      return;
    }
    let e = BIAS + 63;
    if (h === 0) {
      h = l;
      l = 0;
      e -= 32;
    }
    const s = Math.clz32(h);
    if (s > 0) {
      h = ((h << s) | (l >>> (32 - s))) >>> 0;
      l = (l << s) >>> 0;
    }
    this.set((sign << 15) | (e - s), h, l);
  }

  // --- Other formats ----------------------------------------------------------------------------------------------------
  /** Widens bits of a float (fraction bits and exponent range by `double`); a denormal sets memoryDenormal. */
  fromFloat(lo: number, hi: number, double: boolean): void {
    const top = double ? hi : lo;
    const sign = top >>> 31;
    const max = double ? 0x7ff : 0xff;
    const e = double ? (hi >>> 20) & max : (lo >>> 23) & max;
    let h = double ? ((hi << 11) | (lo >>> 21)) & 0x7fffffff : (lo << 8) & 0x7fffffff;
    let l = double ? (lo << 11) >>> 0 : 0;
    if (e === max) {
      this.set((sign << 15) | MAX_EXPONENT, (h | 0x80000000) >>> 0, l);
      return;
    }
    const bias = BIAS - (double ? 0x3ff : 0x7f);
    if (e !== 0) {
      this.set((sign << 15) | (e + bias), (h | 0x80000000) >>> 0, l);
      return;
    }
    if ((h | l) === 0) {
      this.zero(sign);
      return;
    }
    this.memoryDenormal = true;
    let exponent = bias + 1;
    while (h === 0) {
      h = l;
      l = 0;
      exponent -= 32;
    }
    const s = Math.clz32(h);
    if (s > 0) {
      h = ((h << s) | (l >>> (32 - s))) >>> 0;
      l = (l << s) >>> 0;
    }
    this.set((sign << 15) | (exponent - s), h, l);
  }

  /** Narrows: bits into r.lo, r.hi. */
  toFloat(v: Extended, double: boolean): void {
    const sign = v.se >> 15;
    const max = double ? 0x7ff : 0xff;
    let e = 0;
    if (this.special1(v)) e = max;
    else if (isInfinity(v)) {
      this.copy(v);
      e = max;
    } else if (isZero(v)) this.set(v.se, 0, 0);
    else {
      const bias = BIAS - (double ? 0x3ff : 0x7f);
      let { hi, lo } = v;
      let from = v.se & 0x7fff || 1;
      if (hi < 0x80000000) {
        const n = normalized(v);
        hi = Number(n.m >> 32n);
        lo = Number(n.m & 0xffffffffn);
        from = n.e;
      }
      this.roundTo(sign, from - bias, hi, lo, 0, double ? 53 : 24, max, 0);
      this.r.se = v.se;
      e = this.exponent;
    }
    const { r } = this;
    const h = r.hi & 0x7fffffff;
    const s = (r.se >> 15) << 31;
    if (double) this.set(0, (s | (e << 20) | (h >>> 11)) >>> 0, ((h << 21) | (r.lo >>> 11)) >>> 0);
    else this.set(0, 0, (s | (e << 23) | (h >>> 8)) >>> 0);
  }
}

/** Whether all `p` leading bits are ones. */
const lastBits = (p: number, hi: number, lo: number): boolean =>
  p === 24 ? hi >= 0xffffff00 : hi === 0xffffffff && lo >= (p === 53 ? 0xfffff800 : 0xffffffff);

/** Floor of the square root. */
export function squareRoot(n: bigint): bigint {
  const bits = BigInt(n.toString(16).length * 4);
  let x = 1n << ((bits + 1n) / 2n);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
}
