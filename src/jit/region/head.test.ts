/** Where the code around a hot place begins. */
import { expect, it } from "vitest";
import { assembleProgram } from "../../cpu/isa/assembler.ts";
import { decode, Insn } from "../../cpu/decode/decoder.ts";
import { looseCode } from "./form.ts";
import { headOf, isCalled } from "./head.ts";
import type { CodeSource } from "./scan.ts";

const SOURCE = `
before:
 dec eax
 ret
 nop
function:
 test eax, eax
 jz other
 inc eax
place:
 add eax, 2
 call before
returned:
 dec ecx
 jnz place
other:
 jmp before
alone:
 dec ecx
 jnz alone
 ret
hole:
 inc eax
gap:
 inc eax
behind:
 dec eax
 ret
 hlt
halted:
 dec eax
 ret`;

const { bytes, symbols } = assembleProgram(SOURCE, { mode: 64, origin: 0 });
const at = (name: string): number => Number(symbols.get(name) ?? -1n);

/** All of it was decoded, but for what stands at these. */
function decoded(...without: readonly number[]): CodeSource {
  const starts = new Set<number>();
  const insn = new Insn();
  for (let offset = 0; offset < bytes.length; offset += insn.length) {
    decode(bytes, offset, bytes.length, 64, insn);
    starts.add(offset);
  }
  for (const offset of without) starts.delete(offset);
  return { ...looseCode(bytes, 64), known: (offset) => starts.has(offset) };
}

it.each([
  ["place", "function"], ["other", "function"], ["function", "function"], ["before", "before"], ["alone", "alone"], ["behind", "hole"], ["halted", "halted"],
])("of %s it is %s", (place, head) => {
  expect(headOf(decoded(at("function") - 1), at(place))).toBe(at(head));
});

it("what was never executed leads nowhere", () => {
  expect(headOf(decoded(at("gap")), at("behind"))).toBe(at("behind"));
});

it("what a call has led to begins there", () => {
  expect(isCalled(decoded(), at("before"), at("returned"))).toBe(true);
  // Another target; no call before it; nothing on the stack; another page.
  expect(isCalled(decoded(), at("function"), at("returned"))).toBe(false);
  expect(isCalled(decoded(), at("before"), at("other"))).toBe(false);
  expect(isCalled(decoded(), at("before"), 0)).toBe(false);
  expect(isCalled(decoded(), at("before"), at("returned") + 4096)).toBe(false);
});
