; PCI: addresses and interrupt lines for what is on bus 0, and the functions of INT 1Ah B1h (PCI BIOS Specification 2.1).

; BX = bus, device and function; DI = register. EAX is read or written; keeps the rest.
pci_address:
  push eax
  movzx eax, bx
  shl eax, 8
  or eax, 0x80000000
  push bx
  mov bx, di
  mov al, bl
  and al, 0xfc
  pop bx
  mov dx, P_PCI
  out dx, eax
  pop eax
  mov dx, P_PCIDATA
  ret
pci_read32:
  push dx
  call pci_address
  in eax, dx
  pop dx
  ret
pci_write32:
  push dx
  call pci_address
  out dx, eax
  pop dx
  ret
pci_read16:
  push dx
  push di
  call pci_address
  and di, 2
  add dx, di
  in ax, dx
  pop di
  pop dx
  ret
pci_write16:
  push dx
  push di
  call pci_address
  and di, 2
  add dx, di
  out dx, ax
  pop di
  pop dx
  ret
pci_read8:
  push dx
  push di
  call pci_address
  and di, 3
  add dx, di
  in al, dx
  pop di
  pop dx
  ret
pci_write8:
  push dx
  push di
  call pci_address
  and di, 3
  add dx, di
  out dx, al
  pop di
  pop dx
  ret

; BX to the next function on bus 0 that exists; it begins at the one in BX. Carry: no more.
pci_next:
  push eax
.again:
  cmp bx, 0x100
  jae .end
  xor di, di
  call pci_read32
  cmp ax, 0xffff
  jne .found
  inc bx
  ; Function 0 is missing, or has no others beside it.
  test bl, 7
  jz .again
  push bx
  and bx, 0xf8
  mov di, 0x0e
  call pci_read8
  pop bx
  test al, 0x80
  jnz .again
  add bx, 7
  and bx, 0xfff8
  jmp .again
.found:
  ; A function beyond 0 of a device with one only is a ghost.
  test bl, 7
  jz .good
  push bx
  and bx, 0xf8
  mov di, 0x0e
  call pci_read8
  pop bx
  test al, 0x80
  jnz .good
  add bx, 7
  and bx, 0xfff8
  jmp .again
.good:
  pop eax
  clc
  ret
.end:
  pop eax
  stc
  ret

; BX = the first function with class code ECX (24 bits). Carry: none.
pci_find_class:
  xor bx, bx
.next:
  call pci_next
  jc .done
  mov di, 8
  call pci_read32
  shr eax, 8
  cmp eax, ecx
  je .found
  inc bx
  jmp .next
.found:
  clc
.done:
  ret

; Every base address register gets a place: I/O from C000h, memory from E0000000h or above the RAM; decoding and mastering on;
; interrupt lines 10 and 11.
pci_init:
  push EBDA_SEG
  pop ds
  mov dword [e_pci_io], 0xc000
  mov dword [e_pci_mem], 0xe0000000
  ; The ISA bridge routes PIRQA to PIRQD to 10, 10, 11, 11 as SeaBIOS does; level-triggered.
  mov bx, 8
  mov di, 0
  call pci_read32
  cmp eax, 0x70008086
  jne .devices
  mov di, 0x60
  mov eax, 0x0b0b0a0a
  call pci_write32
  mov dx, 0x4d1
  mov al, 0x0c
  out dx, al
.devices:
  xor bx, bx
.next:
  call pci_next
  jc .done
  mov di, 0x0a
  call pci_read16
  cmp ah, 6                     ; bridges keep what they have
  je .skip
  mov di, 0x0e
  call pci_read8
  and al, 0x7f
  jnz .skip
  call .function
.skip:
  inc bx
  jmp .next
.done:
  ret

.function:
  mov di, 0x10
.bar:
  call pci_read32
  mov esi, eax
  push eax
  mov eax, 0xffffffff
  call pci_write32
  call pci_read32
  mov ecx, eax
  pop eax
  or ecx, ecx
  jz .no_bar
  test cl, 1
  jnz .io
  and ecx, 0xfffffff0
  jz .no_bar
  neg ecx                       ; size
  mov eax, [e_pci_mem]
  call .align
  add ecx, eax
  mov [e_pci_mem], ecx
  call pci_write32
  and si, 6
  cmp si, 4                     ; 64 bits
  jne .no_bar
  add di, 4
  xor eax, eax
  call pci_write32
  jmp .no_bar
.io:
  or ecx, 0xffff0000
  and ecx, 0xfffffffc
  neg ecx
  mov eax, [e_pci_io]
  call .align
  add ecx, eax
  mov [e_pci_io], ecx
  call pci_write32
.no_bar:
  add di, 4
  cmp di, 0x24
  jbe .bar
  ; The interrupt line: PIRQ (device + pin - 1) mod 4.
  mov di, 0x3d
  call pci_read8
  or al, al
  jz .no_pin
  dec al
  mov ah, bl
  shr ah, 3
  add al, ah
  and al, 2
  shr al, 1
  add al, 10
  ; Device 1 is on PIRQA as on the PIIX: its pins begin one earlier.
  mov di, 0x3c
  call pci_write8
.no_pin:
  mov di, 4
  call pci_read16
  or al, 7
  jmp pci_write16
; EAX up to a multiple of ECX, a power of two.
.align:
  push ecx
  dec ecx
  add eax, ecx
  not ecx
  and eax, ecx
  pop ecx
  ret

; INT 1Ah, AH=B1h.
pci_bios:
  mov al, [bp+r_al]
  mov bx, [bp+r_bx]
  mov di, [bp+r_di]
  cmp al, 1
  je .present
  cmp al, 2
  je .find_device
  cmp al, 3
  je .find_class
  cmp al, 8
  je .read8
  cmp al, 9
  je .read16
  cmp al, 10
  je .read32
  cmp al, 11
  je .write8
  cmp al, 12
  je .write16
  cmp al, 13
  je .write32
  mov byte [bp+r_ah], 0x81
  SET_CARRY
  ret
.good:
  mov byte [bp+r_ah], 0
  CLEAR_CARRY
  ret
.missing:
  mov byte [bp+r_ah], 0x86
  SET_CARRY
  ret
.present:
  mov dword [bp+r_dx], 'PCI '
  mov word [bp+r_bx], 0x0210
  mov byte [bp+r_cl], 0
  mov byte [bp+r_al], 1         ; mechanism 1
  jmp .good
.find_device:
  mov ecx, [bp+r_cx]
  shl ecx, 16
  mov cx, [bp+r_dx]
  mov si, [bp+r_si]
  xor bx, bx
.device:
  call pci_next
  jc .missing
  xor di, di
  call pci_read32
  cmp eax, ecx
  jne .other
  sub si, 1
  jc .hit
.other:
  inc bx
  jmp .device
.hit:
  mov [bp+r_bx], bx
  jmp .good
.find_class:
  mov ecx, [bp+r_cx]
  mov si, [bp+r_si]
  xor bx, bx
.class:
  call pci_next
  jc .missing
  mov di, 8
  call pci_read32
  shr eax, 8
  cmp eax, ecx
  jne .other_class
  sub si, 1
  jc .hit
.other_class:
  inc bx
  jmp .class
.read8:
  call pci_read8
  mov [bp+r_cl], al
  jmp .good
.read16:
  call pci_read16
  mov [bp+r_cx], ax
  jmp .good
.read32:
  call pci_read32
  mov [bp+r_cx], eax
  jmp .good
.write8:
  mov al, [bp+r_cl]
  call pci_write8
  jmp .good
.write16:
  mov ax, [bp+r_cx]
  call pci_write16
  jmp .good
.write32:
  mov eax, [bp+r_cx]
  call pci_write32
  jmp .good
