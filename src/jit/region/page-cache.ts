/**
 * The pages that a region's accesses were in last, in locals: by the register that addresses start from, the two tags and the addend of the
 * data TLB's entry. What hits saves the look into the TLB, which is most of an access, and keeps it out of the way from an address to its value.
 * An entry says what is so until somebody takes it back, and in a region nobody does: devices, page faults and whatever flushes a TLB are
 * tier 0's. So locals are forgotten behind calls that come back alone.
 */
import { TLB_ADDEND, TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { allows, dataEntry, probe } from "../lower/tlb.ts";
import type { FunctionBuilder } from "../wasm/function.ts";
import type { RegionIr } from "./build.ts";
import { accessOf } from "./held.ts";
import { KIND } from "./meta.ts";
import { IN_MEMORY, type RegionNode } from "./node.ts";
import { bound } from "./simplify.ts";

/** More would rather be spilled than kept in registers. */
const MOST = 4;
/** Bytes that a register may move in a round of a loop: pages would change too often for the branch predictor otherwise. */
const LONGEST_STEP = 64;
/** No page, nor near one: not a canonical address. */
const NONE = 0x7000_0000_0000_0000n;

interface Group {
  readonly readTag: number | null;
  readonly writeTag: number | null;
  readonly addend: number;
}

/** A loop: the blocks from its header to its last edge back, in reverse postorder. */
interface Loop {
  readonly first: number;
  readonly last: number;
  /** Slots that jump about in it. */
  readonly restless: Set<number>;
}

const isConstant = (n: RegionNode): boolean => n.op === "i64.const" || n.op === "i32.const";
const isAdd = (n: RegionNode): boolean => n.op === "i64.add" || n.op === "i32.add";

/** The address without constants on top of it, nor the mask of legacy modes or 32-bit code's extension; and their sum. */
function stripped(n: RegionNode): { readonly node: RegionNode; readonly sum: bigint } {
  let node = n;
  let sum = 0n;
  for (;;) {
    if (isAdd(node) && isConstant(node.args[1])) sum = BigInt.asIntN(64, sum + (node.op === "i64.add" ? node.args[1].big : BigInt(node.args[1].imm)));
    else if (!(node.op === "i64.and" && isConstant(node.args[1])) && node.op !== "i64.extend_i32_u" && node.op !== "i32.wrap_i64") return { node, sum };
    node = node.args[0];
  }
}

/** An upper bound of an integer's value. */
function boundOf(n: RegionNode): number {
  return n.type === "i32" ? bound(n) : bound64(n);
}
function bound64(n: RegionNode): number {
  switch (n.op) {
    case "i64.const": return Number(BigInt.asUintN(64, n.big));
    case "i64.extend_i32_u": return bound(n.args[0]);
    case "i64.shl": return isConstant(n.args[1]) ? bound64(n.args[0]) * 2 ** Number(n.args[1].big & 63n) : Infinity;
    default: return Infinity;
  }
}

/** The slots that an address starts from, with at most an index into one page besides; empty where it starts from something else. */
function originOf(address: RegionNode): number[] {
  const { node } = stripped(address);
  if (node.meta.kind === KIND.slot) return [node.imm];
  if (!isAdd(node)) return [];
  const slots: number[] = [];
  for (const part of node.args) {
    const inner = stripped(part).node;
    if (inner.meta.kind === KIND.slot) slots.push(inner.imm);
    else if (boundOf(part) >= 4096) return [];
  }
  return slots.sort((a, b) => a - b);
}

/** Loops; what is assigned in an inner one counts for those around it, too. */
function loopsOf(ir: RegionIr): Loop[] {
  const last = new Map<number, number>();
  for (const { target, exit } of ir.edges) {
    if (target !== null && target.index <= exit.root.index) last.set(target.index, Math.max(last.get(target.index) ?? 0, exit.root.index));
  }
  const loops = [...last].map(([first, end]) => ({ first, last: end, restless: new Set<number>() }));
  const within = (l: Loop, index: number): boolean => index >= l.first && index <= l.last;
  for (const { target, exit } of ir.edges) {
    if (target === null) continue;
    for (const loop of loops) {
      if (!within(loop, target.index) || !within(loop, exit.root.index)) continue;
      exit.slots?.forEach((v, s) => {
        if (v === null) return;
        if (v !== IN_MEMORY) {
          const { node, sum } = stripped(v);
          if (isConstant(node) || node.op === "vpage") return;
          if (node.meta.kind === KIND.slot && node.imm === s && sum <= LONGEST_STEP && sum >= -LONGEST_STEP) return;
        }
        loop.restless.add(s);
      });
    }
  }
  return loops;
}

export class PageCache {
  private readonly groups: readonly Group[];
  /** By access. */
  private readonly sites = new Map<RegionNode, Group>();

  constructor(private readonly fb: FunctionBuilder, ir: RegionIr, elsewhere: (n: RegionNode) => boolean) {
    const loops = loopsOf(ir);
    const found = new Map<string, { reads: RegionNode[]; writes: RegionNode[] }>();
    const collect = (nodes: readonly RegionNode[], around: readonly Loop[]): void => {
      for (const n of nodes) {
        const access = accessOf(n);
        const origin = access === null ? [] : originOf(n.args[0]);
        if (access !== null && !elsewhere(n) && origin.length > 0 && !around.some(({ restless }) => origin.some((s) => restless.has(s)))) {
          const key = origin.join(" ");
          let uses = found.get(key);
          if (uses === undefined) found.set(key, (uses = { reads: [], writes: [] }));
          uses[access.tag === TLB_READ ? "reads" : "writes"].push(n);
        }
        for (const body of n.bodies) collect(body, around);
      }
    };
    for (const { block, nodes } of ir.blocks) {
      const around = loops.filter((l) => block.index >= l.first && block.index <= l.last);
      // Elsewhere the first access would pay for two or three others, in code above all.
      if (around.length > 0) collect(nodes, around);
    }
    const weight = ({ reads, writes }: { reads: RegionNode[]; writes: RegionNode[] }): number => reads.length + writes.length;
    this.groups = [...found.values()].sort((a, b) => weight(b) - weight(a)).slice(0, MOST).map(({ reads, writes }) => {
      const group = { readTag: reads.length > 0 ? fb.local("i64") : null, writeTag: writes.length > 0 ? fb.local("i64") : null, addend: fb.local("i32") };
      for (const n of [...reads, ...writes]) this.sites.set(n, group);
      return group;
    });
  }

  /** Nothing is known any more: at the region's start, and behind what may have run other code. */
  forget(): void {
    for (const { readTag, writeTag } of this.groups) for (const tag of [readTag, writeTag]) if (tag !== null) this.fb.i64(NONE).set(tag);
  }

  /**
   * Leaves the linear-memory address of `access`, of `bytes` at the address that `linearOf` puts into a local (i64), on the stack; `miss` is emitted where the TLB does
   * not have it: it leaves the address too, or branches. `entry`, `found`: an i32 and an i64 local for use here; what `miss` calls gets the tag in `found` (lower/tlb.ts).
   */
  translate(access: RegionNode, tlbBase: number, linearOf: () => number, entry: number, found: number, bytes: number, tag: typeof TLB_READ | typeof TLB_WRITE, miss: () => void): void {
    const { fb } = this;
    const hit = fb.begin("block", "hit", "i32");
    const linear = linearOf();
    const group = this.sites.get(access);
    const last = tag === TLB_READ ? group?.readTag : group?.writeTag;
    if (group !== undefined && typeof last === "number") {
      fb.get(linear).op("i32.wrap_i64").get(group.addend).op("i32.add");
      // All of the access in the page: its first byte at most so far behind the page's.
      fb.get(linear).get(last).op("i64.sub").i64(BigInt(4096 - bytes)).op("i64.le_u").likely().brIf(hit).op("drop");
      dataEntry(fb, linear).set(entry);
      allows(fb, linear, entry, found, tlbBase, bytes, tag);
      const known = fb.likely().begin("if", "known");
      this.remember(group, tlbBase, linear, entry, tag);
      fb.get(linear).op("i32.wrap_i64").get(group.addend).op("i32.add").br(hit).end(known);
    } else {
      dataEntry(fb, linear).set(entry);
      probe(fb, linear, entry, found, tlbBase, bytes, tag);
      fb.likely().brIf(hit).op("drop");
    }
    miss();
    fb.end(hit);
  }

  /** Takes over the entry, whose tag of kind `matched` is the page of the address in `linear`. */
  private remember({ readTag, writeTag, addend }: Group, tlbBase: number, linear: number, entry: number, matched: number): void {
    const { fb } = this;
    const keep = (local: number | null, tag: number): void => {
      if (local === null) return;
      fb.get(linear).i64(-4096n).op("i64.and").set(local);
      if (tag !== matched) fb.get(local).i64(NONE).get(local).get(entry).mem("i64.load", tlbBase + tag).op("i64.eq").op("select").set(local);
    };
    keep(readTag, TLB_READ);
    keep(writeTag, TLB_WRITE);
    fb.get(entry).mem("i32.load", tlbBase + TLB_ADDEND).set(addend);
  }
}
