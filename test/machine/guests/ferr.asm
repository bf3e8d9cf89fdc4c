; x87 exceptions with CR0.NE clear: FERR# raises IRQ 13, port F0h acknowledges. SDM 1 §D.2.1.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov ebx, 0x2d
  mov ecx, on_irq13
  mov dx, 0x8e00
  call set_gate32
  mov al, 0x11
  out 0x20, al
  out 0xa0, al
  mov al, 0x20
  out 0x21, al
  mov al, 0x28
  out 0xa1, al
  mov al, 4
  out 0x21, al
  mov al, 2
  out 0xa1, al
  mov al, 1
  out 0x21, al
  out 0xa1, al
  mov al, 0xfb
  out 0x21, al
  mov al, 0xdf
  out 0xa1, al
  mov eax, cr0
  and eax, 0xffffffdf
  mov cr0, eax
  mov ecx, 2
  sti
again:
  fninit
  push dword 0x037b ; divisions by zero unmasked
  fldcw [esp]
  pop eax
  fld1
  fldz
  fdivp st1, st0
  %print "divided "
  fwait
  %print "waited "
  fnstsw ax
  and eax, 0xff
  %hex eax
  fnclex
  fwait
  %line
  loop again
  cli
  mov eax, 0
  jmp exit32

on_irq13:
  pushad
  %print "irq13 "
  fnstsw ax
  and eax, 0xff
  %hex eax
  xor al, al
  out 0xf0, al
  mov al, 0x20
  out 0xa0, al
  out 0x20, al
  fnclex
  popad
  iretd
%include lib32.inc
%include gdt32.inc
