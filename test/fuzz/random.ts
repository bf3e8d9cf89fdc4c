/** A small reproducible generator (xorshift32). */
export class Random {
  private s: number;
  constructor(seed: number) {
    this.s = (Math.imul(seed, 0x9e3779b1) ^ 0x2545f491) | 0 || 1;
    for (let i = 0; i < 4; i++) this.u32();
  }
  u32(): number {
    let s = this.s;
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    this.s = s;
    return s >>> 0;
  }
  int(below: number): number {
    return this.u32() % below;
  }
  chance(p: number): boolean {
    return this.u32() < p * 0x100000000;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)];
  }
  /** A register's value: small, an address that is mapped, at an edge, or anything. */
  address(wide: boolean): bigint {
    const u64 = (BigInt(this.u32()) << 32n) | BigInt(this.u32());
    const v = this.pick([BigInt(this.int(64)), BigInt(this.u32() & 0xfffff), 0x10000n + BigInt(this.int(0x8000)), 0xffff0n + BigInt(this.int(64)), BigInt(this.u32()), u64, -1n, 1n << 47n, 0xa0000n + BigInt(this.int(256))]);
    return BigInt.asUintN(wide ? 64 : 32, v);
  }
}
