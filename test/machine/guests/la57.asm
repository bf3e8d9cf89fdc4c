; 5-level paging and protection keys.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  ; the tables of long.inc, and one more level above them
  mov edi, PML5
  xor eax, eax
  mov ecx, 0x400
  rep stosd
  mov dword [PML5], PML4 + 7
  mov dword [PML5 + 0x7f8], PML4 + 7
  mov dword [PML5 + 0x800], PML4 + 7
  call enter_long
bits 64
  call setup_idt64
  ; back to 32-bit code without paging to switch CR4.LA57
  %print "4 levels", 10
  mov rax, cr4
  or rax, 0x1000
  %try mov cr4, rax
  mov rbx, 0x0000800000300000
  %try mov eax, [rbx]
  push 0x08
  push off
  retfq
bits 32
off:
  mov eax, cr0
  and eax, 0x7fffffff
  mov cr0, eax
  mov eax, cr4
  or eax, 0x1000
  mov cr4, eax
  mov eax, PML5
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  jmp 0x70:.go
bits 64
.go:
  %print "5 levels", 10
  mov rax, cr4
  %hex rax
  %line
  mov dword [0x300ff0], 0x12345678
  mov rbx, 0xff00000000300ff0 ; entry 256: a negative address
  mov eax, [rbx]
  %hex rax
  mov rbx, 0x00ff000000300ff0 ; entry 255
  mov eax, [rbx]
  %hex rax
  mov rbx, 0x0001000000300ff0 ; entry 1 is not there
  %try mov eax, [rbx]
  mov rbx, 0x0100000000300ff0 ; not canonical
  %try mov eax, [rbx]
  mov rbx, 0x00ff000000000000 + far_away
  jmp rbx
far_away:
  lea rax, [rip]
  shr rax, 48
  %hex rax
  %line
  mov rbx, near_again
  jmp rbx
near_again:
  ; MSRs take 57-bit addresses
  mov ecx, 0xc0000102
  mov eax, 0
  mov edx, 0x00ffffff
  %try wrmsr

  %print "keys", 10
  ; user page at 12 MiB with key 1
  mov eax, [PML4 + 0x2000 + 6 * 8]
  or eax, 4
  mov [PML4 + 0x2000 + 6 * 8], eax
  mov dword [PML4 + 0x2000 + 6 * 8 + 4], 0x08000000
  mov rax, cr3
  mov cr3, rax
  xor ecx, ecx
  %try rdpkru
  mov rax, cr4
  or rax, 0x400000
  mov cr4, rax
  mov eax, 7
  xor ecx, ecx
  cpuid
  and ecx, 0x18
  %hex rcx
  %line
  mov eax, 0xc ; no access with key 1
  xor ecx, ecx
  xor edx, edx
  wrpkru
  xor eax, eax
  rdpkru
  %hex rax
  %try mov eax, [0xc00000]
  %try mov [0xc00000], eax
  mov eax, 8 ; no writes
  xor edx, edx
  wrpkru
  mov eax, [0xc00000]
  %try mov [0xc00000], eax
  mov rax, cr0
  and rax, 0xfffffffffffeffff
  mov cr0, rax
  mov [0xc00000], eax ; CR0.WP is clear
  mov rax, cr0
  or rax, 0x10000
  mov cr0, rax
  %try mov [0xc00000], eax
  mov eax, 3 ; key 0
  wrpkru
  mov eax, [0xb00000]
  mov ecx, 1
  %try rdpkru
  xor ecx, ecx
  mov edx, 1
  %try wrpkru
  mov eax, 0
  jmp exit64

PML5 equ 0x410000
bits 32
%include lib32.inc
%include gdt32.inc
%include long.inc
%include lib64.inc
