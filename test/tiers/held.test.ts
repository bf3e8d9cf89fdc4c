/**
 * Addresses that a loop does not change, which regions look up before it: not in the TLB by then, over a page's border, not to be written, in
 * memory that another address shows, moved between two runs of the loop, and in loops around calls.
 */
import { describe, expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { ALIAS, CODE, Rig, TABLE } from "./rig.ts";

const PAGE = 0x60;
const OTHER = 0x68;

function run(source: string, tier: "0" | "1", prepare: (rig: Rig) => void = () => undefined): Rig {
  const rig = new Rig(source, { tier });
  const { state } = rig.vcpu;
  for (const page of [PAGE - 1, PAGE, PAGE + 1, OTHER]) for (let i = 0; i < 4096; i++) state.u8[RAM_BASE + (page << 12) + i] = (page * 5 + i * 3) & 0xff;
  prepare(rig);
  rig.vcpu.mmu.flushAll();
  return rig.run(10_000, 400_000);
}

function same(source: string, regions = 2000): void {
  const [reference, ours] = (["0", "1"] as const).map((tier) => run(source, tier));
  expect(ours.result).toEqual(reference.result);
  expect(ours.vcpu.retiredInRegions).toBeGreaterThan(regions);
}

/** The body runs 12 times in each of 40 rounds; `between` runs in each round, before it. */
const nested = (body: string, between = ""): string => `
  mov rdi, 0x60000
  mov rsi, 0x68000
  xor ebx, ebx
  mov r9d, 40
round:
  ${between}
  mov ecx, 12
next:
  ${body}
  dec ecx
  jnz next
  dec r9d
  jnz round
  hlt`;

describe("held addresses give what tier 0 gives", () => {
  it.each([
    ["reads", "add rbx, [rdi+8]\nrol rbx, 3\nxor ebx, [rdi+0x100]\nmovzx eax, byte [rdi+0xfff]\nadd rbx, rax"],
    ["writes and reads of one place", "mov [rdi+16], rbx\nadd rbx, [rdi+16]\ninc dword [rdi+16]\nadd bx, [rdi+17]\nlea rbx, [rbx+rcx*8+5]"],
    ["over a page's border", "add rbx, [rdi+0xffc]\nmov [rdi+0xffe], ebx\nrol rbx, 5\nadd rbx, [rdi-4]"],
    ["two registers", "add rbx, [rdi+rsi*8-0x300000]\nmov eax, [rsi+rdi-0x5fff0]\nadd rbx, rax"],
    ["an absolute place", "add rbx, [0x60010]\nrol rbx, 7\nmov [0x60020], rbx\ninc word [0x60010]"],
    ["arms that are not always taken", "test ecx, 3\njz other\nadd rbx, [rdi+24]\njmp behind\nother:\nmov [rdi+32], ebx\nadd ebx, [rdi+32]\nbehind:\nrol rbx, 9\nxor rbx, [rdi+24]"],
  ])("%s", (_name, body) => same(nested(body)));

  it("a register that other rounds change", () => same(nested("add rbx, [rdi+8]\nmov [rdi+64], ebx\nrol rbx, 3", "xchg rdi, rsi")));
  it("a register that a call changes inside of the loop", () =>
    same(nested("add rbx, [rdi+8]\ncall swap\nrol rbx, 3\nmov [rdi+16], ebx").replace("hlt", "hlt\nswap:\nxchg rdi, rsi\nret")));
  it("a function that is not followed", () =>
    same(nested("add rbx, [rdi+8]\nlea rax, [swap]\ncall rax\nrol rbx, 3\nmov [rdi+16], ebx", "mov r10, rdi").replace("hlt", "hlt\nswap:\nmov rax, rdi\nmov rdi, rsi\nmov rsi, rax\nret")));
  it("the stack", () => same(nested("mov eax, [rsp+8]\nadd rbx, rax\npush rbx\nadd dword [rsp], 3\npop rbx\nmov [rsp+16], ebx\nadd rbx, [rsp+12]", "sub rsp, 8\nand rsp, -64")));
  it("vectors", () => same(nested("movups xmm0, [rdi+8]\npaddd xmm0, [rdi+0x20]\nmovups [rdi+8], xmm0\nmovq rax, xmm0\nadd rbx, rax")));
});

it("a page that tier 0 gives another place in memory between two runs", () => {
  // INVLPG is tier 0's. Linear page 60h is physical page 60h and 68h by turns.
  const source = nested("add rbx, [rdi+8]\nmov [rdi+40], ebx\nrol rbx, 3", `xor byte [${TABLE + 8 * PAGE + 1}], 0x80\ninvlpg [rdi]`);
  const other = ({ vcpu }: Rig): void => {
    vcpu.state.u64[(RAM_BASE + TABLE + 8 * PAGE) >> 3] = 0x60003n;
    for (let i = 0; i < 4096; i++) vcpu.state.u8[RAM_BASE + 0x68000 + i] = (i * 11) & 0xff;
  };
  const [reference, ours] = (["0", "1"] as const).map((tier) => run(source, tier, other));
  expect(ours.result).toEqual(reference.result);
  expect(ours.vcpu.retiredInRegions).toBeGreaterThan(1000);
});

it("a page that may only be read is not written", () => {
  const source = nested("mov eax, [rdi+8]\nadd rbx, rax\ncmp r9d, 3\nja over\nmov [rdi+8], eax\nover:\nxor rbx, [rdi+8]");
  for (const tier of ["0", "1"] as const) {
    expect(() => run(source, tier, ({ vcpu }) => (vcpu.state.u64[(RAM_BASE + TABLE + 8 * PAGE) >> 3] &= ~2n))).toThrow("triple-fault");
  }
});

it("code that a loop writes to by another address is what is executed then", () => {
  // The immediate of `add ebx, 5`, through the alias of the code's page.
  const source = `
    mov rdi, ${ALIAS}
    xor ebx, ebx
    mov ecx, 300
  next:
    mov eax, [rdi+patched-${CODE}-4]
    add ebx, 5
  patched:
    test ecx, 31
    jnz over
    inc byte [rdi+patched-${CODE}-1]
  over:
    rol ebx, 1
    dec ecx
    jnz next
    hlt`;
  const [reference, ours] = (["0", "1"] as const).map((tier) => run(source, tier));
  expect(ours.result).toEqual(reference.result);
  expect(ours.vcpu.retiredInRegions).toBeGreaterThan(200);
});
