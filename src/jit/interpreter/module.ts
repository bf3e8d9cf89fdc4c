/**
 * Generates the tier-0 interpreter: one WebAssembly function with a br_table over the hot forms, and one function for each
 * further form behind a table. Both come from the same lifters (DESIGN.md §3).
 */
import {
  EXIT, FETCH_PPN, FETCH_SLOTS, FETCH_TAG, FETCH_KEY_COMPILED, FETCH_TLB_BASE, INLINE_MAX, PROFILE_BASE, REC, RECORD_SIZE, REGION_EXIT, REGION_TABLE_SIZE,
  STATE, STATUS,
} from "../../cpu/layout.ts";
import { MXCSR_CONTROL } from "../../cpu/helpers/sse-ops.ts";
import type { Node } from "../../cpu/ir/ir.ts";
import { RecordContext } from "../../cpu/lift/context.ts";
import { type EaKind, type Form, formKey } from "../../cpu/lift/form.ts";
import { lift } from "../../cpu/lift/index.ts";
import { LocalPool, type Frame, type Support } from "../lower/frame.ts";
import { Lowerer } from "../lower/lower.ts";
import { fetchEntry } from "../lower/tlb.ts";
import { countEntry } from "../region/links.ts";
import { FunctionBuilder, type Label } from "../wasm/function.ts";
import { ModuleBuilder, type MemoryImport } from "../wasm/module.ts";
import { firstOutlined, type InterpreterModule, outlinedHandler, PSEUDO, PSEUDO_COUNT, TABLE_EXPORT } from "./handlers.ts";
import { addSupport, exportSupport } from "./support.ts";
import { arrive, type ArrivalLocals, follow, peek } from "./arrivals.ts";

/** Regions that can be installed at a time. */
const REGION_TABLE = 1;

/** A form to be generated; `inline` puts it into the br_table. */
export interface HandlerRequest {
  readonly form: Form;
  readonly inline: boolean;
}

export interface GenerateOptions {
  /** "forms" counts dispatches by handler at PROFILE_BASE, "pairs" those of one inline handler after another, both at PROFILE_BASE. */
  readonly profile?: "forms" | "pairs" | null;
  /** With function names. */
  readonly names?: boolean;
  /** Sequences of two inline forms, as indices into the inline requests, that get a handler of their own. */
  readonly pairs?: readonly (readonly [number, number])[];
}

export function generateInterpreter(requests: readonly HandlerRequest[], memory: MemoryImport, options: GenerateOptions = {}): InterpreterModule {
  const m = new ModuleBuilder();
  m.importMemory(memory);
  const support = addSupport(m);
  const handlers = new Map<string, Partial<Record<EaKind, number>>>();
  const register = (form: Form, index: number): void => {
    const key = formKey(form);
    const entry = handlers.get(key) ?? {};
    entry[form.ea] = index;
    handlers.set(key, entry);
  };
  const inline = requests.filter((r) => r.inline).map((r) => r.form);
  const isInline = new Set(inline.map((f) => `${formKey(f)}@${f.ea}`));
  const outlined = requests.filter((r) => !r.inline && !isInline.has(`${formKey(r.form)}@${r.form.ea}`)).map((r) => r.form);
  inline.forEach((form, i) => register(form, PSEUDO_COUNT + i));
  const pairs = (options.pairs ?? []).map(([a, b], i) => [PSEUDO_COUNT + a, PSEUDO_COUNT + b, PSEUDO_COUNT + inline.length + i] as const);
  const first = firstOutlined({ inlineCount: inline.length, pairs });
  const table: number[] = [];
  const handlerType = m.type(["i32", "i64"], ["i32"]);
  outlined.forEach((form, i) => {
    table.push(m.addFunction(outlinedHandler(form, support)));
    register(form, first + i);
  });
  m.setTable(table);
  m.exportTable(TABLE_EXPORT, 0);
  m.exportTable("regions", m.addTable(REGION_TABLE_SIZE));
  exportSupport(m, support);
  const regionType = m.type(["i64", "i32"], ["i32"]);
  // In a circle: callOut, interpretHere, interpret, callOut.
  const callOut = m.addFunction(callOutFunction(regionType, m.nextFunction + 1));
  m.export("callOut", callOut);
  m.addFunction(interpretHereFunction(m.nextFunction + 1));
  const interpret = m.addFunction(new RunFunction(support, inline, options.pairs ?? [], first, handlerType, callOut, options.profile ?? null).build());
  m.export("run", m.addFunction(new FunctionBuilder([], ["i32"], "run").i32(0).i32(0).i64(NOWHERE).i64(0n).call(interpret)));
  return { bytes: m.encode(options.names ?? true), handlers, pairs, inlineCount: inline.length, outlinedCount: outlined.length };
}

/** No instruction's address: an expected address that is never reached. */
const NOWHERE = 0x7fff000000000001n;
/** In callOut's index: the interpreter calls. */
const OF_TIER0 = 1 << 31;
/** Calls open between regions at most: each has a frame on the host's stack. */
const MAX_DEPTH = 100;

/**
 * (rip, instructions left, expected rip, index or 0, or with OF_TIER0) -> -1 or REGION_EXIT. Runs regions from `rip` on, one after the other, until control is at
 * the expected address in the mode of the call (-1), or one of them must leave. The first may be known by its index in the table (region/links.ts).
 * What has no region runs in tier 0 right here unless that has called, so that one instruction that is tier 0's does not end all regions that are open.
 * The state block is current before and after.
 */
function callOutFunction(regionType: number, interpretHere: number): FunctionBuilder {
  const f = new FunctionBuilder(["i64", "i32", "i64", "i32"], ["i32"], "callOut");
  const [rip, left, expected, index] = [0, 1, 2, 3];
  const entry = f.local("i32");
  const rec = f.local("i32");
  const slot = f.local("i32");
  const status = f.local("i32");
  const depth = f.local("i32");
  const generation = f.local("i32");
  const skip = f.local("i32");
  const mode = f.local("i64");
  const nest = f.local("i32");
  const leave = (code: () => void): void => {
    f.i32(0).get(depth).mem("i32.store", STATE.regionDepth);
    code();
    f.op("return");
  };
  const { state, stopped } = words(f);
  const stale = (): FunctionBuilder => state(STATE.regionGeneration).get(generation).op("i32.ne");
  state(STATE.regionDepth).tee(depth).i32(MAX_DEPTH).op("i32.lt_u");
  const shallow = f.likely().begin("if", "shallow");
  f.i32(0).get(depth).i32(1).op("i32.add").mem("i32.store", STATE.regionDepth);
  f.i32(0).mem("i64.load", STATE.tlbBase).set(mode);
  state(STATE.regionGeneration).set(generation);
  f.get(index).i32(0).op("i32.ge_s").set(nest);
  f.get(index).i32(~OF_TIER0).op("i32.and").set(index);
  const next = f.begin("loop", "next");
  const none = f.begin("block", "none");
  const known = f.begin("block", "known");
  // What was dropped meanwhile may have taken links with it.
  f.get(index).i32(0);
  state(STATE.regionStop).op("i32.eqz").op("select").brIf(known);
  fetchEntry(f, rip).set(entry);
  f.get(entry).mem("i64.load", FETCH_TLB_BASE + FETCH_TAG).get(rip).i64(-4096n).op("i64.and").i32(0).mem("i64.load32_u", STATE.fetchKey).op("i64.or").op("i64.ne").unlikely().brIf(none);
  f.get(entry).mem("i32.load", FETCH_TLB_BASE + FETCH_SLOTS);
  f.get(rip).op("i32.wrap_i64").i32(4095).op("i32.and").i32(2).op("i32.shl").op("i32.add").set(slot);
  peek(f, { slot, record: rec, scratch: [entry, entry] });
  f.get(rec).op("i32.eqz").brIf(none);
  f.get(rec).mem("i32.load16_u", REC.handler).i32(PSEUDO.region).op("i32.ne").brIf(none);
  f.get(rec).mem("i32.load", REC.region).set(index);
  f.end(known);
  countEntry(f, index, entry);
  // For the function that stands where nothing is compiled.
  f.i32(0).get(rip).mem("i64.store", STATE.rip).i32(0).get(left).mem("i32.store", STATE.regionLeft);
  f.get(rip).get(left).get(index).callIndirect(regionType, REGION_TABLE).set(status);
  f.get(status).i32(REGION_EXIT.tier0).op("i32.gt_u");
  const must = f.unlikely().begin("if", "must");
  leave(() => f.get(status));
  f.end(must);
  f.i32(0).mem("i64.load", STATE.rip).set(rip);
  state(STATE.regionLeft).set(left).i32(0).set(index);
  f.get(status).tee(skip).unlikely().brIf(none);
  stopped();
  const stop = f.unlikely().begin("if", "stop");
  leave(() => f.i32(REGION_EXIT.lookup));
  f.end(stop);
  // The caller's code is for its own mode.
  f.get(rip).get(expected).op("i64.ne").i32(0).mem("i64.load", STATE.tlbBase).get(mode).op("i64.ne").op("i32.or").brIf(next);
  leave(() => f.i32(REGION_EXIT.lookup).i32(-1).also(stale).op("select"));
  f.end(none);

  f.i32(0).get(rip).mem("i64.store", STATE.rip).i32(0).get(left).mem("i32.store", STATE.regionLeft);
  f.get(nest);
  const here = f.begin("if", "here");
  f.get(skip).get(expected).get(mode).get(generation).call(interpretHere).set(skip).end(here);
  leave(() => f.get(skip));
  f.end(next).end(shallow);
  f.i32(0).get(rip).mem("i64.store", STATE.rip).i32(0).get(left).mem("i32.store", STATE.regionLeft).i32(REGION_EXIT.lookup);
  return f;
}

/** Loads of the state block for `f`. */
function words(f: FunctionBuilder): { state(at: number): FunctionBuilder; stopped(): FunctionBuilder } {
  const state = (at: number): FunctionBuilder => f.i32(0).mem("i32.load", at);
  return {
    state,
    // Something wants to be looked at.
    stopped: () => {
      state(STATE.regionStop);
      state(STATE.limit);
      return state(STATE.regionLimit).op("i32.ne").op("i32.or");
    },
  };
}

/**
 * (REGION_EXIT.tier0 or 0, expected rip, the mode there, STATE.regionGeneration at the call) -> -1 or REGION_EXIT, as callOut: tier 0 from STATE.rip on, in
 * code that tier 1 compiles.
 */
function interpretHereFunction(interpret: number): FunctionBuilder {
  const f = new FunctionBuilder(["i32", "i64", "i64", "i32"], ["i32"], "interpretHere");
  const [skip, expected, mode, generation] = [0, 1, 2, 3];
  const from = f.local("i32");
  const status = f.local("i32");
  const fpu = f.local("i32");
  const mxcsr = f.local("i32");
  const { state, stopped } = words(f);
  // The interpreter wants to enter regions.
  state(STATE.regionDepth).i32(MAX_DEPTH).op("i32.ge_u");
  state(STATE.fetchKey).i32(FETCH_KEY_COMPILED).op("i32.and").op("i32.eqz").op("i32.or");
  stopped().op("i32.or");
  const up = f.begin("if", "up");
  f.get(skip).op("return").end(up);
  state(STATE.fpuGate).set(fpu);
  state(STATE.mxcsr).i32(MXCSR_CONTROL).op("i32.and").set(mxcsr);
  state(STATE.regionLimit);
  state(STATE.regionLeft).op("i32.sub").tee(from).get(skip).get(expected).get(mode).call(interpret).set(status);
  // What ran here is no region's.
  f.i32(0).i32(0).mem("i64.load", STATE.regionCount);
  state(STATE.icount).get(from).op("i32.sub").op("i64.extend_i32_s").op("i64.sub").mem("i64.store", STATE.regionCount);
  f.get(status).i32(EXIT.returned).op("i32.ne");
  const out = f.begin("if", "out");
  f.get(status).i32(REGION_EXIT.ran).op("i32.add").op("return").end(out);
  f.i32(0);
  state(STATE.regionLimit);
  state(STATE.icount).op("i32.sub").mem("i32.store", STATE.regionLeft);
  state(STATE.fpuGate).get(fpu).op("i32.ne");
  state(STATE.mxcsr).i32(MXCSR_CONTROL).op("i32.and").get(mxcsr).op("i32.ne").op("i32.or");
  const changed = f.unlikely().begin("if", "changed");
  f.i32(0);
  state(STATE.regionGeneration).i32(1).op("i32.add").mem("i32.store", STATE.regionGeneration).end(changed);
  f.i32(REGION_EXIT.lookup).i32(-1);
  state(STATE.regionGeneration).get(generation).op("i32.ne");
  stopped().op("i32.or").op("select");
  return f;
}

/** Whether an instruction may change guest memory. */
function writesMemory(nodes: readonly Node[]): boolean {
  return nodes.some((n) => /^(st\.|rmw\.begin|ptr\.write|call)/.test(n.op) || n.bodies.some((b) => writesMemory(b)));
}

/** (instructions executed in this slice, REGION_EXIT.tier0 or 0, expected rip, the mode there) -> EXIT. Executes from STATE.rip until something stops it. */
class RunFunction {
  private readonly fb = new FunctionBuilder(["i32", "i32", "i64", "i64"], ["i32"], "interpret");
  private readonly icount = 0;
  /** The region at the next record is not to be entered. */
  private readonly skip = 1;
  private readonly expected = 2;
  private readonly mode = 3;
  private readonly rec = this.fb.local("i32");
  private readonly vpage = this.fb.local("i64");
  private readonly rip = this.fb.local("i64");
  private readonly tlb = this.fb.local("i32");
  private readonly key = this.fb.local("i64");
  private readonly statusLocal = this.fb.local("i32");
  private readonly entry = this.fb.local("i32");
  private readonly counter = this.fb.local("i32");
  /** Slot of the last arrival: where the present run of instructions began. */
  private readonly leader = this.fb.local("i32");
  private readonly target = this.fb.local("i32");
  /** Profile builds: the record before. */
  private readonly previous = this.fb.local("i32");
  private readonly locals = new LocalPool(this.fb);

  constructor(
    private readonly support: Support,
    private readonly inline: readonly Form[],
    private readonly pairs: readonly (readonly [number, number])[],
    private readonly firstOutlined: number,
    private readonly handlerType: number,
    private readonly callOut: number,
    private readonly profile: "forms" | "pairs" | null,
  ) {}

  private loadMode(): void {
    const { fb } = this;
    fb.i32(0).mem("i32.load", STATE.tlbBase).set(this.tlb);
    fb.i32(0).mem("i64.load32_u", STATE.fetchKey).set(this.key);
  }

  /** Leaves with STATE.rip = page + u16 at `ripField` of the record (or the rip local when null). */
  private leave(code: number, ripField: number | null, uncount: boolean): void {
    const { fb } = this;
    fb.i32(0);
    if (ripField === null) fb.get(this.rip);
    else fb.get(this.vpage).get(this.rec).mem("i64.load16_u", ripField).op("i64.add");
    fb.mem("i64.store", STATE.rip);
    fb.i32(0).get(this.icount);
    if (uncount) fb.i32(1).op("i32.sub");
    fb.mem("i32.store", STATE.icount);
    fb.i32(code).op("return");
  }

  private uncount(): void {
    this.fb.get(this.icount).i32(1).op("i32.sub").set(this.icount);
  }

  build(): FunctionBuilder {
    const { fb } = this;
    fb.i32(0).mem("i64.load", STATE.rip).set(this.rip);
    this.loadMode();
    const lookup = fb.begin("loop", "lookup");
    this.emitLookup();
    const dispatch = fb.begin("loop", "dispatch");
    const next = fb.begin("block", "next");
    const direct = fb.begin("block", "direct");
    const status = fb.begin("block", "status");
    const outlined = fb.begin("block", "outlined");
    const labels: Label[] = [];
    // br_table's first label is the innermost block.
    for (let i = this.firstOutlined - 1; i >= 0; i--) labels[i] = fb.begin("block", `h${i}`);
    this.emitDispatch(labels, outlined);

    fb.end(labels[PSEUDO.miss]);
    this.leave(EXIT.decodeMiss, REC.ip, true);
    fb.end(labels[PSEUDO.goto]);
    this.uncount();
    fb.get(this.rec).mem("i32.load", REC.detour).mem("i32.load").tee(this.entry);
    const known = fb.begin("if", "known");
    fb.get(this.entry).set(this.rec).br(dispatch).end(known);
    fb.get(this.vpage).get(this.rec).mem("i64.load16_u", REC.ip).op("i64.add").set(this.rip).br(lookup);
    fb.end(labels[PSEUDO.lookup]);
    this.uncount();
    fb.get(this.vpage).get(this.rec).mem("i64.load16_u", REC.ip).op("i64.add").set(this.rip).br(lookup);
    fb.end(labels[PSEUDO.cross]);
    this.emitCross();
    fb.br(next);
    fb.end(labels[PSEUDO.raise]);
    fb.get(this.rec).mem("i32.load", REC.imm).call(this.support.helper("raise")).set(this.statusLocal).br(status);

    fb.end(labels[PSEUDO.region]);
    this.emitRegion(lookup);

    const frame: Frame = {
      fb, support: this.support, rec: this.rec, vpage: this.vpage, locals: this.locals,
      tlbBase: () => fb.get(this.tlb),
      sync: () => fb.i32(0).get(this.icount).mem("i32.store", STATE.icount),
      next: () => fb.br(next),
      again: () => fb.br(dispatch),
      direct: () => fb.br(direct),
      jump: () => fb.set(this.rip).br(lookup),
      fault: () => fb.i32(STATUS.fault).set(this.statusLocal).br(status),
      status: (local) => fb.get(local).set(this.statusLocal).br(status),
    };
    this.inline.forEach((form, i) => {
      fb.end(labels[PSEUDO_COUNT + i]);
      new Lowerer(frame).lower(lift(new RecordContext(form)));
    });

    this.pairs.forEach(([a, b], i) => {
      fb.end(labels[PSEUDO_COUNT + this.inline.length + i]);
      this.emitPair(frame, this.inline[a], this.inline[b], dispatch);
    });

    fb.end(outlined);
    fb.i32(0).get(this.icount).mem("i32.store", STATE.icount);
    fb.get(this.rec).get(this.vpage).get(this.rec).mem("i32.load16_u", REC.handler).i32(this.firstOutlined).op("i32.sub");
    fb.callIndirect(this.handlerType).set(this.statusLocal);
    fb.i32(0).mem("i32.load", STATE.tlbBase).set(this.tlb);
    fb.end(status);
    this.emitStatus(next, direct, dispatch, lookup);
    fb.end(direct);
    this.emitDirect(dispatch, lookup);
    fb.end(next);
    fb.get(this.rec).i32(RECORD_SIZE).op("i32.add").set(this.rec).br(dispatch);
    fb.end(dispatch).op("unreachable").end(lookup).op("unreachable");
    return fb;
  }

  /** Runs the compiled region; what it answers says where to go on. */
  private emitRegion(lookup: Label): void {
    const { fb } = this;
    this.uncount();
    fb.i32(0).i32(0).mem("i32.load", STATE.limit).tee(this.entry).mem("i32.store", STATE.regionLimit);
    fb.get(this.vpage).get(this.rec).mem("i64.load16_u", REC.ip).op("i64.add").get(this.entry).get(this.icount).op("i32.sub").get(this.expected).get(this.rec).mem("i32.load", REC.region).i32(OF_TIER0).op("i32.or").call(this.callOut).tee(this.statusLocal);
    fb.i32(REGION_EXIT.ran).op("i32.ge_s");
    const ran = fb.begin("if", "ran", "i32");
    fb.i32(0).mem("i32.load", STATE.icount);
    fb.else();
    fb.i32(0).mem("i32.load", STATE.regionLimit).i32(0).mem("i32.load", STATE.regionLeft).op("i32.sub");
    fb.end(ran).set(this.entry);
    fb.i32(0).i32(0).mem("i64.load", STATE.regionCount).get(this.entry).get(this.icount).op("i32.sub").op("i64.extend_i32_s").op("i64.add").mem("i64.store", STATE.regionCount);
    fb.get(this.entry).set(this.icount);
    fb.get(this.statusLocal).i32(REGION_EXIT.ran).op("i32.ge_s");
    const out = fb.begin("if", "out");
    fb.get(this.statusLocal).i32(REGION_EXIT.ran).op("i32.sub").op("return").end(out);
    fb.i32(0).mem("i64.load", STATE.rip).set(this.rip);
    fb.get(this.statusLocal).i32(-1).op("i32.eq");
    const returned = fb.begin("if", "returned");
    this.leave(EXIT.returned, null, false);
    fb.end(returned);
    this.loadMode();
    fb.get(this.statusLocal).i32(REGION_EXIT.tier0).op("i32.le_u");
    const on = fb.begin("if", "on");
    fb.get(this.statusLocal).set(this.skip).br(lookup).end(on);
    fb.i32(0).get(this.icount).mem("i32.store", STATE.icount);
    fb.i32(EXIT.fault).i32(EXIT.leave).get(this.statusLocal).i32(REGION_EXIT.fault).op("i32.eq").op("select").op("return");
  }

  /** Two instructions that stand one after the other: the second is entered without a dispatch, but counted and limited like any. */
  private emitPair(frame: Frame, a: Form, b: Form, dispatch: Label): void {
    const { fb } = this;
    const second = fb.begin("block", "second");
    const first = lift(new RecordContext(a));
    new Lowerer({ ...frame, next: () => fb.br(second) }).lower(first);
    fb.end(second);
    fb.get(this.rec).i32(RECORD_SIZE).op("i32.add").set(this.rec);
    // The first may have overwritten the second's bytes, which turned its record into a detour.
    if (writesMemory(first)) fb.get(this.rec).mem("i32.load16_u", REC.handler).i32(PSEUDO.goto).op("i32.eq").brIf(dispatch);
    fb.get(this.icount).i32(0).mem("i32.load", STATE.limit).op("i32.ge_s").brIf(dispatch);
    fb.get(this.icount).i32(1).op("i32.add").set(this.icount);
    new Lowerer(frame).lower(lift(new RecordContext(b)));
  }

  /** From the rip local to record and page, through the fetch TLB and the page's slot table. */
  private emitLookup(): void {
    const { fb } = this;
    fb.get(this.rip).get(this.expected).op("i64.eq");
    const there = fb.unlikely().begin("if", "there");
    fb.i32(0).mem("i64.load", STATE.tlbBase).get(this.mode).op("i64.eq");
    const returned = fb.begin("if", "returned");
    this.leave(EXIT.returned, null, false);
    fb.end(returned).end(there);
    fetchEntry(fb, this.rip).set(this.entry);
    fb.get(this.entry).mem("i64.load", FETCH_TLB_BASE + FETCH_TAG);
    fb.get(this.rip).i64(-4096n).op("i64.and").tee(this.vpage).get(this.key).op("i64.or").op("i64.ne");
    const miss = fb.unlikely().begin("if", "fetchMiss");
    this.leave(EXIT.fetchMiss, null, false);
    fb.end(miss);
    fb.get(this.entry).mem("i32.load", FETCH_TLB_BASE + FETCH_SLOTS);
    fb.get(this.rip).op("i32.wrap_i64").i32(4095).op("i32.and").i32(2).op("i32.shl").op("i32.add").set(this.leader);
    const none = (): void => this.leave(EXIT.decodeMiss, null, false);
    fb.get(this.skip);
    const skip = fb.unlikely().begin("if", "skip");
    fb.i32(0).set(this.skip);
    fb.get(this.leader).mem("i32.load").tee(this.rec).op("i32.eqz");
    const empty = fb.unlikely().begin("if", "decodeMiss");
    none();
    fb.end(empty);
    fb.get(this.rec).mem("i32.load16_u", REC.handler).i32(PSEUDO.region).op("i32.eq");
    const region = fb.begin("if", "region");
    fb.get(this.rec).mem("i32.load", REC.link).set(this.rec).end(region);
    fb.else();
    arrive(fb, this.arrival(this.rec), { none, hot: () => this.leave(EXIT.hot, null, false) });
    fb.end(skip);
  }

  private arrival(record: number): ArrivalLocals {
    return { slot: this.leader, record, scratch: [this.entry, this.counter] };
  }

  private emitDispatch(labels: readonly Label[], outlined: Label): void {
    const { fb } = this;
    fb.get(this.icount).i32(0).mem("i32.load", STATE.limit).op("i32.ge_s");
    const stop = fb.unlikely().begin("if", "limit");
    fb.i32(0).get(this.leader).mem("i32.store", STATE.leader);
    this.leave(EXIT.limit, REC.ip, false);
    fb.end(stop);
    fb.get(this.icount).i32(1).op("i32.add").set(this.icount);
    if (this.profile === "forms") {
      fb.get(this.rec).mem("i32.load16_u", REC.handler).i32(3).op("i32.shl").tee(this.entry);
      fb.get(this.entry).mem("i64.load", PROFILE_BASE).i64(1n).op("i64.add").mem("i64.store", PROFILE_BASE);
    } else if (this.profile === "pairs") this.countPair();
    fb.get(this.rec).mem("i32.load16_u", REC.handler).brTable(labels, outlined);
  }

  /** Pairs are counted where the second record follows the first in memory. */
  private countPair(): void {
    const { fb } = this;
    fb.get(this.rec).get(this.previous).i32(RECORD_SIZE).op("i32.add").op("i32.eq");
    fb.get(this.rec).mem("i32.load16_u", REC.handler).i32(INLINE_MAX).op("i32.lt_u").op("i32.and");
    fb.get(this.previous).mem("i32.load16_u", REC.handler).i32(INLINE_MAX).op("i32.lt_u").op("i32.and");
    const counted = fb.begin("if", "counted");
    fb.get(this.previous).mem("i32.load16_u", REC.handler).i32(INLINE_MAX).op("i32.mul");
    fb.get(this.rec).mem("i32.load16_u", REC.handler).op("i32.add").i32(3).op("i32.shl").tee(this.entry);
    fb.get(this.entry).mem("i64.load", PROFILE_BASE).i64(1n).op("i64.add").mem("i64.store", PROFILE_BASE);
    fb.end(counted).get(this.rec).set(this.previous);
  }

  /** The second page must still be mapped to the physical page that was decoded. */
  private emitCross(): void {
    const { fb } = this;
    this.uncount();
    fb.get(this.vpage).i64(4096n).op("i64.add").set(this.rip);
    fetchEntry(fb, this.rip).set(this.entry);
    fb.get(this.entry).mem("i64.load", FETCH_TLB_BASE + FETCH_TAG).get(this.rip).get(this.key).op("i64.or").op("i64.ne");
    fb.get(this.entry).mem("i32.load", FETCH_TLB_BASE + FETCH_PPN).get(this.rec).mem("i32.load", REC.imm).op("i32.ne").op("i32.or");
    const stale = fb.unlikely().begin("if", "stale");
    this.leave(EXIT.crossMiss, REC.ip, false);
    fb.end(stale);
  }

  private emitStatus(next: Label, direct: Label, dispatch: Label, lookup: Label): void {
    const { fb } = this;
    const is = (status: number): void => {
      fb.get(this.statusLocal).i32(status).op("i32.eq");
    };
    fb.get(this.statusLocal).op("i32.eqz").brIf(next);
    is(STATUS.direct);
    fb.brIf(direct);
    is(STATUS.again);
    fb.brIf(dispatch);
    is(STATUS.jump);
    const jump = fb.begin("if", "jump");
    fb.i32(0).mem("i64.load", STATE.rip).set(this.rip);
    this.loadMode();
    fb.br(lookup).end(jump);
    is(STATUS.leave);
    const leave = fb.begin("if", "leave");
    this.leave(EXIT.leave, REC.next, false);
    fb.end(leave);
    this.leave(EXIT.fault, REC.ip, true);
  }

  /** Inside the page through the record's chain; elsewhere through the fetch TLB. */
  private emitDirect(dispatch: Label, lookup: Label): void {
    const { fb } = this;
    const setRip = (): void => {
      fb.get(this.vpage).get(this.rec).mem("i64.load32_s", REC.target).op("i64.add").set(this.rip);
    };
    follow(fb, this.rec, this.arrival(this.target), () => fb.get(this.target).set(this.rec).br(dispatch), () => {
      setRip();
      this.leave(EXIT.hot, null, false);
    });
    setRip();
    fb.br(lookup);
  }
}
