; INT 19h: what is booted, in the order that the machine asks for, or that a key chooses. INT 18h: nothing to boot.

int18:
  cli
  mov ax, EBDA_SEG
  mov ss, ax
  mov sp, e_stack_top
  sti
  jmp monitor

; Restart through the reset control register, the keyboard controller, or a jump.
reboot:
  cli
  mov dx, 0xcf9
  mov al, 6
  out dx, al
  mov al, 0xfe
  out P_KBD_CMD, al
  jmp 0xffff:0

int19:
  cli
  xor ax, ax
  mov ss, ax
  mov sp, 0x7c00
  sti
  cld
  call boot_menu
  call boot_order
  push EBDA_SEG
  pop ds
  xor si, si
.next:
  movzx cx, byte [e_boot_count]
  cmp si, cx
  jae .none
  mov al, [si + e_boot]
  push si
  call boot_try
  pop si
  push EBDA_SEG
  pop ds
  inc si
  jmp .next
.none:
  PRINTLN "Nothing to boot."
  int 0x18

; Three nibbles in the CMOS RAM, as QEMU leaves them: 1 floppy, 2 disk, 3 CD-ROM (38h: third in the upper half; 3Dh: first, second).
boot_order:
  push EBDA_SEG
  pop ds
  cmp byte [e_boot_count], 0    ; chosen in the menu
  jne .chosen
  xor si, si
  mov al, 0x3d
  call cmos_read
  mov bl, al
  call .add
  mov bl, al
  shr bl, 4
  call .add
  mov al, 0x38
  call cmos_read
  mov bl, al
  shr bl, 4
  call .add
  or si, si
  jnz .done
  ; None: disk, CD-ROM, floppy.
  mov dword [e_boot], 0x00010302
  mov si, 3
.done:
  mov ax, si
  mov [e_boot_count], al
.chosen:
  ret
.add:
  and bl, 15
  jz .no
  cmp bl, 3
  ja .no
  mov [si + e_boot], bl
  inc si
.no:
  ret

; AL = 1 floppy, 2 disk, 3 CD-ROM. Comes back when it cannot be booted.
boot_try:
  cmp al, 1
  je boot_floppy
  cmp al, 2
  je boot_disk
  cmp al, 3
  je boot_cd
  ret

boot_floppy:
  xor dl, dl
  call floppy_type
  jc .none
  PRINT "Booting from floppy ... "
  ; A drive just switched on may need two tries.
  mov cx, 2
.try:
  push cx
  call boot_sector
  pop cx
  jnc boot_go
  loop .try
  PRINTLN "no disk."
.none:
  ret

boot_disk:
  cmp byte [e_hd_count], 0
  je .none
  PRINT "Booting from disk ... "
  mov dl, 0x80
  call boot_sector
  jc .failed
  cmp word [es:0x7dfe], 0xaa55
  je boot_go
.failed:
  PRINTLN "not bootable."
.none:
  ret

; First sector of drive DL to 0:7C00.
boot_sector:
  xor ax, ax
  mov es, ax
  mov bx, 0x7c00
  mov [es:0x7dfe], ax
  mov ax, 0x0201
  mov cx, 1
  xor dh, dh
  int 0x13
  jc .done
  ; Only zeroes are no program.
  cmp word [es:0x7c00], 0
  jne .done
  stc
.done:
  ret

boot_go:
  PRINTLN "started."
  xor ax, ax
  mov ds, ax
  mov es, ax
  mov bx, ax
  mov si, ax
  mov di, ax
  mov bp, ax
  xor dh, dh
  jmp 0:0x7c00

boot_cd:
  push EBDA_SEG
  pop ds
  call cd_boot_load
  jc .none
  mov byte [e_cd_booted], 1
  PRINTLN "Booting from CD-ROM ... started."
  mov ax, [e_et_seg]
  push ax
  push 0
  xor ax, ax
  mov es, ax
  mov ds, ax
  mov dx, 0x00e0
  retf
.none:
  ret

; The menu: shown at once where the machine asks for it (fw_cfg, key 0Eh), or after a key within a moment.
boot_menu:
  push EBDA_SEG
  pop ds
  mov byte [e_boot_count], 0
  call fwcfg_present
  jc .no
  mov ax, 0x0e
  call fwcfg_select
  in al, dx
  or al, al
  jz .no
  PRINTLN "Press ESC or F12 for the boot menu."
  call wait_key
  jc .no
  cmp al, 27
  je .menu
  cmp ah, 0x86
  jne .no
.menu:
  PRINTLN "Boot from:"
  PRINTLN "  1  disk"
  PRINTLN "  2  CD-ROM"
  PRINTLN "  3  floppy"
  PRINTLN "  4  monitor"
.again:
  xor ah, ah
  int 0x16
  cmp al, 27
  je .no
  sub al, '1'
  cmp al, 3
  ja .again
  je .monitor
  movzx bx, al
  mov al, [cs:bx + .codes]
  mov [e_boot], al
  mov byte [e_boot_count], 1
.no:
  ret
.monitor:
  int 0x18
.codes:
  db 2, 3, 1

; AX = a key that comes within three seconds, or carry.
wait_key:
  push ds
  USE_BDA
  mov ecx, [b_ticks]
  add ecx, 55
.wait:
  mov ah, 1
  int 0x16
  jnz .key
  hlt
  cmp [b_ticks], ecx
  jb .wait
  pop ds
  stc
  ret
.key:
  pop ds
  xor ah, ah
  int 0x16
  clc
  ret

; --- QEMU's firmware configuration device ----------------------------------------------------------------------------
; Carry: there is none.
fwcfg_present:
  xor ax, ax
  call fwcfg_select
  in al, dx
  cmp al, 'Q'
  jne .no
  in al, dx
  cmp al, 'E'
  jne .no
  clc
  ret
.no:
  stc
  ret
; Selects item AX; DX = the data port.
fwcfg_select:
  mov dx, P_FWCFG
  out dx, ax
  inc dx
  ret
