/**
 * Transcendental functions in BigInt fixed point with at least 60 bits more than the result, then one rounding. SDM Vol. 1 §8.3.
 * The trigonometric ones reduce by the 66-bit pi of the real unit (§8.3.8), exactly.
 */

/** sign and m * 2^scale; always inexact unless `exact`. */
export interface Real {
  readonly negative: boolean;
  readonly m: bigint;
  readonly scale: number;
  readonly exact: boolean;
}
/** A finite number that is not zero: m has bit 63 set, value m * 2^s. */
export interface Finite {
  readonly negative: boolean;
  readonly m: bigint;
  readonly s: number;
}

const bitLength = (n: bigint): number => {
  const hex = n.toString(16);
  return hex.length * 4 - Math.clz32(parseInt(hex[0], 16)) + 28;
};
const abs = (n: bigint): bigint => (n < 0n ? -n : n);
const shift = (n: bigint, by: number): bigint => (by >= 0 ? n << BigInt(by) : n >> BigInt(-by));

/** Guard bits of fixed-point work. */
const WORK = 160;
/** Arguments below 2^-TINY: the first term and the direction of the second decide. */
const TINY = 80;

const real = (negative: boolean, m: bigint, scale: number): Real => ({ negative: m < 0n ? !negative : negative, m: abs(m), scale, exact: false });
/** m * 2^scale and a little more or less. */
const nearly = (negative: boolean, m: bigint, scale: number, more: boolean): Real =>
  real(negative, more ? m << 64n : (m << 64n) - 1n, scale - 64);

// --- Constants --------------------------------------------------------------------------------------------------------
const CONSTANT_BITS = 512;
/** atanh(1/n) or, with alternating signs, atan(1/n). */
function inverseSeries(n: bigint, alternate: boolean): bigint {
  let term = (1n << BigInt(CONSTANT_BITS)) / n;
  let sum = term;
  for (let k = 3n; term !== 0n; k += 2n) {
    term /= n * n * (alternate ? -1n : 1n);
    sum += term / k;
  }
  return sum;
}
function lazy(f: () => bigint): (bits: number) => bigint {
  let value: bigint | null = null;
  return (bits) => (value ??= f()) >> BigInt(CONSTANT_BITS - bits);
}
const ln2 = lazy(() => 18n * inverseSeries(26n, false) - 2n * inverseSeries(4801n, false) + 8n * inverseSeries(8749n, false));
const pi = lazy(() => 16n * inverseSeries(5n, true) - 4n * inverseSeries(239n, true));
/** Half of the unit's pi is this times 2^-67. */
const HALF_PI = 0xc90fdaa22168c234cn;
const HALF_PI_SCALE = -67;

// --- Series, `f` bits after the point ---------------------------------------------------------------------------------
function sine(x: bigint, f: number): bigint {
  const b = BigInt(f);
  const square = (x * x) >> b;
  let term = x, sum = x;
  for (let k = 2n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> b) / (k * (k + 1n));
    sum += term;
  }
  return sum;
}
function cosine(x: bigint, f: number): bigint {
  const b = BigInt(f);
  const square = (x * x) >> b;
  let term = 1n << b, sum = term;
  for (let k = 1n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> b) / (k * (k + 1n));
    sum += term;
  }
  return sum;
}
/** log2(num / den) for a ratio between about 0.7 and 1.5. */
function log2Near1(num: bigint, den: bigint, f: number): bigint {
  const b = BigInt(f);
  const s = ((num - den) << b) / (num + den);
  const square = (s * s) >> b;
  let term = s, sum = s;
  for (let k = 3n; term !== 0n && term !== -1n; k += 2n) {
    term = (term * square) >> b;
    sum += term / k;
  }
  return (sum << (b + 1n)) / ln2(f);
}

// --- Sine, cosine, tangent --------------------------------------------------------------------------------------------
interface Reduced {
  readonly quadrant: number;
  /** The remainder, signed, with `f` bits after the point. */
  readonly r: bigint;
  readonly f: number;
}
/** |x| modulo half the 66-bit pi, exactly. */
function reduce(x: Finite): Reduced {
  const unit = Math.min(x.s, HALF_PI_SCALE);
  const X = x.m << BigInt(x.s - unit);
  const K = HALF_PI << BigInt(HALF_PI_SCALE - unit);
  const n = (2n * X + K) / (2n * K);
  const r = X - n * K;
  const f = WORK - Math.min(0, unit + bitLength(abs(r)));
  return { quadrant: Number(n & 3n), r: shift(r, f + unit), f };
}
const isTiny = (x: Finite): boolean => x.s + 63 < -TINY;

function circular(quadrant: number, { r, f }: Reduced): Real {
  const value = quadrant & 1 ? cosine(r, f) : sine(r, f);
  return real((quadrant & 2) !== 0, value, -f);
}
export function sin(x: Finite): Real {
  if (isTiny(x)) return nearly(x.negative, x.m, x.s, false);
  const q = reduce(x);
  const y = circular(q.quadrant, q);
  return { ...y, negative: y.negative !== x.negative };
}
export function cos(x: Finite): Real {
  if (isTiny(x)) return nearly(false, 1n, 0, false);
  const q = reduce(x);
  return circular(q.quadrant + 1, q);
}
export function tan(x: Finite): Real {
  if (isTiny(x)) return nearly(x.negative, x.m, x.s, true);
  const { quadrant, r, f } = reduce(x);
  const s = sine(r, f), c = cosine(r, f);
  const odd = (quadrant & 1) !== 0;
  return real(x.negative !== odd, odd ? (c << BigInt(f)) / s : (s << BigInt(f)) / c, -f);
}

// --- Arc tangent ------------------------------------------------------------------------------------------------------
const piTimes = (negative: boolean, quarters: bigint): Real => real(negative, pi(256) * quarters, -258);
/** +-pi/4 * quarters. */
export const quarterPi = (negative: boolean, quarters: number): Real => piTimes(negative, BigInt(quarters));

/** Angle of the point (x, y). */
export function atan2(y: Finite, x: Finite): Real {
  const d = y.s - x.s;
  if (d > TINY) return real(y.negative, pi(320) + (x.negative ? 1n : -1n), -321);
  if (d < -TINY) {
    if (x.negative) return real(y.negative, pi(320) - 1n, -320);
    return real(y.negative, ((y.m << 192n) / x.m) * 4n - 1n, d - 194);
  }
  const f = WORK + Math.max(0, -d);
  const b = BigInt(f);
  const Y = d > 0 ? y.m << BigInt(d) : y.m;
  const X = d > 0 ? x.m : x.m << BigInt(-d);
  // A double's worth of angle, then one correction.
  const a = Math.atan2(Number(y.m) * 2 ** d, Number(x.m));
  const a0 = shift(BigInt(Math.round(a * 2 ** (52 + Math.max(0, -d)))), f - 52 - Math.max(0, -d));
  const s = sine(a0, f), c = cosine(a0, f);
  const delta = ((Y * c - X * s) << b) / (X * c + Y * s);
  const square = (delta * delta) >> b;
  const correction = delta - ((delta * square) >> b) / 3n + ((((delta * square) >> b) * square) >> b) / 5n;
  const angle = a0 + correction;
  return real(y.negative, x.negative ? pi(f) - angle : angle, -f);
}

// --- Exponential and logarithms ---------------------------------------------------------------------------------------
/** 2^x - 1 for |x| up to 1 (beyond, up to about 64, too). */
export function exp2m1(x: Finite): Real {
  if (isTiny(x)) return nearly(x.negative, (x.m * ln2(256)) >> 128n, x.s - 128, !x.negative);
  const f = WORK - Math.min(0, x.s + 64);
  const b = BigInt(f);
  const t = (shift(x.m * ln2(f), x.s)) * (x.negative ? -1n : 1n);
  let term = t, sum = t;
  for (let k = 2n; term !== 0n && term !== -1n; k++) {
    term = ((term * t) >> b) / k;
    sum += term;
  }
  return real(false, sum, -f);
}

/** y * log2(N * 2^s). */
function timesLog2(y: Finite, N: bigint, s: number): Real {
  const length = bitLength(N);
  let e = s + length - 1;
  let den = 1n << BigInt(length - 1);
  // Above the square root of two (a little less does no harm).
  if (N * 70n > den * 99n) {
    den <<= 1n;
    e++;
  }
  const difference = abs(N - den);
  if (difference === 0n) return { negative: y.negative !== e < 0, m: y.m * BigInt(Math.abs(e)), scale: y.s, exact: true };
  const f = WORK + (e === 0 ? bitLength(den) - bitLength(difference) : 0);
  const log = log2Near1(N, den, f) + (BigInt(e) << BigInt(f));
  return real(y.negative, y.m * log, y.s - f);
}
export const yLog2x = (y: Finite, x: Finite): Real => timesLog2(y, x.m, x.s);

/** y * log2(1 + x), x above -1. */
export function yLog2xPlus1(y: Finite, x: Finite): Real {
  if (isTiny(x)) return nearly(x.negative !== y.negative, (y.m * x.m << 256n) / ln2(256), y.s + x.s, x.negative);
  const unit = Math.min(0, x.s);
  const one = 1n << BigInt(-unit);
  const X = x.m << BigInt(x.s - unit);
  return timesLog2(y, x.negative ? one - X : one + X, unit);
}
