/** Widths of operands by size code: SDM Vol. 2 App. A.2.2. */
import type { OperandSize } from "./types.ts";

/** What an operand's width depends on; a decoded instruction is one. */
export interface SizeContext {
  readonly mode: number;
  readonly opSize: number;
  readonly addrSize: number;
  readonly vexL: number;
}

/** Width in bits of an operand of this size in this instruction. */
export function sizeInBits(size: OperandSize, insn: SizeContext): number {
  switch (size) {
    case "": return 0;
    case "b": return 8;
    case "w": return 16;
    case "d": case "ss": return 32;
    case "q": case "sd": case "pi": return 64;
    case "t": return 80;
    case "dq": case "ps": case "pd": case "x": return insn.vexL !== 0 && size !== "dq" ? 256 : 128;
    case "qq": return 256;
    case "v": case "bs": return insn.opSize;
    case "z": return insn.opSize === 16 ? 16 : 32;
    case "y": return insn.opSize === 64 ? 64 : 32;
    case "p": return insn.opSize + 16;
    case "a": return insn.opSize === 16 ? 32 : 64;
    case "s": return insn.mode === 64 ? 80 : 48;
    case "pt": return insn.mode === 64 ? 64 : 32;
    case "at": return insn.addrSize;
  }
}
