; CD-ROMs through ATAPI packets, and El Torito without emulation (Phoenix and IBM, "El Torito", 1.0).

; BX: record; DS = EBDA. Returns AH and carry.
cd_function:
  mov al, [bp+r_ah]
  cmp al, 0x42
  je .ext_read
  cmp al, 0x41
  je edd_check
  cmp al, 0x48
  je .ext_parameters
  cmp al, 0x4b
  je .emulation
  cmp al, 0x15
  je .type
  cmp al, 0x02
  je .read
  cmp al, 0x03
  je .protected
  cmp al, 0x43
  je .protected
  cmp al, 0x44
  je .good
  cmp al, 0x45
  je .good
  cmp al, 0x46
  je .good
  cmp al, 0x47
  je .good
  cmp al, 0x04
  je .good
  cmp al, 0x01
  jbe .good
  cmp al, 0x0d
  je .good
  cmp al, 0x10
  je .good
  cmp al, 0x11
  je .good
  cmp al, 0x14
  je .good
.read:
  mov ah, 1
  stc
  ret
.protected:
  mov ah, 3
  stc
  ret
.good:
  xor ah, ah
  ret
.type:
  mov ah, 2
  clc
  ret
.ext_read:
  call edd_packet
  jc .done
  cmp dword [e_lba+4], 0
  jne .outside
  call cd_transfer
  jmp hd_function.ext_done
.outside:
  mov ah, 4
  stc
.done:
  ret
.ext_parameters:
  mov es, [bp+r_ds]
  mov di, [bp+r_si]
  mov cx, [es:di]
  cmp cx, 26
  jb .read
  mov ax, 26
  cmp cx, 30
  jb .short
  mov ax, 30
  mov dword [es:di+26], 0xffffffff
.short:
  mov [es:di], ax
  mov word [es:di+2], 0x74      ; removable, lockable, geometry of no meaning
  mov eax, 0xffffffff
  mov [es:di+4], eax
  mov [es:di+8], eax
  mov [es:di+12], eax
  mov [es:di+16], eax
  mov [es:di+20], eax
  mov word [es:di+24], 2048
  xor ah, ah
  ret
; AH=4Bh, AL=0: end emulation, AL=1: status. Both tell the specification packet (El Torito 4.1).
.emulation:
  cmp byte [bp+r_al], 1
  ja .read
  cmp byte [e_cd_booted], 0
  je .read
  mov es, [bp+r_ds]
  mov di, [bp+r_si]
  push di
  mov cx, 19
  xor al, al
  rep stosb
  pop di
  mov byte [es:di], 19
  mov byte [es:di+1], 0         ; no emulation
  mov byte [es:di+2], 0xe0
  mov eax, [e_et_lba]
  mov [es:di+4], eax
  mov ax, [e_et_seg]
  mov [es:di+12], ax
  mov ax, [e_et_count]
  mov [es:di+14], ax
  xor ah, ah
  ret

; Sends e_packet; ECX = bytes that may be asked for at a time. Carry: an error.
cd_command:
  push ecx
  xor al, al
  call ata_select
  pop ecx
  jc .done
  mov dx, [e_ctl]
  mov al, 0x0a
  out dx, al
  mov dx, [e_io]
  inc dx
  xor al, al
  out dx, al
  add dx, 3
  mov al, cl
  out dx, al
  inc dx
  mov al, ch
  out dx, al
  add dx, 2
  mov al, 0xa0
  out dx, al
  call ata_wait
  jc .done
  test al, 1
  jnz .error
  test al, 8
  jz .error
  push si
  mov si, e_packet
  mov cx, 6
  mov dx, [e_io]
  rep outsw
  pop si
  call ata_wait
  jc .done
  test al, 1
  jnz .error
  clc
.done:
  ret
.error:
  stc
  ret

cd_clear_packet:
  push es
  push di
  push ds
  pop es
  mov di, e_packet
  mov cx, 6
  xor ax, ax
  rep stosw
  pop di
  pop es
  ret

; Waits until the disc is ready: the first answers tell of the reset. Carry: no disc.
cd_ready:
  mov si, 8
.again:
  call cd_clear_packet
  xor ecx, ecx
  call cd_command
  jnc .ready
  dec si
  jnz .again
  stc
.ready:
  ret

; Reads e_count sectors of 2,048 bytes from e_lba on to e_buffer. AH and carry: the result.
cd_transfer:
  push es
.piece:
  movzx eax, word [e_count]
  or ax, ax
  jz .good
  cmp ax, 16
  jbe .size
  mov ax, 16
.size:
  mov si, ax                    ; sectors of this piece
  call cd_clear_packet
  mov byte [e_packet], 0x28
  mov eax, [e_lba]
  bswap eax
  mov [e_packet+2], eax
  mov ax, si
  xchg al, ah
  mov [e_packet+7], ax
  mov ecx, 0xf800
  call cd_command
  jc .error
.data:
  call ata_wait
  jc .error
  test al, 1
  jnz .error
  test al, 8
  jz .piece_done
  mov dx, [e_io]
  add dx, 4
  in al, dx
  mov cl, al
  inc dx
  in al, dx
  mov ch, al
  les di, [e_buffer]
  mov ax, cx
  shr ax, 4
  shr cx, 1
  mov dx, [e_io]
  rep insw
  add [e_buffer+2], ax
  jmp .data
.piece_done:
  sub [e_count], si
  movzx eax, si
  add [e_lba], eax
  jmp .piece
.good:
  call ata_interrupts
  pop es
  xor ah, ah
  ret
.error:
  call ata_interrupts
  pop es
  mov ah, 0x20
  stc
  ret

; Reads one CD sector EAX to e_sector. Carry: an error.
cd_read_sector:
  mov [e_lba], eax
  mov dword [e_lba+4], 0
  mov word [e_count], 1
  mov word [e_buffer], e_sector
  mov word [e_buffer+2], EBDA_SEG
  jmp cd_transfer

; Looks for a bootable disc in the first CD-ROM and loads its image. DS = EBDA. Carry: there is none.
cd_boot_load:
  movzx bx, byte [e_cd_drive]
  cmp bl, 0xff
  je .no
  call drive_record
  call cd_ready
  jc .no
  ; Boot Record Volume Descriptor, sector 17 (El Torito 2.0, figure 7).
  mov eax, 17
  call cd_read_sector
  jc .no
  cmp byte [e_sector], 0
  jne .no
  cmp dword [e_sector+1], 'CD00'
  jne .no
  cmp dword [e_sector+7], 'EL T'
  jne .no
  mov eax, [e_sector+0x47]
  mov [e_et_catalog], eax
  call cd_read_sector
  jc .no
  ; Validation entry: 1, and words that add up to zero.
  cmp byte [e_sector], 1
  jne .no
  cmp word [e_sector+30], 0xaa55
  jne .no
  mov si, e_sector
  mov cx, 16
  xor dx, dx
.sum:
  lodsw
  add dx, ax
  loop .sum
  or dx, dx
  jnz .no
  ; Initial entry (figure 3): bootable, no emulation.
  cmp byte [e_sector+32], 0x88
  jne .no
  mov al, [e_sector+33]
  and al, 15
  mov [e_et_media], al
  jnz .emulated
  mov ax, [e_sector+34]
  or ax, ax
  jnz .segment
  mov ax, 0x07c0
.segment:
  mov [e_et_seg], ax
  mov ax, [e_sector+38]
  mov [e_et_count], ax
  mov eax, [e_sector+40]
  mov [e_et_lba], eax
  mov [e_lba], eax
  mov dword [e_lba+4], 0
  mov ax, [e_et_count]
  or ax, ax
  jnz .count
  inc ax
.count:
  add ax, 3
  shr ax, 2
  mov [e_count], ax
  mov word [e_buffer], 0
  mov ax, [e_et_seg]
  mov [e_buffer+2], ax
  call cd_transfer
  jc .no
  clc
  ret
.emulated:
  PRINTLN "The disc wants to be booted as an emulated disk, which is not supported."
.no:
  stc
  ret
