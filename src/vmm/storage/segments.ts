/** Lists of byte segments, as disk requests carry them. */

/** The part of a list from byte `at`, `length` bytes long, without copying. */
export function cut(segments: readonly Uint8Array[], at: number, length: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let skip = at;
  let left = length;
  for (const segment of segments) {
    if (left === 0) break;
    if (skip >= segment.length) {
      skip -= segment.length;
      continue;
    }
    const take = Math.min(segment.length - skip, left);
    out.push(take === segment.length ? segment : segment.subarray(skip, skip + take));
    skip = 0;
    left -= take;
  }
  return out;
}

/** Copies `from` into the list. Both have the same length. */
export function scatter(from: Uint8Array, into: readonly Uint8Array[]): void {
  let at = 0;
  for (const segment of into) {
    segment.set(from.subarray(at, at + segment.length));
    at += segment.length;
  }
}

/** Copies the list into `into`, which is long enough. Returns the filled part. */
export function gather(from: readonly Uint8Array[], into: Uint8Array): Uint8Array {
  let at = 0;
  for (const segment of from) {
    into.set(segment, at);
    at += segment.length;
  }
  return into.subarray(0, at);
}

export function zero(segments: readonly Uint8Array[]): void {
  for (const segment of segments) segment.fill(0);
}
