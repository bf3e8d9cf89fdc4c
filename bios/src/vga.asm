; The VGA: finding it and setting its modes (IBM PS/2 Hardware Interface Technical Reference, mode tables).

video_init:
  USE_EBDA
  mov byte [t_attr], 7
  ; The VGA answers at its input status and keeps what is written to the CRTC's cursor register.
  mov dx, 0x3cc
  in al, dx
  cmp al, 0xff
  je .none
  mov dx, 0x3c2
  mov al, 0x67
  out dx, al
  mov dx, 0x3d4
  mov ax, 0x5a0f
  out dx, ax
  inc dx
  in al, dx
  cmp al, 0x5a
  jne .none
  mov byte [e_vga], 1
  call vbe_init
  USE_BDA
  or byte [b_equipment], 0x20       ; colour, 80 columns; as for a VGA bits 5-4 were 0, but programs know this
  mov ax, 3
  int 0x10
  ret
.none:
  USE_BDA
  mov byte [b_mode], 3
  mov word [b_columns], 80
  mov word [b_page_size], 0x1000
  mov word [b_crtc], 0x3d4
  mov byte [b_rows], 24
  mov byte [b_char_height], 16
  mov word [b_cursor_type], 0x0607
  or byte [b_equipment], 0x20
  ret

; Mode AL; AH bit 7: the screen is not cleared. DS = BDA.
vga_set_mode:
  pushad
  push es
  push ds
  push ax
  call vbe_off
  pop ax
  push ax
  mov si, mode_3
  cmp al, 0x13
  je .mode_13
  cmp al, 0x12
  je .mode_12
  cmp al, 1
  ja .set
  mov si, mode_1
  jmp .set
.mode_13:
  mov si, mode_13
  mov byte [b_columns], 40
  jmp .set
.mode_12:
  mov si, mode_12
  mov byte [b_rows], 29
.set:
  push cs
  pop ds
  mov dx, 0x3c2
  lodsb
  out dx, al
  ; Sequencer 1..4 between reset and run.
  mov dx, 0x3c4
  mov ax, 0x0100
  out dx, ax
  mov cx, 4
  mov al, 1
  call .registers
  mov ax, 0x0300
  out dx, ax
  ; CRTC, unprotected first.
  mov dx, 0x3d4
  mov ax, 0x0011
  out dx, ax
  mov cx, 25
  xor al, al
  call .registers
  mov dx, 0x3ce
  mov cx, 9
  xor al, al
  call .registers
  mov dx, 0x3da
  in al, dx
  mov dx, 0x3c0
  mov cx, 20
  xor ah, ah
.attribute:
  mov al, ah
  out dx, al
  lodsb
  out dx, al
  inc ah
  loop .attribute
  mov al, 0x14
  out dx, al
  xor al, al
  out dx, al
  mov al, 0x20
  out dx, al
  pop ax
  push ax
  call vga_palette
  pop ax
  test ah, 0x80
  jnz .done
  cmp al, 0x13
  je .clear_a000
  cmp al, 0x12
  je .clear_a000
  call vga_load_font
  mov ax, 0xb800
  mov es, ax
  xor di, di
  mov cx, 0x4000
  mov ax, 0x0720
  rep stosw
  jmp .done
.clear_a000:
  mov ax, 0xa000
  mov es, ax
  xor di, di
  xor ax, ax
  mov cx, 0x8000
  rep stosw
.done:
  pop ds
  pop es
  popad
  ret
; CX bytes from DS:SI to the indexed registers at DX, from AL on.
.registers:
  mov ah, al
.register:
  mov al, ah
  push ax
  mov ah, [si]
  inc si
  out dx, ax
  pop ax
  inc ah
  loop .register
  ret

; The 8x16 font to plane 2, and the planes back to text.
vga_load_font:
  pushad
  push ds
  push es
  mov dx, 0x3c4
  mov ax, 0x0402
  out dx, ax
  mov ax, 0x0704
  out dx, ax
  mov dx, 0x3ce
  mov ax, 0x0204
  out dx, ax
  mov ax, 0x0005
  out dx, ax
  mov ax, 0x0406
  out dx, ax
  push cs
  pop ds
  mov si, vga_font
  mov ax, 0xa000
  mov es, ax
  xor di, di
  mov dx, 256
.glyph:
  mov cx, 16
  rep movsb
  add di, 16
  dec dx
  jnz .glyph
  mov dx, 0x3c4
  mov ax, 0x0302
  out dx, ax
  mov ax, 0x0204
  out dx, ax
  mov dx, 0x3ce
  mov ax, 0x0004
  out dx, ax
  mov ax, 0x1005
  out dx, ax
  mov ax, 0x0e06
  out dx, ax
  pop es
  pop ds
  popad
  ret

; Colours: the 64 of the EGA, or for mode 13h 16 of them, 16 greys and a cube of 6 by 6 by 6.
vga_palette:
  pushad
  mov bl, al
  mov dx, 0x3c6
  mov al, 0xff
  out dx, al
  mov dx, 0x3c8
  xor al, al
  out dx, al
  inc dx
  cmp bl, 0x13
  je .cube
  xor cl, cl
.ega:
  mov bl, cl
  call .ega_colour
  inc cl
  cmp cl, 64
  jb .ega
  popad
  ret
.cube:
  xor cl, cl
.sixteen:
  movzx bx, cl
  mov bl, [cs:bx + .cga]
  call .ega_colour
  inc cl
  cmp cl, 16
  jb .sixteen
  xor cl, cl
.grey:
  mov al, cl
  shl al, 2
  out dx, al
  out dx, al
  out dx, al
  inc cl
  cmp cl, 16
  jb .grey
  xor bx, bx
  xor cx, cx
.next:
  mov al, bh
  call .level
  mov al, ch
  call .level
  mov al, cl
  call .level
  inc cl
  cmp cl, 6
  jb .next
  xor cl, cl
  inc ch
  cmp ch, 6
  jb .next
  xor ch, ch
  inc bh
  cmp bh, 6
  jb .next
  popad
  ret
.level:
  mov ah, 12
  mul ah
  out dx, al
  ret
; Colour BL as rgbRGB: capital letters are two thirds.
.ega_colour:
  mov al, bl
  shr al, 2
  call .component
  mov al, bl
  shr al, 1
  call .component
  mov al, bl
.component:
  push bx
  mov bl, al
  and al, 1
  mov ah, 0x2a
  mul ah
  shr bl, 3
  and bl, 1
  jz .no_third
  add al, 0x15
.no_third:
  pop bx
  out dx, al
  ret
.cga:
  db 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f

; Misc, sequencer 1-4, CRTC 0-24, graphics 0-8, attribute 0-19.
mode_1:
  db 0x67, 0x08, 0x03, 0x00, 0x02
  db 0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0
  db 0x9c, 0x8e, 0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff
  db 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff
  db 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 8
mode_3:
  db 0x67, 0x00, 0x03, 0x00, 0x02
  db 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0
  db 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff
  db 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff
  db 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 8
mode_12:
  db 0xe3, 0x01, 0x0f, 0x00, 0x06
  db 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0, 0, 0, 0, 0, 0
  db 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff
  db 0, 0, 0, 0, 0, 0, 5, 0x0f, 0xff
  db 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 1, 0, 0x0f, 0
mode_13:
  db 0x63, 0x01, 0x0f, 0x00, 0x0e
  db 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0, 0, 0, 0, 0, 0
  db 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff
  db 0, 0, 0, 0, 0, 0x40, 5, 0x0f, 0xff
  db 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 0x0f, 0
