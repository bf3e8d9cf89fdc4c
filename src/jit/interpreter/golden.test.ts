/**
 * Goldens: the IR and the emitted WebAssembly of some instructions, so that a change in a lifter or in the lowering shows
 * as a diff. After a wanted change: npx vitest run src/jit/interpreter/golden.test.ts -u
 */
import { describe, expect, it } from "vitest";
import { DECODE_OK, decode, Insn } from "../../cpu/decode/decoder.ts";
import { HELPER_NAMES } from "../../cpu/helpers/signatures.ts";
import { printIr, validateIr } from "../../cpu/ir/print.ts";
import { assemble } from "../../cpu/isa/assembler.ts";
import { GPR64 } from "../../cpu/isa/registers.ts";
import { STATE } from "../../cpu/layout.ts";
import { RecordContext } from "../../cpu/lift/context.ts";
import { type EaKind, type Form, formKey } from "../../cpu/lift/form.ts";
import { lift } from "../../cpu/lift/index.ts";
import type { Support } from "../lower/frame.ts";
import { FunctionBuilder } from "../wasm/function.ts";
import { ModuleBuilder } from "../wasm/module.ts";
import { wasmText } from "../wasm/text.ts";
import { allForms, formOf, specialisations } from "./forms.ts";
import { outlinedHandler } from "./handlers.ts";
import { addSupport } from "./support.ts";

const CASES: readonly (readonly [file: string, text: string, ea: EaKind])[] = [
  ["add-r32-r32", "add ecx, edx", "generic"],
  ["add-m64-r64-bd", "add qword [rbx+16], rdx", "bd"],
  ["mov-r64-m64-sib", "mov rax, [rbx+rcx*8+8]", "sib"],
  ["mov-r32-m32-rip", "mov eax, [rel 0x1000]", "rip"],
  ["cmp-r64-r64", "cmp rax, rbx", "generic"],
  ["jl", "jl 0x10", "generic"],
  ["je", "je 0x10", "generic"],
  ["push-r64", "push rbx", "generic"],
  ["shl-r32-cl", "shl edx, cl", "generic"],
  ["adc-r64-r64", "adc rax, rbx", "generic"],
  ["movzx-r32-r8", "movzx eax, bl", "generic"],
  ["rep-stosq", "rep stosq", "generic"],
  ["call-rel32", "call 0x12345", "generic"],
  ["div-r64", "div rbx", "generic"],
  ["cmovne-r64-r64", "cmovne rax, rbx", "generic"],
  ["lock-cmpxchg-m32-r32-bd", "lock cmpxchg [rdi], edx", "bd"],
  ["paddd-xmm-xmm", "paddd xmm1, xmm2", "generic"],
];

const insn = new Insn();

function formFrom(text: string, ea: EaKind): Form {
  const bytes = assemble(text, { mode: 64 });
  const padded = new Uint8Array(16);
  padded.set(bytes);
  expect(decode(padded, 0, 16, 64, insn)).toBe(DECODE_OK);
  expect(insn.length).toBe(bytes.length);
  return { ...formOf(insn), ea };
}

/** The state block by name, so that a moved field changes no golden. */
const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(STATE).map(([name, at]) => [at, name] as const),
  ...GPR64.map((name, i) => [STATE.gpr + 8 * i, name] as const),
  [STATE.ret + 24, "ret[3]"],
]);

function functionNames(support: Support): Map<number, string> {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(support) as [string, Support[keyof Support]][]) {
    if (typeof value === "number") names.set(value, `$${name}`);
    else if (typeof value === "object") for (const [width, index] of Object.entries(value)) names.set(index, `$${name}.${width}`);
  }
  for (const name of HELPER_NAMES) names.set(support.helper(name), `$helper.${name}`);
  return names;
}

const support = addSupport(new ModuleBuilder());
const names = functionNames(support);

const irText = (form: Form): string => printIr(lift(new RecordContext(form))).replace(/@0x([0-9a-f]+)/g, (all, hex: string) => {
  const name = NAMES.get(parseInt(hex, 16));
  return name === undefined ? all : `@${name}`;
});

const codeText = (form: Form): string => wasmText(outlinedHandler(form, support).codeBytes(), {
  functionName: (index) => names.get(index) ?? null,
  offsetName: (offset) => NAMES.get(offset) ?? null,
});

describe("golden", () => {
  it.each(CASES)("%s", async (file, text, ea) => {
    const form = formFrom(text, ea);
    const golden = `${text}\n${formKey(form)} @ ${form.ea}\n\n${irText(form)}\n${codeText(form)}`;
    await expect(golden).toMatchFileSnapshot(`golden/${file}.txt`);
  });
});

describe("the lifters", () => {
  it("give valid IR for every form and specialisation", () => {
    for (const generic of allForms()) {
      for (const form of [generic, ...specialisations(generic)]) {
        const nodes = lift(new RecordContext(form));
        try {
          validateIr(nodes);
        } catch (e) {
          throw new Error(`${formKey(form)} @ ${form.ea}: ${e instanceof Error ? e.message : String(e)}`, { cause: e });
        }
      }
    }
  });
});

describe("WebAssembly text", () => {
  it("prints every kind of immediate", () => {
    const f = new FunctionBuilder(["i32"], ["i32"]);
    const outer = f.begin("block", "outer", "i32");
    const inner = f.begin("loop", "inner");
    f.get(0).brTable([inner, outer], outer);
    f.end(inner).i32(-1).end(outer);
    f.op("drop").i64(-0x8000000000000000n).op("drop").f64(1.5).op("drop").f32(0.25).op("drop");
    f.v128([...Array(16).keys()]).lane("i8x16.extract_lane_u", 3).op("drop");
    f.get(0).mem("i64.load", 300).op("drop").get(0).get(0).get(0).memoryCopy().call(7).callIndirect(2);
    expect(wasmText(f.codeBytes(), { functionName: (i) => (i === 7 ? "$seven" : null), offsetName: (o) => (o === 300 ? "field" : null) })).toBe(
      "block i32\n  loop\n    local.get 0\n    br_table 0 1 1\n  end\n  i32.const -1\nend\ndrop\ni64.const -9223372036854775808\ndrop\nf64.const 1.5\ndrop\n" +
      "f32.const 0.25\ndrop\nv128.const 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\ni8x16.extract_lane_u 3\ndrop\nlocal.get 0\ni64.load offset=field\ndrop\n" +
      "local.get 0\nlocal.get 0\nlocal.get 0\nmemory.copy\ncall $seven\ncall_indirect type=2 table=0\n");
  });

  it("refuses what is no instruction", () => {
    expect(() => wasmText(Uint8Array.of(0xff))).toThrow("no instruction");
    expect(() => wasmText(Uint8Array.of(0x41))).toThrow("ends inside");
  });
});
