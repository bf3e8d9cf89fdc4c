/** The second-level TLB: what the data TLB has lost comes back without a page walk, and nothing that the guest has invalidated does. */
import { describe, expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { Rig, TABLE } from "./rig.ts";

/** Linear pages 8 MiB apart share an entry of the data TLB. */
const FAR = 0x80_0000;

function rig(source: string, tier: "0" | "1"): Rig {
  const r = new Rig(source, { tier });
  const { u64 } = r.vcpu.state;
  // The fifth 2 MiB are the first ones again, by the same table.
  u64[(RAM_BASE + 0x3000 + 8 * 4) >> 3] = BigInt(TABLE | 3);
  for (let page = 0x11; page <= 0x13; page++) u64[(RAM_BASE + page * 4096) >> 3] = BigInt(page);
  return r;
}
const ROUNDS = 200;
const take = `mov rax, [0x11000]\n add rbx, rax\n mov rax, [${FAR + 0x12000 - 0x1000}]\n add rbx, rax\n`;

describe.each(["0", "1"] as const)("second-level TLB, tier %s", (tier) => {
  it("gives back what another page has taken the place of, for reads and writes", () => {
    const r = rig(`xor ebx, ebx\n mov ecx, ${ROUNDS}\nnext:\n ${take} mov [0x11008], rbx\n mov [${FAR + 0x11010}], rbx\n dec ecx\n jnz next\n hlt`, tier).run();
    expect(r.vcpu.state.reg(3)).toBe(BigInt(ROUNDS * 2 * 0x11));
    expect(r.vcpu.mmu.tlbMisses).toBeLessThan(12);
  });

  it("gives back what a page 64 MiB or 128 MiB away has taken the place of, as a stack's and a mapping's are", () => {
    const source = `xor ebx, ebx\n mov ecx, ${ROUNDS}\nnext:\n mov rax, [0x11000]\n add rbx, rax\n mov rax, [0x4011000]\n add rbx, rax\n mov [0x8011008], rbx\n dec ecx\n jnz next\n hlt`;
    const r = rig(source, tier);
    for (const entry of [32, 64]) r.vcpu.state.u64[(RAM_BASE + 0x3000 + 8 * entry) >> 3] = BigInt(TABLE | 3);
    expect(r.run().vcpu.state.reg(3)).toBe(BigInt(ROUNDS * 2 * 0x11));
    expect(r.vcpu.mmu.tlbMisses).toBeLessThan(12);
  });

  it.each([["INVLPG", "invlpg [0x11000]"], ["a CR3 write", "mov rdx, cr3\n mov cr3, rdx"]])("forgets at %s", (_name, forget) => {
    const change = `mov dword [${TABLE + 8 * 0x11}], 0x13003\n ${forget}\n`;
    const r = rig(`xor ebx, ebx\n ${take} ${take} ${change} mov rsi, [0x11000]\n mov rdi, [${FAR + 0x14000}]\n mov rsi, [0x11000]\n hlt`, tier).run();
    expect(r.vcpu.state.reg(6)).toBe(0x13n);
  });

  it("forgets in great numbers: generations are used again", () => {
    const source = `xor ebx, ebx\n mov ecx, 2100\n mov r8d, 0x11003\nnext:\n mov [${TABLE + 8 * 0x11}], r8\n mov rdx, cr3\n mov cr3, rdx\n ${take} xor r8d, 0x2000\n dec ecx\n jnz next\n hlt`;
    const r = rig(source, tier).run();
    // Page 0x11 and page 0x13 in turn, seen at both addresses.
    expect(r.vcpu.state.reg(3)).toBe(BigInt(2100 * (0x11 + 0x13)));
  });

  it("notices decoded code", () => {
    const source = `mov ecx, 3\nnext:\n mov [0x12000], rcx\n mov rax, [${FAR + 0x12000}]\n mov byte [0x13000], 0xc3\n mov rax, 0x13000\n call rax\n mov [0x12008], rcx\n mov byte [0x13000], 0x90\n mov byte [0x13001], 0xc3\n call rax\n dec ecx\n jnz next\n hlt`;
    expect(rig(source, tier).run().vcpu.state.reg(1)).toBe(0n);
  });
});
