/**
 * Tier 1's LiftContext: operands are constants, register reads become the values that were written, conditions become
 * comparisons of what was compared. Lifting an instruction through it appends to the block under construction.
 */
import type { Insn } from "../../cpu/decode/insn.ts";
import { getOperand, Operand, operandCount } from "../../cpu/decode/operands.ts";
import { ISA } from "../../cpu/isa/isa.ts";
import type { HelperName } from "../../cpu/helpers/signatures.ts";
import { MXCSR_CONTROL, MXCSR_DEFAULT } from "../../cpu/helpers/sse-ops.ts";
import { type Extra, fixed, type Node, type Ref, type Value } from "../../cpu/ir/ir.ts";
import type { Type } from "../../cpu/ir/ops.ts";
import { CS, DS, FS, GS, SEG_STRIDE, SEGMENT_FAULT, SS, STATE, XMM_STRIDE } from "../../cpu/layout.ts";
import { LiftContext, segmentRef } from "../../cpu/lift/context.ts";
import type { Form } from "../../cpu/lift/form.ts";
import { PRODUCER } from "../../cpu/lift/flags.ts";
import type { Assumptions } from "./assumptions.ts";
import { condition } from "./conditions.ts";
import { KIND, metaOf, type OpMeta } from "./meta.ts";
import { type Edge, Env, type ExitState, IN_MEMORY, type RegionNode, type SlotValue } from "./node.ts";
import { type Block, blockKey, type Inlining, type RegionInsn } from "./shape.ts";
import { simplify } from "./simplify.ts";
import { CC_A, CC_B, CC_M, CC_R, SLOT_ADDRESS, SLOT_COUNT, SLOT_TYPE, slotAt } from "./slots.ts";

/** The instruction cannot be compiled as it is: the region ends before it. */
export class Unsupported extends Error {}

/** Helpers that neither read nor write a register slot. */
export const ISOLATED: ReadonlySet<HelperName> = new Set<HelperName>([
  "raise", "undefinedInstruction", "fpuTrap", "checkCanonical", "checkCallTarget", "sseArith", "pcmpString", "sseCrypto", "x87Wait", "x87Register", "x87Memory",
  "x87Prepare", "x87Commit", "readCr", "readBase", "lar", "lsl", "verify", "rdrand", "rdseed", "rdpid", "storeSystem", "cli", "privilegedNop",
  "privilegedSelector", "portCheck", "swapgs", "sti", "writeBase",
]);
/** Helpers that never let the instruction go on. */
export const NEVER_NEXT: ReadonlySet<HelperName> = new Set<HelperName>(["raise", "undefinedInstruction", "fpuTrap"]);
/** Slots that the other helpers write; all, where nothing is said. */
const CLOBBERS: Partial<Record<HelperName, readonly number[]>> = {
  divide128: [0, 2], rdtsc: [0, 2], rdtscp: [0, 1, 2], xgetbv: [0, 2], pushf: [4], daa: [0, CC_R, CC_A, CC_B, CC_M], das: [0, CC_R, CC_A, CC_B, CC_M],
};

const must = (op: string): OpMeta => {
  const meta = metaOf(op);
  if (meta === undefined) throw new Unsupported(op);
  return meta;
};
const I32_CONST = must("i32.const"), I64_CONST = must("i64.const");
/** In an `edge.call`: no direct one. */
export const INDIRECT = -0x80000000;
const NO_ARGS: readonly RegionNode[] = [];

/** What the contexts of one region share. */
export class RegionState {
  private nextId = 0;
  env = new Env();
  root!: Block;
  block!: Block;
  list: RegionNode[] = [];
  readonly assumptions: Assumptions = { fpuGate: 0, mxcsr: false };
  readonly edges: Edge[] = [];
  readonly exits: ExitState[] = [];
  /** The state at the one edge that leads to a block, by block. */
  readonly inherited = new Map<Block, { env: Env; root: Block }>();

  node(op: string, type: Type | null, args: readonly RegionNode[], extra: Extra, exit: ExitState | null = null, edge: Edge | null = null): RegionNode {
    const meta = metaOf(op);
    if (meta === undefined) throw new Unsupported(op);
    return this.make(meta, type, args, extra, exit, edge);
  }
  make(meta: OpMeta, type: Type | null, args: readonly RegionNode[], extra: Extra, exit: ExitState | null, edge: Edge | null): RegionNode {
    return {
      id: this.nextId++, op: meta.op, meta, type, args, imm: extra.imm ?? 0, big: extra.big ?? 0n, lanes: extra.lanes ?? null, ref: extra.ref ?? null, name: extra.name ?? null,
      bodies: (extra.bodies ?? NO_BODIES) as readonly (readonly RegionNode[])[], exit, edge, hot: 0, cold: 0, local: -1,
    };
  }
  i32(n: number): RegionNode {
    return this.make(I32_CONST, "i32", NO_ARGS, { imm: n | 0 }, null, null);
  }
  i64(n: bigint): RegionNode {
    return this.make(I64_CONST, "i64", NO_ARGS, { big: BigInt.asIntN(64, n) }, null, null);
  }
  append(n: RegionNode): RegionNode {
    this.list.push(n);
    return n;
  }
  /** A new phi; its number is its index here. */
  phi(type: Type): RegionNode {
    const n = this.node(`phi.${type}`, type, [], { imm: this.phis.length });
    this.phis.push(n);
    return n;
  }
  readonly phis: RegionNode[] = [];
  /** Region.expected. */
  expected: ReadonlyMap<number, number> = new Map();
  get nodeCount(): number {
    return this.nextId;
  }
}

const NO_BODIES: readonly (readonly Node[])[] = [];
const NO_EXTRA: Extra = {};
const scratchOperand = new Operand();
const gprAddress = (n: number): number => STATE.gpr + 8 * n;

export class DecodedContext extends LiftContext {
  private readonly insn: Insn;
  private variables = 0;

  constructor(
    form: Form,
    private readonly r: RegionState,
    private readonly at: RegionInsn,
    private readonly inlining: Inlining | null,
  ) {
    super(form.ea === "generic" && at.insn.mode === 64 && at.insn.addrSize === 64 ? { ...form, ea: "bd" } : form);
    this.insn = at.insn;
  }

  // --- Operands --------------------------------------------------------------------------------------------------------
  protected operandRef(i: number): Ref {
    getOperand(this.insn, i, scratchOperand);
    const o = scratchOperand;
    switch (o.cls) {
      case "gpr8h": return fixed(gprAddress(o.num) + 1);
      case "gpr8": case "gpr16": case "gpr32": case "gpr64": return fixed(gprAddress(o.num));
      case "xmm": case "ymm": return fixed(STATE.xmm + o.num * XMM_STRIDE);
      case "seg": return fixed(STATE.selector + o.num * 2);
      case "mmx": return fixed(STATE.fpr + o.num * 16);
      case "st": case "cr": case "dr": return fixed(STATE.zero);
    }
  }
  immediate(width: number): Value {
    const { immLo, immHi } = this.insn;
    return width === 64 ? this.i64((BigInt(immHi) << 32n) | BigInt(immLo >>> 0)) : this.i32(immLo);
  }
  immediate2(): Value {
    // As records have it (jit/interpreter/records.ts): a number of a special register, a selector, or a second immediate.
    const n = operandCount(this.insn);
    // VSIB: the scale.
    let v = n === 4 && ISA[this.insn.entry].operands[3].code === "T" ? this.insn.imm2 : this.insn.immHi;
    for (let i = 0; i < n; i++) {
      getOperand(this.insn, i, scratchOperand);
      const o = scratchOperand;
      if (o.kind === "reg") {
        if (o.cls === "cr" || o.cls === "dr" || o.cls === "seg" || ISA[this.insn.entry].operands[i].code === "ST") v = o.num;
      } else if (o.kind === "far") v = o.selector;
      else if (o.kind === "imm" && this.insn.imm2 !== 0) v = this.insn.imm2;
    }
    return this.i32(v);
  }
  segment(): Ref {
    const { seg, mode } = this.insn;
    if (mode !== 64) return segmentRef(seg >= 0 ? seg : DS);
    return seg === FS || seg === GS ? segmentRef(seg) : fixed(STATE.zero);
  }
  nextRip(): Value {
    return this.rip(this.at.offset + this.at.length);
  }
  ownRip(): Value {
    return this.rip(this.at.offset);
  }
  private rip(offset: number): Value {
    const v = this.emit("i64.add", [this.emit("vpage"), this.i64(offset)]);
    // Outside the page a legacy address may wrap.
    return this.insn.mode === 64 || (offset >= 0 && offset < 4096) ? v : this.emit("i64.and", [v, this.i64(0xffffffffn)]);
  }

  private memoryOperand(): Operand {
    const n = operandCount(this.insn);
    for (let i = 0; i < n; i++) {
      getOperand(this.insn, i, scratchOperand);
      if (scratchOperand.kind === "mem") return scratchOperand;
    }
    throw new Unsupported("no memory operand");
  }
  offset(): Value {
    const o = this.memoryOperand();
    const { insn } = this;
    if (insn.modrm < 0 && o.base < 0) {
      // moffs
      return insn.addrSize === 64 ? this.i64((BigInt(o.dispHi) << 32n) | BigInt(o.disp >>> 0)) : this.i64(BigInt(insn.addrSize === 16 ? o.disp & 0xffff : o.disp >>> 0));
    }
    if (o.ripRelative) {
      const v = this.rip(this.at.offset + this.at.length + o.disp);
      return insn.addrSize === 64 ? v : this.emit("i64.and", [v, this.i64(0xffffffffn)]);
    }
    if (insn.addrSize !== 64) {
      let sum: Value = this.i32(o.disp);
      if (o.base >= 0) sum = this.emit("i32.add", [this.get(32, fixed(gprAddress(o.base))), sum]);
      if (o.index >= 0) sum = this.emit("i32.add", [sum, this.emit("i32.shl", [this.get(32, fixed(gprAddress(o.index))), this.i32(o.scale)])]);
      return this.zext64(this.mask(insn.addrSize, sum));
    }
    let sum: Value | null = o.base >= 0 ? this.get(64, fixed(gprAddress(o.base))) : null;
    if (o.index >= 0) {
      const scaled = this.emit("i64.shl", [this.get(64, fixed(gprAddress(o.index))), this.i64(o.scale)]);
      sum = sum === null ? scaled : this.emit("i64.add", [sum, scaled]);
    }
    const disp = this.i64(o.disp);
    return sum === null ? disp : this.emit("i64.add", [sum, disp]);
  }
  protected linearOperand(bytes: number, write: boolean): Value {
    const offset = this.offset();
    const { seg } = this.memoryOperand();
    if (this.insn.mode !== 64) return this.emit("seg.linear", [offset], { ref: segmentRef(seg), imm: bytes, big: write ? 1n : 0n });
    return seg === FS || seg === GS ? this.emit("i64.add", [offset, this.get(64, segmentRef(seg))]) : offset;
  }

  // --- Control -----------------------------------------------------------------------------------------------------------
  private get targetOffset(): number {
    return (this.at.offset + this.at.length + this.insn.immLo) | 0;
  }
  /** Regions are made of code in a CS of 4 GiB alone (interpreter/cache.ts, WHOLE). */
  override checkCodeLimit(): void {
    return;
  }
  override checkRelative(): void {
    return;
  }
  override jumpRelative(): void {
    if (this.callEdge(() => this.rip(this.targetOffset), this.targetOffset)) return;
    this.edge(this.targetOffset, this.calleeContext());
  }
  override branchRelative(taken: Value): void {
    this.if(taken, () => this.edge(this.targetOffset, this.inlining), () => this.edge(this.at.offset + this.at.length, this.inlining));
  }
  /** A call that is followed goes into a context of its own. */
  private calleeContext(): Inlining | null {
    if (this.at.kind !== "call") return this.inlining;
    for (const b of this.r.block.successors.values()) if (b.start === this.targetOffset) return b.inlining;
    return this.inlining;
  }

  private snapshot(offset: number, count: number): ExitState {
    const { env, root } = this.r;
    const exit: ExitState = {
      root, offset, next: this.at.offset + this.at.length, count, synced: env.synced, dirtyLow: env.dirtyLow, dirtyHigh: env.dirtyHigh, slots: env.slots.slice(),
    };
    this.r.exits.push(exit);
    return exit;
  }
  /** Before this instruction. What leaves in the same state shares it. */
  private here(): ExitState {
    const { env, root } = this.r;
    const x = this.last;
    if (x !== null && x.root === root && x.count === env.count && x.synced === env.synced && x.dirtyLow === env.dirtyLow && x.dirtyHigh === env.dirtyHigh && x.slots.every((v, s) => v === env.slots[s])) return x;
    return (this.last = this.snapshot(this.at.offset, env.count));
  }
  private last: ExitState | null = null;

  edge(offset: number, inlining: Inlining | null): void {
    const { r } = this;
    if (r.env.ended) return;
    const target = r.block.successors.get(blockKey(offset, inlining)) ?? null;
    const exit = this.snapshot(offset, r.env.count + 1);
    const edge: Edge = { target, exit };
    r.edges.push(edge);
    if (target?.predecessors === 1) {
      const env = new Env(r.env);
      env.count++;
      env.vars.clear();
      r.inherited.set(target, { env, root: r.root });
    }
    r.append(r.node("edge", null, [], { imm: offset }, exit, edge));
    r.env.ended = true;
  }
  /** A call that is not followed, where the region goes on behind it. `offset`: of a direct one's target. */
  private callEdge(to: () => Value, offset: number = INDIRECT): boolean {
    const { r, at, inlining } = this;
    if (at.name !== "call" || r.env.ended) return false;
    const target = r.block.successors.get(blockKey(at.offset + at.length, inlining));
    if (target?.reentry !== true) return false;
    const address = to() as RegionNode;
    const exit = this.snapshot(at.offset + at.length, r.env.count + 1);
    const edge: Edge = { target, exit };
    r.edges.push(edge);
    r.append(r.node("edge.call", null, [address], { imm: offset }, exit, edge));
    r.env.ended = true;
    return true;
  }
  private indirect(target: RegionNode): void {
    const { r } = this;
    if (this.callEdge(() => target)) return;
    const { inlining, at } = this;
    const leave = (): void => {
      r.append(r.node("edge.indirect", null, [target], {}, this.snapshot(0, r.env.count + 1)));
      r.env.ended = true;
    };
    const expected = r.expected.get(at.offset);
    if (expected !== undefined && at.kind === "indirect" && r.block.successors.has(blockKey(expected, inlining))) {
      this.if(this.emit("i64.eq", [target, this.rip(expected)]), () => this.edge(expected, inlining), leave);
    } else if (at.kind === "return" && inlining !== null && r.block.successors.has(blockKey(inlining.returnTo, inlining.caller))) {
      this.if(this.emit("i64.eq", [target, this.rip(inlining.returnTo)]), () => this.edge(inlining.returnTo, inlining.caller), leave);
    } else leave();
  }
  /** After the last of the instruction's IR. */
  finishInstruction(last: boolean): void {
    const { r } = this;
    if (last) this.edge(this.at.offset + this.at.length, this.inlining);
    else r.env.count++;
    r.env.vars.clear();
  }
  /** The page of this instruction (or the one after it, where it crosses) must still be the one that was compiled. */
  checkPage(delta: number): void {
    this.r.append(this.r.node("page.check", null, [], { imm: delta }, this.here()));
  }

  // --- Emission --------------------------------------------------------------------------------------------------------------
  override emit(op: string, args: readonly Value[] = [], extra: Extra = NO_EXTRA): Node {
    const { r } = this;
    const { env } = r;
    const a = args as readonly RegionNode[];
    const meta = metaOf(op);
    if (meta === undefined) throw new Unsupported(op);
    if (meta.cls === "pure") {
      if (op === "i32.and" && a[0].meta.kind === KIND.getState && a[1].op === "i32.const") {
        const known = this.assumedBits(a[0], a[1].imm);
        if (known !== null) return this.i32(known);
      }
      return (meta.foldable ? simplify(meta, a, extra, r) : null) ?? r.append(r.make(meta, meta.result, a, extra, null, null));
    }
    // What stands after the end of an instruction is never reached.
    if (env.ended) return r.make(meta, meta.result, a, extra, null, null);
    switch (meta.kind) {
      case KIND.getState: return this.getState(meta, extra);
      case KIND.setState:
        this.setState(meta, a[0], extra);
        return a[0];
      case KIND.getVariable: {
        const v = env.vars.get(extra.imm ?? 0);
        if (v === undefined) throw new Unsupported("variable read before it is set");
        return v;
      }
      case KIND.setVariable:
        env.vars.set(extra.imm ?? 0, a[0]);
        return a[0];
    }
    switch (op) {
      case "cc.set":
        [CC_R, CC_A, CC_B, CC_M].forEach((s, i) => this.setSlot(s, a[i]));
        env.producer = extra.imm ?? PRODUCER.other;
        return a[0];
      case "cc.test": return condition(this, extra.imm ?? 0);
      case "seg.linear": return this.segmentLinear(a[0], extra);
      case "next":
        this.edge(this.at.offset + this.at.length, this.inlining);
        return a[0];
      case "again":
        this.edge(this.at.offset, this.inlining);
        return a[0];
      case "jump.direct":
        if (this.callEdge(() => this.rip(this.targetOffset), this.targetOffset)) return r.i32(0);
        this.edge(this.targetOffset, this.calleeContext());
        return a[0];
      case "branch.direct":
        this.branchRelative(a[0]);
        return a[0];
      case "jump":
        // STAC, CLAC: to what follows.
        if (this.at.kind === "access") this.edge(this.at.offset + this.at.length, this.inlining);
        else this.indirect(a[0]);
        return a[0];
      case "ea.linear": case "ea.offset": throw new Unsupported(op);
      case "call": return this.callHelper(a, extra);
      case "icount": return r.append(r.make(meta, meta.result, a, { imm: env.count + 1 }, null, null));
    }
    return r.append(r.make(meta, meta.result, a, extra, meta.leaves ? this.here() : null, null));
  }

  /** A masked read of control state that the region assumes: its value. */
  private assumedBits(read: RegionNode, mask: number): number | null {
    const address = read.ref?.address;
    if (address === STATE.fpuGate && this.insn.entry >= 0) {
      this.r.assumptions.fpuGate |= mask;
      return 0;
    }
    if (address === STATE.mxcsr && mask === MXCSR_CONTROL) {
      this.r.assumptions.mxcsr = true;
      return MXCSR_DEFAULT;
    }
    return null;
  }

  private callHelper(args: readonly RegionNode[], extra: Extra): Node {
    const { r } = this;
    const name = extra.name ?? "raise";
    const isolated = ISOLATED.has(name);
    if (!isolated) {
      r.append(r.node("sync", null, [], {}, this.here()));
      r.env.dirtyLow = r.env.dirtyHigh = 0;
      r.env.synced = true;
    }
    const call = r.append(r.node("call", null, args, extra, this.here()));
    if (!isolated) {
      const clobbered = CLOBBERS[name];
      if (clobbered === undefined || clobbered.includes(CC_R)) r.env.producer = PRODUCER.other;
      if (clobbered === undefined) r.env.slots.fill(IN_MEMORY);
      else for (const s of clobbered) r.env.slots[s] = IN_MEMORY;
    }
    if (NEVER_NEXT.has(name)) r.env.ended = true;
    return call;
  }

  private segmentLinear(offset: RegionNode, extra: Extra): Node {
    const n = ((extra.ref?.address ?? 0) - STATE.seg) / SEG_STRIDE;
    if (n === CS) throw new Unsupported("data in CS");
    if (n === FS || n === GS) {
      const linear = this.emit("i64.and", [this.emit("i64.add", [offset, this.get(64, segmentRef(n))]), this.i64(0xffffffffn)]);
      const end = this.emit("i64.add", [offset, this.i64(extra.imm ?? 1)]);
      // What reaches beyond the limit goes to tier 0, which faults, and so does what is not in a segment of 4 GiB.
      return this.emit("select.i64", [linear, this.i64(BigInt(SEGMENT_FAULT | n) << 32n), this.emit("i64.le_u", [end, this.get(64, fixed(STATE.segmentRoom + 8 * (n - FS)))])]);
    }
    // The others are flat: regions are made of no other code (interpreter/cache.ts, whole). Two pages are tier 0's anyhow.
    return offset;
  }

  // --- Register slots ----------------------------------------------------------------------------------------------------------
  /** The present value of a slot. */
  slot(s: number): RegionNode {
    const { r } = this;
    const v = r.env.slots[s];
    if (v === null) return r.node(`slot.${SLOT_TYPE[s]}`, SLOT_TYPE[s], NO_ARGS, { imm: s });
    if (v !== IN_MEMORY) return v;
    const width = SLOT_TYPE[s] === "v128" ? "128" : SLOT_TYPE[s] === "i64" ? "64" : "32";
    const loaded = r.append(r.node(`get.${width}`, SLOT_TYPE[s], [], { ref: fixed(SLOT_ADDRESS[s]) }));
    r.env.slots[s] = loaded;
    return loaded;
  }
  /** PRODUCER of the present flags. */
  get producer(): number {
    return this.r.env.producer;
  }
  setSlot(s: number, v: RegionNode): void {
    this.r.env.slots[s] = v;
    this.r.env.mark(s);
  }

  override i32(n: number): Value {
    return this.r.i32(n);
  }
  override i64(n: bigint | number): Value {
    return this.r.i64(BigInt(n));
  }

  private getState(meta: OpMeta, extra: Extra): Node {
    const { r } = this;
    const address = (extra.ref?.address ?? 0) + (extra.ref?.offset ?? 0);
    const kind = meta.width;
    const s = slotAt(address);
    if (s < 0) {
      if (address === STATE.zero) return this.i64(0);
      if (this.insn.mode !== 64) {
        if (address === STATE.spMask) return this.i64(0xffffffffn);
        if (address === segmentRef(CS).address || address === segmentRef(SS).address) return this.i64(0);
      }
      return r.append(r.make(meta, meta.result, [], extra, null, null));
    }
    const byte = address - SLOT_ADDRESS[s];
    const v = this.slot(s);
    if (v.type === "v128") {
      switch (kind) {
        case "128": return v;
        case "f32": return this.emit("f32x4.extract_lane", [v], { imm: byte >> 2 });
        case "f64": return this.emit("f64x2.extract_lane", [v], { imm: byte >> 3 });
        case "64": return this.emit("i64x2.extract_lane", [v], { imm: byte >> 3 });
        case "32": return this.emit("i32x4.extract_lane", [v], { imm: byte >> 2 });
        case "16": return this.emit("i16x8.extract_lane_u", [v], { imm: byte >> 1 });
        default: return this.emit("i8x16.extract_lane_u", [v], { imm: byte });
      }
    }
    if (v.type === "i32") return kind === "32" ? v : this.emit("i32.and", [byte > 0 ? this.emit("i32.shr_u", [v, this.i32(8 * byte)]) : v, this.i32(kind === "8" ? 255 : 65535)]);
    if (kind === "64") return v;
    let w: Value = byte === 0 ? v : this.emit("i64.shr_u", [v, this.i64(8 * byte)]);
    w = this.emit("i32.wrap_i64", [w]);
    return kind === "32" ? w : this.emit("i32.and", [w, this.i32(kind === "8" ? 255 : 65535)]);
  }

  private setState(meta: OpMeta, v: RegionNode, extra: Extra): void {
    const { r } = this;
    const address = (extra.ref?.address ?? 0) + (extra.ref?.offset ?? 0);
    const kind = meta.width;
    const s = slotAt(address);
    if (s < 0) {
      if (address === STATE.mxcsr) throw new Unsupported("MXCSR");
      r.append(r.make(meta, null, [v], extra, null, null));
      return;
    }
    const byte = address - SLOT_ADDRESS[s];
    if (SLOT_TYPE[s] === "v128") {
      if (kind === "128") this.setSlot(s, v);
      else {
        const shape = { f32: "f32x4", f64: "f64x2", 64: "i64x2", 32: "i32x4", 16: "i16x8", 8: "i8x16" }[kind] ?? "i8x16";
        const lane = byte / ({ f32: 4, f64: 8, 64: 8, 32: 4, 16: 2, 8: 1 }[kind] ?? 1);
        this.setSlot(s, this.emit(`${shape}.replace_lane`, [this.slot(s), v], { imm: lane }) as RegionNode);
      }
      return;
    }
    if (kind === "64") {
      this.setSlot(s, v);
      return;
    }
    if (SLOT_TYPE[s] === "i32" && kind === "32") {
      this.setSlot(s, v);
      return;
    }
    const bits = Number(kind);
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(8 * byte);
    let inserted = this.zext64(v);
    if (bits < 32) inserted = this.emit("i64.and", [inserted, this.i64((1n << BigInt(bits)) - 1n)]);
    if (byte > 0) inserted = this.emit("i64.shl", [inserted, this.i64(8 * byte)]);
    const kept = this.emit("i64.and", [this.slot(s), this.i64(~mask)]);
    this.setSlot(s, this.emit("i64.or", [kept, inserted]) as RegionNode);
  }

  // --- Conditionals --------------------------------------------------------------------------------------------------------------
  override if(condition: Value, then: () => void, otherwise?: () => void): void {
    const { r } = this;
    if (r.env.ended) return;
    if (condition.op === "i32.const") {
      if (condition.imm !== 0) then();
      else otherwise?.();
      return;
    }
    const outer = r.list;
    const before = r.env;
    const arm = (body: (() => void) | undefined): { list: RegionNode[]; env: Env } => {
      r.env = new Env(before);
      r.list = [];
      body?.();
      return { list: r.list, env: r.env };
    };
    const yes = arm(then);
    const no = arm(otherwise);
    r.list = outer;
    r.env = this.merge(yes, no);
    // Whatever is not zero is true.
    let known = condition as RegionNode;
    while (known.op === "i32.eqz" && known.args[0].op === "i32.eqz") [known] = known.args[0].args;
    r.append(r.node("if", null, [known], { bodies: [yes.list, no.list] }));
  }

  /** Joins the states at the ends of two arms; where they differ, both set a phi. */
  private merge(yes: { list: RegionNode[]; env: Env }, no: { list: RegionNode[]; env: Env }): Env {
    if (yes.env.ended) return no.env;
    if (no.env.ended) return yes.env;
    const { r } = this;
    const out = new Env(yes.env);
    out.dirtyLow |= no.env.dirtyLow;
    out.dirtyHigh |= no.env.dirtyHigh;
    out.synced = yes.env.synced && no.env.synced;
    if (yes.env.producer !== no.env.producer) out.producer = PRODUCER.other;
    const join = (type: Type, read: (arm: { list: RegionNode[]; env: Env }) => RegionNode): RegionNode => {
      const phi = r.phi(type);
      for (const arm of [yes, no]) {
        r.list = arm.list;
        r.env = arm.env;
        const v = read(arm);
        r.append(r.node(`phi.set.${type}`, null, [v], { imm: phi.imm }));
      }
      return phi;
    };
    const outer = r.list;
    for (let s = 0; s < SLOT_COUNT; s++) {
      const a: SlotValue = yes.env.slots[s];
      const b: SlotValue = no.env.slots[s];
      if (a === b) continue;
      out.slots[s] = join(SLOT_TYPE[s], () => this.slot(s));
      out.mark(s);
    }
    for (const [k, a] of yes.env.vars) {
      const b = no.env.vars.get(k);
      if (b === undefined || a === b) continue;
      out.vars.set(k, join(a.type ?? "i32", (arm) => arm.env.vars.get(k) ?? a));
    }
    r.list = outer;
    return out;
  }

  override variable(initial: Value): { number: number; type: Type } {
    const v = { number: this.variables++, type: initial.type ?? "i32" };
    this.assign(v, initial);
    return v;
  }
}
