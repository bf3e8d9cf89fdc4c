; ATA disks (ATA/ATAPI-6): by DMA where that can be (dma.asm), else by programmed I/O; and the search for drives.

; AL = status once BSY is clear; carry after some seconds, or without a drive. DS = EBDA.
ata_wait:
  push ecx
  push dx
  mov dx, [e_io]
  add dx, 7
  mov ecx, 0x400000
.again:
  in al, dx
  cmp al, 0xff
  je .timeout
  test al, 0x80
  jz .ready
  a32 loop .again
.timeout:
  pop dx
  pop ecx
  stc
  ret
.ready:
  pop dx
  pop ecx
  clc
  ret

; Selects the drive: AL goes to the device register beside its number.
ata_select:
  push dx
  push ax
  call ata_wait
  pop ax
  jc .done
  mov dx, [e_io]
  add dx, 6
  or al, [e_device]
  out dx, al
  call ata_wait
.done:
  pop dx
  ret

; Reads or writes e_count sectors from e_lba on at e_buffer. DS = EBDA. AH and carry: the result; e_count what was not moved.
ata_transfer:
  push es
  mov cx, [e_count]
.piece:
  cmp word [e_count], 0
  je .good
  mov cx, [e_count]
  cmp cx, 128
  jbe .small
  mov cx, 128
.small:
  mov byte [e_dma], 0
  call dma_usable
  jc .pio
  mov byte [e_dma], 1
  call dma_prepare
  call ata_setup
  jc .error
  call dma_run
  jc .error
  sub [e_count], cx
  movzx eax, cx
  add [e_lba], eax
  adc dword [e_lba+4], 0
  shl cx, 5
  add [e_buffer+2], cx
  jmp .piece
.pio:
  call ata_setup
  jc .error
  ; CX sectors, block by block.
  les di, [e_buffer]
.sector:
  call ata_wait
  jc .error
  test al, 0x21                 ; ERR, DF
  jnz .error
  test al, 0x08
  jz .error
  push cx
  mov dx, [e_io]
  mov cx, 128
  cmp byte [e_write], 0
  jne .write
  rep insd
  jmp .moved
.write:
  push ds
  push si
  mov si, di
  push es
  pop ds
  rep outsd
  mov di, si
  pop si
  pop ds
.moved:
  pop cx
  dec word [e_count]
  add dword [e_lba], 1
  adc dword [e_lba+4], 0
  ; The buffer moves on by 32 paragraphs.
  add word [e_buffer+2], 32
  les di, [e_buffer]
  dec cx
  jnz .sector
  call ata_wait
  jc .error
  test al, 0x21
  jnz .error
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

; The drive's interrupts are let through again.
ata_interrupts:
  push ax
  push dx
  mov dx, [e_ctl]
  mov al, 8
  out dx, al
  pop dx
  pop ax
  ret

; Sends the command for a piece of CX sectors, which it keeps.
ata_setup:
  push bx
  mov dx, [e_ctl]
  mov al, 0x0a                  ; nIEN
  out dx, al
  mov eax, [e_lba]
  movzx esi, cx
  add eax, esi
  jc .long
  cmp dword [e_lba+4], 0
  jne .long
  cmp eax, 0x10000000
  ja .long
  ; 28 bits.
  mov al, [e_lba+3]
  and al, 0x0f
  or al, 0x40
  call ata_select
  jc .done
  mov dx, [e_io]
  add dx, 2
  mov al, cl
  out dx, al
  inc dx
  mov al, [e_lba]
  out dx, al
  inc dx
  mov al, [e_lba+1]
  out dx, al
  inc dx
  mov al, [e_lba+2]
  out dx, al
  add dx, 2
  mov bx, .commands
.send:
  ; Read, write; the same by DMA.
  mov al, [e_dma]
  shl al, 1
  or al, [e_write]
  movzx si, al
  mov al, [cs:bx + si]
  out dx, al
  clc
.done:
  pop bx
  ret
.commands:
  db 0x20, 0x30, 0xc8, 0xca
.commands48:
  db 0x24, 0x34, 0x25, 0x35
.long:
  mov al, 0x40
  call ata_select
  jc .done
  mov dx, [e_io]
  add dx, 2
  xor al, al
  out dx, al
  mov al, cl
  out dx, al
  inc dx
  mov al, [e_lba+3]
  out dx, al
  mov al, [e_lba]
  out dx, al
  inc dx
  mov al, [e_lba+4]
  out dx, al
  mov al, [e_lba+1]
  out dx, al
  inc dx
  mov al, [e_lba+5]
  out dx, al
  mov al, [e_lba+2]
  out dx, al
  add dx, 2
  mov bx, .commands48
  jmp .send

; Looks at the four positions, fills the records and says what is there.
drives_init:
  push EBDA_SEG
  pop ds
  mov byte [e_cd_drive], 0xff
  call dma_init
  xor bx, bx
.next:
  push bx
  call drive_record
  call drive_probe
  pop bx
  inc bx
  cmp bx, 4
  jb .next
  call virtio_init
  push ds
  mov al, [e_hd_count]
  push ax
  USE_BDA
  pop ax
  mov [b_hd_count], al
  pop ds
  ret

; BX: record.
drive_probe:
  test byte [e_device], 0x10
  jnz .no_reset
  ; A software reset of the channel, before its first drive.
  mov dx, [e_ctl]
  mov al, 0x0e
  out dx, al
  in al, dx
  in al, dx
  mov al, 0x0a
  out dx, al
.no_reset:
  xor al, al
  call ata_select
  jc .none
  mov dx, [e_io]
  add dx, 2
  mov al, 0x55
  out dx, al
  inc dx
  mov al, 0xaa
  out dx, al
  dec dx
  in al, dx
  cmp al, 0x55
  jne .none
  inc dx
  in al, dx
  cmp al, 0xaa
  jne .none
  mov dx, [e_io]
  add dx, 7
  mov al, 0xec
  call .identify
  jnc .disk
  mov dx, [e_io]
  add dx, 4
  in al, dx
  cmp al, 0x14
  jne .none
  inc dx
  in al, dx
  cmp al, 0xeb
  jne .none
  add dx, 2
  mov al, 0xa1
  call .identify
  jc .none
  mov byte [bx + d_type], 2
  PRINT "CD-ROM:  "
  call .model
  cmp byte [e_cd_drive], 0xff
  jne .none
  mov ax, bx
  sub ax, e_drives
  shr ax, 5
  mov [e_cd_drive], al
.none:
  jmp ata_interrupts
.disk:
  mov byte [bx + d_type], 1
  mov eax, [e_sector + 120]
  xor edx, edx
  test word [e_sector + 166], 0x0400
  jz .small
  mov byte [bx + d_lba48], 1
  mov eax, [e_sector + 200]
  mov edx, [e_sector + 204]
.small:
  mov [bx + d_sectors], eax
  mov [bx + d_sectors + 4], edx
  call geometry
  mov ax, bx
  sub ax, e_drives
  shr ax, 5
  call disk_announce
  call .model
  jmp ata_interrupts
; Command AL to DX; 512 bytes to e_sector, or carry.
.identify:
  out dx, al
  in al, dx
  or al, al
  jz .no
  call ata_wait
  jc .no
  test al, 1
  jnz .no
  test al, 8
  jz .no
  push es
  push ds
  pop es
  mov di, e_sector
  mov cx, 256
  mov dx, [e_io]
  rep insw
  pop es
  clc
  ret
.no:
  stc
  ret
; The model's name, words 27 to 46, without the blanks behind it.
.model:
  push bx
  mov si, e_sector + 54
  mov cx, 20
.swap:
  mov ax, [si]
  xchg al, ah
  mov [si], ax
  add si, 2
  loop .swap
  mov byte [si], 0
.trim:
  dec si
  cmp si, e_sector + 54
  jbe .print
  cmp byte [si], ' '
  jne .print
  mov byte [si], 0
  jmp .trim
.print:
  mov si, e_sector + 54
  call print_string
  call print_newline
  pop bx
  ret

; The disk of record BX at place AL gets the next number, and is named.
disk_announce:
  movzx si, byte [e_hd_count]
  mov [si + e_hd_map], al
  inc byte [e_hd_count]
  PRINT "Disk "
  mov ax, si
  add al, 0x80
  call print_hex8
  PRINT ": "
  mov eax, [bx + d_sectors]
  mov edx, [bx + d_sectors + 4]
  shrd eax, edx, 11
  call print_decimal
  PRINT " MiB, "
  ret

; Cylinders, heads, sectors for INT 13h: as the drive has them up to 504 MiB, else more heads (EDD 3.0 annex, LBA assisted).
geometry:
  mov eax, [bx + d_sectors]
  cmp dword [bx + d_sectors + 4], 0
  je .fits
  mov eax, 0xffffffff
.fits:
  mov byte [bx + d_spt], 63
  mov ecx, 16
  cmp eax, 1024 * 16 * 63
  jbe .heads
.more:
  shl ecx, 1
  cmp ecx, 256
  je .most
  mov edx, ecx
  imul edx, edx, 63 * 1024
  cmp eax, edx
  ja .more
  jmp .heads
.most:
  mov ecx, 255
.heads:
  mov [bx + d_heads], cl
  imul ecx, ecx, 63
  xor edx, edx
  div ecx
  or eax, eax
  jnz .some
  inc eax
.some:
  cmp eax, 1024
  jbe .store
  mov eax, 1024
.store:
  mov [bx + d_cylinders], ax
  ret
