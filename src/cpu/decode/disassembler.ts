/** Intel-syntax text of a decoded instruction, in the form that `objdump -d -M intel` prints. */
import { ISA, type IsaEntry } from "../isa/isa.ts";
import { PSEUDO_OPS } from "../isa/pseudo.ts";
import { GPR16, GPR32, GPR64, GPR8, GPR8H, SEGMENTS, SIZE_KEYWORDS } from "../isa/registers.ts";
import type { Insn } from "./insn.ts";
import { getOperand, Operand, operandCount } from "./operands.ts";

const PSEUDO: ReadonlyMap<string, string> = new Map(PSEUDO_OPS.map((p) => [`${p.base}/${p.immediate}`, p.name.toLowerCase()]));

const operand = new Operand();
const vsibOperand = new Operand();

function sizeIndex(size: number): number {
  return size === 64 ? 2 : size === 32 ? 1 : 0;
}

function u64(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function registerName(op: Operand): string {
  switch (op.cls) {
    case "gpr8": return GPR8[op.num];
    case "gpr8h": return GPR8H[op.num];
    case "gpr16": return GPR16[op.num];
    case "gpr32": return GPR32[op.num];
    case "gpr64": return GPR64[op.num];
    case "seg": return SEGMENTS[op.num];
    case "cr": return `cr${op.num}`;
    case "dr": return `dr${op.num}`;
    case "mmx": return `mm${op.num}`;
    case "xmm": return `xmm${op.num}`;
    case "ymm": return `ymm${op.num}`;
    case "st": return "st";
  }
}

function addressRegister(num: number, addrSize: number): string {
  return addrSize === 64 ? GPR64[num] : addrSize === 32 ? GPR32[num] : GPR16[num];
}

/** The index of a VSIB operand, "" elsewhere. */
function vectorIndex(insn: Insn): string {
  const at = ISA[insn.entry].operands.findIndex((o) => o.code === "T");
  if (at < 0) return "";
  getOperand(insn, at, vsibOperand);
  return `${registerName(vsibOperand)}*${1 << insn.scale}`;
}

function memoryText(insn: Insn, op: Operand, spec: IsaEntry["operands"][number]): string {
  const keyword = spec.code === "O" || spec.size === "s" ? undefined : SIZE_KEYWORDS.get(op.width);
  let text = keyword === undefined ? "" : `${keyword} PTR `;
  const implicit = spec.code === "X" || spec.code === "Y" || spec.code === "fixed";
  const vsib = vectorIndex(insn);
  const absolute = op.base < 0 && op.index < 0 && vsib === "" && op.ripRelative === 0;
  if (insn.seg >= 0 || implicit || absolute) text += `${SEGMENTS[op.seg]}:`;
  const bits = BigInt(insn.addrSize);
  if (absolute) return text + hex(BigInt.asUintN(Number(bits), u64(op.disp, op.dispHi)));
  const parts: string[] = [];
  if (op.ripRelative !== 0) parts.push(insn.addrSize === 64 ? "rip" : "eip");
  if (op.base >= 0) parts.push(addressRegister(op.base, insn.addrSize));
  if (op.index >= 0) {
    const name = addressRegister(op.index, insn.addrSize);
    parts.push(insn.addrSize === 16 ? name : `${name}*${1 << op.scale}`);
  }
  if (vsib !== "") parts.push(vsib);
  text += `[${parts.join("+")}`;
  const hasDisp = insn.modrm >= 0 && !implicit && (insn.mod !== 0 || op.base < 0);
  if (op.ripRelative !== 0) text += `+${hex(u64(op.disp, op.dispHi))}`;
  else if (hasDisp) text += op.disp < 0 ? `-0x${(-op.disp).toString(16)}` : `+0x${op.disp.toString(16)}`;
  return `${text}]`;
}

function operandText(insn: Insn, i: number, address: bigint): string {
  getOperand(insn, i, operand);
  switch (operand.kind) {
    case "reg": return ISA[insn.entry].operands[i].code === "ST" ? `st(${operand.num})` : registerName(operand);
    case "mem": return memoryText(insn, operand, ISA[insn.entry].operands[i]);
    case "imm": {
      if (ISA[insn.entry].operands[i].code === "fixed") return "1";
      return hex(BigInt.asUintN(operand.width, u64(operand.immLo, operand.immHi)));
    }
    case "rel": {
      const target = address + BigInt(insn.length) + BigInt.asIntN(64, u64(operand.immLo, operand.immHi));
      return hex(BigInt.asUintN(operand.width, target));
    }
    case "far": return `${hex(BigInt(operand.selector))}:${hex(BigInt(operand.immLo >>> 0))}`;
    case "none": return "";
  }
}

/** The operand size without 66 and REX.W. */
function defaultSize(insn: Insn, entry: IsaEntry): number {
  if (insn.mode === 64) return entry.d64 || entry.f64 ? 64 : 32;
  return insn.mode;
}

/** objdump's name where it depends on the operand size. */
function mnemonicOf(insn: Insn, entry: IsaEntry): string {
  const name = entry.names[sizeIndex(entry.namesBy === "addr" ? insn.addrSize : insn.opSize)].toLowerCase();
  if (entry.lift === "mov" && insn.mode === 64 && insn.modrm < 0) {
    // MOV with a 64-bit immediate or absolute address.
    if (entry.operands.some((o) => o.code === "O") && insn.addrSize === 64) return "movabs";
    if (entry.operands[1].size === "v" && entry.operands[1].code === "I" && insn.opSize === 64) return "movabs";
  }
  if (insn.opSize !== defaultSize(insn, entry)) return name + entry.suffixes.charAt(sizeIndex(insn.opSize)).toLowerCase();
  return name;
}

/** The compare predicate and the CLMUL halves are part of objdump's mnemonic; the immediate is then not an operand. */
function pseudoMnemonic(insn: Insn, entry: IsaEntry): string | undefined {
  return entry.operands.at(-1)?.code === "I" && entry.operands.length >= 3 ? PSEUDO.get(`${entry.mnemonic}/${insn.immLo}`) : undefined;
}

/** Text of an instruction at `address`; an undefined one gives `(bad)`. */
export function disassemble(insn: Insn, _bytes: Uint8Array, address: bigint): string {
  if (insn.entry < 0) return "(bad)";
  const entry = ISA[insn.entry];
  let prefix = insn.lock !== 0 ? "lock " : "";
  if (insn.rep !== 0 && entry.rep !== "none") prefix += insn.rep === 0xf2 ? "repnz " : entry.rep === "repz" ? "repz " : "rep ";
  if (entry.mnemonic === "NOP" && insn.modrm < 0 && insn.opSize !== (insn.mode === 16 ? 16 : 32)) {
    if (insn.opSize !== 64) return insn.opSize === 16 ? "xchg ax,ax" : "xchg eax,eax"; // 66 90
  }
  const pseudo = pseudoMnemonic(insn, entry);
  let count = operandCount(insn);
  if (pseudo !== undefined || entry.operands.at(-1)?.code === "T") count--;
  let text = prefix + (pseudo ?? mnemonicOf(insn, entry));
  for (let i = 0; i < count; i++) text += (i === 0 ? " " : ",") + operandText(insn, i, address);
  return text;
}
