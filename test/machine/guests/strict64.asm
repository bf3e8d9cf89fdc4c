; 64-bit mode where QEMU's TCG is not exact: reserved bits, canonical addresses, IDT error codes, RF, REP and #SS. Expected
; output is by hand, from the manual: vector and error code as one number, VVVVEEEE.
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
  mov ax, 0xa0
  ltr ax
  mov edi, PML4 + 0x7000
  xor eax, eax
  mov ecx, 512
  cld
  rep stosq
  mov dword [PML4 + 0x2020], PML4 + 0x7007
  mov dword [PML4 + 0x7000], 0x900007         ; 800: user, writable
  mov dword [PML4 + 0x7008], 0x905007         ; 801: reserved bit 51
  mov dword [PML4 + 0x700c], 0x00080000
  mov rax, cr3
  mov cr3, rax
  mov dword [quiet], 1
  mov ebx, 0x800000

  %print "reserved "
  %try mov eax, [rbx + 0x1000]
  %try mov [rbx + 0x1000], eax
  %try mov eax, [rbx + 0xffe]
  %line
  %print "idt "
  %try int 0x50
  %try int 0xff
  %line
  %print "canonical "
  mov rcx, 0x8000000000000000
  %try mov eax, [rcx]
  %try jmp rcx
  %try call rcx
  push rcx
  %try ret
  pop rcx
  mov rbp, rcx
  %try mov eax, [rbp]
  %try mov [rsp + rcx], eax
  %try mov eax, [rbx + rcx]
  mov qword [TSS + 0x24], 0x1e8000
  mov byte [IDT64 + 12 * 16 + 4], 1
  mov rbp, rsp
  mov rsp, rcx
  %try push rax
  %try pop rax
  mov rsp, rbp
  mov rcx, 0x7ffffffffffc
  %try mov eax, [rcx]
  mov rcx, 0xffff7fffffffffff
  %try mov al, [rcx]
  %try lgdt [noncanonical]
  %line
  %print "rf "
  mov dword [quiet], 2
  %try ud2
  nop
  int3
  %try mov eax, [rbx + 0x7000]
  mov dword [quiet], 1
  %line
  %print "cr "
  mov rax, 0x100000000
  %try mov cr0, rax
  %try mov cr4, rax
  mov rax, cr4
  and eax, ~0x20
  %try mov cr4, rax
  mov ecx, 0x12345
  %try wrmsr
  mov ecx, 0xc0000102
  mov edx, 0x80000000
  %try wrmsr
  mov ecx, 0xc0000080
  xor edx, edx
  xor eax, eax
  %try wrmsr
  mov rax, cr0
  and eax, 0x7fffffff
  %try mov cr0, rax
  mov eax, 16
  %try mov cr8, rax
  mov rax, 0x8000000000400000
  %try mov cr3, rax
  %line
  %print "smap "
  mov rax, cr4
  or eax, 0x200000
  mov cr4, rax
  %try inc dword [rbx]
  %try xchg [rbx], eax
  xor eax, eax
  %try bts dword [rbx], eax
  mov rax, cr4
  and eax, ~0x200000
  mov cr4, rax
  %line
  mov eax, 0
  jmp exit64
noncanonical:
  dw 0xff
  dq 0x8000000000000000
%include lib32.inc
%include gdt32.inc
%include long.inc
%include lib64.inc
