/** The interpreter module's support functions: slow paths of memory access, generic effective addresses, segment checks. */
import { SEG_BASE, SEG_MAX_READ, SEG_MAX_WRITE, SEG_MIN, SEG_STRIDE, SEGMENT_FAULT, REC, STATE, TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { EA } from "../../cpu/lift/form.ts";
import { EA_ADD_STEP } from "../../cpu/lift/shift.ts";
import { HELPERS, HELPER_NAMES, type HelperName } from "../../cpu/helpers/signatures.ts";
import { SHARED_OPS, sharedFunction } from "../lower/shared-ops.ts";
import type { Support } from "../lower/frame.ts";
import { missFunction } from "../lower/tlb.ts";
import { FunctionBuilder, type ValueType } from "../wasm/function.ts";
import type { ModuleBuilder } from "../wasm/module.ts";

interface Signature {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}
/** The support functions by the names under which the interpreter exports them, for modules made later (late.ts). */
export const SUPPORT_FUNCTIONS: ReadonlyMap<string, Signature> = new Map<string, Signature>([
  ["readSlow", { params: ["i64", "i32", "i64"], results: ["i32"] }],
  ["writeSlow", { params: ["i64", "i32", "i64"], results: ["i32"] }],
  ...[8, 16, 32, 64, 128].map((width): [string, Signature] => [`storeSlow${width}`, { params: ["i64", storeType(width), "i64"], results: ["i32"] }]),
  ["segmentLinear", { params: ["i64", "i32", "i32", "i32"], results: ["i64"] }],
  ["eaOffset", { params: ["i32", "i64"], results: ["i64"] }],
  ["eaLinear", { params: ["i32", "i64", "i32", "i32"], results: ["i64"] }],
  ...[...SHARED_OPS].map(([op, f]): [string, Signature] => [op, { params: f.params, results: [f.result] }]),
]);

export function exportSupport(m: ModuleBuilder, s: Support): void {
  const at = (name: string): number => {
    if (SHARED_OPS.has(name)) return s.shared(name);
    if (name.startsWith("storeSlow")) return s.storeSlow[Number(name.slice(9))];
    return s[name as "readSlow" | "writeSlow" | "segmentLinear" | "eaOffset" | "eaLinear"];
  };
  for (const name of SUPPORT_FUNCTIONS.keys()) m.export(name, at(name));
}

function storeType(width: number): ValueType {
  return width === 128 ? "v128" : width === 64 ? "i64" : "i32";
}

/** Imports first: WebAssembly numbers imported functions before defined ones. */
export function addSupport(m: ModuleBuilder): Support {
  const readImport = m.importFunction("mmu", "readSlow", ["i32", "i32", "i32"], ["i32"]);
  const writeImport = m.importFunction("mmu", "writeSlow", ["i32", "i32", "i32"], ["i32"]);
  const commit = m.importFunction("mmu", "writeCommit", [], []);
  const helpers = new Map<HelperName, number>();
  for (const name of HELPER_NAMES) helpers.set(name, m.importFunction("helper", name, HELPERS[name], ["i32"]));

  const readSlow = m.addFunction(missFunction("readSlow", TLB_READ, readImport));
  const writeSlow = m.addFunction(missFunction("writeSlow", TLB_WRITE, writeImport));

  const storeSlow: Record<number, number> = {};
  for (const width of [8, 16, 32, 64, 128]) {
    const type = storeType(width);
    const op = width === 128 ? "v128.store" : width === 64 ? "i64.store" : width === 32 ? "i32.store" : `i32.store${width}`;
    const f = new FunctionBuilder(["i64", type, "i64"], ["i32"], `storeSlow${width}`);
    const at = f.local("i32");
    f.get(0).i32(width / 8).get(2).call(writeSlow).tee(at).op("i32.eqz");
    const bad = f.unlikely().begin("if", "fault");
    f.i32(1).op("return").end(bad);
    f.get(at).get(1).mem(op);
    f.get(at).i32(STATE.scratch).op("i32.eq");
    const staged = f.unlikely().begin("if", "staged");
    f.call(commit).end(staged).i32(0);
    storeSlow[width] = m.addFunction(f);
  }

  const segmentLinear = m.addFunction(segmentLinearFunction());
  const eaOffset = m.addFunction(eaOffsetFunction());
  const eaLinear = m.addFunction(eaLinearFunction(eaOffset, segmentLinear));
  const shared = new Map<string, number>();
  for (const op of SHARED_OPS.keys()) shared.set(op, m.addFunction(sharedFunction(op)));
  return {
    readSlow, writeSlow, commit, storeSlow, segmentLinear, eaOffset, eaLinear,
    helper: (name) => helpers.get(name) ?? -1,
    shared: (op) => shared.get(op) ?? -1,
  };
}

/** (offset, segment, size, write) -> linear, or an address that faults. SDM 3A §5.3. */
function segmentLinearFunction(): FunctionBuilder {
  const f = new FunctionBuilder(["i64", "i32", "i32", "i32"], ["i64"], "segmentLinear");
  const [offset, segment, size, write] = [0, 1, 2, 3];
  f.get(offset).get(segment).mem("i64.load", SEG_BASE).op("i64.add").i64(0xffffffffn).op("i64.and");
  f.i64(BigInt(SEGMENT_FAULT)).get(segment).i32(STATE.seg).op("i32.sub").i32(Math.log2(SEG_STRIDE)).op("i32.shr_u").op("i64.extend_i32_u").op("i64.or");
  f.i64(32n).op("i64.shl");
  f.get(offset).get(segment).mem("i64.load", SEG_MIN).op("i64.ge_u");
  f.get(offset).get(size).i32(1).op("i32.sub").op("i64.extend_i32_u").op("i64.add");
  f.get(segment).mem("i64.load", SEG_MAX_WRITE).get(segment).mem("i64.load", SEG_MAX_READ).get(write).op("select").op("i64.le_s");
  f.op("i32.and").op("select");
  return f;
}

/** (record, page) -> offset in the segment, by the record's EA kind. */
function eaOffsetFunction(): FunctionBuilder {
  const f = new FunctionBuilder(["i32", "i64"], ["i64"], "eaOffset");
  const kind = f.local("i32");
  const sum = f.local("i64");
  f.get(0).mem("i32.load8_u", REC.ea).tee(kind).i32(EA.moffs).op("i32.eq");
  const moffs = f.begin("if", "moffs");
  f.get(0).mem("i64.load", REC.imm).op("return").end(moffs);
  // RIP-relative records hold the zero register as base and index.
  f.get(0).mem("i32.load16_u", REC.base).mem("i64.load").get(0).mem("i32.load16_u", REC.index).mem("i64.load");
  f.get(0).mem("i64.load8_u", REC.scale).op("i64.shl").op("i64.add").get(0).mem("i64.load32_s", REC.disp).op("i64.add").set(sum);
  f.get(kind).i32(EA.rip).op("i32.eq").get(kind).i32(EA.rip32).op("i32.eq").op("i32.or");
  const rip = f.begin("if", "rip");
  f.get(sum).get(1).op("i64.add").set(sum).end(rip);
  f.get(sum).i64(-1n);
  f.i64(0xffffn).i64(0xffffffffn).get(kind).i32(EA.legacy16).op("i32.eq").op("select");
  f.get(kind).i32(EA.full32).op("i32.lt_u").op("select").op("i64.and");
  return f;
}

/** (record, page, size | EA_ADD_STEP, write) -> linear address. */
function eaLinearFunction(eaOffset: number, segmentLinear: number): FunctionBuilder {
  const f = new FunctionBuilder(["i32", "i64", "i32", "i32"], ["i64"], "eaLinear");
  const offset = f.local("i64");
  const kind = f.local("i32");
  const segment = f.local("i32");
  f.get(0).get(1).call(eaOffset).set(offset);
  f.get(0).mem("i32.load8_u", REC.ea).set(kind);
  f.get(0).mem("i32.load16_u", REC.seg).set(segment);
  f.get(2).i32(EA_ADD_STEP).op("i32.and");
  const step = f.begin("if", "step");
  f.get(offset).i32(0).mem("i64.load", STATE.ret + 24).op("i64.add");
  f.i64(-1n).i64(0xffffn).i64(0xffffffffn).get(kind).i32(EA.legacy16).op("i32.eq").op("select");
  f.get(kind).i32(EA.full32).op("i32.lt_u").op("select").op("i64.and").set(offset).end(step);
  f.get(kind).i32(EA.legacy16).op("i32.ge_u");
  const legacy = f.begin("if", "legacy");
  f.get(offset).get(segment).get(2).i32(255).op("i32.and").get(3).call(segmentLinear).op("return").end(legacy);
  f.get(offset).get(segment).mem("i64.load", SEG_BASE).op("i64.add");
  return f;
}
