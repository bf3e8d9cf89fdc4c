; The keyboard: its controller, and IRQ 1, which fills the ring buffer.

SC_LSHIFT     equ 0x2a
SC_RSHIFT     equ 0x36
SC_CTRL       equ 0x1d
SC_ALT        equ 0x38
SC_CAPS       equ 0x3a
SC_NUM        equ 0x45
SC_SCROLL     equ 0x46
SC_INSERT     equ 0x52
SC_DELETE     equ 0x53

; Waits until the controller takes a byte.
kbd_wait:
  push cx
  push ax
  mov cx, 0xffff
.again:
  in al, P_KBD_CMD
  test al, 2
  jz .done
  loop .again
.done:
  pop ax
  pop cx
  ret

keyboard_init:
  USE_BDA
  mov ax, b_keys
  mov [b_head], ax
  mov [b_tail], ax
  mov [b_keys_start], ax
  mov word [b_keys_limit], b_keys_end
  mov byte [b_kbd_mode], 0x10       ; 101 keys
  ; Whatever stands there is dropped; self-test; translation, IRQ 1, no mouse yet.
  mov cx, 32
.drain:
  in al, P_KBD_CMD
  cmp al, 0xff
  je .none
  test al, 1
  jz .empty
  in al, P_KBD
  loop .drain
.empty:
  call kbd_wait
  mov al, 0xaa
  out P_KBD_CMD, al
  mov cx, 0xffff
.test:
  in al, P_KBD_CMD
  test al, 1
  jnz .tested
  loop .test
.tested:
  in al, P_KBD
  call kbd_wait
  mov al, 0x60
  out P_KBD_CMD, al
  call kbd_wait
  mov al, 0x61
  out P_KBD, al
  call kbd_wait
  mov al, 0xae
  out P_KBD_CMD, al
  ; The keyboard scans.
  call kbd_wait
  mov al, 0xf4
  out P_KBD, al
  mov cx, 0x1000
.scan:
  in al, P_KBD_CMD
  test al, 1
  jnz .answer
  loop .scan
  ret
.answer:
  in al, P_KBD
.none:
  ret

; AX into the buffer; lost when it is full. DS = BDA.
key_put:
  push bx
  push si
  mov bx, [b_tail]
  mov si, bx
  add si, 2
  cmp si, [b_keys_limit]
  jb .wrapped
  mov si, [b_keys_start]
.wrapped:
  cmp si, [b_head]
  je .full
  mov [bx], ax
  mov [b_tail], si
.full:
  pop si
  pop bx
  ret

irq_keyboard:
  push ds
  push es
  pushad
  cld
  USE_BDA
  in al, P_KBD_CMD
  test al, 1
  jz .done
  in al, P_KBD
  ; INT 15h 4Fh may change or drop the code.
  mov ah, 0x4f
  stc
  int 0x15
  jnc .done
  call key_code
.done:
  mov al, 0x20
  out P_PIC1, al
  popad
  pop es
  pop ds
  iret

; A scan code of set 1 in AL. DS = BDA.
key_code:
  cmp al, 0xe0
  je .prefix
  cmp al, 0xe1
  je .pause_prefix
  mov ah, al
  and ah, 0x80
  and al, 0x7f
  mov bl, [b_kbd_mode]
  and bl, 2                     ; E0 before
  test byte [b_kbd_mode], 1     ; E1: CTRL and NUM of Pause are not keys
  jz .plain
  cmp al, SC_NUM
  jne .back
  and byte [b_kbd_mode], 0xfe
.back:
  ret
.plain:
  and byte [b_kbd_mode], 0xfd
  cmp al, SC_LSHIFT
  je .lshift
  cmp al, SC_RSHIFT
  je .rshift
  cmp al, SC_CTRL
  je .ctrl
  cmp al, SC_ALT
  je .alt
  or ah, ah
  jnz .release
  cmp al, SC_CAPS
  je .caps
  cmp al, SC_NUM
  je .num
  cmp al, SC_SCROLL
  je .scroll
  cmp al, 0x58
  ja .unknown
  cmp al, SC_DELETE
  jne .normal
  mov cl, [b_shift]
  and cl, 0x0c
  cmp cl, 0x0c                  ; Ctrl-Alt-Del
  je .restart
.normal:
  call key_translate
  jc .unknown
  call key_put
.unknown:
  ret
.restart:
  mov word [b_reset], 0x1234
  jmp reboot
.release:
  cmp al, SC_INSERT
  jne .unknown
  ret
.prefix:
  or byte [b_kbd_mode], 2
  ret
.pause_prefix:
  or byte [b_kbd_mode], 1
  ret
.lshift:
  or bl, bl                     ; E0 2A: a fake shift
  jnz .unknown
  mov cl, 2
  jmp .flag
.rshift:
  or bl, bl
  jnz .unknown
  mov cl, 1
  jmp .flag
.ctrl:
  mov cl, 4
  jmp .flag
.alt:
  mov cl, 8
.flag:
  or ah, ah
  jnz .clear
  or [b_shift], cl
  ret
.clear:
  not cl
  and [b_shift], cl
  ret
.caps:
  xor byte [b_shift], 0x40
  ret
.num:
  xor byte [b_shift], 0x20
  ret
.scroll:
  xor byte [b_shift], 0x10
  ret

; Scan code AL (BL: after E0) to AX as INT 16h gives it, or carry. DS = BDA.
key_translate:
  mov ah, al
  mov cl, [b_shift]
  movzx si, al
  cmp al, 0x47
  jb .letters
  cmp al, 0x53
  ja .letters
  ; The keypad: digits with Num Lock or Shift, else and after E0 the cursor keys.
  or bl, bl
  jnz .grey
  cmp al, 0x4a
  je .letters
  cmp al, 0x4e
  je .letters
  test cl, 0x20
  jz .navigate
  test cl, 3
  jz .letters
.navigate:
  test cl, 4
  jnz .ctrl_grey
  xor al, al
  clc
  ret
.grey:
  mov al, 0xe0
  test cl, 4
  jz .ok
.ctrl_grey:
  cmp ah, 0x53
  ja .none
  mov al, [cs:si + ctrl_keypad - 0x47]
  or al, al
  jz .none
  mov ah, al
  mov al, bl
  or al, al
  jz .ok
  mov al, 0xe0
.ok:
  clc
  ret
.letters:
  cmp ah, 0x1c
  jne .slash
  or bl, bl
  jz .slash
  mov ah, 0xe0                  ; keypad Enter
  mov al, 13
  clc
  ret
.slash:
  test cl, 8
  jnz .alt
  test cl, 4
  jnz .ctrl
  cmp ah, 0x3b
  jb .character
  cmp ah, 0x44
  ja .character
  ; F1 to F10; with Shift 54h on.
  xor al, al
  test cl, 3
  jz .ok
  add ah, 0x54 - 0x3b
  jmp .ok
.character:
  cmp ah, 0x57
  jae .f11
  mov al, [cs:si + keys_plain]
  mov ch, cl
  and ch, 3
  cmp al, 'a'
  jb .shift
  cmp al, 'z'
  ja .shift
  test cl, 0x40
  jz .shift
  ; Caps Lock turns Shift around.
  or ch, ch
  jz .upper
  xor ch, ch
.shift:
  or ch, ch
  jz .got
.upper:
  mov al, [cs:si + keys_shift]
.got:
  or al, al
  jz .none
  clc
  ret
.f11:
  add ah, 0x85 - 0x57
  xor al, al
  jmp .ok
.alt:
  cmp ah, 0x3b
  jb .alt_key
  cmp ah, 0x44
  ja .none
  add ah, 0x68 - 0x3b
  xor al, al
  jmp .ok
.alt_key:
  xor al, al
  cmp ah, 2
  jb .none
  cmp ah, 0x0d
  ja .ok
  add ah, 0x78 - 2              ; digits, minus, equals
  jmp .ok
.ctrl:
  cmp ah, 0x3b
  jb .ctrl_key
  cmp ah, 0x44
  ja .none
  add ah, 0x5e - 0x3b
  xor al, al
  jmp .ok
.ctrl_key:
  mov al, [cs:si + keys_plain]
  cmp ah, 0x1c
  jne .ctrl_letter
  mov al, 10
  jmp .ok
.ctrl_letter:
  cmp al, 'a'
  jb .ctrl_other
  cmp al, 'z'
  ja .ctrl_other
  and al, 0x1f
  jmp .ok
.ctrl_other:
  mov ch, 0x1b
  cmp al, '['
  je .ctrl_code
  inc ch
  cmp al, '\'
  je .ctrl_code
  inc ch
  cmp al, ']'
  je .ctrl_code
  inc ch
  cmp al, '6'
  je .ctrl_code
  inc ch
  cmp al, '-'
  je .ctrl_code
  cmp al, ' '
  je .ok
  cmp ah, 0x0e
  mov al, 0x7f
  je .ok
  cmp ah, 1
  mov al, 27
  je .ok
.none:
  stc
  ret
.ctrl_code:
  mov al, ch
  jmp .ok

; By scan code 0 to 56h: US layout.
keys_plain:
  db 0, 27, "1234567890-=", 8, 9, "qwertyuiop[]", 13, 0, "asdfghjkl;'`", 0, "\zxcvbnm,./", 0, '*', 0, ' ', 0
  db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "789-456+1230.", 0, 0, '\'
keys_shift:
  db 0, 27, "!@", 0x23, "$%^&*()_+", 8, 0, "QWERTYUIOP{}", 13, 0, "ASDFGHJKL:", 34, "~", 0, "|ZXCVBNM<>?", 0, '*', 0, ' ', 0
  db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "789-456+1230.", 0, 0, '|'
; Ctrl with the keys 47h to 53h.
ctrl_keypad:
  db 0x77, 0x8d, 0x84, 0, 0x73, 0x8f, 0x74, 0, 0x75, 0x91, 0x76, 0x92, 0x93

