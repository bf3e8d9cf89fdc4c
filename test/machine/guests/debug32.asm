; Debug registers and single-stepping: breakpoints on execution, data and ports, general detect, MOV SS, RF, string instructions.
; QEMU's TCG has no RF for string instructions, no MOV SS hold-off, leaves GD set, and keeps DR6 bit 12: expected by SDM 3B §17.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov ebx, 1
  mov ecx, on_debug
  mov dx, 0x8e00
  call set_gate32
  mov eax, cr4
  or eax, 8 ; DE
  mov cr4, eax

  %print "registers", 10
  mov eax, dr7
  %hex eax
  mov eax, dr6
  %hex eax
  mov eax, 0x12345678
  mov dr3, eax
  mov eax, dr3
  %hex eax
  mov eax, 0xffffffff
  mov dr6, eax
  mov eax, dr6
  %hex eax
  xor eax, eax
  mov dr6, eax
  %line

  %print "execution", 10
  mov eax, exec1
  mov dr0, eax
  mov eax, exec2
  mov dr1, eax
  mov eax, 0x409 ; L0 and G1
  mov dr7, eax
  mov ecx, 3
exec_loop:
  nop
exec1:
  inc edx
  dec ecx
exec2:
  jnz exec_loop
  ; a breakpoint on a string instruction comes once
  mov eax, exec3
  mov dr0, eax
  mov esi, text
  mov edi, buffer
  mov ecx, 5
exec3:
  rep movsb
  ; one that a jump leads to; the one behind MOV SS is held off
  mov eax, exec4
  mov dr0, eax
  mov eax, exec5
  mov dr1, eax
  jmp exec4
  nop
exec4:
  mov ax, ss
  mov ss, ax
exec5:
  nop
  xor eax, eax
  mov dr7, eax
  ; disarmed
  mov ecx, 2
  call plain

  %print "data", 10
  fninit
  mov eax, buffer + 1
  mov dr0, eax
  mov eax, buffer + 8
  mov dr2, eax
  ; 0: write, 1 byte; 2: read or write, 4 bytes
  mov eax, 0x0f010411
  or eax, 0x22
  and eax, 0xffffffd1
  mov dr7, eax
  xor eax, eax
  mov [buffer], al
  mov [buffer + 1], al
  mov al, [buffer + 1]
  mov [buffer], eax
  mov eax, [buffer - 2]
  mov dword [buffer - 2], 0
  mov eax, [buffer + 8]
  mov al, [buffer + 11]
  mov al, [buffer + 12]
  mov ax, [buffer + 7]
  add dword [buffer + 5], 1
  inc dword [buffer + 10]
  push dword [buffer + 8]
  pop dword [buffer + 9]
  xchg [buffer + 8], eax
  mov esi, buffer + 4
  mov edi, target
  mov ecx, 8
  cld
  rep movsb
  mov edi, buffer
  mov ecx, 4
  xor eax, eax
  rep stosd
  mov ecx, 4
  mov edi, buffer
  repne scasb
  fld qword [buffer + 8]
  fstp qword [buffer - 4]
  ; held off by MOV SS
  mov word [buffer + 8], ss
  mov ss, [buffer + 8]
  nop
  nop
  mov eax, buffer + 8
  lock cmpxchg8b [eax]
  ; not armed any more
  xor eax, eax
  mov dr7, eax
  mov [buffer + 1], eax

  %print "port", 10
  mov eax, 0x80
  mov dr1, eax
  mov eax, 0x00600408 ; port, two bytes
  mov dr7, eax
  mov al, 0
  out 0x7f, al
  out 0x80, al
  in al, 0x81
  in al, 0x82
  out 0x7f, ax
  xor eax, eax
  mov dr7, eax

  %print "general detect", 10
  mov eax, 0x2400
  mov dr7, eax
  %try mov eax, dr0
  mov eax, dr7
  %hex eax
  %line

  %print "single step", 10
  pushfd
  or dword [esp], 0x100
  popfd
  nop
  mov ax, ss
  mov ss, ax
  nop
  mov ecx, 3
  mov edi, buffer
  rep stosb
  mov ecx, 3
  mov esi, text
  mov edi, buffer
  repe cmpsb
  cpuid
  int 3
  int1
  pushfd
  and dword [esp], 0xfffffeff
  popfd
  nop

  %print "undefined and privileged", 10
  %try mov eax, dr4
  %try mov dr5, eax
  mov eax, cr4
  and eax, 0xfffffff7
  mov cr4, eax
  mov eax, dr4
  %hex eax
  mov eax, dr5
  %hex eax
  %line
  mov eax, 0
  jmp exit32

plain:
exec_again:
  nop
  loop plain
  ret

; Shows where, DR6, TF and the counter; goes on with RF set
on_debug:
  pushad
  %print "#DB "
  mov eax, [esp + 32]
  sub eax, start
  %hex eax
  mov eax, dr6
  %hex eax
  mov eax, [esp + 40]
  and eax, 0x10100
  %hex eax
  mov eax, [esp + 24]
  %hex eax
  %line
  mov eax, 0xffff0ff0
  mov dr6, eax
  cmp dword [resume], 0
  je .go
  mov eax, [resume]
  mov [esp + 32], eax
  mov dword [resume], 0
.go:
  or dword [esp + 40], 0x10000
  popad
  iretd

text: db "abcdefgh"
align 16
  dd 0, 0
buffer: dd 0, 0, 0, 0, 0, 0, 0, 0
target: dd 0, 0, 0, 0

%include lib32.inc
%include gdt32.inc
