; ACPI tables that the machine gives through fw_cfg are put into RAM and linked by the script "etc/table-loader": entries of 128
; bytes, 1 allocate a file, 2 add a file's address to a pointer, 3 correct a checksum (QEMU's linker and loader interface).

FW_SCRIPT     equ 0x10000       ; scratch: the script, and the directory of files
FW_DIRECTORY  equ 0x18000
FW_FILES      equ EBDA_SEG * 16 + 0x400
FW_DMA        equ EBDA_SEG * 16 + 0x600
FILE_SIZE     equ 64            ; name of 56, address, size
MAX_FILES     equ 8
MAX_SCRIPT    equ 0x8000

; Interrupts are off.
acpi_init:
  call fwcfg_present
  jc .none
  call flat_segments
  ; The directory: as much as there may be of it.
  mov eax, 0x19
  mov ecx, 0x2000
  mov edi, FW_DIRECTORY
  call fw_read
  mov esi, 0xf0000 + .script
  call fw_find
  jc .done
  cmp ecx, MAX_SCRIPT
  ja .done
  mov edi, FW_SCRIPT
  push ecx
  call fw_read
  pop ecx
  shr ecx, 7
  mov ebx, FW_SCRIPT
.entry:
  or ecx, ecx
  jz .done
  mov eax, [ebx]
  push ecx
  cmp eax, 1
  je .allocate
  cmp eax, 2
  je .pointer
  cmp eax, 3
  je .checksum
.next:
  pop ecx
  add ebx, 128
  dec ecx
  jmp .entry
.done:
  call real_segments
.none:
  ret
.script:
  db "etc/table-loader"
  times 40 db 0

; File, alignment, zone: 1 high memory, 2 below 1 MiB where the root pointer is looked for.
.allocate:
  lea esi, [ebx + 4]
  call fw_find
  jc .next
  movzx edi, byte [EBDA_SEG * 16 + e_file_count]
  cmp edi, MAX_FILES
  jae .next
  shl edi, 6
  add edi, FW_FILES
  push edi
  push ecx
  lea esi, [ebx + 4]
  mov ecx, 14
  a32 rep movsd
  pop ecx
  pop edi
  mov [edi + 60], ecx
  mov edx, [ebx + 60]
  or edx, edx
  jnz .aligned
  inc edx
.aligned:
  dec edx
  not edx                       ; mask
  cmp byte [ebx + 64], 2
  je .low
  mov esi, [EBDA_SEG * 16 + e_acpi_low]
  or esi, esi
  jnz .top
  mov esi, [EBDA_SEG * 16 + e_ext_kib]
  add esi, 1024
  shl esi, 10
.top:
  sub esi, ecx
  and esi, edx
  and esi, 0xfffff000
  mov [EBDA_SEG * 16 + e_acpi_low], esi
  jmp .place
.low:
  movzx esi, word [0xf0000 + acpi_area_used]
  not edx
  add esi, edx
  not edx
  and esi, edx
  mov edx, esi
  add edx, ecx
  cmp edx, ACPI_AREA
  ja .next
  mov [0xf0000 + acpi_area_used], dx
  add esi, 0xf0000 + acpi_area
.place:
  mov [edi + 56], esi
  inc byte [EBDA_SEG * 16 + e_file_count]
  mov edi, esi
  call fw_read
  jmp .next

; File of the pointer, file that it points into, offset, size.
.pointer:
  lea esi, [ebx + 60]
  call fw_placed
  jc .next
  mov edx, [edi + 56]
  lea esi, [ebx + 4]
  call fw_placed
  jc .next
  mov esi, [ebx + 116]
  mov eax, esi
  movzx ecx, byte [ebx + 120]
  add eax, ecx
  cmp eax, [edi + 60]
  ja .next
  add esi, [edi + 56]
  cmp cl, 4
  jb .next
  add [esi], edx
  cmp cl, 8
  jne .next
  adc dword [esi + 4], 0
  jmp .next

; File, offset of the byte, start and length of what it covers.
.checksum:
  lea esi, [ebx + 4]
  call fw_placed
  jc .next
  mov ecx, [ebx + 68]
  mov esi, [ebx + 64]
  mov eax, esi
  add eax, ecx
  cmp eax, [edi + 60]
  ja .next
  mov eax, [ebx + 60]
  cmp eax, [edi + 60]
  jae .next
  add esi, [edi + 56]
  xor al, al
.sum:
  or ecx, ecx
  jz .summed
  add al, [esi]
  inc esi
  dec ecx
  jmp .sum
.summed:
  mov esi, [edi + 56]
  add esi, [ebx + 60]
  sub [esi], al
  jmp .next

; Item EAX, ECX bytes of it, to EDI by DMA. Segments are flat; keeps ECX and EDI.
fw_read:
  pushad
  shl eax, 16
  or eax, 0x0a                  ; select, read
  bswap eax
  mov [FW_DMA], eax
  bswap ecx
  mov [FW_DMA + 4], ecx
  mov dword [FW_DMA + 8], 0
  bswap edi
  mov [FW_DMA + 12], edi
  mov dx, P_FWCFG + 4
  xor eax, eax
  out dx, eax
  mov dx, P_FWCFG + 8
  mov eax, FW_DMA
  bswap eax
  out dx, eax
  popad
  ret

; EAX = key and ECX = size of the file whose name of 56 bytes stands at ESI. Carry: there is none.
fw_find:
  push ebx
  push edi
  mov ebx, [FW_DIRECTORY]
  bswap ebx
  cmp ebx, 120
  ja .missing
  mov edi, FW_DIRECTORY + 4
.file:
  or ebx, ebx
  jz .missing
  push esi
  push edi
  add edi, 8
  mov ecx, 14
  a32 repe cmpsd
  pop edi
  pop esi
  je .found
  add edi, 64
  dec ebx
  jmp .file
.found:
  mov ecx, [edi]
  bswap ecx
  movzx eax, word [edi + 4]
  xchg al, ah
  pop edi
  pop ebx
  clc
  ret
.missing:
  pop edi
  pop ebx
  stc
  ret

; EDI = the record of the placed file whose name stands at ESI. Carry: there is none.
fw_placed:
  push ecx
  push ebx
  movzx ebx, byte [EBDA_SEG * 16 + e_file_count]
  mov edi, FW_FILES
.file:
  or ebx, ebx
  jz .missing
  push esi
  push edi
  mov ecx, 14
  a32 repe cmpsd
  pop edi
  pop esi
  je .found
  add edi, FILE_SIZE
  dec ebx
  jmp .file
.found:
  pop ebx
  pop ecx
  clc
  ret
.missing:
  pop ebx
  pop ecx
  stc
  ret

; In the shadow RAM, where the root pointer is looked for (ACPI 5.2.5.1).
ACPI_AREA     equ 256
acpi_area_used:
  dw 0
  align 16
acpi_area:
  times ACPI_AREA db 0
