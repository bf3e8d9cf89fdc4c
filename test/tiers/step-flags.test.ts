/** INC and DEC leave CF's operands alone, and their result says the rest: every condition and PUSHF after them, behind a join too, against the manual's definition. */
import { describe, expect, it } from "vitest";
import { ARITH_FLAGS, RAM_BASE } from "../../src/cpu/layout.ts";
import { Rig } from "./rig.ts";

const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];
const WIDTHS = [{ bits: 8, reg: "al" }, { bits: 16, reg: "ax" }, { bits: 32, reg: "eax" }, { bits: 64, reg: "rax" }] as const;
const VALUES = 0x30000;
/** Of even and of odd rounds. */
const RESULTS = [0x40000, 0x48000] as const;
const REPORT_BYTES = 64;
const ROUNDS = 400;

/** Around zero, where the low digit carries, and around the highest and lowest signed numbers. */
function valuesOf(bits: number): bigint[] {
  const top = 1n << BigInt(bits - 1);
  return [0n, 1n, 0xfn, 0x10n, 0x7en, top - 2n, top - 1n, top, top + 1n, 2n * top - 2n, 2n * top - 1n];
}

/** SDM Vol. 2 "INC", "DEC": CF is not affected; OF, SF, ZF, AF and PF are set according to the result. The six flags, then whether each condition holds. */
function expected(bits: number, value: bigint, by: 1n | -1n, cf: boolean): { flags: number; truths: boolean[] } {
  const exact = BigInt.asIntN(bits, value) + by;
  const result = BigInt.asUintN(bits, exact);
  const of = BigInt.asIntN(bits, result) !== exact;
  const zf = result === 0n;
  const sf = BigInt.asIntN(bits, result) < 0n;
  const af = (((value ^ result) >> 4n) & 1n) === 1n;
  const ones = (result & 0xffn).toString(2).replaceAll("0", "").length;
  const pf = ones % 2 === 0;
  const flags = Number(cf) | (Number(pf) << 2) | (Number(af) << 4) | (Number(zf) << 6) | (Number(sf) << 7) | (Number(of) << 11);
  return { flags, truths: [of, cf, zf, cf || zf, sf, pf, sf !== of, zf || sf !== of].flatMap((truth) => [truth, !truth]) };
}

interface Case {
  readonly name: string;
  readonly cf: boolean;
  /** By how much the value changes in an even and in an odd round. */
  readonly by: readonly [1n | -1n, 1n | -1n];
  lines(reg: string, label: string): string[];
}

const straight = (name: "inc" | "dec", cf: boolean): Case => {
  const by = name === "inc" ? 1n : -1n;
  return { name: `${name}, CF ${Number(cf)}`, cf, by: [by, by], lines: (reg) => [cf ? "stc" : "clc", `${name} ${reg}`] };
};
/** Which of the two it was cannot be told behind the join. CF is a comparison's. */
const joined = (cf: boolean): Case => ({
  name: `either, CF ${Number(cf)}`, cf, by: [-1n, 1n],
  lines: (reg, label) => [
    "test r8d, 1", `jz ${label}down`, `cmp r9d, ${cf ? 8 : 6}`, `inc ${reg}`, `jmp ${label}up`, `${label}down:`, `cmp r9d, ${cf ? 9 : 5}`, `dec ${reg}`, `${label}up:`,
  ],
});
const CASES: readonly Case[] = [straight("inc", false), straight("inc", true), straight("dec", false), straight("dec", true), joined(false), joined(true)];

function program(reg: string, values: number): string {
  const lines = [`mov r8d, ${ROUNDS}`, "mov r9d, 7", "round:", `mov rsi, ${VALUES}`, `mov rdi, ${RESULTS[0]}`, "test r8d, 1", "jz next", `mov rdi, ${RESULTS[1]}`, "next:"];
  CASES.forEach((c, n) => {
    lines.push("mov rax, [rsi]", ...c.lines(reg, `c${n}`));
    // None of these changes a flag.
    CONDITIONS.forEach((condition, i) => lines.push(`set${condition} byte [rdi + ${i}]`));
    CONDITIONS.forEach((condition, i) => lines.push(`mov byte [rdi + ${16 + i}], 1`, `j${condition} c${n}${condition}`, `mov byte [rdi + ${16 + i}], 0`, `c${n}${condition}:`));
    lines.push("pushfq", "pop rcx", "mov [rdi + 32], ecx", "lahf", "mov [rdi + 36], ah", `add rdi, ${REPORT_BYTES}`);
  });
  lines.push("add rsi, 8", `cmp rsi, ${VALUES + 8 * values}`, "jb next", "dec r8d", "jnz round", "hlt");
  return lines.join("\n");
}

describe.each(WIDTHS)("$bits bits", ({ bits, reg }) => {
  it.each(["0", "1"] as const)("tier %s", (tier) => {
    const values = valuesOf(bits);
    const rig = new Rig(program(reg, values.length), { tier });
    const view = new DataView(rig.vcpu.state.u8.buffer);
    values.forEach((v, i) => view.setBigUint64(RAM_BASE + VALUES + 8 * i, v, true));
    rig.run(1_000_000, 10_000_000);
    if (tier === "1") expect(rig.vcpu.retiredInRegions).toBeGreaterThan(ROUNDS * values.length * CASES.length * 30);
    for (const parity of [0, 1] as const) {
      values.forEach((value, i) => {
        CASES.forEach((c, n) => {
          const at = RAM_BASE + RESULTS[parity] + REPORT_BYTES * (CASES.length * i + n);
          const want = expected(bits, value, c.by[parity], c.cf);
          const bytes = (from: number): boolean[] => Array.from({ length: 16 }, (_, k) => view.getUint8(at + from + k) !== 0);
          const got = { set: bytes(0), jumped: bytes(16), flags: view.getUint32(at + 32, true) & ARITH_FLAGS, low: view.getUint8(at + 36) };
          expect(got, `0x${value.toString(16)}, ${c.name}`).toEqual({ set: want.truths, jumped: want.truths, flags: want.flags, low: (want.flags & 0xff) | 2 });
        });
      });
    }
  });
});
