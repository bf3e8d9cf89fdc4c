; Every exception of 32-bit protected mode, with its error code.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32

  %print "divide", 10
  xor ecx, ecx
  xor edx, edx
  mov eax, 7
  %try div ecx
  mov edx, 7
  mov ecx, 7
  %try div ecx
  mov eax, 0x80000000
  mov edx, 0xffffffff
  mov ecx, 0xffffffff
  %try idiv ecx
  mov ax, 0x8000
  mov cl, 0xff
  %try idiv cl
  %try aam 0

  %print "breakpoint, overflow, bound, undefined", 10
  int3
  mov al, 0x7f
  inc al
  into
  mov al, 1
  dec al
  into
  mov eax, 10
  %try bound eax, [bounds]
  mov eax, 1
  bound eax, [bounds]
  %try ud2
  %try db 0x0f, 0xff, 0xc0
  %try db 0xf0, 0x90
  %try db 0x8e, 0xc8

  %print "device not available", 10
  mov eax, cr0
  or eax, 8
  mov cr0, eax
  %try fninit
  %try movaps xmm0, xmm1
  clts
  mov eax, cr0
  or eax, 4
  mov cr0, eax
  %try fninit
  %try movaps xmm0, xmm1
  mov eax, cr0
  and eax, ~4
  mov cr0, eax
  mov eax, cr4
  and eax, ~0x200
  mov cr4, eax
  %try movaps xmm0, xmm1

  %print "segments", 10
  mov ax, 0x40
  %try mov ds, ax
  %try mov ss, ax
  %try jmp 0x40:0
  mov ax, 0x1234
  %try mov es, ax
  mov ax, 0x48
  %try mov fs, ax
  mov ax, 0x50
  %try mov ss, ax
  mov ax, 0x38
  %try mov ss, ax
  xor ax, ax
  %try mov ss, ax
  mov gs, ax
  mov ax, 0x50
  mov fs, ax
  mov eax, [fs:0x100000]
  %hex eax
  %try jmp 0x10:0
  %try jmp 0x78:0
  %try jmp 0:0
  %try call 0x100:0
  %try lldt ax
  mov ax, 0x28
  %try ltr ax
  mov ax, 0x78
  lldt ax
  mov ax, 4
  mov fs, ax
  mov eax, [fs:0x100000]
  %hex eax
  mov ax, 0x14
  %try mov fs, ax
  %line

  %print "gates", 10
  %try int 0x50
  %try int 0xff
  mov ebx, 0x50
  mov ecx, start
  mov dx, 0x0e00
  call set_gate32
  %try int 0x50
  mov dx, 0x8c00
  mov ebx, 0x50
  mov ecx, start
  call set_gate32
  %try int 0x50
  mov dx, 0x8e00
  mov ebx, 0x50
  mov ecx, start
  call set_gate32
  mov word [IDT + 0x50 * 8 + 2], 0
  %try int 0x50
  mov word [IDT + 0x50 * 8 + 2], 0x10
  %try int 0x50
  mov word [IDT + 0x50 * 8 + 2], 0x200
  %try int 0x50
  mov word [IDT + 0x50 * 8 + 2], 0x40
  %try int 0x50

  %print "double fault", 10
  mov byte [IDT + 13 * 8 + 5], 0x0e
  mov ax, 0x50
  %try mov ss, ax
  mov byte [IDT + 13 * 8 + 5], 0x8e
  mov byte [IDT + 5], 0x0e
  xor ecx, ecx
  %try div ecx
  mov byte [IDT + 5], 0x8e

  %print "single step", 10
  pushfd
  or dword [esp], 0x100
  popfd
  nop
  mov eax, 5
  pushfd
  and dword [esp], ~0x100
  popfd
  nop
  mov eax, dr6
  %hex eax
  %line
  %print "single step over int, syscalls of a kind", 10
  mov ebx, 0x70
  mov ecx, .handler
  mov dx, 0x8e00
  call set_gate32
  pushfd
  or dword [esp], 0x100
  popfd
  nop
  int 0x70
  nop
  mov ax, ds
  mov ds, ax
  pushfd
  and dword [esp], ~0x100
  popfd
  jmp .stepped
.handler:
  %print "handler", 10
  iretd
.stepped:
  %print "length", 10
  %try db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
  db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
  %print "end", 10
  mov eax, 0
  jmp exit32

bounds: dd 0, 9
%include lib32.inc
%include gdt32.inc
