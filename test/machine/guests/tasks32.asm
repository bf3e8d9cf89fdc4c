; Hardware task switch: CALL, JMP, task gates, interrupts, IRET with NT, 16-bit TSS, and what may fail.
GDT2 equ 0x330000
TASK_A equ 0x331000
TASK_B equ 0x331100
TASK_16 equ 0x331200
SEL_A equ 0xe0
SEL_B equ 0xe8
SEL_16 equ 0xf0
SEL_GATE equ 0xf8
SEL_SHORT equ 0x100
SEL_ABSENT equ 0x108

start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov esi, gdt
  mov edi, GDT2
  mov ecx, gdt_end - gdt
  cld
  rep movsb
  mov dword [GDT2 + SEL_A], 0x10000067
  mov dword [GDT2 + SEL_A + 4], 0x00008933
  mov dword [GDT2 + SEL_B], 0x11000067
  mov dword [GDT2 + SEL_B + 4], 0x00008933
  mov dword [GDT2 + SEL_16], 0x1200002b
  mov dword [GDT2 + SEL_16 + 4], 0x00008133
  mov dword [GDT2 + SEL_GATE], SEL_A << 16
  mov dword [GDT2 + SEL_GATE + 4], 0x00008500
  mov dword [GDT2 + SEL_SHORT], 0x11000066
  mov dword [GDT2 + SEL_SHORT + 4], 0x00008933
  mov dword [GDT2 + SEL_ABSENT], 0x11000067
  mov dword [GDT2 + SEL_ABSENT + 4], 0x00000933
  lgdt [gdt2_pointer]
  jmp 0x08:.gdt2
.gdt2:
  call fresh_a
  call fresh_b

  %print "call", 10
  mov ebx, 0x1111
  mov ebp, 0x2222
  std
  call SEL_A:0
  cld
  %hex ebx
  %hex ebp
  call show_main
  ; its next call continues behind its IRET
  call SEL_A:0
  call show_main
  ; SMSW, CLTS
  clts

  %print "jump", 10
  call fresh_b
  jmp SEL_B:0
  call show_main

  %print "gate", 10
  call fresh_a
  call SEL_GATE:0
  call show_main
  call fresh_b
  mov dword [GDT2 + SEL_GATE], SEL_B << 16
  jmp SEL_GATE:0
  call show_main

  %print "interrupt", 10
  call fresh_a
  mov dword [IDT + 0x50 * 8], SEL_A << 16
  mov dword [IDT + 0x50 * 8 + 4], 0x0000e500
  int 0x50
  call show_main

  %print "fault", 10
  mov dword [TASK_A + 0x20], task_fault
  mov dword [TASK_A + 0x38], 0x1d0000
  mov dword [TASK_A + 0x24], 2
  mov dword [IDT + 13 * 8], SEL_A << 16
  mov dword [IDT + 13 * 8 + 4], 0x00008500
  mov dword [resume], .after_fault
  mov ax, 0x1230
  mov ds, ax
.after_fault:
  call show_main
  mov ebx, 13
  mov ecx, [vectors32 + 13 * 4]
  mov dx, 0x8e00
  call set_gate32

  %print "16 bit", 10
  mov edi, TASK_16
  xor eax, eax
  mov ecx, 11
  rep stosd
  mov word [TASK_16 + 0x0e], 0x9000
  mov word [TASK_16 + 0x10], 2
  mov word [TASK_16 + 0x12], 0xaaaa
  mov word [TASK_16 + 0x1a], 0x8ff0
  mov word [TASK_16 + 0x22], 0x10
  mov word [TASK_16 + 0x24], 0x08
  mov word [TASK_16 + 0x26], 0x10
  mov word [TASK_16 + 0x28], 0x10
  mov esi, code16
  mov edi, 0x9000
  mov ecx, code16_end - code16
  rep movsb
  mov ecx, 0x12345678
  mov fs, [zero]
  call SEL_16:0
  mov ax, 0x10
  mov fs, ax
  call show_main
  movzx eax, word [TASK_16]
  %hex eax
  movzx eax, word [TASK_16 + 0x0e]
  %hex eax
  movzx eax, word [TASK_16 + 0x12]
  %hex eax
  mov eax, [GDT2 + SEL_16 + 4]
  %hex eax
  %line

  %print "refused", 10
  %try call 0x28:0
  %try jmp 0x28:0
  %try call SEL_SHORT:0
  %try call SEL_ABSENT:0
  %try call 0x78:0
  mov dword [GDT2 + SEL_GATE], 0x08 << 16
  %try call SEL_GATE:0
  mov dword [GDT2 + SEL_GATE], 0x28 << 16
  %try call SEL_GATE:0
  mov dword [GDT2 + SEL_GATE], SEL_SHORT << 16
  %try call SEL_GATE:0
  mov dword [GDT2 + SEL_GATE], SEL_ABSENT << 16
  %try call SEL_GATE:0
  ; IRET with NT: the link must name a busy TSS
  mov word [TSS], SEL_A
  %try call iret_nt
  mov word [TSS], 0x08
  %try call iret_nt
  mov word [TSS], 0
  %try call iret_nt
  mov esp, 0x200000

  mov eax, 0
  jmp exit32

zero: dw 0
align 4

iret_nt:
  pushfd
  or dword [esp], 0x4000
  popfd
  iretd

gdt2_pointer:
  dw 0x10f
  dd GDT2

fresh_a:
  pushad
  mov edi, TASK_A
  mov ebx, task_a
  mov edx, 0x1d0000
  jmp fresh
fresh_b:
  pushad
  mov edi, TASK_B
  mov ebx, task_b
  mov edx, 0x1c0000
fresh:
  push edi
  xor eax, eax
  mov ecx, 26
  cld
  rep stosd
  pop edi
  mov [edi + 0x20], ebx
  mov dword [edi + 0x24], 2
  mov dword [edi + 0x28], 0xaaaa
  mov dword [edi + 0x34], 0xbbbb
  mov [edi + 0x38], edx
  mov dword [edi + 0x48], 0x10
  mov dword [edi + 0x4c], 0x08
  mov dword [edi + 0x50], 0x10
  mov dword [edi + 0x54], 0x10
  mov dword [edi + 0x60], 0x78
  mov dword [edi + 0x64], 0x680000
  popad
  ret

; TR, back links, busy flags, flags of the present task and of the TSSs
show_main:
  pushad
  pushfd
  str eax
  %hex eax
  sldt eax
  %hex eax
  mov eax, cr0
  %hex eax
  mov eax, [esp]
  and eax, 0x4700
  %hex eax
  mov eax, [GDT2 + 0x28 + 4]
  %hex eax
  mov eax, [GDT2 + SEL_A + 4]
  %hex eax
  mov eax, [GDT2 + SEL_B + 4]
  %hex eax
  mov eax, [TASK_A]
  %hex eax
  mov eax, [TASK_A + 0x24]
  and eax, 0x4700
  %hex eax
  mov eax, [TASK_B]
  %hex eax
  mov eax, [TSS + 0x24]
  and eax, 0x4700
  %hex eax
  %line
  popfd
  popad
  ret

task_a:
  %print "A "
  %hex eax
  %hex ebx
  %hex esp
  call show_main
  mov ebx, 0xdddd
  iretd
  %print "A again "
  %hex ebx
  call show_main
  iretd

task_b:
  %print "B "
  call show_main
  jmp 0x28:0

; #GP comes here as a task: the error code is on this stack
task_fault:
  %print "fault task "
  pop eax
  %hex eax
  %hex esp
  mov eax, [TSS + 0x20]
  sub eax, start
  %hex eax
  mov eax, [TSS + 0x24]
  and eax, 0x4700
  %hex eax
  call show_main
  mov eax, [resume]
  mov [TSS + 0x20], eax
  mov dword [resume], 0
  mov word [TSS + 0x54], 0x10
  iretd

code16:
  mov edx, show16
  call edx
  iretd
code16_end:
show16:
  %print "16 "
  movzx eax, ax
  %hex eax
  movzx eax, sp
  %hex eax
  mov ax, fs
  movzx eax, ax
  %hex eax
  call show_main
  mov eax, 0x5555
  ret

%include lib32.inc
%include gdt32.inc
