/**
 * Addresses that stay the same in a loop: they are looked up in the TLB once, before it, and where the loop's code finds them in linear memory is
 * held in locals. What is so once is so until somebody takes it back, which in a region nobody does (page-cache.ts); loops that call other code or
 * helpers are left alone. A local that is 0 knows nothing: its access looks for itself.
 */
import { TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { dataEntry, probe } from "../lower/tlb.ts";
import type { FunctionBuilder } from "../wasm/function.ts";
import type { RegionIr } from "./build.ts";
import { KIND } from "./meta.ts";
import { IN_MEMORY, type RegionNode } from "./node.ts";
import { dominates } from "./scan.ts";
import type { Block } from "./shape.ts";

/** Looks before one loop; its code may be as long as several rounds. */
const MOST_IN_LOOP = 6;
/** Locals of a region. */
const MOST = 16;

type Tag = typeof TLB_READ | typeof TLB_WRITE;

/** How a node goes to guest memory: bytes, and what the TLB has to allow. */
export interface Access {
  readonly bytes: number;
  readonly tag: Tag;
}

interface Held extends Access {
  /** The access's address in linear memory, or 0. */
  readonly local: number;
  readonly address: RegionNode;
}

/** Accesses of a loop to one address. */
interface Found extends Access {
  readonly sites: RegionNode[];
  readonly address: RegionNode;
  /** Every round comes by. */
  always: boolean;
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

export class HeldAddresses {
  private readonly sites = new Map<RegionNode, Held>();
  private readonly before = new Map<Block, Held[]>();
  private readonly scratch: { readonly linear: number; readonly entry: number; readonly found: number } | null = null;

  constructor(private readonly fb: FunctionBuilder, ir: RegionIr) {
    let left = MOST;
    for (const loop of loopsOf(ir)) {
      const found = new Map<string, Found>();
      for (const { block, nodes } of ir.blocks) {
        if (!loop.body.has(block)) continue;
        const always = loop.latches.some((l) => dominates(block, l));
        const collect = (list: readonly RegionNode[], outermost: boolean): void => {
          for (const n of list) {
            const access = accessOf(n);
            if (access !== null && !this.sites.has(n)) this.consider(n, access, always && outermost, loop, found);
            for (const body of n.bodies) collect(body, false);
          }
        };
        collect(nodes, true);
      }
      // What a round may go past does not pay for its look, unless there are several of it.
      const chosen = [...found.values()].filter((f) => f.always || f.sites.length > 1).sort((a, b) => b.sites.length - a.sites.length).slice(0, Math.min(MOST_IN_LOOP, left));
      left -= chosen.length;
      if (chosen.length === 0) continue;
      this.before.set(loop.header, chosen.map(({ sites, address, bytes, tag }) => {
        const held = { local: fb.local("i32"), address, bytes, tag };
        for (const n of sites) this.sites.set(n, held);
        return held;
      }));
    }
    if (this.before.size > 0) this.scratch = { linear: fb.local("i64"), entry: fb.local("i32"), found: fb.local("i64") };
  }

  private consider(n: RegionNode, { bytes, tag }: Access, always: boolean, loop: Loop, found: Map<string, Found>): void {
    const slots = new Set<number>();
    const text: string[] = [`${bytes}:${tag}:`];
    if (!form(n.args[0], slots, text) || [...slots].some((s) => loop.assigned.has(s))) return;
    const key = text.join(" ");
    const one = found.get(key);
    if (one === undefined) found.set(key, { sites: [n], always, address: n.args[0], bytes, tag });
    else {
      one.sites.push(n);
      one.always ||= always;
    }
  }

  /** The local that holds where the access goes to in linear memory, or null. */
  of(access: RegionNode): number | null {
    return this.sites.get(access)?.local ?? null;
  }

  /** The looks before the loop at `header`. `slot`, `page`: leave a slot's value, or the region's page, on the stack. */
  look(header: Block, tlbBase: number, slot: (s: number) => void, page: () => void): void {
    const { fb, scratch } = this;
    if (scratch === null) return;
    for (const { local, address, bytes, tag } of this.before.get(header) ?? []) {
      this.emit(address, slot, page);
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
