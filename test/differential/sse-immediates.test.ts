/** Immediates that are known when code is emitted (tier 1) take other paths through the SSE lifters: same results as run-time ones. */
import { expect, it } from "vitest";
import type { Form, OperandForm } from "../../src/cpu/lift/form.ts";
import { RecordContext } from "../../src/cpu/lift/context.ts";
import { lift } from "../../src/cpu/lift/index.ts";
import { REC, STATE, STATUS, XMM_STRIDE } from "../../src/cpu/layout.ts";
import { HELPER_NAMES } from "../../src/cpu/helpers/signatures.ts";
import { sizeInBits } from "../../src/cpu/isa/sizes.ts";
import { type Frame, LocalPool, type Support } from "../../src/jit/lower/frame.ts";
import { Lowerer } from "../../src/jit/lower/lower.ts";
import { addSupport } from "../../src/jit/interpreter/support.ts";
import { FunctionBuilder } from "../../src/jit/wasm/function.ts";
import { ModuleBuilder } from "../../src/jit/wasm/module.ts";
import { ENTRIES, Random } from "./sse-cases.ts";

class ConstantContext extends RecordContext {
  constructor(form: Form, private readonly value: number) {
    super(form);
  }
  override immediate(width: number): ReturnType<RecordContext["immediate"]> {
    return this.constant(width, this.value);
  }
}

function handler(c: RecordContext, support: Support, name: string): FunctionBuilder {
  const fb = new FunctionBuilder(["i32", "i64"], ["i32"], name);
  const end = (status: number) => (): void => {
    fb.i32(status).op("return");
  };
  const frame: Frame = {
    fb, support, rec: 0, vpage: 1, locals: new LocalPool(fb), tlbBase: () => fb.i32(0), sync: () => undefined,
    next: end(STATUS.next), again: end(STATUS.again), direct: end(STATUS.jump), jump: () => fb.op("drop").i32(STATUS.jump).op("return"),
    fault: end(STATUS.fault), status: (local) => fb.get(local).op("return"),
  };
  new Lowerer(frame).lower(lift(c));
  fb.op("unreachable");
  return fb;
}

const REGISTERS = { G: "gpr", R: "gpr", E: "gpr", P: "mmx", N: "mmx", Q: "mmx" } as const;
const RECORD = 0x8000;
const SKIPPED = /^pcmp.str|^aes|^pcl|^sha/;

it("constant and run-time immediates agree for all 256 values", () => {
  const forms: Form[] = [];
  for (const entry of ENTRIES) {
    if (!entry.operands.some((o) => o.code === "I") || entry.modKind === "mem" || SKIPPED.test(entry.lift)) continue;
    for (const opSize of entry.operands.some((o) => o.size === "y") ? [32, 64] as const : [32] as const) {
      const operands = entry.operands.map(({ code, size }): OperandForm => {
        if (code === "I") return { kind: "imm", width: 8, reg: null };
        const reg = code in REGISTERS ? REGISTERS[code as keyof typeof REGISTERS] : "xmm";
        return { kind: "reg", reg, width: reg === "xmm" ? 128 : reg === "mmx" ? 64 : sizeInBits(size, { mode: 64, opSize, addrSize: 64, vexL: 0 }) };
      });
      forms.push({ entry, opSize, addrSize: 0, rep: 0, mode: null, operands, ea: "generic" });
    }
  }
  expect(forms.length).toBeGreaterThan(50);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const u8 = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  view.setUint32(STATE.mxcsr, 0x1f80, true);
  const random = new Random(9);
  const imports = {
    env: { memory }, mmu: { readSlow: () => 0, writeSlow: () => 0, writeCommit: () => undefined },
    // Only NaNs and special MXCSRs call a helper; both ways then do.
    helper: Object.fromEntries(HELPER_NAMES.map((n) => [n, () => STATUS.next])),
  };
  for (const form of forms) {
    const m = new ModuleBuilder();
    m.importMemory({ module: "env", name: "memory", minimum: 1, maximum: 1, shared: false });
    const support = addSupport(m);
    m.export("any", m.addFunction(handler(new RecordContext(form), support, "any")));
    for (let i = 0; i < 256; i++) m.export(`k${i}`, m.addFunction(handler(new ConstantContext(form, i), support, `k${i}`)));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), imports);
    const call = (name: string): void => {
      (exports[name] as (rec: number, page: bigint) => number)(RECORD, 0n);
    };
    form.operands.forEach((o, i) => {
      if (o.kind !== "reg") return;
      const at = o.reg === "gpr" ? STATE.gpr + 8 * (i + 1) : o.reg === "mmx" ? STATE.fpr + 16 * (i + 1) : STATE.xmm + XMM_STRIDE * (i + 1);
      view.setUint16(RECORD + REC.reg0 + 2 * i, at, true);
    });
    const before = new Uint8Array(STATE.ret - STATE.gpr);
    for (let i = 0; i < 256; i++) {
      for (let k = 0; k < 2; k++) {
        for (const start of [STATE.gpr, STATE.fpr, STATE.xmm]) for (let b = 0; b < 128; b++) u8[start + b] = random.next();
        before.set(u8.subarray(STATE.gpr, STATE.ret));
        view.setInt32(RECORD + REC.imm, i, true);
        call("any");
        const wanted = u8.slice(STATE.gpr, STATE.ret);
        u8.set(before, STATE.gpr);
        call(`k${i}`);
        const got = u8.slice(STATE.gpr, STATE.ret);
        expect(Buffer.compare(wanted, got), `${form.entry.source}, immediate ${i}`).toBe(0);
      }
    }
  }
});
