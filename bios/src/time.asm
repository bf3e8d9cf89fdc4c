; The clock: CMOS RAM, INT 1Ah, the PIT.

; AL = register AL of the CMOS RAM.
cmos_read:
  out P_CMOS, al
  in al, P_CMOS + 1
  ret
; AX = registers AL and AL + 1.
cmos_word:
  push bx
  mov bl, al
  inc al
  call cmos_read
  mov ah, al
  mov al, bl
  call cmos_read
  pop bx
  ret
; Register AL gets AH.
cmos_write:
  out P_CMOS, al
  xchg al, ah
  out P_CMOS + 1, al
  xchg al, ah
  ret

; AX = counter 0.
pit_read:
  xor al, al
  out P_PIT + 3, al
  in al, P_PIT
  mov ah, al
  in al, P_PIT
  xchg al, ah
  ret

; BCD in AL to binary in AL.
from_bcd:
  push cx
  mov cl, al
  and cl, 15
  shr al, 4
  mov ch, 10
  mul ch
  add al, cl
  pop cx
  ret

; The tick count from the clock: 1,573,040 ticks in the 86,400 seconds of a day.
time_init:
  USE_BDA
  mov al, 0x0b
  mov ah, 2                     ; 24 hours, BCD, no interrupts
  call cmos_write
  mov al, 0x0c
  call cmos_read
  mov al, 4
  call cmos_read
  call from_bcd
  movzx eax, al
  imul ebx, eax, 3600
  mov al, 2
  call cmos_read
  call from_bcd
  movzx eax, al
  imul eax, eax, 60
  add ebx, eax
  mov al, 0
  call cmos_read
  call from_bcd
  movzx eax, al
  add eax, ebx
  mov ecx, 1573040
  mul ecx
  mov ecx, 86400
  div ecx
  mov [b_ticks], eax
  ret

int1a:
  sti
  ENTER
  cmp byte [bp+r_ah], 0xb1
  je .pci
  USE_BDA
  mov al, [bp+r_ah]
  cmp al, 7
  ja .bad
  movzx bx, al
  shl bx, 1
  jmp [cs:bx + .table]
.table:
  dw .ticks, .set_ticks, .time, .set_time, .date, .set_date, .alarm, .no_alarm
.pci:
  call pci_bios
  LEAVE_INT
.bad:
  SET_CARRY
  LEAVE_INT
.good:
  CLEAR_CARRY
  LEAVE_INT
.ticks:
  cli
  mov ax, [b_ticks]
  mov [bp+r_dx], ax
  mov ax, [b_ticks+2]
  mov [bp+r_cx], ax
  mov al, [b_midnight]
  mov [bp+r_al], al
  mov byte [b_midnight], 0
  jmp .good
.set_ticks:
  mov ax, [bp+r_dx]
  mov [b_ticks], ax
  mov ax, [bp+r_cx]
  mov [b_ticks+2], ax
  mov byte [b_midnight], 0
  jmp .good
; Waits for an update to end.
.stable:
  mov cx, 0xffff
.updating:
  mov al, 0x0a
  call cmos_read
  test al, 0x80
  jz .steady
  loop .updating
.steady:
  ret
.time:
  call .stable
  mov al, 4
  call cmos_read
  mov [bp+r_ch], al
  mov al, 2
  call cmos_read
  mov [bp+r_cl], al
  mov al, 0
  call cmos_read
  mov [bp+r_dh], al
  mov al, 0x0b
  call cmos_read
  and al, 1
  mov [bp+r_dl], al
  jmp .good
.set_time:
  mov ah, 0x82
  mov al, 0x0b
  call cmos_write
  mov al, 4
  mov ah, [bp+r_ch]
  call cmos_write
  mov al, 2
  mov ah, [bp+r_cl]
  call cmos_write
  mov al, 0
  mov ah, [bp+r_dh]
  call cmos_write
  mov ah, [bp+r_dl]
  and ah, 1
  or ah, 2
  mov al, 0x0b
  call cmos_write
  jmp .good
.date:
  call .stable
  mov al, 0x32
  call cmos_read
  mov [bp+r_ch], al
  mov al, 9
  call cmos_read
  mov [bp+r_cl], al
  mov al, 8
  call cmos_read
  mov [bp+r_dh], al
  mov al, 7
  call cmos_read
  mov [bp+r_dl], al
  jmp .good
.set_date:
  mov al, 0x32
  mov ah, [bp+r_ch]
  call cmos_write
  mov al, 9
  mov ah, [bp+r_cl]
  call cmos_write
  mov al, 8
  mov ah, [bp+r_dh]
  call cmos_write
  mov al, 7
  mov ah, [bp+r_dl]
  call cmos_write
  jmp .good
.alarm:
  mov al, 0x0b
  call cmos_read
  test al, 0x20
  jnz .bad
  mov al, 5
  mov ah, [bp+r_ch]
  call cmos_write
  mov al, 3
  mov ah, [bp+r_cl]
  call cmos_write
  mov al, 1
  mov ah, [bp+r_dh]
  call cmos_write
  in al, P_PIC2 + 1
  and al, 0xfe
  out P_PIC2 + 1, al
  mov al, 0x0b
  call cmos_read
  or al, 0x20
  jmp .set_alarm
.no_alarm:
  mov al, 0x0b
  call cmos_read
  and al, 0xdf
.set_alarm:
  mov ah, al
  mov al, 0x0b
  call cmos_write
  jmp .good
