; INT 10h, AH=06h and 07h: windows that scroll or are cleared.

; AH=06/07: scroll AL lines in the window CX to DX, filled with attribute BH.
v_scroll:
  mov cx, [bp+r_cx]
  mov dx, [bp+r_dx]
  cmp dl, [b_columns]
  jb .columns
  mov dl, [b_columns]
  dec dl
.columns:
  cmp dh, [b_rows]
  jbe .rows
  mov dh, [b_rows]
.rows:
  cmp cl, dl
  ja .done
  cmp ch, dh
  ja .done
  mov al, [bp+r_al]
  mov ah, dh
  sub ah, ch
  inc ah              ; rows of the window
  cmp al, ah
  ja .all
  or al, al
  jnz .some
.all:
  mov al, ah
.some:
  call has_vga
  jb .serial
; VGA: AL lines of the window's AH rows.
  mov bl, ah
  sub bl, al          ; rows that are kept
  mov bh, [b_page]
  cmp byte [bp+r_ah], 7
  je .down
.up_row:
  or bl, bl
  jz .fill_up
  call .copy_up
  inc ch
  dec bl
  jmp .up_row
.fill_up:
  cmp ch, dh
  ja .done
  call .blank
  inc ch
  jmp .fill_up
.down:
  or bl, bl
  jz .fill_down
  call .copy_down
  dec dh
  dec bl
  jmp .down
.fill_down:
  cmp dh, ch
  jb .done
  push cx
  mov ch, dh
  call .blank
  pop cx
  or dh, dh
  jz .done
  dec dh
  jmp .fill_down
; Row CH gets row CH + AL.
.copy_up:
  pushad
  push ds
  push ax
  push dx
  push cx
  mov dh, ch
  mov dl, cl
  call cell_address
  pop cx
  push di
  mov dh, ch
  add dh, al
  call cell_address
  mov si, di
  pop di
  pop dx
  pop ax
.copy_row:
  movzx cx, cl
  neg cx
  xor dh, dh
  add cx, dx
  inc cx
  push es
  pop ds
  rep movsw
  pop ds
  popad
  ret
; Row DH gets row DH - AL.
.copy_down:
  pushad
  push ds
  push dx
  mov dl, cl
  call cell_address
  push di
  sub dh, al
  call cell_address
  mov si, di
  pop di
  pop dx
  jmp .copy_row
; Row CH is filled.
.blank:
  pushad
  push dx
  mov dh, ch
  mov dl, cl
  call cell_address
  pop dx
  xor dh, dh
  xor ch, ch
  neg cx
  add cx, dx
  inc cx
  mov al, ' '
  mov ah, [bp+r_bh]
  rep stosw
  popad
  ret
.done:
  ret
; The terminal: clearing, and scrolling of the whole screen.
.serial:
  push ds
  push EBDA_SEG
  pop ds
  mov bl, [bp+r_bh]
  cmp al, ah
  jne .scroll
  cmp cx, 0
  jne .window
  cmp dx, 0x184f
  jne .window
  call term_attribute
  call term_escape
  mov al, '2'
  call serial_out
  mov al, 'J'
  call serial_out
  jmp .serial_done
.window:
  push dx
  mov dl, cl
  mov dh, ch
  call term_move
  pop dx
  push cx
.space:
  mov al, ' '
  call term_put
  inc cl
  cmp cl, dl
  jbe .space
  pop cx
  inc ch
  cmp ch, dh
  jbe .window
  jmp .serial_done
.scroll:
  cmp byte [bp+r_ah], 7
  je .serial_done
  cmp cx, 0
  jne .serial_done
  cmp dh, 24
  jne .serial_done
  xor ah, ah
  mov cx, ax
  mov dx, 0x1800
  mov bl, 7
  call term_attribute
  call term_move
.feed:
  mov al, 10
  call serial_out
  loop .feed
.serial_done:
  pop ds
  ret

