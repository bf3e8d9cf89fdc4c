/** The ISA as data: the types of one table entry. Notation: Intel SDM Vol. 2, Appendix A.2 and §3.1.1. */

/**
 * Addressing-method codes of SDM Vol. 2 App. A.2.1, with three of our own: `Z` (register in the low three opcode
 * bits), `ST` (x87 stack register in ModRM.rm) and `fixed` (a register or constant that the opcode implies).
 */
export type OperandCode =
  | "A" // far pointer in the instruction
  | "B" // general register in VEX.vvvv
  | "C" // control register in ModRM.reg
  | "D" // debug register in ModRM.reg
  | "E" // general register or memory, ModRM.rm
  | "G" // general register in ModRM.reg
  | "H" // XMM/YMM register in VEX.vvvv
  | "I" // immediate
  | "J" // branch displacement
  | "L" // XMM/YMM register in imm8[7:4]
  | "M" // memory only, ModRM.rm
  | "N" // MMX register in ModRM.rm
  | "O" // absolute offset without ModRM
  | "P" // MMX register in ModRM.reg
  | "Q" // MMX register or memory, ModRM.rm
  | "R" // general register only, ModRM.rm
  | "S" // segment register in ModRM.reg
  | "T" // XMM/YMM register in SIB.index (VSIB); part of the memory operand's text
  | "U" // XMM/YMM register in ModRM.rm
  | "V" // XMM/YMM register in ModRM.reg
  | "W" // XMM/YMM register or memory, ModRM.rm
  | "X" // memory at DS:rSI (segment can be overridden)
  | "Y" // memory at ES:rDI
  | "Z"
  | "ST"
  | "fixed";

/**
 * Operand sizes, SDM Vol. 2 App. A.2.2. `v` follows the operand size (16/32/64), `z` is 16 or 32, `y` is 32 or 64,
 * `p` a far pointer, `s` a pseudo-descriptor, `a` a BOUND pair, `t` 80 bits, `bs` a byte that is sign-extended, `x` follows
 * VEX.L, `pt` follows the code mode (32, or 64 in 64-bit mode), `at` follows the address size, "" has no
 * operand size of its own (LEA, FXSAVE).
 */
export type OperandSize =
  | "" | "b" | "bs" | "w" | "d" | "q" | "v" | "z" | "y" | "p" | "s" | "a" | "t"
  | "dq" | "qq" | "x" | "ps" | "pd" | "ss" | "sd" | "pi" | "pt" | "at";

/** `rAX` follows the operand size, `eAX` is AX or EAX, `mBX` is the byte at DS:rBX. */
export type FixedOperand =
  | "AL" | "CL" | "AX" | "DX" | "rAX" | "eAX" | "1"
  | "ES" | "CS" | "SS" | "DS" | "FS" | "GS" | "ST0" | "XMM0" | "mBX";

export interface OperandSpec {
  readonly code: OperandCode;
  readonly size: OperandSize;
  readonly fixed?: FixedOperand;
}

/** 'none': any prefix, 66 is the operand size. 'NFx': the same, but F2/F3 make it undefined. Others: mandatory. */
export type PrefixClass = "none" | "NP" | "NFx" | "66" | "F3" | "F2";

export type ModKind = "any" | "reg" | "mem";

export interface IsaEntry {
  /** Index in `ISA`. */
  readonly id: number;
  /** Upper case; the first of `names`. */
  readonly mnemonic: string;
  /** Name for a 16-, 32- and 64-bit operand (or address, see `namesBy`) size. */
  readonly names: readonly [string, string, string];
  readonly namesBy: "op" | "addr";
  /** Other names the assembler takes for the whole entry (JZ for JE). */
  readonly aliases: readonly string[];
  /** Names by size that stand for the instruction written without its operands (MOVSB, MOVSW/MOVSD/MOVSQ). */
  readonly bareNames: readonly string[];
  /** The name takes one of these letters where the operand size is not the mode's default (RETFQ, PUSHFW, FLDENVD). */
  readonly suffixes: "" | "WD" | "WDQ";
  /** Name of the semantics in src/cpu/lift. */
  readonly lift: string;
  readonly operands: readonly OperandSpec[];
  /** 0 one-byte, 1 0F, 2 0F38, 3 0F3A. */
  readonly map: number;
  readonly opcode: number;
  readonly prefix: PrefixClass;
  /** The low three opcode bits are a register number: the entry owns `opcode`..`opcode`+7. */
  readonly plusR: boolean;
  readonly hasModrm: boolean;
  /** ModRM.reg of `/0`..`/7`, or -1. */
  readonly regField: number;
  readonly modKind: ModKind;
  /** ModRM.rm of an exact third byte, or -1. */
  readonly rmField: number;
  /** ModRM.mod is ignored and taken as 3 (MOV to and from CR and DR). */
  readonly modIgnored: boolean;
  /** Encoded with VEX (C4/C5). */
  readonly vex: boolean;
  /** Required REX.W/VEX.W, or -1. */
  readonly w: number;
  /** Required VEX.L, or -1. */
  readonly l: number;
  /** LOCK is allowed when the destination is memory. */
  readonly lock: boolean;
  /** Invalid in 64-bit mode. */
  readonly i64: boolean;
  /** Only in 64-bit mode. */
  readonly o64: boolean;
  /** Operand size defaults to 64 in 64-bit mode (66 makes it 16). */
  readonly d64: boolean;
  /** Operand size is always 64 in 64-bit mode. */
  readonly f64: boolean;
  /** What F2/F3 do: nothing, repeat, or repeat while the zero flag agrees. */
  readonly rep: "none" | "rep" | "repz";
  /** Only at CPL 0. */
  readonly cpl0: boolean;
  /** CPUID feature, "base" where every x86-64 CPU has it. */
  readonly feature: string;
  /** The table line, for reports. */
  readonly source: string;
}
