; Disks on virtio (virtio 1.2 §5.2) over PCI: one request at a time on a split ring of four descriptors. The device's registers are
; reached through its configuration space (§4.1.4.9), so that no access above 1 MiB is needed.

; Common configuration (§4.1.4.3).
VC_DRIVER_SELECT equ 8
VC_DRIVER_FEATURES equ 12
VC_STATUS     equ 20
VC_QUEUE      equ 22
VC_SIZE       equ 24
VC_ENABLE     equ 28
VC_NOTIFY     equ 30
VC_DESC       equ 32
VC_AVAIL      equ 40
VC_USED       equ 48

; A ring in the EBDA: four descriptors, then the available and the used ring.
VR_SIZE       equ 4
VR_AVAIL      equ 64
VR_USED       equ 80
VR_BYTES      equ 128
VIRTIO_MAX    equ 4

; Finds disks and gives them numbers behind those on IDE. DS = EBDA.
virtio_init:
  mov byte [e_virtio_count], 0
  xor bx, bx
.next:
  call pci_next
  jc .done
  xor di, di
  call pci_read32
  cmp eax, 0x10421af4
  jne .skip
  push bx
  call virtio_disk
  pop bx
.skip:
  inc bx
  jmp .next
.done:
  ret

; BX = a disk's function.
virtio_disk:
  movzx ax, byte [e_virtio_count]
  cmp al, VIRTIO_MAX
  jae .none
  mov si, ax
  shl si, 5
  add si, e_drives + 4 * DRIVE_SIZE
  mov [si + d_bdf], bx
  mov byte [si + d_cfg], 0
  shl ax, 7
  add ax, e_rings
  mov [si + d_ring], ax
  mov word [si + d_avail], 0
  mov dword [e_vmultiplier], 0
  mov di, 0x34
  call pci_read8
; AL: the next capability.
.capability:
  and al, 0xfc
  jz .all
  movzx di, al
  call pci_read32
  push ax
  cmp al, 9                     ; vendor's: its type, its BAR, the place in there
  jne .other
  shr eax, 24
  mov cl, al
  push di
  add di, 4
  call pci_read8
  mov ch, al
  add di, 4
  call pci_read32
  cmp cl, 1
  je .common
  cmp cl, 2
  je .notify
  cmp cl, 4
  je .device
  cmp cl, 5
  jne .taken
  mov ax, di
  sub al, 8
  mov [si + d_cfg], al
  jmp .taken
.common:
  mov [e_vcommon], eax
  mov [e_vcommon_bar], ch
  jmp .taken
.notify:
  mov [si + d_notify], eax
  mov [si + d_notify_bar], ch
  add di, 8
  call pci_read32
  mov [e_vmultiplier], eax
  jmp .taken
.device:
  mov [e_vdevice], eax
  mov [e_vdevice_bar], ch
.taken:
  pop di
.other:
  pop ax
  mov al, ah
  jmp .capability
.all:
  cmp byte [si + d_cfg], 0
  je .none

  ; §3.1.1: reset, acknowledge, driver, features (VERSION_1 alone), the queue, ready.
  VSET VC_STATUS, 1, 0
  VSET VC_STATUS, 1, 1
  VSET VC_STATUS, 1, 3
  VSET VC_DRIVER_SELECT, 4, 0
  VSET VC_DRIVER_FEATURES, 4, 0
  VSET VC_DRIVER_SELECT, 4, 1
  VSET VC_DRIVER_FEATURES, 4, 1
  VSET VC_STATUS, 1, 11
  mov cx, VC_STATUS
  mov dl, 1
  call vcommon
  call pci_read8
  test al, 8
  jz .none
  VSET VC_QUEUE, 2, 0
  VSET VC_SIZE, 2, VR_SIZE
  movzx ebp, word [si + d_ring]
  add ebp, EBDA_SEG * 16
  VSET VC_DESC, 4, ebp
  VSET VC_DESC + 4, 4, 0
  add ebp, VR_AVAIL
  VSET VC_AVAIL, 4, ebp
  VSET VC_AVAIL + 4, 4, 0
  add ebp, VR_USED - VR_AVAIL
  VSET VC_USED, 4, ebp
  VSET VC_USED + 4, 4, 0
  ; An empty ring.
  push es
  push ds
  pop es
  mov di, [si + d_ring]
  mov cx, VR_BYTES / 2
  xor ax, ax
  rep stosw
  pop es
  mov cx, VC_NOTIFY
  mov dl, 2
  call vcommon
  call pci_read16
  movzx eax, ax
  mul dword [e_vmultiplier]
  add [si + d_notify], eax
  VSET VC_ENABLE, 2, 1
  VSET VC_STATUS, 1, 15

  ; Its size in sectors.
  mov ecx, [e_vdevice]
  mov dh, [e_vdevice_bar]
  mov dl, 4
  call vwindow
  call pci_read32
  mov [si + d_sectors], eax
  add ecx, 4
  call vwindow
  call pci_read32
  mov [si + d_sectors + 4], eax
  mov byte [si + d_type], 3
  mov bx, si
  call geometry
  movzx ax, byte [e_virtio_count]
  inc byte [e_virtio_count]
  add al, 4
  call disk_announce
  PRINTLN "virtio"
.none:
  ret

; EAX to DL bytes at CX of the common configuration.
vset:
  call vcommon
  cmp dl, 2
  ja .four
  je .two
  jmp pci_write8
.two:
  jmp pci_write16
.four:
  jmp pci_write32

; SI = record; DL bytes at CX of the common configuration: BX and DI for pci_read and pci_write. Keeps EAX.
vcommon:
  movzx ecx, cx
  add ecx, [e_vcommon]
  mov dh, [e_vcommon_bar]
; The same for ECX in BAR DH.
vwindow:
  push eax
  mov bx, [si + d_bdf]
  movzx di, byte [si + d_cfg]
  add di, 4
  mov al, dh
  call pci_write8
  add di, 4
  mov eax, ecx
  call pci_write32
  add di, 4
  movzx eax, dl
  call pci_write32
  add di, 4
  pop eax
  ret

; As ata_transfer; BX = record.
virtio_transfer:
  push es
  mov si, bx
.piece:
  mov cx, [e_count]
  jcxz .good
  cmp cx, 128
  jbe .small
  mov cx, 128
.small:
  call dma_address
  jc .bounce
  call virtio_request
  jc .error
.moved:
  sub [e_count], cx
  movzx eax, cx
  add [e_lba], eax
  adc dword [e_lba+4], 0
  shl cx, 5
  add [e_buffer+2], cx
  jmp .piece
; Where the device may not reach: a sector at a time through our own buffer.
.bounce:
  cmp byte [e_write], 0
  je .read
  push si
  push ds
  push ds
  pop es
  mov di, e_sector
  lds si, [e_buffer]
  mov cx, 128
  rep movsd
  pop ds
  pop si
.read:
  mov cx, 1
  mov eax, EBDA_SEG * 16 + e_sector
  call virtio_request
  jc .error
  cmp byte [e_write], 0
  jne .moved
  push si
  les di, [e_buffer]
  mov si, e_sector
  mov cx, 128
  rep movsd
  pop si
  mov cx, 1
  jmp .moved
.good:
  pop es
  xor ah, ah
  ret
.error:
  pop es
  mov ah, 0x20
  stc
  ret

; CX sectors from e_lba on at physical address EAX; SI = record. Carry: an error. Keeps CX and SI.
virtio_request:
  push cx
  mov di, [si + d_ring]
  movzx edx, byte [e_write]     ; 0 in, 1 out
  mov [e_vheader], edx
  mov dword [e_vheader+4], 0
  mov edx, [e_lba]
  mov [e_vheader+8], edx
  mov edx, [e_lba+4]
  mov [e_vheader+12], edx
  mov byte [e_vstatus], 0xff
  ; Descriptors: address, length, flags and the next. The header, the data, the status.
  mov dword [di], EBDA_SEG * 16 + e_vheader
  mov dword [di+8], 16
  mov dword [di+12], 0x00010001
  mov [di+16], eax
  movzx ecx, cx
  shl ecx, 9
  mov [di+24], ecx
  mov dword [di+28], 0x00020003
  cmp byte [e_write], 0
  je .direction
  mov byte [di+28], 1
.direction:
  mov dword [di+32], EBDA_SEG * 16 + e_vstatus
  mov dword [di+40], 1
  mov dword [di+44], 2
  ; No interrupt is wanted.
  mov word [di + VR_AVAIL], 1
  mov ax, [si + d_avail]
  inc ax
  mov [si + d_avail], ax
  mov [di + VR_AVAIL + 2], ax
  push di
  mov ecx, [si + d_notify]
  mov dh, [si + d_notify_bar]
  mov dl, 2
  call vwindow
  xor ax, ax
  call pci_write16
  pop di
  ; Half a minute: the disk may be on a server.
  push es
  push BDA_SEG
  pop es
  mov ecx, [es:b_ticks]
  add ecx, 546
.wait:
  mov ax, [di + VR_USED + 2]
  cmp ax, [si + d_avail]
  je .done
  cmp [es:b_ticks], ecx
  jb .wait
  pop es
  pop cx
  stc
  ret
.done:
  pop es
  pop cx
  cmp byte [e_vstatus], 1       ; carry: 0, success
  cmc
  ret
