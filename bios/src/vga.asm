; The VGA: finding it, setting its modes (IBM PS/2 Hardware Interface Technical Reference, mode tables), and VESA modes through
; the registers of Bochs' display adapter (ports 1CEh, 1CFh).

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

; --- VESA BIOS Extension 2.0 -----------------------------------------------------------------------------------------
VBE_INDEX     equ 0x1ce
VBE_DATA      equ 0x1cf

; Register AL gets BX.
vbe_out:
  push dx
  push ax
  xor ah, ah
  mov dx, VBE_INDEX
  out dx, ax
  inc dx
  mov ax, bx
  out dx, ax
  pop ax
  pop dx
  ret
; AX = register AL.
vbe_in:
  push dx
  xor ah, ah
  mov dx, VBE_INDEX
  out dx, ax
  inc dx
  in ax, dx
  pop dx
  ret

vbe_off:
  push ds
  push EBDA_SEG
  pop ds
  cmp dword [e_lfb], 0
  je .done
  mov al, 4
  xor bx, bx
  call vbe_out
  mov word [e_vbe_mode], 0
.done:
  pop ds
  ret

; The frame buffer's address, when the adapter has these registers: BAR 0 of the first display controller. DS = EBDA.
vbe_init:
  mov al, 0
  call vbe_in
  and al, 0xf0
  cmp ax, 0xb0c0
  jne .none
  mov ecx, 0x030000
  call pci_find_class
  jc .none
  mov di, 0x10
  call pci_read32
  and eax, 0xfffffff0
  mov [e_lfb], eax
.none:
  ret

; AX=4Fxxh; the caller's registers are in the frame.
vbe:
  push EBDA_SEG
  pop ds
  mov al, [bp+r_al]
  mov byte [bp+r_al], 0x4f
  mov byte [bp+r_ah], 1
  cmp dword [e_lfb], 0
  je .done
  cmp al, 0
  je .info
  cmp al, 1
  je .mode_info
  cmp al, 2
  je .set
  cmp al, 3
  je .get
  cmp al, 6
  je .scanline
  cmp al, 7
  je .start
  cmp al, 9
  je .palette
.done:
  ret
.good:
  mov byte [bp+r_ah], 0
  ret
.info:
  mov es, [bp+r_es]
  mov di, [bp+r_di]
  push di
  mov cx, 128
  xor ax, ax
  rep stosw
  pop di
  mov dword [es:di], 'VESA'
  mov word [es:di+4], 0x0200
  mov word [es:di+6], .maker
  mov word [es:di+8], BIOS_SEG
  mov word [es:di+14], vbe_mode_list
  mov word [es:di+16], BIOS_SEG
  mov al, 10
  call vbe_in
  mov [es:di+18], ax
  mov word [es:di+22], .maker
  mov word [es:di+24], BIOS_SEG
  mov word [es:di+26], .maker
  mov word [es:di+28], BIOS_SEG
  mov word [es:di+30], .maker
  mov word [es:di+32], BIOS_SEG
  jmp .good
.maker:
  db "Tabvisor VBE", 0
; CS:SI = the entry of mode BX, or carry.
.find:
  and bx, 0x3fff
  mov si, vbe_modes
.search:
  cmp word [cs:si], 0
  je .missing
  cmp [cs:si], bx
  je .found
  add si, 8
  jmp .search
.missing:
  stc
  ret
.found:
  clc
  ret
.mode_info:
  mov bx, [bp+r_cx]
  call .find
  jc .done
  mov es, [bp+r_es]
  mov di, [bp+r_di]
  push di
  mov cx, 128
  xor ax, ax
  rep stosw
  pop di
  mov word [es:di], 0x009b      ; supported, colour, graphics, linear
  mov word [es:di+2], 0x0007
  mov word [es:di+4], 64
  mov word [es:di+6], 64
  mov word [es:di+8], 0xa000
  mov cl, [cs:si+6]             ; bits per pixel
  movzx ax, cl
  add ax, 7
  shr ax, 3
  mul word [cs:si+2]
  mov [es:di+16], ax
  mov [es:di+50], ax
  mov ax, [cs:si+2]
  mov [es:di+18], ax
  mov ax, [cs:si+4]
  mov [es:di+20], ax
  mov word [es:di+22], 0x1008
  mov byte [es:di+24], 1
  mov [es:di+25], cl
  mov byte [es:di+26], 1
  mov byte [es:di+27], 4        ; packed pixels
  mov byte [es:di+30], 1
  cmp cl, 8
  je .pixels
  mov byte [es:di+27], 6        ; direct colour
  mov bx, .masks_24
  cmp cl, 16
  jne .masks
  mov bx, .masks_16
.masks:
  push di
  add di, 31
  push si
  mov si, bx
  push ds
  push cs
  pop ds
  mov cx, 8
  rep movsb
  pop ds
  pop si
  pop di
  push di
  add di, 54
  push si
  mov si, bx
  push ds
  push cs
  pop ds
  mov cx, 8
  rep movsb
  pop ds
  pop si
  pop di
  cmp byte [cs:si+6], 32
  je .pixels
  mov word [es:di+37], 0
  mov word [es:di+60], 0
.pixels:
  mov eax, [e_lfb]
  mov [es:di+40], eax
  jmp .good
.masks_24:
  db 8, 16, 8, 8, 8, 0, 8, 24
.masks_16:
  db 5, 11, 6, 5, 5, 0, 0, 0
.set:
  mov bx, [bp+r_bx]
  test bx, 0x4000
  jnz .linear
  cmp bx, 0x13
  ja .linear
  mov ah, 0
  mov al, bl
  int 0x10
  jmp .good
.linear:
  call .find
  jc .done
  mov [e_vbe_mode], bx
  mov al, 4
  xor bx, bx
  call vbe_out
  mov al, 1
  mov bx, [cs:si+2]
  call vbe_out
  mov al, 2
  mov bx, [cs:si+4]
  call vbe_out
  mov al, 3
  movzx bx, byte [cs:si+6]
  call vbe_out
  mov al, 4
  mov bx, 0x41
  test byte [bp+r_bh], 0x80
  jz .clear
  mov bx, 0xc1
.clear:
  call vbe_out
  jmp .good
.get:
  mov bx, [e_vbe_mode]
  or bx, bx
  jnz .vesa_mode
  push ds
  USE_BDA
  movzx bx, byte [b_mode]
  pop ds
  mov [bp+r_bx], bx
  jmp .good
.vesa_mode:
  or bx, 0x4000
  mov [bp+r_bx], bx
  jmp .good
; Logical line length: what there is.
.scanline:
  mov al, 6
  call vbe_in
  mov [bp+r_cx], ax
  mov bx, ax
  mov al, 3
  call vbe_in
  add ax, 7
  shr ax, 3
  mul bx
  mov [bp+r_bx], ax
  mov al, 2
  call vbe_in
  mov [bp+r_dx], ax
  jmp .good
.start:
  test byte [bp+r_bl], 1
  jnz .get_start
  mov al, 8
  mov bx, [bp+r_cx]
  call vbe_out
  mov al, 9
  mov bx, [bp+r_dx]
  call vbe_out
  jmp .good
.get_start:
  mov al, 8
  call vbe_in
  mov [bp+r_cx], ax
  mov al, 9
  call vbe_in
  mov [bp+r_dx], ax
  jmp .good
; Colours CX from DX on at ES:DI, blue, green, red, none.
.palette:
  cmp byte [bp+r_bl], 0
  jne .done
  mov es, [bp+r_es]
  mov di, [bp+r_di]
  mov cx, [bp+r_cx]
  or cx, cx
  jz .good
  mov al, [bp+r_dl]
  mov dx, 0x3c8
  out dx, al
  inc dx
.colour:
  mov al, [es:di+2]
  out dx, al
  mov al, [es:di+1]
  out dx, al
  mov al, [es:di]
  out dx, al
  add di, 4
  loop .colour
  jmp .good

vbe_mode_list:
  dw 0x101, 0x103, 0x105, 0x107, 0x111, 0x112, 0x114, 0x115, 0x117, 0x118, 0x11a, 0x11b, 0x142, 0x143, 0x144, 0x145, 0x146, 0xffff
; Number, width, height, bits.
vbe_modes:
  dw 0x101, 640, 480, 8
  dw 0x103, 800, 600, 8
  dw 0x105, 1024, 768, 8
  dw 0x107, 1280, 1024, 8
  dw 0x111, 640, 480, 16
  dw 0x112, 640, 480, 24
  dw 0x114, 800, 600, 16
  dw 0x115, 800, 600, 24
  dw 0x117, 1024, 768, 16
  dw 0x118, 1024, 768, 24
  dw 0x11a, 1280, 1024, 16
  dw 0x11b, 1280, 1024, 24
  dw 0x142, 640, 480, 32
  dw 0x143, 800, 600, 32
  dw 0x144, 1024, 768, 32
  dw 0x145, 1280, 1024, 32
  dw 0x146, 1920, 1080, 32
  dw 0

vga_font:
%include "font.inc"
