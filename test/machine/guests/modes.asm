; Through every mode: protected 32 and 16, real, virtual-8086, PAE, long 64, compatibility, and back.
REAL equ 0x8000
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  ; 16-bit code runs below 64 KiB
  mov esi, real_code
  mov edi, REAL
  mov ecx, real_end - real_code
  cld
  rep movsb

  %print "protected 16", 10
  jmp 0x18:REAL + (protected16 - real_code)
back32:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov esp, 0x200000
  lidt [idt32_pointer]
  %print "protected 32 "
  mov eax, cr0
  %hex eax
  %line

  %print "v86", 10
  mov ebx, 13
  mov ecx, v86_monitor
  mov dx, 0x8e00
  call set_gate32
  mov ax, 0x28
  mov dword [TSS + 4], 0x1f0000
  mov [saved_esp], esp
  push dword 0x44
  push dword 0x33
  push dword 0x22
  push dword 0x800
  push dword 0x900
  push dword 0x7000
  push dword 0x20002
  push dword 0x800
  push dword v86_code - real_code
  iretd
v86_done:
  mov esp, [saved_esp]
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ebx, 13
  mov ecx, [vectors32 + 13 * 4]
  mov dx, 0x8e00
  call set_gate32
  pushfd
  pop eax
  and eax, 0x37700
  %hex eax
  %line

  %print "paging 32 "
  ; 4 MiB pages; 0xc0000000 shows 0x800000
  mov edi, 0x500000
  mov eax, 0x83
.pde:
  mov [edi], eax
  add edi, 4
  add eax, 0x400000
  jnz .pde0
.pde0:
  cmp edi, 0x501000
  jne .pde
  mov dword [0x500c00], 0x800083
  mov dword [0x800010], 0x8badf00d
  mov eax, 0x10
  mov cr4, eax
  mov eax, 0x500000
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  mov eax, [0xc0000010]
  %hex eax
  mov eax, [0x500c00]
  %hex eax
  mov dword [0xc0000014], 1
  mov eax, [0x500c00]
  %hex eax
  mov dword [0x500c00], 0
  mov eax, cr3
  mov cr3, eax
  %try mov eax, [0xc0000010]
  mov eax, cr0
  and eax, 0x7fffffff
  mov cr0, eax

  %print "pae "
  mov edi, 0x502000
  xor eax, eax
  mov ecx, 0x400
  rep stosd
  mov dword [0x502000], 0x503001
  mov dword [0x502018], 0x504001
  mov edi, 0x503000
  mov eax, 0x83
.pae:
  mov [edi], eax
  mov dword [edi + 4], 0
  add edi, 8
  add eax, 0x200000
  cmp edi, 0x504000
  jne .pae
  mov ecx, 0x400
  xor eax, eax
  rep stosd
  mov dword [0x504000], 0x505003
  mov edi, 0x505000
  mov ecx, 0x400
  rep stosd
  mov dword [0x505000 + 8 * 5], 0x800003
  mov eax, cr4
  and eax, ~0x10
  or eax, 0x20
  mov cr4, eax
  mov eax, 0x502000
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  mov eax, [0xc0005010]
  %hex eax
  mov eax, [0x505000 + 8 * 5]
  %hex eax
  mov eax, [0x504000]
  %hex eax
  %line
  %try mov eax, [0xc0006010]
  %try mov eax, [0x40000000]
  mov eax, cr0
  and eax, 0x7fffffff
  mov cr0, eax

  %print "long", 10
  call enter_long
bits 64
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  call setup_idt64
  mov rax, 0x1122334455667788
  %hex rax
  mov ecx, 0xc0000080
  rdmsr
  %hex rax
  mov r8, 0xffff800000800010
  mov eax, [r8]
  %hex rax
  %line
  mov r9, 0x800000800010
  %try mov eax, [r9]
  mov r9, 0x123400800010
  %try mov eax, [r9]
  %try jmp r9

  %print "compatibility", 10
  mov r15, 0x1234567812345678
  push 0x08
  push compat
  retfq
bits 32
compat:
  mov eax, 0xffffffff
  inc eax
  db 0x4f          ; dec edi, no REX
  %hex eax
  mov eax, cs
  %hex eax
  %try db 0x0f, 0x01, 0xf8
  mov eax, 0x12345678
  jmp 0x70:back64
bits 64
back64:
  %hex rax
  %hex r15
  %line
  %print "leaving", 10
  push 0x08
  push leave_long
  retfq
bits 32
leave_long:
  mov eax, cr0
  and eax, 0x7fffffff
  mov cr0, eax
  mov ecx, 0xc0000080
  rdmsr
  %hex eax
  and eax, ~0x100
  wrmsr
  rdmsr
  %hex eax
  mov ax, 0x10
  mov ss, ax
  mov ds, ax
  mov es, ax
  lidt [idt32_pointer]
  %try ud2
  inc dword [rounds]
  cmp dword [rounds], 2
  je .end
  jmp 0x18:REAL + (protected16 - real_code)
.end:
  %print "end", 10
  mov eax, 0
  jmp exit32

; #GP out of virtual-8086 mode. Frame: error, EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS
v86_monitor:
  push eax
  push ebx
  mov ax, 0x10
  mov ds, ax
  %hex [esp + 8]
  %hex [esp + 12]
  %hex [esp + 16]
  mov eax, [esp + 20]
  and eax, 0x27700
  %hex eax
  %hex [esp + 24]
  %hex [esp + 28]
  %hex [esp + 32]
  %hex [esp + 36]
  %hex [esp + 40]
  %hex [esp + 44]
  mov ax, ds
  %line
  mov ebx, [esp + 16]
  shl ebx, 4
  add ebx, [esp + 12]
  mov al, [ebx]
  cmp al, 0xf4
  je v86_done
  ; every other one is two bytes: skip it
  add dword [esp + 12], 2
  cmp al, 0x0f
  je .three
  cmp al, 0xfa
  je .one
  cmp al, 0x9c
  je .one
  jmp .go
.three:
  inc dword [esp + 12]
  jmp .go
.one:
  dec dword [esp + 12]
.go:
  pop ebx
  pop eax
  add esp, 4
  iretd

idt32_pointer:
  dw 0x7ff
  dd IDT
align 4
saved_esp: dd 0
rounds: dd 0

real_code:
bits 16
protected16:
  mov ax, 0x20
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov gs, ax
  mov eax, cr0
  and eax, 0x7ffffffe
  mov cr0, eax
  jmp 0x800:real16 - real_code
putc16:
  out 0xe9, al
  ret
hex16: ; AX
  mov cx, 4
.next:
  rol ax, 4
  push ax
  and al, 15
  add al, 48
  cmp al, 58
  jb .digit
  add al, 39
.digit:
  out 0xe9, al
  pop ax
  loop .next
  mov al, 32
  out 0xe9, al
  ret
real16:
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7000
  lidt [cs:ivt_pointer - real_code]
  mov word [0x60 * 4], real_handler - real_code
  mov word [0x60 * 4 + 2], 0x800
  mov word [0], real_divide - real_code
  mov word [2], 0x800
  mov ax, cs
  call hex16
  mov ax, 0xf000
  push ax
  popf
  pushf
  pop ax
  call hex16
  push word 2
  popf
  ; a segment register is its paragraph
  mov ax, 0x1234
  mov ds, ax
  mov byte [0x10], 0x77
  xor ax, ax
  mov ds, ax
  mov al, [0x2350]
  call hex16
  mov bx, 0xffff
  mov es, bx
  mov eax, [es:0x10]
  call hex16
  int 0x60
  call hex16
  xor cx, cx
  mov ax, 5
  div cl
  call hex16
  mov al, 10
  call putc16
  lgdt [cs:real_gdt - real_code]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp dword 0x08:back32
real_handler:
  push bp
  mov bp, sp
  mov ax, [bp + 4]
  call hex16
  pushf
  pop ax
  call hex16
  mov ax, 0xbeef
  pop bp
  iret
real_divide:
  push bp
  mov bp, sp
  mov ax, [bp + 2]
  call hex16
  add word [bp + 2], 2
  mov ax, 0xd1
  pop bp
  iret
v86_code:
  mov ax, cs
  mov ax, ds
  mov ax, [0]
  cli
  pushf
  int 0x60
  mov ax, 0x1111
  mov fs, ax
  mov ax, fs
  db 0xe5, 0x80   ; in ax, 0x80
  lmsw ax
  hlt
ivt_pointer:
  dw 0x3ff
  dd 0
real_gdt:
  dw gdt_end - gdt - 1
  dd gdt
real_end:
%include lib32.inc
%include gdt32.inc
%include long.inc
%include lib64.inc
