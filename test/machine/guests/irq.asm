; Interrupts through the PIC: PIT IRQ0, STI shadow, MOV SS shadow, masking, HLT wake-up, spurious IRQ7, EOI order, POPF and IRET.
; No count depends on how fast the host is: handlers mask their line at [limit], and what waits for one request has a timer of one shot.
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  ; PIC at 20h, everything masked
  mov al, 0x11
  out 0x20, al
  out 0xa0, al
  mov al, 0x20
  out 0x21, al
  mov al, 0x28
  out 0xa1, al
  mov al, 4
  out 0x21, al
  mov al, 2
  out 0xa1, al
  mov al, 1
  out 0x21, al
  out 0xa1, al
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  mov ebx, 0x20
  mov ecx, irq0
  mov dx, 0x8e00
  call set_gate32
  mov ebx, 0x27
  mov ecx, irq7
  mov dx, 0x8e00
  call set_gate32
  mov ebx, 0x28
  mov ecx, irq8
  mov dx, 0x8e00
  call set_gate32

  %print "ten ticks of HLT "
  mov al, 0x34
  out 0x43, al
  mov ax, 1193
  out 0x40, al
  mov al, ah
  out 0x40, al
  mov al, 0xfe
  out 0x21, al
  ; looked at with interrupts off: the last tick may come between look and HLT on a slow host
.wait:
  sti
  hlt
  cli
  cmp dword [ticks], 10
  jb .wait
  %hex [ticks]
  %line
  ; one that was latched behind the mask is taken here
  call one_shot
.out_low:
  mov al, 0xe2
  out 0x43, al
  in al, 0x40
  test al, 0x80
  jz .out_low
  mov al, 0xfe
  out 0x21, al
  mov dword [limit], 0
  sti
  nop
  nop
  cli

  %print "masked by IF: "
  call pending
  mov dword [ticks], 0
  mov ecx, 1000
.spin:
  loop .spin
  %hex [ticks]
  ; STI: the next instruction is still protected
  sti
  mov eax, [ticks]
  mov ebx, [ticks]
  cli
  %hex eax
  %hex ebx
  mov eax, [last_ip]
  sub eax, .spin
  %hex eax
  %line

  %print "sti, cli: "
  call pending
  mov dword [ticks], 0
  sti
  cli
  nop
  %hex [ticks]
  %print "sti, mov ss, nop: "
  mov ax, ss
.sti:
  sti
  mov ss, ax
  nop
.here:
  nop
  cli
  mov eax, [last_ip]
  sub eax, .sti
  %hex eax
  %line

  %print "mov ss: "
  call pending
  mov dword [ticks], 0
  push dword 0x202
  mov bx, ss
.popf:
  popfd
  mov eax, [ticks]
  cli
  %hex eax
  mov eax, [last_ip]
  sub eax, .popf
  %hex eax
  %print "iret: "
  call pending
  mov dword [ticks], 0
  push dword 0x202
  push dword 0x08
  push dword .iret
  iretd
.iret:
  mov eax, [ticks]
  cli
  %hex eax
  mov eax, [last_ip]
  sub eax, .iret
  %hex eax
  %line

  %print "sti, hlt with one pending: "
  call pending
  mov dword [ticks], 0
.hlt:
  sti
  hlt
  cli
  %hex [ticks]
  mov eax, [last_ip]
  sub eax, .hlt
  %hex eax
  %line

  %print "masked by the PIC: "
  call pending
  mov al, 0xff
  out 0x21, al
  mov dword [ticks], 0
  sti
  nop
  nop
  %hex [ticks]
  mov al, 0xfe
  out 0x21, al
  jmp .unmasked
.unmasked:
  mov eax, [ticks]
  cli
  %hex eax
  %line

  %print "no end of interrupt: "
  mov dword [eoi], 0
  call pending
  mov dword [ticks], 0
  sti
  nop
  cli
  %hex [ticks]
  call wait_request
  sti
  nop
  nop
  cli
  %hex [ticks]
  mov al, 0x0b
  out 0x20, al
  in al, 0x20
  movzx eax, al
  %hex eax
  mov al, 0x20
  out 0x20, al
  sti
  nop
  nop
  cli
  %hex [ticks]
  mov al, 0x20
  out 0x20, al
  mov dword [eoi], 1
  %line

  %print "trap gate keeps IF, interrupt gate clears it: "
  mov ebx, 0x60
  mov ecx, show_if
  mov dx, 0x8f00
  call set_gate32
  mov ebx, 0x61
  mov ecx, show_if
  mov dx, 0x8e00
  call set_gate32
  mov al, 0xff
  out 0x21, al
  sti
  int 0x60
  int 0x61
  cli
  %line

  %print "rtc through the second PIC: "
  mov al, 0x0a
  out 0x70, al
  mov al, 0x26
  out 0x71, al
  mov al, 0x0b
  out 0x70, al
  mov al, 0x42
  out 0x71, al
  mov al, 0x0c
  out 0x70, al
  in al, 0x71
  mov al, 0xfb
  out 0x21, al
  mov al, 0xfe
  out 0xa1, al
  mov dword [limit], 5
  mov dword [ticks], 0
.rtc:
  sti
  hlt
  cli
  cmp dword [ticks], 5
  jb .rtc
  %hex [ticks]
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  %line

  %print "end", 10
  mov eax, 0
  jmp exit32

; IRQ0 once, in about a millisecond (mode 0)
one_shot:
  mov al, 0x30
  out 0x43, al
  mov ax, 1193
  out 0x40, al
  mov al, ah
  out 0x40, al
  ret

; waits until the PIC asks for IRQ0, with interrupts off
pending:
  mov al, 0xfe
  out 0x21, al
wait_request:
  push eax
  call one_shot
  mov al, 0x0a
  out 0x20, al
.wait:
  in al, 0x20
  test al, 1
  jz .wait
  pop eax
  ret

show_if:
  pushfd
  pop eax
  and eax, 0x200
  %hex eax
  iretd

irq0:
  push eax
  inc dword [ticks]
  mov eax, [esp + 4]
  mov [last_ip], eax
  mov eax, [ticks]
  cmp eax, [limit]
  jne .more
  mov al, 0xff
  out 0x21, al
.more:
  cmp dword [eoi], 0
  je .none
  mov al, 0x20
  out 0x20, al
.none:
  pop eax
  iretd
irq7:
  push eax
  %print "[irq7]"
  pop eax
  iretd
irq8:
  push eax
  inc dword [ticks]
  mov eax, [ticks]
  cmp eax, [limit]
  jne .more
  mov al, 0xff
  out 0xa1, al
.more:
  mov al, 0x0c
  out 0x70, al
  in al, 0x71
  mov al, 0x20
  out 0xa0, al
  out 0x20, al
  pop eax
  iretd
align 4
ticks: dd 0
last_ip: dd 0
eoi: dd 1
limit: dd 10
%include lib32.inc
%include gdt32.inc
