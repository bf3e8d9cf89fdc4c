/** Every VEX form lifts to valid IR and compiles in a module of its own; each is made once. What it computes: test/differential, test/silicon. */
import { describe, expect, it } from "vitest";
import { validateIr } from "../../cpu/ir/print.ts";
import type { Node } from "../../cpu/ir/ir.ts";
import { HELPER_NAMES } from "../../cpu/helpers/signatures.ts";
import { STATUS } from "../../cpu/layout.ts";
import { RecordContext } from "../../cpu/lift/context.ts";
import { formKey } from "../../cpu/lift/form.ts";
import { lift } from "../../cpu/lift/index.ts";
import { compiledInterpreter } from "./compiled.ts";
import { allForms } from "./forms.ts";
import { AT_START } from "./generate.ts";
import { LateHandlers } from "./late.ts";

const forms = allForms(true).filter((f) => f.entry.vex);
const calls = (nodes: readonly Node[]): string[] => nodes.flatMap((n) => [...(n.name === null ? [] : [n.name]), ...n.bodies.flatMap(calls)]);

describe("VEX forms", () => {
  it("give valid IR, none of it unimplemented", () => {
    expect(forms.length).toBeGreaterThan(1000);
    for (const form of forms) {
      const nodes = lift(new RecordContext(form));
      expect(() => validateIr(nodes), form.entry.source).not.toThrow();
      expect(calls(nodes), form.entry.source).not.toContain("undefinedInstruction");
    }
  });

  it("what a guest's start needs is among all forms, and not compiled late", () => {
    const keys = new Set(allForms().map(formKey));
    expect([...AT_START].filter((key) => !keys.has(key))).toEqual([]);
    const { info } = compiledInterpreter(new WebAssembly.Memory({ initial: 1, maximum: 65536 }));
    expect([...AT_START].filter((key) => info.handlers.get(key)?.generic === undefined)).toEqual([]);
  });

  it("become handlers behind the interpreter's own", () => {
    const memory = new WebAssembly.Memory({ initial: 32, maximum: 32 });
    const { module, info } = compiledInterpreter(memory);
    const imports = {
      env: { memory }, mmu: { readSlow: () => 0, writeSlow: () => 0, writeCommit: () => undefined },
      helper: Object.fromEntries(HELPER_NAMES.map((n) => [n, () => STATUS.next])),
    };
    const { exports } = new WebAssembly.Instance(module, imports);
    const late = new LateHandlers(info, memory, imports, exports);
    const first = late.handler(forms[0]);
    expect(late.handler(forms[1])).toBe(first + 1);
    expect(late.handler({ ...forms[0] })).toBe(first);
    // More than the table grows by at once.
    const numbers = new Set(forms.slice(0, 300).map((f) => late.handler(f)));
    expect(numbers.size).toBe(300);
    expect(Math.max(...numbers)).toBe(first + 299);
    expect((exports["handlers"] as WebAssembly.Table).length).toBeGreaterThanOrEqual(info.outlinedCount + 300);
  });
});
