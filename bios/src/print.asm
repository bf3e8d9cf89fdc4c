; The BIOS's own output: text and numbers, to the screen and to the first serial port.

; The string behind the call, up to a zero. Changes nothing.
print_inline:
  push bp
  mov bp, sp
  push si
  push ax
  mov si, [bp+2]
.next:
  mov al, [cs:si]
  inc si
  or al, al
  jz .done
  call print_char
  jmp .next
.done:
  mov [bp+2], si
  pop ax
  pop si
  pop bp
  ret

; The string at DS:SI.
print_string:
  push ax
.next:
  lodsb
  or al, al
  jz .done
  call print_char
  jmp .next
.done:
  pop ax
  ret

; AL to the screen and to the first serial port. Changes nothing.
print_char:
  pushad
  push ds
  push ax
  USE_EBDA
  pop ax
  cmp byte [e_vga], 0
  je .screen
  call serial_out
.screen:
  pop ds
  mov ah, 0x0e
  mov bx, 7
  int 0x10
  popad
  ret

print_newline:
  push ax
  mov al, 13
  call print_char
  mov al, 10
  call print_char
  pop ax
  ret

; EAX, AX, AL in hexadecimal.
print_hex32:
  ror eax, 16
  call print_hex16
  ror eax, 16
print_hex16:
  xchg al, ah
  call print_hex8
  xchg al, ah
print_hex8:
  push ax
  shr al, 4
  call print_hex4
  pop ax
print_hex4:
  push ax
  and al, 15
  add al, '0'
  cmp al, '9'
  jbe .digit
  add al, 7 + 32
.digit:
  call print_char
  pop ax
  ret

; EAX in decimal.
print_decimal:
  pushad
  mov ebx, 10
  xor cx, cx
.divide:
  xor edx, edx
  div ebx
  push dx
  inc cx
  or eax, eax
  jnz .divide
.print:
  pop ax
  add al, '0'
  call print_char
  loop .print
  popad
  ret

; AL to COM1. Changes nothing.
serial_out:
  push dx
  push cx
  push ax
  mov dx, P_COM1 + 5
  mov cx, 0xffff
.wait:
  in al, dx
  cmp al, 0xff        ; no port
  je .skip
  test al, 0x20
  jnz .ready
  loop .wait
.ready:
  pop ax
  push ax
  mov dx, P_COM1
  out dx, al
.skip:
  pop ax
  pop cx
  pop dx
  ret

