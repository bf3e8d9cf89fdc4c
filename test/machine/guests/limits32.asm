; Segment limits and rights, RF, control register checks: what QEMU's TCG does not do. Expected output is by hand, from the manual.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov dword [quiet], 1

  %print "null "
  xor ax, ax
  mov gs, ax
  %try mov eax, [gs:0]
  %print "read "
  mov ax, 0x58
  mov fs, ax
  mov eax, [fs:0xffc]
  %try mov eax, [fs:0xffd]
  %print "write "
  %try mov [fs:0xfff], ax
  mov al, [fs:0xfff]
  %try mov [fs:0x1000], al
  %print "readonly "
  mov ax, 0x50
  mov fs, ax
  mov eax, [fs:0x100000]
  %try mov [fs:0x100000], eax
  %print "code "
  %try mov [cs:0x100000], eax
  %print "jump "
  %try jmp 0x98:0x1000
  mov byte [0x0ffe], 0xf4
  %print "rep "
  mov ax, 0x58
  mov es, ax
  mov edi, 0xff0
  mov ecx, 100
  cld
  %try rep stosb
  mov eax, edi
  %hex eax
  %hex ecx
  mov ax, 0x10
  mov es, ax
  %print "up "
  mov ax, 0x90
  mov fs, ax
  %try mov eax, [fs:0xffff]
  mov eax, [fs:0x10000]
  %try mov eax, [fs:0xfffffffd]
  mov al, [fs:0xffffffff]
  %line

  %print "rf "
  mov dword [quiet], 2
  %try ud2
  nop
  int3
  %try int 0x50
  mov dword [quiet], 1
  %line

  %print "icebp "
  mov dword [quiet], 0
  db 0xf1
  mov dword [quiet], 1

  %print "cr "
  mov eax, 0x80000000
  %try mov cr0, eax
  mov eax, 0x20000001
  %try mov cr0, eax
  mov eax, 0x80000000
  %try mov cr4, eax
  mov ecx, 0x12345
  %try rdmsr
  mov ecx, 0xc0000080
  xor edx, edx
  mov eax, 0x80000000
  %try wrmsr
  %try db 0x0f, 0x20, 0xc8
  %try db 0x0f, 0x20, 0xe8
  %line

  %print "ss "
  push dword 0x3b
  push dword 0x1002
  push dword 0x3002
  push dword 0x33
  push dword .user
  mov dword [resume], 0
  iretd
.user:
  mov ax, 0x3b
  mov ds, ax
  mov ax, 0x5b
  %try mov ss, ax
  mov ax, 0x8b
  mov ss, ax
  mov esp, 0x1002
  %try push eax
  mov esp, 0x1000
  push 0x1234567
  pop ebx
  %try pop ecx
  mov ax, 0x3b
  mov ss, ax
  mov esp, 0x1e0000
  mov ebp, 0x1000
  mov ax, 0x8b
  mov ss, ax
  %try mov eax, [ebp - 3]
  mov ax, 0x3b
  mov ss, ax
  %hex ebx
  mov esp, 0x1e0000
  %line
  mov eax, 0
  jmp exit32
%include lib32.inc
%include gdt32.inc
