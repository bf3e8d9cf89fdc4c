/** Lifts a region's blocks to IR, in reverse post-order, each with what is known at the end of the one before it where there is just one. */
import { lift } from "../../cpu/lift/index.ts";
import { formOf } from "../interpreter/forms.ts";
import type { Assumptions } from "./assumptions.ts";
import { DecodedContext, RegionState, Unsupported } from "./context.ts";
import { type Edge, Env, type ExitState, type RegionNode } from "./node.ts";
import { type Block, isDoor, type Region } from "./shape.ts";

export interface BlockIr {
  readonly block: Block;
  /** The head of the tree of blocks that it belongs to. */
  readonly root: Block;
  readonly nodes: readonly RegionNode[];
}

export interface RegionIr {
  readonly region: Region;
  readonly blocks: readonly BlockIr[];
  readonly edges: readonly Edge[];
  readonly exits: readonly ExitState[];
  readonly assumptions: Assumptions;
  readonly phis: readonly RegionNode[];
  readonly nodeCount: number;
}

/** Throws UnsupportedAt when an instruction's form cannot be compiled. */
export function buildRegion(region: Region): RegionIr {
  const r = new RegionState();
  r.expected = region.expected;
  const out: BlockIr[] = [];
  const checked = new CheckedPages();
  for (const block of region.blocks) {
    const inherited = block.predecessors === 1 ? r.inherited.get(block) : undefined;
    r.env = inherited?.env ?? new Env();
    r.root = inherited?.root ?? block;
    r.block = block;
    r.list = [];
    if (isDoor(block)) enterBlocks(r, block);
    block.insns.forEach((at, i) => {
      if (r.env.ended) return;
      const c = new DecodedContext(formOf(at.insn), r, at, block.inlining);
      if (i === 0 && checked.first(block, block.start >> 12)) c.checkPage(block.start >> 12);
      const end = (at.offset + at.length - 1) >> 12;
      if (end !== at.offset >> 12 && checked.first(block, end)) c.checkPage(end);
      try {
        lift(c);
      } catch (e) {
        if (e instanceof Unsupported) throw new UnsupportedAt(at.offset, `${at.name}: ${e.message}`);
        throw e;
      }
      c.finishInstruction(i === block.insns.length - 1);
    });
    out.push({ block, root: r.root, nodes: r.list });
  }
  return { region, blocks: out, edges: r.edges, exits: r.exits, assumptions: r.assumptions, phis: r.phis, nodeCount: r.nodeCount };
}

/** The nodes of a door: an edge to each entry. */
function enterBlocks(r: RegionState, door: Block): void {
  const bodies = [...door.successors.values()].map((target) => {
    const exit = { root: door, offset: target.start, next: target.start, count: 0, synced: true, dirtyLow: 0, dirtyHigh: 0, slots: r.env.slots.slice() };
    const edge: Edge = { target, exit };
    r.exits.push(exit);
    r.edges.push(edge);
    return [r.node("edge.enter", null, [], {}, exit, edge)];
  });
  r.append(r.node("dispatch", null, [], { bodies }));
}

/**
 * Pages that are known to be those that were compiled: the entry's, and those that were asked for on every way to a block. While a region is open
 * nothing changes the mapping of code: what flushes the fetch TLB runs in tier 0, and counts STATE.regionGeneration, by which those that are open leave.
 */
class CheckedPages {
  private readonly asked = new Map<Block, Set<number>>();

  /** Notes that the page is asked for in the block. False when it need not be. */
  first(block: Block, delta: number): boolean {
    if (delta === 0) return false;
    for (let b: Block | null = block; b !== null; b = b.immediateDominator) if (this.asked.get(b)?.has(delta) === true) return false;
    const own = this.asked.get(block);
    if (own === undefined) this.asked.set(block, new Set([delta]));
    else own.add(delta);
    return true;
  }
}

/** The instruction at `offset` must stay outside of the region. */
export class UnsupportedAt extends Error {
  constructor(
    readonly offset: number,
    reason: string,
  ) {
    super(reason);
  }
}
