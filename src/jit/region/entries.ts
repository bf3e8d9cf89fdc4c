/**
 * Where else a region can be entered. Control leaves a region for tier 0 in many ways (a time slice ends, an interrupt, an arm that was never taken)
 * and comes back in the middle: without entries there, the rest would become a region once more.
 */
import type { Block } from "./shape.ts";

/** Each costs a comparison at the door, and loads. */
const MOST = 12;

/** The blocks of the loop at `header`: those that come back to it without passing it. */
function loopAt(header: Block, predecessors: ReadonlyMap<Block, readonly Block[]>): Set<Block> {
  const body = new Set([header]);
  const work = (predecessors.get(header) ?? []).filter((b) => b.index >= header.index);
  for (let b = work.pop(); b !== undefined; b = work.pop()) {
    if (body.has(b)) continue;
    body.add(b);
    work.push(...(predecessors.get(b) ?? []));
  }
  return body;
}

/**
 * Blocks that begin a tree anyhow, so that nothing is known at their heads that an entry could lose: what calls return to, merges, heads of outermost
 * loops; and the one at `wanted`. Inside of a loop an entry would give it a second way in. On the first entry's page alone: that is the one that was looked up.
 */
export function otherEntries(blocks: readonly Block[], wanted = -1): Block[] {
  const predecessors = new Map<Block, Block[]>();
  for (const b of blocks) {
    for (const s of b.successors.values()) {
      const list = predecessors.get(s);
      if (list === undefined) predecessors.set(s, [b]);
      else list.push(b);
    }
  }
  const inside = new Set<Block>();
  for (const b of blocks) if (b.loopHeader) for (const l of loopAt(b, predecessors)) if (l !== b) inside.add(l);
  const fit = blocks.filter((b, i) => {
    return i > 0 && (b.reentry || b.predecessors > 1 || b.start === wanted) && b.inlining === null && !b.open && b.start >> 12 === 0 && !inside.has(b);
  });
  // The wanted one first.
  return fit.sort((a, b) => Number(b.start === wanted) - Number(a.start === wanted)).slice(0, MOST);
}
