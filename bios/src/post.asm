; Power-on: shadow the ROM, set the chips up, find the drives, and boot.

; Runs at FFFF0000h, where no memory below 1 MiB is needed: the ROM at F0000h is going to be replaced by RAM.
early:
  cli
  cld
  ; Host bridge, PAM0 to PAM6: the ROM area is RAM (440FX 3.2.11).
  mov eax, 0x80000058
  mov dx, P_PCI
  out dx, eax
  mov dx, P_PCIDATA
  in eax, dx
  and eax, 0xff
  or eax, 0x33333000
  out dx, eax
  mov eax, 0x8000005c
  mov dx, P_PCI
  out dx, eax
  mov dx, P_PCIDATA
  mov eax, 0x33333333
  out dx, eax
  ; Segments of 4 GiB by a visit to protected mode, for the copy.
  o32 lgdt [cs:early_gdt]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp short .flush
.flush:
  mov ax, 8
  mov ds, ax
  mov es, ax
  mov eax, cr0
  and al, 0xfe
  mov cr0, eax
  mov esi, 0xffff0000
  mov edi, 0x000f0000
  mov ecx, 0x4000
  a32 rep movsd
  jmp BIOS_SEG:post

early_gdt:
  dw 15
  dd 0xffff0000 + .table
  align 8
.table:
  dq 0
  dq 0x00cf93000000ffff

post:
  ; The caches' and the segments' real-mode state.
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov sp, 0x7c00
  mov eax, cr0
  and eax, 0x9fffffff
  mov cr0, eax
  POST 1
  ; A20 open, memory 0..4FFh and the extended data area cleared.
  in al, P_A20
  or al, 2
  and al, 0xfe
  out P_A20, al
  xor di, di
  mov cx, 0x280
  xor ax, ax
  rep stosw
  mov ax, EBDA_SEG
  mov es, ax
  xor di, di
  mov cx, EBDA_KIB * 512
  xor ax, ax
  rep stosw
  mov byte [es:e_size], EBDA_KIB
  call init_vectors
  USE_BDA
  mov word [b_ebda], EBDA_SEG
  mov word [b_memory], BASE_KIB
  call init_pic
  call init_pit
  call init_apic
  call init_serial
  call init_parallel
  POST 2
  call memory_size
  call pci_init
  call video_init
  PRINTLN "Tabvisor BIOS"
  call print_memory
  POST 3
  call keyboard_init
  call time_init
  call acpi_init
  sti
  POST 4
  call floppy_init
  call drives_init
  call option_roms
  ; Interrupts of the board: timer, keyboard, cascade, floppy; clock, mouse no, IDE.
  mov al, 0xb8
  out P_PIC1 + 1, al
  mov al, 0x3e
  out P_PIC2 + 1, al
  POST 5
  int 0x19
  int 0x18
.stop:
  sti
  hlt
  jmp .stop

; Vector table: everything to a handler that returns; then the list.
init_vectors:
  xor ax, ax
  mov es, ax
  xor di, di
  mov cx, 256
.all:
  mov ax, int_nothing
  stosw
  mov ax, BIOS_SEG
  stosw
  loop .all
  mov si, .list
.next:
  mov bx, [cs:si]
  cmp bx, 0xffff
  je .hardware
  mov ax, [cs:si+2]
  shl bx, 2
  mov [es:bx], ax
  add si, 4
  jmp .next
.hardware:
  ; IRQs without a handler of their own.
  mov di, 0x08 * 4
  mov cx, 8
  mov ax, irq_nothing1
  call .fill
  mov di, 0x70 * 4
  mov cx, 8
  mov ax, irq_nothing2
  call .fill
  mov si, .irqs
.next_irq:
  mov bx, [cs:si]
  cmp bx, 0xffff
  je .tables
  mov ax, [cs:si+2]
  shl bx, 2
  mov [es:bx], ax
  add si, 4
  jmp .next_irq
.tables:
  ; Vectors that are pointers to tables.
  mov word [es:0x1d*4], 0
  mov word [es:0x1d*4+2], 0
  mov word [es:0x1e*4], floppy_table
  mov dword [es:0x41*4], 0
  mov dword [es:0x46*4], 0
  mov dword [es:0x1f*4], 0
  mov dword [es:0x43*4], 0
  ; 60h to 67h are for programs.
  mov di, 0x60 * 4
  mov cx, 16
  xor ax, ax
  rep stosw
  ret
.fill:
  stosw
  add di, 2
  loop .fill
  ret
.list:
  dw 0x05, int_nothing
  dw 0x10, int10
  dw 0x11, int11
  dw 0x12, int12
  dw 0x13, int13
  dw 0x14, int14
  dw 0x15, int15
  dw 0x16, int16
  dw 0x17, int17
  dw 0x18, int18
  dw 0x19, int19
  dw 0x1a, int1a
  dw 0x40, int13
  dw 0xffff
.irqs:
  dw 0x08, irq_timer
  dw 0x09, irq_keyboard
  dw 0x0c, irq_serial
  dw 0x0e, irq_floppy
  dw 0x70, irq_clock
  dw 0xffff

; 8259A: vectors 8 and 70h, everything masked but the cascade.
init_pic:
  mov al, 0x11
  out P_PIC1, al
  out P_PIC2, al
  mov al, 0x08
  out P_PIC1 + 1, al
  mov al, 0x70
  out P_PIC2 + 1, al
  mov al, 4
  out P_PIC1 + 1, al
  mov al, 2
  out P_PIC2 + 1, al
  mov al, 1
  out P_PIC1 + 1, al
  out P_PIC2 + 1, al
  mov al, 0xb8        ; timer, keyboard, cascade, floppy
  out P_PIC1 + 1, al
  mov al, 0x3e        ; clock, IDE
  out P_PIC2 + 1, al
  ret

; Counter 0: mode 2, 18.2 Hz. Counter 1 refreshed memory once.
init_pit:
  mov al, 0x34
  out P_PIT + 3, al
  xor al, al
  out P_PIT, al
  out P_PIT, al
  mov al, 0x54
  out P_PIT + 3, al
  mov al, 0x12
  out P_PIT + 1, al
  ret

; The local APIC, where there is one, in virtual wire mode: the 8259As' interrupts come through LINT0 (SDM 3A 11.5.1; MultiProcessor
; Specification 1.4, 3.6.2.2).
init_apic:
  mov eax, 1
  cpuid
  test dh, 2
  jz .none
  call flat_segments
  mov edi, 0xfee00000
  mov dword [edi + 0xf0], 0x1ff         ; enabled, spurious vector
  mov dword [edi + 0x350], 0x700        ; LINT0: ExtINT
  mov dword [edi + 0x360], 0x400        ; LINT1: NMI
  call real_segments
.none:
  ret

; Finds the serial ports by their scratch registers and sets them to 115,200 baud, 8N1.
init_serial:
  USE_BDA
  mov si, .ports
  mov di, b_com
  xor cx, cx
.next:
  mov dx, [cs:si]
  add si, 2
  or dx, dx
  jz .done
  add dx, 7
  mov al, 0x5a
  out dx, al
  in al, dx
  cmp al, 0x5a
  jne .next
  sub dx, 7
  mov [di], dx
  add di, 2
  inc cx
  push dx
  add dx, 3
  mov al, 0x80
  out dx, al
  sub dx, 3
  mov al, 1
  out dx, al
  inc dx
  xor al, al
  out dx, al
  inc dx
  inc dx
  mov al, 3
  out dx, al
  dec dx
  mov al, 7           ; FIFOs on and empty
  out dx, al
  inc dx
  inc dx
  mov al, 0x0b        ; DTR, RTS, OUT2
  out dx, al
  pop dx
  jmp .next
.done:
  mov al, cl
  shl al, 1
  or [b_equipment+1], al
  mov dword [b_com_timeout], 0x01010101
  ret
.ports:
  dw 0x3f8, 0x2f8, 0x3e8, 0x2e8, 0

init_parallel:
  USE_BDA
  mov dx, 0x378
  mov al, 0xaa
  out dx, al
  in al, dx
  cmp al, 0xaa
  jne .none
  mov word [b_lpt], dx
  mov byte [b_lpt_timeout], 0x14
  or byte [b_equipment+1], 0x40
.none:
  or byte [b_equipment], 0x02   ; coprocessor
  ret

; KiB of RAM above 1 MiB, from the CMOS RAM's two counts (R. Brown, CMOS map: 30h and 34h).
memory_size:
  mov al, 0x34
  call cmos_word
  movzx eax, ax
  shl eax, 6
  jz .small
  add eax, 15 * 1024
  jmp .store
.small:
  mov al, 0x30
  call cmos_word
  movzx eax, ax
.store:
  push ds
  push EBDA_SEG
  pop ds
  mov [e_ext_kib], eax
  pop ds
  ret

print_memory:
  push ds
  push EBDA_SEG
  pop ds
  mov eax, [e_ext_kib]
  add eax, 1024
  shr eax, 10
  call print_decimal
  PRINTLN " MiB of RAM"
  pop ds
  ret

; Option ROMs between C0000h and DFFFFh (PCI Firmware Specification 5.2): a signature, a length, a checksum, an entry at 3.
option_roms:
  mov bx, 0xc000
.next:
  mov es, bx
  cmp word [es:0], 0xaa55
  jne .no
  movzx cx, byte [es:2]
  shl cx, 9
  jz .no
  xor si, si
  xor al, al
.sum:
  add al, [es:si]
  inc si
  loop .sum
  or al, al
  jnz .no
  push bx
  push es
  push 3
  mov si, sp
  call far [ss:si]
  add sp, 4
  pop bx
  mov es, bx
  movzx ax, byte [es:2]
  shl ax, 5
  add bx, ax
  jmp .check
.no:
  add bx, 0x80
.check:
  cmp bx, 0xe000
  jb .next
  ret
