/**
 * A region's IR to one WebAssembly function: registers in locals, control flow as nested blocks and loops after the dominator
 * tree (Ramsey: "Beyond Relooper", 2022), no dispatch. Where the region can be left, what the state block lacks is stored there.
 */
import { InternalError } from "../../base/errors.ts";
import { MMU_KERNEL, REGION_EXIT, STATE, TLB_READ, TLB_WRITE, tlbAddress } from "../../cpu/layout.ts";
import { SLOW_BULK, SLOW_RMW } from "../../cpu/mmu/mmu.ts";
import { LocalPool } from "../lower/frame.ts";
import { DryBuilder, FunctionBuilder, type Label, type ValueType } from "../wasm/function.ts";
import { SHARED_OPS } from "../lower/shared-ops.ts";
import type { BlockIr, RegionIr } from "./build.ts";
import { ISOLATED, NEVER_NEXT } from "./context.ts";
import { EntryLowerer } from "./entering.ts";
import { leavesInstead, seldom, sharedExit } from "./exits.ts";
import { KIND } from "./meta.ts";
import { HeldAddresses } from "./held.ts";
import { PageCache } from "./page-cache.ts";
import { Spans } from "./spans.ts";
import { type Link, linkKey } from "./links.ts";
import type { Liveness } from "./liveness.ts";
import { MemoryLowerer } from "./memory.ts";
import { Nesting } from "./nesting.ts";
import { type Edge, type ExitState, IN_MEMORY, type RegionNode } from "./node.ts";
import type { Block } from "./shape.ts";
import { SLOT_ADDRESS, SLOT_COUNT, SLOT_TYPE } from "./slots.ts";
import { BASE, HELPER, LEFT, leaveAtOffset, LOAD_OP, type RegionSupport, SLOT_LOAD, SLOT_STORE, STORE_OP } from "./support.ts";
import { lacks } from "./ways-out.ts";

export interface LoweringOptions {
  /** Byte address of the data TLB that the code is for. */
  readonly tlbBase: number;
  readonly name: string;
}

export function lowerRegion(ir: RegionIr, live: Liveness, support: RegionSupport, options: LoweringOptions): FunctionBuilder {
  // The first pass finds each value's last use, so that the second can use locals again.
  const last = new Map<RegionNode, number>();
  new RegionLowerer(ir, live, support, options, last, true).build();
  return new RegionLowerer(ir, live, support, options, last, false).build();
}

class RegionLowerer {
  private readonly fb: FunctionBuilder;
  private readonly locals: LocalPool;
  private readonly slotLocal = new Array<number>(SLOT_COUNT).fill(-1);
  private readonly phiLocal: number[] = [];
  private readonly loops = new Map<Block, Label>();
  private readonly merges = new Map<Block, Label>();
  private readonly bodies = new Map<Block, BlockIr>();
  private readonly nesting: Nesting;
  private readonly pages: PageCache;
  private readonly held: HeldAddresses;
  private readonly spans: Spans;
  private readonly memory: MemoryLowerer;
  private readonly entering: EntryLowerer;
  private clock = 0;

  constructor(
    private readonly ir: RegionIr,
    private readonly live: Liveness,
    private readonly support: RegionSupport,
    private readonly options: LoweringOptions,
    private readonly last: Map<RegionNode, number>,
    private readonly dry: boolean,
  ) {
    this.fb = dry ? new DryBuilder(["i64", "i32"], ["i32"]) : new FunctionBuilder(["i64", "i32"], ["i32"], options.name);
    this.locals = new LocalPool(this.fb);
    this.offset = this.fb.local("i32");
    this.info = this.fb.local("i32");
    this.status = this.fb.local("i32");
    for (const b of ir.blocks) {
      this.bodies.set(b.block, b);
      this.reset(b.nodes);
    }
    for (const p of ir.phis) p.local = -1;
    this.nesting = new Nesting(ir);
    this.held = new HeldAddresses(this.fb, ir);
    this.spans = new Spans(ir, this.held);
    this.pages = new PageCache(this.fb, ir, (n) => this.held.of(n) !== null || this.spans.of(n) !== null);
    this.entering = new EntryLowerer(this.fb, ir, live, options.tlbBase, this.slotLocal, this.offset);
    this.memory = new MemoryLowerer({
      fb: this.fb, support, locals: this.locals, pages: this.pages, held: this.held, spans: this.spans, tlbBase: () => this.tlbBase,
      value: (n) => this.value(n), keep: (n) => this.keep(n), inLocal: (n, type) => this.inLocal(n, type), leaveIf: (n) => this.sideIf(n),
    });
  }
  private reset(nodes: readonly RegionNode[]): void {
    for (const n of nodes) {
      n.local = -1;
      n.bodies.forEach((b) => this.reset(b));
    }
  }

  build(): FunctionBuilder {
    const { fb, ir } = this;
    const entry = ir.region.blocks[0];
    const used = new Set<number>();
    for (const l of this.live.liveIn.values()) l.forEach((x, s) => x && used.add(s));
    for (const w of this.live.waysOut.all.values()) for (const s of [...w.base, ...w.order]) used.add(s);
    for (const s of used) this.slotLocal[s] = fb.local(SLOT_TYPE[s]);
    this.entering.prologue(entry, this.nesting.longest(entry));
    this.entering.loadSlots(entry);
    this.pages.forget();
    this.common = fb.begin("block", "out");
    this.outs = this.live.waysOut.begin(fb);
    this.tree(entry);
    fb.op("unreachable");
    this.live.waysOut.end(fb, this.outs, this.common, (slot) => this.storeSlot(slot, () => fb.get(this.slotLocal[slot])));
    fb.end(this.common);
    leaveAtOffset(fb, this.support, this.ir.region.mode === 64, { offset: this.offset, info: this.info, status: this.helperExits ? this.status : null });
    return fb;
  }
  /** By root: where the shared code that leaves is entered, by how many of the tree's slots have to be stored. */
  private outs: ReadonlyMap<Block, readonly Label[]> = new Map<Block, Label[]>();
  /** Behind all stores: at `offset`, or after a helper's `status`. */
  private common!: Label;
  private readonly offset: number;
  /** Instructions to take off what is left; above 16 bits REGION_EXIT, or with HELPER the instruction's length. */
  private readonly info: number;
  private readonly status: number;

  private helperExits = false;

  // --- Control flow ------------------------------------------------------------------------------------------------------
  private tree(b: Block): void {
    const { fb } = this;
    let loop: Label | null = null;
    if (b.loopHeader) {
      this.held.look(b, this.tlbBaseOf(b), (s) => fb.get(this.slotLocal[s]), () => fb.get(BASE));
      loop = fb.begin("loop", `loop${b.start.toString(16)}`);
      this.loops.set(b, loop);
    }
    if (b.loopHeader || b.reentry) this.budget(b);
    const merges = this.nesting.merges(b);
    for (let i = merges.length - 1; i >= 0; i--) this.merges.set(merges[i], fb.begin("block", `merge${merges[i].start.toString(16)}`));
    const body = this.bodies.get(b);
    if (body === undefined) throw new InternalError("region: a block without IR");
    this.block = b;
    this.nodes(body.nodes);
    for (const m of merges) {
      const label = this.merges.get(m);
      if (label === undefined) throw new InternalError("region: a merge without a label");
      fb.end(label);
      this.tree(m);
    }
    if (loop !== null) fb.end(loop);
  }
  private block!: Block;

  /** Leaves for tier 0 at a loop's head when one round might not fit. */
  private budget(b: Block): void {
    const { fb } = this;
    fb.get(LEFT).i32(this.nesting.longest(b)).op("i32.lt_s");
    const out = fb.unlikely().begin("if", "budget");
    fb.i32(b.start).set(this.offset).i32(REGION_EXIT.tier0 << 16).set(this.info).br(this.wayOut(b, 0)).end(out);
  }

  /** Writes what the state block lacks. */
  private sync(x: ExitState): void {
    const dirty = this.live.dirtyIn.get(x.root) ?? [];
    for (let s = 0; s < SLOT_COUNT; s++) {
      if (!lacks(x, s, dirty)) continue;
      const v = x.slots[s];
      this.storeSlot(s, () => (v === null || v === IN_MEMORY ? this.fb.get(this.slotLocal[s]) : this.value(v)));
    }
  }

  private callEdge(n: RegionNode): void {
    const { fb } = this;
    const e = n.edge;
    if (e === null || e.target === null) throw new InternalError("region: a call without a return");
    this.sync(e.exit);
    this.value(n.args[0]);
    this.pushLeft(e.exit.count);
    fb.get(BASE);
    if (e.exit.offset !== 0) fb.i64(BigInt(e.exit.offset)).op("i64.add");
    this.link(n.imm);
    fb.call(this.support.callOut).tee(this.status).i32(-1).op("i32.ne");
    const gone = fb.unlikely().begin("if", "gone");
    fb.get(this.status).op("return").end(gone);
    this.entering.loadSlots(e.target);
    fb.i32(0).mem("i32.load", STATE.regionLeft).set(LEFT);
    this.pages.forget();
    this.arrive(e.target);
  }

  private edge(e: Edge): void {
    const { fb } = this;
    const { target } = e;
    if (target === null) {
      this.sync(e.exit);
      const { jumpOut } = this.support;
      if (jumpOut !== null && this.linkAt(e.exit.offset) !== undefined) {
        this.pushRip(e.exit.offset);
        this.pushLeft(e.exit.count);
        this.link(e.exit.offset);
        fb.returnCall(jumpOut);
      } else {
        this.setRip(e.exit.offset);
        this.leaveNow(e.exit.count);
      }
      return;
    }
    if (target.predecessors > 1) {
      this.move(e.exit, (n) => this.live.assigns(e, n));
      fb.get(LEFT).i32(e.exit.count).op("i32.sub").set(LEFT);
    }
    this.arrive(target);
  }
  /** Goes to a block whose locals are set: by a branch, or by emitting it here. */
  private arrive(target: Block): void {
    const { fb } = this;
    const from = this.block;
    if (target.index <= from.index) {
      const label = this.loops.get(target);
      if (label === undefined) throw new InternalError("region: a back edge to no loop");
      fb.br(label);
      return;
    }
    const label = this.nesting.isMerge(target) ? this.merges.get(target) : undefined;
    if (label !== undefined) {
      fb.br(label);
      return;
    }
    this.tree(target);
    this.block = from;
  }

  private linkAt(offset: number): Link | undefined {
    const last = this.block.insns[this.block.insns.length - 1];
    return this.ir.region.links.get(linkKey(offset, last.kind === "access" ? last.name === "stac" : this.block.open));
  }
  /** The index of what is at `offset`, or 0 where nothing is known of it or its page is another one now. */
  private link(offset: number): void {
    const { fb } = this;
    const link = this.linkAt(offset);
    fb.i32(link?.index ?? 0);
    const delta = offset >> 12;
    // The entry's page is the one that was compiled: it was looked up.
    if (link === undefined || delta === 0) return;
    fb.get(BASE).i64(BigInt(delta) * 4096n).op("i64.add");
    if (this.ir.region.mode !== 64) fb.i64(0xffffffffn).op("i64.and");
    fb.i32(link.ppn).call(this.support.checkPage).op("i32.mul");
  }

  // --- Leaving --------------------------------------------------------------------------------------------------------------
  private pushRip(offset: number): void {
    const { fb } = this;
    fb.get(BASE);
    if (offset !== 0) fb.i64(BigInt(offset)).op("i64.add");
    if (this.ir.region.mode !== 64) fb.i64(0xffffffffn).op("i64.and");
  }
  private setRip(offset: number): void {
    this.fb.i32(0);
    this.pushRip(offset);
    this.fb.mem("i64.store", STATE.rip);
  }
  private storeSlot(s: number, push: () => void): void {
    this.fb.i32(0);
    push();
    this.fb.mem(SLOT_STORE[SLOT_TYPE[s]], SLOT_ADDRESS[s]);
  }
  /** Sets the locals of the slots that `wanted` names to their values at `x`. */
  private move(x: ExitState, wanted: (slot: number) => boolean): void {
    const { fb } = this;
    const set: number[] = [];
    for (let s = 0; s < SLOT_COUNT; s++) {
      const v = x.slots[s];
      if (v === null || !wanted(s) || (v !== IN_MEMORY && v.meta.kind === KIND.slot && v.imm === s)) continue;
      if (v === IN_MEMORY) fb.i32(0).mem(SLOT_LOAD[SLOT_TYPE[s]], SLOT_ADDRESS[s]);
      else this.value(v);
      set.push(this.slotLocal[s]);
    }
    // All at once: a value may be computed from another slot's old one.
    for (const l of set.reverse()) fb.set(l);
  }
  /** Sets the locals of what the shared way out stores. */
  private moveStored(x: ExitState): void {
    const { fb } = this;
    this.shared.clear();
    const stored = this.live.waysOut.stored(x);
    const live = this.live.liveIn.get(x.root) ?? [];
    for (const s of stored) {
      const v = x.slots[s];
      if (v !== null && v !== IN_MEMORY) this.countShared(v);
    }
    this.move(x, (s) => stored.includes(s));
    // Not dirty here, but stored with those that are.
    for (const s of stored) if (x.slots[s] === null && !live[s]) fb.i32(0).mem(SLOT_LOAD[SLOT_TYPE[s]], SLOT_ADDRESS[s]).set(this.slotLocal[s]);
    for (const l of this.sharedLocal.values()) this.locals.release(l);
    this.sharedLocal.clear();
    this.shared.clear();
  }
  /** Values that are computed only where the region is left, by how often one such place needs them. */
  private readonly shared = new Map<RegionNode, number>();
  private readonly sharedLocal = new Map<RegionNode, number>();
  private countShared(n: RegionNode): void {
    if (n.local >= 0 || n.args.length === 0) return;
    const before = this.shared.get(n) ?? 0;
    this.shared.set(n, before + 1);
    if (before === 0) n.args.forEach((a) => this.countShared(a));
  }
  private pushLeft(count: number): void {
    this.fb.get(LEFT);
    if (count !== 0) this.fb.i32(count).op("i32.sub");
  }
  private wayOut(root: Block, depth: number): Label {
    const label = this.outs.get(root)?.[depth];
    if (label === undefined) throw new InternalError("region: a way out that was not foreseen");
    return label;
  }
  /** `info`: null where it is set already. */
  private leave(x: ExitState, info: number | null): void {
    const { fb } = this;
    if (info !== null) {
      fb.i32(x.count | info).set(this.info);
      if (this.joint?.state === x) {
        fb.br(this.joint.label);
        return;
      }
    }
    this.moveStored(x);
    fb.i32(x.offset).set(this.offset).br(this.wayOut(x.root, this.live.waysOut.depth(x)));
  }
  /** Leaves for tier 0 before the node's instruction if what is on the stack is true. */
  private sideIf(n: RegionNode): void {
    if (n.exit === null) throw new InternalError(`region: ${n.op} without a way out`);
    const out = this.fb.unlikely().begin("if", "out");
    this.leave(n.exit, REGION_EXIT.tier0 << 16);
    this.fb.end(out);
  }
  /** RIP and registers are stored: on to whatever is there. */
  private leaveNow(count: number): void {
    this.fb.i32(0);
    this.pushLeft(count);
    this.fb.mem("i32.store", STATE.regionLeft).i32(REGION_EXIT.lookup).op("return");
  }

  // --- Values ---------------------------------------------------------------------------------------------------------------
  private value(n: RegionNode): void {
    const { fb } = this;
    if (n.local >= 0) {
      fb.get(n.local);
      this.used(n);
      return;
    }
    switch (n.op) {
      case "i32.const": fb.i32(n.imm); return;
      case "i64.const": fb.i64(n.big); return;
      case "f32.const": fb.f32(n.imm); return;
      case "f64.const": fb.f64(n.imm); return;
      case "v128.const": fb.v128(n.lanes ?? []); return;
      case "vpage": fb.get(BASE); return;
    }
    if (n.meta.kind === KIND.slot) {
      fb.get(this.slotLocal[n.imm]);
      return;
    }
    if (n.meta.kind === KIND.phi) {
      fb.get(this.phi(n.imm, n.type ?? "i32"));
      return;
    }
    const kept = this.sharedLocal.get(n);
    if (kept !== undefined) {
      fb.get(kept);
      return;
    }
    if (n.meta.cls !== "pure") throw new InternalError(`region: ${n.op} %${n.id} is not computed yet`);
    for (const a of n.args) this.value(a);
    this.pure(n);
    if ((this.shared.get(n) ?? 0) > 1 && n.type !== null) {
      const local = this.locals.take(n.type);
      this.sharedLocal.set(n, local);
      fb.tee(local);
    }
  }
  private used(n: RegionNode): void {
    const now = ++this.clock;
    if (this.dry) this.last.set(n, now);
    else if (this.last.get(n) === now) {
      this.locals.release(n.local);
      n.local = -2;
    }
  }
  private phi(number: number, type: ValueType): number {
    return (this.phiLocal[number] ??= this.fb.local(type));
  }
  private pure(n: RegionNode): void {
    const { fb } = this;
    switch (n.meta.kind) {
      case KIND.select: fb.op("select"); return;
      case KIND.lane: fb.lane(n.op, n.imm); return;
      case KIND.shuffle: fb.shuffle(n.lanes ?? []); return;
      default:
        if (SHARED_OPS.has(n.op)) fb.call(this.support.shared(n.op));
        else fb.op(n.op);
    }
  }
  /** The value on the stack belongs to `n`. */
  private keep(n: RegionNode): void {
    if (n.hot + n.cold === 0 || n.type === null || (!this.dry && !this.last.has(n))) {
      this.fb.op("drop");
      return;
    }
    n.local = this.locals.take(n.type);
    this.fb.set(n.local);
  }
  /** A local with the value: its own, or a temporary one, to be given to `done`. */
  private inLocal(n: RegionNode, type: ValueType): { local: number; done: () => void } {
    if (n.meta.kind === KIND.slot) return { local: this.slotLocal[n.imm], done: () => undefined };
    if (n.local >= 0) return { local: n.local, done: () => this.used(n) };
    this.value(n);
    const local = this.locals.take(type);
    this.fb.set(local);
    return { local, done: () => this.locals.release(local) };
  }

  private nodes(list: readonly RegionNode[]): void {
    for (let i = 0; i < list.length; i++) {
      const { end, state } = this.joint === null ? sharedExit(list, i) : { end: i, state: null };
      if (state === null) {
        this.node(list[i]);
        continue;
      }
      const { fb } = this;
      const done = fb.begin("block", "done");
      const label = fb.begin("block", "exit");
      this.joint = { state, label };
      for (; i < end; i++) this.node(list[i]);
      i--;
      this.joint = null;
      fb.br(done).end(label);
      this.leave(state, null);
      fb.end(done);
    }
  }
  /** Exits by this state go to the label, with `info` set. */
  private joint: { readonly state: ExitState; readonly label: Label } | null = null;

  private node(n: RegionNode): void {
    const { cls, kind } = n.meta;
    if (cls === "pure") {
      if (!n.meta.cheap && (n.hot > 1 || (n.hot === 1 && n.cold > 0))) {
        for (const a of n.args) this.value(a);
        this.pure(n);
        this.keep(n);
      }
    } else if (cls === "read") this.read(n);
    else if (kind === KIND.load) this.memory.load(n);
    else this.effect(n);
  }

  private read(n: RegionNode): void {
    const { fb } = this;
    if (n.hot + n.cold === 0) return;
    if (n.meta.kind === KIND.getState) fb.i32(0).mem(LOAD_OP[n.meta.width], (n.ref?.address ?? 0) + (n.ref?.offset ?? 0));
    else if (n.op === "icount") {
      fb.i32(0).mem("i32.load", STATE.regionLimit).get(LEFT).op("i32.sub").i32(n.imm).op("i32.add");
    } else if (n.meta.kind === KIND.rawLoad) {
      this.value(n.args[0]);
      fb.mem(LOAD_OP[n.meta.width]);
    } else throw new InternalError(`region: no code for ${n.op}`);
    this.keep(n);
  }

  // --- Memory ---------------------------------------------------------------------------------------------------------------
  /** Of the data TLB that the present block's code is for. */
  private get tlbBase(): number {
    return this.tlbBaseOf(this.block);
  }
  private tlbBaseOf(b: Block): number {
    return b.open ? tlbAddress(MMU_KERNEL) : this.options.tlbBase;
  }

  // --- Effects --------------------------------------------------------------------------------------------------------------
  private effect(n: RegionNode): void {
    const { fb, support } = this;
    switch (n.op) {
      case "rmw.begin": return this.memory.pointer(n, TLB_WRITE, SLOW_RMW);
      case "ptr.write": return this.memory.pointer(n, TLB_WRITE, SLOW_BULK);
      case "ptr.store": return this.memory.pointer(n, TLB_WRITE, 0);
      case "ptr.read": return this.memory.pointer(n, TLB_READ, 0);
      // What would be staged has left for tier 0.
      case "rmw.end": return;
      case "bulk.copy": for (const a of n.args) this.value(a); fb.memoryCopy(); return;
      case "bulk.fill": this.value(n.args[0]); this.value(n.args[2]); this.value(n.args[1]); fb.memoryFill(); return;
      case "bulk.pattern": return this.memory.pattern(n);
      case "sync":
        if (n.exit !== null) this.sync(n.exit);
        return;
      case "edge.call": return this.callEdge(n);
      case "dispatch": return this.entering.dispatch(n, (target) => this.arrive(target));
      case "page.check": {
        fb.get(BASE).i64(BigInt(n.imm) * 4096n).op("i64.add").i32(this.ir.region.pages.get(n.imm) ?? -1).call(support.checkPage).op("i32.eqz");
        return this.sideIf(n);
      }
      case "call": return this.call(n);
      case "if": {
        this.value(n.args[0]);
        const [yes, no] = n.bodies;
        const instead = leavesInstead(n);
        if (instead !== null) return this.sideIf(instead);
        if (seldom(yes)) fb.unlikely();
        else if (seldom(no)) fb.likely();
        const label = fb.begin("if", "if");
        this.nodes(yes);
        if (no.length > 0) {
          fb.else();
          this.nodes(no);
        }
        fb.end(label);
        return;
      }
      case "edge":
        if (n.edge !== null) this.edge(n.edge);
        return;
      case "edge.indirect": {
        const x = n.exit;
        if (x === null) throw new InternalError("region: an indirect edge without a way out");
        this.sync(x);
        fb.i32(0);
        this.value(n.args[0]);
        fb.mem("i64.store", STATE.rip);
        return this.leaveNow(x.count);
      }
    }
    switch (n.meta.kind) {
      case KIND.phiSet: {
        const phi = this.ir.phis[n.imm];
        if (phi.hot + phi.cold === 0) return;
        this.value(n.args[0]);
        fb.set(this.phi(n.imm, phi.type ?? "i32"));
        return;
      }
      case KIND.setState:
        fb.i32(0);
        this.value(n.args[0]);
        fb.mem(STORE_OP[n.meta.width], (n.ref?.address ?? 0) + (n.ref?.offset ?? 0));
        // STAC, CLAC: pages are those of one TLB.
        if (n.ref?.address === STATE.tlbBase) this.pages.forget();
        return;
      case KIND.store: this.memory.store(n); return;
      case KIND.rawStore:
        this.value(n.args[0]);
        this.value(n.args[1]);
        fb.mem(STORE_OP[n.meta.width]);
        return;
    }
    throw new InternalError(`region: no code for ${n.op}`);
  }

  private call(n: RegionNode): void {
    const { fb, support } = this;
    const x = n.exit;
    if (n.name === null || x === null) throw new InternalError("region: call without a helper");
    // STATE.icount counts the present instruction.
    fb.i32(0).i32(0).mem("i32.load", STATE.regionLimit);
    this.pushLeft(x.count + 1);
    fb.op("i32.sub").mem("i32.store", STATE.icount);
    for (const a of n.args) this.value(a);
    fb.call(support.helper(n.name)).tee(this.status);
    const failed = fb.unlikely().begin("if", "status");
    if (ISOLATED.has(n.name)) {
      this.helperExits = true;
      this.leave(x, HELPER | ((x.next - x.offset) << 16));
    } else {
      // The state block is ahead of the locals.
      fb.get(this.status).get(BASE);
      if (x.offset !== 0) fb.i64(BigInt(x.offset)).op("i64.add");
      fb.i32(x.next - x.offset);
      this.pushLeft(x.count);
      fb.call(support.helperExit).op("return");
    }
    fb.end(failed);
    this.pages.forget();
    if (NEVER_NEXT.has(n.name)) fb.op("unreachable");
  }
}

