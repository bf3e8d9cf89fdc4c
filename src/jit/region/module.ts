/** A batch of regions as one WebAssembly module: memory and helpers imported, slow paths of its own, a function for each region. */
import { HELPERS, type HelperName } from "../../cpu/helpers/signatures.ts";
import {
  FETCH_PPN, FETCH_TAG, FETCH_TLB_BASE, REGION_EXIT, STATE, STATUS, TLB_ADDEND, TLB_READ, TLB_WRITE,
} from "../../cpu/layout.ts";
import { dataEntry, fetchEntry, missFunction } from "../lower/tlb.ts";
import { FunctionBuilder, type ValueType } from "../wasm/function.ts";
import { ModuleBuilder } from "../wasm/module.ts";
import type { RegionIr } from "./build.ts";
import { leavesInstead } from "./exits.ts";
import { SHARED_OPS, sharedFunction } from "../lower/shared-ops.ts";
import { hasTailCalls } from "./links.ts";
import { lowerRegion, type LoweringOptions } from "./lower.ts";
import type { RegionSupport } from "./support.ts";
import type { Liveness } from "./liveness.ts";
import type { RegionNode } from "./node.ts";

export interface BatchItem {
  readonly ir: RegionIr;
  readonly live: Liveness;
  readonly options: LoweringOptions;
}

export interface BatchModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The helpers that the module imports. */
  readonly helpers: readonly HelperName[];
  /** Export names, by item; and bytes of code. */
  readonly functions: readonly { readonly name: string; readonly size: number; readonly body: FunctionBuilder }[];
  /** For dumps. */
  readonly functionName: (index: number) => string | null;
}

function collectHelpers(nodes: readonly RegionNode[], into: Set<HelperName>): void {
  for (const n of nodes) {
    if (leavesInstead(n) !== null) continue;
    if (n.name !== null) into.add(n.name);
    n.bodies.forEach((b) => collectHelpers(b, into));
  }
}

function collectShared(nodes: readonly RegionNode[], into: Set<string>): void {
  for (const n of nodes) {
    if (SHARED_OPS.has(n.op)) into.add(n.op);
    n.bodies.forEach((b) => collectShared(b as readonly RegionNode[], into));
  }
}

export function buildModule(items: readonly BatchItem[], sharedMemory: boolean): BatchModule {
  const m = new ModuleBuilder();
  m.importMemory({ module: "env", name: "memory", minimum: 1, maximum: 65536, shared: sharedMemory });
  const names = new Set<HelperName>();
  for (const i of items) for (const b of i.ir.blocks) collectHelpers(b.nodes, names);
  const readImport = m.importFunction("mmu", "readDirect", ["i32", "i32", "i32"], ["i32"]);
  const writeImport = m.importFunction("mmu", "writeDirect", ["i32", "i32", "i32"], ["i32"]);
  const crossImport = m.importFunction("mmu", "storeCrossing", ["i32", "i32", "i32"], ["i32"]);
  const callOut = m.importFunction("tier0", "callOut", ["i64", "i32", "i64", "i32"], ["i32"]);
  const jumpOut = hasTailCalls() && items.some(({ ir }) => ir.region.links.size > 0) ? m.importFunction("tier0", "jumpOut", ["i64", "i32", "i32"], ["i32"]) : null;
  const helpers = new Map<HelperName, number>();
  for (const n of names) helpers.set(n, m.importFunction("helper", n, HELPERS[n], ["i32"]));
  const operations = new Set<string>();
  for (const i of items) for (const b of i.ir.blocks) collectShared(b.nodes, operations);
  const shared = new Map([...operations].map((op) => [op, m.addFunction(sharedFunction(op))] as const));
  const support = { ...addSupport(m, readImport, writeImport, crossImport, { callOut, jumpOut }, helpers), shared: (op: string) => shared.get(op) ?? -1 };
  const functions = items.map((item, i) => {
    const body = lowerRegion(item.ir, item.live, support, item.options);
    const name = `r${i}`;
    m.export(name, m.addFunction(body));
    return { name, size: body.size, body };
  });
  return { bytes: m.encode(), helpers: [...names], functions, functionName: (index) => m.functionName(index) };
}

function addSupport(m: ModuleBuilder, readImport: number, writeImport: number, crossImport: number, ways: Pick<RegionSupport, "callOut" | "jumpOut">, helpers: ReadonlyMap<HelperName, number>): Omit<RegionSupport, "shared"> {
  const split = (import_: number, name: string): number => {
    const f = new FunctionBuilder(["i64", "i32", "i64"], ["i32"], name);
    f.get(0).op("i32.wrap_i64").get(0).i64(32n).op("i64.shr_u").op("i32.wrap_i64").get(1).call(import_);
    return m.addFunction(f);
  };
  const readMiss = m.addFunction(missFunction("readMiss", TLB_READ, readImport));
  const writeMiss = m.addFunction(missFunction("writeMiss", TLB_WRITE, writeImport));
  const write = m.addFunction(asking("write", TLB_WRITE, writeMiss));
  const crossMiss = split(crossImport, "crossMiss");
  const read = m.addFunction(acrossPages("read", TLB_READ, readMiss));
  const cross = m.addFunction(acrossPages("cross", TLB_WRITE, crossMiss));
  const store: Record<number, number> = {};
  for (const width of [8, 16, 32, 64, 128]) {
    const type: ValueType = width === 128 ? "v128" : width === 64 ? "i64" : "i32";
    const op = width === 128 ? "v128.store" : width === 64 ? "i64.store" : width === 32 ? "i32.store" : `i32.store${width}`;
    const f = new FunctionBuilder(["i64", type, "i64"], ["i32"], `store${width}`);
    const at = f.local("i32");
    askTlb(f, 0, () => f.i32(width / 8 - 1), TLB_WRITE, () => f.get(1).mem(op).i32(0).op("return"));
    f.get(0).i32(width / 8).get(2).call(writeMiss).tee(at).op("i32.eqz");
    const bad = f.unlikely().begin("if", "miss");
    f.get(0).op("i32.wrap_i64").i32(4095).op("i32.and").i32(4096 - width / 8).op("i32.gt_u");
    const crossing = f.begin("if", "crossing");
    f.i32(STATE.scratch).get(1).mem(op).get(0).i32(width / 8).get(2).call(cross).op("i32.eqz").op("return").end(crossing);
    f.i32(1).op("return").end(bad);
    f.get(at).get(1).mem(op).i32(0);
    store[width] = m.addFunction(f);
  }
  return {
    read, write, store, ...ways, checkPage: m.addFunction(checkPageFunction()), helperExit: m.addFunction(helperExitFunction()),
    helper: (name) => helpers.get(name) ?? -1,
  };
}

/**
 * Emits `found` with the access's place in linear memory on the stack, for where the data TLB in use allows it. Accesses of a span that was not looked up (spans.ts)
 * come here first. `last` leaves the distance of the last byte.
 */
function askTlb(f: FunctionBuilder, linear: number, last: () => void, tag: number, found: () => void): void {
  const entry = f.local("i32");
  dataEntry(f, linear).i32(0).mem("i32.load", STATE.tlbBase).op("i32.add").tee(entry).mem("i64.load", tag).get(linear);
  last();
  f.op("i64.extend_i32_u").op("i64.add").i64(-4096n).op("i64.and").op("i64.eq");
  const there = f.likely().begin("if", "there");
  f.get(entry).mem("i32.load", TLB_ADDEND).get(linear).op("i32.wrap_i64").op("i32.add");
  found();
  f.end(there);
}

/** (linear, bytes and SLOW_* flags, tag): what the data TLB says, or else what `miss` answers. */
function asking(name: string, tag: number, miss: number): FunctionBuilder {
  const f = new FunctionBuilder(["i64", "i32", "i64"], ["i32"], name);
  askTlb(f, 0, () => f.get(1).i32(0xff).op("i32.and").i32(1).op("i32.sub"), tag, () => f.op("return"));
  f.get(0).get(1).get(2).call(miss);
  return f;
}

/**
 * (linear, bytes, tag): an access to two pages that the TLB has both. Reading copies to STATE.scratch and answers that; writing copies
 * from there and answers 1. Everything else goes to `miss`.
 */
function acrossPages(name: "read" | "cross", tag: number, miss: number): FunctionBuilder {
  const f = new FunctionBuilder(["i64", "i32", "i64"], ["i32"], name);
  const [linear, bytes, tagFound] = [0, 1, 2];
  const first = f.local("i32");
  const entries = [f.local("i32"), f.local("i32")];
  const page = f.local("i64");
  if (name === "read") askTlb(f, linear, () => f.get(bytes).i32(0xff).op("i32.and").i32(1).op("i32.sub"), tag, () => f.op("return"));
  const slow = f.begin("block", "miss");
  f.i32(4096).get(linear).op("i32.wrap_i64").i32(4095).op("i32.and").op("i32.sub").tee(first).get(bytes).op("i32.ge_u").brIf(slow);
  entries.forEach((e, i) => {
    f.get(linear);
    if (i === 1) f.i64(4096n).op("i64.add");
    f.i64(-4096n).op("i64.and").set(page);
    dataEntry(f, page);
    f.i32(0).mem("i32.load", STATE.tlbBase).op("i32.add").tee(e).mem("i64.load", tag).get(page).op("i64.ne").brIf(slow);
  });
  const near = (): unknown => f.get(linear).op("i32.wrap_i64").get(entries[0]).mem("i32.load", TLB_ADDEND).op("i32.add");
  const far = (): unknown => f.get(page).op("i32.wrap_i64").get(entries[1]).mem("i32.load", TLB_ADDEND).op("i32.add");
  const staged = (): unknown => f.i32(STATE.scratch).get(first).op("i32.add");
  const rest = (): unknown => f.get(bytes).get(first).op("i32.sub");
  if (name === "read") {
    f.i32(STATE.scratch);
    near();
    f.get(first).memoryCopy();
    staged();
    far();
    rest();
    f.memoryCopy().i32(STATE.scratch).op("return");
  } else {
    near();
    f.i32(STATE.scratch).get(first).memoryCopy();
    far();
    staged();
    rest();
    f.memoryCopy().i32(1).op("return");
  }
  f.end(slow).get(linear).get(bytes).get(tagFound).call(miss);
  return f;
}

/** (linear page, physical page number) -> 1 when the fetch TLB maps the one to the other in the present mode. */
function checkPageFunction(): FunctionBuilder {
  const f = new FunctionBuilder(["i64", "i32"], ["i32"], "checkPage");
  const entry = f.local("i32");
  fetchEntry(f, 0).set(entry);
  f.get(entry).mem("i64.load", FETCH_TLB_BASE + FETCH_TAG).get(0).i32(0).mem("i64.load32_u", STATE.fetchKey).op("i64.or").op("i64.eq");
  f.get(entry).mem("i32.load", FETCH_TLB_BASE + FETCH_PPN).get(1).op("i32.eq").op("i32.and");
  return f;
}

/** A helper did not let the instruction go on: (STATUS, its rip, its length, instructions left before it) -> REGION_EXIT. */
function helperExitFunction(): FunctionBuilder {
  const f = new FunctionBuilder(["i32", "i64", "i32", "i32"], ["i32"], "helperExit");
  const [status, rip, length, left] = [0, 1, 2, 3];
  f.get(status).i32(STATUS.fault).op("i32.eq");
  const fault = f.begin("if", "fault");
  f.i32(0).get(rip).mem("i64.store", STATE.rip).i32(0).get(left).mem("i32.store", STATE.regionLeft).i32(REGION_EXIT.fault).op("return").end(fault);
  f.i32(0).get(left).i32(1).op("i32.sub").mem("i32.store", STATE.regionLeft);
  f.get(status).i32(STATUS.jump).op("i32.eq");
  const jump = f.begin("if", "jump");
  f.i32(REGION_EXIT.lookup).op("return").end(jump);
  f.get(status).i32(STATUS.again).op("i32.eq");
  const again = f.begin("if", "again");
  f.i32(0).get(rip).mem("i64.store", STATE.rip).i32(REGION_EXIT.tier0).op("return").end(again);
  f.i32(0).get(rip).get(length).op("i64.extend_i32_u").op("i64.add").mem("i64.store", STATE.rip).i32(REGION_EXIT.leave);
  return f;
}
