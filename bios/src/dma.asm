; Bus-master transfers of ATA disks (Programming Interface for Bus Master IDE Controller 1.0): one exit to the controller for each
; piece instead of one for each doubleword.

; Where the controller's registers are; 0: there is no bus master. DS = EBDA.
dma_init:
  mov word [e_bmide], 0
  mov ecx, 0x010180             ; IDE, both channels at the legacy ports, bus master
  call pci_find_class
  jc .done
  mov di, 0x20
  call pci_read32
  test al, 1
  jz .done
  and al, 0xf0
  mov [e_bmide], ax
.done:
  ret

; Carry: the piece of CX sectors at e_buffer must go by PIO: no bus master, an odd address, memory above 640 KiB (not all of it is RAM for
; a device), or a caller in virtual-8086 mode, whose addresses may not be physical. Else EAX = its physical address.
dma_usable:
  cmp word [e_bmide], 0
  je dma_address.no
  call dma_address
  jc .done
  test al, 1
  jnz dma_address.no
.done:
  ret

; Carry: a device may not reach CX sectors at e_buffer. Else EAX = the physical address.
dma_address:
  smsw ax
  test al, 1
  jnz .no
  push edx
  movzx eax, word [e_buffer+2]
  shl eax, 4
  movzx edx, word [e_buffer]
  add eax, edx
  movzx edx, cx
  shl edx, 9
  add edx, eax
  cmp edx, 0xa0000
  pop edx
  ja .no
  clc
  ret
.no:
  stc
  ret

; EAX = physical address, CX = sectors (128 at most): the table of one or two regions, none over a boundary of 64 KiB; the controller is
; ready for ata_setup's command. Keeps CX.
dma_prepare:
  push cx
  mov edx, eax
  movzx ecx, cx
  shl ecx, 9
  mov esi, 0x10000
  movzx eax, ax
  sub esi, eax                  ; to the boundary
  mov [e_prd], edx
  cmp ecx, esi
  ja .two
  mov [e_prd+4], cx             ; 0 is 64 KiB
  mov word [e_prd+6], 0x8000
  jmp .table
.two:
  mov [e_prd+4], si
  mov word [e_prd+6], 0
  add edx, esi
  sub ecx, esi
  mov [e_prd+8], edx
  mov [e_prd+12], cx
  mov word [e_prd+14], 0x8000
.table:
  call dma_port
  xor al, al
  out dx, al
  add dx, 2
  in al, dx
  or al, 6                      ; error and interrupt: cleared by ones
  out dx, al
  add dx, 2
  mov eax, EBDA_SEG * 16 + e_prd
  out dx, eax
  pop cx
  ret

; DX = the command register of the drive's channel.
dma_port:
  mov dx, [e_bmide]
  cmp word [e_io], 0x1f0
  je .primary
  add dx, 8
.primary:
  ret

; Starts the controller and waits for the drive. Carry: an error.
dma_run:
  call dma_port
  mov al, 8
  cmp byte [e_write], 0
  je .direction
  xor al, al
.direction:
  out dx, al
  or al, 1
  out dx, al
  push ecx
  mov ecx, 0x400000
.wait:
  call ata_wait
  jc .over
  test al, 0x08                 ; DRQ: not all has been moved
  jz .over
  a32 loop .wait
  stc
.over:
  pop ecx
  pushf
  push ax
  call dma_port
  xor al, al
  out dx, al
  add dx, 2
  in al, dx
  mov ah, al
  or al, 6
  out dx, al
  pop dx                        ; DL = the drive's status
  popf
  jc .done
  test dl, 0x29                 ; ERR, DRQ, DF
  jnz .error
  test ah, 2
  jnz .error
  clc
.done:
  ret
.error:
  stc
  ret
