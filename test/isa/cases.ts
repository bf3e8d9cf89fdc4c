/** Generates assembler text for every table entry: the operands are made from the entry's operand codes. */
import { GPR16, GPR32, GPR64, GPR8, GPR8H, SEGMENTS, SIZE_KEYWORDS } from "../../src/cpu/isa/registers.ts";
import type { IsaEntry, OperandSpec } from "../../src/cpu/isa/isa.ts";
import { type SizeContext, sizeInBits } from "../../src/cpu/isa/sizes.ts";

export interface AsmCase {
  readonly entry: IsaEntry;
  /** `$` stands for the address of the instruction. */
  readonly text: string;
}

/** A small deterministic generator (Numerical Recipes LCG). */
export class Random {
  constructor(private state: number) {}
  next(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 4294967296) * limit);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.next(list.length)];
  }
}

function gpr(width: number, mode: number, r: Random): string {
  const count = mode === 64 ? 16 : 8;
  switch (width) {
    case 8: return mode === 64 ? r.pick(GPR8) : r.pick([...GPR8.slice(0, 4), ...GPR8H]);
    case 16: return GPR16[r.next(count)];
    case 32: return GPR32[r.next(count)];
    default: return GPR64[r.next(count)];
  }
}

/** An address whose index is a vector register. */
function vectorAddress(mode: number, bits: number, index: number, r: Random): string {
  const names = mode === 64 ? GPR64 : GPR32;
  const base = names[r.next(mode === 64 ? 16 : 8)];
  return `[${r.pick([base, base, ""])}${"+"}${bits === 256 ? "ymm" : "xmm"}${index}*${r.pick([1, 2, 4, 8])}${r.pick(["", "+0x10", "-0x80", "+0x1234"])}]`.replace("[+", "[");
}

function addressText(mode: number, r: Random): string {
  const disp = r.pick(["", "+0x10", "-0x80", "+0x1234"]);
  if (mode === 16) return `[${r.pick(["bx+si", "bx+di", "bp+si", "bp+di", "si", "di", "bx"])}${disp}]`;
  const names = mode === 64 ? GPR64 : GPR32;
  const count = mode === 64 ? 16 : 8;
  const base = r.next(count);
  switch (r.next(3)) {
    case 0: return `[${names[base]}${disp}]`;
    case 1: {
      const index = r.next(count);
      return `[${names[base]}+${names[index === 4 ? 3 : index]}*${r.pick([2, 4, 8])}${disp}]`;
    }
    default: return mode === 64 ? "[rip+0x12345]" : "ds:0x12345";
  }
}

function stringRegister(num: number, mode: number): string {
  return (mode === 64 ? GPR64 : mode === 32 ? GPR32 : GPR16)[num];
}

function keyword(bits: number): string {
  const word = SIZE_KEYWORDS.get(bits);
  return word === undefined ? "" : `${word} PTR `;
}

function fixedText(fixed: string, ctx: SizeContext): string {
  const wide = (bits: number): string => (bits === 64 ? "rax" : bits === 32 ? "eax" : "ax");
  switch (fixed) {
    case "rAX": return wide(ctx.opSize);
    case "eAX": return wide(ctx.opSize === 16 ? 16 : 32);
    case "ST0": return "st";
    case "mBX": return `BYTE PTR ds:[${stringRegister(3, ctx.mode)}]`;
    default: return fixed.toLowerCase();
  }
}

function operandText(spec: OperandSpec, entry: IsaEntry, ctx: SizeContext, r: Random): string {
  const bits = sizeInBits(spec.size, ctx);
  const memory = (): string => (spec.size === "s" ? "" : keyword(bits)) + addressText(ctx.mode, r);
  const useMemory = entry.modKind === "mem" || (entry.modKind === "any" && r.next(2) === 0);
  const vectors = ctx.mode === 64 ? 16 : 8;
  const at = entry.operands.indexOf(spec);
  const vsib = entry.operands.find((o) => o.code === "T");
  const vector = (): string => {
    // Gathers want three different registers.
    const n = vsib === undefined ? r.next(vectors) : (r.next(2) * 4 + at) % vectors;
    return `${bits === 256 ? "ymm" : "xmm"}${n}`;
  };
  switch (spec.code) {
    case "fixed": return fixedText(spec.fixed ?? "", ctx);
    case "E": return useMemory ? memory() : gpr(bits, ctx.mode, r);
    case "M": return vsib === undefined ? memory() : keyword(bits) + vectorAddress(ctx.mode, sizeInBits(vsib.size, ctx), 3, r);
    case "T": return "";
    case "R": case "G": case "B": case "Z": return gpr(bits, ctx.mode, r);
    case "Q": return useMemory ? memory() : `mm${r.next(8)}`;
    case "P": case "N": return `mm${r.next(8)}`;
    case "W": return useMemory ? memory() : vector();
    case "V": case "U": case "H": case "L": return vector();
    case "S": return entry.operands[0] === spec ? r.pick(["es", "ss", "ds", "fs", "gs"]) : r.pick(SEGMENTS);
    case "C": return r.pick(["cr0", "cr2", "cr3", "cr4"]);
    case "D": return `dr${r.next(8)}`;
    case "ST": return `st(${r.next(8)})`;
    case "I":
      switch (spec.size) {
        case "b": return r.pick(["0x5", "0x7f"]);
        case "bs": return r.pick(["0x5", "0x7f", "-0x2"]);
        case "w": return r.pick(["0x5", "0xfedc"]);
        default: return ctx.opSize === 16 ? "0x1234" : ctx.opSize === 64 && spec.size === "v" ? "0x123456789abcdef0" : "0x12345678";
      }
    case "J": return spec.size === "b" ? r.pick(["$+0x10", "$-0x20"]) : "$+0x1234";
    case "O": return ctx.mode === 64 ? "ds:0x1122334455667788" : "ds:0x1234";
    case "A": return ctx.opSize === 16 ? "0x10:0x1234" : "0x10:0x12345678";
    case "X": return `${keyword(bits)}ds:[${stringRegister(6, ctx.mode)}]`;
    case "Y": return `${keyword(bits)}es:[${stringRegister(7, ctx.mode)}]`;
  }
}

const SIZES = [16, 32, 64] as const;

/** Operand sizes that the entry can have in this mode. */
function sizesOf(entry: IsaEntry, mode: number): readonly number[] {
  const main = mode === 64 ? (entry.d64 || entry.f64 ? 64 : 32) : mode;
  if (entry.w >= 0) return [entry.vex ? main : entry.w === 1 ? 64 : 32];
  const sized = entry.suffixes !== "" || !entry.names.every((n) => n === entry.mnemonic) || entry.operands.some((o) =>
    ["v", "z", "y", "p", "a", "bs"].includes(o.size) || o.fixed === "rAX" || o.fixed === "eAX");
  if (!sized || entry.f64 && mode === 64) return [main];
  const fixed66 = entry.prefix === "66" || entry.prefix === "NP" || entry.vex;
  return SIZES.filter((s) => (s === 64 ? mode === 64 : true) && !(s === 32 && mode === 64 && entry.d64) && !(s === 64 && entry.suffixes === "WD") && !(fixed66 && s !== main && s !== 64));
}

/** Cases of one entry in one mode. */
export function casesFor(entry: IsaEntry, mode: 16 | 32 | 64, count: number): AsmCase[] {
  if (mode === 64 ? entry.i64 : entry.o64) return [];
  if (entry.w === 1 && !entry.vex && mode !== 64) return [];
  if (mode === 16 && entry.operands.some((o) => o.code === "T")) return [];
  const r = new Random(entry.id * 7919 + mode);
  const cases: AsmCase[] = [];
  for (const opSize of sizesOf(entry, mode)) {
    const ctx: SizeContext = { mode, opSize, addrSize: mode, vexL: entry.l === 1 ? 1 : 0 };
    const at = SIZES.indexOf(entry.namesBy === "addr" ? mode : opSize as 16 | 32 | 64);
    const main = mode === 64 ? (entry.d64 || entry.f64 ? 64 : 32) : mode;
    const suffix = opSize !== main ? entry.suffixes.charAt(at).toLowerCase() : "";
    for (let i = 0; i < count; i++) {
      const operands = entry.operands.filter((o) => o.code !== "T").map((o) => operandText(o, entry, ctx, r)).join(",");
      const text = `${entry.names[at].toLowerCase()}${suffix} ${operands}`.trim();
      if (!cases.some((c) => c.text === text)) cases.push({ entry, text });
    }
  }
  return cases;
}
