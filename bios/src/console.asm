; INT 10h: text on the VGA, or on the serial terminal where there is none.

int10:
  sti
  ENTER
  USE_BDA
  mov bl, [bp+r_ah]
  cmp bl, 0x4f
  je .vbe
  cmp bl, 0x1b
  ja .done
  xor bh, bh
  shl bx, 1
  call [cs:bx + .table]
.done:
  LEAVE_INT
.vbe:
  call vbe
  LEAVE_INT
.table:
  dw v_mode, v_cursor_type, v_set_cursor, v_get_cursor, v_none, v_page, v_scroll, v_scroll
  dw v_read, v_write, v_write, v_none, v_none, v_none, v_teletype, v_get_mode
  dw v_none, v_font, v_alternate, v_string, v_none, v_none, v_none, v_none
  dw v_none, v_none, v_combination, v_none

v_none:
  ret

; Carry clear: there is a VGA. Keeps everything else.
has_vga:
  push ds
  push EBDA_SEG
  pop ds
  cmp byte [e_vga], 1
  pop ds
  ret

v_mode:
  mov al, [bp+r_al]
  mov ah, al
  and al, 0x7f
  cmp al, 0x13
  ja .done
  mov [b_mode], al
  mov word [b_columns], 80
  cmp al, 2
  jae .wide
  mov word [b_columns], 40
.wide:
  mov word [b_page_size], 0x1000
  mov word [b_page_start], 0
  mov byte [b_page], 0
  mov word [b_crtc], 0x3d4
  mov byte [b_rows], 24
  mov byte [b_char_height], 16
  mov byte [b_video_ctl], 0x60
  mov byte [b_video_sw], 0xf9
  mov word [b_cursor_type], 0x0607
  mov di, b_cursor
  push ds
  pop es
  mov cx, 8
  push ax
  xor ax, ax
  rep stosw
  pop ax
  call has_vga
  jb .serial
  call vga_set_mode
  ret
.serial:
  push ds
  push EBDA_SEG
  pop ds
  mov byte [t_attr], 0xff
  mov bl, 7
  call term_attribute
  test ah, 0x80
  jnz .keep
  call term_escape
  mov al, '2'
  call serial_out
  mov al, 'J'
  call serial_out
.keep:
  mov byte [t_col], 0xff
  xor dx, dx
  call term_move
  pop ds
.done:
  mov byte [bp+r_al], 0x30
  ret

v_cursor_type:
  mov ax, [bp+r_cx]
  mov [b_cursor_type], ax
  call has_vga
  jb .done
  mov dx, [b_crtc]
  mov bl, al
  mov al, 0x0a
  out dx, ax
  mov al, 0x0b
  mov ah, bl
  out dx, ax
.done:
  ret

v_set_cursor:
  movzx bx, byte [bp+r_bh]
  and bl, 7
  shl bx, 1
  mov ax, [bp+r_dx]
  mov [bx + b_cursor], ax
; Shows the cursor of the page in view.
show_cursor:
  call has_vga
  jb .done
  movzx bx, byte [b_page]
  shl bx, 1
  mov bx, [bx + b_cursor]
  mov al, bh
  mul byte [b_columns]
  xor bh, bh
  add bx, ax
  mov ax, [b_page_start]
  shr ax, 1
  add bx, ax
  mov dx, [b_crtc]
  mov al, 0x0e
  mov ah, bh
  out dx, ax
  mov al, 0x0f
  mov ah, bl
  out dx, ax
.done:
  ret

v_get_cursor:
  movzx bx, byte [bp+r_bh]
  and bl, 7
  shl bx, 1
  mov ax, [bx + b_cursor]
  mov [bp+r_dx], ax
  mov ax, [b_cursor_type]
  mov [bp+r_cx], ax
  ret

v_page:
  mov al, [bp+r_al]
  and al, 7
  mov [b_page], al
  xor ah, ah
  mul word [b_page_size]
  mov [b_page_start], ax
  call has_vga
  jb .done
  mov bx, ax
  shr bx, 1
  mov dx, [b_crtc]
  mov al, 0x0c
  mov ah, bh
  out dx, ax
  mov al, 0x0d
  mov ah, bl
  out dx, ax
.done:
  jmp show_cursor

; ES:DI = the cell in row DH, column DL of page BH (VGA).
cell_address:
  push ax
  push dx
  push bx
  mov bl, dl
  mov al, dh
  mul byte [b_columns]
  xor dx, dx
  mov dl, bl
  add ax, dx
  shl ax, 1
  mov di, ax
  pop bx
  push bx
  movzx ax, bh
  and al, 7
  mul word [b_page_size]
  add di, ax
  mov ax, 0xb800
  mov es, ax
  pop bx
  pop dx
  pop ax
  ret

v_read:
  mov word [bp+r_ax], 0x0720
  call has_vga
  jb .done
  movzx bx, byte [bp+r_bh]
  and bl, 7
  shl bx, 1
  mov dx, [bx + b_cursor]
  mov bh, [bp+r_bh]
  call cell_address
  mov ax, [es:di]
  mov [bp+r_ax], ax
.done:
  ret

; AH=09 with attribute BL, AH=0A without: CX times, the cursor stays.
v_write:
  movzx bx, byte [bp+r_bh]
  and bl, 7
  shl bx, 1
  mov dx, [bx + b_cursor]
  mov cx, [bp+r_cx]
  mov bx, [bp+r_bx]
  mov al, [bp+r_al]
  or cx, cx
  jz .done
  call has_vga
  jb .serial
  call cell_address
  mov ah, bl
  cmp byte [bp+r_ah], 0x0a
  je .character
  rep stosw
  ret
.character:
  stosb
  inc di
  loop .character
.done:
  ret
.serial:
  push ds
  push EBDA_SEG
  pop ds
  cmp byte [bp+r_ah], 0x0a
  jne .coloured
  mov bl, 7
.coloured:
  call term_move
.again:
  call term_put
  inc dl
  cmp dl, 80
  jb .next
  xor dl, dl
  inc dh
  cmp dh, 24
  ja .serial_done
  call term_move
.next:
  loop .again
.serial_done:
  pop ds
  ret

v_teletype:
  mov al, [bp+r_al]
; AL at the cursor of the page in view, as a terminal does. DS = BDA.
teletype:
  movzx bx, byte [b_page]
  shl bx, 1
  mov dx, [bx + b_cursor]
  push bx
  cmp al, 7
  je .bell
  cmp al, 8
  je .back
  cmp al, 10
  je .feed
  cmp al, 13
  je .return
  call has_vga
  jb .serial
  mov bh, [b_page]
  call cell_address
  mov [es:di], al
  jmp .advance
.serial:
  push ds
  push EBDA_SEG
  pop ds
  mov bl, 7
  call term_move
  call term_put
  pop ds
.advance:
  inc dl
  cmp dl, [b_columns]
  jb .move
  xor dl, dl
  jmp .line
.back:
  or dl, dl
  jz .move
  dec dl
  jmp .control
.return:
  xor dl, dl
  jmp .control
.bell:
  call has_vga
  jae .move
  call serial_out
  jmp .move
; A terminal is brought along by its own controls.
.control:
  call has_vga
  jae .move
  push ds
  push EBDA_SEG
  pop ds
  cmp byte [t_col], 0xff
  je .unknown
  call serial_out
  mov [t_col], dl
.unknown:
  pop ds
  jmp .move
.feed:
  call has_vga
  jae .line
  push ds
  push EBDA_SEG
  pop ds
  ; At the margin the terminal's column is not known, nor whether it has wrapped.
  cmp byte [t_col], 0xff
  jne .plain
  push dx
  push ax
  mov al, 13
  call serial_out
  mov byte [t_col], 0
  pop ax
  pop dx
.plain:
  call serial_out
  cmp byte [t_row], 24
  jae .bottom
  inc byte [t_row]
.bottom:
  pop ds
  inc dh
  cmp dh, [b_rows]
  jbe .move
  mov dh, [b_rows]
  jmp .move
.line:
  call has_vga
  jb .serial_line
  inc dh
  cmp dh, [b_rows]
  jbe .move
  mov dh, [b_rows]
  push dx
  mov bh, [b_page]
  push bx
  dec dh
  call cell_address
  pop bx
  mov bh, [es:di+1]
  mov ax, 0x0601
  xor cx, cx
  mov dl, [b_columns]
  dec dl
  inc dh
  int 0x10
  pop dx
  jmp .move
; The margin: carriage return and line feed, whether the terminal has wrapped or not.
.serial_line:
  push ds
  push EBDA_SEG
  pop ds
  mov al, 13
  call serial_out
  mov byte [t_col], 0
  mov al, 10
  jmp .plain
.move:
  pop bx
  mov [bx + b_cursor], dx
  jmp show_cursor

v_get_mode:
  mov al, [b_mode]
  mov [bp+r_al], al
  mov al, [b_columns]
  mov [bp+r_ah], al
  mov al, [b_page]
  mov [bp+r_bh], al
  ret

; AH=11h: information on the fonts, AL=30h; others are taken as done.
v_font:
  cmp byte [bp+r_al], 0x30
  jne .done
  mov word [bp+r_cx], 16
  mov byte [bp+r_dl], 24
  mov word [bp+r_es], BIOS_SEG
  mov word [bp+r_bp], vga_font
.done:
  ret

; AH=12h, BL=10h: colour, 256 KiB.
v_alternate:
  cmp byte [bp+r_bl], 0x10
  jne .done
  call has_vga
  jb .done
  mov word [bp+r_bx], 0x0003
  mov word [bp+r_cx], 0x0009
.done:
  ret

; AH=1Ah: a VGA with a colour screen.
v_combination:
  call has_vga
  jb .done
  mov byte [bp+r_al], 0x1a
  mov word [bp+r_bx], 0x0008
.done:
  ret

; AH=13h: a string at ES:BP, its length in CX, from DX on. AL bit 0: the cursor moves; bit 1: attributes stand between.
v_string:
  mov cx, [bp+r_cx]
  or cx, cx
  jz .done
  movzx bx, byte [bp+r_bh]
  and bl, 7
  shl bx, 1
  push word [bx + b_cursor]
  push bx
  mov ax, [bp+r_dx]
  mov [bx + b_cursor], ax
  mov si, [bp+r_bp]
  mov es, [bp+r_es]
.next:
  mov al, [es:si]
  inc si
  mov bx, [bp+r_bx]
  test byte [bp+r_al], 2
  jz .one
  mov bl, [es:si]
  inc si
.one:
  push cx
  push es
  push si
  cmp al, 13
  je .control
  cmp al, 10
  je .control
  cmp al, 8
  je .control
  cmp al, 7
  je .control
  mov ah, 9
  mov cx, 1
  int 0x10
.control:
  mov ah, 0x0e
  int 0x10
  pop si
  pop es
  pop cx
  loop .next
  pop bx
  pop ax
  test byte [bp+r_al], 1
  jnz .done
  mov [bx + b_cursor], ax
  call show_cursor
.done:
  ret
