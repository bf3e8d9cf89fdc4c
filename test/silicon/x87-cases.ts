/** Random x87 cases for the harness: every form of the table over the classes of 80-bit values, all control words, and how results compare. */
import { ISA, type IsaEntry } from "../../src/cpu/isa/isa.ts";
import { liftName } from "../../src/cpu/lift/form.ts";
import { AREA, type Case, CODE, DATA, initialFpr, type Outcome } from "./format.ts";

/** xorshift128: cases are the same on every host. */
export class Random {
  private a: number;
  private b = 0x9e3779b9;
  private c = 0x243f6a88;
  private d = 0xb7e15162;

  constructor(seed: number) {
    this.a = seed | 1;
    for (let i = 0; i < 20; i++) this.next();
  }
  /** 32 bits, unsigned. */
  next(): number {
    let t = this.d;
    const s = this.a;
    this.d = this.c;
    this.c = this.b;
    this.b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.a = t ^ s ^ (s >>> 19);
    return this.a >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
  bits64(): bigint {
    return (BigInt(this.next()) << 32n) | BigInt(this.next());
  }
}

const J = 1n << 63n;
/** Sign and exponent, significand. */
type Value = readonly [number, bigint];

const SPECIAL: readonly Value[] = [
  [0, 0n], [0x8000, 0n], [0x3fff, J], [0xbfff, J], [0x4000, J], [0x3ffe, J], [0xbffe, J], [0x7fff, J], [0xffff, J],
  [0x7fff, 0xc000000000000000n], [0xffff, 0xc000000000000000n], [0x7fff, 0xa000000000000001n], [0xffff, 0xa000000000000001n], [0x7fff, J | 1n], [0x7fff, 0xc000000000001234n],
  [0x7fff, 0n], [0x7fff, 0x4000000000000000n], [0xffff, 1n], [0x4000, 0x7fffffffffffffffn], [1, 0x1234n],
  [0, 1n], [0x8000, 1n], [0, J - 1n], [0, J], [0x8000, J | 5n], [1, J], [1, ~0n & 0xffffffffffffffffn], [0x7ffe, 0xffffffffffffffffn], [0xfffe, 0xffffffffffffffffn],
  [0x7ffe, J], [0x4000, 0xc90fdaa22168c235n], [0x3fff, 0xc90fdaa22168c235n], [0x403e, J], [0x403d, 0xffffffffffffffffn], [0xc03e, J], [0x401e, J], [0xc01e, J], [0x401d, 0xfffffffe00000000n],
  [0x400e, J], [0xc00e, J], [0x403a, 0xde0b6b3a763ffff0n], [0x403a, 0xde0b6b3a76400000n], [0x3f80, 0xffffff0000000000n], [0x407e, 0xffffff8000000000n], [0x43fe, 0xfffffffffffffc00n], [0x43fe, 0xfffffffffffff800n],
  [0x3ffd, 0x9504f333f9de6484n], [0x3fff, 0xb504f333f9de6484n], [0x3ffe, 0xb504f333f9de6484n], [0x3c01, J], [0x3c00, 0xfffffffffffffffen], [0x3f81, J], [0x3f80, 0xfffffffffffffffen],
];

export function randomValue(r: Random): Value {
  const sign = r.chance(50) ? 0x8000 : 0;
  let m = r.bits64() | J;
  switch (r.below(5)) {
    case 0: m &= (0xffffffffffffffffn << BigInt(r.below(64))) & 0xffffffffffffffffn; break;
    case 1: m |= 0xffffffffffffffffn >> BigInt(1 + r.below(63)); break;
    case 2: m = r.chance(50) ? m & ~0x7ffn : m & ~0xffffffffffn; break;
  }
  const k = r.below(100);
  if (k < 22) return r.pick(SPECIAL);
  if (k < 60) return [sign | (0x3fff + r.below(80) - 40), m];
  if (k < 68) return [sign | (0x3fff + r.below(8) - 4), m];
  if (k < 76) return [sign | (0x3fff + r.below(300) - 150), m];
  if (k < 80) return [sign | (0x3c00 + r.below(70) - 60), m];
  if (k < 83) return [sign | (0x3f81 + r.below(50) - 40), m];
  if (k < 86) return [sign, r.bits64() >> BigInt(1 + r.below(63))];
  if (k < 90) return [sign | (1 + r.below(70)), m];
  if (k < 94) return [sign | (0x7ffe - r.below(70)), m];
  return [sign | (1 + r.below(0x7ffe)), m];
}

/** The pool: 512 values of 16 bytes each. */
export function makePool(r: Random): Uint8Array {
  const pool = new Uint8Array(AREA);
  const view = new DataView(pool.buffer);
  for (let at = 0; at < AREA; at += 16) {
    const [se, m] = randomValue(r);
    view.setBigUint64(at, m, true);
    view.setUint16(at + 8, se, true);
  }
  return pool;
}

const OPERAND = 0x1000;
const width = (e: IsaEntry): string => e.operands.find((o) => o.code === "M")?.size ?? "";

function floatBits(r: Random, double: boolean): bigint {
  const max = double ? 0x7ff : 0xff;
  const fraction = double ? 52n : 23n;
  let e = r.below(max + 1);
  const k = r.below(10);
  if (k === 0) e = 0;
  else if (k === 1) e = max;
  else if (k < 7) e = (max >> 1) - 20 + r.below(40);
  const zero = r.chance(20);
  const m = zero ? 0n : r.bits64() & ((1n << fraction) - 1n);
  return (BigInt(r.below(2)) << (double ? 63n : 31n)) | (BigInt(e) << fraction) | (r.chance(30) ? m & ~0xffffn : m);
}

function operandBytes(r: Random, e: IsaEntry): Uint8Array {
  const out = new Uint8Array(112);
  const view = new DataView(out.buffer);
  const name = liftName(e);
  switch (width(e)) {
    case "w":
      view.setUint16(0, name === "fldcw" ? controlWord(r) : r.next(), true);
      break;
    case "d": view.setUint32(0, name.startsWith("fi") ? (r.chance(30) ? r.below(10) - 5 : r.next()) : Number(floatBits(r, false)), true); break;
    case "q": view.setBigUint64(0, name.startsWith("fi") ? r.bits64() >> BigInt(r.below(64)) : floatBits(r, true), true); break;
    case "t":
      if (name === "fbld") {
        for (let i = 0; i < 9; i++) out[i] = r.below(10) | (r.below(10) << 4);
        if (r.chance(20)) out.fill(0, r.below(9), 9);
        out[9] = r.chance(50) ? 0x80 : 0;
      } else {
        const [se, m] = randomValue(r);
        view.setBigUint64(0, m, true);
        view.setUint16(8, se, true);
      }
      break;
    default:
      // An environment in one of its layouts, registers behind it.
      for (const size of [r.chance(50) ? 14 : 28]) {
        [controlWord(r), statusWord(r), r.next()].forEach((w, i) => view.setUint16(i * (size === 14 ? 2 : 4), w, true));
        for (let i = 0; i < 8; i++) {
          const [se, m] = randomValue(r);
          view.setBigUint64(size + 10 * i, m, true);
          view.setUint16(size + 10 * i + 8, se, true);
        }
      }
  }
  return out;
}

const controlWord = (r: Random): number =>
  (r.chance(65) ? 0x3f : r.chance(30) ? 0x3f & ~(1 << r.below(6)) : r.below(64)) | (r.pick([0, 2, 3, 3, 3]) << 8) | (r.pick([0, 0, 1, 2, 3]) << 10) | 0x40 | (r.chance(20) ? 0x1000 : 0);
const statusWord = (r: Random): number => (r.below(8) << 11) | (r.next() & 0x4700) | (r.chance(15) ? r.below(128) : 0);

export function makeCase(r: Random, e: IsaEntry): Case {
  const code: number[] = [];
  const memory = e.modKind === "mem";
  if (e.suffixes === "WD" && r.chance(50)) code.push(0x66);
  const i = r.below(8);
  if (e.hasModrm || e.opcode === 0x9b) {
    code.push(e.opcode);
    if (e.opcode !== 0x9b) code.push(memory ? (e.regField << 3) | 3 : 0xc0 | (e.regField << 3) | (e.rmField >= 0 ? e.rmField : i));
  }
  code.push(0x0f, 0x0b);
  const fcw = controlWord(r);
  let fsw = statusWord(r);
  // Mostly nothing pending.
  if (r.chance(90)) fsw &= ~0x3f | fcw;
  if (fsw & ~fcw & 0x3f) fsw |= 0x8080;
  const top = (fsw >> 11) & 7;
  let ftw = r.chance(70) ? 0xff : r.chance(50) ? r.next() & 0xff : 0xff & ~(1 << r.below(8));
  // What pushes wants room.
  if (r.chance(60) && PUSHES.has(liftName(e))) ftw &= ~(1 << ((top + 7) & 7));
  const fpr = Uint16Array.from({ length: 8 }, () => 16 * r.below(AREA / 16));
  if (r.chance(8)) fpr[i] = fpr[0];
  const gpr = new BigUint64Array(16).fill(0n);
  const mode = r.chance(20) ? 32 : 64;
  gpr[0] = mode === 32 ? BigInt(r.next()) : r.bits64();
  gpr[3] = BigInt(DATA + OPERAND + (r.chance(5) ? r.below(20) - 10 : 0));
  gpr[4] = BigInt(DATA + 0x800);
  // Operands that reach into the unmapped page behind the data: the fault must leave the unit as it was.
  const faults = memory && r.chance(4);
  if (faults) gpr[3] = BigInt(DATA + AREA - r.below(12));
  return {
    code: Uint8Array.from(code), codeOffset: 0x40, undefinedFlags: 0, flags: r.next() & 0xcd5, mxcsr: 0x1f80, gpr, xmm: new Uint16Array(16), fpr, fcw, fsw, ftw,
    useFpu: 2, mode, entry: e.id, patches: memory && !faults ? [{ offset: Number(gpr[3]) - DATA, bytes: operandBytes(r, e) }] : [],
  };
}

/** Where the environment goes that shows the pointers; what the instruction under test reads stands at OPERAND. */
const SHOWN = 0x1800;

/**
 * A comparison with memory, which sets all pointers; the instruction; then FNSTENV, FNSAVE, or FXSAVE in one of their layouts. The
 * comparison has an override prefix at times.
 */
export function makePointerCase(r: Random, e: IsaEntry): Case {
  const c = makeCase(r, e);
  const prefixes = [0x36, 0x3e, 0x66, 0xf3];
  const first = [...(r.chance(30) ? [r.pick(prefixes)] : []), r.pick([0xd8, 0xdc]), 0x53, 8]; // FCOM m32/m64 [rbx + 8]
  const shown = r.pick([[0xd9, 0x36], [0x66, 0xd9, 0x36], [0xdd, 0x36], [0x66, 0xdd, 0x36], [0x0f, 0xae, 0x06], [0x48, 0x0f, 0xae, 0x06]]).slice();
  if (c.mode === 32 && shown[0] === 0x48) shown.shift();
  const gpr = c.gpr.slice();
  if (gpr[3] > BigInt(DATA + AREA - 0x100)) gpr[3] = BigInt(DATA + OPERAND);
  gpr[6] = BigInt(DATA + SHOWN);
  // An environment that is loaded has pointers, too.
  const bytes = c.patches[0]?.bytes.slice();
  if (bytes?.length === 112) for (let i = 6; i < 28; i++) if (i > 9 || c.code[0] === 0x66) bytes[i] = r.next();
  return {
    ...c, gpr, code: Uint8Array.from([...first, ...c.code.slice(0, -2), ...shown, 0x0f, 0x0b]),
    patches: c.patches.map((p) => ({ offset: p.offset, bytes: bytes ?? p.bytes })),
  };
}

/** What is seen of the pointers alone: the rest is the other comparison's. */
export function pointerDifference(c: Case, theirs: Outcome, ours: Outcome): string {
  if (theirs.vector !== ours.vector || theirs.rip !== ours.rip) return `ends with ${theirs.vector} at ${hex(theirs.rip)}, ours ${ours.vector} at ${hex(ours.rip)}`;
  const at = c.code.length - 2;
  const short = c.code[at - 3] === 0x66;
  const legacy = c.code[at - 2] === 0xae;
  const [from, to] = legacy ? [6, 24] : short ? [6, 14] : [12, 28];
  const byte = (m: Map<number, bigint>, offset: number): number => {
    const v = m.get(offset & ~7);
    return v === undefined ? -1 : Number((v >> BigInt(8 * (offset & 7))) & 255n);
  };
  const bytes = (m: Map<number, bigint>): string => Array.from({ length: to - from }, (_, i) => hex(byte(m, SHOWN + from + i), 2)).join(" ");
  const [a, b] = [bytes(theirs.memory), bytes(ours.memory)];
  return a === b ? "" : `pointers real ${a} ours ${b}`;
}

const PUSHES = new Set([
  "fld", "fild", "fbld", "fld1", "fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2", "fldz", "fptan", "fsincos", "fxtract",
]);
export const TRANSCENDENTAL = new Set(["f2xm1", "fyl2x", "fptan", "fpatan", "fyl2xp1", "fsincos", "fsin", "fcos"]);

/** Every x87 entry of the table. */
export const X87_ENTRIES = ISA.filter((e) => e.opcode >= 0xd8 && e.opcode <= 0xdf && e.map === 0 && !e.vex || liftName(e) === "fwait");

const hex = (n: number | bigint, digits = 4): string => n.toString(16).padStart(digits, "0");
export function showRegister(fpr: Uint8Array, i: number): string {
  const view = new DataView(fpr.buffer, fpr.byteOffset);
  return `${hex(view.getUint16(16 * i + 8, true))}:${hex(view.getBigUint64(16 * i, true), 16)}`;
}
/** Distance in units of the last place, as ordered integers. */
function ulps(a: Uint8Array, b: Uint8Array, i: number): bigint {
  const [x, y] = [a, b].map((f) => {
    const view = new DataView(f.buffer, f.byteOffset);
    const se = view.getUint16(16 * i + 8, true);
    const m = ((BigInt(se & 0x7fff) << 63n) | (view.getBigUint64(16 * i, true) & (J - 1n)));
    return se & 0x8000 ? -m : m;
  });
  return x < y ? y - x : x - y;
}

/** What differs, as text; "" where nothing does. */
export function difference(c: Case, theirs: Outcome, ours: Outcome): string {
  const name = liftName(ISA[c.entry]);
  const out: string[] = [];
  const check = (what: string, a: number | bigint, b: number | bigint): void => void (a !== b && out.push(`${what} real ${hex(a)} ours ${hex(b)}`));
  check("vector", theirs.vector, ours.vector);
  // Microcode touches an environment's parts in an order of its own.
  const page = /^f(n?st|ld)env$|^fnsave$|^frstor$/.test(name) ? 12n : 0n;
  check("cr2", theirs.cr2 >> page, ours.cr2 >> page);
  check("rip", theirs.rip - BigInt(CODE), ours.rip - BigInt(CODE));
  check("flags", theirs.flags & 0xcd5, ours.flags & 0xcd5);
  check("cw", theirs.fcw, ours.fcw);
  const loose = TRANSCENDENTAL.has(name);
  const ignored = loose ? 0x200 : 0;
  check("sw", theirs.fsw & ~ignored, ours.fsw & ~ignored);
  check("tags", theirs.ftw, ours.ftw);
  check("rax", theirs.gpr[0], ours.gpr[0]);
  for (let i = 0; i < 8; i++) {
    const a = showRegister(theirs.fpr, i), b = showRegister(ours.fpr, i);
    if (a !== b && !(loose && ulps(theirs.fpr, ours.fpr, i) <= 1n)) out.push(`st${i} real ${a} ours ${b}`);
  }
  // The environment's instruction and operand pointers are not kept.
  const environment = name === "fnstenv" || name === "fnsave" ? (c.code[0] === 0x66 ? [6, 14] : [12, 28]) : [0, 0];
  const base = Number(c.gpr[3]) - DATA;
  for (const at of new Set([...theirs.memory.keys(), ...ours.memory.keys()])) {
    for (let k = 0; k < 8; k++) {
      const offset = at + k - base;
      if (offset >= environment[0] && offset < environment[1]) continue;
      const byte = (m: Map<number, bigint>): number => {
        const v = m.get(at);
        return v === undefined ? -1 : Number((v >> BigInt(8 * k)) & 255n);
      };
      const a = byte(theirs.memory), b = byte(ours.memory);
      if (a !== b) out.push(`[${offset}] real ${a} ours ${b}`);
    }
  }
  return out.join(", ");
}

export function describeCase(c: Case, pool: Uint8Array): string {
  const fpr = initialFpr(c, pool);
  const i = c.code[1] & 7;
  const operand = c.patches.length > 0 ? ` m ${Buffer.from(c.patches[0].bytes.subarray(0, 16)).toString("hex")}` : "";
  return `${ISA[c.entry].source} | ${Buffer.from(c.code).toString("hex")} cw ${hex(c.fcw)} sw ${hex(c.fsw)} tags ${hex(c.ftw, 2)} st0 ${showRegister(fpr, 0)} st1 ${showRegister(fpr, 1)} st${i} ${showRegister(fpr, i)}${operand}`;
}
