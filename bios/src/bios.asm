; Tabvisor's BIOS: 64 KiB at F000:0000, and below 4 GiB for the reset. The parts follow in one segment.
  bits 16
  org 0
%include "layout.inc"
%include "macros.inc"

  db "Tabvisor BIOS", 0
  align 16
%include "post.asm"
%include "print.asm"
%include "terminal.asm"
%include "console.asm"
%include "scroll.asm"
%include "vga.asm"
%include "vbe.asm"
%include "font.asm"
%include "keyboard.asm"
%include "terminal-keys.asm"
%include "int16.asm"
%include "interrupts.asm"
%include "disk.asm"
%include "ata.asm"
%include "dma.asm"
%include "virtio.asm"
%include "cdrom.asm"
%include "floppy.asm"
%include "system.asm"
%include "pci.asm"
%include "time.asm"
%include "acpi.asm"
%include "boot.asm"
%include "monitor.asm"
%include "demos.asm"

code_end:
  ; Processor reset: FFFF:FFF0 with the code segment's base at FFFF0000h (SDM 3A 9.1.4).
  org 0xfff0
reset_vector:
  jmp near early
  org 0xfff5
  db "11/21/26"
  org 0xfffe
  db 0xfc, 0            ; model: PC AT
