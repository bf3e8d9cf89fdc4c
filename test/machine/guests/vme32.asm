; CR4.VME and CR4.PVI: virtual interrupts in virtual-8086 mode and at ring 3, the interrupt redirection bitmap, the I/O bitmap.
; QEMU's TCG has neither: expected by SDM 3B §20.3, tables 20-2 and 20-3, and §20.4.
REAL equ 0x8000
FLAGS_SHOWN equ 0x1a7300
start:
  mov esp, 0x200000
  %print 10, "== guest ==", 10
  call setup_gdt32
  call setup_idt32
  mov edi, TSS + 0x68
  mov ecx, 0x400
  xor eax, eax
  cld
  rep stosb
  ; redirection bitmap at 68h: 22h goes to protected mode; I/O bitmap at 88h: port 90h refused
  mov byte [TSS + 0x68 + 4], 4
  mov word [TSS + 102], 0x88
  mov byte [TSS + 0x88 + 0x12], 1
  mov byte [TSS + 0x88 + 0x100], 0xff
  mov word [gdt_tss], 0x188
  and byte [gdt_tss + 5], 0xfd
  mov ax, 0x28
  ltr ax
  mov esi, real_code
  mov edi, REAL
  mov ecx, real_end - real_code
  rep movsb
  mov dword [0x21 * 4], 0x08000000 + (handler21 - real_code)
  mov ebx, 13
  mov ecx, monitor
  mov dx, 0x8e00
  call set_gate32
  mov ebx, 0x22
  mov ecx, monitor22
  mov dx, 0xee00
  call set_gate32
  mov ebx, 0x21
  mov ecx, monitor22
  mov dx, 0xee00
  call set_gate32

  %print "no VME, IOPL 0", 10
  mov ebx, 0x20002
  call run_v86
  %print "no VME, IOPL 3", 10
  mov ebx, 0x23002
  call run_v86
  mov eax, cr4
  or eax, 3
  mov cr4, eax
  %print "VME, IOPL 0", 10
  mov ebx, 0x20002
  call run_v86
  %print "VME, IOPL 0, VIF", 10
  mov ebx, 0xa0002
  call run_v86
  %print "VME, IOPL 0, VIP", 10
  mov ebx, 0x120002
  call run_v86
  %print "VME, IOPL 3", 10
  mov ebx, 0x23002
  call run_v86

  %print "PVI", 10
  mov ebx, 13
  mov ecx, [vectors32 + 13 * 4]
  mov dx, 0x8e00
  call set_gate32
  mov ebx, 0x40
  mov ecx, pvi_done
  mov dx, 0xee00
  call set_gate32
  mov ebx, 0x41
  mov ecx, show_flags
  mov dx, 0xee00
  call set_gate32
  mov dword [user_flags], 0x2
  call run_pvi
  mov dword [user_flags], 0x100002
  call run_pvi
  mov eax, cr4
  and eax, 0xfffffffd
  mov cr4, eax
  mov dword [user_flags], 0x2
  call run_pvi
  mov eax, 0
  jmp exit32

user_flags: dd 0
saved: dd 0

run_pvi:
  mov [saved], esp
  push dword 0x3b
  push dword 0x1e0000
  push dword [user_flags]
  push dword 0x33
  push dword pvi_user
  iretd
pvi_user:
  mov ax, 0x3b
  mov ds, ax
  mov es, ax
  int 0x41
  %try sti
  int 0x41
  %try cli
  int 0x41
  ; POPF does not touch VIF
  push dword 0x202
  popfd
  int 0x41
  int 0x40
show_flags:
  mov eax, [esp + 8]
  and eax, FLAGS_SHOWN
  %hex eax
  %line
  iretd
pvi_done:
  mov esp, [saved]
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  ret

; EBX: EFLAGS to enter with
run_v86:
  mov [saved], esp
  mov dword [0x21 * 4], 0x08000000 + (handler21 - real_code)
  push dword 0
  push dword 0
  push dword 0x800
  push dword 0x800
  push dword 0x900
  push dword 0x7000
  push ebx
  push dword 0x800
  push dword v86_code - real_code
  iretd

; #GP of virtual-8086 code: which test, its EFLAGS; goes on at the test's end
monitor:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  %print "  #GP "
  pop eax
  jmp report
monitor22:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  push ebx
  call show_test
  %print "  gate "
  mov eax, [esp + 12]
  and eax, FLAGS_SHOWN
  %hex eax
  %line
  pop ebx
  iretd
report:
  call show_test
  mov eax, [esp + 8]
  and eax, FLAGS_SHOWN
  %hex eax
  %line
  movzx eax, word [REAL + (test_end - real_code)]
  test eax, eax
  jz .done
  mov [esp], eax
  iretd
.done:
  mov esp, [saved]
  ret

show_test:
  movzx eax, word [REAL + (test_number - real_code)]
  add al, 65
  out 0xe9, al
  mov al, 32
  out 0xe9, al
  ret

real_code:
bits 16
; AX to port E9h in hexadecimal, and a space
hex16:
  pusha
  mov cx, 4
  mov dx, ax
.next:
  rol dx, 4
  mov al, dl
  and al, 15
  add al, 48
  cmp al, 58
  jb .digit
  add al, 39
.digit:
  out 0xe9, al
  loop .next
  mov al, 32
  out 0xe9, al
  popa
  ret
begin: ; AX: the test's end
  mov [test_end - real_code], ax
  inc word [test_number - real_code]
  ret
show_pushed:
  mov al, 102
  out 0xe9, al
  pop si
  pop ax
  and ax, 0x7300
  call hex16
  mov al, 10
  out 0xe9, al
  jmp si
v86_code:
  mov word [test_number - real_code], 0xffff
  mov ax, t0 - real_code
  call begin
  pushf
  call show_pushed
t0:
  mov ax, t1 - real_code
  call begin
  sti
  pushf
  call show_pushed
t1:
  mov ax, t2 - real_code
  call begin
  cli
  pushf
  call show_pushed
t2:
  mov ax, t3 - real_code
  call begin
  push 0x3202
  popf
  pushf
  call show_pushed
t3:
  mov ax, t4 - real_code
  call begin
  push 0x0002
  popf
  pushf
  call show_pushed
t4:
  mov sp, 0x7000
  mov ax, t5 - real_code
  call begin
  pushfd
  pop ax
  pop ax
t5:
  mov sp, 0x7000
  mov ax, t6 - real_code
  call begin
  int 0x21
  pushf
  call show_pushed
t6:
  mov sp, 0x7000
  mov ax, t7 - real_code
  call begin
  int 0x22
  pushf
  call show_pushed
t7:
  mov sp, 0x7000
  mov ax, t8 - real_code
  call begin
  push 0x0202
  push cs
  push t7b - real_code
  iret
t7b:
  pushf
  call show_pushed
t8:
  mov sp, 0x7000
  mov ax, t9 - real_code
  call begin
  push dword 2
  push dword 0x800
  push dword t9 - real_code
  iretd
t9:
  mov sp, 0x7000
  mov ax, t10 - real_code
  call begin
  in al, 0x91
  in al, 0x90
t10:
  mov ax, t11 - real_code
  call begin
  in ax, 0x8f
t11:
  xor ax, ax
  call begin
  hlt
handler21:
  mov al, 104
  out 0xe9, al
  push bp
  mov bp, sp
  mov ax, [bp + 6]
  and ax, 0x7300
  call hex16
  pushf
  pop ax
  and ax, 0x7300
  call hex16
  pop bp
  iret
test_number: dw 0
test_end: dw 0
real_end:
bits 32
%include lib32.inc
%include gdt32.inc
