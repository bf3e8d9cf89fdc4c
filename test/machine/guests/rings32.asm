; Privilege changes of protected mode: interrupt and trap gates, TSS stacks, IRET, call gates, SYSENTER, LDT.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov ebx, 0x40
  mov ecx, trap_to_kernel
  mov dx, 0xef00
  call set_gate32
  mov ebx, 0x41
  mov ecx, show_frame
  mov dx, 0xee00
  call set_gate32
  mov ebx, 0x42
  mov ecx, show_frame
  mov dx, 0x8f00
  call set_gate32
  mov ax, 0x78
  lldt ax
  ; a conforming handler keeps the privilege level
  mov ebx, 0x43
  mov ecx, show_frame
  mov dx, 0xee00
  call set_gate32
  mov word [IDT + 0x43 * 8 + 2], 0x60
  ; call gate to ring 0 with two parameters
  mov eax, gate_target
  mov [gdt_gate], ax
  mov word [gdt_gate + 2], 0x08
  mov word [gdt_gate + 4], 0xec02
  shr eax, 16
  mov [gdt_gate + 6], ax

  %print "same level", 10
  sti
  cli
  int 0x41
  int 0x42
  int 0x43
  %try int 0x69

  %print "to ring 3", 10
  push dword 0x3b
  push dword 0x1e0000
  push dword 0x3202
  push dword 0x33
  push dword user
  iretd

user:
  mov ax, ds
  movzx eax, ax
  %hex eax
  mov ax, 0x3b
  mov ds, ax
  mov es, ax
  mov ax, cs
  movzx eax, ax
  %hex eax
  mov ax, ss
  movzx eax, ax
  %hex eax
  %hex esp
  pushfd
  pop eax
  and eax, 0x37700
  %hex eax
  %line
  int 0x41
  int 0x43
  %print "gates from ring 3", 10
  %try int 0x42
  %try int 0x0d
  %try hlt
  %try mov eax, cr0
  %try lgdt [gdt_pointer]
  mov ax, 0x10
  %try mov ds, ax
  %try jmp 0x08:user
  %print "flags in ring 3", 10
  pushfd
  xor dword [esp], 0x1000
  popfd
  pushfd
  pop eax
  and eax, 0x37700
  %hex eax
  cli
  pushfd
  pop eax
  and eax, 0x37700
  %hex eax
  sti
  %line
  %print "call gate", 10
  push dword 0x11111111
  push dword 0x22222222
  call 0x6b:0
  %hex esp
  %hex eax
  %line
  %print "conforming", 10
  call 0x60:conforming
  %print "ldt", 10
  mov ax, 0x0f
  mov gs, ax
  mov eax, [gs:0x100000]
  %hex eax
  mov ax, 0x07
  %try mov gs, ax
  int 0x40

conforming:
  mov ax, cs
  movzx eax, ax
  %hex eax
  %line
  retf

gate_target:
  %hex [esp]
  %hex [esp + 4]
  %hex [esp + 8]
  %hex [esp + 12]
  %hex [esp + 16]
  %hex [esp + 20]
  mov ax, cs
  movzx eax, ax
  %hex eax
  mov ax, ss
  movzx eax, ax
  %hex eax
  %hex esp
  %line
  mov eax, 0x12345678
  retf 8

; reports the frame and returns
show_frame:
  push eax
  %print "frame "
  %hex [esp + 4]
  %hex [esp + 8]
  mov eax, [esp + 12]
  and eax, 0x37700
  %hex eax
  mov ax, cs
  movzx eax, ax
  %hex eax
  %hex esp
  test byte [esp + 8], 3
  jz .same
  mov ax, cs
  test al, 3
  jnz .same
  %hex [esp + 16]
  %hex [esp + 20]
.same:
  pushfd
  pop eax
  and eax, 0x37700
  %hex eax
  %line
  pop eax
  iretd

trap_to_kernel:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  %print "back in ring 0", 10
  %hex esp
  pushfd
  pop eax
  and eax, 0x37700
  %hex eax
  %line
  %print "sysenter", 10
  %try sysexit
  mov ecx, 0x174
  xor edx, edx
  mov eax, 0x08
  wrmsr
  mov ecx, 0x175
  mov eax, 0x1d0000
  wrmsr
  mov ecx, 0x176
  mov eax, fast_entry
  wrmsr
  ; SYSENTER's segments stand one after another: a second GDT has them
  lgdt [fast_gdt_pointer]
  mov edx, fast_user
  mov ecx, 0x1c0000
  sysexit
fast_user:
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  mov ax, cs
  mov dword [0x320000], 0
  mov [0x320004], esp
  mov word [0x320008], ss
  mov word [0x32000c], cs
  mov ecx, esp
  mov edx, fast_back
  sysenter
fast_back:
  mov dword [0x320000], 2
  sysenter
fast_entry:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ax, cs
  movzx eax, ax
  %hex eax
  mov ax, ss
  movzx eax, ax
  %hex eax
  %hex esp
  pushfd
  pop eax
  and eax, 0x37700
  %hex eax
  mov eax, [0x320004]
  %hex eax
  movzx eax, word [0x320008]
  %hex eax
  movzx eax, word [0x32000c]
  %hex eax
  %line
  cmp dword [0x320000], 2
  je .end
  sysexit
.end:
  %print "end", 10
  mov eax, 0
  jmp exit32
align 8
fast_gdt:
  dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
fast_gdt_pointer:
  dw 39
  dd fast_gdt
%include lib32.inc
%include gdt32.inc
