/** A Multiboot 1 kernel that sets 1024x768 with 32 bits and repaints the whole screen for ever, in another colour each time. */
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { PCI_DEVICE, PORT } from "../../src/vmm/machine/memory-map.ts";
import { ELF_HEADERS, elf32 } from "../../test/elf32.ts";

const LOAD = 0x10_0000;
const WIDTH = 1024;
const HEIGHT = 768;

/** Plain stores with some arithmetic, as a program that draws has. */
export function screenKernel(): Buffer {
  const vbe = ([[4, 0], [1, WIDTH], [2, HEIGHT], [3, 32], [4, 0x41]] as const)
    .map(([register, value]) => `mov dx, 0x1ce\n mov ax, ${register}\n out dx, ax\n inc edx\n mov ax, ${value}\n out dx, ax`)
    .join("\n");
  const { bytes, symbols } = assembleProgram(
    `
    org ${LOAD + ELF_HEADERS}
    bits 32
    dd 0x1badb002, 0, 0xe4524ffe
  start:
    ${vbe}
    mov dx, ${PORT.pciConfigAddress}
    mov eax, ${0x8000_0010 + PCI_DEVICE.vga * 0x800} ; BAR 0
    out dx, eax
    mov dx, ${PORT.pciConfigData}
    in eax, dx
    and al, 0xf0
    mov ebp, eax
    xor ebx, ebx
  frame:
    mov edi, ebp
    mov ecx, ${WIDTH * HEIGHT}
    lea eax, [ebx+ebx*2]
  pixel:
    mov [edi], eax
    add eax, 0x010203
    xor eax, ebx
    add edi, 4
    sub ecx, 1
    jnz pixel
    add ebx, 0x00050301
    jmp frame
  `,
    { mode: 32 },
  );
  return elf32(bytes, LOAD, Number(symbols.get("start")));
}
