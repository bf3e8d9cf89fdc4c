; A small teaching system on a disk: a boot sector loads a 32-bit kernel, which runs two programs at privilege 3, each in an address
; space of its own, switched by the timer; they call the kernel by INT 40h. The kernel writes and reads the disk by PIO and IRQ 14.
  bits 16
  org 0x7c00
KERNEL    equ 0x10000
SECTORS   equ 16
G_IDT     equ 0x20000
G_TSS     equ 0x21000
G_DIR     equ 0x30000           ; page directories, 4 KiB each, of programs 0 and 1
G_LOW     equ 0x32000           ; the first 4 MiB, for the kernel
G_USER    equ 0x33000           ; page tables of the programs
G_FRAME   equ 0x40000           ; the programs' pages: code and stack
G_STACK   equ 0x50000           ; their kernel stacks, 4 KiB each
USER      equ 0x400000

boot:
  cli
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov sp, 0x7c00
  sti
  mov [drive], dl
  ; The E820 map must name RAM at 1 MiB.
  xor ebx, ebx
  xor bp, bp
.map:
  mov eax, 0xe820
  mov edx, 0x534d4150
  mov ecx, 20
  mov di, 0x600
  int 0x15
  jc .mapped
  cmp dword [0x600], 0x100000
  jne .not_high
  mov ax, [0x610]
  mov bp, ax
.not_high:
  or ebx, ebx
  jnz .map
.mapped:
  mov [map_type], bp
  ; The kernel: sixteen sectors behind this one.
  mov si, packet
  mov ah, 0x42
  mov dl, [drive]
  int 0x13
  jc .failed
  mov ax, 0x2401
  int 0x15
  cli
  o32 lgdt [gdtr]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp dword 8:kernel
.failed:
  mov al, 'E'
  mov dx, 0x3f8
  out dx, al
  hlt
drive: db 0
map_type: dw 0
  align 4
packet:
  dw 16, SECTORS, 0, KERNEL >> 4
  dq 1
gdtr:
  dw gdt_end - gdt - 1
  dd gdt
  align 8
gdt:
  dq 0
  dq 0x00cf9b000000ffff
  dq 0x00cf93000000ffff
  dq 0x00cffb000000ffff         ; 18 user code
  dq 0x00cff3000000ffff         ; 20 user data
  dq 0x0000890210000067         ; 28 TSS
gdt_end:
  times 446 - ($ - $$) db 0
  db 0x80, 0, 2, 0, 0x83, 0, 0x12, 0
  dd 1, 2047
  times 510 - ($ - $$) db 0
  db 0x55, 0xaa

; The rest is loaded at KERNEL; an offset takes labels there.
BASE      equ KERNEL - 0x7e00
kernel    equ code + BASE
  bits 32
code:
  mov ax, 0x10
  mov ss, ax
  ; Data segments that stay loaded at privilege 3 too.
  mov ax, 0x23
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov esp, 0x7c00
  mov esi, text_start + BASE
  call puts
  movzx eax, word [map_type]
  call digit
  ; Page tables: the kernel's 4 MiB for both, at USER two pages of their own.
  mov edi, G_DIR
  xor eax, eax
  mov ecx, 0x4000 / 4
  rep stosd
  mov edi, G_LOW
  mov eax, 3
  mov ecx, 1024
.low:
  stosd
  add eax, 0x1000
  loop .low
  mov edi, G_USER
  xor eax, eax
  mov ecx, 0x2000 / 4
  rep stosd
  xor ebx, ebx
.space:
  mov eax, ebx
  shl eax, 12
  lea edx, [eax + G_USER + 7]
  mov dword [eax + G_DIR], G_LOW + 7
  mov [eax + G_DIR + 4], edx
  mov ecx, ebx
  shl ecx, 13
  add ecx, G_FRAME + 7
  mov [eax + G_USER], ecx
  add ecx, 0x1000
  mov [eax + G_USER + 4], ecx
  ; The program, and its number where it finds it.
  mov esi, program + BASE
  mov edi, ebx
  shl edi, 13
  add edi, G_FRAME
  mov ecx, program_end - program
  rep movsb
  mov eax, ebx
  stosd
  ; A kernel stack as an interrupt leaves it: segments, registers, frame.
  mov edi, ebx
  shl edi, 12
  add edi, G_STACK + 0x1000
  mov dword [edi - 4], 0x23
  mov dword [edi - 8], USER + 0x2000
  mov dword [edi - 12], 0x202
  mov dword [edi - 16], 0x1b
  mov dword [edi - 20], USER
  lea eax, [edi - 20 - 32]
  mov [ebx * 4 + contexts + BASE], eax
  inc ebx
  cmp ebx, 2
  jb .space
  ; IDT, TSS, PIC at 20h, timer at 100 Hz.
  mov edi, G_IDT
  xor eax, eax
  mov ecx, 0x1000 / 4
  rep stosd
  mov edi, G_TSS
  mov ecx, 26
  rep stosd
  mov dword [G_TSS + 8], 0x10
  mov word [G_TSS + 102], 104
  mov ax, 0x28
  ltr ax
  mov ebx, 0x20
  mov ecx, timer + BASE
  mov dl, 0x8e
  call gate
  mov ebx, 0x2e
  mov ecx, disk_irq + BASE
  call gate
  mov ebx, 13
  mov ecx, bad + BASE
  call gate
  mov ebx, 14
  mov ecx, bad + BASE
  call gate
  mov ebx, 0x40
  mov ecx, system + BASE
  mov dl, 0xee
  call gate
  lidt [idtr + BASE]
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
  mov al, 0xbf
  out 0xa1, al
  mov al, 0x34
  out 0x43, al
  mov al, 11932 & 0xff
  out 0x40, al
  mov al, 11932 >> 8
  out 0x40, al
  mov eax, G_DIR
  mov cr3, eax
  mov eax, cr0
  or eax, 0x80000000
  mov cr0, eax
  call disk_test
  ; Ticks from now on: before, there is no program to switch from.
  cli
  mov al, 0xfa
  out 0x21, al
  ; Program 0.
  mov dword [G_TSS + 4], G_STACK + 0x1000
  mov esp, [contexts + BASE]
  popad
  iretd

; Gate of vector EBX to ECX, attributes DL.
gate:
  mov eax, ecx
  and eax, 0xffff
  or eax, 0x80000
  mov [ebx * 8 + G_IDT], eax
  mov ax, cx
  mov eax, ecx
  mov ax, 0
  mov ah, dl
  mov [ebx * 8 + G_IDT + 4], eax
  ret

; Switches to the other program if it still runs.
timer:
  pushad
  inc dword [ticks + BASE]
  mov al, 0x20
  out 0x20, al
switch:
  mov ebx, [current + BASE]
  mov [ebx * 4 + contexts + BASE], esp
  xor ebx, 1
  cmp dword [ebx * 4 + contexts + BASE], 0
  je .same
  mov [current + BASE], ebx
  inc dword [switches + BASE]
  mov eax, ebx
  shl eax, 12
  lea edx, [eax + G_STACK + 0x1000]
  mov [G_TSS + 4], edx
  add eax, G_DIR
  mov cr3, eax
  mov esp, [ebx * 4 + contexts + BASE]
.same:
  popad
  iretd

; EAX = 0: the ticks; 1: writes EBX; 2: ends the program.
system:
  cmp eax, 1
  je .write
  cmp eax, 2
  je .exit
  mov eax, [ticks + BASE]
  iretd
.write:
  mov al, bl
  call putc
  iretd
.exit:
  mov ebx, [current + BASE]
  mov dword [ebx * 4 + contexts + BASE], 0
  xor ebx, 1
  cmp dword [ebx * 4 + contexts + BASE], 0
  je finish
  ; The stack of the other, whoever comes back here is gone.
  mov [current + BASE], ebx
  mov eax, ebx
  shl eax, 12
  lea edx, [eax + G_STACK + 0x1000]
  mov [G_TSS + 4], edx
  add eax, G_DIR
  mov cr3, eax
  mov esp, [ebx * 4 + contexts + BASE]
  popad
  iretd

finish:
  mov esi, text_switched + BASE
  cmp dword [switches + BASE], 2
  jae .many
  mov esi, text_stuck + BASE
.many:
  call puts
  mov esi, text_end + BASE
  call puts
  cli
.halt:
  hlt
  jmp .halt

bad:
  mov esi, text_bad + BASE
  call puts
  cli
  hlt

; Sector 100 is written, read back and compared.
disk_test:
  mov edi, 0x60000
  mov ecx, 128
  mov eax, 0x1234
.fill:
  stosd
  imul eax, eax, 69069
  inc eax
  loop .fill
  mov al, 0x30
  call disk_command
  mov edx, 0x1f7
.drq:
  in al, dx
  test al, 8
  jz .drq
  mov esi, 0x60000
  mov edx, 0x1f0
  mov ecx, 128
  rep outsd
  call disk_wait
  mov al, 0x20
  call disk_command
  call disk_wait
  mov edi, 0x61000
  mov edx, 0x1f0
  mov ecx, 128
  rep insd
  mov esi, 0x60000
  mov edi, 0x61000
  mov ecx, 128
  repe cmpsd
  mov esi, text_disk + BASE
  je puts
  mov esi, text_differs + BASE
  jmp puts
disk_command:
  push eax
  mov dword [disk_done + BASE], 0
  mov edx, 0x1f2
  mov al, 1
  out dx, al
  inc edx
  mov al, 100
  out dx, al
  inc edx
  xor al, al
  out dx, al
  inc edx
  out dx, al
  inc edx
  mov al, 0xe0
  out dx, al
  inc edx
  pop eax
  out dx, al
  ret
disk_wait:
  cmp dword [disk_done + BASE], 0
  jne .done
  sti
  hlt
  cli
  jmp disk_wait
.done:
  ret
disk_irq:
  pushad
  mov edx, 0x1f7
  in al, dx
  inc dword [disk_done + BASE]
  mov al, 0x20
  out 0xa0, al
  out 0x20, al
  popad
  iretd

; The timer must not switch while the disk is waited for.
puts:
  lodsb
  or al, al
  jz .done
  call putc
  jmp puts
.done:
  ret
putc:
  push edx
  push eax
  mov edx, 0x3fd
.wait:
  in al, dx
  test al, 0x20
  jz .wait
  pop eax
  mov edx, 0x3f8
  out dx, al
  pop edx
  ret
digit:
  add al, '0'
  call putc
  mov al, 10
  jmp putc

ticks: dd 0
switches: dd 0
current: dd 0
contexts: dd 0, 0
disk_done: dd 0
idtr: dw 0x7ff
  dd G_IDT
text_start: db "teaching system", 10, "type of the memory at 1 MiB: ", 0
text_disk: db "disk reads what was written", 10, 0
text_differs: db "disk differs", 10, 0
text_switched: db 10, "programs were switched", 10, 0
text_stuck: db 10, "no switch", 10, 0
text_bad: db "fault", 10, 0
text_end: db "end", 10, 0

; At USER in each address space; position-independent. Waits for 10 or 20 ticks, then writes A or B three times.
program:
  call .here
.here:
  pop ebp
  mov esi, [ebp + number - .here]
  lea edi, [esi + 1]
  imul edi, edi, 10
.wait:
  xor eax, eax
  int 0x40
  cmp eax, edi
  jb .wait
  mov ecx, 3
.write:
  mov eax, 1
  lea ebx, [esi + 'A']
  int 0x40
  loop .write
  mov eax, 2
  int 0x40
program_end:
number: dd 0
image_end:
