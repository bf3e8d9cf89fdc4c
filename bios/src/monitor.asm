; The monitor: what the machine offers when there is nothing to boot. Numbers are hexadecimal.

monitor:
  push EBDA_SEG
  pop ds
  push ds
  pop es
  call print_newline
  PRINTLN "Tabvisor monitor. 'help' lists the commands, 'demo' shows what the machine can do."
.prompt:
  push EBDA_SEG
  pop ds
  push ds
  pop es
  cld
  sti
  PRINT "> "
  call mon_line
  mov si, e_line
  call mon_blanks
  cmp byte [si], 0
  je .prompt
  mov di, .commands
  call mon_lookup
  jc .unknown
  call bx
  jmp .prompt
.unknown:
  PRINTLN "There is no such command: 'help' lists them."
  jmp .prompt
; Names, zero-terminated, and their routines.
.commands:
  db "help", 0
  dw mon_help
  db "d", 0
  dw mon_dump
  db "e", 0
  dw mon_edit
  db "i", 0
  dw mon_in
  db "iw", 0
  dw mon_in16
  db "id", 0
  dw mon_in32
  db "o", 0
  dw mon_out
  db "ow", 0
  dw mon_out16
  db "od", 0
  dw mon_out32
  db "pci", 0
  dw mon_pci
  db "mem", 0
  dw mon_map
  db "cpu", 0
  dw mon_cpu
  db "boot", 0
  dw mon_boot
  db "reboot", 0
  dw reboot
  db "demo", 0
  dw mon_demo
  db 0

; AX = a key, of the keyboard or of the terminal.
mon_key:
  push ds
  push dx
  USE_BDA
.wait:
  call serial_poll
  mov ah, 1
  int 0x16
  jnz .take
  mov dx, P_COM1 + 1
  mov al, 1
  out dx, al
  in al, P_PIC1 + 1
  and al, 0xef
  out P_PIC1 + 1, al
  hlt
  jmp .wait
.take:
  xor ah, ah
  int 0x16
  pop dx
  pop ds
  ret

; A line to e_line, shown while it is typed. DS = ES = EBDA.
mon_line:
  mov di, e_line
.next:
  call mon_key
  cmp al, 13
  je .end
  cmp al, 8
  je .back
  cmp al, 3
  je .cancel
  cmp al, 32
  jb .next
  cmp al, 0x7e
  ja .next
  cmp di, e_line + e_line_size - 2
  jae .next
  stosb
  call print_char
  jmp .next
.back:
  cmp di, e_line
  je .next
  dec di
  mov al, 8
  call print_char
  mov al, ' '
  call print_char
  mov al, 8
  call print_char
  jmp .next
.cancel:
  mov di, e_line
.end:
  mov byte [di], 0
  jmp print_newline

; SI past blanks.
mon_blanks:
  cmp byte [si], ' '
  jne .done
  inc si
  jmp mon_blanks
.done:
  ret

; The word at SI in the list at CS:DI: BX = its routine, SI behind it. Carry: it is not there.
mon_lookup:
  push si
.letter:
  mov al, [si]
  or al, al
  jz .word_end
  cmp al, ' '
  je .word_end
  cmp al, [cs:di]
  jne .differs
  inc si
  inc di
  jmp .letter
.word_end:
  cmp byte [cs:di], 0
  jne .differs
  mov bx, [cs:di+1]
  add sp, 2
  call mon_blanks
  clc
  ret
.differs:
  ; Behind the name and its routine.
  mov al, [cs:di]
  inc di
  or al, al
  jnz .differs
  add di, 2
  pop si
  cmp byte [cs:di], 0
  jne mon_lookup
  stc
  ret

; EAX = the number at SI; carry: none there.
mon_number:
  push ecx
  push bx
  xor ecx, ecx
  xor bx, bx
.digit:
  movzx eax, byte [si]
  sub al, '0'
  cmp al, 9
  jbe .take
  or al, 0x20
  sub al, 'a' - '0'
  cmp al, 5
  ja .end
  add al, 10
.take:
  shl ecx, 4
  or ecx, eax
  inc si
  inc bx
  jmp .digit
.end:
  mov eax, ecx
  call mon_blanks
  cmp bx, 1                     ; carry: no digit
  pop bx
  pop ecx
  ret

mon_help:
  PRINTLN "  d [ADDRESS [LENGTH]]     show memory (physical addresses)"
  PRINTLN "  e ADDRESS BYTE ...       write memory"
  PRINTLN "  i PORT   iw   id         read a port: 8, 16, 32 bits"
  PRINTLN "  o PORT VALUE   ow   od   write a port"
  PRINTLN "  pci                      functions on the PCI bus"
  PRINTLN "  mem                      memory map"
  PRINTLN "  cpu                      processor"
  PRINTLN "  boot   reboot            look for something to boot; start again"
  PRINTLN "  demo [NAME]              demonstrations: modes, paging, timer, syscall, fault"
  PRINTLN "Numbers are hexadecimal."
  ret

mon_usage:
  PRINTLN "A number is missing: 'help' tells how."
  ret

mon_dump:
  call mon_number
  jc .continue
  mov [e_dump], eax
.continue:
  call mon_number
  jnc .length
  mov eax, 0x80
.length:
  add eax, 15
  shr eax, 4
  mov ecx, eax
  cmp ecx, 256
  jbe .line
  mov ecx, 256
.line:
  or ecx, ecx
  jz .done
  mov eax, [e_dump]
  call print_hex32
  PRINT "  "
  ; Sixteen bytes to e_sector, beyond what a segment reaches.
  push ecx
  mov esi, eax
  cli
  call flat_segments
  mov edi, EBDA_SEG * 16 + e_sector
  mov ecx, 16
  a32 rep movsb
  call real_segments
  push EBDA_SEG
  pop ds
  push ds
  pop es
  sti
  mov si, e_sector
  mov cx, 16
.byte:
  lodsb
  call print_hex8
  mov al, ' '
  call print_char
  cmp cx, 9
  jne .no_gap
  call print_char
.no_gap:
  loop .byte
  call print_char
  mov si, e_sector
  mov cx, 16
.character:
  lodsb
  cmp al, 32
  jb .dot
  cmp al, 0x7e
  jbe .print
.dot:
  mov al, '.'
.print:
  call print_char
  loop .character
  call print_newline
  pop ecx
  add dword [e_dump], 16
  dec ecx
  jmp .line
.done:
  ret

mon_edit:
  call mon_number
  jc mon_usage
  mov edi, eax
.next:
  call mon_number
  jc .done
  mov bl, al
  push si
  cli
  call flat_segments
  mov [edi], bl
  call real_segments
  push EBDA_SEG
  pop ds
  push ds
  pop es
  sti
  pop si
  inc edi
  jmp .next
.done:
  ret

mon_in:
  call mon_number
  jc mon_usage
  mov dx, ax
  in al, dx
  call print_hex8
  jmp print_newline
mon_in16:
  call mon_number
  jc mon_usage
  mov dx, ax
  in ax, dx
  call print_hex16
  jmp print_newline
mon_in32:
  call mon_number
  jc mon_usage
  mov dx, ax
  in eax, dx
  call print_hex32
  jmp print_newline

; DX = port, EAX = value; carry: one is missing.
mon_port_value:
  call mon_number
  jc .done
  mov dx, ax
  call mon_number
.done:
  ret
mon_out:
  call mon_port_value
  jc mon_usage
  out dx, al
  ret
mon_out16:
  call mon_port_value
  jc mon_usage
  out dx, ax
  ret
mon_out32:
  call mon_port_value
  jc mon_usage
  out dx, eax
  ret

mon_pci:
  PRINTLN "dev.fn  vendor:device  class   line"
  xor bx, bx
.next:
  call pci_next
  jc .done
  PRINT "  "
  mov al, bl
  shr al, 3
  call print_hex8
  mov al, '.'
  call print_char
  mov al, bl
  and al, 7
  call print_hex4
  PRINT "  "
  xor di, di
  call pci_read32
  call print_hex16
  mov dl, al
  mov al, ':'
  call print_char
  shr eax, 16
  mov di, 2
  call pci_read16
  call print_hex16
  PRINT "      "
  mov di, 8
  call pci_read32
  shr eax, 8
  ror eax, 16
  call print_hex8
  rol eax, 16
  call print_hex16
  PRINT "  "
  mov di, 0x3d
  call pci_read8
  or al, al
  jz .no_line
  mov di, 0x3c
  call pci_read8
  call print_hex8
.no_line:
  call mon_class
  call print_newline
  inc bx
  jmp .next
.done:
  ret

; What class of device BX is, in words.
mon_class:
  mov di, 0x0a
  call pci_read16
  xchg al, ah                   ; AH sub-class, AL class
  mov si, .names
.search:
  cmp byte [cs:si], 0xff
  je .done
  cmp [cs:si], ax
  je .found
  add si, 2
.skip:
  cmp byte [cs:si], 0
  pushf
  inc si
  popf
  jne .skip
  jmp .search
.found:
  add si, 2
  PRINT "  "
.print:
  mov al, [cs:si]
  inc si
  or al, al
  jz .done
  call print_char
  jmp .print
.done:
  ret
.names:
  db 6, 0, "host bridge", 0
  db 6, 1, "ISA bridge", 0
  db 6, 0x80, "power management", 0
  db 1, 1, "IDE controller", 0
  db 1, 0, "storage", 0
  db 1, 0x80, "storage", 0
  db 2, 0, "network", 0
  db 3, 0, "VGA", 0
  db 0, 0xff, "virtio", 0
  db 0xff

mon_map:
  xor ebx, ebx
.next:
  mov eax, 0xe820
  mov edx, 0x534d4150
  mov ecx, 20
  mov di, e_sector
  int 0x15
  jc .done
  PRINT "  "
  mov eax, [e_sector]
  call print_hex32
  PRINT " - "
  mov eax, [e_sector]
  add eax, [e_sector+8]
  dec eax
  call print_hex32
  PRINT "  "
  mov eax, [e_sector+16]
  cmp al, 1
  je .ram
  cmp al, 4
  je .acpi
  PRINTLN "reserved"
  jmp .more
.ram:
  PRINTLN "RAM"
  jmp .more
.acpi:
  PRINTLN "ACPI tables"
.more:
  or ebx, ebx
  jnz .next
.done:
  ret

mon_cpu:
  xor eax, eax
  cpuid
  mov [e_sector], ebx
  mov [e_sector+4], edx
  mov [e_sector+8], ecx
  mov byte [e_sector+12], 0
  mov si, e_sector
  call print_string
  mov eax, 0x80000000
  cpuid
  cmp eax, 0x80000004
  jb .features
  PRINT "  "
  mov di, e_sector
  mov esi, 0x80000002
.brand:
  mov eax, esi
  cpuid
  stosd
  mov eax, ebx
  stosd
  mov eax, ecx
  stosd
  mov eax, edx
  stosd
  inc esi
  cmp esi, 0x80000005
  jb .brand
  mov byte [di], 0
  mov si, e_sector
.blank:
  cmp byte [si], ' '
  jne .name
  inc si
  jmp .blank
.name:
  call print_string
.features:
  call print_newline
  mov eax, 1
  cpuid
  push ecx
  push edx
  PRINT "signature "
  call print_hex32
  pop eax
  PRINT "  features "
  call print_hex32
  mov al, ' '
  call print_char
  pop eax
  call print_hex32
  PRINT "  CR0 "
  mov eax, cr0
  call print_hex32
  PRINT "  CR4 "
  mov eax, cr4
  call print_hex32
  jmp print_newline

mon_boot:
  int 0x19

mon_demo:
  cmp byte [si], 0
  je .list
  mov di, .demos
  call mon_lookup
  jc .list
  jmp bx
.list:
  PRINTLN "  demo modes     the same code in 16, 32 and 64 bits"
  PRINTLN "  demo paging    two addresses for one page of memory"
  PRINTLN "  demo timer     a hardware interrupt while the processor sleeps"
  PRINTLN "  demo syscall   a program without privileges asks the kernel"
  PRINTLN "  demo fault     a page that comes into being when it is touched"
  ret
.demos:
  db "modes", 0
  dw demo_modes
  db "paging", 0
  dw demo_paging
  db "timer", 0
  dw demo_timer
  db "syscall", 0
  dw demo_syscall
  db "fault", 0
  dw demo_fault
  db 0
