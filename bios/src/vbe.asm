; VESA BIOS Extension 2.0 through the registers of Bochs' display adapter (ports 1CEh, 1CFh).
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

