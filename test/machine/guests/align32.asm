; Alignment checks at ring 3 (CR0.AM, EFLAGS.AC), and x87 exceptions that MMX instructions report.
; QEMU's TCG has no #AC and MMX that ignores the x87 status: expected by SDM 3A §6.15 (#AC, table 6-7), SDM 1 §8.6.1.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov ebx, 0x40
  mov ecx, back
  mov dx, 0xee00
  call set_gate32
  mov dword [quiet], 1
  %print "AM clear", 10
  mov dword [flags], 0x40002
  call user_part
  mov eax, cr0
  or eax, 0x40000
  mov cr0, eax
  %print "AC clear", 10
  mov dword [flags], 0x2
  call user_part
  %print "AM and AC", 10
  mov dword [flags], 0x40002
  call user_part
  %print "ring 0", 10
  push dword 0x40002
  popfd
  mov eax, [data + 1]
  push dword 2
  popfd

  %print "MMX", 10
  mov eax, cr0
  or eax, 0x20
  mov cr0, eax
  mov eax, cr4
  or eax, 0x200
  mov cr4, eax
  fninit
  push dword 0x037b ; divisions by zero unmasked
  fldcw [esp]
  fld1
  fldz
  fdivp st1, st0
  %try movq mm0, mm1
  %try emms
  %try cvtps2pi mm0, xmm0
  fnclex
  emms
  movq mm0, mm1
  mov eax, 0
  jmp exit32

flags: dd 0
saved: dd 0
user_part:
  mov [saved], esp
  push dword 0x3b
  push dword 0x1e0000
  push dword [flags]
  push dword 0x33
  push dword user
  iretd
back:
  mov esp, [saved]
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  ret
user:
  mov ax, 0x3b
  mov ds, ax
  mov es, ax
  mov al, [data + 1]
  %try mov ax, [data + 1]
  %try mov ax, [data + 2]
  %try mov eax, [data + 2]
  %try mov [data + 1], eax
  %try add dword [data + 3], 1
  %try fld qword [data + 4]
  fninit
  %try fld dword [data + 4]
  fninit
  %try fld tword [data + 4]
  fninit
  mov esp, 0x1dfffe
  %try push eax
  mov esp, 0x1e0000
  mov esi, data + 1
  mov edi, data + 16
  mov ecx, 4
  cld
  %try rep movsw
  mov ecx, 4
  mov esi, data + 1
  %try rep movsb
  %try lock cmpxchg8b [data + 4]
  ; a page that is not there comes before the alignment, but there is no paging here: past the limit of a segment, too
  mov ax, 0x8b
  mov es, ax
  %try mov eax, [es:0xfff]
  int 0x40

align 16
data: dd 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
%include lib32.inc
%include gdt32.inc
