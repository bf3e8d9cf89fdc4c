/** A store into the very next instruction takes effect at once, also where both run as one superinstruction. SDM 3A §11.6. */
import { describe, expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { CODE, type Case } from "./format.ts";
import { Machine } from "./machine.ts";
import { makePool } from "./pool.ts";

const UD2 = [0x0f, 0x0b];
const BETWEEN = [0x89, 0xdb]; // mov ebx,ebx

/** Registers after the code, which ends in UD2; its pages are made writable. */
function run(code: readonly number[], registers: Readonly<Record<number, bigint>>): BigUint64Array {
  const machine = new Machine(makePool(1));
  const { state, mmu } = machine.vcpu;
  for (let i = 0; i < 2; i++) state.u64[(RAM_BASE + 0x5000) / 8 + i] |= 2n;
  mmu.flushAll();
  const gpr = new BigUint64Array(16);
  for (const [n, v] of Object.entries(registers)) gpr[Number(n)] = v;
  const c: Case = {
    code: Uint8Array.from([...code, ...UD2]), codeOffset: 0, undefinedFlags: 0, flags: 0, mxcsr: 0x1f80, gpr, xmm: new Uint16Array(16),
    fpr: new Uint16Array(8), fcw: 0x37f, fsw: 0, ftw: 0, useFpu: 0, entry: 0, patches: [], mode: 64,
  };
  return machine.run(c).gpr;
}

describe("a store into the next instruction", () => {
  const at = BigInt(CODE);
  // mov [rax],ecx; add edx,0x11111111, whose immediate becomes 0x22222222.
  const add = [0x81, 0xc2, 0x11, 0x11, 0x11, 0x11];
  it.each([["directly", []], ["one further on", BETWEEN]])("32 bits of its immediate, %s", (_name, between) => {
    expect(run([0x89, 0x08, ...between, ...add], { 0: at + 4n + BigInt(between.length), 1: 0x22222222n })[2]).toBe(0x22222222n);
  });

  // mov [rax],cl; sub rdx,0x11111111, the immediate's low byte becoming 0x22.
  const sub = [0x48, 0x81, 0xea, 0x11, 0x11, 0x11, 0x11];
  it.each([["directly", []], ["one further on", BETWEEN]])("the low byte of its immediate, %s", (_name, between) => {
    expect(run([0x88, 0x08, ...between, ...sub], { 0: at + 5n + BigInt(between.length), 1: 0x22n })[2]).toBe(0xffffffffeeeeeeden);
  });

  it("the whole instruction", () => {
    // mov [rax],rcx; mov rdx,rsi, which becomes mov rdx,rdi and nops.
    const code = [0x48, 0x89, 0x08, 0x48, 0x89, 0xf2, 0x90, 0x90, 0x90, 0x90, 0x90];
    expect(run(code, { 0: at + 3n, 1: 0x9090909090fa8948n, 6: 0x66n, 7: 0x77n })[2]).toBe(0x77n);
  });
});
