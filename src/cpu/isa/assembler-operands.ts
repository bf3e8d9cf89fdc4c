/** Reads the text of assembler operands into typed values. */
import { UserError } from "../../base/errors.ts";
import { evaluate, evaluateLinear, type Symbols } from "./expression.ts";
import { GPR16, GPR32, GPR64, GPR8, GPR8H, SEGMENTS, SIZE_KEYWORDS } from "./registers.ts";

export type AsmRegClass = "gpr8" | "gpr8h" | "gpr16" | "gpr32" | "gpr64" | "seg" | "cr" | "dr" | "mmx" | "xmm" | "ymm" | "st";

export interface RegOperand {
  readonly kind: "reg";
  readonly cls: AsmRegClass;
  /** For gpr8h 4..7, as encoded. */
  readonly num: number;
}

export interface MemOperand {
  readonly kind: "mem";
  /** Explicit width in bits, 0 for none. */
  readonly width: number;
  readonly far: boolean;
  /** Explicit segment, or -1. */
  readonly seg: number;
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  /** The index is a vector register (VSIB). */
  readonly vector: "" | "xmm" | "ymm";
  /** Width of the address registers, 0 without any. */
  readonly addrBits: number;
  readonly disp: bigint;
  /** "rip": disp is relative as it stands; "target": disp is the address aimed at. */
  readonly relative: "no" | "rip" | "target";
}

export interface ImmOperand {
  readonly kind: "imm";
  readonly value: bigint;
  readonly width: number;
  readonly distance: "" | "short" | "near";
}

export interface FarOperand {
  readonly kind: "far";
  readonly selector: bigint;
  readonly offset: bigint;
  readonly width: number;
}

export type AsmOperand = RegOperand | MemOperand | ImmOperand | FarOperand;

const REGISTERS: ReadonlyMap<string, RegOperand> = (() => {
  const map = new Map<string, RegOperand>();
  const add = (names: readonly string[], cls: AsmRegClass, first = 0): void => names.forEach((n, i) => map.set(n, { kind: "reg", cls, num: first + i }));
  add(GPR64, "gpr64");
  add(GPR32, "gpr32");
  add(GPR16, "gpr16");
  add(GPR8, "gpr8");
  add(GPR8H, "gpr8h", 4);
  add(SEGMENTS, "seg");
  for (let i = 0; i < 16; i++) {
    map.set(`xmm${i}`, { kind: "reg", cls: "xmm", num: i });
    map.set(`ymm${i}`, { kind: "reg", cls: "ymm", num: i });
    map.set(`cr${i}`, { kind: "reg", cls: "cr", num: i });
    map.set(`dr${i}`, { kind: "reg", cls: "dr", num: i });
  }
  for (let i = 0; i < 8; i++) {
    map.set(`mm${i}`, { kind: "reg", cls: "mmx", num: i });
    map.set(`st${i}`, { kind: "reg", cls: "st", num: i });
    map.set(`st(${i})`, { kind: "reg", cls: "st", num: i });
  }
  map.set("st", { kind: "reg", cls: "st", num: 0 });
  return map;
})();

const WIDTHS: ReadonlyMap<string, number> = new Map([
  ...[...SIZE_KEYWORDS].map(([bits, word]): [string, number] => [word.toLowerCase(), bits]), ["oword", 128], ["tword", 80],
]);

const BITS: Partial<Record<AsmRegClass, number>> = { gpr16: 16, gpr32: 32, gpr64: 64 };

const isVector = (r: RegOperand): boolean => r.cls === "xmm" || r.cls === "ymm";

function isAddressRegister(name: string): boolean {
  const r = REGISTERS.get(name);
  return name === "rip" || name === "eip" || (r !== undefined && (BITS[r.cls] !== undefined || isVector(r)));
}

interface Address {
  base: number;
  index: number;
  scale: number;
  vector: "" | "xmm" | "ymm";
  addrBits: number;
  disp: bigint;
  relative: "no" | "rip" | "target";
}

function parseAddress(text: string, symbols: Symbols): Address {
  const rel = /^\s*rel\s+(.*)$/i.exec(text);
  if (rel) return { base: -1, index: -1, scale: 0, vector: "", addrBits: 0, disp: evaluate(rel[1], symbols), relative: "target" };
  const form = evaluateLinear(text, symbols, isAddressRegister);
  const out: Address = { base: -1, index: -1, scale: 0, vector: "", addrBits: 0, disp: form.value, relative: "no" };
  const terms = [...form.registers].filter(([, factor]) => factor !== 0n);
  if (terms.length === 1 && (terms[0][0] === "rip" || terms[0][0] === "eip") && terms[0][1] === 1n) {
    out.relative = "rip";
    out.addrBits = terms[0][0] === "rip" ? 64 : 32;
    return out;
  }
  const scales: [number, bigint][] = [];
  for (const [name, factor] of terms) {
    const r = REGISTERS.get(name);
    if (r !== undefined && isVector(r) && out.vector === "") {
      out.vector = r.cls === "ymm" ? "ymm" : "xmm";
      out.index = r.num;
      out.scale = [1n, 2n, 4n, 8n].indexOf(factor);
      if (out.scale < 0) throw new UserError(`cannot encode the address "${text}"`);
      continue;
    }
    const bits = r === undefined ? undefined : BITS[r.cls];
    if (r === undefined || bits === undefined) throw new UserError(`bad address register ${name}`);
    if (out.addrBits !== 0 && out.addrBits !== bits) throw new UserError(`address registers of different sizes in "${text}"`);
    out.addrBits = bits;
    scales.push([r.num, factor]);
  }
  if (scales.length === 1 && [2n, 3n, 5n, 9n].includes(scales[0][1])) { // r*3 = r+r*2; a base is shorter than disp32
    scales.push([scales[0][0], 1n]);
    scales[0] = [scales[0][0], scales[0][1] - 1n];
  }
  // The stack pointer cannot be an index (SDM Vol. 2 Table 2-3): it becomes the base.
  scales.sort((a, b) => Number(b[1] === 1n && b[0] === 4) - Number(a[1] === 1n && a[0] === 4));
  for (const [num, factor] of scales) {
    if (out.vector !== "" && (factor !== 1n || out.base >= 0)) throw new UserError(`cannot encode the address "${text}"`);
    if (factor === 1n && out.base < 0) out.base = num;
    else if (out.index < 0 && [1n, 2n, 4n, 8n].includes(factor)) {
      out.index = num;
      out.scale = [1n, 2n, 4n, 8n].indexOf(factor);
    } else throw new UserError(`cannot encode the address "${text}"`);
  }
  if (out.index === 4 && out.vector === "") throw new UserError(`the stack pointer cannot be an index: "${text}"`);
  return out;
}

/** Reads one operand. */
export function parseAsmOperand(source: string, symbols: Symbols): AsmOperand {
  let text = source.trim();
  let width = 0, far = false;
  let distance: "" | "short" | "near" = "";
  const direct = REGISTERS.get(text.toLowerCase().replace(/\s+/g, ""));
  if (direct) return direct;
  for (;;) {
    const m = /^([A-Za-z]+)\b\s*(.*)$/s.exec(text);
    const word = m?.[1].toLowerCase();
    if (!m || word === undefined) break;
    const bits = WIDTHS.get(word);
    if (bits !== undefined) width = bits;
    else if (word === "far") far = true;
    else if (word === "short" || word === "near") distance = word;
    else if (word !== "ptr") break;
    text = m[2];
  }
  let seg = -1;
  let bracketed = /^(?:([A-Za-z]s)\s*:\s*)?\[(.*)\]$/is.exec(text);
  let inner: string | undefined;
  if (bracketed) {
    inner = bracketed[2];
    if (bracketed[1] !== undefined) seg = segmentNumber(bracketed[1]);
    const m = /^\s*([A-Za-z]s)\s*:(.*)$/s.exec(inner);
    if (m) {
      seg = segmentNumber(m[1]);
      inner = m[2];
    }
  } else {
    bracketed = /^([c-gs]s)\s*:(.*)$/is.exec(text);
    if (bracketed) {
      seg = segmentNumber(bracketed[1]);
      inner = bracketed[2];
    }
  }
  if (inner !== undefined) return { kind: "mem", width, far, seg, ...parseAddress(inner, symbols) };
  const colon = text.startsWith("'") || text.startsWith("\"") ? -1 : text.indexOf(":");
  if (colon > 0) {
    return { kind: "far", selector: evaluate(text.slice(0, colon), symbols), offset: evaluate(text.slice(colon + 1), symbols), width };
  }
  const again = REGISTERS.get(text.toLowerCase());
  if (again) return again;
  return { kind: "imm", value: evaluate(text, symbols), width, distance };
}

function segmentNumber(name: string): number {
  const at = (SEGMENTS as readonly string[]).indexOf(name.toLowerCase());
  if (at < 0) throw new UserError(`unknown segment register ${name}`);
  return at;
}

/** Splits at commas that are outside brackets, parentheses and quotes. */
export function splitOperands(text: string): string[] {
  const parts: string[] = [];
  let depth = 0, quote = "", current = "";
  for (const ch of text) {
    if (quote !== "") {
      if (ch === quote) quote = "";
    } else if (ch === "'" || ch === '"') quote = ch;
    else if (ch === "[" || ch === "(") depth++;
    else if (ch === "]" || ch === ")") depth--;
    else if (ch === "," && depth === 0) {
      parts.push(current);
      current = "";
      continue;
    }
    current += ch;
  }
  if (current.trim() !== "" || parts.length > 0) parts.push(current);
  return parts.map((p) => p.trim());
}
