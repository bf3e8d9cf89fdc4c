; Floppy disks: INT 13h for drives 0 and 1, by DMA channel 2 and IRQ 6 (82077AA datasheet).
F_DOR         equ 0x3f2
F_MSR         equ 0x3f4
F_FIFO        equ 0x3f5
F_CCR         equ 0x3f7

; The parameter table of INT 1Eh: SRT/HUT, HLT/DMA, motor off, bytes, sectors, gap, DTL, gap for format, fill, settle, start.
floppy_table:
  db 0xaf, 0x02, 37, 2, 18, 0x1b, 0xff, 0x6c, 0xf6, 15, 8, 79, 0, 4
; By CMOS type 1 to 5: cylinders, sectors, data rate.
floppy_types:
  db 40, 9, 2, 80, 15, 0, 80, 9, 2, 80, 18, 0, 80, 36, 3

floppy_init:
  USE_BDA
  mov al, 0x10
  call cmos_read
  or al, al
  jz .none
  mov ah, 0x01
  test al, 0x0f
  jz .one
  mov ah, 0x41
.one:
  or [b_equipment], ah
.none:
  ret

; AL = CMOS type of drive DL; CS:SI its parameters. Carry: no such drive.
floppy_type:
  mov al, 0x10
  call cmos_read
  cmp dl, 1
  ja .none
  je .second
  shr al, 4
.second:
  and al, 15
  jz .none
  cmp al, 5
  ja .none
  movzx si, al
  dec si
  imul si, si, 3
  add si, floppy_types
  clc
  ret
.none:
  stc
  ret

; AH = function; the caller's registers are in the frame.
floppy_function:
  USE_BDA
  mov dl, [bp+r_dl]
  mov al, [bp+r_ah]
  cmp al, 0x01
  je .status
  cmp al, 0x00
  je .reset
  cmp al, 0x08
  je .parameters
  cmp al, 0x15
  je .type
  cmp al, 0x16
  je .change
  cmp al, 0x02
  je .transfer
  cmp al, 0x03
  je .transfer
  cmp al, 0x04
  je .transfer
  cmp al, 0x17
  je .good
  cmp al, 0x18
  je .media
.bad:
  mov ah, 1
.fail:
  mov [b_fd_status], ah
  mov [bp+r_ah], ah
  SET_CARRY
  ret
.good:
  mov byte [b_fd_status], 0
  mov byte [bp+r_ah], 0
  CLEAR_CARRY
  ret
.status:
  mov ah, [b_fd_status]
  mov [bp+r_ah], ah
  CLEAR_CARRY
  or ah, ah
  jz .back
  SET_CARRY
.back:
  ret
.reset:
  call floppy_type
  jc .timeout
  call floppy_reset
  jmp .good
.timeout:
  mov ah, 0x80
  jmp .fail
.parameters:
  mov word [bp+r_ax], 0
  mov word [bp+r_bx], 0
  mov word [bp+r_cx], 0
  mov word [bp+r_dx], 0
  mov al, 0x10
  call cmos_read
  mov ah, al
  xor al, al
  test ah, 0xf0
  jz .count
  inc al
  test ah, 0x0f
  jz .count
  inc al
.count:
  mov [bp+r_dl], al
  call floppy_type
  jc .no_drive
  mov [bp+r_bl], al
  mov al, [cs:si]
  dec al
  mov [bp+r_ch], al
  mov al, [cs:si+1]
  mov [bp+r_cl], al
  mov byte [bp+r_dh], 1
  mov word [bp+r_es], BIOS_SEG
  mov word [bp+r_di], floppy_table
  jmp .good
.no_drive:
  cmp dl, 1
  jbe .good
  jmp .bad
.type:
  mov byte [bp+r_ah], 0
  CLEAR_CARRY
  call floppy_type
  jc .back
  mov byte [bp+r_ah], 2         ; a drive with a change line
  ret
.change:
  call floppy_type
  jc .timeout
  call floppy_motor
  mov dx, F_CCR
  in al, dx
  test al, 0x80
  jz .good
  mov ah, 6
  jmp .fail
.media:
  call floppy_type
  jc .timeout
  mov word [bp+r_es], BIOS_SEG
  mov word [bp+r_di], floppy_table
  jmp .good

.transfer:
  call floppy_type
  jc .timeout
  mov al, [bp+r_cl]
  and al, 0x3f
  jz .bad
  cmp al, [cs:si+1]
  ja .missing
  mov al, [bp+r_ch]
  cmp al, [cs:si]
  jae .missing
  cmp byte [bp+r_dh], 1
  ja .bad
  cmp byte [bp+r_al], 0
  je .bad
  call floppy_motor
  mov al, [cs:si+2]
  mov dx, F_CCR
  out dx, al
  ; Sector by sector through a buffer of our own, which no 64 KiB boundary crosses.
  mov es, [bp+r_es]
  mov di, [bp+r_bx]
  mov bl, [bp+r_al]             ; left
  mov ch, [bp+r_ch]
  mov cl, [bp+r_cl]
  and cl, 0x3f
  mov dh, [bp+r_dh]
  mov dl, [bp+r_dl]
  call floppy_seek
  jc .not_ready
.sector:
  mov bh, 3                     ; tries
.try:
  call floppy_sector
  jnc .moved
  cmp ah, 3                     ; write-protected
  je .broken
  dec bh
  jz .broken
  call floppy_reset
  call floppy_motor
  call floppy_seek
  jmp .try
.moved:
  dec bl
  jz .all
  inc cl
  cmp cl, [cs:si+1]
  jbe .sector
  ; On to the other side.
  mov cl, 1
  xor dh, 1
  jnz .sector
  inc ch
  call floppy_seek
  jnc .sector
.not_ready:
  mov ah, 0x80
.broken:
  sub [bp+r_al], bl
  jmp .fail
.all:
  jmp .good
.missing:
  mov ah, 4
  mov byte [bp+r_al], 0
  jmp .fail

; Motor of drive DL on, drive selected. DS = BDA.
floppy_motor:
  push ax
  push cx
  push dx
  mov byte [b_fd_timeout], 40
  mov cl, dl
  mov al, 0x10
  shl al, cl
  mov ah, al
  or al, 0x0c
  or al, dl
  mov dx, F_DOR
  out dx, al
  or [b_fd_motor], ah
  pop dx
  pop cx
  pop ax
  ret

; AL to the controller; carry when it does not take it.
floppy_out:
  push cx
  push dx
  push ax
  mov cx, 0xffff
  mov dx, F_MSR
.wait:
  in al, dx
  and al, 0xc0
  cmp al, 0x80
  je .ready
  loop .wait
  pop ax
  pop dx
  pop cx
  stc
  ret
.ready:
  pop ax
  inc dx
  out dx, al
  pop dx
  pop cx
  clc
  ret
; AL from the controller.
floppy_in:
  push cx
  push dx
  mov cx, 0xffff
  mov dx, F_MSR
.wait:
  in al, dx
  and al, 0xc0
  cmp al, 0xc0
  je .ready
  loop .wait
  pop dx
  pop cx
  stc
  ret
.ready:
  inc dx
  in al, dx
  pop dx
  pop cx
  clc
  ret

; Waits for IRQ 6, at most about a second. Carry: it did not come. DS = BDA.
floppy_irq:
  push eax
  push ecx
  sti
  mov ecx, [b_ticks]
  add ecx, 20
.wait:
  test byte [b_fd_seek], 0x80
  jnz .came
  cmp [b_ticks], ecx
  ja .late
  hlt
  jmp .wait
.came:
  and byte [b_fd_seek], 0x7f
  pop ecx
  pop eax
  clc
  ret
.late:
  pop ecx
  pop eax
  stc
  ret

floppy_reset:
  pushad
  and byte [b_fd_seek], 0x70
  mov dx, F_DOR
  mov al, 0x08
  out dx, al
  mov al, 0x0c
  out dx, al
  call floppy_irq
  mov cx, 4
.sense:
  mov al, 8
  call floppy_out
  call floppy_in
  call floppy_in
  loop .sense
  mov al, 3
  call floppy_out
  mov al, [cs:floppy_table]
  call floppy_out
  mov al, [cs:floppy_table+1]
  call floppy_out
  popad
  ret

; Drive DL to cylinder CH; recalibrates it once. Carry: no answer. DS = BDA.
floppy_seek:
  push ax
  push cx
  mov cl, dl
  mov al, 1
  shl al, cl
  test [b_fd_seek], al
  jnz .known
  or [b_fd_seek], al
  and byte [b_fd_seek], 0x7f
  mov al, 7
  call floppy_out
  mov al, dl
  call floppy_out
  call .sense
  jc .done
.known:
  and byte [b_fd_seek], 0x7f
  mov al, 0x0f
  call floppy_out
  mov al, dl
  call floppy_out
  mov al, ch
  call floppy_out
  call .sense
.done:
  pop cx
  pop ax
  ret
.sense:
  call floppy_irq
  jc .late
  mov al, 8
  call floppy_out
  call floppy_in
  mov ah, al
  call floppy_in
  test ah, 0xc0
  jz .fine
  stc
  ret
.fine:
  clc
.late:
  ret

; One sector: drive DL, cylinder CH, head DH, sector CL, ES:DI, function in the frame. DI moves on. AH and carry: the result.
floppy_sector:
  push bx
  push cx
  push dx
  push si
  mov al, [bp+r_ah]
  cmp al, 3
  jne .program
  ; To our buffer.
  push ds
  push es
  push di
  push cx
  mov si, di
  push es
  pop ds
  mov ax, EBDA_SEG
  mov es, ax
  mov di, e_sector
  mov cx, 256
  rep movsw
  pop cx
  pop di
  pop es
  pop ds
.program:
  ; 8237: channel 2 masked, mode, address, page, count, unmasked.
  mov al, 6
  out 0x0a, al
  xor al, al
  out 0x0c, al
  mov al, 0x46                  ; to memory
  cmp byte [bp+r_ah], 3
  jne .mode
  mov al, 0x4a
.mode:
  cmp byte [bp+r_ah], 4
  jne .not_verify
  mov al, 0x42
.not_verify:
  out 0x0b, al
  mov al, (EBDA_SEG * 16 + e_sector) & 0xff
  out 0x04, al
  mov al, ((EBDA_SEG * 16 + e_sector) >> 8) & 0xff
  out 0x04, al
  mov al, (EBDA_SEG * 16 + e_sector) >> 16
  out 0x81, al
  mov al, 0xff
  out 0x05, al
  mov al, 1
  out 0x05, al
  mov al, 2
  out 0x0a, al
  ; The command.
  and byte [b_fd_seek], 0x7f
  mov al, 0x46
  cmp byte [bp+r_ah], 3
  jne .command
  mov al, 0x45
.command:
  call floppy_out
  mov al, dh
  shl al, 2
  or al, dl
  call floppy_out
  mov al, ch
  call floppy_out
  mov al, dh
  call floppy_out
  mov al, cl
  call floppy_out
  mov al, 2
  call floppy_out
  mov al, cl
  call floppy_out
  mov al, 0x1b
  call floppy_out
  mov al, 0xff
  call floppy_out
  call floppy_irq
  jc .timeout
  mov si, b_fd_result
  mov cx, 7
.result:
  call floppy_in
  mov [si], al
  inc si
  loop .result
  test byte [b_fd_result], 0xc0
  jnz .error
  cmp byte [bp+r_ah], 2
  jne .good
  push ds
  mov ax, EBDA_SEG
  mov ds, ax
  mov si, e_sector
  mov cx, 256
  rep movsw
  pop ds
  jmp .moved
.good:
  cmp byte [bp+r_ah], 3
  jne .moved
  add di, 512
.moved:
  pop si
  pop dx
  pop cx
  pop bx
  xor ah, ah
  ret
.timeout:
  mov ah, 0x80
  jmp .fail
.error:
  mov al, [b_fd_result+1]
  mov ah, 3
  test al, 0x02
  jnz .fail
  mov ah, 4
  test al, 0x05
  jnz .fail
  mov ah, 0x20
.fail:
  pop si
  pop dx
  pop cx
  pop bx
  stc
  ret
