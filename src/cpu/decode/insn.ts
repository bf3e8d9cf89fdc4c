/** The decoded instruction: a mutable record of plain numbers that the decoder fills again and again. */

/** Result of `decode`. */
export const DECODE_OK = 0;
/** Bytes beyond `limit` are needed. */
export const DECODE_TRUNCATED = 1;
/** #UD. `length` counts the bytes looked at. */
export const DECODE_UNDEFINED = 2;
/** More than 15 bytes: #GP(0), SDM Vol. 2 §2.3.11. */
export const DECODE_TOO_LONG = 3;

export type DecodeStatus = 0 | 1 | 2 | 3;
export type CodeMode = 16 | 32 | 64;

export const SEG_ES = 0, SEG_CS = 1, SEG_SS = 2, SEG_DS = 3, SEG_FS = 4, SEG_GS = 5;

export class Insn {
  /** Index into ISA, -1 when undefined. */
  entry = -1;
  length = 0;
  mode: number = 64;
  /** 32-bit code in flat segments (CpuState.flat). Whoever decodes sets it: the decoder leaves it alone. */
  flat = false;
  /** Effective operand size: 16, 32 or 64. */
  opSize = 32;
  /** Effective address size: 16, 32 or 64. */
  addrSize = 64;
  /** 0, 0xF2 or 0xF3, and only where it is not a mandatory prefix. */
  rep = 0;
  /** 1 with a LOCK prefix. */
  lock = 0;
  /** Explicit override in effect (ES CS SS DS FS GS = 0..5), or -1. In 64-bit mode only FS and GS are kept. */
  seg = -1;
  /** The REX byte, 0 for none. VEX.R/X/B/W appear here inverted back, as 0x40 | WRXB. */
  rex = 0;
  /** The ModRM byte, or -1. */
  modrm = -1;
  mod = 0;
  /** ModRM.reg with REX.R. */
  reg = 0;
  /** ModRM.rm with REX.B; meaningful as a register when mod is 3. */
  rm = 0;
  /** Low three opcode bits with REX.B. */
  opreg = 0;
  /** Base register number, or -1. */
  base = -1;
  /** Index register number, or -1. */
  index = -1;
  /** log2 of the index factor. */
  scale = 0;
  /** Displacement; for moffs the low 32 bits. */
  disp = 0;
  /** High 32 bits: the sign of `disp`, or the moffs's upper half. */
  dispHi = 0;
  /** 1 when `disp` is relative to the next instruction. */
  ripRelative = 0;
  /** SEG_SS for rBP/rSP bases, else SEG_DS. */
  defaultSeg = SEG_DS;
  /**
   * Immediate, branch displacement or far offset, extended to 64 bits as the instruction does. x87: the 11 bits of opcode that
   * its environment keeps, and the operand's segment in bits 16-18.
   */
  immLo = 0;
  immHi = 0;
  /** ENTER's nesting level, a far pointer's selector, or VSIB's `scale`. */
  imm2 = 0;
  /** VEX.vvvv (register number) and VEX.L. */
  vvvv = 0;
  vexL = 0;
}
