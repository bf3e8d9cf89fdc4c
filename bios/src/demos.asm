; The monitor's demonstrations: each goes through the machine's modes in earnest, keeps what it sees in memory, and tells it
; back in real mode. Tables and stacks stand from 20000h on.

DEMO          equ 0x20000
DEMO_SEG      equ 0x2000
D_GDT         equ DEMO
D_IDT         equ DEMO + 0x800
D_TSS         equ DEMO + 0x1000
D_PD          equ DEMO + 0x2000
D_PT          equ DEMO + 0x3000
D_PML4        equ DEMO + 0x4000
D_PDPT        equ DEMO + 0x5000
D_PD64        equ DEMO + 0x6000
D_STACK       equ DEMO + 0x8000
D_USER_STACK  equ DEMO + 0xa000
D_NOTES       equ DEMO + 0xb000
D_PAGE        equ DEMO + 0xc000
; Notes: offsets from D_NOTES, also in segment DEMO_SEG from B000h on.
NOTES         equ 0xb000

SEL_CODE      equ 0x08
SEL_DATA      equ 0x10
SEL_CODE16    equ 0x18
SEL_DATA16    equ 0x20
SEL_USER_CODE equ 0x2b
SEL_USER_DATA equ 0x33
SEL_TSS       equ 0x38
SEL_CODE64    equ 0x40

demo_gdt:
  dq 0
  dq 0x00409b0f0000ffff         ; 08 code, 32 bits, base F0000h
  dq 0x00cf93000000ffff         ; 10 data, flat
  dq 0x00009b0f0000ffff         ; 18 code, 16 bits, base F0000h
  dq 0x000093000000ffff         ; 20 data, 64 KiB
  dq 0x0040fb0f0000ffff         ; 28 code of the user
  dq 0x00cff3000000ffff         ; 30 data of the user
  dq 0x0000890210000067         ; 38 TSS at D_TSS
  dq 0x00209b0000000000         ; 40 code, 64 bits
demo_gdt_end:

demo_gdtr:
  dw demo_gdt_end - demo_gdt - 1
  dd D_GDT
demo_idtr:
  dw 0x81 * 8 - 1
  dd D_IDT
real_idtr:
  dw 0x3ff
  dd 0

; Clears the area and puts the GDT there. ES = DEMO_SEG afterwards.
demo_prepare:
  mov ax, DEMO_SEG
  mov es, ax
  xor di, di
  mov cx, 0x8000
  xor ax, ax
  rep stosw
  xor di, di
  mov si, demo_gdt
  mov cx, demo_gdt_end - demo_gdt
.copy:
  mov al, [cs:si]
  mov [es:di], al
  inc si
  inc di
  loop .copy
  ret

; Gate of vector BL to AX in the 32-bit code, for privilege DL (0 or 3). ES = DEMO_SEG.
demo_gate:
  movzx di, bl
  shl di, 3
  add di, 0x800
  mov [es:di], ax
  mov word [es:di+2], SEL_CODE
  mov byte [es:di+4], 0
  mov al, dl
  shl al, 5
  or al, 0x8e
  mov [es:di+5], al
  mov word [es:di+6], 0
  ret

; To protected mode: goes on at AX, 32 bits, with a stack of its own. Comes back through demo_leave to the caller of this.
demo_enter:
  push EBDA_SEG
  pop ds
  mov [e_sp], sp
  cli
  o32 lgdt [cs:demo_gdtr]
  o32 lidt [cs:demo_idtr]
  movzx ebx, ax
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp SEL_CODE:.flat
  bits 32
.flat:
  mov ax, SEL_DATA
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov esp, D_STACK
  jmp ebx

; From 32-bit code back to the caller of demo_enter.
demo_leave:
  mov eax, cr0
  and eax, 0x7fffffff
  mov cr0, eax
  xor eax, eax
  mov cr3, eax
  jmp SEL_CODE16:.narrow
  bits 16
.narrow:
  mov ax, SEL_DATA16
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov eax, cr0
  and al, 0xfe
  mov cr0, eax
  jmp BIOS_SEG:.real
.real:
  o32 lidt [cs:real_idtr]
  mov ax, EBDA_SEG
  mov ds, ax
  mov ss, ax
  movzx esp, word [e_sp]
  xor ax, ax
  mov fs, ax
  mov gs, ax
  mov ax, DEMO_SEG
  mov es, ax
  sti
  ret

; A note of 32 bits.
%macro NOTE 1
  mov eax, [es:NOTES + %1]
  call print_hex32
%endmacro

; --- Modes -----------------------------------------------------------------------------------------------------------
demo_modes:
  PRINTLN "Real mode: addresses are segment times 16 plus offset, registers have 16 bits."
  PRINT "  CS "
  mov ax, cs
  call print_hex16
  PRINT ", CR0 "
  mov eax, cr0
  call print_hex32
  PRINT ", FFFF * FFFF = "
  mov ax, 0xffff
  mul ax
  xchg ax, dx
  call print_hex16
  mov ax, dx
  call print_hex16
  call print_newline
  call demo_prepare
  ; Long mode's tables: 1 GiB mapped to itself, in pages of 2 MiB.
  mov dword [es:0x4000], D_PDPT + 3
  mov dword [es:0x5000], D_PD64 + 3
  mov di, 0x6000
  mov eax, 0x83
  mov cx, 512
.map:
  mov [es:di], eax
  add eax, 0x200000
  add di, 8
  loop .map
  mov eax, 0x80000000
  cpuid
  xor esi, esi
  cmp eax, 0x80000001
  jb .go
  mov eax, 0x80000001
  cpuid
  mov esi, edx
  and esi, 0x20000000           ; long mode
.go:
  mov ax, .protected
  call demo_enter
  PRINTLN "Protected mode: CS names a descriptor, registers have 32 bits."
  PRINT "  CS "
  NOTE 0
  PRINT ", CR0 "
  NOTE 4
  PRINT ", FFFFFFFF * FFFFFFFF = "
  NOTE 12
  NOTE 8
  call print_newline
  cmp dword [es:NOTES + 16], 0
  je .no_long
  PRINTLN "Long mode: pages are needed, registers have 64 bits."
  PRINT "  CS "
  NOTE 16
  PRINT ", EFER "
  NOTE 20
  PRINT ", (2^64 - 1) squared = "
  NOTE 36
  NOTE 32
  NOTE 28
  NOTE 24
  call print_newline
  PRINTLN "And back the same way: this is real mode again."
  ret
.no_long:
  PRINTLN "This processor has no long mode."
  ret
  bits 32
.protected:
  mov edi, D_NOTES
  mov eax, cs
  mov [edi], eax
  mov eax, cr0
  mov [edi+4], eax
  mov eax, 0xffffffff
  mul eax
  mov [edi+8], eax
  mov [edi+12], edx
  or esi, esi
  jz demo_leave
  ; PAE, the tables, EFER.LME, paging (SDM 3A 9.8.5).
  mov eax, cr4
  or eax, 0x20
  mov cr4, eax
  mov eax, D_PML4
  mov cr3, eax
  mov ecx, 0xc0000080
  rdmsr
  or eax, 0x100
  wrmsr
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  jmp SEL_CODE64:0xf0000 + .long
  bits 64
.long:
  mov edi, D_NOTES
  mov eax, cs
  mov [rdi+16], eax
  mov ecx, 0xc0000080
  rdmsr
  mov [rdi+20], eax
  mov rax, -1
  mul rax
  mov [rdi+24], rax
  mov [rdi+32], rdx
  push SEL_CODE
  push .compatible
  o64 retf
  bits 32
.compatible:
  mov eax, cr0
  and eax, 0x7fffffff
  mov cr0, eax
  mov ecx, 0xc0000080
  rdmsr
  and eax, 0xfffffeff
  wrmsr
  mov eax, cr4
  and eax, 0xffffffdf
  mov cr4, eax
  jmp demo_leave
  bits 16

; --- Paging ----------------------------------------------------------------------------------------------------------
; 4 MiB mapped to themselves, for everybody. ES = DEMO_SEG.
demo_identity:
  mov dword [es:0x2000], D_PT + 7
  mov di, 0x3000
  mov eax, 7
  mov cx, 1024
.map:
  mov [es:di], eax
  add eax, 0x1000
  add di, 4
  loop .map
  ret

demo_paging:
  PRINTLN "A page table says which memory stands behind each address. Here 00300000 and 00301000"
  PRINTLN "are given the same page:"
  call demo_prepare
  call demo_identity
  mov dword [es:0x3000 + 0x300 * 4], D_PAGE + 7
  mov dword [es:0x3000 + 0x301 * 4], D_PAGE + 7
  mov ax, .code
  call demo_enter
  PRINT "  12345678 written to 00300000; 00301000 reads "
  NOTE 0
  call print_newline
  PRINT "  and without paging it is found at "
  mov eax, D_PAGE
  call print_hex32
  PRINT ": "
  mov eax, [es:0xc000]
  call print_hex32
  call print_newline
  PRINT "The processor marked the entry: accessed and dirty, "
  NOTE 4
  call print_newline
  ret
  bits 32
.code:
  mov eax, D_PD
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  mov dword [0x300000], 0x12345678
  mov eax, [0x301000]
  mov [D_NOTES], eax
  mov eax, [D_PT + 0x300 * 4]
  mov [D_NOTES + 4], eax
  jmp demo_leave
  bits 16

; --- Timer -----------------------------------------------------------------------------------------------------------
demo_timer:
  PRINTLN "The timer interrupts 100 times a second from now on; the processor sleeps (HLT) between."
  call demo_prepare
  mov bl, 0x20
  mov ax, .handler
  mov dl, 0
  call demo_gate
  ; 1,193,182 Hz / 11,932; vectors 20h on; only IRQ 0.
  cli
  mov al, 0x34
  out P_PIT + 3, al
  mov al, 11932 & 0xff
  out P_PIT, al
  mov al, 11932 >> 8
  out P_PIT, al
  mov al, 0x11
  out P_PIC1, al
  mov al, 0x20
  out P_PIC1 + 1, al
  mov al, 4
  out P_PIC1 + 1, al
  mov al, 1
  out P_PIC1 + 1, al
  mov al, 0xfe
  out P_PIC1 + 1, al
  mov ax, .code
  call demo_enter
  cli
  push es
  call init_pic
  call init_pit
  pop es
  sti
  mov ax, EBDA_SEG
  mov ds, ax
  PRINT "  interrupts taken: "
  NOTE 0
  PRINT ", wake-ups from HLT: "
  NOTE 4
  call print_newline
  PRINT "  time-stamp counter between the second and the third: "
  NOTE 16
  call print_newline
  ret
  bits 32
.code:
  xor ecx, ecx
.sleep:
  sti
  hlt
  cli
  inc dword [D_NOTES + 4]
  cmp dword [D_NOTES], 3
  jb .sleep
  jmp demo_leave
.handler:
  push eax
  push edx
  inc dword [D_NOTES]
  rdtsc
  mov edx, eax
  sub edx, [D_NOTES + 12]
  mov [D_NOTES + 16], edx
  mov [D_NOTES + 12], eax
  mov al, 0x20
  out P_PIC1, al
  pop edx
  pop eax
  iretd
  bits 16

; --- System call -----------------------------------------------------------------------------------------------------
demo_syscall:
  PRINTLN "A program runs at privilege 3. It calls the kernel by INT 80, then tries to stop the machine by CLI."
  call demo_prepare
  mov bl, 0x80
  mov ax, .kernel
  mov dl, 3
  call demo_gate
  mov bl, 13
  mov ax, .protection
  mov dl, 0
  call demo_gate
  mov dword [es:0x1004], D_STACK
  mov word [es:0x1008], SEL_DATA
  mov word [es:0x1066], 0x68
  mov ax, .code
  call demo_enter
  PRINT "  the program's CS: "
  NOTE 0
  PRINT ", in the kernel: "
  NOTE 4
  call print_newline
  PRINT "  it asked for the sum of 1 to 10: "
  NOTE 8
  PRINT " (hexadecimal), and got "
  NOTE 12
  call print_newline
  PRINT "  CLI raised a general protection fault, error code "
  NOTE 16
  PRINT ", at the program's offset "
  NOTE 20
  call print_newline
  PRINTLN "The kernel ended the program; the machine goes on."
  ret
  bits 32
.code:
  mov ax, SEL_TSS
  ltr ax
  push SEL_USER_DATA
  push D_USER_STACK
  pushfd
  push SEL_USER_CODE
  push .program
  iretd
.program:
  mov ax, SEL_USER_DATA
  mov ds, ax
  mov es, ax
  mov eax, cs
  mov [D_NOTES], eax
  mov ecx, 10
  int 0x80
  mov [D_NOTES + 12], eax
  cli
  jmp .program
.kernel:
  mov eax, cs
  mov [D_NOTES + 4], eax
  xor eax, eax
.sum:
  add eax, ecx
  dec ecx
  jnz .sum
  mov [D_NOTES + 8], eax
  iretd
.protection:
  mov ax, SEL_DATA
  mov ds, ax
  mov es, ax
  pop eax
  mov [D_NOTES + 16], eax
  pop eax
  mov [D_NOTES + 20], eax
  mov esp, D_STACK
  jmp demo_leave
  bits 16

; --- Fault -----------------------------------------------------------------------------------------------------------
demo_fault:
  PRINTLN "The page at 00300000 is not there. A program writes to it all the same:"
  call demo_prepare
  call demo_identity
  mov dword [es:0x3000 + 0x300 * 4], 0
  mov bl, 14
  mov ax, .handler
  mov dl, 0
  call demo_gate
  mov ax, .code
  call demo_enter
  PRINT "  page faults: "
  NOTE 0
  PRINT ", address (CR2) "
  NOTE 4
  PRINT ", error code "
  NOTE 8
  call print_newline
  PRINTLN "The handler gave the page some memory and returned; the processor ran the instruction again:"
  PRINT "  now there stands "
  NOTE 12
  call print_newline
  ret
  bits 32
.code:
  mov eax, D_PD
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  mov dword [0x300000], 0xcafe
  mov eax, [0x300000]
  mov [D_NOTES + 12], eax
  jmp demo_leave
.handler:
  push eax
  inc dword [D_NOTES]
  mov eax, cr2
  mov [D_NOTES + 4], eax
  mov eax, [esp+4]
  mov [D_NOTES + 8], eax
  mov dword [D_PT + 0x300 * 4], D_PAGE + 7
  pop eax
  add esp, 4
  iretd
  bits 16
