/** Means of ratios, and histograms. */

/** The geometric mean: of ratios, the one that does not depend on which side is the divisor. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("geometric mean of nothing");
  for (const value of values) if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`geometric mean of ${value}`);
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** How many values are at most each limit and above the one before, as text. */
export function histogram(values: readonly number[], limits: readonly number[]): string {
  const parts = limits.map((limit, i) => `≤ ${limit}: ${values.filter((v) => v <= limit && (i === 0 || v > limits[i - 1])).length}`);
  return [...parts, `more: ${values.filter((v) => v > (limits.at(-1) ?? -Infinity)).length}`].join(", ");
}
