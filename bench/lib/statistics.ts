/** Means of ratios. */

/** The geometric mean: of ratios, the one that does not depend on which side is the divisor. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("geometric mean of nothing");
  for (const value of values) if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`geometric mean of ${value}`);
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
