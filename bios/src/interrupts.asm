; Interrupts that do little, and those of the board.

int_nothing:
  iret

irq_nothing2:
  push ax
  mov al, 0x20
  out P_PIC2, al
  jmp short irq_nothing1.master
irq_nothing1:
  push ax
.master:
  mov al, 0x20
  out P_PIC1, al
  pop ax
  iret

; IRQ 0: the tick count, the floppy motors' time, and the user's hook 1Ch.
irq_timer:
  push ax
  push ds
  USE_BDA
  inc dword [b_ticks]
  cmp dword [b_ticks], 0x1800b0   ; ticks in a day
  jb .day
  mov dword [b_ticks], 0
  mov byte [b_midnight], 1
.day:
  cmp byte [b_fd_timeout], 0
  je .motor
  dec byte [b_fd_timeout]
  jnz .motor
  and byte [b_fd_motor], 0xf0
  push dx
  mov dx, 0x3f2
  mov al, 0x0c
  out dx, al
  pop dx
.motor:
  pop ds
  int 0x1c
  mov al, 0x20
  out P_PIC1, al
  pop ax
  iret

; IRQ 4: only meant to end the HLT of a read from the serial console.
irq_serial:
  push ax
  push dx
  mov dx, P_COM1 + 1
  xor al, al
  out dx, al
  mov al, 0x20
  out P_PIC1, al
  pop dx
  pop ax
  iret

irq_floppy:
  push ax
  push ds
  USE_BDA
  or byte [b_fd_seek], 0x80
  mov al, 0x20
  out P_PIC1, al
  pop ds
  pop ax
  iret

; IRQ 8: alarm to INT 4Ah, and the wait of INT 15h 83h.
irq_clock:
  push ax
  push ds
  USE_BDA
  mov al, 0x0c
  call cmos_read
  test al, 0x20
  jz .no_alarm
  int 0x4a
.no_alarm:
  test al, 0x40
  jz .done
  cmp byte [b_wait_active], 0
  je .done
  sub dword [b_wait_count], 976
  ja .done
  call wait_over
.done:
  mov al, 0x20
  out P_PIC2, al
  out P_PIC1, al
  pop ds
  pop ax
  iret

; The time of INT 15h 83h is over: the caller's flag, and the periodic interrupt off.
wait_over:
  push es
  push bx
  les bx, [b_wait_ptr]
  or byte [es:bx], 0x80
  mov byte [b_wait_active], 0
  mov al, 0x0b
  call cmos_read
  and al, 0xbf
  mov ah, al
  mov al, 0x0b
  call cmos_write
  pop bx
  pop es
  ret
