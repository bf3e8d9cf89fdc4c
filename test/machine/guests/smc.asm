; Self-modifying and cross-modifying code: the next instruction, the same one, a loop, another page, an alias, REP into code,
; instructions that cross a page, and remapping of their second page.
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

  %print "next instruction "
  mov ebp, 3
.again:
  mov byte [.imm + 1], 0x55
  jmp .one
.one:
  mov byte [.imm + 1], 0xaa
.imm:
  mov eax, 0x11
  %hex rax
  mov byte [.imm2 + 1], 0x21
  mov byte [.imm2 + 1], 0x22
.imm2:
  mov eax, 0
  %hex rax
  dec ebp
  jnz .again
  %line

  %print "loop "
  xor ecx, ecx
  xor eax, eax
.loop:
  add eax, 0x01000000
.patch:
  add eax, 1
  inc byte [.patch + 2]
  inc ecx
  cmp ecx, 20
  jne .loop
  %hex rax
  %line

  %print "itself "
  ; the store turns its own opcode (C6: MOV r/m8) into a second visit's NOPs
  mov ecx, 2
  mov rax, 0x9090909090909090
.self:
  nop
.store:
  mov [.store], rax
  nop
  nop
  nop
  nop
  loop .self
  %print "ok", 10

  %print "function in another page "
  mov edi, 0x600000
  mov rax, 0xc300000001b8        ; mov eax, 1; ret
  mov [rdi], rax
  call rdi
  %hex rax
  mov byte [rdi + 1], 2
  call rdi
  %hex rax
  mov ecx, 200
.many:
  inc byte [rdi + 1]
  call rdi
  loop .many
  %hex rax
  ; many writes nearby, then code again
  mov ecx, 500
.near:
  mov [rdi + rcx * 4 + 16], ecx
  loop .near
  mov byte [rdi + 1], 0x77
  call rdi
  %hex rax
  %line

  %print "alias "
  mov qword [PML4 + 0x2000 + 8 * 64], 0x600083  ; 0x8000000 shows 0x600000
  mov rax, cr3
  mov cr3, rax
  mov edi, 0x600000
  mov esi, 0x8000000
  call rdi
  mov byte [rsi + 1], 0x33
  call rdi
  %hex rax
  call rsi
  %hex rax
  mov byte [rdi + 1], 0x34
  call rsi
  %hex rax
  %line

  %print "rep into code "
  ; sixteen functions of 16 bytes, run, replaced by REP MOVSB, MOVSQ and STOSB, run again
  call make
  call run_all
  %hex rax
  mov edi, 0x602000
  call make_at
  mov esi, 0x602000
  mov edi, 0x601000
  mov ebx, 0x602000
  mov ecx, 16
.bump:
  add byte [rbx + 1], 0x10
  add ebx, 16
  loop .bump
  mov ecx, 256
  rep movsb
  call run_all
  %hex rax
  mov esi, 0x602000
  mov ebx, 0x602000
  mov ecx, 16
.bump2:
  add byte [rbx + 1], 0x10
  add ebx, 16
  loop .bump2
  mov edi, 0x601000
  mov ecx, 32
  rep movsq
  call run_all
  %hex rax
  mov edi, 0x601000 + 9 * 16
  mov ecx, 16
  mov al, 0xc3
  rep stosb
  call run_all
  %hex rax
  mov edi, 0x601000
  mov ecx, 64
  mov eax, 0xc3c3c3c3
  rep stosd
  xor eax, eax
  call run_all
  %hex rax
  %line

  %print "across a page "
  ; mov eax, imm32 at FFE: one byte of the immediate here, three there
  mov edi, 0x603ffd
  mov byte [rdi], 0xb8
  mov dword [rdi + 1], 0x44332211
  mov byte [rdi + 5], 0xc3
  call rdi
  %hex rax
  mov byte [rdi + 4], 0x55
  call rdi
  %hex rax
  mov byte [rdi + 1], 0x66
  call rdi
  %hex rax
  mov dword [rdi + 2], 0xc3778899
  call rdi
  %hex rax
  %line

  %print "second page remapped "
  ; 4 KiB pages at 10 MiB: A00 is 603, A01 is 604 or 605
  mov edi, PML4 + 0x7000
  xor eax, eax
  mov ecx, 512
  rep stosq
  mov dword [PML4 + 0x2028], PML4 + 0x7003
  mov dword [PML4 + 0x7000], 0x603003
  mov dword [PML4 + 0x7008], 0x604003
  mov dword [PML4 + 0x7018], 0x604003
  mov rax, cr3
  mov cr3, rax
  mov edi, 0x605000
  mov dword [rdi], 0x00c3dead
  mov dword [rdi - 0x1000], 0x00c3beef
  mov dword [0x603ffd], 0x00bb00b8
  mov edi, 0xa00ffd
  mov ecx, 3
.remap:
  call rdi
  %hex rax
  mov dword [PML4 + 0x7008], 0x605003
  invlpg [0xa01000]
  call rdi
  %hex rax
  mov dword [PML4 + 0x7008], 0x604003
  mov rax, cr3
  mov cr3, rax
  dec ecx
  jnz .remap
  %line
  %print "second page gone", 10
  mov dword [PML4 + 0x7008], 0
  invlpg [0xa01000]
  mov ebp, esp
  %try call rdi
  mov esp, ebp
  mov dword [PML4 + 0x7008], 0x604003
  call rdi
  %hex rax
  ; written through another page
  mov word [0xa03000], 0x1234
  call rdi
  %hex rax
  mov word [0x604000], 0x5678
  call rdi
  %hex rax
  %line
  %print "first page remapped "
  mov dword [PML4 + 0x7000], 0x606003
  mov dword [0x606ffd], 0x007700b8
  invlpg [0xa00000]
  call rdi
  %hex rax
  mov dword [PML4 + 0x7000], 0x603003
  invlpg [0xa00000]
  call rdi
  %hex rax
  %line

  %print "code in a page table "
  ; the walker's accessed bits are writes, too: code behind the entries is not disturbed
  mov edi, PML4 + 0x7800
  mov rax, 0xc300000001b8
  mov [rdi], rax
  call rdi
  mov eax, [0xa00000]
  call rdi
  %hex rax
  %line

  %print "new mode, same bytes "
  ; 40 is INC EAX in 32-bit code and a REX prefix in 64-bit code
  mov edi, 0x607000
  ; 40, FF C0 (INC EAX), 48 CB (RETFQ)
  mov byte [rdi], 0x40
  mov word [rdi + 1], 0xc0ff
  mov word [rdi + 3], 0xcb48
  xor eax, eax
  push 0x70
  push .in64
  jmp rdi
.in64:
  %hex rax
  push 0x08
  push .to32
  retfq
bits 32
.to32:
  mov byte [edi + 3], 0x90
  xor eax, eax
  push 0x08
  push .in32
  jmp edi
.in32:
  %hex eax
  %print 10, "end", 10
  mov eax, 0
  jmp exit32
bits 64
make:
  mov edi, 0x601000
make_at:
  mov ebx, 1
.fn:
  mov byte [rdi], 0xb8
  mov [rdi + 1], ebx
  mov byte [rdi + 5], 0xc3
  add edi, 16
  inc ebx
  cmp ebx, 17
  jne .fn
  ret
run_all:
  mov ebx, 0x601000
  xor edx, edx
.fn:
  xor eax, eax
  call rbx
  imul edx, edx, 3
  add edx, eax
  add ebx, 16
  cmp ebx, 0x601100
  jne .fn
  mov eax, edx
  ret
%include lib32.inc
%include gdt32.inc
%include long.inc
%include lib64.inc
