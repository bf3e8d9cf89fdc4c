; String instructions over page boundaries: exact RSI, RDI and RCX after a fault in the middle, and on going on.
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
  ; 4 KiB pages at 8 MiB: 800..803 and 805 present, 804 not, 806 read only
  mov edi, PML4 + 0x7000
  xor eax, eax
  mov ecx, 512
  cld
  rep stosq
  mov dword [PML4 + 0x2020], PML4 + 0x7003
  mov dword [PML4 + 0x2028], 0x800083
  mov dword [PML4 + 0x7000], 0x900003
  mov dword [PML4 + 0x7008], 0x907003
  mov dword [PML4 + 0x7010], 0x903003
  mov dword [PML4 + 0x7018], 0x902003
  mov dword [PML4 + 0x7028], 0x905003
  mov dword [PML4 + 0x7030], 0x906001
  mov rax, cr3
  mov cr3, rax

  %print "stosb "
  mov edi, 0x803f00
  mov ecx, 0x1000
  mov al, 0x5a
  %try rep stosb
  call show
  %print "stosq "
  mov edi, 0x803f03
  mov ecx, 0x200
  mov rax, 0x1122334455667788
  %try rep stosq
  call show
  %hex [0x803ff3]
  %line
  %print "stosd backwards "
  mov edi, 0x805010
  mov ecx, 100
  std
  %try rep stosd
  cld
  call show
  %print "stosw into read-only "
  mov edi, 0x805ff1
  mov ecx, 100
  %try rep stosw
  call show

  %print "movsb from the gap "
  mov esi, 0x803ff0
  mov edi, 0x800100
  mov ecx, 0x100
  %try rep movsb
  call show
  %print "movsq to the gap "
  mov esi, 0x800000
  mov edi, 0x803f01
  mov ecx, 0x100
  %try rep movsq
  call show
  %print "movsd both "
  mov esi, 0x803ffe
  mov edi, 0x803ffa
  mov ecx, 4
  %try rep movsd
  call show
  %print "movsb backwards "
  mov esi, 0x802000
  mov edi, 0x805005
  mov ecx, 64
  std
  %try rep movsb
  cld
  call show
  %print "movsb over four pages "
  mov edi, 0x800000
  mov ecx, 0x4000
  xor eax, eax
.fill:
  mov [rdi], al
  imul eax, eax, 13
  add eax, 7
  inc edi
  loop .fill
  mov esi, 0x800123
  mov edi, 0x801456
  mov ecx, 0x2345
  rep movsb
  call show
  call sum
  %print "overlapping by one "
  mov esi, 0x800ff0
  mov edi, 0x800ff1
  mov ecx, 0x40
  rep movsb
  call show
  call sum
  %print "overlapping downwards "
  mov esi, 0x801010
  mov edi, 0x800ff8
  mov ecx, 0x50
  rep movsw
  call show
  call sum
  %print "itself "
  mov esi, 0x800800
  mov edi, 0x800800
  mov ecx, 0x1800
  rep movsb
  call show
  call sum

  %print "lodsb "
  mov esi, 0x803ffd
  mov ecx, 10
  %try rep lodsb
  call show
  %print "scasb "
  mov edi, 0x803fa0
  mov ecx, 0x100
  mov dword [0x803fa0], 0
  mov al, 0xfe
  mov esi, 0
  mov byte [0x803ff0], 0xfe
  repne scasb
  call show
  mov byte [0x803ff0], 0
  mov edi, 0x803ff8
  mov rax, 0
  mov qword [0x803ff8], 0
  %try repe scasb
  call show
  %print "cmpsb "
  mov esi, 0x803fe0
  mov edi, 0x800100
  mov ecx, 0x20
  push rsi
  push rdi
  push rcx
  xchg [rsp], rcx
  mov ecx, 0x20
  mov esi, 0x803fe0
  mov edi, 0x800100
  rep movsb
  pop rcx
  pop rdi
  pop rsi
  mov ecx, 0x40
  %try repe cmpsb
  call show
  %print "zero count "
  xor ecx, ecx
  mov esi, 0x804000
  mov edi, 0x804000
  rep movsb
  rep stosq
  repe cmpsb
  call show
  %print "address size 32 "
  mov rdi, 0x1200803f00
  mov rcx, 0x1200000200
  mov rsi, 0x3400000000
  %try a32 rep stosb
  call show
  %print "going on after the fault "
  ; the handler maps the page
  mov rcx, map_page
  mov ebx, 14
  mov edx, 0x8e00
  call set_gate64
  xor esi, esi
  mov edi, 0x803f00
  mov ecx, 0x400
  mov eax, 0x77
  rep stosd
  call show
  call sum
  %print "end", 10
  mov eax, 0
  jmp exit64

map_page:
  mov dword [PML4 + 0x7020], 0x904003
  add rsp, 8
  iretq
show:
  %hex rsi
  %hex rdi
  %hex rcx
  %line
  ret
sum:
  push rsi
  mov esi, 0x800000
  xor edx, edx
  mov ecx, 0x4000
.next:
  lodsb
  movzx eax, al
  imul rdx, rdx, 31
  add rdx, rax
  loop .next
  pop rsi
  %hex rdx
  %line
  ret
%include lib32.inc
%include gdt32.inc
%include long.inc
%include lib64.inc
