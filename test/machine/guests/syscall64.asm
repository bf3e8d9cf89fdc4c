; SYSCALL, SYSRET (64 and 32), SYSENTER, SYSEXIT in long mode, SWAPGS, FS and GS bases, IRETQ to compatibility mode and back.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call enter_long
bits 64
  mov rsp, 0x200000
  mov eax, 0x10
  mov ds, eax
  mov es, eax
  mov ss, eax
  call setup_idt64
  mov qword [TSS + 4], KSTACK
  mov ax, 0xa0
  ltr ax
  mov dword [PML4 + 0x2000], 0x87
  mov rax, cr3
  mov cr3, rax
  mov rcx, back_in_kernel
  mov ebx, 0x53
  mov edx, 0xef00
  call set_gate64
  mov rcx, kernel_end
  mov ebx, 0x54
  mov edx, 0xef00
  call set_gate64
  %try syscall
  mov ecx, 0xc0000080
  rdmsr
  or eax, 1
  wrmsr
  ; user base C0: SYSRET takes C8 for SS, D0 for 64-bit code
  mov ecx, 0xc0000081
  xor eax, eax
  mov edx, 0x00c000b0
  wrmsr
  mov ecx, 0xc0000082
  mov eax, entry64
  xor edx, edx
  wrmsr
  mov ecx, 0xc0000084
  mov eax, 0x47700
  wrmsr
  mov ecx, 0xc0000100
  mov eax, 0x11111000
  mov edx, 0xffff8000
  wrmsr
  mov ecx, 0xc0000101
  mov eax, 0x22222000
  wrmsr
  mov ecx, 0xc0000102
  mov eax, 0x33333000
  wrmsr
  %print "sysret", 10
  mov rcx, user
  mov r11d, 0x3202
  mov rsp, 0x1c0000
  sysretq

user:
  mov eax, cs
  %hex rax
  mov eax, ss
  %hex rax
  %hex rsp
  pushfq
  pop rax
  and eax, 0x37700
  %hex rax
  %line
  mov eax, 1
  std
  syscall
back1:
  cld
  %print "back "
  %hex rax
  pushfq
  pop rax
  and eax, 0x37700
  %hex rax
  %line
  mov eax, 2
  syscall
bits 32
user32:
  mov eax, cs
  %hex eax
  mov eax, ss
  %hex eax
  %hex esp
  %line
  %print "syscall in compatibility mode "
  int 0x53

bits 64
entry64:
  cld
  mov r15, rsp
  mov rsp, 0x1f8000
  cmp eax, 2
  je .to32
  %print "kernel "
  mov eax, cs
  %hex rax
  mov eax, ss
  %hex rax
  lea rax, [rcx - back1]
  %hex rax
  mov rax, r11
  and eax, 0x37700
  %hex rax
  pushfq
  pop rax
  and eax, 0x77700
  %hex rax
  %hex r15
  push rcx
  call show_bases
  swapgs
  call show_bases
  swapgs
  pop rcx
  %line
  mov rax, 0x123456789
  mov rsp, r15
  sysretq
.to32:
  mov ecx, user32
  mov rsp, r15
  mov r11d, 0x3202
  sysretd

show_bases:
  mov ecx, 0xc0000100
.next:
  rdmsr
  shl rdx, 32
  or rax, rdx
  %hex rax
  inc ecx
  cmp ecx, 0xc0000103
  jne .next
  ret

back_in_kernel:
  mov eax, ss
  %hex rax
  %hex [rsp]
  %hex [rsp + 8]
  %line
  %print "bases", 10
  mov rax, cr4
  or eax, 0x10000
  mov cr4, rax
  mov rax, 0x1234000
  wrfsbase rax
  rdfsbase rbx
  %hex rbx
  rdgsbase rbx
  %hex rbx
  mov eax, 0x10
  mov fs, eax
  rdfsbase rbx
  %hex rbx
  xor eax, eax
  mov gs, eax
  mov rbx, 0x100000
  wrgsbase rbx
  mov eax, [gs:0]
  %hex rax
  mov rax, cr4
  and eax, ~0x10000
  mov cr4, rax
  %line
  %try rdfsbase rbx
  %print "sysenter", 10
  mov ecx, 0x174
  xor edx, edx
  xor eax, eax
  wrmsr
  %try sysexitq
  mov eax, 0xb0
  wrmsr
  mov ecx, 0x175
  mov eax, 0x1d0000
  mov edx, 0xffff8000
  wrmsr
  mov ecx, 0x176
  mov eax, fast_entry
  xor edx, edx
  wrmsr
  mov rdx, fast_user
  mov rcx, 0x1c0000
  sysexitq
fast_user:
  mov r8d, cs
  mov r9d, ss
  mov r10, rsp
  mov rdx, fast_user2
  mov rcx, 0x1b0000
  sysenter
fast_user2:
  int3
fast_entry:
  mov eax, cs
  %hex rax
  mov eax, ss
  %hex rax
  %hex rsp
  pushfq
  pop rax
  and eax, 0x37700
  %hex rax
  %hex r8
  %hex r9
  %hex r10
  %line
  mov edx, fast32
  mov ecx, 0x1a0000
  inc dword [rounds]
  cmp dword [rounds], 2
  je .end
  sysexitd
.end:
  %print "iret to 32", 10
  push 0xcb
  push 0x190000
  push 0x3002
  push 0xc3
  push iret32
  iretq
bits 32
fast32:
  mov eax, cs
  mov [0x180000], eax
  mov eax, ss
  mov [0x180004], eax
  mov [0x180008], esp
  mov eax, [0x180000]
  %hex eax
  mov eax, [0x180004]
  %hex eax
  mov eax, [0x180008]
  %hex eax
  %line
  sysenter
iret32:
  mov eax, 0xcb
  mov ds, ax
  mov eax, cs
  %hex eax
  mov eax, esp
  %hex eax
  %line
  mov eax, 0x10
  %try mov ds, ax
  int 0x54
align 4
rounds: dd 0
bits 64
kernel_end:
  mov eax, ss
  %hex rax
  %hex [rsp + 8]
  %hex [rsp + 24]
  %hex rsp
  %print "end", 10
  mov eax, 0
  jmp exit64
%include lib32.inc
%include gdt32.inc
%include long.inc
%include lib64.inc
