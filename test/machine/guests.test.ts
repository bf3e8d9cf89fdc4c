/**
 * Guests of ours on a whole machine. NAME.expected is QEMU's output (tools: `npx tsx test/machine/expect.ts NAME`), or by hand
 * from the manual where QEMU's TCG is not exact; where QEMU is installed, the same image also runs there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { assembleKernel, GUESTS, qemuVersion, readGuest, runKernel, runOnQemu, START, type Ended } from "./guest.ts";
import { BY_HAND, ON_QEMU } from "./list.ts";

const text = (debug: string, exitCode: number | null): string => `${debug}exit ${exitCode}\n`;
const ours = (ended: Ended): string => {
  expect(ended.debug.startsWith(START)).toBe(true);
  return text(ended.debug.slice(START.length), ended.report.exitCode);
};

describe("guests", () => {
  it.each([...ON_QEMU, ...BY_HAND])("%s", (name) => {
    const kernel = assembleKernel(readGuest(name));
    const expected = readFileSync(join(GUESTS, `${name}.expected`), "utf8");
    expect(ours(runKernel(kernel))).toBe(expected);
    // In real-time mode, too; nothing in these guests depends on how fast time passes.
    expect(ours(runKernel(kernel, { deterministic: false }))).toBe(expected);
  });

  it.each(ON_QEMU)("%s: QEMU says the same", (name) => {
    if (qemuVersion() === null) return;
    const { debug, exitCode } = runOnQemu(assembleKernel(readGuest(name)));
    expect(text(debug, exitCode)).toBe(readFileSync(join(GUESTS, `${name}.expected`), "utf8"));
  });

  it("slices of any size make no difference", () => {
    // Interrupt shadows, single steps and timers lie at exact instructions.
    for (const name of ["irq", "faults32", "debug32", "taskfaults32"]) {
      const kernel = assembleKernel(readGuest(name));
      const whole = runKernel(kernel);
      for (const slice of [1, 1009]) {
        const sliced = runKernel(kernel, {}, 60, slice);
        expect([name, slice, sliced.debug]).toEqual([name, slice, whole.debug]);
        expect([name, slice, sliced.machine.vcpu.retired, sliced.machine.guestTimeNs]).toEqual([name, slice, whole.machine.vcpu.retired, whole.machine.guestTimeNs]);
      }
    }
  });
});

describe("bad ends", () => {
  const prologue = `start:\n mov esp, 0x200000\n call setup_gdt32\n`;
  const epilogue = `\n%include lib32.inc\n%include gdt32.inc\n`;
  const run = (body: string, config = {}): Ended => runKernel(assembleKernel(prologue + body + epilogue), config);

  it("triple fault: no IDT", () => {
    const { report, machine } = run(" lidt [.none]\n ud2\n.none: dq 0");
    expect(report).toMatchObject({ kind: "triple-fault", exitCode: 1 });
    expect(report.message).toMatch(/^triple fault at 0x1000[0-9a-f]{2}$/);
    expect(report.registers.join("\n")).toMatch(/^RAX=[^]*RIP=00000000001000[^]*CR0=/);
    expect(report.disassembly.find((l) => l.startsWith("=>"))).toMatch(/0f 0b +ud2/);
    expect(machine.vcpu.state.reg(4)).toBe(0x200000n);
  });
  it("triple fault: a stack that has gone", () => {
    expect(run(" call setup_idt32\n mov ax, 0x58\n mov ss, ax\n mov esp, 0x5000\n push eax").report.kind).toBe("triple-fault");
  });
  it("halted with interrupts off", () => {
    expect(run(" cli\n hlt").report).toMatchObject({ kind: "halted-forever", exitCode: 1 });
  });
  it.each([["port 92h", " mov al, 1\n out 0x92, al"], ["port CF9h", " mov dx, 0xcf9\n mov al, 6\n out dx, al"], ["keyboard controller", " mov al, 0xfe\n out 0x64, al"]])("reset by %s", (_, body) => {
    expect(run(`${body}\n jmp $`).report).toMatchObject({ kind: "reset", exitCode: 0 });
  });
  it("isa-debug-exit: (value << 1) | 1", () => {
    for (const value of [0, 1, 5, 127]) expect(run(` mov eax, ${value}\n jmp exit32`).report).toMatchObject({ kind: "debug-exit", exitCode: value * 2 + 1 });
  });
  it("ports that nobody has are harmless", () => {
    const { debug } = run(" xor edx, edx\n.next:\n cmp dx, 0xf4\n je .skip\n cmp dx, 0x92\n je .skip\n cmp dx, 0xcf9\n je .skip\n cmp dx, 0x64\n je .skip\n in eax, dx\n in al, dx\n.skip:\n inc dx\n jnz .next\n %print \"end\"\n mov eax, 0\n jmp exit32");
    expect(debug).toBe("end");
  });
});
