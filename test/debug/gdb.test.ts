/** GDB on our remote stub: the same scripts against QEMU's must print the same; and what only ours can be asked. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { symbolFile } from "../elf32.ts";
import { assembleWithSymbols } from "../machine/guest.ts";
import { RspClient } from "./rsp-client.ts";
import { hasCommand, runGdb, startOurs, startQemu, type Stub } from "./gdb-session.ts";

const GDB = hasCommand("gdb");
const QEMU = hasCommand("qemu-system-x86_64");
if (!GDB) console.log("gdb is not installed: the remote stub is tested by its packets only");

const tidy = (text: string): string => text.replace(/\r/g, "").replace(/^0x[0-9a-f]+ in \?\? \(\)\n/, "").replace(/^.*\[Inferior 1 .*\n/m, "").replace(/^.*script\.gdb:.*\n/m, "");

/** Arithmetic, calls, loops, strings, the stack, flags in memory, SSE and x87, with defined flags only. No interrupts. */
const WORK = (w: { a: string; b: string; c: string; si: string; di: string; bp: string; word: string; d: string }): string => `
work:
  mov ${w.bp}, 12
.round:
  call mix
  mov ${w.si}, source
  mov ${w.di}, target
  mov ${w.c}, 5
  rep movsb
  mov ${w.c}, 3
  mov ${w.a}, ${w.bp}
  rep stos${w.word}
  mov ${w.di}, target
  mov ${w.c}, 6
  mov al, 0x33
  repnz scasb
  push ${w.a}
  pushf
  pop ${w.d}
  add [counter], ${w.d}
  pop ${w.b}
  movups xmm0, [source]
  paddd xmm1, xmm0
  pxor xmm2, xmm1
  cvtsi2sd xmm3, ebp
  addsd xmm4, xmm3
  fld1
  fldpi
  faddp st1, st
  fstp qword [target]
  dec ${w.bp}
  jnz .round
again:
  inc dword [counter]
  mov eax, [counter]
  jmp again
mix:
  push ${w.c}
  mov ${w.c}, 4
.next:
  lea ${w.a}, [${w.a}*4+${w.bp}+0x1234]
  xor ${w.b}, ${w.a}
  add ${w.d}, ${w.b}
  sub ${w.d}, 77
  adc ${w.a}, 3
  call leaf
  dec ${w.c}
  jnz .next
  pop ${w.c}
  ret
leaf:
  not ${w.b}
  neg ${w.d}
  bswap eax
  ret
align 16
source: db 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 9, 10, 11, 12, 13, 14, 15, 16
target: times 64 db 0
counter: dq 0
`;
const CLEAR32 = " xor eax, eax\n mov ebx, eax\n mov ecx, eax\n mov edx, eax\n mov esi, eax\n mov edi, eax\n mov ebp, eax\n";
const SSE_ON = " mov eax, cr4\n or eax, 0x600\n mov cr4, eax\n fninit\n";
const GUESTS = {
  32: `start:\n mov esp, 0x200000\n call setup_gdt32\n ${SSE_ON} ${CLEAR32}\nmain:\n xor eax, eax\n ${WORK({ a: "eax", b: "ebx", c: "ecx", d: "edx", si: "esi", di: "edi", bp: "ebp", word: "d" })}\n%include lib32.inc\n%include gdt32.inc\n`,
  64: `start:\n mov esp, 0x200000\n call setup_gdt32\n ${SSE_ON} call enter_long\nbits 64\n mov rsp, 0x200000\n ${CLEAR32} mov r8d, 0x1234567\n mov r15, 0x8877665544332211\nmain:\n xor eax, eax\n ${
    WORK({ a: "rax", b: "rbx", c: "rcx", d: "rdx", si: "rsi", di: "rdi", bp: "rbp", word: "q" })}\nbits 32\n%include lib32.inc\n%include gdt32.inc\n%include long.inc\n`,
} as const;

const CPU = ["-cpu", "x86-64-v2"];
const QEMU_CPU = ["-cpu", "Nehalem,vendor=GenuineIntel"];

describe.skipIf(!GDB)("gdb", () => {
  const folder = mkdtempSync(join(tmpdir(), "tabvisor-gdb-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Kernel and a file of its symbols. */
  function build(bits: 32 | 64): { kernel: string; symbols: string } {
    const { bytes, symbols } = assembleWithSymbols(GUESTS[bits]);
    const kernel = join(folder, `kernel${bits}`);
    writeFileSync(kernel, bytes);
    const file = join(folder, `symbols${bits}`);
    // The x86-64 description serves for 32-bit code as well, as with qemu-system-x86_64.
    writeFileSync(file, symbolFile(64, 0x100000, bytes.length, symbols));
    return { kernel, symbols: file };
  }

  async function both(bits: 32 | 64, script: (symbols: string) => string): Promise<{ ours: string; qemu: string | null }> {
    const { kernel, symbols } = build(bits);
    const run = async (start: () => Promise<Stub>): Promise<string> => {
      const stub = await start();
      try {
        return runGdb(stub, script(symbols), 120);
      } finally {
        await stub.stop();
      }
    };
    const ours = await run(() => startOurs(["-kernel", kernel, "-m", "32", ...CPU]));
    // Where it begins (QEMU: in its firmware), and gdb's word for a stub without processes.
    return { ours: tidy(ours), qemu: QEMU ? await run(() => startQemu(["-kernel", kernel, "-m", "32", ...QEMU_CPU])).then(tidy) : null };
  }

  /** Everything but what QEMU leaves out (x87 tags) and what its APIC puts elsewhere. */
  const REGISTERS = "info registers rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags cs ss ds es fs gs fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 cr8 efer fctrl fstat st0 st1 xmm0 xmm1 xmm2 xmm3 xmm4 mxcsr";

  it.each([32, 64] as const)("%d-bit guest: breakpoints, watchpoints, steps and memory as QEMU's", async (bits) => {
    const { ours, qemu } = await both(bits, (symbols) => `
symbol-file ${symbols}
hbreak main
continue
${REGISTERS}
break mix
continue
where 1
${REGISTERS}
stepi 20
${REGISTERS}
x/8i $pc
finish
p/x $rip
delete
watch *(int*)&counter
continue
p/x $rip
p/x *(long*)&counter
rwatch *(int*)&counter
awatch *(int*)&target
continue
p/x $rip
continue
p/x $rip
delete
tbreak again
continue
${REGISTERS}
x/24xb &target
set var *(int*)&counter = 0x1000
set var $rbx = 0x55
stepi 2
p/x $rbx
p/x $eax
monitor info mem
x/2xb 0x7fff00000000
p *(int*)0x123456789000
`);
    expect(ours).toContain("Breakpoint 1, ");
    expect(ours).toContain("Hardware watchpoint 3: *(int*)&counter");
    expect(ours).toContain("Cannot access memory at address 0x");
    if (qemu !== null) expect(ours).toBe(qemu);
  }, 200_000);

  it.each([32, 64] as const)("%d-bit guest: 1,000 single steps, all registers as QEMU's", async (bits) => {
    const { kernel } = build(bits);
    const main = (assembleWithSymbols(GUESTS[bits]).symbols.get("main") ?? 0n).toString(16);
    /** The registers after each step. `idle`: QEMU's on a busy host may have executed nothing, and count for none then. */
    const steps = async (stub: Stub, idle: boolean): Promise<string[]> => {
      try {
        const client = await RspClient.connect(stub.port);
        await client.ask("qSupported");
        expect(await client.ask(`Z1,${main},1`)).toBe("OK");
        expect(await client.ask("c")).toMatch(/^T05/);
        const seen: string[] = [];
        while (seen.length < 1000) {
          expect(await client.ask("s")).toMatch(/^T05/);
          const now = comparable(await client.ask("g"));
          if (!idle || now !== seen.at(-1)) seen.push(now);
        }
        client.close();
        return seen;
      } finally {
        await stub.stop();
      }
    };
    const ours = await steps(await startOurs(["-kernel", kernel, "-m", "32", ...CPU]), false);
    expect(new Set(ours).size).toBeGreaterThan(990);
    if (!QEMU) return;
    const qemu = (await steps(await startQemu(["-kernel", kernel, "-m", "32", ...QEMU_CPU]), true)).map(byTop);
    expect(ours.findIndex((g, i) => g !== qemu[i])).toBe(-1);
  }, 100_000);
});

/** QEMU leaves the x87's tag word out; where it stands in the 64-bit description, in digits. */
const ST_AT = 2 * (17 * 8 + 4 + 6 * 4 + 3 * 8 + 6 * 8);
/** QEMU 7.2 gives the x87's registers in their physical order, which GDB takes for ST(0) to ST(7): brought into the order of TOP. */
function byTop(g: string): string {
  const physical = Array.from({ length: 8 }, (_, i) => g.slice(ST_AT + 20 * i, ST_AT + 20 * (i + 1)));
  const status = ST_AT + 8 * 20 + 8;
  const top = (Number.parseInt(g.slice(status + 2, status + 4), 16) >> 3) & 7;
  return g.slice(0, ST_AT) + physical.map((_, i) => physical[(top + i) & 7]).join("") + g.slice(ST_AT + 8 * 20);
}
const TAGS_AT = 2 * (17 * 8 + 4 + 6 * 4 + 3 * 8 + 6 * 8 + 8 * 10 + 2 * 4);
/** Without the x87's tags, and the five registers of its last instruction behind them, for which QEMU's stub has zeros. */
const comparable = (g: string): string => g.slice(0, TAGS_AT) + g.slice(TAGS_AT + 6 * 8);
