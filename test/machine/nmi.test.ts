/** Non-maskable interrupts (SDM 3A §6.7): no IF, blocked from one's delivery to the next IRET, and they end HLT. */
import { expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { assembleKernel, makeMachine } from "./guest.ts";

const WORDS = 0x380000;

const kernel = assembleKernel(`
  phase equ ${WORDS}
  count equ ${WORDS + 4}
  go equ ${WORDS + 8}
  during equ ${WORDS + 12}
  after equ ${WORDS + 16}
  start:
    mov esp, 0x200000
    call setup_gdt32
    call setup_idt32
    mov ebx, 2
    mov ecx, on_nmi
    mov dx, 0x8e00
    call set_gate32
    mov dword [phase], 1
    jmp $
  on_nmi:
    inc dword [count]
    cmp dword [count], 1
    je .first
    iretd
  .first: ; stays until the host has raised another one
    cmp dword [go], 0
    je .first
    mov eax, [count]
    mov [during], eax
    mov dword [esp], second
    iretd
  second:
    nop
    mov eax, [count]
    mov [after], eax
    mov dword [phase], 2
    hlt
    mov dword [phase], 3
    jmp $
  %include lib32.inc
  %include gdt32.inc
`);

it("NMIs", () => {
  const { machine } = makeMachine({ kernel });
  const { vcpu } = machine;
  const { state } = vcpu;
  const words = state.i32.subarray((RAM_BASE + WORDS) >> 2);
  const [PHASE, COUNT, GO, DURING, AFTER] = [0, 1, 2, 3, 4];
  const step = (n: number): void => void machine.run(50, n);
  step(3000);
  expect([words[PHASE], words[COUNT], state.interruptsEnabled]).toEqual([1, 0, false]);
  vcpu.nmi();
  step(100);
  expect(words[COUNT]).toBe(1);
  vcpu.nmi();
  vcpu.nmi();
  step(100);
  // Blocked, and remembered once.
  expect([words[COUNT], state.nmiPending, state.nmiBlocked]).toEqual([1, true, true]);
  words[GO] = 1;
  vcpu.run(50);
  expect([words[DURING], words[AFTER], words[COUNT], words[PHASE]]).toEqual([1, 2, 2, 2]);
  vcpu.run(10);
  expect([state.halted, state.nmiPending, state.nmiBlocked]).toEqual([true, false, false]);
  vcpu.nmi();
  vcpu.run(10);
  expect([words[COUNT], words[PHASE], state.nmiBlocked]).toEqual([3, 3, false]);
});
