; The serial terminal as a screen: where its cursor stands, its colours, and what it shows of code page 437.
; The terminal's own cursor and colours, so that as little as possible is sent.
t_row         equ 0x160
t_col         equ 0x161     ; FFh: not known
t_attr        equ 0x162

; Decimal AL to the terminal.
term_decimal:
  push ax
  aam 10
  or ah, ah
  jz .ones
  push ax
  mov al, ah
  add al, '0'
  call serial_out
  pop ax
.ones:
  add al, '0'
  call serial_out
  pop ax
  ret

term_escape:
  push ax
  mov al, 27
  call serial_out
  mov al, '['
  call serial_out
  pop ax
  ret

; Brings the terminal's cursor to DH, DL. DS = EBDA.
term_move:
  cmp [t_row], dh
  jne .move
  cmp [t_col], dl
  je .done
.move:
  push ax
  call term_escape
  mov al, dh
  inc al
  call term_decimal
  mov al, ';'
  call serial_out
  mov al, dl
  inc al
  call term_decimal
  mov al, 'H'
  call serial_out
  mov [t_row], dh
  mov [t_col], dl
  pop ax
.done:
  ret

; Text attribute BL. DS = EBDA.
term_attribute:
  cmp [t_attr], bl
  je .done
  push ax
  push bx
  mov [t_attr], bl
  call term_escape
  mov al, '0'
  call serial_out
  cmp bl, 7
  je .end
  test bl, 8
  jz .colour
  mov al, ';'
  call serial_out
  mov al, '1'
  call serial_out
.colour:
  mov al, '3'
  call .part
  shr bl, 4
  mov al, '4'
  call .part
.end:
  mov al, 'm'
  call serial_out
  pop bx
  pop ax
.done:
  ret
.part:
  push ax
  mov al, ';'
  call serial_out
  pop ax
  call serial_out
  push bx
  and bx, 7
  mov al, [cs:bx + .ansi]
  pop bx
  jmp serial_out
.ansi:
  db "04261537"

; Character AL with attribute BL at the terminal's cursor; those that would move it become spaces.
term_put:
  push ax
  call term_attribute
  cmp al, 32
  jae .printable
  mov al, ' '
.printable:
  cmp al, 0x7f
  jb .ascii
  call line_drawing
.ascii:
  call serial_out
  inc byte [t_col]
  cmp byte [t_col], 80
  jb .done
  mov byte [t_col], 0xff      ; at the margin terminals differ
.done:
  pop ax
  ret

; What terminals show of code page 437: frames become + - |.
line_drawing:
  cmp al, 0xb3
  je .bar
  cmp al, 0xba
  je .bar
  cmp al, 0xc4
  je .dash
  cmp al, 0xcd
  je .dash
  cmp al, 0xb0
  jb .other
  cmp al, 0xdf
  ja .other
  cmp al, 0xdb
  je .block
  mov al, '+'
  ret
.bar:
  mov al, '|'
  ret
.dash:
  mov al, '-'
  ret
.block:
  mov al, '*'
  ret
.other:
  mov al, '?'
  ret

