/**
 * Accesses through registers that move little, which regions keep the last page of: at the borders of pages that are neighbours in linear
 * memory alone, of pages that may only be read, and at addresses near zero.
 */
import { describe, expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { Rig, TABLE } from "./rig.ts";

/** Linear page 60h is physical page 50h, so that its neighbours in memory are not its own. */
const MAP = 0x60;
const PHYSICAL = 0x50;

function run(source: string, tier: "0" | "1", prepare: (rig: Rig) => void = () => undefined): Rig {
  const rig = new Rig(source, { tier });
  const { state } = rig.vcpu;
  const entry = (page: number): number => (RAM_BASE + TABLE + 8 * page) >> 3;
  state.u64[entry(MAP)] = BigInt((PHYSICAL << 12) | 3);
  for (let i = 0; i < 4096; i++) for (const page of [PHYSICAL - 1, PHYSICAL, PHYSICAL + 1, MAP - 1, MAP, MAP + 1, 0]) state.u8[RAM_BASE + (page << 12) + i] = (page * 7 + i) & 0xff;
  prepare(rig);
  rig.vcpu.mmu.flushAll();
  return rig.run(10_000, 200_000);
}

const LOOP = (body: string): string => `
    mov rdi, 0x60000
    mov ecx, 200
    xor ebx, ebx
  next:
    ${body}
    dec ecx
    jnz next
    hlt
`;

describe.each([
  ["reads over the border behind reads of the upper page", "mov eax, [rdi]\nadd rbx, rax\nmov rdx, [rdi-4]\nadd rbx, rdx\nrol rbx, 3"],
  ["reads over the border behind reads of the lower page", "mov eax, [rdi-8]\nadd rbx, rax\nmov rdx, [rdi-2]\nadd rbx, rdx\nrol rbx, 3"],
  ["writes over the border", "mov [rdi], ecx\nadd dword [rdi+16], 3\nmov [rdi-4], rbx\nadd rbx, [rdi-6]\nrol rbx, 5"],
  ["accesses of all widths at the page's end", "movzx eax, byte [rdi+4095]\nadd rbx, rax\nmov ax, [rdi+4095]\nadd rbx, rax\nmov [rdi+4093], ecx\nmov [rdi+4089], rbx\nrol rbx, 7"],
  ["a register that moves from page to page", "mov eax, [rdi]\nadd rbx, rax\nmov [rdi+60], ebx\nadd rdi, 61\nrol rbx, 1"],
  ["vectors over the border", "movups xmm0, [rdi-16]\nmovups xmm1, [rdi-8]\npaddd xmm0, xmm1\nmovups [rdi-12], xmm0\nmovq rax, xmm0\nadd rbx, rax"],
])("%s", (_name, body) => {
  it("do the same in regions", () => {
    const [reference, ours] = (["0", "1"] as const).map((tier) => run(LOOP(body), tier));
    expect(ours.result).toEqual(reference.result);
    expect(ours.vcpu.retiredInRegions).toBeGreaterThan(500);
  });
});

it("a page that has been read is not taken for one that may be written", () => {
  // The kernel obeys page rights (CR0.WP), and there is no IDT: the first write ends the machine.
  const source = LOOP("mov eax, [rdi]\ncmp ecx, 20\nja over\nmov [rdi+8], eax\nover:\nadd rbx, rax");
  for (const tier of ["0", "1"] as const) {
    expect(() => run(source, tier, ({ vcpu }) => (vcpu.state.u64[(RAM_BASE + TABLE + 8 * MAP) >> 3] &= ~2n))).toThrow("triple-fault");
  }
});

it("addresses near zero hit nothing before they were looked up", () => {
  const source = LOOP("mov eax, [rsi]\nadd rbx, rax\nmov [rsi+8], ebx").replace("xor ebx", "mov rsi, 0x40\nxor ebx");
  const missing = ({ vcpu }: Rig): void => void (vcpu.state.u64[(RAM_BASE + TABLE) >> 3] = 0n);
  for (const tier of ["0", "1"] as const) expect(() => run(source, tier, missing)).toThrow("triple-fault");
  expect(run(source, "1").result).toEqual(run(source, "0").result);
});
