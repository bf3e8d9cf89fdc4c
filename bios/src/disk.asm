; INT 13h: disks with CHS (IBM PC AT TR) and with sector numbers (Enhanced Disk Drive Specification 3.0), and CD-ROMs.

int13:
  sti
  ENTER
  mov dl, [bp+r_dl]
  cmp dl, 0x80
  jb .floppy
  cmp dl, 0xe0
  jae .cd
  push EBDA_SEG
  pop ds
  movzx bx, dl
  sub bl, 0x80
  cmp bl, [e_hd_count]
  jae .bad_drive
  movzx bx, byte [bx + e_hd_map]
  call drive_record
  call hd_function
  jmp .finish
.floppy:
  call floppy_function
  LEAVE_INT
.cd:
  push EBDA_SEG
  pop ds
  mov bl, [e_cd_drive]
  cmp bl, 0xff
  je .bad_drive
  cmp dl, 0xe0
  jne .bad_drive
  xor bh, bh
  call drive_record
  call cd_function
  jmp .finish
.bad_drive:
  ; AH=15h says "no drive" without an error.
  cmp byte [bp+r_ah], 0x15
  je .no_drive
  mov ah, 1
  stc
  jmp .finish
.no_drive:
  mov byte [bp+r_ah], 0
  LEAVE_INT
; AH and carry: the result.
.finish:
  mov [bp+r_ah], ah
  push BDA_SEG
  pop ds
  mov [b_hd_status], ah
  jc .error
  CLEAR_CARRY
  LEAVE_INT
.error:
  SET_CARRY
  LEAVE_INT

; BX = position 0..3, to the address of its record; DS = EBDA; sets e_io, e_ctl, e_device.
drive_record:
  push ax
  mov word [e_io], 0x1f0
  mov word [e_ctl], 0x3f6
  test bl, 2
  jz .primary
  mov word [e_io], 0x170
  mov word [e_ctl], 0x376
.primary:
  mov al, bl
  and al, 1
  shl al, 4
  or al, 0xa0
  mov [e_device], al
  shl bx, 5
  add bx, e_drives
  pop ax
  ret

; e_count sectors from e_lba on at e_buffer, on the disk of record BX. AH and carry: the result; e_count what was not moved.
disk_transfer:
  cmp byte [bx + d_type], 3
  je virtio_transfer
  jmp ata_transfer

; BX: record; DS = EBDA. Returns AH and carry.
hd_function:
  mov al, [bp+r_ah]
  cmp al, 0x02
  je .read
  cmp al, 0x03
  je .write
  cmp al, 0x04
  je .verify
  cmp al, 0x42
  je .ext_read
  cmp al, 0x43
  je .ext_write
  cmp al, 0x44
  je .ext_verify
  cmp al, 0x08
  je .parameters
  cmp al, 0x15
  je .type
  cmp al, 0x41
  je edd_check
  cmp al, 0x48
  je .ext_parameters
  cmp al, 0x01
  je .status
  cmp al, 0x47
  je .good
  cmp al, 0x4e
  je .good
  cmp al, 0x00
  je .good
  cmp al, 0x09
  je .good
  cmp al, 0x0c
  je .good
  cmp al, 0x0d
  je .good
  cmp al, 0x10
  je .good
  cmp al, 0x11
  je .good
  cmp al, 0x14
  je .good
  mov ah, 1
  stc
  ret
.good:
  xor ah, ah
  ret
.status:
  push ds
  USE_BDA
  mov ah, [b_hd_status]
  pop ds
  or ah, ah
  jz .good
  stc
  ret
.read:
  call .chs
  jc .failed
  mov byte [e_write], 0
  call disk_transfer
  jmp .count
.write:
  call .chs
  jc .failed
  mov byte [e_write], 1
  call disk_transfer
.count:
  ; AL: sectors moved.
  mov al, [bp+r_al]
  jnc .all
  sub al, [e_count]
  mov [bp+r_al], al
  stc
  ret
.all:
  mov [bp+r_al], al
  ret
.verify:
  call .chs
  jc .failed
  xor ah, ah
  ret
.failed:
  mov byte [bp+r_al], 0
  stc
  ret
; The registers' cylinder, head, sector to e_lba; count and buffer.
.chs:
  mov al, [bp+r_cl]
  mov ah, al
  shr ah, 6
  mov al, [bp+r_ch]             ; AX = cylinder
  cmp ax, [bx + d_cylinders]
  jae .bad
  movzx ecx, byte [bx + d_heads]
  cmp byte [bx + d_heads], 0
  jne .heads
  mov cx, 256
.heads:
  movzx edx, byte [bp+r_dh]
  cmp dx, cx
  jae .bad
  movzx eax, ax
  imul eax, ecx
  add eax, edx
  movzx ecx, byte [bx + d_spt]
  imul eax, ecx
  mov dl, [bp+r_cl]
  and edx, 0x3f
  jz .bad
  cmp edx, ecx
  ja .bad
  lea eax, [eax + edx - 1]
  mov [e_lba], eax
  mov dword [e_lba+4], 0
  movzx ax, byte [bp+r_al]
  or ax, ax
  jz .bad
  cmp ax, 128
  ja .bad
  mov [e_count], ax
  mov ax, [bp+r_bx]
  mov dx, ax
  and ax, 15
  mov [e_buffer], ax
  shr dx, 4
  add dx, [bp+r_es]
  mov [e_buffer+2], dx
  jmp .range
.bad:
  mov ah, 1
  stc
  ret
; e_lba and e_count lie on the disk?
.range:
  mov eax, [e_lba]
  mov edx, [e_lba+4]
  movzx ecx, word [e_count]
  add eax, ecx
  adc edx, 0
  jc .outside
  cmp edx, [bx + d_sectors + 4]
  ja .outside
  jb .inside
  cmp eax, [bx + d_sectors]
  ja .outside
.inside:
  xor ah, ah
  ret
.outside:
  mov ah, 4
  stc
  ret
.ext_read:
  call edd_packet
  jc .ext_done
  call .range
  jc .ext_failed
  mov byte [e_write], 0
  call disk_transfer
  jmp .ext_done
.ext_write:
  call edd_packet
  jc .ext_done
  call .range
  jc .ext_failed
  mov byte [e_write], 1
  call disk_transfer
  jmp .ext_done
.ext_verify:
  call edd_packet
  jc .ext_done
  call .range
  jc .ext_failed
  ret
.ext_failed:
  mov word [e_count], 0
  mov word [e_total], 0
  mov ah, 4
  stc
; The packet's count becomes what was moved (EDD 3.0, function 42h).
.ext_done:
  jnc .ext_good
  push ds
  push si
  mov cx, [e_total]
  sub cx, [e_count]
  mov si, [bp+r_si]
  mov ds, [bp+r_ds]
  mov [si+2], cx
  pop si
  pop ds
  stc
.ext_good:
  ret
.parameters:
  mov ax, [bx + d_cylinders]
  dec ax
  mov [bp+r_ch], al
  shl ah, 6
  or ah, [bx + d_spt]
  mov [bp+r_cl], ah
  mov al, [bx + d_heads]
  dec al
  mov [bp+r_dh], al
  mov al, [e_hd_count]
  mov [bp+r_dl], al
  mov byte [bp+r_al], 0
  xor ah, ah
  ret
; AH=3: a hard disk; CX:DX its sectors.
.type:
  mov eax, [bx + d_sectors]
  cmp dword [bx + d_sectors + 4], 0
  je .fits
  mov eax, 0xffffffff
.fits:
  mov [bp+r_dx], ax
  shr eax, 16
  mov [bp+r_cx], ax
  mov ah, 3
  clc
  ret
.ext_parameters:
  mov es, [bp+r_ds]
  mov di, [bp+r_si]
  mov cx, [es:di]
  cmp cx, 26
  jb .bad
  mov ax, 26
  cmp cx, 30
  jb .short
  mov ax, 30
  mov dword [es:di+26], 0xffffffff
.short:
  mov [es:di], ax
  mov word [es:di+2], 2         ; the geometry is valid
  movzx eax, word [bx + d_cylinders]
  mov [es:di+4], eax
  movzx eax, byte [bx + d_heads]
  mov [es:di+8], eax
  movzx eax, byte [bx + d_spt]
  mov [es:di+12], eax
  mov eax, [bx + d_sectors]
  mov [es:di+16], eax
  mov eax, [bx + d_sectors + 4]
  mov [es:di+20], eax
  mov word [es:di+24], 512
  xor ah, ah
  ret

; EDD installation check: version 3.0, packets.
edd_check:
  cmp word [bp+r_bx], 0x55aa
  jne .no
  mov word [bp+r_bx], 0xaa55
  mov word [bp+r_cx], 1
  mov ah, 0x30
  clc
  ret
.no:
  mov ah, 1
  stc
  ret

; The disk address packet at the caller's DS:SI to e_lba, e_count, e_buffer.
edd_packet:
  push es
  mov es, [bp+r_ds]
  mov si, [bp+r_si]
  cmp byte [es:si], 16
  jb .bad
  mov ax, [es:si+2]
  mov [e_count], ax
  mov [e_total], ax
  or ax, ax
  jz .bad
  mov eax, [es:si+4]
  ; The segment as high as it goes, so that a transfer of 127 sectors does not wrap.
  mov cx, ax
  and ax, 15
  mov [e_buffer], ax
  shr cx, 4
  shr eax, 16
  add ax, cx
  mov [e_buffer+2], ax
  mov eax, [es:si+8]
  mov [e_lba], eax
  mov eax, [es:si+12]
  mov [e_lba+4], eax
  pop es
  clc
  ret
.bad:
  pop es
  mov word [e_count], 0
  mov word [e_total], 0
  mov ah, 1
  stc
  ret
