/** FPREM, FPREM1, FSCALE, FRNDINT, FXTRACT and packed BCD on 80-bit values. SDM Vol. 2A; Vol. 1 §8.1.3.1, §4.7. */
import type { X87Float } from "./x87-float.ts";
import { BIAS, type Extended, isDenormal, isInfinity, isZero, normalized, significand } from "./x87-round.ts";
import { SW } from "./x87-ops.ts";

/** FPREM makes this much progress, or a little more, when exponents are further apart. */
const PARTIAL_FROM = 64;

/** Condition bits of a quotient's low three: C0 = Q2, C3 = Q1, C1 = Q0. */
const quotientBits = (q: bigint): number => (q & 4n ? SW.C0 : 0) | (q & 2n ? SW.C3 : 0) | (q & 1n ? SW.C1 : 0);

/** What `remainder` answers where there is no quotient: only C2 (and C1) is cleared. */
export const NO_QUOTIENT = -1;
/** ST0 modulo ST1 into f.r. Answers the condition bits; the result counts when f.proceeds. */
export function remainder(f: X87Float, a: Extended, b: Extended, nearest: boolean): number {
  f.fullPrecision();
  if (f.special2(a, b)) return NO_QUOTIENT;
  if (isInfinity(a) || isZero(b)) {
    f.invalid();
    return NO_QUOTIENT;
  }
  if (!f.denormal(isDenormal(a) || isDenormal(b))) return NO_QUOTIENT;
  const sign = a.se >> 15;
  if (isZero(a)) {
    f.copy(a);
    return 0;
  }
  const x = normalized(a);
  const unchanged = (): number => {
    f.roundBig(sign, x.m, x.e - BIAS - 63);
    return 0;
  };
  if (isInfinity(b)) return unchanged();
  const y = normalized(b);
  const d = x.e - y.e;
  if (d < (nearest ? -1 : 0)) return unchanged();
  if (d >= PARTIAL_FROM) {
    const n = 32 + (d % 32);
    // ST1 * 2^(d - n) fits under ST0 n more times doubled.
    const rest = (x.m << BigInt(n)) % y.m;
    if (rest === 0n) f.zero(sign);
    else f.roundBig(sign, rest, x.e - n - BIAS - 63);
    return SW.C2;
  }
  const unit = Math.min(x.e, y.e);
  const m = x.m << BigInt(x.e - unit);
  const n = y.m << BigInt(y.e - unit);
  let q = m / n;
  let rest = m - q * n;
  let negative = sign;
  if (nearest && (2n * rest > n || (2n * rest === n && q & 1n))) {
    q++;
    rest = n - rest;
    negative ^= 1;
  }
  if (rest === 0n) f.zero(sign);
  else f.roundBig(negative, rest, unit - BIAS - 63);
  return quotientBits(q);
}

/** False: an unmasked exception. */
export function scale(f: X87Float, a: Extended, b: Extended): boolean {
  f.fullPrecision();
  if (f.special2(a, b)) return f.proceeds;
  const sign = a.se >> 15;
  const up = b.se >> 15 === 0;
  if (isInfinity(b)) {
    if (up ? isZero(a) : isInfinity(a)) return f.invalid();
    if (!f.denormal(isDenormal(a))) return false;
    if (up) f.infinity(sign);
    else f.zero(sign);
    return true;
  }
  if (!f.denormal(isDenormal(a) || isDenormal(b))) return false;
  if (isInfinity(a) || isZero(a)) {
    f.copy(a);
    return true;
  }
  const e = (b.se & 0x7fff) - BIAS;
  const n = e < 0 ? 0 : e > 16 ? 0x20000 : Math.floor(b.hi / 2 ** (31 - e));
  const x = normalized(a);
  f.round(sign, x.e + (up ? n : -n), Number(x.m >> 32n), Number(x.m & 0xffffffffn), 0);
  return true;
}

/** False: an unmasked exception. */
export function roundToInteger(f: X87Float, a: Extended): boolean {
  if (f.settled(a)) return f.proceeds;
  f.copy(a);
  const e = (a.se & 0x7fff) - BIAS;
  if (e >= 63 || isZero(a)) return true;
  f.integer(a, false);
  f.r.se = a.se;
  const m = significand(f.r);
  if (m === 0n) f.zero(a.se >> 15);
  else {
    const n = normalized({ se: BIAS + 63, hi: f.r.hi, lo: f.r.lo });
    f.set((a.se & 0x8000) | n.e, Number(n.m >> 32n), Number(n.m & 0xffffffffn));
  }
  return true;
}

/** The significand as a number from 1 to 2 in f.r, and the unbiased exponent; a is finite and not zero. */
export function extract(f: X87Float, a: Extended): number {
  const x = normalized(a);
  f.set((a.se & 0x8000) | BIAS, Number(x.m >> 32n), Number(x.m & 0xffffffffn));
  return x.e - BIAS;
}

// --- Packed BCD -------------------------------------------------------------------------------------------------------
const BCD_LIMIT = 10n ** 18n;

/** Eighteen digits as a magnitude; what are no digits count as in a positional sum. */
export function fromBcd(digits: bigint): bigint {
  let m = 0n;
  for (let i = 17; i >= 0; i--) m = m * 10n + ((digits >> BigInt(4 * i)) & 15n);
  return m;
}
/** Eighteen digits, or null when there are more. */
export function toBcd(m: bigint): bigint | null {
  return m >= BCD_LIMIT ? null : BigInt(`0x${m.toString()}`);
}
