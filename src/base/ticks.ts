/** Exact conversion between guest nanoseconds and the ticks of a fixed-frequency oscillator, without drift. */
import { InternalError } from "./errors.ts";

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/**
 * An oscillator of `hz` ticks a second whose tick 0 is at guest time 0. All arithmetic is on integers below 2^53:
 * hz/10^9 is reduced to numerator/denominator and time is split into whole denominators and a remainder, so that
 * every product is exact and every quotient lies further from the next integer than a double's rounding.
 */
export class Oscillator {
  private readonly numerator: number;
  private readonly denominator: number;

  constructor(readonly hz: number) {
    const divisor = gcd(hz, 1_000_000_000);
    this.numerator = hz / divisor;
    this.denominator = 1_000_000_000 / divisor;
    if (!Number.isInteger(hz) || hz <= 0 || this.numerator * this.denominator >= Number.MAX_SAFE_INTEGER) {
      throw new InternalError(`oscillator of ${hz} Hz cannot be computed exactly`);
    }
  }

  /** Ticks that have passed at `ns` (integer nanoseconds, not negative). */
  ticksAt(ns: number): number {
    const rest = ns % this.denominator;
    const whole = (ns - rest) / this.denominator;
    return whole * this.numerator + Math.floor((rest * this.numerator) / this.denominator);
  }

  /** The first integer nanosecond at which `tick` has passed: ticksAt(nsAt(t)) = t for hz up to 10^9. */
  nsAt(tick: number): number {
    const rest = tick % this.numerator;
    const whole = (tick - rest) / this.numerator;
    return whole * this.denominator + Math.ceil((rest * this.denominator) / this.numerator);
  }
}
