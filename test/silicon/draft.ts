/** A test case in the making: registers and memory as they get pinned down, and memory operands that reach a given address. */
import { AREA, CODE, DATA, type Patch } from "./format.ts";
import { interesting, type Prng } from "./pool.ts";
import type { Mode } from "./scope.ts";
import type { Vendor } from "./vendor.ts";

export const RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7;
export const MASK64 = (1n << 64n) - 1n;
const low = (bits: number, v: bigint): bigint => BigInt.asUintN(bits, v);

/** The dice do not fit together: again. Thrown often, so without a trace. */
export class GiveUp extends Error {}
export const GIVE_UP = new GiveUp();

/** A case in the making. */
export class Draft {
  readonly code: number[] = [];
  readonly gpr: (bigint | undefined)[] = new Array<bigint | undefined>(16).fill(undefined);
  readonly patches: Patch[] = [];
  /** Registers that no instruction of a sequence may name: they hold an address. */
  reserved = 0;
  undefinedNow = 0;
  undefinedEver = 0;
  /** Contains a branch: its target depends on where it stands. */
  branches = false;
  useMmx = false;
  usesMxcsr = false;
  down: boolean;
  readonly xmm: Uint16Array;

  constructor(readonly r: Prng, readonly pool: Uint8Array, readonly codeOffset: number, readonly mode: Mode, readonly vendor: Vendor = "other") {
    this.down = r.chance(0.3);
    const kind = r.below(5);
    this.xmm = Uint16Array.from({ length: 16 }, () => (kind === 4 || r.chance(0.1) ? r.below(AREA / 16 - 1) * 16 + r.below(2) * 8 : (r.below(AREA / 64) * 4 + kind) * 16));
  }

  pin(reg: number, value: bigint): void {
    const now = this.gpr[reg];
    const v = value & (this.mode === 64 ? MASK64 : 0xffffffffn);
    if (now !== undefined && now !== v) throw GIVE_UP;
    this.gpr[reg] = v;
  }
  /** Its value, chosen now if need be. */
  value(reg: number): bigint {
    return (this.gpr[reg] ??= low(this.mode, interesting(this.r)));
  }
  /** General registers that instructions can name. */
  get registers(): number {
    return this.mode === 64 ? 16 : 8;
  }
  /** Keeps the bits above `bits` random. */
  pinLow(reg: number, bits: number, value: bigint): void {
    const now = this.gpr[reg];
    if (now !== undefined) {
      if (low(bits, now) !== low(bits, value)) throw GIVE_UP;
      return;
    }
    const upper = this.r.chance(0.5) ? (this.mode === 64 ? this.r.u64() : BigInt(this.r.u32())) : 0n;
    this.gpr[reg] = bits === 64 ? low(64, value) : low(bits, value) | ((upper >> BigInt(bits)) << BigInt(bits));
  }

  byteAt(offset: number): number {
    for (let i = this.patches.length - 1; i >= 0; i--) {
      const p = this.patches[i];
      if (offset >= p.offset && offset < p.offset + p.bytes.length) return p.bytes[offset - p.offset];
    }
    return this.pool[offset];
  }
  /** Memory at a linear address, 0 outside the data area. */
  read(address: number, bytes: number): bigint {
    let v = 0n;
    for (let i = bytes - 1; i >= 0; i--) {
      const offset = address - DATA + i;
      v = (v << 8n) | BigInt(offset >= 0 && offset < AREA ? this.byteAt(offset) : 0);
    }
    return v;
  }
  write(address: number, bytes: number, value: bigint): void {
    const offset = address - DATA;
    if (offset < 0 || offset + bytes > AREA || this.patches.length > 8) return;
    const data = new Uint8Array(bytes);
    for (let i = 0, v = value; i < bytes; i++, v >>= 8n) data[i] = Number(v & 255n);
    this.patches.push({ offset, bytes: data });
  }
}

/** Where a memory operand of some bytes may stand; -1: not canonical. */
export function pickAddress(r: Prng, bytes: number, alignment: number): number {
  const size = Math.max(1, bytes);
  const k = r.below(100);
  if (k < 80) {
    const at = r.below(AREA - size + 1);
    return DATA + (alignment > 1 && !r.chance(0.12) ? at & -alignment : r.chance(0.4) ? at & -8 : at);
  }
  if (k < 87) return DATA + 4096 - r.below(size + 1);
  if (k < 91) return DATA + AREA - r.below(size + 1);
  if (k < 93) return DATA + AREA + r.below(64);
  if (k < 95) return DATA - r.below(size + 2);
  if (k < 97) return CODE + 0x1800 + r.below(64);
  return k < 99 ? DATA + r.below(AREA - size + 1) : -1;
}

/** Displacement bytes, little-endian. */
export function bytesOf(value: bigint, count: number): number[] {
  const out: number[] = [];
  for (let i = 0, v = low(8 * count, value); i < count; i++, v >>= 8n) out.push(Number(v & 255n));
  return out;
}

export interface Address {
  readonly modrm: number;
  readonly tail: number[];
  readonly rex: number;
  /** tail[at..at+4] is relative to the end of the instruction: the linear target. */
  readonly relative: { at: number; target: number } | null;
}

/** ModRM.mod/rm, SIB and displacement that reach `target` (with registers chosen and pinned for it). */
export function makeAddress(d: Draft, target: number, address32: boolean, sequence: boolean): Address {
  const { r } = d;
  if (d.mode === 32) return makeAddress32(d, target, sequence);
  const goal = target < 0 ? 0x8000000000000000n + BigInt(r.below(4096)) : BigInt(target);
  const bits = address32 ? 32 : 64;
  let kind = r.below(100);
  if (target < 0) {
    if (address32 || sequence) throw GIVE_UP;
    kind %= 75;
  }
  if (!sequence && kind < 45 || sequence && kind < 60) {
    // [base], [base + disp]
    const base = sequence ? 31 - Math.clz32(d.reserved & ~(1 << RSP)) : r.below(16);
    let disp = [0n, BigInt(r.below(256) - 128), BigInt(r.u32() | 0)][r.below(3)];
    const known = d.gpr[base];
    if (known !== undefined) disp = BigInt.asIntN(bits, goal - known);
    if (disp !== BigInt.asIntN(32, disp)) throw GIVE_UP;
    d.pinLow(base, bits, goal - disp);
    const short = disp >= -128n && disp < 128n && !r.chance(0.1);
    const mod = disp === 0n && (base & 7) !== 5 && !r.chance(0.1) ? 0 : short ? 1 : 2;
    const sib = (base & 7) === 4 ? [0x20 | (r.below(4) << 6) | 4] : [];
    return { modrm: (mod << 6) | (base & 7), tail: [...sib, ...bytesOf(disp, mod === 0 ? 0 : mod === 1 ? 1 : 4)], rex: base >> 3, relative: null };
  }
  if (!sequence && kind < 75) {
    // SIB with an index, with or without a base.
    const index = r.below(16);
    if (index === RSP) throw GIVE_UP;
    const scale = r.below(4);
    const base = r.chance(0.15) ? -1 : r.below(16);
    if (base === index) {
      const factor = BigInt((1 << scale) + 1);
      if (d.gpr[base] !== undefined) throw GIVE_UP;
      const at = (goal - BigInt(r.below(100))) / factor;
      d.pinLow(base, bits, at);
    } else if (d.gpr[index] === undefined) {
      if (base < 0) d.pinLow(index, bits, (goal - BigInt(r.below(5000))) >> BigInt(scale));
      else d.pinLow(index, bits, r.chance(0.4) ? BigInt(r.below(200) - 100) : r.u64());
    }
    const indexValue = low(bits, d.value(index));
    const part = base < 0 ? indexValue << BigInt(scale) : base === index ? indexValue * BigInt((1 << scale) + 1) : indexValue << BigInt(scale);
    let disp: bigint;
    const known = base < 0 || base === index ? 0n : d.gpr[base];
    if (known === undefined) {
      disp = [0n, BigInt(r.below(256) - 128), BigInt(r.u32() | 0)][r.below(3)];
      d.pinLow(base, bits, goal - part - disp);
    } else {
      disp = BigInt.asIntN(bits, goal - part - known);
      if (disp !== BigInt.asIntN(32, disp)) throw GIVE_UP;
    }
    const rex = ((index >> 3) << 1) | (base < 0 ? 0 : base >> 3);
    if (base < 0) return { modrm: 4, tail: [(scale << 6) | ((index & 7) << 3) | 5, ...bytesOf(disp, 4)], rex, relative: null };
    const short = disp >= -128n && disp < 128n;
    const mod = disp === 0n && (base & 7) !== 5 ? 0 : short ? 1 : 2;
    return { modrm: (mod << 6) | 4, tail: [(scale << 6) | ((index & 7) << 3) | (base & 7), ...bytesOf(disp, mod === 0 ? 0 : mod === 1 ? 1 : 4)], rex, relative: null };
  }
  if (kind < 85) return { modrm: 4, tail: [0x25 | (r.below(4) << 6), ...bytesOf(goal, 4)], rex: r.below(2), relative: null };
  return { modrm: 5, tail: [0, 0, 0, 0], rex: r.below(2), relative: { at: 0, target } };
}

/** The same for 32-bit addressing in 32-bit mode. */
function makeAddress32(d: Draft, target: number, sequence: boolean): Address {
  const { r } = d;
  if (target < 0) throw GIVE_UP;
  const goal = BigInt(target);
  const result = (modrm: number, tail: number[]): Address => ({ modrm, tail, rex: 0, relative: null });
  const kind = r.below(100);
  if (kind < 15) return result(5, bytesOf(goal, 4));
  if (kind < 25) return result(4, [0x25 | (r.below(4) << 6), ...bytesOf(goal, 4)]);
  const base = sequence ? 31 - Math.clz32(d.reserved & ~(1 << RSP)) : r.below(8);
  const index = sequence || r.chance(0.5) ? 4 : r.below(8);
  const scale = r.below(4);
  if (index === base && index !== RSP) throw GIVE_UP;
  const part = index === 4 ? 0n : d.value(index) << BigInt(scale);
  let disp = [0n, BigInt(r.below(256) - 128), BigInt(r.u32() | 0)][r.below(3)];
  const known = d.gpr[base];
  if (known !== undefined) disp = BigInt.asIntN(32, goal - part - known);
  else d.pinLow(base, 32, goal - part - disp);
  const mod = disp === 0n && base !== 5 ? 0 : disp >= -128n && disp < 128n ? 1 : 2;
  const sib = index !== 4 || base === 4 ? [(scale << 6) | (index << 3) | base] : [];
  return result((mod << 6) | (sib.length > 0 ? 4 : base), [...sib, ...bytesOf(disp, mod === 0 ? 0 : mod === 1 ? 1 : 4)]);
}

/** 16-bit addressing, where nothing is accessed (LEA). SDM Vol. 2 Table 2-1. */
export function makeAddress16(r: Prng): Address {
  const mod = r.below(3), rm = r.below(8);
  return { modrm: (mod << 6) | rm, tail: bytesOf(BigInt(r.u32()), mod === 2 || (mod === 0 && rm === 6) ? 2 : mod), rex: 0, relative: null };
}
