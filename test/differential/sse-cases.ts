/** Encodings and operands for the SSE comparison with real silicon, from the instruction table. */
import { ISA, type IsaEntry } from "../../src/cpu/isa/isa.ts";
import { AT, CASE_SIZE, FX, MEMORY } from "./silicon.ts";

const FEATURES = new Set(["mmx", "sse", "sse2", "sse3", "ssse3", "sse4_1", "sse4_2", "aes", "pclmulqdq", "sha"]);
export const ENTRIES = ISA.filter((e) => FEATURES.has(e.feature) && !e.vex && e.lift !== "fisttp");

const AVX_FEATURES = new Set(["avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "aes", "pclmulqdq"]);
/** All VEX entries. */
export const VEX_ENTRIES = ISA.filter((e) => e.vex && AVX_FEATURES.has(e.feature));

/** A small generator with a state of its own: the same cases in every run. */
export class Random {
  constructor(private state: number) {}
  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

export interface Encoding {
  readonly entry: IsaEntry;
  readonly memory: boolean;
  readonly code: readonly number[];
}

const PREFIX: Partial<Record<IsaEntry["prefix"], number>> = { "66": 0x66, F3: 0xf3, F2: 0xf2 };

function encode(entry: IsaEntry, memory: boolean, wide: boolean, rm: number, imm: number): number[] {
  const code: number[] = [];
  const prefix = PREFIX[entry.prefix];
  if (prefix !== undefined) code.push(prefix);
  if (wide || entry.w === 1) code.push(0x48);
  code.push(0x0f);
  if (entry.map === 2) code.push(0x38);
  if (entry.map === 3) code.push(0x3a);
  code.push(entry.opcode);
  // Register 1 (XMM1, MM1, RCX) and register `rm`, or memory at RDI.
  const reg = entry.regField >= 0 ? entry.regField : 1;
  if (entry.hasModrm) code.push(memory ? (reg << 3) | 7 : 0xc0 | (reg << 3) | (entry.rmField >= 0 ? entry.rmField : rm));
  if (entry.operands.some((o) => o.code === "I")) code.push(imm);
  return code;
}

/** Every form of an entry; several immediates where there is one. */
export function encodings(entry: IsaEntry, random: Random, immediates: number): Encoding[] {
  const out: Encoding[] = [];
  const memoryForms = entry.modKind === "reg" || !entry.hasModrm ? [false] : entry.modKind === "mem" ? [true] : [false, true];
  const sizes = entry.operands.some((o) => o.size === "y") || entry.lift.startsWith("pcmpestr") ? [false, true] : [false];
  const hasImmediate = entry.operands.some((o) => o.code === "I");
  for (const memory of memoryForms) {
    for (const wide of sizes) {
      for (const rm of memory ? [2] : [2, 1]) {
        for (let i = 0; i < (hasImmediate ? immediates : 1); i++) {
          out.push({ entry, memory, code: encode(entry, memory, wide, rm, i < 4 ? random.below(16) : random.below(256)) });
        }
      }
    }
  }
  return out;
}

/** A VEX encoding: register 1 (or RCX), `h` in VEX.vvvv, `rm` or memory at RDI, `is4` in the immediate's upper half. */
function encodeVex(entry: IsaEntry, memory: boolean, w: number, l: number, rm: number, h: number, imm: number, sib: number): number[] {
  const uses = (code: string): boolean => entry.operands.some((o) => o.code === code);
  const vvvv = uses("H") || uses("B") ? h : 0;
  const pp = { none: 0, NP: 0, NFx: 0, 66: 1, F3: 2, F2: 3 }[entry.prefix];
  const code = [0xc4, 0xe0 | entry.map, (w << 7) | ((~vvvv & 15) << 3) | (l << 2) | pp, entry.opcode];
  const reg = entry.regField >= 0 ? entry.regField : 1;
  if (uses("T")) code.push((reg << 3) | 4, (sib << 6) | (2 << 3) | 7);
  else if (entry.hasModrm) code.push(memory ? (reg << 3) | 7 : 0xc0 | (reg << 3) | rm);
  if (uses("I")) code.push(imm);
  if (uses("L")) code.push((imm & 3) << 4);
  return code;
}

/** Every VEX form of an entry: L where it is ignored, W where it matters, operands that are the same register. */
export function vexEncodings(entry: IsaEntry, random: Random, immediates: number): Encoding[] {
  const out: Encoding[] = [];
  const memoryForms = entry.modKind === "reg" || !entry.hasModrm ? [false] : entry.modKind === "mem" ? [true] : [false, true];
  const widths = entry.w >= 0 ? [entry.w] : [0, 1];
  const lengths = entry.l >= 0 ? [entry.l] : [0, 1];
  const immediate = entry.operands.some((o) => o.code === "I" || o.code === "L");
  const gather = entry.operands.some((o) => o.code === "T");
  for (const memory of memoryForms) {
    for (const w of widths) {
      for (const l of lengths) {
        for (const [rm, h] of gather ? [[2, 3], [2, 3]] : [[2, 3], [2, 1], [1, 3], [3, 3]]) {
          if (memory && rm !== 2) continue;
          for (let i = 0; i < (immediate ? immediates : 1); i++) {
            const imm = i < 2 ? random.below(32) : random.below(256);
            out.push({ entry, memory, code: encodeVex(entry, memory, w, l, rm, h, imm, random.below(4)) });
          }
        }
      }
    }
  }
  return out;
}

const SINGLES = [
  0, 0x80000000, 0x3f800000, 0xbf800000, 0x40000000, 0x3fc00000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f812345, 0xff800001, 1,
  0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x00400000, 0x3effffff, 0x3f000000, 0x4b000001, 0x4affffff, 0x4f000000,
  0xcf000000, 0x4effffff, 0xcf000001, 0x5f000000, 0xdf000000, 0x1f800000, 0x20000000, 0x33800000, 0x40490fdb, 0x3f800001, 0x34000000, 0x7e800000, 0x7f000000,
];
const DOUBLES = [
  0n, 0x8000000000000000n, 0x3ff0000000000000n, 0xbff0000000000000n, 0x4000000000000000n, 0x3ff8000000000000n, 0x7ff0000000000000n, 0xfff0000000000000n,
  0x7ff8000000000000n, 0xfff8123456789abcn, 0x7ff0123456789abcn, 0xfff0000000000001n, 1n, 0x8000000000000001n, 0x000fffffffffffffn, 0x0010000000000000n,
  0x8010000000000000n, 0x7fefffffffffffffn, 0xffefffffffffffffn, 0x0008000000000000n, 0x3fdfffffffffffffn, 0x3fe0000000000000n, 0x4330000000000001n,
  0x41dfffffffc00000n, 0x41e0000000000000n, 0xc1e0000000000000n, 0xc1e0000000200000n, 0x41dfffffffe00000n, 0x43e0000000000000n, 0xc3e0000000000000n,
  0x43dfffffffffffffn, 0x36a0000000000000n, 0x3690000000000000n, 0x380fffffffffffffn, 0x3810000000000000n, 0x47efffffe0000000n, 0x47effffff0000000n,
  0x400921fb54442d18n, 0x3ff0000000000001n, 0x1ff0000000000000n, 0x2000000000000000n, 0x3cb0000000000000n, 0x7fd0000000000000n,
];

/** Fills 16 bytes: random bits, special floats or doubles, small integers, or text with ends. */
function fill(view: DataView, at: number, random: Random, flavour: number): void {
  switch (flavour) {
    case 0: for (let i = 0; i < 16; i += 4) view.setUint32(at + i, random.next(), true); break;
    case 1:
      for (let i = 0; i < 16; i += 4) {
        const near = random.below(4) === 0 ? random.below(3) - 1 : 0;
        view.setUint32(at + i, (random.pick(SINGLES) + near) >>> 0, true);
      }
      break;
    case 2:
      for (let i = 0; i < 16; i += 8) {
        const near = random.below(4) === 0 ? BigInt(random.below(3) - 1) : 0n;
        view.setBigUint64(at + i, BigInt.asUintN(64, random.pick(DOUBLES) + near), true);
      }
      break;
    case 3: for (let i = 0; i < 16; i++) view.setUint8(at + i, random.pick([0, 1, 2, 0x7f, 0x80, 0x81, 0xff, 0xfe, random.below(256)])); break;
    case 4: for (let i = 0; i < 16; i++) view.setUint8(at + i, random.below(12) === 0 ? 0 : 0x61 + random.below(4)); break;
    case 5:
      // Ordinary numbers close to each other: rounding and cancellation.
      for (let i = 0; i < 16; i += 4) view.setFloat32(at + i, (random.next() / 65536 - 32768) * 2 ** (random.below(40) - 20), true);
      break;
    case 6:
      for (let i = 0; i < 16; i += 8) view.setFloat64(at + i, (random.next() * 1048576 + random.below(1048576)) * 2 ** (random.below(60) - 50) * (random.below(2) ? 1 : -1), true);
      break;
    case 7:
      // Results near the ends of the range.
      for (let i = 0; i < 16; i += 4) view.setUint32(at + i, ((random.pick([0, 1, 2, 12, 24, 63, 64, 65, 127, 189, 190, 191, 253, 254]) << 23) | (random.next() & 0x807fffff)) >>> 0, true);
      break;
    case 9: break;
    default:
      for (let i = 0; i < 16; i += 8) {
        view.setUint32(at + i, random.pick([0, 1, random.next(), 0xffffffff]), true);
        view.setUint32(at + i + 4, ((random.pick([0, 1, 2, 30, 53, 510, 511, 512, 896, 897, 1023, 1150, 1151, 1534, 1535, 2045, 2046]) << 20) | (random.next() & 0x800fffff)) >>> 0, true);
      }
  }
}

/** Factors and addends whose sum loses most of its bits, in registers 0 to 3 and memory: what FMA is for. */
function nearCancellation(view: DataView, random: Random, double: boolean): void {
  const size = double ? 8 : 4;
  for (let k = 0; k < 32; k += size) {
    const place = (i: number): number => (k < 16 ? AT.fx + FX.xmm + 16 * i + k : AT.upper + 16 * i + k - 16);
    const set = (at: number, v: number): void => (double ? view.setFloat64(at, v, true) : view.setFloat32(at, v, true));
    const some = (): number => (1 + random.next() / 4294967296 + random.next() * 2 ** -64) * (random.below(2) ? 1 : -1) * 2 ** (random.below(12) - 6);
    const a = some(), b = some();
    const c = -a * b * (1 + (random.below(5) - 2) * 2 ** (double ? -52 : -23)) * (random.below(8) === 0 ? 2 ** (random.below(120) - 60) : 1);
    const values = [a, b, c];
    // Any of the three orders meets some lanes.
    const turn = random.below(3);
    for (let i = 1; i < 4; i++) set(place(i), values[(i + turn) % 3]);
    set(AT.memory + k, values[(2 + turn) % 3]);
    set(AT.memory + 32 + k, values[(2 + turn) % 3]);
  }
}

/** Lane sources that suit the instruction. */
function flavour(entry: IsaEntry, random: Random): number {
  const name = entry.vex ? entry.lift.replace(/^v/, "") : entry.lift;
  if (/ph2ps/.test(name)) return random.pick([0, 3, 3]);
  if (/^(fm|fn)/.test(name)) return random.pick(/d$/.test(name) ? [2, 2, 6, 6, 8, 9, 9, 0] : [1, 1, 5, 5, 7, 9, 9, 0]);
  if (/^(blend|perm|broad|mask|gather|insert|extract)/.test(name)) return random.pick([0, 3]);
  if (name.startsWith("pcmp") && name.includes("str")) return random.pick([3, 4, 4, 4]);
  if (/^p|^mov(d|q)/.test(name)) return random.pick([0, 3]);
  return random.pick(/(sd|pd|2pi|2si|2dq|q2pd)$/.test(name) ? [2, 2, 6, 8, 8, 0, 1] : [1, 1, 5, 7, 7, 0, 2]);
}

/** One case for an encoding. `mxcsr`: its control bits and flags. */
export function fillCase(bytes: Uint8Array, e: Encoding, random: Random, mxcsr: number, offset: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, CASE_SIZE);
  bytes.fill(0);
  bytes.set(e.code, AT.code);
  view.setUint32(AT.length, e.code.length, true);
  for (let i = 0; i < 4; i++) {
    const wide = random.below(2) === 0 && !e.entry.lift.startsWith("pcmpestr");
    view.setUint32(AT.gpr + 8 * i, random.pick([random.next(), random.below(24), random.below(20), -random.below(24) >>> 0]), true);
    view.setUint32(AT.gpr + 8 * i + 4, wide ? random.next() : random.pick([0, 0, 0, 0xffffffff]), true);
  }
  view.setUint32(AT.flags, 0x202 | (random.next() & 0x8d5), true);
  view.setUint32(AT.rdi, MEMORY + offset, true);
  const fx = AT.fx;
  view.setUint16(fx + FX.cw, 0x37f, true);
  view.setUint16(fx + FX.sw, random.below(8) << 11, true);
  bytes[fx + FX.tag] = random.below(256);
  view.setUint32(fx + FX.mxcsr, mxcsr, true);
  view.setUint32(fx + FX.mxcsr + 4, 0xffff, true);
  const kind = flavour(e.entry, random);
  for (let i = 0; i < 8; i++) {
    fill(view, fx + FX.st + 16 * i, random, kind);
    view.setUint16(fx + FX.st + 16 * i + 8, random.pick([0, 0x3fff, 0xffff, 0x7fff, 0x4001]), true);
    view.setUint16(fx + FX.st + 16 * i + 10, 0, true);
    view.setUint32(fx + FX.st + 16 * i + 12, 0, true);
  }
  for (let i = 0; i < 4; i++) {
    fill(view, fx + FX.xmm + 16 * i, random, kind);
    fill(view, AT.upper + 16 * i, random, kind);
  }
  fill(view, AT.upper + 16 * 9, random, 0);
  if (kind === 9) nearCancellation(view, random, /d$/.test(e.entry.lift));
  for (let i = 0; i < 64; i += 16) fill(view, AT.memory + i, random, kind);
  if (/^v?ps[lr][lra]+v/.test(e.entry.lift)) for (let i = 0; i < 4; i++) for (let k = 0; k < 32; k += 4) if (random.below(3) > 0) view.setUint32(k < 16 ? fx + FX.xmm + 16 * i + k : AT.upper + 16 * i + k - 16, random.below(70), true);
  if (e.entry.operands.some((o) => o.code === "T")) {
    // Indices inside the page, sometimes one outside of it.
    const wide = e.entry.lift.includes("gatherq");
    for (let k = 0; k < 32; k += wide ? 8 : 4) {
      const v = random.below(24) === 0 ? 0x10000000 : random.below(14) - (random.below(3) === 0 && offset === 8 ? 1 : 0);
      const at = k < 16 ? fx + FX.xmm + 32 + k : AT.upper + 32 + k - 16;
      view.setInt32(at, v, true);
      if (wide) view.setInt32(at + 4, v < 0 ? -1 : 0, true);
    }
  }
  if (/^v?(psll|psrl|psra)[wdq]$/.test(e.entry.lift) && random.below(3) > 0) {
    // Counts around the widths.
    for (const at of [fx + FX.xmm + 16, fx + FX.xmm + 32, fx + FX.st, fx + FX.st + 16, fx + FX.st + 32, AT.memory]) view.setBigUint64(at, BigInt(random.below(70)), true);
  }
  if (e.entry.lift === "ldmxcsr") view.setUint32(AT.memory, random.next() & (random.below(4) ? 0xffff : 0x1ffff), true);
  // Equal operands, too.
  if (random.below(6) === 0) bytes.copyWithin(fx + FX.xmm + 16, fx + FX.xmm + 32, fx + FX.xmm + 48);
}
