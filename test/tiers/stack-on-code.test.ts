/**
 * A stack on the page of the code that pushes to it: the push that makes one write too many takes the page's decoded instructions away, its own among them, while
 * that instruction is executed.
 */
import { describe, expect, it } from "vitest";
import { assembleProgram } from "../../src/cpu/isa/assembler.ts";
import { CS, DS, RAM_BASE, SS } from "../../src/cpu/layout.ts";
import { CODE, Rig } from "./rig.ts";

type Bits = 16 | 32 | 64;
/** Access rights of code and of stack. SDM 3A §3.4.5. */
const RIGHTS: Readonly<Record<Bits, readonly [number, number]>> = { 16: [0x009b, 0x0093], 32: [0xc09b, 0xc093], 64: [0xa09b, 0xc093] };
const STACK = 0xf00;

/** In 16- and 32-bit code offsets are the page's. */
function rig(bits: Bits, body: string, tier: "0" | "1"): Rig {
  const rig = new Rig("hlt", { tier });
  const s = rig.vcpu.state;
  const base = bits === 64 ? 0n : BigInt(CODE);
  const [code, stack] = RIGHTS[bits];
  s.setSegment(CS, 0x18, base, bits === 16 ? 0xffff : 0xffffffff, code);
  s.setSegment(SS, 0x20, base, bits === 16 ? 0xffff : 0xffffffff, stack);
  s.setSegment(DS, 0x20, base, bits === 16 ? 0xffff : 0xffffffff, stack);
  s.updateMode();
  s.setReg(4, BigInt(STACK + (bits === 64 ? CODE : 0)));
  s.u8.set(assembleProgram(body, { mode: bits, origin: bits === 64 ? CODE : 0 }).bytes, RAM_BASE + CODE);
  return rig;
}

/** What writes, once or several times, what AX is at the end (the function adds 1000), and the modes. WIDE: nothing or `e`, as pushes are wide. */
const BODIES: readonly (readonly [string, string, number, readonly Bits[]])[] = [
  ["a call", "call f", 1001, [16, 32, 64]],
  ["a call behind a push", "push ax\n call f", 1001, [16, 32, 64]],
  ["pushed immediates", "push 300\n push 7\n pop WIDEbx\n pop WIDEax\n cmp bx, 7\n jne wrong\n call f", 1300, [16, 32]],
  ["ENTER with a frame of its own", "mov ebp, esp\n enter 300, 5\n call f\n leave", 1001, [16, 32, 64]],
  ["a pushed byte", "push 42\n pop WIDEax\n call f", 1042, [16, 32]],
];

describe.each(["0", "1"] as const)("tier %s", (tier) => {
  describe.each([16, 32, 64] as const)("%i-bit code", (bits) => {
    it.each(BODIES.filter(([, , , modes]) => modes.includes(bits)))("%s", (_name, body, expected) => {
      for (let pushes = 50; pushes < 70; pushes++) {
        const ax = expected === 1001 ? "mov eax, 1" : "nop";
        const source = `mov ecx, ${pushes}\n xor eax, eax\nagain: push cx\n dec ecx\n jnz again\n ${body.replaceAll("WIDE", bits === 16 ? "" : "e").replace("call f", `${ax}\n call f`)}\n cmp ax, ${expected}\n jne wrong\n mov edx, 1\n hlt\nwrong: mov edx, 2\n hlt\nf: add ax, 1000\n ret`;
        const { vcpu } = rig(bits, source, tier).run();
        expect({ pushes, edx: vcpu.state.reg(2), ax: Number(vcpu.state.reg(0) & 0xffffn) }).toEqual({ pushes, edx: 1n, ax: expected });
      }
    });
  });
});
