/** A 256-bit register of the local APIC (IRR, ISR, TMR), one bit for each vector. SDM 3A §10.8.4. */
import type { StateReader } from "../../base/persist.ts";

export class VectorSet {
  private readonly words = new Uint32Array(8);
  /** The highest vector in the set, or -1. */
  highest = -1;

  has(vector: number): boolean {
    return ((this.words[vector >> 5] >>> (vector & 31)) & 1) !== 0;
  }
  add(vector: number): void {
    this.words[vector >> 5] |= 1 << (vector & 31);
    if (vector > this.highest) this.highest = vector;
  }
  delete(vector: number): void {
    this.words[vector >> 5] &= ~(1 << (vector & 31));
    if (vector === this.highest) this.highest = this.find();
  }
  clear(): void {
    this.words.fill(0);
    this.highest = -1;
  }
  /** Bits 32i to 32i+31, unsigned. */
  word(i: number): number {
    return this.words[i];
  }

  private find(): number {
    for (let i = 7; i >= 0; i--) if (this.words[i] !== 0) return i * 32 + 31 - Math.clz32(this.words[i]);
    return -1;
  }

  save(): readonly number[] {
    return [...this.words];
  }
  restore(r: StateReader, field: string): void {
    this.words.set(r.ints(field).slice(0, 8));
    this.highest = this.find();
  }
}
