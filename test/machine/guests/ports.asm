; The I/O permission bitmap: widths, edges, IOPL, the TSS limit, string I/O, 64-bit mode's TSS too.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov ebx, 0x40
  mov ecx, to_kernel
  mov dx, 0xee00
  call set_gate32
  mov ebx, 0x41
  mov ecx, done
  mov dx, 0xee00
  call set_gate32
  ; bitmap at 68h for ports 0..7FF: E9 and 80..87 free but 83
  mov edi, TSS + 0x68
  mov al, 0xff
  mov ecx, 0x101
  cld
  rep stosb
  and byte [TSS + 0x68 + 0x1d], 0xfd
  mov byte [TSS + 0x68 + 0x10], 8
  mov byte [TSS + 0x68 + 0xff], 0x7f
  mov word [gdt_tss], 0x68 + 0x100
  and byte [gdt_tss + 5], 0xfd
  mov ax, 0x28
  ltr ax
  push dword 0x3b
  push dword 0x1e0000
  push dword 2
  push dword 0x33
  push dword user
  iretd
user:
  mov ax, 0x3b
  mov ds, ax
  mov es, ax
  %print "byte ", 10
  out 0x80, al
  out 0x82, al
  %try out 0x83, al
  out 0x84, al
  %try in al, 0x60
  in al, 0x80
  %print "word ", 10
  out 0x80, ax
  %try out 0x82, ax
  %try out 0x83, ax
  out 0x84, ax
  out 0x86, ax
  %try out 0x87, ax
  %print "dword ", 10
  %try out 0x80, eax
  out 0x84, eax
  %try out 0x85, eax
  %print "edges ", 10
  mov dx, 0x7ff
  in al, dx
  mov dx, 0x7fe
  %try in al, dx
  mov dx, 0x7ff
  %try in ax, dx
  mov dx, 0x800
  %try in al, dx
  mov dx, 0xffff
  %try in al, dx
  %print "string ", 10
  mov dx, 0xe9
  mov esi, .text
  mov ecx, 6
  cld
  rep outsb
  mov dx, 0x83
  mov esi, .text
  mov ecx, 6
  %try rep outsb
  %hex ecx
  mov dx, 0x60
  mov edi, 0x1d0000
  mov ecx, 3
  %try rep insb
  %hex ecx
  %line
  %try cli
  %try sti
  ; the base moves: no bitmap at all
  int 0x40
.text: db "hello", 10
to_kernel:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  %print "no bitmap ", 10
  mov word [TSS + 102], 0x169
  push dword 0x3b
  push dword 0x1e0000
  push dword 2
  push dword 0x33
  push dword user2
  iretd
user2:
  mov ax, 0x3b
  mov ds, ax
  mov es, ax
  %try out 0xe9, al
  %try out 0x80, al
  mov ebx, 1
  int 0x41
done:
  mov ax, 0x10
  mov ds, ax
  %print "end", 10
  mov eax, 0
  jmp exit32
%include lib32.inc
%include gdt32.inc
