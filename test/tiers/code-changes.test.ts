/**
 * Code that changes under compiled regions: by itself, through another linear address, by another mapping; and regions that go. Each
 * program says what it must come to; tier 0 and tier 1, whole and in slices, must also agree on every register and on the count.
 */
import { describe, expect, it } from "vitest";
import { ALIAS, CODE, Rig, TABLE } from "./rig.ts";

interface Program {
  readonly name: string;
  readonly source: string;
  /** By the program's logic. */
  readonly rax: bigint;
}

/** Too long to be followed into. */
const LONG = "inc rdx\n ".repeat(60);

/** The caller stands behind the function, on the same page. */
const PATCHED = `jmp start\nf: mov eax, 7\n ret\nstart: mov r8d, 40\n xor ebx, ebx\n mov dword [0x20000], 0xb8\nnext:\n mov byte [0x20001], r8b\n mov esi, 0x20000\n lea rdi, [rel f]\n mov ecx, 5\n rep movsb\n call f\n add ebx, eax\n dec r8d\n jnz next\n mov eax, ebx\n hlt`;

/** The immediate of the `mov eax, 1` at the label is at its second byte. */
/** A function on a page that is written to under `count` further addresses, before it is executed and after. */
const aliased = (count: number): Program => {
  const at = Array.from({ length: count }, (_, i) => 0x90 + i);
  const source = [
    ...at.map((page) => `mov qword [${TABLE}+8*${page}], 0x22003\n invlpg [${page << 12}]`),
    "xor ebx, ebx", "mov r9d, 20", "mov r8d, 0x22000",
    "next:", "mov byte [0x22000], 0xb8", ...at.map((page) => `mov dword [${page << 12}+1], 7`), "mov byte [0x22005], 0xc3", "call r8", "add ebx, eax",
    ...at.map((page, i) => `mov byte [${page << 12}+1], ${i + 1}\n call r8\n add ebx, eax`), "mov byte [0x22001], 100", "call r8", "add ebx, eax",
    "dec r9d", "jnz next", "mov eax, ebx", "hlt",
  ].join("\n");
  return { name: `a page that is written under ${count + 1} addresses`, source, rax: BigInt(20 * (7 + (count * (count + 1)) / 2 + 100)) };
};

const PROGRAMS: readonly Program[] = [
  { name: "a loop that counts", source: "xor eax, eax\n mov ecx, 1000\nnext: add eax, 3\n dec ecx\n jnz next\n hlt", rax: 3000n },
  {
    name: "a loop that rewrites an instruction of its own body",
    source: "xor ebx, ebx\n mov ecx, 50\nnext:\n mov byte [rel patch+1], cl\npatch: mov eax, 0\n add ebx, eax\n dec ecx\n jnz next\n mov eax, ebx\n hlt",
    rax: 1275n,
  },
  {
    name: "a store to the very next instruction",
    source: "mov ecx, 20\n xor ebx, ebx\nnext:\n mov dword [rel over], 0x90c3ff90\nover: inc ecx\n nop\n nop\n dec ecx\n jnz next\n mov eax, ebx\n hlt",
    // FF C3 is `inc ebx`, between NOPs.
    rax: 20n,
  },
  {
    name: "a function rewritten by its caller, again and again",
    source: "mov ecx, 40\n xor ebx, ebx\nnext:\n mov byte [rel f+1], cl\n call f\n add ebx, eax\n dec ecx\n jnz next\n mov eax, ebx\n hlt\nf: mov eax, 7\n ret",
    rax: 820n,
  },
  {
    name: "a function rewritten by REP MOVSB of five bytes",
    source: PATCHED,
    rax: 820n,
  },
  aliased(1), aliased(2), aliased(5),
  {
    name: "rewritten through another linear address of its page",
    source: `mov ecx, 40\n xor ebx, ebx\nnext:\n mov byte [patch+1-${CODE}+${ALIAS}], cl\npatch: mov eax, 0\n add ebx, eax\n dec ecx\n jnz next\n mov eax, ebx\n hlt`,
    rax: 820n,
  },
  {
    name: "one physical page executed at two addresses",
    source: `mov ecx, 30\n xor ebx, ebx\nnext:\n call f\n sub rbx, rax\n mov rax, f-${CODE}+${ALIAS}\n call rax\n add rbx, rax\n dec ecx\n jnz next\n mov rax, rbx\n hlt\nf: lea rax, [rel f]\n ret`,
    // The address that RIP shows differs by the distance each time.
    rax: BigInt(30 * (ALIAS - CODE)),
  },
  {
    name: "an instruction over two pages whose second half changes",
    source: `mov ecx, 30\n xor ebx, ebx\nnext:\n mov byte [0x11001], cl\n jmp across\nback:\n add ebx, eax\n dec ecx\n jnz next\n mov eax, ebx\n hlt\ntimes ${CODE}+0xffe-$ db 0x90\nacross: mov eax, 0x100\n jmp back`,
    // B8 imm32 from xFFE: imm bytes 1.. at 11000h; the second byte of the immediate is written.
    rax: BigInt(Array.from({ length: 30 }, (_, i) => (i + 1) << 16).reduce((a, b) => a + b, 0) + 30 * 0x100) & 0xffffffffn,
  },
  {
    name: "code over two pages whose second page is mapped elsewhere",
    // 11000h is shown by page 20000h's copy, and back.
    source: `mov rsi, 0x11000\n mov rdi, 0x20000\n mov ecx, 512\n rep movsq\n mov byte [0x20000+inc_-0x11000+2], 5\n mov r8d, 30\n xor ebx, ebx\nnext:\n xor qword [${TABLE}+8*0x11], 0x31000\n invlpg [0x11000]\n jmp across\nback:\n add ebx, eax\n dec r8d\n jnz next\n mov eax, ebx\n hlt\ntimes ${CODE}+0xff8-$ db 0x90\nacross: xor eax, eax\n nop\n nop\n nop\n nop\n nop\n nop\ninc_: add eax, 3\n jmp back`,
    rax: BigInt(15 * 3 + 15 * 5),
  },
  {
    name: "a page that is data and code by turns",
    source: "mov ecx, 300\n xor ebx, ebx\nnext:\n add dword [rel value], 1\n call f\n add ebx, eax\n dec ecx\n jnz next\n mov eax, ebx\n hlt\nvalue: dd 0\nf: mov eax, [rel value]\n ret",
    rax: 45150n,
  },
  {
    name: "a function that is called by its link, rewritten by its caller",
    source: `mov ecx, 40\n xor ebx, ebx\nnext:\n mov byte [rel f+1], cl\n call f\n call f\n add ebx, eax\n dec ecx\n jnz next\n mov eax, ebx\n hlt\nf: mov eax, 7\n ${LONG} ret`,
    rax: 820n,
  },
  {
    name: "a function that is called by its link, and mapped elsewhere",
    // 11000h is shown by page 20000h's copy, and back.
    source: `jmp start\nstart: mov rsi, 0x11000\n mov rdi, 0x20000\n mov ecx, 512\n rep movsq\n mov byte [0x20000+far_-0x11000+2], 5\n mov r8d, 30\n xor ebx, ebx\nnext:\n xor qword [${TABLE}+8*0x11], 0x31000\n invlpg [0x11000]\n xor eax, eax\n call far_\n call far_\n add ebx, eax\n dec r8d\n jnz next\n mov eax, ebx\n hlt\ntimes ${CODE}+0x1010-$ db 0x90\nfar_: add eax, 3\n ${LONG} ret`,
    rax: BigInt(2 * (15 * 3 + 15 * 5)),
  },
  {
    name: "a function that maps the page elsewhere to which it returns",
    source: `jmp start\nstart: mov rsi, 0x11000\n mov rdi, 0x20000\n mov ecx, 512\n rep movsq\n mov byte [0x20000+inc_-0x11000+2], 5\n mov r8d, 40\n xor ebx, ebx\nnext:\n jmp across\nback:\n dec r8d\n jnz next\n mov eax, ebx\n hlt\ng: xor qword [${TABLE}+8*0x11], 0x31000\n invlpg [0x11000]\n ${LONG} ret\ntimes ${CODE}+0xff8-$ db 0x90\nacross: ${"nop\n ".repeat(8)}call g\ninc_: add ebx, 3\n jmp back`,
    rax: BigInt(20 * 3 + 20 * 5),
  },
  {
    name: "a function that changes the rounding of its caller's arithmetic",
    source: `movsd xmm0, [rel half]\n mov ecx, 40\n xor ebx, ebx\nnext:\n cvtsd2si eax, xmm0\n add ebx, eax\n call g\n cvtsd2si eax, xmm0\n lea ebx, [rbx+rax*8]\n dec ecx\n jnz next\n mov eax, ebx\n hlt\ng: xor dword [rel control], 0x2000\n ldmxcsr [rel control]\n ${LONG} ret\ncontrol: dd 0x1f80\nhalf: dq 0x3ff8000000000000`,
    // 1.5 to the nearest even number is 2, down is 1: by turns before the call and behind it.
    rax: BigInt(20 * (2 + 8 * 1) + 20 * (1 + 8 * 2)),
  },
  {
    name: "a loop over several regions, the last of which rewrites the second",
    source: `mov ecx, 20\n xor eax, eax\nnext:\n ${"inc rbx\n ".repeat(400)}patch: add eax, 0x1234\n ${"inc rbx\n ".repeat(400)}mov byte [rel patch+1], cl\n dec ecx\n jnz next\n hlt`,
    // The first round adds what is there, the others what the round before has written.
    rax: BigInt(0x1234 + Array.from({ length: 19 }, (_, i) => 0x1200 + 20 - i).reduce((a, b) => a + b, 0)),
  },
];

const SLICES = [1, 7, 100, 1_000_000];

describe("programs", () => {
  it.each(PROGRAMS)("$name", ({ source, rax }) => {
    const expected = new Rig(source, { tier: "0" }).run().result;
    const first = new Rig(source, { tier: "1" }).run();
    expect(first.vcpu.state.reg(0)).toBe(rax);
    expect(first.vcpu.retiredInRegions).toBeGreaterThan(0);
    for (const tier of ["0", "1"] as const) {
      for (const slice of SLICES) expect({ tier, slice, ...new Rig(source, { tier }).run(slice).result }).toEqual({ tier, slice, ...expected });
    }
  });
});

it("what a string instruction writes to is decoded again, and nothing behind it", () => {
  const rig = new Rig(PATCHED, { tier: "0" }).run();
  expect(rig.vcpu.state.reg(0)).toBe(820n);
  expect(rig.vcpu.cache.instructionsDecoded).toBeLessThan(40 * 4 + 30);
});

describe("regions that go", () => {
  const many = (count: number): string => [
    "mov r9d, 5", "again:", "xor eax, eax", ...Array.from({ length: count }, (_, i) => `call f${i}`), "dec r9d", "jnz again", "hlt",
    ...Array.from({ length: count }, (_, i) => `f${i}: add eax, ${i}\n${LONG} ret`),
  ].join("\n");

  it("are evicted, and made again when they are needed", () => {
    const expected = new Rig(many(40), { tier: "0" }).run().result;
    const rig = new Rig(many(40), { tier: "1", maxCodeBytes: 20_000 }).run();
    const stats = rig.vcpu.regions?.stats;
    expect(rig.result).toEqual(expected);
    expect(stats?.evicted).toBeGreaterThan(20);
    expect(stats?.wasmBytes).toBeLessThanOrEqual(20_000);
    expect(stats?.compiled).toBeGreaterThan(stats?.regions ?? 0);
  });

  it("leave nobody with a link to them: what takes their place in the table is something else", () => {
    // Two sets of functions by turns, of which the limit holds one.
    const source = ["mov r9d, 6", "again:", "xor eax, eax", ...Array.from({ length: 16 }, (_, i) => `call f${i}`), "dec r9d", "jnz again", "hlt", ...Array.from({ length: 16 }, (_, i) => `f${i}: add eax, ${2 ** i}\n${LONG} ret`)].join("\n");
    const rig = new Rig(source, { tier: "1", maxCodeBytes: 6_000 });
    rig.run();
    expect(rig.vcpu.state.reg(0)).toBe(65535n);
    expect(rig.vcpu.regions?.stats.evicted).toBeGreaterThan(16);
  });

  const counted = PROGRAMS[0];
  const waiting = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await new Promise((r) => setTimeout(r, 5));
  };
  it("a batch that is being compiled while everything is forgotten is never installed", async () => {
    const rig = new Rig(counted.source, { tier: "auto", threshold: 5 });
    rig.vcpu.run(500);
    const regions = rig.vcpu.regions;
    if (regions === null) throw new Error("no regions");
    expect(regions.stats.queue).toBeGreaterThan(0);
    regions.flush();
    rig.vcpu.cache.flush();
    await waiting();
    expect(regions.stats).toMatchObject({ regions: 0, compiled: 0, modules: 1 });
    expect(rig.run().vcpu.state.reg(0)).toBe(counted.rax);
  });
  it("what is compiled in the background goes in between two runs", async () => {
    const rig = new Rig(counted.source, { tier: "auto", threshold: 5 });
    rig.vcpu.run(500);
    rig.vcpu.regions?.flush();
    await waiting();
    expect(rig.vcpu.regions?.stats.regions).toBe(1);
    expect(rig.run().vcpu.state.reg(0)).toBe(counted.rax);
    expect(rig.vcpu.retiredInRegions).toBeGreaterThan(1000);
  });
  it("a write to code that is being compiled keeps it out", async () => {
    const rig = new Rig(counted.source, { tier: "auto", threshold: 5 });
    rig.vcpu.run(500);
    rig.vcpu.regions?.flush();
    // Physical: the page that the loop stands in.
    rig.vcpu.phys.codePages?.onCodeWrite(CODE >> 12, 0, 16);
    await waiting();
    expect(rig.vcpu.regions?.stats).toMatchObject({ regions: 0, invalidated: 1 });
  });
});
