/** How a region's blocks nest in WebAssembly's structured control flow, and how long the ways through them are. */
import type { RegionIr } from "./build.ts";
import type { RegionNode } from "./node.ts";
import type { Block } from "./shape.ts";

export class Nesting {
  /** Edges from earlier blocks, by target. */
  private readonly forward = new Map<Block, number>();
  private readonly children = new Map<Block, Block[]>();
  private readonly lengths = new Map<Block, number>();

  constructor(ir: RegionIr) {
    for (const { block, nodes } of ir.blocks) {
      this.countForward(block, nodes);
      const parent = block.immediateDominator;
      if (parent !== null) this.children.set(parent, [...(this.children.get(parent) ?? []), block]);
    }
  }

  private countForward(from: Block, nodes: readonly RegionNode[]): void {
    for (const n of nodes) {
      const target = n.edge?.target ?? null;
      if (target !== null && target.index > from.index) this.forward.set(target, (this.forward.get(target) ?? 0) + 1);
      n.bodies.forEach((body) => this.countForward(from, body));
    }
  }

  /** Whether more than one edge from before reaches the block: it stands behind a `block`, not in the arm of a branch. */
  isMerge(b: Block): boolean {
    return (this.forward.get(b) ?? 0) > 1;
  }

  /** The merges that `b` immediately dominates, in reverse post-order. */
  merges(b: Block): Block[] {
    return (this.children.get(b) ?? []).filter((c) => this.isMerge(c)).sort((x, y) => x.index - y.index);
  }

  /** Instructions on the longest way from the block to where the budget is looked at again. */
  longest(b: Block): number {
    const known = this.lengths.get(b);
    if (known !== undefined) return known;
    let most = 0;
    for (const s of b.successors.values()) if (s.index > b.index && !s.loopHeader && !s.reentry) most = Math.max(most, this.longest(s));
    const n = b.insns.length + most;
    this.lengths.set(b, n);
    return n;
  }
}
