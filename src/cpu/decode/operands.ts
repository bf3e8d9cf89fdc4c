/** Normalised operands of a decoded instruction, written into reused objects. SDM Vol. 2 App. A.2. */
import { InternalError } from "../../base/errors.ts";
import { type FixedOperand, ISA, type OperandSize, type OperandSpec } from "../isa/isa.ts";
import { sizeInBits } from "../isa/sizes.ts";
import { type Insn, SEG_DS, SEG_ES } from "./insn.ts";

export { sizeInBits } from "../isa/sizes.ts";

export type OperandKind = "none" | "reg" | "mem" | "imm" | "rel" | "far";

/** `gpr8h` is AH, CH, DH, BH; its `num` is the number of the register that holds it (0..3). */
export type RegClass =
  | "gpr8" | "gpr8h" | "gpr16" | "gpr32" | "gpr64" | "seg" | "cr" | "dr" | "mmx" | "xmm" | "ymm" | "st";

export class Operand {
  kind: OperandKind = "none";
  /** reg */
  cls: RegClass = "gpr64";
  num = 0;
  /** Width in bits of the register, of the memory (0 where it has none) or of the immediate after extension. */
  width = 0;
  /** mem: the segment in effect, and the address. -1 for no register. */
  seg = SEG_DS;
  base = -1;
  index = -1;
  scale = 0;
  disp = 0;
  dispHi = 0;
  ripRelative = 0;
  /** imm, rel and the far offset: 64 bits as two int32. */
  immLo = 0;
  immHi = 0;
  /** far: the selector. */
  selector = 0;
}

function setGpr(out: Operand, num: number, width: number, rex: number): void {
  out.kind = "reg";
  out.width = width;
  out.num = num;
  switch (width) {
    case 8:
      if (rex === 0 && num >= 4) { // SDM Vol. 1 §3.7.2.1: without REX, 4..7 are AH CH DH BH
        out.cls = "gpr8h";
        out.num = num - 4;
      } else out.cls = "gpr8";
      break;
    case 16: out.cls = "gpr16"; break;
    case 32: out.cls = "gpr32"; break;
    default: out.cls = "gpr64"; break;
  }
}

function setReg(out: Operand, cls: RegClass, num: number, width: number): void {
  out.kind = "reg";
  out.cls = cls;
  out.num = num;
  out.width = width;
}

function setVector(out: Operand, num: number, size: OperandSize, insn: Insn): void {
  if (sizeInBits(size, insn) === 256) setReg(out, "ymm", num, 256);
  else setReg(out, "xmm", num, 128);
}

function setStringMemory(out: Operand, base: number, width: number, seg: number): void {
  out.kind = "mem";
  out.width = width;
  out.seg = seg;
  out.base = base;
  out.index = -1;
  out.scale = out.disp = out.dispHi = out.ripRelative = 0;
}

function setMemory(out: Operand, insn: Insn, width: number): void {
  out.kind = "mem";
  out.width = width;
  out.seg = insn.seg >= 0 ? insn.seg : insn.defaultSeg;
  out.base = insn.base;
  out.index = insn.index;
  out.scale = insn.scale;
  out.disp = insn.disp;
  out.dispHi = insn.dispHi;
  out.ripRelative = insn.ripRelative;
}

function setFixed(fixed: FixedOperand, insn: Insn, out: Operand): void {
  switch (fixed) {
    case "AL": setReg(out, "gpr8", 0, 8); break;
    case "CL": setReg(out, "gpr8", 1, 8); break;
    case "AX": setReg(out, "gpr16", 0, 16); break;
    case "DX": setReg(out, "gpr16", 2, 16); break;
    case "rAX": setGpr(out, 0, insn.opSize, 1); break;
    case "eAX": setGpr(out, 0, insn.opSize === 16 ? 16 : 32, 1); break;
    case "1": out.kind = "imm"; out.width = 8; out.immLo = 1; out.immHi = 0; break;
    case "ES": setReg(out, "seg", 0, 16); break;
    case "CS": setReg(out, "seg", 1, 16); break;
    case "SS": setReg(out, "seg", 2, 16); break;
    case "DS": setReg(out, "seg", 3, 16); break;
    case "FS": setReg(out, "seg", 4, 16); break;
    case "GS": setReg(out, "seg", 5, 16); break;
    case "ST0": setReg(out, "st", 0, 80); break;
    case "XMM0": setReg(out, "xmm", 0, 128); break;
    case "mBX": setStringMemory(out, 3, 8, insn.seg >= 0 ? insn.seg : SEG_DS); break;
  }
}

export function operandCount(insn: Insn): number {
  return insn.entry < 0 ? 0 : ISA[insn.entry].operands.length;
}

/** Writes operand `i` of a successfully decoded instruction into `out`. */
export function getOperand(insn: Insn, i: number, out: Operand): void {
  const spec: OperandSpec = ISA[insn.entry].operands[i];
  const { code, size } = spec;
  switch (code) {
    case "fixed":
      if (spec.fixed === undefined) throw new InternalError("fixed operand without a value");
      setFixed(spec.fixed, insn, out);
      break;
    case "E":
      if (insn.mod === 3) setGpr(out, insn.rm, sizeInBits(size, insn), insn.rex);
      else setMemory(out, insn, sizeInBits(size, insn));
      break;
    case "R": setGpr(out, insn.rm, sizeInBits(size, insn), insn.rex); break;
    case "M":
      setMemory(out, insn, sizeInBits(size, insn));
      // VSIB: the indices are the operand `T`; the address is that of index zero.
      if (ISA[insn.entry].operands[3]?.code === "T") out.index = -1;
      break;
    case "T": setVector(out, insn.index, size, insn); break;
    case "G": setGpr(out, insn.reg, sizeInBits(size, insn), insn.rex); break;
    case "B": setGpr(out, insn.vvvv, sizeInBits(size, insn), insn.rex); break;
    case "Z": setGpr(out, insn.opreg, sizeInBits(size, insn), insn.rex); break;
    case "S": setReg(out, "seg", insn.reg & 7, 16); break; // REX.R is ignored
    case "C": setReg(out, "cr", insn.reg, sizeInBits(size, insn)); break;
    case "D": setReg(out, "dr", insn.reg, sizeInBits(size, insn)); break;
    case "P": setReg(out, "mmx", insn.reg & 7, 64); break;
    case "N": setReg(out, "mmx", insn.rm & 7, 64); break;
    case "Q":
      if (insn.mod === 3) setReg(out, "mmx", insn.rm & 7, 64);
      else setMemory(out, insn, sizeInBits(size, insn));
      break;
    case "V": setVector(out, insn.reg, size, insn); break;
    case "H": setVector(out, insn.vvvv, size, insn); break;
    case "L": setVector(out, (insn.immLo >> 4) & (insn.mode === 64 ? 15 : 7), size, insn); break;
    case "U": setVector(out, insn.rm, size, insn); break;
    case "W":
      if (insn.mod === 3) setVector(out, insn.rm, size, insn);
      else setMemory(out, insn, sizeInBits(size, insn));
      break;
    case "ST": setReg(out, "st", insn.rm & 7, 80); break;
    case "I":
      out.kind = "imm";
      out.width = size === "z" ? insn.opSize : sizeInBits(size, insn);
      if (size === "b" && i > 0 && ISA[insn.entry].operands[i - 1].size === "w" && ISA[insn.entry].operands[i - 1].code === "I") {
        out.immLo = insn.imm2; // ENTER's nesting level
        out.immHi = 0;
      } else {
        out.immLo = insn.immLo;
        out.immHi = insn.immHi;
      }
      break;
    case "J":
      out.kind = "rel";
      out.width = insn.mode === 64 ? 64 : insn.opSize; // width of the instruction pointer
      out.immLo = insn.immLo;
      out.immHi = insn.immHi;
      break;
    case "O":
      setMemory(out, insn, sizeInBits(size, insn));
      break;
    case "A":
      out.kind = "far";
      out.width = insn.opSize;
      out.immLo = insn.immLo;
      out.immHi = 0;
      out.selector = insn.imm2;
      break;
    case "X": setStringMemory(out, 6, sizeInBits(size, insn), insn.seg >= 0 ? insn.seg : SEG_DS); break;
    case "Y": setStringMemory(out, 7, sizeInBits(size, insn), SEG_ES); break;
  }
}
