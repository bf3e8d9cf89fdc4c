/**
 * IR of one instruction to WebAssembly. Values used once are emitted where they are used, others into locals;
 * reads of registers and memory never move past an effect that could change them or past a possible fault's order.
 */
import { InternalError } from "../../base/errors.ts";
import type { Node, Ref } from "../../cpu/ir/ir.ts";
import { IR_OPS } from "../../cpu/ir/ops.ts";
import { STATE, TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { SLOW_BULK, SLOW_RMW } from "../../cpu/mmu/mmu.ts";
import { SHARED_OPS } from "./shared-ops.ts";
import { OPCODES } from "../wasm/opcodes.ts";
import { emitPattern } from "./bulk.ts";
import { lowerCondition } from "./conditions.ts";
import type { Frame } from "./frame.ts";
import { dataEntry, probe } from "./tlb.ts";
import { unusualCall } from "./unusual.ts";

/** Always emitted again at each use. */
const REMATERIALISED = new Set(["i32.const", "i64.const", "f32.const", "f64.const", "vpage"]);
const LOAD_OP: Record<number, string> = { 8: "i32.load8_u", 16: "i32.load16_u", 32: "i32.load", 64: "i64.load", 128: "v128.load" };
const STORE_OP: Record<number, string> = { 8: "i32.store8", 16: "i32.store16", 32: "i32.store", 64: "i64.store", 128: "v128.store" };

/** The number after the last dot: `ld.32`, `raw.st.8`. */
const widthOf = (op: string): number => Number(op.slice(op.lastIndexOf(".") + 1));

export class Lowerer {
  private readonly uses = new Map<Node, number>();
  private readonly local = new Map<Node, number>();
  private pending: Node[] = [];
  private readonly variables = new Map<number, number>();

  constructor(private readonly frame: Frame) {}

  /** Emits one instruction; it ends with `next` unless the IR ended it. */
  lower(nodes: readonly Node[]): void {
    this.count(nodes);
    this.body(nodes);
    if (!endsControl(nodes)) this.frame.next();
    this.frame.locals.reset();
  }

  private count(nodes: readonly Node[]): void {
    for (const n of nodes) {
      for (const a of n.args) this.uses.set(a, (this.uses.get(a) ?? 0) + 1);
      for (const b of n.bodies) this.count(b);
    }
  }

  private body(nodes: readonly Node[]): void {
    for (const n of nodes) {
      const cls = IR_OPS.get(n.op)?.cls ?? "effect";
      const uses = this.uses.get(n) ?? 0;
      if (cls === "effect") this.effect(n, uses);
      else if (REMATERIALISED.has(n.op)) continue;
      else if (uses === 0) {
        if (cls === "load") {
          this.flush(n);
          this.value(n);
          this.frame.fb.op("drop");
        }
      } else if (uses > 1) this.toLocal(n);
      else if (cls !== "pure") this.pending.push(n);
    }
  }

  private toLocal(n: Node): void {
    if (n.type === null) throw new InternalError("lower: no value");
    this.value(n);
    const l = this.frame.locals.take(n.type);
    this.frame.fb.set(l);
    this.local.set(n, l);
    this.pending = this.pending.filter((p) => p !== n);
  }

  /** Puts pending reads into locals before an effect, except those that the effect itself consumes. */
  private flush(by: Node, all = false): void {
    if (this.pending.length === 0) return;
    const own = new Set<Node>();
    const collect = (n: Node): void => {
      if (own.has(n) || this.local.has(n)) return;
      own.add(n);
      n.args.forEach(collect);
    };
    if (!all) by.args.forEach(collect);
    for (const p of [...this.pending]) if (!own.has(p) && this.pending.includes(p)) this.toLocal(p);
  }

  /** Whether the value depends on a read that is not yet done. */
  private unread(n: Node): boolean {
    if (this.local.has(n)) return false;
    return IR_OPS.get(n.op)?.cls !== "pure" || n.args.some((a) => this.unread(a));
  }

  private value(n: Node): void {
    const fb = this.frame.fb;
    const local = this.local.get(n);
    if (local !== undefined) {
      fb.get(local);
      return;
    }
    const i = this.pending.indexOf(n);
    if (i >= 0) this.pending.splice(i, 1);
    const opcode = OPCODES.get(n.op);
    switch (n.op) {
      case "i32.const": fb.i32(n.imm); return;
      case "i64.const": fb.i64(n.big); return;
      case "f32.const": fb.f32(n.imm); return;
      case "f64.const": fb.f64(n.imm); return;
      case "v128.const": fb.v128(n.lanes ?? []); return;
      case "vpage": fb.get(this.frame.vpage); return;
      case "rec.u8": fb.get(this.frame.rec).mem("i32.load8_u", n.imm); return;
      case "rec.u16": fb.get(this.frame.rec).mem("i32.load16_u", n.imm); return;
      case "rec.i32": fb.get(this.frame.rec).mem("i32.load", n.imm); return;
      case "rec.i64": fb.get(this.frame.rec).mem("i64.load", n.imm); return;
      case "icount":
        this.frame.sync();
        fb.i32(0).mem("i32.load", STATE.icount);
        return;
      case "cc.test": lowerCondition(fb, n.imm, this.frame.locals); return;
      case "seg.linear":
        this.value(n.args[0]);
        this.refAddress(this.ref(n));
        fb.i32(n.imm).i32(n.big === 0n ? 0 : 1).call(this.frame.support.segmentLinear);
        return;
      case "ea.offset": fb.get(this.frame.rec).get(this.frame.vpage).call(this.frame.support.eaOffset); return;
      case "ea.linear":
        fb.get(this.frame.rec).get(this.frame.vpage).i32(n.imm).i32(n.big === 0n ? 0 : 1).call(this.frame.support.eaLinear);
        return;
    }
    if (n.op.startsWith("get.")) return this.get(n);
    if (n.op.startsWith("var.get.")) {
      fb.get(this.variable(n));
      return;
    }
    if (n.op.startsWith("ld.")) return this.load(n);
    if (n.op.startsWith("raw.ld.")) {
      this.value(n.args[0]);
      fb.mem(LOAD_OP[widthOf(n.op)]);
      return;
    }
    for (const a of n.args) this.value(a);
    if (n.op.startsWith("select.")) fb.op("select");
    else if (SHARED_OPS.has(n.op)) fb.call(this.frame.support.shared(n.op));
    else if (opcode?.imm === "lane") fb.lane(n.op, n.imm);
    else if (n.op === "i8x16.shuffle") fb.shuffle(n.lanes ?? []);
    else if (opcode?.imm === "none") fb.op(n.op);
    else throw new InternalError(`lower: no code for ${n.op}`);
  }

  private ref(n: Node): Ref {
    if (n.ref === null) throw new InternalError(`lower: ${n.op} without a register`);
    return n.ref;
  }

  /** Pushes the base address of a register and gives the constant part. */
  private refBase(ref: Ref): number {
    const fb = this.frame.fb;
    if (ref.field === null) {
      fb.i32(0);
      return ref.address + ref.offset;
    }
    fb.get(this.frame.rec).mem("i32.load16_u", ref.field);
    return ref.offset;
  }
  private refAddress(ref: Ref): void {
    const offset = this.refBase(ref);
    if (offset !== 0) this.frame.fb.i32(offset).op("i32.add");
  }

  private get(n: Node): void {
    const kind = n.op.slice(4);
    const offset = this.refBase(this.ref(n));
    this.frame.fb.mem(kind === "f32" ? "f32.load" : kind === "f64" ? "f64.load" : LOAD_OP[Number(kind)], offset);
  }

  private variable(n: Node): number {
    let l = this.variables.get(n.imm);
    if (l === undefined) {
      const type = n.op.slice(n.op.lastIndexOf(".") + 1) as "i32" | "i64" | "f32" | "f64" | "v128";
      l = this.frame.locals.take(type);
      this.variables.set(n.imm, l);
    }
    return l;
  }

  // --- Memory --------------------------------------------------------------------------------------------------------

  /**
   * TLB lookup of the linear address in local `a`: leaves what `probe` of tlb.ts leaves.
   */
  private probe(a: number, e: number, found: number, bytes: number, tag: number): void {
    const fb = this.frame.fb;
    this.frame.tlbBase();
    dataEntry(fb, a).op("i32.add").set(e);
    probe(fb, a, e, found, 0, bytes, tag);
  }

  /** Address on the stack (i64) to linear-memory address on the stack, through the TLB or `slow`. Faults end the instruction. */
  private translate(bytes: number, tag: number, slow: (found: number) => void): void {
    const { fb, locals } = this.frame;
    const a = locals.take("i64");
    const e = locals.take("i32");
    const found = locals.take("i64");
    fb.set(a);
    const hit = fb.begin("block", "hit", "i32");
    this.probe(a, e, found, bytes, tag);
    fb.likely().brIf(hit).op("drop");
    this.frame.sync();
    fb.get(a);
    slow(found);
    fb.tee(e).op("i32.eqz");
    const bad = fb.begin("if", "fault");
    this.frame.fault();
    fb.end(bad);
    fb.get(e).end(hit);
    for (const l of [a, e, found]) locals.release(l);
  }

  private pointer(n: Node, kind: "read" | "store" | "rmw", bytes: number): void {
    const { fb, support } = this.frame;
    this.value(n.args[0]);
    if (kind === "read") this.translate(bytes, TLB_READ, (found) => fb.i32(bytes).get(found).call(support.readSlow));
    else this.translate(bytes, TLB_WRITE, (found) => fb.i32(bytes | (kind === "rmw" ? SLOW_RMW : 0)).get(found).call(support.writeSlow));
  }

  /** For what goes on behind its first element: string instructions. A debugger that watches the page is told which. */
  private bulkPointer(n: Node, write: boolean): void {
    const { fb, support, rec, vpage } = this.frame;
    this.value(n.args[0]);
    this.translate(n.imm, write ? TLB_WRITE : TLB_READ, (found) => {
      fb.i32(0).get(rec).mem("i32.store", STATE.rec).i32(0).get(vpage).mem("i64.store", STATE.vpage);
      fb.i32(n.imm | (write ? SLOW_BULK : 0)).get(found).call(write ? support.writeSlow : support.readSlow);
      fb.i32(0).i32(0).mem("i32.store", STATE.rec);
    });
  }

  private load(n: Node): void {
    const width = widthOf(n.op);
    this.pointer(n, "read", width / 8);
    this.frame.fb.mem(LOAD_OP[width]);
  }

  private store(n: Node): void {
    const { fb, locals, support } = this.frame;
    const width = widthOf(n.op);
    const type = width === 128 ? "v128" : width === 64 ? "i64" : "i32";
    this.value(n.args[0]);
    const a = locals.take("i64");
    this.value(n.args[1]);
    const v = locals.take(type);
    fb.set(v).set(a);
    const e = locals.take("i32");
    const found = locals.take("i64");
    const done = fb.begin("block", "done");
    const slow = fb.begin("block", "slow");
    this.probe(a, e, found, width / 8, TLB_WRITE);
    fb.op("i32.eqz");
    // The address stays below the condition: keep it in a local for the store.
    const miss = locals.take("i32");
    fb.set(miss).set(e).get(miss).unlikely().brIf(slow);
    fb.get(e).get(v).mem(STORE_OP[width]).br(done).end(slow);
    this.frame.sync();
    fb.get(a).get(v).get(found).call(support.storeSlow[width]);
    const bad = fb.begin("if", "fault");
    this.frame.fault();
    fb.end(bad).end(done);
    for (const l of [a, v, e, found, miss]) locals.release(l);
  }

  // --- Effects -----------------------------------------------------------------------------------------------------------

  private effect(n: Node, uses: number): void {
    const { fb, support } = this.frame;
    if (n.op.startsWith("var.set.")) {
      for (const p of [...this.pending]) if (p.op.startsWith("var.get.") && p.imm === n.imm && p !== n.args[0]) this.toLocal(p);
      this.value(n.args[0]);
      fb.set(this.variable(n));
      return;
    }
    this.flush(n, n.op === "call" && n.args.length === 0);
    switch (n.op) {
      case "cc.set": return this.setFlags(n);
      case "rmw.begin": this.pointer(n, "rmw", n.imm); return this.keep(n, uses);
      case "ptr.write": this.bulkPointer(n, true); return this.keep(n, uses);
      case "ptr.read": this.bulkPointer(n, false); return this.keep(n, uses);
      case "ptr.store": this.pointer(n, "store", n.imm); return this.keep(n, uses);
      case "rmw.end": {
        this.value(n.args[0]);
        fb.i32(STATE.scratch).op("i32.eq");
        const staged = fb.begin("if", "staged");
        fb.call(support.commit).end(staged);
        return;
      }
      case "bulk.copy": for (const a of n.args) this.value(a); fb.memoryCopy(); return;
      case "bulk.fill": this.value(n.args[0]); this.value(n.args[2]); this.value(n.args[1]); fb.memoryFill(); return;
      case "bulk.pattern": return this.pattern(n);
      case "call": return this.call(n);
      case "if": return this.branch(n);
      case "next": this.frame.next(); return;
      case "again": this.frame.again(); return;
      case "jump": this.value(n.args[0]); this.frame.jump(); return;
      case "jump.direct": this.frame.direct(); return;
      case "branch.direct": {
        this.value(n.args[0]);
        const taken = fb.begin("if", "taken");
        this.frame.direct();
        fb.end(taken);
        this.frame.next();
        return;
      }
    }
    if (n.op.startsWith("set.")) {
      const kind = n.op.slice(4);
      const offset = this.refBase(this.ref(n));
      this.value(n.args[0]);
      fb.mem(kind === "f32" ? "f32.store" : kind === "f64" ? "f64.store" : STORE_OP[Number(kind)], offset);
    } else if (n.op.startsWith("st.")) this.store(n);
    else if (n.op.startsWith("raw.st.")) {
      this.value(n.args[0]);
      this.value(n.args[1]);
      fb.mem(STORE_OP[widthOf(n.op)]);
    } else throw new InternalError(`lower: no code for ${n.op}`);
  }

  /** The result of an effect goes to a local at once: later effects must not move before it. */
  private keep(n: Node, uses: number): void {
    if (uses === 0 || n.type === null) {
      this.frame.fb.op("drop");
      return;
    }
    const l = this.frame.locals.take(n.type);
    this.frame.fb.set(l);
    this.local.set(n, l);
  }

  /** All four are computed before the first is stored: they may depend on the old ones. */
  private setFlags(n: Node): void {
    const fb = this.frame.fb;
    const slots = [STATE.ccR, STATE.ccA, STATE.ccB, STATE.ccM];
    // A slot's own old value: it stays (INC, DEC).
    const stays = (a: Node, i: number): boolean =>
      this.pending.includes(a) && a.op.startsWith("get.") && a.ref?.field === null && a.ref.address + a.ref.offset === slots[i];
    const kept = n.args.map(stays);
    this.pending = this.pending.filter((p) => !n.args.some((a, i) => kept[i] && a === p));
    n.args.forEach((a, i) => {
      if (!kept[i] && !this.local.has(a) && this.unread(a)) this.toLocal(a);
    });
    n.args.forEach((a, i) => {
      if (kept[i]) return;
      fb.i32(0);
      this.value(a);
      fb.mem(i === 3 ? "i32.store" : "i64.store", slots[i]);
    });
  }

  /** Fills with 16-, 32- or 64-bit elements: the value spread over 8 bytes, stored from the end. */
  private pattern(n: Node): void {
    const { fb, locals } = this.frame;
    const to = locals.take("i32");
    const left = locals.take("i32");
    const v = locals.take("i64");
    this.value(n.args[2]);
    fb.set(v);
    this.value(n.args[0]);
    fb.set(to);
    this.value(n.args[1]);
    fb.set(left);
    emitPattern(fb, n.imm / 8, to, left, v);
    for (const l of [to, left, v]) locals.release(l);
  }

  private call(n: Node): void {
    if (n.name === null) throw new InternalError("lower: call without a helper");
    const { fb, locals, support } = this.frame;
    for (const a of n.args) this.value(a);
    const status = locals.take("i32");
    this.frame.sync();
    fb.call(support.helper(n.name)).tee(status);
    const ends = fb.begin("if", "status");
    this.frame.status(status);
    fb.end(ends);
    locals.release(status);
  }

  private branch(n: Node): void {
    const fb = this.frame.fb;
    const [yes, no] = n.bodies;
    this.value(n.args[0]);
    if (unusualCall(yes) !== null) fb.unlikely();
    const label = fb.begin("if", "if");
    this.scoped(yes);
    if (no.length > 0) {
      fb.else();
      this.scoped(no);
    }
    fb.end(label);
  }
  private scoped(nodes: readonly Node[]): void {
    this.body(nodes);
    // Nothing that was only read here may be taken up outside.
    this.pending = [];
  }
}

function endsControl(nodes: readonly Node[]): boolean {
  const last = nodes.at(-1);
  if (last === undefined) return false;
  if (["next", "again", "jump", "jump.direct", "branch.direct"].includes(last.op)) return true;
  return last.op === "if" && last.bodies.length === 2 && last.bodies.every((b) => endsControl(b));
}

