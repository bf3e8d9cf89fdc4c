/** Comparisons of bytes and words, which regions make 32-bit ones of: every condition, boundary values, registers and constants; and parts of registers that were written. */
import { expect, it } from "vitest";
import { RAM_BASE } from "../../src/cpu/layout.ts";
import { Rig } from "./rig.ts";

const CONDITIONS = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];
const WIDTHS = [
  { bits: 8, a: "al", b: "bl", values: [0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff] },
  { bits: 16, a: "ax", b: "bx", values: [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff] },
] as const;

/** Each pair of values through `compare`, with jcc and setcc; what came out is mixed into edx. */
function program(values: readonly number[], bits: number, compare: readonly string[]): string {
  const size = bits / 8;
  const load = bits === 8 ? ["mov al, [rsi]", "mov bl, [rdi]"] : ["mov ax, [rsi]", "mov bx, [rdi]"];
  const lines = ["mov rax, 0x1122334455667788", "mov rbx, 0x8877665544332211", "xor edx, edx", "mov r8d, 3", "again:", "mov rsi, 0x30000", "outer:", "mov rdi, 0x30000", "inner:", ...load];
  compare.forEach((text, n) => {
    for (const condition of CONDITIONS) {
      lines.push(text, `set${condition} cl`, "movzx ecx, cl", "rol edx, 1", "xor edx, ecx", text, `j${condition} over${n}${condition}`, "add edx, 5", `over${n}${condition}:`);
    }
  });
  lines.push("add edx, eax", `add rdi, ${size}`, `cmp rdi, ${0x30000 + size * values.length}`, "jb inner", `add rsi, ${size}`, `cmp rsi, ${0x30000 + size * values.length}`, "jb outer", "dec r8d", "jnz again", "hlt");
  return lines.join("\n");
}

it.each(WIDTHS)("$bits bits", ({ bits, a, b, values }) => {
  const constants = values.map((v) => `cmp ${a}, ${v}`);
  for (const compare of [[`cmp ${a}, ${b}`, `sub ${a}, ${b}`], ...constants.map((text) => [text])]) {
    const source = program(values, bits, compare);
    const run = (tier: "0" | "1"): { result: unknown; compiled: number } => {
      const rig = new Rig(source, { tier });
      const view = new DataView(rig.vcpu.state.u8.buffer);
      values.forEach((v, i) => (bits === 8 ? view.setUint8(RAM_BASE + 0x30000 + i, v) : view.setUint16(RAM_BASE + 0x30000 + 2 * i, v, true)));
      rig.run(1_000_000, 10_000_000);
      return { result: rig.result, compiled: rig.vcpu.retiredInRegions };
    };
    const one = run("1");
    expect(one.result).toEqual(run("0").result);
    expect(one.compiled).toBeGreaterThan(values.length * values.length * 100);
  }
});
