/** ACPI on a whole machine: a guest of ours that finds its way by the tables, and the default guest with its stock kernel. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { existingGuest } from "../../tools/image/ensure.ts";
import { assembleKernel, makeMachine, type Run } from "./guest.ts";

/** Finds the FADT as a system does, routes the SCI through the I/O APIC, waits for the power button and enters S5. */
const LISTENER = `
start:
  mov esp, 0x200000
  call setup_gdt32
  call setup_idt32
  movzx esi, word [0x40e]
  shl esi, 4
.rsdp:
  cmp dword [esi], 0x20445352
  je .found
  add esi, 16
  cmp esi, 0xa0000
  jb .rsdp
  jmp exit32
.found:
  mov esi, [esi + 16]
  mov ecx, [esi + 4]
  sub ecx, 36
.table:
  mov edi, [esi + ecx + 32]
  cmp dword [edi], 0x50434146
  je .fadt
  sub ecx, 4
  jnz .table
  jmp exit32
.fadt:
  mov eax, [edi + 56]
  mov [event], eax
  mov eax, [edi + 64]
  mov [control], eax
  mov ebx, 0x39
  mov ecx, sci
  mov dx, 0x8e00
  call set_gate32
  mov dword [0xfee000f0], 0x1ff
  movzx eax, word [edi + 46]
  lea eax, [eax + eax + 0x10]
  mov [0xfec00000], eax
  mov dword [0xfec00010], 0x8039
  mov edx, [event]
  add edx, 2
  mov ax, 0x100
  out dx, ax
  %print "listening "
.wait:
  sti
  hlt
  cli
  cmp dword [pressed], 0
  je .wait
  %hex [pressed]
  mov edx, [control]
  mov ax, 0x2000
  out dx, ax
  cli
  hlt
sci:
  push eax
  push edx
  mov edx, [event]
  in ax, dx
  movzx eax, ax
  mov [pressed], eax
  out dx, ax
  mov dword [0xfee000b0], 0
  pop edx
  pop eax
  iretd
align 4
event: dd 0
control: dd 0
pressed: dd 0
%include lib32.inc
%include gdt32.inc
`;

function runUntil(run: Run, done: () => boolean, seconds = 280): string | null {
  const until = performance.now() + seconds * 1000;
  for (;;) {
    const outcome = run.machine.run(100, 1_000_000);
    if (outcome.kind === "stopped") return outcome.report.kind;
    if (done()) return null;
    if (performance.now() > until) throw new Error(`still running: ${run.serial().slice(-500)}`);
  }
}

describe("the power button", () => {
  it.each([true, false])("reaches a guest by the tables and the SCI (deterministic: %s)", (deterministic) => {
    const run = makeMachine({ kernel: assembleKernel(LISTENER) }, { deterministic });
    expect(run.machine.pressPowerButton()).toBe(false);
    expect([runUntil(run, () => false), run.debug()]).toEqual(["power-off", "listening 00000100 "]);
  });
  it("pressed while the guest sleeps", () => {
    const run = makeMachine({ kernel: assembleKernel(LISTENER) });
    runUntil(run, () => run.machine.idleNow);
    expect(run.machine.pressPowerButton()).toBe(true);
    expect([runUntil(run, () => false), run.debug()]).toEqual(["power-off", "listening 00000100 "]);
  });
}, 60_000);

const guest = await existingGuest();

describe.skipIf(guest === null)("the stock kernel", () => {
  const PROMPT = /# (\x1b\[6n)?$/;
  /** Boots to the prompt; gives a function that types a line and returns what comes up to the next prompt. */
  function boot(cpu: string, extra = ""): { run: Run; command(line: string): string } {
    if (guest === null) throw new Error("no guest");
    const { files, info } = guest;
    const run = makeMachine(
      { kernel: readFileSync(files.vmlinux), initrds: [readFileSync(files["initramfs.cpio"])], cmdline: `${info.cmdline} ${extra}` },
      { memoryMib: 128, cpu, debugExit: null },
    );
    let at = 0;
    const prompt = (): string => {
      if (runUntil(run, () => PROMPT.test(run.serial().slice(at))) !== null) return run.serial().slice(at);
      const text = run.serial().slice(at);
      at = run.serial().length;
      return text;
    };
    prompt();
    return {
      run,
      command: (line) => {
        run.machine.serialInput(Buffer.from(`${line}\r`));
        return prompt();
      },
    };
  }

  it("uses APICs, HPET and ACPI, and warns of nothing", () => {
    const { run, command } = boot("x86-64-v2");
    const warnings = command("dmesg -r | grep '^<[0-4]>'").split("\n").filter((l) => /^<\d>/.test(l));
    // No mouse is plugged in.
    expect(warnings.filter((l) => !l.includes("AUX port disabled"))).toEqual([]);
    const interrupts = command("cat /proc/interrupts");
    expect(interrupts).toMatch(/ 4: .*IO-APIC +4-edge +ttyS0/);
    expect(interrupts).toMatch(/ 9: .*IO-APIC +9-fasteoi +acpi/);
    expect(interrupts).toMatch(/LOC: +[1-9]/);
    expect(command("grep 'Clock Event' /proc/timer_list")).toContain("lapic-deadline");
    expect(command("cat /sys/devices/system/clocksource/clocksource0/available_clocksource")).toMatch(/tsc hpet acpi_pm/);
    // A tick of 27 ms was the PIT's longest.
    const before = run.machine.vcpu.counters.interruptsDelivered;
    const from = run.machine.guestTimeNs;
    runUntil(run, () => run.machine.guestTimeNs > from + 10e9);
    expect((run.machine.vcpu.counters.interruptsDelivered - before) / 10).toBeLessThan(15);
    expect(run.machine.pressPowerButton()).toBe(true);
    expect(runUntil(run, () => false)).toBe("power-off");
  });

  it("powers off and resets by ACPI; runs without TSC-deadline, and without APIC", () => {
    const plain = boot("x86-64-v2,-tsc-deadline");
    expect(plain.command("grep 'Clock Event' /proc/timer_list")).toMatch(/lapic\s/);
    expect(plain.command("poweroff -f")).toContain("reboot: Power down");
    const pic = boot("x86-64-v2,-apic,-x2apic,-tsc-deadline");
    expect(pic.command("cat /proc/interrupts")).toMatch(/ 4: .*XT-PIC/);
    pic.run.machine.serialInput(Buffer.from("reboot -f\r"));
    expect(runUntil(pic.run, () => false)).toBe("reset");
  });
}, 300_000);
