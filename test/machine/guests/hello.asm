; The smallest guest: multiboot state, output, exit.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  %hex eax
  mov eax, cr0
  %hex eax
  %line
  mov eax, 21
  jmp exit32
%include lib32.inc
