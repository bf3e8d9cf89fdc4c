; The VGA's planes by random register contents, its DAC, protected registers, chain-4, and the Bochs display interface.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  cld
  ; planes one after the other, 64 KiB at A0000h, graphics
  mov dx, 0x3c4
  mov ax, 0x0604
  out dx, ax
  mov dx, 0x3ce
  mov ax, 0x0506
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0001
  out dx, ax
  mov ax, 0x0003
  out dx, ax
  mov ax, 0xff08
  out dx, ax
  mov dx, 0x3c4
  mov ax, 0x0f02
  out dx, ax
  mov edi, 0xa0000
  mov ecx, 0x4000
  xor eax, eax
  rep stosd
  mov al, [0xa0000] ; the latches
  %print "random", 10
  mov dword [seed], 12345
  xor ebp, ebp ; checksum
  mov dword [rounds], 0
.round:
  ; map mask
  call random
  mov ah, al
  and ah, 0x0f
  mov al, 2
  mov dx, 0x3c4
  out dx, ax
  ; graphics registers but 5 and 6
  mov dx, 0x3ce
  xor ebx, ebx
.registers:
  mov al, [indices + ebx]
  cmp al, 0xff
  je .mode
  push eax
  call random
  mov ecx, eax
  pop eax
  mov ah, cl
  and ah, [masks + ebx]
  out dx, ax
  inc ebx
  jmp .registers
.mode:
  call random
  and al, 0x0b ; write mode, read mode
  mov ah, al
  mov al, 5
  out dx, ax
  mov ecx, 40
.access:
  call random
  mov edi, eax
  and edi, 0x3f
  add edi, 0xa0000
  shr eax, 8
  test al, 0x80
  jnz .write
  mov al, [edi]
  call mix
  jmp .next
.write:
  shr eax, 8
  mov [edi], al
.next:
  loop .access
  inc dword [rounds]
  mov eax, [rounds]
  and eax, 63
  jnz .more
  %hex ebp
.more:
  cmp dword [rounds], 1024
  jb .round
  %line

  %print "dac", 10
  mov dx, 0x3c8
  mov al, 254
  out dx, al
  inc edx
  mov ecx, 9
  mov al, 0x10
.dac:
  out dx, al
  add al, 3
  loop .dac
  mov dx, 0x3c7
  mov al, 254
  out dx, al
  in al, dx
  movzx ebx, al
  %hex ebx
  mov dx, 0x3c9
  mov ecx, 9
.dacread:
  in al, dx
  movzx ebx, al
  %hex ebx
  loop .dacread
  mov dx, 0x3c8
  xor eax, eax
  out dx, al
  dec edx
  in al, dx
  movzx ebx, al
  %hex ebx
  %line

  %print "crtc", 10
  mov dx, 0x3d4
  mov ax, 0x8e11
  out dx, ax ; protect
  mov ax, 0x3300
  out dx, ax
  mov ax, 0x0f07
  out dx, ax
  mov ax, 0x330e
  out dx, ax
  xor ebx, ebx
.crtc:
  mov al, [crtc_seen + ebx]
  cmp al, 0xff
  je .crtc_end
  out dx, al
  inc edx
  in al, dx
  dec edx
  movzx ecx, al
  %hex ecx
  inc ebx
  jmp .crtc
.crtc_end:
  %line

  %print "chain-4", 10
  mov dx, 0x3ce
  mov ax, 0x4005
  out dx, ax
  mov ax, 0x0001
  out dx, ax
  mov ax, 0x0003
  out dx, ax
  mov ax, 0xff08
  out dx, ax
  mov dx, 0x3c4
  mov ax, 0x0f02
  out dx, ax
  mov ax, 0x0e04
  out dx, ax
  mov edi, 0xa0000
  xor eax, eax
.chained:
  mov [edi + eax], al
  inc eax
  cmp eax, 64
  jb .chained
  mov ebx, [0xa0010]
  %hex ebx
  mov ax, 0x0604
  out dx, ax
  mov dx, 0x3ce
  mov ax, 0x0005
  out dx, ax
  mov cl, 0
.plane:
  mov ah, cl
  mov al, 4
  out dx, ax
  mov ebx, [0xa0008]
  %hex ebx
  inc cl
  cmp cl, 4
  jb .plane
  %line

  %print "vbe", 10
  mov ax, 0xb0c5
  mov ebx, 0
  call vbe_write
  mov ax, 1024
  mov ebx, 1
  call vbe_write
  mov ax, 768
  mov ebx, 2
  call vbe_write
  mov ax, 32
  mov ebx, 3
  call vbe_write
  mov ax, 0x41
  mov ebx, 4
  call vbe_write
  call vbe_show
  mov ax, 1280
  mov ebx, 6
  call vbe_write
  mov ax, 64
  mov ebx, 8
  call vbe_write
  mov ax, 100
  mov ebx, 9
  call vbe_write
  call vbe_show
  ; banks
  mov ecx, 3
.banks:
  mov eax, ecx
  mov ebx, 5
  call vbe_write
  mov [0xa0000 + 0x1234], ecx
  loop .banks
  mov ecx, 3
.banks_read:
  mov eax, ecx
  mov ebx, 5
  call vbe_write
  mov edx, [0xa0000 + 0x1234]
  %hex edx
  loop .banks_read
  xor eax, eax
  mov ebx, 4
  call vbe_write
  mov ax, 800
  mov ebx, 1
  call vbe_write
  mov ax, 600
  mov ebx, 2
  call vbe_write
  mov ax, 8
  mov ebx, 3
  call vbe_write
  mov ax, 0xc1
  mov ebx, 4
  call vbe_write
  xor eax, eax
  mov ebx, 5
  call vbe_write
  call vbe_show
  mov ebx, [0xa0000 + 0x1234] ; not cleared
  %hex ebx
  %line
  mov eax, 0
  jmp exit32

vbe_write: ; register BX, value AX
  push edx
  push eax
  mov eax, ebx
  mov dx, 0x1ce
  out dx, ax
  pop eax
  inc edx
  out dx, ax
  pop edx
  ret

vbe_show: ; all registers
  xor ebx, ebx
.register:
  mov eax, ebx
  mov dx, 0x1ce
  out dx, ax
  inc edx
  in ax, dx
  movzx ecx, ax
  %hex ecx
  inc ebx
  cmp ebx, 11
  jb .register
  %line
  ret

random: ; EAX
  imul eax, [seed], 1664525
  add eax, 1013904223
  mov [seed], eax
  rol eax, 13
  ret

mix: ; AL into EBP
  movzx eax, al
  xor ebp, eax
  imul ebp, ebp, 16777619
  rol ebp, 5
  ret

indices: db 0, 1, 2, 3, 4, 7, 8, 0xff
masks: db 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x0f, 0xff
crtc_seen: db 0, 7, 0x0e, 0x11, 0xff
align 4
seed: dd 0
rounds: dd 0

%include lib32.inc
%include gdt32.inc
