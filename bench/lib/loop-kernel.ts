/** A Multiboot 1 kernel that enters 64-bit mode, runs a loop, and ends the machine through isa-debug-exit. */
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { ELF_HEADERS, elf32 } from "../../test/elf32.ts";

const LOAD = 0x10_0000;

export interface LoopKernel {
  readonly image: Buffer;
  /** Of the process: made from the loop's checksum, so that a wrong result is seen. */
  readonly exitCode: number;
}

/** In the loop, on average: one of them is skipped in half of all turns. */
export const INSTRUCTIONS_PER_TURN = 10.5;
const WORDS = 64;

const source = (turns: number): string => `
    org ${LOAD + ELF_HEADERS}
    bits 32
    dd 0x1badb002, 0, 0xe4524ffe
  start:
    ; Page tables at 2 MiB: the first 4 MiB are mapped to themselves by two large pages.
    mov edi, 0x200000
    xor eax, eax
    mov ecx, 3072
    cld
    rep stosd
    mov dword [0x200000], 0x201003
    mov dword [0x201000], 0x202003
    mov dword [0x202000], 0x000083
    mov dword [0x202008], 0x200083
    mov eax, 0x200000
    mov cr3, eax
    mov eax, 0x20 ; PAE
    mov cr4, eax
    mov ecx, 0xc0000080 ; EFER.LME
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    mov esp, 0x300000
    lgdt [table]
    push dword 8
    push dword long
    retf
    align 8
  gdt:
    dq 0, 0x00af9a000000ffff
  table:
    dw 15
    dd gdt

    bits 64
  long:
    mov esi, 0x300000
    xor edi, edi
    mov ecx, ${WORDS}
    xor eax, eax
  clear:
    mov [rsi+rcx*8-8], rax
    sub ecx, 1
    jnz clear
    mov ecx, ${turns}
    xor edx, edx
    mov ebx, 1
    align 16
  turn:
    mov rax, [rsi+rdx*8]
    add rax, rbx
    mov [rsi+rdx*8], rax
    lea rbx, [rbx+rax+7]
    add edx, 1
    and edx, ${WORDS - 1}
    cmp edx, ${WORDS / 2}
    jb even
    xor rbx, rcx
  even:
    sub rcx, 1
    jnz turn
    mov rax, rbx
    shr rax, 57
    out 0xf4, eax
  end:
    hlt
    jmp end
`;

/** What the loop computes, for the exit code. */
function checksum(turns: number): number {
  // The same in 64-bit arithmetic would take BigInt minutes: two 32-bit halves.
  const low = new Uint32Array(WORDS), high = new Uint32Array(WORDS);
  let b = 1, bHigh = 0, index = 0;
  for (let count = turns; count > 0; count--) {
    const sum = low[index] + b;
    const carry = sum > 0xffff_ffff ? 1 : 0;
    const a = sum >>> 0, aHigh = (high[index] + bHigh + carry) >>> 0;
    low[index] = a;
    high[index] = aHigh;
    const next = b + a + 7;
    bHigh = (bHigh + aHigh + Math.floor(next / 0x1_0000_0000)) >>> 0;
    b = next >>> 0;
    index = (index + 1) & (WORDS - 1);
    if (index >= WORDS / 2) b = (b ^ count) >>> 0;
  }
  return bHigh >>> 25;
}

export function hotLoopKernel(turns: number): LoopKernel {
  const { bytes, symbols } = assembleProgram(source(turns), { mode: 32 });
  const elf = elf32(bytes, LOAD, Number(symbols.get("start")));
  return { image: elf, exitCode: (checksum(turns) << 1) | 1 };
}
