/** What a CPU model does not advertise raises #UD. Which processor brought what: SDM 1 §2, SDM 2. */
import { describe, expect, it } from "vitest";
import { assembleKernel, runKernel } from "./guest.ts";

/** An instruction, and the first of our models that has it. */
const SINCE = [
  ["cpuid", "486"], ["bswap eax", "486"], ["cmpxchg ecx, eax", "486"], ["xadd ecx, eax", "486"], ["invlpg [0]", "486"], ["fld1", "486"],
  ["rdtsc", "pentium3"], ["cmpxchg8b [scratch]", "pentium3"], ["cmovz eax, ecx", "pentium3"], ["fcmovb st0, st1", "pentium3"],
  ["fcomi st0, st1", "pentium3"], ["emms", "pentium3"], ["fxsave [area]", "pentium3"], ["movaps xmm0, xmm1", "pentium3"], ["sfence", "pentium3"],
  ["addpd xmm0, xmm1", "qemu32"], ["lfence", "qemu32"], ["haddps xmm0, xmm1", "qemu32"],
  ["pshufb xmm0, xmm1", "x86-64-v2"], ["crc32 eax, cl", "x86-64-v2"], ["movbe eax, [0]", "x86-64-v2"], ["rdrand eax", "x86-64-v2"],
] as const;
const MODELS = ["486", "pentium3", "qemu32", "x86-64-v2"] as const;

describe("CPU models", () => {
  it.each(MODELS)("%s has what it says", (cpu) => {
    const code = SINCE.map(([text]) => `%print "|"\n%try ${text}`).join("\n");
    const kernel = assembleKernel(`
      start:
        mov esp, 0x200000
        call setup_gdt32
        call setup_idt32
        mov dword [quiet], 1
        mov eax, cr4
        ${cpu === "486" ? "" : "or eax, 0x200"}
        mov cr4, eax
        fninit
        ${code}
        mov eax, 0
        jmp exit32
      align 16
      scratch: dd 0, 0, 0, 0
      area: times 512 db 0
      %include lib32.inc
      %include gdt32.inc
    `);
    const { debug, report } = runKernel(kernel, { cpu });
    expect(report.kind).toBe("debug-exit");
    const said = debug.split("|").slice(1).map((t, i) => [SINCE[i][0], t.trim() === "" ? "runs" : t.trim()]);
    expect(said).toEqual(SINCE.map(([text, since]) => [text, MODELS.indexOf(cpu) >= MODELS.indexOf(since) ? "runs" : "00000006 00000000"]));
  });
});
