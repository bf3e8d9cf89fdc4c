; INT 16h: reads the keyboard's buffer.
int16:
  sti
  ENTER
  USE_BDA
  mov al, [bp+r_ah]
  cmp al, 0
  je .read
  cmp al, 0x10
  je .read
  cmp al, 1
  je .peek
  cmp al, 0x11
  je .peek
  cmp al, 2
  je .flags
  cmp al, 0x12
  je .flags_more
  cmp al, 5
  je .push
  cmp al, 9
  je .abilities
  cmp al, 3
  je .done
  mov byte [bp+r_ah], 0
.done:
  LEAVE_INT
.flags:
  mov al, [b_shift]
  mov [bp+r_al], al
  jmp .done
.flags_more:
  mov al, [b_shift]
  mov ah, [b_shift2]
  mov [bp+r_ax], ax
  jmp .done
.push:
  mov ax, [bp+r_cx]
  mov bx, [b_tail]
  call key_put
  mov byte [bp+r_al], 0
  cmp bx, [b_tail]
  jne .done
  mov byte [bp+r_al], 1
  jmp .done
.abilities:
  mov byte [bp+r_al], 0x30
  jmp .done
.peek:
  call console_poll
  mov bx, [b_head]
  cmp bx, [b_tail]
  je .empty
  mov ax, [bx]
  call .shape
  mov [bp+r_ax], ax
  and byte [bp+r_flags], 0xbf
  jmp .done
.empty:
  or byte [bp+r_flags], 0x40
  jmp .done
.read:
  call key_wait
  call .shape
  mov [bp+r_ax], ax
  jmp .done
; The old calls know no E0.
.shape:
  test byte [bp+r_ah], 0x10
  jnz .keep
  cmp al, 0xe0
  jne .enter
  xor al, al
.enter:
  cmp ah, 0xe0
  jne .keep
  mov ah, 0x1c
.keep:
  ret

; The terminal's input, where it is the console. DS = BDA.
console_poll:
  call has_vga
  jae .done
  call serial_poll
.done:
  ret

; AX = the next key. DS = BDA.
key_wait:
  call console_poll
  cli
  mov bx, [b_head]
  cmp bx, [b_tail]
  jne .take
  call has_vga
  jae .sleep
  ; The serial port's interrupt ends the sleep.
  mov dx, P_COM1 + 1
  mov al, 1
  out dx, al
  in al, P_PIC1 + 1
  and al, 0xef
  out P_PIC1 + 1, al
.sleep:
  sti
  hlt
  jmp key_wait
.take:
  mov ax, [bx]
  add bx, 2
  cmp bx, [b_keys_limit]
  jb .wrapped
  mov bx, [b_keys_start]
.wrapped:
  mov [b_head], bx
  sti
  push ax
  push dx
  call has_vga
  jae .quiet
  in al, P_PIC1 + 1
  or al, 0x10
  out P_PIC1 + 1, al
  mov dx, P_COM1 + 1
  xor al, al
  out dx, al
.quiet:
  pop dx
  pop ax
  ret
