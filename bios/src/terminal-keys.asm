; What a serial terminal types, as keys in the keyboard's buffer.

; What the terminal has typed, into the buffer. Nothing without a terminal as console, that is beside a VGA, except for the
; monitor. DS = BDA.
serial_poll:
  pushad
  push es
  mov ax, EBDA_SEG
  mov es, ax
.next:
  ; What has no room stays in the port: the other end waits.
  mov ax, [b_tail]
  sub ax, [b_head]
  and ax, 0x1f
  cmp ax, 24
  jae .out
  mov dx, P_COM1 + 5
  in al, dx
  cmp al, 0xff
  je .done
  test al, 1
  jz .done
  mov dx, P_COM1
  in al, dx
  call .byte
  jmp .next
.done:
  ; An ESC that nothing follows is the key.
  cmp byte [es:e_escape], 1
  jne .out
  mov byte [es:e_escape], 0
  mov ax, 0x011b
  call key_put
.out:
  pop es
  popad
  ret
.byte:
  mov ah, [es:e_escape]
  cmp ah, 1
  je .after_escape
  ja .sequence
  cmp al, 27
  je .escape
  cmp al, 10
  je .enter
  cmp al, 13
  je .enter
  cmp al, 0x7f
  je .backspace
  call serial_scancode
  jmp key_put
.enter:
  mov ax, 0x1c0d
  jmp key_put
.backspace:
  mov ax, 0x0e08
  jmp key_put
.escape:
  mov byte [es:e_escape], 1
  ret
.after_escape:
  mov byte [es:e_escape], 0
  cmp al, '['
  je .open
  cmp al, 'O'
  je .open
  push ax
  mov ax, 0x011b
  call key_put
  pop ax
  jmp .byte
.open:
  mov byte [es:e_escape], 2
  ret
; ESC [ LETTER, or ESC [ DIGIT ~: the digit is kept in the state.
.sequence:
  cmp al, '0'
  jb .end
  cmp al, '9'
  ja .end
  mov [es:e_escape], al
  ret
.end:
  mov byte [es:e_escape], 0
  cmp al, '~'
  jne .letter
  mov al, ah
.letter:
  mov si, .codes
.search:
  cmp byte [cs:si], 0
  je .back
  cmp [cs:si], al
  je .found
  add si, 2
  jmp .search
.found:
  mov ah, [cs:si+1]
  xor al, al
  jmp key_put
.back:
  ret
.codes:
  db 'A', 0x48, 'B', 0x50, 'C', 0x4d, 'D', 0x4b, 'H', 0x47, 'F', 0x4f, '1', 0x47, '2', 0x52, '3', 0x53, '4', 0x4f, '5', 0x49, '6', 0x51
  db 'P', 0x3b, 'Q', 0x3c, 'R', 0x3d, 'S', 0x3e, 0

; AH = the scan code that goes with the character AL.
serial_scancode:
  push si
  mov ah, al
  cmp al, 32
  jae .printable
  cmp al, 9
  je .printable
  cmp al, 8
  je .printable
  add ah, 0x60                  ; Ctrl and a letter
.printable:
  mov si, 1
.search:
  cmp [cs:si + keys_plain], ah
  je .found
  cmp [cs:si + keys_shift], ah
  je .found
  inc si
  cmp si, 0x3a
  jb .search
  xor si, si
.found:
  push bx
  mov bx, si
  mov ah, bl
  pop bx
  pop si
  ret

