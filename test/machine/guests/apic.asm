; Local APIC, I/O APIC, HPET and PM timer: self IPIs by priority, TPR, nesting, timer modes, NMI, ExtINT through LINT0,
; the 8254 and the RTC through the I/O APIC, HPET legacy replacement; at the end ACPI's S5.
APIC equ 0xfee00000
IOAPIC equ 0xfec00000
HPET equ 0xfed00000
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
  ; handlers
  mov ebx, 0x41
  mov ecx, v41
  call gate
  mov ebx, 0x4f
  mov ecx, v4f
  call gate
  mov ebx, 0x60
  mov ecx, v60
  call gate
  mov ebx, 0x50
  mov ecx, tick
  call gate
  mov ebx, 0x20
  mov ecx, pictick
  call gate
  mov ebx, 2
  mov ecx, nmi
  call gate
  mov ebx, 0xff
  mov ecx, spurious
  call gate

  %print "base "
  mov ecx, 0x1b
  rdmsr
  %hex edx
  %hex eax
  %print "id "
  mov eax, [APIC + 0x20]
  %hex eax
  mov dword [APIC + 0xf0], 0x1ff
  mov dword [APIC + 0x350], 0x10000
  mov dword [APIC + 0x360], 0x10000
  mov dword [APIC + 0x80], 0
  mov eax, [APIC + 0xf0]
  %hex eax
  %line

  %print "self IPIs in order of priority: "
  mov dword [APIC + 0x300], 0x40041
  mov dword [APIC + 0x300], 0x4004f
  mov dword [APIC + 0x300], 0x40060
  mov eax, [APIC + 0x220]
  %hex eax
  mov eax, [APIC + 0x230]
  %hex eax
  sti
  nop
  nop
  cli
  %line

  %print "TPR 40, then 3f: "
  mov dword [APIC + 0x80], 0x40
  mov dword [APIC + 0x300], 0x40041
  sti
  nop
  cli
  mov eax, [APIC + 0xa0]
  %hex eax
  %print "- "
  sti
  mov dword [APIC + 0x80], 0x3f
  nop
  cli
  mov dword [APIC + 0x80], 0
  %line

  %print "a higher one inside: "
  mov dword [nest], 1
  mov dword [APIC + 0x300], 0x40041
  sti
  nop
  nop
  cli
  mov dword [nest], 0
  %line

  %print "to itself by physical and by logical destination: "
  mov dword [APIC + 0x310], 0
  mov dword [APIC + 0x300], 0x4041
  sti
  nop
  cli
  mov dword [APIC + 0xe0], 0xffffffff
  mov dword [APIC + 0xd0], 0x04000000
  mov dword [APIC + 0x310], 0x06000000
  mov dword [APIC + 0x300], 0x4841
  sti
  nop
  cli
  mov dword [APIC + 0x310], 0x03000000
  mov dword [APIC + 0x300], 0x484f
  sti
  nop
  cli
  mov dword [APIC + 0x310], 0
  %line

  %print "NMI to itself with IF clear: "
  mov dword [APIC + 0x300], 0x44400
  nop
  nop
  %line

  %print "one-shot: "
  mov dword [ticks], 0
  mov dword [APIC + 0x3e0], 0xb
  mov dword [APIC + 0x320], 0x50
  mov dword [APIC + 0x380], 100000
.oneshot:
  sti
  hlt
  cli
  cmp dword [ticks], 0
  je .oneshot
  mov eax, [APIC + 0x390]
  %hex eax
  mov eax, [APIC + 0x380]
  %hex eax
  %hex [ticks]
  %line

  %print "periodic: "
  mov dword [ticks], 0
  mov dword [APIC + 0x320], 0x20050
  mov dword [APIC + 0x380], 50000
.periodic:
  sti
  hlt
  cli
  cmp dword [ticks], 5
  jb .periodic
  mov dword [APIC + 0x320], 0x10000
  mov dword [APIC + 0x380], 0
  mov eax, [APIC + 0x390]
  %hex eax
  %line

  %print "8254 through input 2, edge, logical destination: "
  mov eax, 0x15
  mov ecx, 0x04000000
  call iowrite
  mov eax, 0x14
  mov ecx, 0x00000850
  call iowrite
  mov eax, 0x14
  call ioread
  %hex eax
  mov dword [ticks], 0
  mov al, 0x34
  out 0x43, al
  mov ax, 1193
  out 0x40, al
  mov al, ah
  out 0x40, al
.pit:
  sti
  hlt
  cli
  cmp dword [ticks], 10
  jb .pit
  mov eax, 0x14
  mov ecx, 0x10850
  call iowrite
  sti
  nop
  cli
  %hex [ticks]
  %line

  %print "RTC through input 8: "
  mov eax, 0x21
  mov ecx, 0
  call iowrite
  mov eax, 0x20
  mov ecx, 0x50
  call iowrite
  mov al, 0x0a
  out 0x70, al
  mov al, 0x26
  out 0x71, al
  mov al, 0x0b
  out 0x70, al
  mov al, 0x42
  out 0x71, al
  mov dword [ticks], 0
  mov dword [rtc], 1
  mov dword [limit], 5
  mov al, 0x0c
  out 0x70, al
  in al, 0x71
.rtc:
  sti
  hlt
  cli
  cmp dword [ticks], 5
  jb .rtc
  mov dword [rtc], 0
  mov al, 0x0b
  out 0x70, al
  mov al, 0x02
  out 0x71, al
  mov eax, 0x20
  mov ecx, 0x10050
  call iowrite
  %hex [ticks]
  %line

  %print "8259 through LINT0 as ExtINT: "
  mov dword [ticks], 0
  mov dword [APIC + 0x350], 0x700
  mov al, 0xfe
  out 0x21, al
.ext:
  sti
  hlt
  cli
  cmp dword [ticks], 3
  jb .ext
  mov al, 0xff
  out 0x21, al
  mov dword [APIC + 0x350], 0x10700
  mov eax, [APIC + 0x120]
  %hex eax
  %line

  %print "HPET "
  mov eax, [HPET]
  %hex eax
  mov eax, [HPET + 4]
  %hex eax
  mov eax, [HPET + 0x100]
  and eax, 0x1f0
  %hex eax
  %print "periodic in the place of the 8254: "
  mov dword [HPET + 0x10], 0
  mov dword [HPET + 0xf0], 0
  mov dword [HPET + 0xf4], 0
  mov dword [HPET + 0x100], 0x14c
  mov dword [HPET + 0x108], 100000
  mov dword [HPET + 0x108], 100000
  mov dword [ticks], 0
  mov eax, 0x14
  mov ecx, 0x850
  call iowrite
  mov dword [HPET + 0x10], 3
.hpet:
  sti
  hlt
  cli
  cmp dword [ticks], 5
  jb .hpet
  mov dword [HPET + 0x10], 0
  mov eax, [HPET + 0xf0]
  mov ebx, [HPET + 0xf0]
  sub ebx, eax
  %hex ebx
  cmp eax, 500000
  setae al
  movzx eax, al
  %hex eax
  %line

  %print "PM timer runs: "
  mov dx, 0x608
  in eax, dx
  mov ebx, eax
.pm:
  in eax, dx
  cmp eax, ebx
  je .pm
  %hex 1
  %line
  %print "S5", 10
  mov dx, 0x604
  mov ax, 0x2000
  out dx, ax
  cli
  hlt

gate:
  mov dx, 0x8e00
  jmp set_gate32

; EAX register, ECX value
iowrite:
  mov [IOAPIC], eax
  mov [IOAPIC + 0x10], ecx
  ret
ioread:
  mov [IOAPIC], eax
  mov eax, [IOAPIC + 0x10]
  ret

v41:
  push eax
  %print "41("
  mov eax, [APIC + 0xa0]
  %hex eax
  cmp dword [nest], 0
  je .out
  mov dword [APIC + 0x300], 0x4004f
  mov dword [APIC + 0x300], 0x40060
  sti
  nop
  nop
  cli
.out:
  %print ") "
  mov dword [APIC + 0xb0], 0
  pop eax
  iretd
v4f:
  %print "4f "
  mov dword [APIC + 0xb0], 0
  iretd
v60:
  push eax
  %print "60("
  mov eax, [APIC + 0x120]
  %hex eax
  mov eax, [APIC + 0x130]
  %hex eax
  %print ") "
  mov dword [APIC + 0xb0], 0
  pop eax
  iretd
tick:
  push eax
  ; No further than [limit]: a slow host may have one more before the guest masks it.
  mov eax, [ticks]
  cmp eax, [limit]
  jae .counted
  inc dword [ticks]
.counted:
  cmp dword [rtc], 0
  je .out
  mov al, 0x0c
  out 0x70, al
  in al, 0x71
.out:
  mov dword [APIC + 0xb0], 0
  pop eax
  iretd
pictick:
  push eax
  inc dword [ticks]
  mov al, 0x20
  out 0x20, al
  pop eax
  iretd
nmi:
  %print "NMI "
  iretd
spurious:
  %print "spurious "
  iretd

align 4
ticks: dd 0
limit: dd 10
nest: dd 0
rtc: dd 0
%include lib32.inc
%include gdt32.inc
