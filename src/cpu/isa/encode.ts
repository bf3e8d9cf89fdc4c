/** The assembler's back end: every encoding of one instruction with given operands, from the ISA tables. SDM Vol. 2 Chapter 2. */
import { UserError } from "../../base/errors.ts";
import type { AsmOperand, AsmRegClass, MemOperand, RegOperand } from "./assembler-operands.ts";
import { ISA, type IsaEntry, type OperandSpec } from "./isa.ts";
import { PSEUDO_OPS } from "./pseudo.ts";
import { type SizeContext, sizeInBits } from "./sizes.ts";

export interface AsmInstruction {
  /** Upper case. */
  readonly mnemonic: string;
  readonly operands: readonly AsmOperand[];
  readonly lock: boolean;
  /** 0, 0xF2 or 0xF3. */
  readonly rep: number;
  /** Sizes that the text asks for (o16, a32 …), 0 for none. */
  readonly opSize: number;
  readonly addrSize: number;
}

const SIZES = [16, 32, 64] as const;

interface Named {
  readonly entry: IsaEntry;
  /** Operand size that the name demands, 0 for none; -1 for the mode's default. */
  readonly opSize: number;
  readonly addrSize: number;
  /** The name stands for the instruction without its operands. */
  readonly bare: boolean;
}

const BY_NAME: ReadonlyMap<string, readonly Named[]> = (() => {
  const map = new Map<string, Named[]>();
  const add = (name: string, named: Named): void => {
    const list = map.get(name);
    if (list) list.push(named);
    else map.set(name, [named]);
  };
  for (const entry of ISA) {
    const same = entry.names.every((n) => n === entry.mnemonic);
    for (const [i, size] of SIZES.entries()) {
      if (same && i > 0) break;
      add(entry.names[i], { entry, opSize: same || entry.namesBy === "addr" ? 0 : size, addrSize: !same && entry.namesBy === "addr" ? size : 0, bare: false });
      for (const alias of i === 0 ? entry.aliases : []) add(alias, { entry, opSize: 0, addrSize: 0, bare: false });
    }
    for (const [i, letter] of [...entry.suffixes].entries()) add(entry.mnemonic + letter, { entry, opSize: SIZES[i], addrSize: 0, bare: false });
    const many = entry.bareNames.length > 1;
    entry.bareNames.forEach((n, i) => add(n, { entry, opSize: many ? SIZES[i] : 0, addrSize: 0, bare: true }));
    if (entry.mnemonic === "MOV" && entry.operands.some((o) => o.code === "O" || o.code === "Z")) add(`${entry.mnemonic}ABS`, { entry, opSize: 0, addrSize: 0, bare: false });
  }
  return map;
})();

const PSEUDO = new Map(PSEUDO_OPS.map((p) => [p.name, p]));

/** Register fields, memory operand and trailing bytes that matching the operands produced. */
interface Fields {
  reg: number;
  rm: number;
  opreg: number;
  vvvv: number;
  mem: MemOperand | undefined;
  /** Segment override of a string or absolute operand. */
  seg: number;
  /** Needs a REX prefix (SPL …), or cannot have one (AH …). */
  needRex: boolean;
  banRex: boolean;
  tail: number[];
  /** Branch target and the width in bytes of its displacement. */
  target: bigint | undefined;
  targetSize: number;
}

function littleEndian(value: bigint, bytes: number): number[] {
  const out: number[] = [];
  for (let i = 0, v = BigInt.asUintN(bytes * 8, value); i < bytes; i++, v >>= 8n) out.push(Number(v & 0xffn));
  return out;
}

/** Whether `value` is a signed or unsigned number of that many bits. */
function fits(value: bigint, bits: number): boolean {
  return value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits);
}

function fitsSigned(value: bigint, bits: number): boolean {
  return BigInt.asIntN(bits, value) === value;
}

const GPR_BITS: Partial<Record<AsmRegClass, number>> = { gpr8: 8, gpr8h: 8, gpr16: 16, gpr32: 32, gpr64: 64 };

function noteByte(op: RegOperand, f: Fields): void {
  if (op.cls === "gpr8h") f.banRex = true;
  else if (op.cls === "gpr8" && op.num >= 4 && op.num < 8) f.needRex = true;
}

function matchFixed(fixed: string, op: AsmOperand, ctx: SizeContext, f: Fields): boolean {
  if (fixed === "1") return op.kind === "imm" && op.value === 1n;
  if (fixed === "mBX") return matchString(op, 3, 8, ctx, f, true);
  if (op.kind !== "reg") return false;
  switch (fixed) {
    case "AL": case "CL": return op.cls === "gpr8" && op.num === (fixed === "AL" ? 0 : 1);
    case "AX": case "DX": return op.cls === "gpr16" && op.num === (fixed === "AX" ? 0 : 2);
    case "rAX": return op.num === 0 && op.cls !== "gpr8" && GPR_BITS[op.cls] === ctx.opSize;
    case "eAX": return op.num === 0 && op.cls !== "gpr8" && GPR_BITS[op.cls] === (ctx.opSize === 16 ? 16 : 32) && ctx.opSize !== 64;
    case "ST0": return op.cls === "st" && op.num === 0;
    case "XMM0": return op.cls === "xmm" && op.num === 0;
    default: return op.cls === "seg" && op.num === ["ES", "CS", "SS", "DS", "FS", "GS"].indexOf(fixed);
  }
}

function matchString(op: AsmOperand, base: number, bits: number, ctx: SizeContext, f: Fields, override: boolean): boolean {
  if (op.kind !== "mem" || op.base !== base || op.index >= 0 || op.disp !== 0n || op.relative !== "no") return false;
  if (op.addrBits !== ctx.addrSize || (op.width !== 0 && op.width !== bits)) return false;
  if (op.seg >= 0) {
    if (override) { if (op.seg !== 3) f.seg = op.seg; } else if (op.seg !== 0) return false;
  }
  return true;
}

function matchMemory(op: AsmOperand, bits: number, spec: OperandSpec, entry: IsaEntry, ctx: SizeContext, f: Fields): boolean {
  if (op.kind !== "mem") return false;
  if (op.far && spec.size !== "p") return false;
  if (!op.far && op.width === 0 && spec.size === "p" && entry.operands.length === 1) return false; // CALL [x] is near
  const width = op.far && op.width !== 0 ? op.width + 16 : op.width;
  if (width !== 0 && bits !== 0 && spec.size !== "s" && width !== bits) return false;
  if (op.addrBits !== 0 ? op.addrBits !== ctx.addrSize : false) return false;
  if (ctx.mode === 64 && ctx.addrSize === 16) return false;
  const vsib = entry.operands.find((o) => o.code === "T");
  if (op.vector !== (vsib === undefined ? "" : vectorClass(sizeInBits(vsib.size, ctx)))) return false;
  if (vsib !== undefined && ctx.addrSize === 16) return false;
  f.mem = op;
  return true;
}

function matchImmediate(spec: OperandSpec, op: AsmOperand, entry: IsaEntry, ctx: SizeContext, f: Fields): boolean {
  if (op.kind !== "imm" || op.distance !== "") return false;
  const v = op.value;
  switch (spec.size) {
    case "b":
      if (!fits(v, 8)) return false;
      f.tail.push(...littleEndian(v, 1));
      return true;
    case "bs":
      if (!fits(v, ctx.opSize) || !fitsSigned(BigInt.asIntN(ctx.opSize, v), 8)) return false;
      if (entry.operands.length === 1 && op.width !== 0 && op.width !== 8 && op.width !== ctx.opSize) return false;
      f.tail.push(...littleEndian(v, 1));
      return true;
    case "w":
      if (!fits(v, 16)) return false;
      f.tail.push(...littleEndian(v, 2));
      return true;
    case "z":
      if (!fits(v, ctx.opSize) || (ctx.opSize === 64 && !fitsSigned(BigInt.asIntN(64, v), 32))) return false;
      if (entry.operands.length === 1 && op.width !== 0 && op.width !== ctx.opSize) return false;
      f.tail.push(...littleEndian(v, ctx.opSize === 16 ? 2 : 4));
      return true;
    default:
      if (!fits(v, ctx.opSize)) return false;
      f.tail.push(...littleEndian(v, ctx.opSize >> 3));
      return true;
  }
}

function matchGpr(spec: OperandSpec, op: AsmOperand, entry: IsaEntry, ctx: SizeContext, f: Fields): number {
  if (op.kind !== "reg") return -1;
  const bits = GPR_BITS[op.cls];
  if (bits === undefined) return -1;
  const anyWidth = spec.code === "R" && entry.operands[0].code === "S" && bits >= 16; // MOV DS,EAX = MOV DS,AX
  if (bits !== sizeInBits(spec.size, ctx) && !anyWidth) return -1;
  noteByte(op, f);
  return op.num;
}

function matchClass(op: AsmOperand, cls: AsmRegClass): number {
  return op.kind === "reg" && op.cls === cls ? op.num : -1;
}

const vectorClass = (bits: number): AsmRegClass => (bits === 256 ? "ymm" : "xmm");

function matchOperand(spec: OperandSpec, op: AsmOperand, entry: IsaEntry, ctx: SizeContext, f: Fields): boolean {
  const bits = sizeInBits(spec.size, ctx);
  switch (spec.code) {
    case "fixed": return spec.fixed !== undefined && matchFixed(spec.fixed, op, ctx, f);
    case "E":
      if (op.kind === "mem") return entry.modKind !== "reg" && matchMemory(op, bits, spec, entry, ctx, f);
      return entry.modKind !== "mem" && (f.rm = matchGpr(spec, op, entry, ctx, f)) >= 0;
    case "R": return (f.rm = matchGpr(spec, op, entry, ctx, f)) >= 0;
    case "G": return (f.reg = matchGpr(spec, op, entry, ctx, f)) >= 0;
    case "B": return (f.vvvv = matchGpr(spec, op, entry, ctx, f)) >= 0;
    case "Z": return (f.opreg = matchGpr(spec, op, entry, ctx, f)) >= 0;
    case "M": return matchMemory(op, bits, spec, entry, ctx, f);
    case "S": return (f.reg = matchClass(op, "seg")) >= 0 && !(f.reg === 1 && entry.operands[0] === spec);
    case "C": return (f.reg = matchClass(op, "cr")) >= 0;
    case "D": return (f.reg = matchClass(op, "dr")) >= 0 && f.reg < 8;
    case "P": return (f.reg = matchClass(op, "mmx")) >= 0;
    case "N": return (f.rm = matchClass(op, "mmx")) >= 0;
    case "Q": return op.kind === "mem" ? matchMemory(op, bits, spec, entry, ctx, f) : (f.rm = matchClass(op, "mmx")) >= 0;
    case "V": return (f.reg = matchClass(op, vectorClass(bits))) >= 0;
    case "H": return (f.vvvv = matchClass(op, vectorClass(bits))) >= 0;
    case "U": return (f.rm = matchClass(op, vectorClass(bits))) >= 0;
    case "W": return op.kind === "mem" ? matchMemory(op, bits, spec, entry, ctx, f) : (f.rm = matchClass(op, vectorClass(bits))) >= 0;
    case "L": {
      const num = matchClass(op, vectorClass(bits));
      f.tail.push((num & 15) << 4);
      return num >= 0;
    }
    // Matched with the memory operand that it is part of.
    case "T": return false;
    case "ST": return (f.rm = matchClass(op, "st")) >= 0;
    case "I": return matchImmediate(spec, op, entry, ctx, f);
    case "J":
      if (op.kind !== "imm" || (op.distance === "short" && spec.size !== "b") || (op.distance === "near" && spec.size === "b")) return false;
      f.target = op.value;
      f.targetSize = spec.size === "b" ? 1 : ctx.opSize === 16 ? 2 : 4;
      return true;
    case "O": {
      if (op.kind !== "mem" || op.addrBits !== 0 || op.relative !== "no" || op.far) return false;
      if ((op.width !== 0 && op.width !== bits) || !fits(op.disp, ctx.addrSize)) return false;
      if (op.seg >= 0 && op.seg !== 3) f.seg = op.seg;
      f.tail.push(...littleEndian(op.disp, ctx.addrSize >> 3));
      return true;
    }
    case "A":
      if (op.kind !== "far" || ctx.opSize === 64 || (op.width !== 0 && op.width !== ctx.opSize)) return false;
      if (!fits(op.offset, ctx.opSize) || !fits(op.selector, 16)) return false;
      f.tail.push(...littleEndian(op.offset, ctx.opSize >> 3), ...littleEndian(op.selector, 2));
      return true;
    case "X": return matchString(op, 6, bits, ctx, f, true);
    case "Y": return matchString(op, 7, bits, ctx, f, false);
  }
}

/** ModRM, SIB and displacement of a memory operand; undefined when this addressing form cannot hold it. */
function encodeMemory(mem: MemOperand, regField: number, addrSize: number, mode: number): { bytes: number[]; relative: bigint | undefined } | undefined {
  const reg = (regField & 7) << 3;
  const none = { relative: undefined };
  if (mem.relative !== "no") {
    if (mode !== 64) return undefined;
    if (mem.relative === "target") return { bytes: [reg | 5, 0, 0, 0, 0], relative: mem.disp };
    return fitsSigned(BigInt.asIntN(64, mem.disp), 32) || fits(mem.disp, 32) && addrSize === 32 ? { bytes: [reg | 5, ...littleEndian(mem.disp, 4)], ...none } : undefined;
  }
  if (addrSize === 16) return encodeMemory16(mem, reg);
  const disp = BigInt.asIntN(addrSize, mem.disp);
  if (!fitsSigned(disp, 32) || !fits(mem.disp, addrSize)) return undefined;
  if (mem.base < 0) {
    if (mem.index < 0 && mode !== 64) return { bytes: [reg | 5, ...littleEndian(disp, 4)], ...none };
    const sib = mem.index < 0 ? 0x25 : (mem.scale << 6) | ((mem.index & 7) << 3) | 5;
    return { bytes: [reg | 4, sib, ...littleEndian(disp, 4)], ...none };
  }
  const dispSize = disp === 0n && (mem.base & 7) !== 5 ? 0 : fitsSigned(disp, 8) ? 1 : 4;
  const mod = dispSize === 0 ? 0 : dispSize === 1 ? 0x40 : 0x80;
  if (mem.index < 0 && (mem.base & 7) !== 4) return { bytes: [mod | reg | (mem.base & 7), ...littleEndian(disp, dispSize)], ...none };
  const index = mem.index < 0 ? 4 : mem.index & 7;
  return { bytes: [mod | reg | 4, (mem.scale << 6) | (index << 3) | (mem.base & 7), ...littleEndian(disp, dispSize)], ...none };
}

const FORMS_16: ReadonlyMap<string, number> = new Map([["3,6", 0], ["3,7", 1], ["5,6", 2], ["5,7", 3], ["6,-1", 4], ["7,-1", 5], ["5,-1", 6], ["3,-1", 7]]);

function encodeMemory16(mem: MemOperand, reg: number): { bytes: number[]; relative: undefined } | undefined {
  if (!fits(mem.disp, 16) || mem.scale !== 0) return undefined;
  const disp = BigInt.asIntN(16, mem.disp);
  if (mem.base < 0 && mem.index < 0) return { bytes: [reg | 6, ...littleEndian(disp, 2)], relative: undefined };
  const form = FORMS_16.get(`${mem.base},${mem.index}`) ?? FORMS_16.get(`${mem.index},${mem.base}`);
  if (form === undefined) return undefined;
  const dispSize = disp === 0n && form !== 6 ? 0 : fitsSigned(disp, 8) ? 1 : 2;
  return { bytes: [(dispSize << 6) | reg | form, ...littleEndian(disp, dispSize)], relative: undefined };
}

const SEGMENT_PREFIX = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65] as const;

function defaultOpSize(entry: IsaEntry, mode: number): number {
  if (mode === 64) return entry.d64 || entry.f64 ? 64 : 32;
  return mode;
}

/** Operand sizes the entry can have in this mode, with the bytes they take. */
function prefix66(entry: IsaEntry, opSize: number, mode: number): boolean | undefined {
  const mandatory = entry.prefix === "66";
  if (mode === 64 && opSize === 64) return mandatory;
  if (mode !== 64 && opSize === 64) return undefined;
  if (mode === 64 && entry.f64) return undefined;
  if (mode === 64 && entry.d64) return opSize === 16 ? true : undefined;
  const isDefault = opSize === (mode === 16 ? 16 : 32);
  if (isDefault) return mandatory;
  if (mandatory || entry.prefix === "NP" || entry.vex) return undefined;
  return true;
}

function encodeOne(entry: IsaEntry, operands: readonly AsmOperand[], bare: boolean, nameAddr: number, request: AsmInstruction, ctx: SizeContext, address: bigint): Uint8Array | undefined {
  const { mode, opSize, addrSize } = ctx;
  const use66 = prefix66(entry, opSize, mode);
  if (use66 === undefined) return undefined;
  const f: Fields = {
    reg: entry.regField, rm: entry.rmField, opreg: -1, vvvv: 0, mem: undefined, seg: -1, needRex: false, banRex: false,
    tail: [], target: undefined, targetSize: 0,
  };
  if (!bare) {
    if (operands.length !== entry.operands.filter((o) => o.code !== "T").length) return undefined;
    // Registers first, so that an operand's memory form sees whether another operand fixes its size.
    for (let i = operands.length - 1; i >= 0; i--) {
      if (operands[i].kind === "mem" || operands[i].kind === "imm") continue;
      if (!matchOperand(entry.operands[i], operands[i], entry, ctx, f)) return undefined;
    }
    for (let i = 0; i < operands.length; i++) {
      if (operands[i].kind !== "mem" && operands[i].kind !== "imm") continue;
      if (!matchOperand(entry.operands[i], operands[i], entry, ctx, f)) return undefined;
    }
  }
  // An address-size prefix only where the operands, the name or the text ask for it.
  const asked = nameAddr !== 0 || request.addrSize !== 0 ||
    operands.some((o) => o.kind === "mem" && (o.addrBits !== 0 || !fits(o.disp, mode)));
  if (addrSize !== mode && !asked) return undefined;
  if (request.lock && (!entry.lock || f.mem === undefined)) return undefined;
  let wide = mode === 64 && opSize === 64 && !entry.f64 && !entry.d64;
  // VEX.W is an opcode bit in every mode where the entry asks for it.
  if (entry.vex && entry.w === 1) wide = true;
  else if ((entry.w === 1 && !wide) || (entry.w === 0 && wide)) return undefined;

  const out: number[] = [];
  const memSeg = f.mem === undefined || f.mem.seg < 0 || (f.mem.seg === (f.mem.base === 4 || f.mem.base === 5 ? 2 : 3)) ? -1 : f.mem.seg;
  const seg = memSeg >= 0 ? memSeg : f.seg;
  if (seg >= 0) out.push(SEGMENT_PREFIX[seg]);
  if (addrSize !== mode) out.push(0x67);
  if (request.lock) out.push(0xf0);
  if (request.rep !== 0) out.push(request.rep);
  if (use66 && !entry.vex) out.push(0x66);
  if (entry.prefix === "F3" || entry.prefix === "F2") if (!entry.vex) out.push(entry.prefix === "F3" ? 0xf3 : 0xf2);

  let rex = wide ? 8 : 0;
  if (f.reg > 7) rex |= 4;
  if (f.mem !== undefined) rex |= (f.mem.index > 7 ? 2 : 0) | (f.mem.base > 7 ? 1 : 0);
  else if (f.rm > 7 || f.opreg > 7) rex |= 1;
  if (entry.vex) out.push(...vexPrefix(entry, rex, f.vvvv));
  else {
    if (rex !== 0 || f.needRex) {
      if (f.banRex || mode !== 64) return undefined;
      out.push(0x40 | rex);
    }
    if (entry.map >= 1) out.push(0x0f);
    if (entry.map >= 2) out.push(entry.map === 2 ? 0x38 : 0x3a);
  }
  if (mode !== 64 && (f.reg > 7 || f.rm > 7 || f.opreg > 7 || f.vvvv > 7)) return undefined;
  out.push(entry.plusR ? entry.opcode | (f.opreg & 7) : entry.opcode);

  let relativeAt = -1, relativeTo = 0n;
  if (entry.hasModrm) {
    if (f.mem !== undefined) {
      const m = encodeMemory(f.mem, f.reg < 0 ? 0 : f.reg, addrSize, mode);
      if (m === undefined) return undefined;
      out.push(...m.bytes);
      if (m.relative !== undefined) {
        relativeAt = out.length - 4;
        relativeTo = m.relative;
      }
    } else {
      out.push(0xc0 | ((f.reg < 0 ? 0 : f.reg & 7) << 3) | (f.rm < 0 ? 0 : f.rm & 7));
    }
  }
  out.push(...f.tail);
  if (relativeAt >= 0) {
    const rel = relativeTo - (address + BigInt(out.length));
    if (!fitsSigned(rel, 32)) return undefined;
    littleEndian(rel, 4).forEach((b, i) => { out[relativeAt + i] = b; });
  }
  if (f.target !== undefined) {
    const rel = f.target - (address + BigInt(out.length + f.targetSize));
    const wrapped = mode === 64 ? rel : BigInt.asIntN(opSize, rel); // the target wraps at the operand size
    if (!fitsSigned(wrapped, f.targetSize * 8)) return undefined;
    out.push(...littleEndian(wrapped, f.targetSize));
  }
  return out.length <= 15 ? Uint8Array.from(out) : undefined;
}

function vexPrefix(entry: IsaEntry, rex: number, vvvv: number): number[] {
  const pp = entry.prefix === "66" ? 1 : entry.prefix === "F3" ? 2 : entry.prefix === "F2" ? 3 : 0;
  const last = ((~vvvv & 15) << 3) | ((entry.l === 1 ? 1 : 0) << 2) | pp;
  if (entry.map === 1 && (rex & 11) === 0) return [0xc5, ((rex & 4) !== 0 ? 0 : 0x80) | last];
  return [0xc4, ((~rex & 7) << 5) | entry.map, ((rex & 8) << 4) | last];
}

/** All encodings, the one that is meant first: the shortest, in table order among equals. Throws UserError when there is none or the size is ambiguous. */
export function encodings(request: AsmInstruction, mode: number, address: bigint): Uint8Array[] {
  const pseudo = PSEUDO.get(request.mnemonic);
  if (pseudo !== undefined) {
    const immediate: AsmOperand = { kind: "imm", value: BigInt(pseudo.immediate), width: 0, distance: "" };
    return encodings({ ...request, mnemonic: pseudo.base, operands: [...request.operands, immediate] }, mode, address);
  }
  const named = BY_NAME.get(request.mnemonic);
  if (named === undefined) throw new UserError(`unknown instruction ${request.mnemonic.toLowerCase()}`);
  const found: { bytes: Uint8Array; order: number; cuts: number }[] = [];
  const widths = new Set<number>();
  let order = 0;
  const unsized = request.operands.findIndex((o) => o.kind === "mem" && o.width === 0);
  for (const { entry, opSize: nameOp, addrSize: nameAddr, bare } of named) {
    if (mode === 64 ? entry.i64 : entry.o64) continue;
    if (bare && request.operands.length > 0) continue;
    if (request.rep !== 0 && entry.rep === "none" && entry.lift !== "ret") continue;
    const sizeMatters = entry.suffixes !== "" || request.opSize !== 0;
    for (const opSize of SIZES) {
      if (nameOp !== 0 && nameOp !== opSize) continue;
      // PUSH [x], CALL [x]: without a keyword the mode's default size.
      if (unsized === 0 && nameOp === 0 && request.operands.length === 1 && request.opSize === 0 && opSize !== defaultOpSize(entry, mode) &&
        (entry.d64 || entry.f64 || entry.operands[0]?.size === "p")) continue;
      if (request.opSize !== 0 && request.opSize !== opSize) continue;
      if (sizeMatters && nameOp === 0 && request.opSize === 0 && opSize !== defaultOpSize(entry, mode) &&
        !request.operands.some((o) => o.kind === "imm" && o.width === opSize)) continue; // RETF is the mode's default size; RETFD, PUSH DWORD 5
      for (const addrSize of SIZES) {
        if (nameAddr !== 0 && nameAddr !== addrSize) continue;
        if (request.addrSize !== 0 && request.addrSize !== addrSize) continue;
        if (mode === 64 ? addrSize === 16 : addrSize === 64) continue;
        const ctx = { mode, opSize, addrSize, vexL: entry.l === 1 ? 1 : 0 };
        const bytes = encodeOne(entry, request.operands, bare, nameAddr, request, ctx, address);
        if (bytes === undefined) continue;
        if (unsized >= 0) widths.add(sizeInBits(entry.operands[unsized].size, ctx) || (entry.operands[unsized].fixed === "mBX" ? 8 : 0));
        // A near branch of another operand size cuts the instruction pointer: nobody means it who does not say so.
        const cuts = request.opSize === 0 && opSize !== defaultOpSize(entry, mode) && entry.operands.some((o) => o.code === "J");
        found.push({ bytes, order: order++, cuts: cuts ? 1 : 0 });
      }
    }
  }
  if (found.length === 0) throw new UserError(`no encoding of ${request.mnemonic.toLowerCase()} takes these operands`);
  if (widths.size > 1) throw new UserError(`the size of the memory operand of ${request.mnemonic.toLowerCase()} is not known: write byte, word, dword or qword`);
  found.sort((a, b) => a.cuts - b.cuts || a.bytes.length - b.bytes.length || a.order - b.order);
  return found.map((x) => x.bytes);
}
