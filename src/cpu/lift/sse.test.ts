/** Every MMX and SSE form lifts to valid IR. What it computes is checked against a real CPU in test/differential. */
import { describe, expect, it } from "vitest";
import { sizeInBits } from "../isa/sizes.ts";
import { ISA, type IsaEntry } from "../isa/isa.ts";
import { validateIr } from "../ir/print.ts";
import type { Node } from "../ir/ir.ts";
import { RecordContext } from "./context.ts";
import { type Form, liftName, type OperandForm, type RegKind } from "./form.ts";
import { lift, LIFTERS } from "./index.ts";

const FEATURES = new Set(["mmx", "sse", "sse2", "sse3", "ssse3", "sse4_1", "sse4_2", "aes", "pclmulqdq", "sha"]);
/** FISTTP is an x87 instruction. */
const entries = ISA.filter((e) => FEATURES.has(e.feature) && !e.vex && e.lift !== "fisttp");

const REGISTER: Partial<Record<string, RegKind>> = { G: "gpr", R: "gpr", E: "gpr", P: "mmx", N: "mmx", Q: "mmx", V: "xmm", U: "xmm", W: "xmm", fixed: "xmm" };

function operands(e: IsaEntry, opSize: number, memory: boolean): OperandForm[] {
  const size = { mode: 64, opSize, addrSize: 64, vexL: 0 };
  return e.operands.map(({ code, size: s }): OperandForm => {
    const width = sizeInBits(s, size);
    if (code === "I") return { kind: "imm", width: 8, reg: null };
    if (code === "M" || ("EQW".includes(code) && memory)) return { kind: "mem", width, reg: null };
    const reg = REGISTER[code] ?? "gpr";
    return { kind: "reg", width: reg === "xmm" ? 128 : reg === "mmx" ? 64 : width, reg };
  });
}

/** Constant immediates take other paths through the lifters. */
class ConstantContext extends RecordContext {
  constructor(form: Form, private readonly value: number) {
    super(form);
  }
  override immediate(width: number): ReturnType<RecordContext["immediate"]> {
    return this.constant(width, this.value);
  }
}

const calls = (nodes: readonly Node[]): string[] => nodes.flatMap((n) => [...(n.name === null ? [] : [n.name]), ...n.bodies.flatMap(calls)]);

describe("MMX and SSE lifters", () => {
  it("exist for the whole table", () => {
    expect(entries.filter((e) => LIFTERS[liftName(e)] === undefined).map((e) => e.source)).toEqual([]);
    expect(entries.length).toBeGreaterThan(380);
  });
  it("give valid IR in every form", () => {
    for (const entry of entries) {
      for (const opSize of [32, 64] as const) {
        for (const memory of [false, true]) {
          for (const mode of ["64", "legacy"] as const) {
            const form: Form = { entry, opSize, addrSize: 32, rep: 0, mode, operands: operands(entry, opSize, memory), ea: "generic" };
            for (const c of [new RecordContext(form), ...[0, 5, 17, 0x4b, 255].map((k) => new ConstantContext(form, k))]) {
              const nodes = lift(c);
              expect(() => validateIr(nodes), entry.source).not.toThrow();
              expect(calls(nodes), entry.source).not.toContain("undefinedInstruction");
            }
          }
        }
      }
    }
  });
});
