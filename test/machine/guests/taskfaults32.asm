; What fails once a task switch cannot be undone is the new task's fault: its selectors; and the debug trap of its T bit.
; QEMU's TCG reports the old task's EIP and has no T bit: expected by SDM 3A table 7-1 and §7.2.1.
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

  %print "new task's faults", 10
  mov ebx, 10
  mov ecx, on_bad_ts
  mov dx, 0x8e00
  call set_gate32
  mov ebx, 11
  mov ecx, on_bad_np
  mov dx, 0x8e00
  call set_gate32
  mov esi, bad
.next_bad:
  call fresh_a
  mov dword [TASK_A + 0x20], task_bad
  movzx edi, word [esi]
  cmp edi, 0
  je .done_bad
  mov ax, [esi + 2]
  mov [TASK_A + edi], ax
  mov [saved_esi], esi
  call SEL_A:0
  clts
  mov esi, [saved_esi]
  add esi, 4
  jmp .next_bad
.done_bad:
  %print "T bit", 10
  call fresh_a
  mov dword [TASK_A + 0x20], task_bad
  mov word [TASK_A + 0x64], 1
  call SEL_A:0
  %print "T bit of the task returned to", 10
  call fresh_a
  mov dword [TASK_A + 0x20], task_bad
  mov word [TSS + 0x64], 1
  call SEL_A:0
  mov word [TSS + 0x64], 0
  mov eax, 0
  jmp exit32

align 4
saved_esi: dd 0
; TSS offset and selector: DS execute-only, FS absent, GS outside the GDT; and two that are fine: ES null, DS from the task's LDT
bad:
  dw 0x54, 0x48, 0x58, 0x40, 0x5c, 0xff8, 0x48, 0, 0x54, 0x0c
  dw 0

gdt2_pointer:
  dw 0x10f
  dd GDT2

fresh_a:
  pushad
  mov edi, TASK_A
  mov ebx, task_bad
  mov edx, 0x1d0000
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

on_bad_ts:
  push 10
  jmp bad_go
on_bad_np:
  push 11
bad_go:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  pop eax
  %hex eax
  pop eax
  %hex eax
  mov eax, [esp]
  sub eax, task_bad
  %hex eax
  mov eax, [esp + 8]
  and eax, 0x4700
  %hex eax
  %line
  iretd

task_bad:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  %print "bad "
  %hex esp
  mov ax, fs
  movzx eax, ax
  %hex eax
  %line
  iretd


%include lib32.inc
%include gdt32.inc
