; INT 11h, 12h, 14h, 15h, 17h.

int11:
  push ds
  USE_BDA
  mov ax, [b_equipment]
  pop ds
  iret

int12:
  push ds
  USE_BDA
  mov ax, [b_memory]
  pop ds
  iret

; --- INT 14h: serial ports -------------------------------------------------------------------------------------------
int14:
  sti
  ENTER
  USE_BDA
  mov bx, [bp+r_dx]
  cmp bx, 3
  ja .none
  shl bx, 1
  mov dx, [bx + b_com]
  or dx, dx
  jz .none
  mov al, [bp+r_ah]
  cmp al, 0
  je .init
  cmp al, 1
  je .send
  cmp al, 2
  je .receive
  cmp al, 3
  je .status
.none:
  mov byte [bp+r_ah], 0x80
  LEAVE_INT
; AL: bits 7-5 rate, 4-3 parity, 2 stop bits, 1-0 length.
.init:
  push dx
  mov bl, [bp+r_al]
  add dx, 3
  mov al, 0x80
  out dx, al
  sub dx, 3
  movzx si, bl
  shr si, 5
  shl si, 1
  mov ax, [cs:si + .divisors]
  out dx, al
  inc dx
  mov al, ah
  out dx, al
  add dx, 2
  mov al, bl
  and al, 0x1f
  out dx, al
  pop dx
.status:
  add dx, 5
  in al, dx
  mov [bp+r_ah], al
  inc dx
  in al, dx
  mov [bp+r_al], al
  LEAVE_INT
.send:
  add dx, 5
  mov cx, 0xffff
.ready:
  in al, dx
  test al, 0x20
  jnz .put
  loop .ready
  or al, 0x80
  mov [bp+r_ah], al
  LEAVE_INT
.put:
  mov [bp+r_ah], al
  sub dx, 5
  mov al, [bp+r_al]
  out dx, al
  LEAVE_INT
.receive:
  add dx, 5
  mov ecx, 0x80000
.wait:
  in al, dx
  test al, 1
  jnz .get
  a32 loop .wait
  or al, 0x80
  mov [bp+r_ah], al
  LEAVE_INT
.get:
  and al, 0x1e
  mov [bp+r_ah], al
  sub dx, 5
  in al, dx
  mov [bp+r_al], al
  LEAVE_INT
.divisors:
  dw 1047, 768, 384, 192, 96, 48, 24, 12

; --- INT 17h: printer ------------------------------------------------------------------------------------------------
int17:
  sti
  ENTER
  USE_BDA
  mov bx, [bp+r_dx]
  cmp bx, 2
  ja .none
  shl bx, 1
  mov dx, [bx + b_lpt]
  or dx, dx
  jz .none
  cmp byte [bp+r_ah], 0
  jne .no_print
  mov al, [bp+r_al]
  out dx, al
  add dx, 2
  mov al, 0x0d
  out dx, al
  mov al, 0x0c
  out dx, al
  sub dx, 2
.no_print:
  inc dx
  in al, dx
  xor al, 0x48
  and al, 0xf8
  mov [bp+r_ah], al
  LEAVE_INT
.none:
  mov byte [bp+r_ah], 1
  LEAVE_INT

; --- INT 15h ---------------------------------------------------------------------------------------------------------
int15:
  sti
  ENTER
  mov ax, [bp+r_ax]
  cmp ah, 0xe8
  je .e8
  cmp ah, 0x88
  je .extended
  cmp ah, 0x24
  je .a20
  cmp ah, 0x4f
  je .key
  cmp ah, 0x86
  je .wait
  cmp ah, 0x83
  je .event
  cmp ah, 0x87
  je .move
  cmp ah, 0xc0
  je .config
  cmp ah, 0xc1
  je .ebda
  cmp ah, 0x90
  je .clear
  cmp ah, 0x91
  je .clear
  cmp ah, 0x85
  je .good
  ; APM (53h) and all else: not supported.
.bad:
  mov byte [bp+r_ah], 0x86
.fail:
  SET_CARRY
  LEAVE_INT
.clear:
  mov byte [bp+r_ah], 0
.good:
  CLEAR_CARRY
  LEAVE_INT
; The key is taken as it is.
.key:
  SET_CARRY
  LEAVE_INT
.ebda:
  mov word [bp+r_es], EBDA_SEG
  jmp .good
.config:
  mov word [bp+r_es], BIOS_SEG
  mov word [bp+r_bx], .table
  jmp .clear
; Length, model FCh, second PIC, clock, keyboard intercept, EBDA.
.table:
  dw 8
  db 0xfc, 0, 0, 0x74, 0x40, 0, 0, 0
.extended:
  push EBDA_SEG
  pop ds
  mov eax, [e_ext_kib]
  cmp eax, 0xfc00
  jbe .extended_fits
  mov eax, 0xfc00
.extended_fits:
  mov [bp+r_ax], ax
  jmp .good

; A20 through port 92h.
.a20:
  cmp al, 0
  je .a20_off
  cmp al, 1
  je .a20_on
  cmp al, 2
  je .a20_status
  cmp al, 3
  jne .bad
  mov word [bp+r_bx], 3
  jmp .clear
.a20_off:
  in al, P_A20
  and al, 0xfc
  out P_A20, al
  jmp .clear
.a20_on:
  in al, P_A20
  or al, 2
  and al, 0xfe
  out P_A20, al
  jmp .clear
.a20_status:
  in al, P_A20
  shr al, 1
  and al, 1
  mov [bp+r_al], al
  jmp .clear

; Waits CX:DX microseconds by counter 0's ticks of 838 ns.
.wait:
  mov eax, [bp+r_cx]
  shl eax, 16
  mov ax, [bp+r_dx]
  mov ecx, 1193
  mul ecx
  mov ecx, 1000
  cmp edx, ecx
  jae .clear
  div ecx
  mov ecx, eax                  ; ticks to go
  call pit_read
  mov bx, ax
.waiting:
  call pit_read
  sub bx, ax                    ; it counts down
  movzx edx, bx
  mov bx, ax
  sub ecx, edx
  ja .waiting
  jmp .clear

; AL=0: after CX:DX microseconds bit 7 of the byte at ES:BX; AL=1: not any more. By the clock's periodic interrupt.
.event:
  push ax
  USE_BDA
  pop ax
  cmp al, 1
  je .event_off
  cmp byte [b_wait_active], 0
  jne .fail
  mov ax, [bp+r_bx]
  mov [b_wait_ptr], ax
  mov ax, [bp+r_es]
  mov [b_wait_ptr+2], ax
  mov ax, [bp+r_dx]
  mov [b_wait_count], ax
  mov ax, [bp+r_cx]
  mov [b_wait_count+2], ax
  mov byte [b_wait_active], 1
  in al, P_PIC2 + 1
  and al, 0xfe
  out P_PIC2 + 1, al
  mov al, 0x0b
  call cmos_read
  or al, 0x40
  jmp .event_store
.event_off:
  mov byte [b_wait_active], 0
  mov al, 0x0b
  call cmos_read
  and al, 0xbf
.event_store:
  mov ah, al
  mov al, 0x0b
  call cmos_write
  jmp .clear

; AH=87h: CX words between addresses that the descriptors at ES:SI + 10h and 18h name, in protected mode.
.move:
  mov es, [bp+r_es]
  mov si, [bp+r_si]
  mov eax, [es:si+0x12]
  and eax, 0xffffff
  mov bl, [es:si+0x17]
  shl ebx, 24
  or eax, ebx
  push eax
  mov eax, [es:si+0x1a]
  and eax, 0xffffff
  mov bl, [es:si+0x1f]
  shl ebx, 24
  or eax, ebx
  mov edi, eax
  pop esi
  movzx ecx, word [bp+r_cx]
  in al, P_A20
  push ax
  or al, 2
  and al, 0xfe
  out P_A20, al
  cli
  call flat_segments
  shl ecx, 1
  a32 rep movsb
  call real_segments
  pop ax
  and al, 0xfe
  out P_A20, al
  jmp .clear

; --- Memory map ------------------------------------------------------------------------------------------------------
.e8:
  cmp al, 0x20
  je .e820
  cmp al, 0x01
  jne .bad
; KiB from 1 to 16 MiB, 64 KiB blocks above.
  push EBDA_SEG
  pop ds
  mov eax, [e_ext_kib]
  xor ebx, ebx
  cmp eax, 15 * 1024
  jbe .e801_small
  mov ebx, eax
  sub ebx, 15 * 1024
  shr ebx, 6
  mov eax, 15 * 1024
.e801_small:
  mov [bp+r_ax], ax
  mov [bp+r_cx], ax
  mov [bp+r_bx], bx
  mov [bp+r_dx], bx
  jmp .good
; ACPI 15.1: EBX which, ES:DI where, ECX its size.
.e820:
  cmp dword [bp+r_dx], 0x534d4150
  jne .bad
  cmp dword [bp+r_cx], 20
  jb .bad
  push EBDA_SEG
  pop ds
  mov bx, [bp+r_bx]
  cmp bx, 5
  ja .bad
  mov es, [bp+r_es]
  mov di, [bp+r_di]
  ; End of RAM, and the start of what the ACPI tables take of it.
  mov ecx, [e_ext_kib]
  add ecx, 1024
  shl ecx, 10
  mov edx, [e_acpi_low]
  or edx, edx
  jnz .tables
  mov edx, ecx
.tables:
  xor esi, esi                  ; upper halves
  inc bx
  mov [bp+r_bx], bx
  mov word [bp+r_bx+2], 0
  cmp bx, 2
  jb .base
  je .ebda_area
  cmp bx, 4
  jb .rom
  je .high
  cmp bx, 5
  je .acpi
  ; The firmware below 4 GiB: the last.
  mov dword [bp+r_bx], 0
  mov eax, 0xfffc0000
  mov ecx, 0x40000
  mov edx, 2
  jmp .entry
.base:
  xor eax, eax
  mov ecx, BASE_KIB * 1024
  mov edx, 1
  jmp .entry
.ebda_area:
  mov eax, BASE_KIB * 1024
  mov ecx, 0xa0000 - BASE_KIB * 1024
  mov edx, 2
  jmp .entry
.rom:
  mov eax, 0xf0000
  mov ecx, 0x10000
  mov edx, 2
  jmp .entry
.high:
  cmp edx, ecx
  jne .more
  inc word [bp+r_bx]            ; no tables: that entry is left out
.more:
  mov eax, 0x100000
  mov ecx, edx
  sub ecx, eax
  mov edx, 1
  jmp .entry
.acpi:
  mov eax, edx
  sub ecx, edx
  mov edx, 4                    ; ACPI non-volatile: the FACS is there, too
.entry:
  mov [es:di], eax
  mov [es:di+4], esi
  mov [es:di+8], ecx
  mov [es:di+12], esi
  mov [es:di+16], edx
  mov dword [bp+r_ax], 0x534d4150
  mov dword [bp+r_cx], 20
  jmp .good

; --- Segments of 4 GiB in real mode ----------------------------------------------------------------------------------
; DS and ES reach everything until they are loaded again; interrupts must be off. Keeps all other registers.
flat_segments:
  push eax
  push bx
  o32 lgdt [cs:flat_gdt]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp short .flush
.flush:
  mov bx, 8
  mov ds, bx
  mov es, bx
  and al, 0xfe
  mov cr0, eax
  jmp short .back
.back:
  xor bx, bx
  mov ds, bx
  mov es, bx
  pop bx
  pop eax
  ret
; Back to limits of 64 KiB, which some programs expect.
real_segments:
  push eax
  push bx
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp short .flush
.flush:
  mov bx, 16
  mov ds, bx
  mov es, bx
  and al, 0xfe
  mov cr0, eax
  jmp short .back
.back:
  pop bx
  pop eax
  ret
flat_gdt:
  dw 23
  dd BIOS_SEG * 16 + .table
  align 8
.table:
  dq 0
  dq 0x00cf93000000ffff
  dq 0x000093000000ffff
