/** Register names in encoding order, for the disassembler and the assembler. */

export const GPR64 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"] as const;
export const GPR32 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"] as const;
export const GPR16 = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"] as const;
/** With REX. */
export const GPR8 = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"] as const;
export const GPR8H = ["ah", "ch", "dh", "bh"] as const;
export const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"] as const;

/** Memory operand size keywords by width in bits, as objdump writes them. */
export const SIZE_KEYWORDS: ReadonlyMap<number, string> = new Map([
  [8, "BYTE"], [16, "WORD"], [32, "DWORD"], [48, "FWORD"], [64, "QWORD"], [80, "TBYTE"], [128, "XMMWORD"], [256, "YMMWORD"],
]);
