/** Sizes and shares as people write them. */

const FACTORS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes: a bare number counts `unit`s. The text has been checked. */
export function parseSize(given: number | string, unit: number): number {
  if (typeof given === "number") return given * unit;
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)/i.exec(given);
  if (match === null) return Number.NaN;
  const letter = match[2].toUpperCase();
  return Number(match[1]) * (letter === "" ? unit : FACTORS[letter]);
}

/** `50%` or 0.5. */
export function parseShare(given: number | string): number {
  return typeof given === "number" ? given : parseFloat(given) / 100;
}
