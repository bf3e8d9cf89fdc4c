/** 80-bit extended arithmetic, comparison and conversions, without BigInt but for the square root. SDM Vol. 1 §8.3. */
import { BIAS, DOWN, IE, MAX_EXPONENT, PE, TWO32, ZE, type Extended, isDenormal, isInfinity, isNan, isSignaling, isUnsupported, isZero, normalized, X87Rounding } from "./x87-round.ts";

/** Upper half of a 32 by 32 bit product. */
const mulHigh = (a: number, b: number): number => Math.floor((a * (b >>> 16) + Math.floor((a * (b & 0xffff)) / 65536)) / 65536);

export class X87Float extends X87Rounding {
  /** Of a quotient. */
  private readonly digits = [0, 0, 0, 0, 0];

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
    let e = (a.se & 0x7fff || 1) - (b.se & 0x7fff || 1) + BIAS;
    let { hi: nh, lo: nl } = a;
    let { hi: dh, lo: dl } = b;
    if (nh < 0x80000000) {
      const n = normalized(a);
      nh = Number(n.m >> 32n);
      nl = Number(n.m & 0xffffffffn);
      e += n.e - 1;
    }
    if (dh < 0x80000000) {
      const n = normalized(b);
      dh = Number(n.m >> 32n);
      dl = Number(n.m & 0xffffffffn);
      e -= n.e - 1;
    }
    // The bit before the point, then five digits of 16 bits; every product below is exact in a double.
    const one = nh > dh || (nh === dh && nl >= dl);
    if (one) {
      nl -= dl;
      nh -= dh;
      if (nl < 0) {
        nl += TWO32;
        nh--;
      }
    }
    const { digits } = this;
    for (let k = 0; k < 5; k++) {
      const top = nh * 65536 + (nl >>> 16);
      let q = Math.min(Math.floor(top / dh), 0xffff);
      const low = q * dl;
      const lowHigh = Math.floor(low / TWO32);
      nl = ((nl << 16) >>> 0) - (low - lowHigh * TWO32);
      nh = top - q * dh - lowHigh;
      if (nl < 0) {
        nl += TWO32;
        nh--;
      }
      while (nh < 0) {
        q--;
        nl += dl;
        nh += dh;
        if (nl >= TWO32) {
          nl -= TWO32;
          nh++;
        }
      }
      digits[k] = q;
    }
    let h = ((digits[0] << 16) | digits[1]) >>> 0;
    let l = ((digits[2] << 16) | digits[3]) >>> 0;
    let x = ((digits[4] << 16) | ((nh | nl) !== 0 ? 1 : 0)) >>> 0;
    if (one) {
      x = ((x >>> 1) | (x & 1) | (l << 31)) >>> 0;
      l = ((l >>> 1) | (h << 31)) >>> 0;
      h = ((h >>> 1) | 0x80000000) >>> 0;
    } else e--;
    this.round(sign, e, h, l, x);
    return true;
  }

  sqrt(a: Extended): boolean {
    if (this.quieted(a)) return this.proceeds;
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
    const sa = a.se >> 15, sb = b.se >> 15;
    if (isZero(a) && isZero(b)) this.order = 0;
    else if (sa !== sb) this.order = sa ? -1 : 1;
    else {
      const d = ((a.se & 0x7fff) || 1) - ((b.se & 0x7fff) || 1) || a.hi - b.hi || a.lo - b.lo;
      this.order = d === 0 ? 0 : d < 0 !== (sa !== 0) ? -1 : 1;
    }
    return this.denormal(isDenormal(a) || isDenormal(b));
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
    if (this.quieted(v)) e = max;
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
