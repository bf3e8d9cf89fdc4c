/**
 * Addresses that stay the same in a loop: they are looked up in the TLB once, before it, those near each other together, and where the loop's code finds them in
 * linear memory is held in locals. What is so once is so until somebody takes it back, which in a region nobody does (page-cache.ts); loops that call other code or
 * helpers are left alone. A local that is 0 knows nothing: its access looks for itself.
 */
import { TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { dataEntry, probe } from "../lower/tlb.ts";
import type { FunctionBuilder } from "../wasm/function.ts";
import { splitAddress } from "./addresses.ts";
import type { RegionIr } from "./build.ts";
import { KIND } from "./meta.ts";
import { IN_MEMORY, type RegionNode } from "./node.ts";
import { dominates } from "./scan.ts";
import type { Block } from "./shape.ts";

/** Looks before one loop; its code may be as long as several rounds. */
const MOST_IN_LOOP = 6;
/** Locals of a region. */
const MOST = 16;
/** Bytes that are looked up together: the more, the more often a page ends in them. */
export const LONGEST_SPAN = 128;

type Tag = typeof TLB_READ | typeof TLB_WRITE;

/** How a node goes to guest memory: bytes, and what the TLB has to allow. */
export interface Access {
  readonly bytes: number;
  readonly tag: Tag;
}

/** Bytes in linear memory that the TLB had, or not. */
export interface Place extends Access {
  /** Where they begin in linear memory, or 0. */
  readonly local: number;
}

/** What is looked up before a loop. */
interface Held extends Place {
  /** An address, and how far behind it the place begins. */
  readonly address: RegionNode;
  readonly behind: number;
}

/** An access of a loop whose address stays the same. */
interface Site extends Access {
  readonly n: RegionNode;
  readonly offset: bigint;
  /** Every round comes by. */
  readonly always: boolean;
}

/** Those that are looked up together. */
interface Found {
  readonly sites: Site[];
  tag: Tag;
  from: bigint;
  to: bigint;
}

interface Loop {
  readonly header: Block;
  readonly body: ReadonlySet<Block>;
  /** Where it goes back from. */
  readonly latches: readonly Block[];
  /** Slots that are set in it. */
  readonly assigned: ReadonlySet<number>;
}

/** What can be computed from slots before a loop as in it. */
const STEADY_OPS = new Set(["i64.add", "i32.add", "i64.and", "i64.shl", "i32.shl", "i64.extend_i32_u", "i32.wrap_i64"]);

/** An address's form and the slots in it; false where it is made of anything else. */
function form(n: RegionNode, slots: Set<number>, out: string[]): boolean {
  if (n.meta.kind === KIND.slot) {
    slots.add(n.imm);
    out.push(`s${n.imm}`);
    return true;
  }
  if (n.op === "i64.const") out.push(`${n.big}`);
  else if (n.op === "i32.const") out.push(`${n.imm}`);
  else if (n.op === "vpage") out.push("page");
  else if (STEADY_OPS.has(n.op)) {
    out.push(n.op, "(");
    if (!n.args.every((a) => form(a, slots, out))) return false;
    out.push(")");
  } else return false;
  return true;
}

/** Null for what does not go through the TLB with one address. */
export function accessOf(n: RegionNode): Access | null {
  if (n.meta.kind === KIND.load) return { bytes: Number(n.meta.width) / 8, tag: TLB_READ };
  if (n.meta.kind === KIND.store) return { bytes: Number(n.meta.width) / 8, tag: TLB_WRITE };
  return n.op === "rmw.begin" ? { bytes: n.imm, tag: TLB_WRITE } : null;
}

/** Runs other code, or changes the TLB that is in use. */
const disturbs = (nodes: readonly RegionNode[]): boolean =>
  nodes.some((n) => n.op === "call" || n.op === "edge.call" || n.meta.kind === KIND.setState || n.bodies.some(disturbs));

/** Natural loops that nothing disturbs, large ones first. */
function loopsOf(ir: RegionIr): Loop[] {
  const predecessors = new Map<Block, Block[]>(ir.region.blocks.map((b) => [b, []]));
  for (const b of ir.region.blocks) for (const s of b.successors.values()) predecessors.get(s)?.push(b);
  const disturbed = new Set(ir.blocks.filter(({ block, nodes }) => block.reentry || disturbs(nodes)).map(({ block }) => block));
  const loops: Loop[] = [];
  for (const header of ir.region.blocks) {
    if (!header.loopHeader) continue;
    const latches = (predecessors.get(header) ?? []).filter((b) => b.index >= header.index);
    const body = new Set([header]);
    const work = [...latches];
    for (let b = work.pop(); b !== undefined; b = work.pop()) {
      if (body.has(b)) continue;
      body.add(b);
      work.push(...(predecessors.get(b) ?? []));
    }
    if ([...body].some((b) => disturbed.has(b))) continue;
    const assigned = new Set<number>();
    for (const { target, exit } of ir.edges) {
      // A block with one predecessor goes on with what is known at the end of that.
      if (target === null || target.predecessors === 1 || !body.has(target) || !body.has(exit.root)) continue;
      exit.slots.forEach((v, s) => {
        if (v !== null && (v === IN_MEMORY || v.meta.kind !== KIND.slot || v.imm !== s)) assigned.add(s);
      });
    }
    loops.push({ header, body, latches, assigned });
  }
  return loops.sort((a, b) => b.body.size - a.body.size);
}

function consider(n: RegionNode, access: Access, always: boolean, loop: Loop, steady: Map<string, Site[]>): void {
  const { node, narrow, offset } = splitAddress(n.args[0]);
  const slots = new Set<number>();
  const text: string[] = [narrow ? "32" : "64"];
  // One constant address is as far from another as their offsets say.
  if (node.op !== "i64.const" && !form(node, slots, text)) return;
  if ([...slots].some((s) => loop.assigned.has(s))) return;
  const key = text.join(" ");
  const site = { ...access, n, offset, always };
  const list = steady.get(key);
  if (list === undefined) steady.set(key, [site]);
  else list.push(site);
}

/** Sites of one base as few places, which need not be allowed more than what every round does. */
function together(sites: readonly Site[]): Found[] {
  const found: Found[] = [];
  // What is written is read, too: writes first.
  const rank = ({ tag, always }: Site): number => (always ? 0 : 2) + (tag === TLB_WRITE ? 0 : 1);
  for (const site of [...sites].sort((a, b) => rank(a) - rank(b))) {
    const end = site.offset + BigInt(site.bytes);
    const fit = found.find((f) => {
      const from = f.from < site.offset ? f.from : site.offset;
      const to = f.to > end ? f.to : end;
      return to - from <= LONGEST_SPAN && (site.tag === TLB_READ || f.tag === TLB_WRITE);
    });
    if (fit === undefined) found.push({ sites: [site], tag: site.tag, from: site.offset, to: end });
    else {
      fit.sites.push(site);
      if (site.offset < fit.from) fit.from = site.offset;
      if (end > fit.to) fit.to = end;
    }
  }
  return found;
}

export class HeldAddresses {
  private readonly sites = new Map<RegionNode, { readonly place: Place; readonly distance: number }>();
  private readonly before = new Map<Block, Held[]>();
  private readonly scratch: { readonly linear: number; readonly entry: number; readonly found: number } | null = null;

  constructor(private readonly fb: FunctionBuilder, ir: RegionIr) {
    let left = MOST;
    for (const loop of loopsOf(ir)) {
      const steady = new Map<string, Site[]>();
      for (const { block, nodes } of ir.blocks) {
        if (!loop.body.has(block)) continue;
        const always = loop.latches.some((l) => dominates(block, l));
        const collect = (list: readonly RegionNode[], outermost: boolean): void => {
          for (const n of list) {
            const access = accessOf(n);
            if (access !== null && !this.sites.has(n)) consider(n, access, always && outermost, loop, steady);
            for (const body of n.bodies) collect(body, false);
          }
        };
        collect(nodes, true);
      }
      // What a round may go past does not pay for its look, unless there are several of it.
      const chosen = [...steady.values()].flatMap(together).filter(({ sites }) => sites.length > 1 || sites[0].always)
        .sort((a, b) => b.sites.length - a.sites.length).slice(0, Math.min(MOST_IN_LOOP, left));
      left -= chosen.length;
      if (chosen.length === 0) continue;
      this.before.set(loop.header, chosen.map(({ sites, tag, from, to }) => {
        const held = { local: fb.local("i32"), address: sites[0].n.args[0], behind: Number(from - sites[0].offset), bytes: Number(to - from), tag };
        for (const { n, offset } of sites) this.sites.set(n, { place: held, distance: Number(offset - from) });
        return held;
      }));
    }
    if (this.before.size > 0) this.scratch = { linear: fb.local("i64"), entry: fb.local("i32"), found: fb.local("i64") };
  }

  /** The place that has the access, and how far behind its beginning; or null. */
  of(access: RegionNode): { readonly place: Place; readonly distance: number } | null {
    return this.sites.get(access) ?? null;
  }

  /** The looks before the loop at `header`. `slot`, `page`: leave a slot's value, or the region's page, on the stack. */
  look(header: Block, tlbBase: number, slot: (s: number) => void, page: () => void): void {
    const { fb, scratch } = this;
    if (scratch === null) return;
    for (const { local, address, behind, bytes, tag } of this.before.get(header) ?? []) {
      this.emit(address, slot, page);
      if (behind !== 0) fb.i64(BigInt(behind)).op("i64.add");
      fb.set(scratch.linear);
      dataEntry(fb, scratch.linear).set(scratch.entry);
      probe(fb, scratch.linear, scratch.entry, scratch.found, tlbBase, bytes, tag);
      // The address, or 0 where the TLB does not allow it.
      fb.op("i32.mul").set(local);
    }
  }
  private emit(n: RegionNode, slot: (s: number) => void, page: () => void): void {
    const { fb } = this;
    if (n.meta.kind === KIND.slot) slot(n.imm);
    else if (n.op === "i64.const") fb.i64(n.big);
    else if (n.op === "i32.const") fb.i32(n.imm);
    else if (n.op === "vpage") page();
    else {
      for (const a of n.args) this.emit(a, slot, page);
      fb.op(n.op);
    }
  }
}
