/**
 * Goldens: the stages of some regions, so that a change of the scanner, a lifter, a pass or the lowering shows as a diff. After a
 * wanted change: npx vitest run src/jit/region/golden.test.ts -u, then read the diff.
 */
import { describe, expect, it } from "vitest";
import { assembleProgram } from "../../cpu/isa/assembler.ts";
import { analyse } from "./liveness.ts";
import { codeText, decodedText, dumpRegion, liftedText, optimisedText, readerOf } from "./dump.ts";
import { formRegion, looseCode } from "./form.ts";
import { validateRegion } from "./validate.ts";
import { buildRegion, type RegionIr } from "./build.ts";
import { decodeRegion, encodeRegion } from "./request.ts";
import type { CodeSource } from "./scan.ts";

interface Golden {
  readonly name: string;
  readonly mode: 32 | 64;
  readonly code: string;
  /** Offset of the first byte in its page. */
  readonly start?: number;
  /** Whether it may be entered in the middle. */
  readonly several?: boolean;
}

const CASES: readonly Golden[] = [
  { name: "loop-flags", mode: 64, code: "next:\n add rax, [rdi]\n adc rdx, 0\n add rdi, 8\n dec rcx\n jnz next\n hlt" },
  { name: "cmp-jcc", mode: 64, code: "cmp eax, ebx\n jl less\n test rdx, rdx\n jz less\n mov ecx, 1\n jmp done\nless:\n xor ecx, ecx\ndone:\n hlt" },
  { name: "setcc-cmov", mode: 64, code: "cmp rdi, rsi\n setb al\n movzx eax, al\n cmovae rdx, rcx\n sub rdi, 1\n cmovs rbx, rdi\n hlt" },
  { name: "memory-rmw", mode: 64, code: "add dword [rbx+rcx*4], 5\n inc qword [rbx]\n xor byte [rdi], al\n hlt" },
  { name: "call-ret", mode: 64, code: "mov edi, 3\n call twice\n add eax, edi\n hlt\ntwice:\n lea eax, [rdi+rdi]\n ret" },
  { name: "call-out", mode: 64, code: "push rbx\n call qword [rax]\n add rbx, rax\n pop rbx\n ret" },
  { name: "entries", mode: 64, several: true, code: "cmp edi, 3\n jb small\n call qword [rax]\n inc ebx\nsmall:\n lea ecx, [rdi+1]\nnext:\n add rsi, rcx\n dec ecx\n jnz next\n hlt" },
  { name: "rep-movs", mode: 64, code: "mov ecx, 16\n rep movsq\n hlt" },
  { name: "sse-double", mode: 64, code: "next:\n movsd xmm1, [rdi]\n mulsd xmm1, xmm2\n addsd xmm0, xmm1\n add rdi, 8\n cmp rdi, rsi\n jne next\n hlt" },
  { name: "partial-registers", mode: 64, code: "mov al, 5\n mov ah, bl\n mov cx, ax\n add ch, cl\n movsx edx, cx\n hlt" },
  { name: "byte-compares", mode: 32, code: "next:\n mov cl, [edi]\n cmp cl, dl\n jl out\n cmp cl, 0xf0\n ja out\n mov ax, [esi]\n cmp ax, 0x8000\n jge out\n inc edi\n test cl, cl\n jnz next\nout:\n hlt" },
  { name: "page-crossing", mode: 64, start: 0xffb, code: "mov rax, rbx\n add rax, 0x12345\n mov rcx, rax\n hlt" },
  { name: "indirect-jump", mode: 64, code: "and eax, 3\n jmp [rbx+rax*8]" },
  { name: "flat-32", mode: 32, code: "push ebp\n mov ebp, esp\n mov eax, [ebp+8]\n mov edx, gs:[0x14]\n add eax, [esi+edi*2+4]\n pop ebp\n ret" },
  { name: "held-addresses", mode: 32, code: "next:\n mov eax, [esp+8]\n add [edi+ecx*4], eax\n dec dword [esp+12]\n jnz next\n hlt" },
  { name: "shift-cl", mode: 64, code: "shl eax, cl\n jc out\n sar rdx, 3\n shr ebx, 0x20\nout:\n hlt" },
];

function region(g: Golden): { ir: RegionIr; source: CodeSource; page: bigint } {
  const start = g.start ?? 0;
  const source = looseCode(assembleProgram(g.code, { mode: g.mode, origin: 0x400000 + start }).bytes, g.mode, start);
  const ir = formRegion(source, start, () => true, g.several);
  if (ir === null) throw new Error("no region");
  return { ir, source, page: 0x400000n };
}

describe("golden regions", () => {
  it.each(CASES)("$name", async (g) => {
    const { ir, source, page } = region(g);
    validateRegion(ir, analyse(ir));
    await expect(`${g.code}\n\n${dumpRegion(ir.region, page, readerOf(source))}`).toMatchFileSnapshot(`golden/${g.name}.txt`);
  });

  it.each(CASES)("$name: the same in the compiling thread", (g) => {
    const { ir, source } = region(g);
    const code = (offset: number, length: number): Uint8Array => {
      const view = source.page(offset >> 12);
      if (view === null) throw new Error("no code");
      return source.bytes.subarray(view.at + (offset & 4095), view.at + (offset & 4095) + length);
    };
    const there = buildRegion(decodeRegion(encodeRegion(ir.region, code)));
    expect(optimisedText(there, analyse(there))).toBe(optimisedText(ir, analyse(ir)));
  });

  it("the stages can be had one by one", () => {
    const { ir, source, page } = region(CASES[0]);
    const live = analyse(ir);
    expect(decodedText(ir.region, page, readerOf(source))).toContain("dec rcx");
    expect(liftedText(ir.region, page, readerOf(source))).toContain("cc.test");
    expect(optimisedText(ir, live)).toContain("goto b0 after 5");
    expect(codeText(ir, live)).toContain("i64.add");
    expect(dumpRegion(ir.region, page, readerOf(source), ["decode"])).not.toContain("wasm");
  });
});

describe("what the goldens are to show", () => {
  const optimised = (code: string, mode: 32 | 64 = 64): string => {
    const { ir } = region({ name: "", mode, code });
    return optimisedText(ir, analyse(ir));
  };
  it("flags that the next instruction overwrites are not computed", () => {
    expect(optimised("add rax, rbx\n add rcx, rdx\n hlt")).not.toMatch(/ccR=.*rbx/);
  });
  it("a comparison and its branch are one comparison", () => {
    expect(optimised("cmp eax, ebx\n jl x\n nop\nx:\n hlt")).toMatch(/if i32\.lt_s\(%0, %1\)/);
  });
  it("a call that is followed leaves only where the return address is another", () => {
    const text = optimised(CASES.find((c) => c.name === "call-ret")?.code ?? "");
    expect(text).toContain("i64.eq(");
    expect(text).not.toContain("call ");
  });
  it("an immediate count of zero changes no flags", () => {
    expect(optimised("shr ebx, 0x20\n hlt")).not.toContain("ccR");
  });
});
