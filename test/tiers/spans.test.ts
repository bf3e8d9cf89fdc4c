/**
 * Accesses near each other, of which the first looks all of their bytes up: over a page's border, with a second page that is elsewhere, may not be
 * written or is not there; calls and flushes in between; and 32-bit addresses that wrap.
 */
import { describe, expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { Random } from "../fuzz/random.ts";
import { Rig, TABLE } from "./rig.ts";

const PAGE = 0x60;
const OTHER = 0x68;
const BORDER = (PAGE + 1) << 12;

/** To HLT, or to the fault that nobody handles: with RIP and registers as they were before its instruction. */
function run(source: string, tier: "0" | "1", prepare: (rig: Rig) => void): Rig {
  const rig = new Rig(source, { tier });
  const { state } = rig.vcpu;
  for (const page of [PAGE, PAGE + 1, OTHER]) for (let i = 0; i < 4096; i++) state.u8[RAM_BASE + (page << 12) + i] = (page * 7 + i * 3) & 0xff;
  prepare(rig);
  rig.vcpu.mmu.flushAll();
  try {
    rig.run(10_000, 400_000);
  } catch (e) {
    if (!String(e).includes("triple-fault")) throw e;
  }
  return rig;
}

function same(source: string, prepare: (rig: Rig) => void = () => undefined, regions = 500): void {
  const [reference, ours] = (["0", "1"] as const).map((tier) => run(source, tier, prepare));
  expect(ours.result).toEqual(reference.result);
  expect(ours.vcpu.retiredInRegions).toBeGreaterThan(regions);
}

const entry = (page: number): number => (RAM_BASE + TABLE + 8 * page) >> 3;
const SECOND: Readonly<Record<string, (rig: Rig) => void>> = {
  "behind the first": () => undefined,
  "elsewhere": ({ vcpu }) => (vcpu.state.u64[entry(PAGE + 1)] = BigInt((OTHER << 12) | 3)),
  "read only": ({ vcpu }) => (vcpu.state.u64[entry(PAGE + 1)] &= ~2n),
  "not there": ({ vcpu }) => (vcpu.state.u64[entry(PAGE + 1)] &= ~1n),
};

/** Accesses from `low` to `high` around RDI or RSP, some in an arm. */
function body(random: Random): string {
  const lines: string[] = [];
  for (let i = 0; i < 12; i++) {
    const base = random.int(3) === 0 ? "rsp" : "rdi";
    const at = `[${base}${random.int(2) === 0 ? "+" : "-"}${random.int(70)}]`;
    lines.push(random.pick([
      `mov rax, ${at}\nadd rbx, rax`, `mov ${at}, ebx`, `movzx edx, byte ${at}\nadd rbx, rdx`, `inc dword ${at}`, `mov word ${at}, bx`, `push rbx\nadd rbx, [rsp]\npop rdx`,
      `rol rbx, 7`, `test bl, 4\njz .l${i}\nmov ${at}, rbx\nadd bx, ${at}\n.l${i}:`, `movups xmm0, ${at}\npaddd xmm0, xmm0\nmovups ${at}, xmm0`,
    ]));
  }
  return lines.join("\n");
}

describe.each(Object.keys(SECOND))("the second page %s", (second) => {
  it.each([-200, -100, -60, -40, -8, -3, 0, 5, 50, 100])("from %i on", (from) => {
    for (let seed = 0; seed < 6; seed++) {
      const source = `
        mov rdi, ${BORDER + from}
        mov rsp, ${BORDER + from + 16 * seed}
        xor ebx, ebx
        mov ecx, 60
      next:
        ${body(new Random(1000 * seed + from + 500))}
        dec ecx
        jnz next
        hlt`;
      // Beyond the border it may be the first access that faults.
      same(source, SECOND[second], second === "behind the first" || second === "elsewhere" ? 500 : -1);
    }
  });
});

it("a page that moves between two accesses, in what is called", () => {
  same(`
    mov rdi, 0x60100
    xor ebx, ebx
    mov ecx, 200
  next:
    add rbx, [rdi]
    mov [rdi+8], ebx
    lea rax, [move]
    call rax
    add rbx, [rdi+16]
    mov [rdi+24], ebx
    rol rbx, 3
    dec ecx
    jnz next
    hlt
  move:
    xor byte [${TABLE + 8 * PAGE + 1}], 0x80
    invlpg [rdi]
    ret`);
});

it("32-bit addresses wrap", () => {
  // The last bytes below 4 GiB, of which the tables know nothing, and the first of all.
  same(`
    mov edi, 0x60010
    mov esi, 0xfffa0010
    xor ebx, ebx
    mov ecx, 100
  next:
    add ebx, [edi+8]
    mov [edi+esi*1+0x60010], ebx
    mov eax, [edi-4]
    add ebx, [esi+0xc0020]
    mov [esi+0xc0024], ebx
    add ebx, eax
    dec ecx
    jnz next
    hlt`);
});
