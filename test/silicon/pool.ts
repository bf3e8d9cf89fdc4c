/** Deterministic random numbers, and values that instructions tend to get wrong. */
import { AREA } from "./format.ts";

/** sfc32. */
export class Prng {
  private a = 0x9e3779b9;
  private b = 0x243f6a88;
  private c: number;
  private d = 1;

  constructor(seed: number) {
    this.c = seed | 0;
    for (let i = 0; i < 12; i++) this.u32();
  }
  u32(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t | 0;
    return t >>> 0;
  }
  below(limit: number): number {
    return Math.floor((this.u32() / 4294967296) * limit);
  }
  /** True with probability p. */
  chance(p: number): boolean {
    return this.u32() < p * 4294967296;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}

const INTEGERS: readonly bigint[] = (() => {
  const out = new Set<bigint>([0n, 1n, 2n, 3n, 5n, 7n, 10n, 15n, 16n, 31n, 32n, 33n, 63n, 64n, 65n, 100n, 0x5555555555555555n, 0xaaaaaaaaaaaaaaaan, 0x0123456789abcdefn]);
  for (const bits of [8n, 16n, 32n, 64n]) {
    const sign = 1n << (bits - 1n);
    for (const v of [sign - 1n, sign, sign + 1n, 2n * sign - 1n, 2n * sign - 2n, 2n * sign]) {
      out.add(BigInt.asUintN(64, v));
      // The same with everything above set: what sign extension gives, or dirty upper halves.
      out.add(BigInt.asUintN(64, v | (-1n << bits)));
    }
  }
  return [...out];
})();

export function interesting(r: Prng): bigint {
  switch (r.below(8)) {
    case 0: case 1: case 2: return r.pick(INTEGERS);
    case 3: return BigInt(r.below(256));
    case 4: return BigInt.asUintN(64, -BigInt(r.below(256)));
    case 5: return BigInt(r.u32());
    default: return r.u64();
  }
}

const SINGLES: readonly number[] = [
  0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00400000, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
  0xffc00000, 0x7f800001, 0xffbfffff, 0x7fd12345, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000,
  0x40490fdb, 0x4b000000, 0x4b000001, 0x4affffff, 0x4f000000, 0xcf000000, 0x4effffff, 0xcf000001, 0x5f000000, 0xdf000000, 0x42f70000, 0xc2f60001,
];
const DOUBLES: readonly bigint[] = [
  0n, 0x8000000000000000n, 1n, 0x8000000000000001n, 0x000fffffffffffffn, 0x0010000000000000n, 0x8010000000000000n, 0x7fefffffffffffffn,
  0xffefffffffffffffn, 0x7ff0000000000000n, 0xfff0000000000000n, 0x7ff8000000000000n, 0xfff8000000000000n, 0x7ff0000000000001n, 0xfff7ffffffffffffn,
  0x7ffabcdef0123456n, 0x3ff0000000000000n, 0xbff0000000000000n, 0x3ff0000000000001n, 0x3fefffffffffffffn, 0x3fe0000000000000n, 0xbfe0000000000000n,
  0x3ff8000000000000n, 0x4004000000000000n, 0x400921fb54442d18n, 0x4330000000000000n, 0x4330000000000001n, 0x432fffffffffffffn, 0x41dfffffffc00000n,
  0x41e0000000000000n, 0xc1e0000000000000n, 0xc1e0000000200000n, 0x43e0000000000000n, 0xc3e0000000000000n, 0x43dfffffffffffffn, 0x36a0000000000000n,
  0x380fffffffffffffn, 0x3810000000000000n, 0x47efffffe0000000n, 0x47effffff0000000n, 0x47f0000000000000n,
];

function single(r: Prng): number {
  switch (r.below(4)) {
    case 0: case 1: return r.pick(SINGLES);
    // Near one, so that sums cancel and quotients round.
    case 2: return ((r.u32() & 0x80ffffff) | (0x3e800000 + r.below(8) * 0x400000)) >>> 0;
    default: return r.u32();
  }
}
function double(r: Prng): bigint {
  switch (r.below(4)) {
    case 0: case 1: return r.pick(DOUBLES);
    case 2: return (r.u64() & 0x800fffffffffffffn) | (BigInt(0x3fc + r.below(8)) << 52n);
    default: return r.u64();
  }
}

/** Size of the pool's parts for 32-bit and, at its end, for 64-bit indices. */
export const INDEX_BYTES = 128;

/** Kinds of 16-byte pool slots; a slot's kind is its number modulo 4. */
export const SLOT_KINDS = { integer: 0, single: 1, double: 2, bytes: 3 } as const;

export function makePool(seed: number): Uint8Array {
  const r = new Prng(seed ^ 0x706f6f6c);
  const pool = new Uint8Array(AREA);
  const view = new DataView(pool.buffer);
  for (let at = 0; at < AREA; at += 16) {
    switch ((at >> 4) & 3) {
      case SLOT_KINDS.integer:
        for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, interesting(r), true);
        break;
      case SLOT_KINDS.single:
        for (let i = 0; i < 16; i += 4) view.setUint32(at + i, single(r), true);
        break;
      case SLOT_KINDS.double:
        for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, double(r), true);
        break;
      default:
        for (let i = 0; i < 16; i++) pool[at + i] = r.chance(0.3) ? r.pick([0, 1, 0x7f, 0x80, 0x81, 0xff]) : r.below(256);
    }
  }
  // Small numbers for gathers' indices: of 32 bits, then of 64.
  for (let at = AREA - 2 * INDEX_BYTES; at < AREA; at += 4) {
    view.setUint32(at, at < AREA - INDEX_BYTES || (at & 4) === 0 ? r.below(24) : 0, true);
  }
  return pool;
}
