/** Includes, macros and repetitions of assembler sources. */
import { expect, it } from "vitest";
import { UserError } from "../../src/base/errors.ts";
import { assembleFiles } from "../../src/cpu/isa/assembler.ts";

const files: Record<string, string> = {
  main: '%include "macros"\nstart:\n  PUT 5, "a,b"\n  TWICE\n  TWICE\n%rep 3\n  db 7\n%endrep\nlabel: PUT 1, 2 ; a comment\n',
  macros: "%macro PUT 2\n  db %1, %2\n%endmacro\n%macro TWICE 0\n  jmp short %%end\n  nop\n%%end:\n%endmacro\n",
};
const read = (name: string): string => {
  const text = files[name];
  if (text === undefined) throw new UserError(`no file ${name}`);
  return text;
};
const assemble = (main: string): number[] => {
  files["x"] = main;
  return [...assembleFiles("x", read, { mode: 16 }).bytes];
};

it("expands includes, arguments with commas in quotes, labels of one use, repetitions", () => {
  expect([...assembleFiles("main", read, { mode: 16 }).bytes]).toEqual([5, 0x61, 0x2c, 0x62, 0xeb, 1, 0x90, 0xeb, 1, 0x90, 7, 7, 7, 1, 2]);
});
it("a use inside a label's scope does not end the scope", () => {
  files["macros"] = "%macro SKIP 0\n  jmp short %%end\n%%end:\n%endmacro\n";
  expect(assemble('%include "macros"\na:\n.x: nop\n SKIP\n jmp short .x\n')).toEqual([0x90, 0xeb, 0, 0xeb, 0xfb]);
});
it("names the place of an error", () => {
  expect(() => assemble("nop\nfrob ax\n")).toThrow("x:2: unknown instruction frob");
  expect(() => assemble("%macro A 1\n%endmacro\nA\n")).toThrow("x:3: A takes 1 arguments, not 0");
  expect(() => assemble("%rep 2\nnop\n")).toThrow("%rep without %endrep");
  expect(() => assemble("%nonsense\n")).toThrow("x:1: unknown directive %nonsense");
  expect(() => assemble('%include "x"\n')).toThrow("too deeply");
});
it("a colon or a semicolon in quotes is a character", () => {
  expect(assemble("mov al, ':'\nmov ah, ';'\n")).toEqual([0xb0, 0x3a, 0xb4, 0x3b]);
});
