; 64-bit mode: page faults with every error bit, SMEP, SMAP, WP, NX, reserved bits, IST, exceptions, aligned frames.
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
  ; a 64-bit TSS over the old one
  mov qword [TSS + 4], KSTACK
  mov qword [TSS + 0x24], 0x1e8000
  mov qword [TSS + 0x2c], 0x1d8000
  mov ax, 0xa0
  ltr ax
  ; 4 KiB pages at 8 MiB: PML4 + 0x7000 is the table
  mov edi, PML4 + 0x7000
  xor eax, eax
  mov ecx, 512
  cld
  rep stosq
  mov dword [PML4 + 0x2020], PML4 + 0x7007
  mov dword [PML4 + 0x2028], 0x800083         ; A00000 shows the same memory, B00000 the pages below
  mov dword [PML4 + 0x7000], 0x900007         ; 800: user, writable
  mov dword [PML4 + 0x7008], 0x901005         ; 801: user, read only
  mov dword [PML4 + 0x7010], 0x902003         ; 802: supervisor, writable
  mov dword [PML4 + 0x7018], 0x903001         ; 803: supervisor, read only
  mov dword [PML4 + 0x7020], 0x904007         ; 804: user, no execute
  mov dword [PML4 + 0x7024], 0x80000000
  mov dword [PML4 + 0x7030], 0x906003         ; 806: supervisor, no execute
  mov dword [PML4 + 0x7034], 0x80000000
  mov rax, cr3
  mov cr3, rax
  ; RET in each
  mov edi, 0xb00000
  mov al, 0xc3
  mov ecx, 0x7000
  rep stosb

  %print "supervisor", 10
  mov ebx, 0x800000
  mov eax, [rbx]
  mov [rbx], eax
  call rbx
  mov eax, [rbx + 0x1000]
  %try mov [rbx + 0x1000], eax
  %try mov [rbx + 0x3000], eax
  %try lock add [rbx + 0x3000], eax
  mov eax, [rbx + 0x3000]
  lea rcx, [rbx + 0x4000]
  %try call rcx
  lea rcx, [rbx + 0x6000]
  %try call rcx
  mov eax, [rbx + 0x6000]
  %try mov eax, [rbx + 0x7000]
  %try mov [rbx + 0x7000], eax
  lea rcx, [rbx + 0x7000]
  %try jmp rcx
  %print "crossing", 10
  %try mov [rbx + 0x6ffe], eax
  %try mov [rbx + 0x2ffd], eax
  %print "no write protection", 10
  mov rax, cr0
  and eax, ~0x10000
  mov cr0, rax
  mov [rbx + 0x1000], eax
  mov [rbx + 0x3000], eax
  or eax, 0x10000
  mov cr0, rax
  %try mov [rbx + 0x3000], eax
  mov byte [0xb01000], 0xc3
  mov byte [0xb03000], 0xc3
  %print "smep", 10
  mov rax, cr4
  or eax, 0x100000
  mov cr4, rax
  %try call rbx
  lea rcx, [rbx + 0x2000]
  call rcx
  %print "smap", 10
  mov rax, cr4
  or eax, 0x200000
  mov cr4, rax
  %try mov eax, [rbx]
  %try mov [rbx], al
  %try mov [rbx + 0x1000], al
  stac
  mov eax, [rbx]
  %try call rbx
  clac
  %try mov eax, [rbx]
  pushfq
  or dword [rsp], 0x40000
  popfq
  mov eax, [rbx]
  pushfq
  and dword [rsp], ~0x40000
  popfq
  %try mov eax, [rbx]
  mov rax, cr4
  and eax, ~0x300000
  mov cr4, rax

  %print "exceptions", 10
  xor ecx, ecx
  %try div rcx
  int3
  %try ud2
  mov rax, cr0
  or eax, 8
  mov cr0, rax
  %try fninit
  %try movaps xmm0, xmm1
  clts
  %try movaps xmm0, xmm1
  mov rax, cr4
  or eax, 0x200
  mov cr4, rax
  movaps xmm0, xmm1
  %try movaps xmm0, [0x800008]
  mov eax, 0x40
  %try mov ds, eax
  mov eax, 0x400
  %try mov ss, eax
  mov rcx, 0x8000000000000000
  %try mov eax, [rcx]
  %try db 0x06
  %try db 0xea, 0, 0, 0, 0, 0, 0
  %try db 0x62
  %print "single step", 10
  pushfq
  or dword [rsp], 0x100
  popfq
  nop
  mov eax, 5
  pushfq
  and dword [rsp], ~0x100
  popfq
  nop

  %print "stacks", 10
  mov rcx, show_stack
  mov ebx, 0x50
  mov edx, 0x8e01
  call set_gate64
  mov rcx, show_stack
  mov ebx, 0x51
  mov edx, 0x8e00
  call set_gate64
  mov rcx, show_stack
  mov ebx, 0x52
  mov edx, 0xee00
  call set_gate64
  mov rcx, back_in_kernel
  mov ebx, 0x53
  mov edx, 0xef00
  call set_gate64
  mov rsp, 0x1ffff3
  int 0x51
  mov rsp, 0x1ffff8
  int 0x50
  ; a fault on IST 2 with a bad stack
  mov rcx, vectors64_8
  mov ebx, 8
  mov edx, 0x8e02
  call set_gate64
  mov rbp, rsp
  mov rsp, 0x807000
  %try push rax
  mov rsp, rbp
  %print "ring 3", 10
  mov dword [PML4 + 0x2000], 0x87
  mov rax, cr3
  mov cr3, rax
  push 0xdb
  push 0x1c0000
  push 0x3202
  push 0xd3
  push user
  iretq
user:
  mov eax, cs
  %hex rax
  mov eax, ss
  %hex rax
  %hex rsp
  %line
  int 0x52
  mov ebx, 0x800000
  mov eax, [rbx]
  call rbx
  mov [rbx], eax
  %try mov [rbx + 0x1000], eax
  %try mov eax, [rbx + 0x2000]
  %try mov [rbx + 0x2000], eax
  lea rcx, [rbx + 0x2000]
  %try call rcx
  lea rcx, [rbx + 0x4000]
  %try call rcx
  %try mov eax, [rbx + 0x7000]
  %try mov [rbx + 0x7000], eax
  lea rcx, [rbx + 0x7000]
  %try jmp rcx
  %try mov rax, cr0
  %try hlt
  %try clac
  %try swapgs
  %try wbinvd
  int 0x53

back_in_kernel:
  %hex rsp
  %hex [rsp + 8]
  mov eax, ss
  %hex rax
  %print "end", 10
  mov eax, 0
  jmp exit64

show_stack:
  test byte [rsp + 8], 3
  jz .same
  mov eax, ss
  %hex rax
.same:
  %hex rsp
  %hex [rsp]
  %hex [rsp + 8]
  %hex [rsp + 24]
  %hex [rsp + 32]
  %line
  iretq
%include lib32.inc
%include gdt32.inc
%include long.inc
%include lib64.inc
