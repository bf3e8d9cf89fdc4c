/**
 * Pass "liveness": which slots' locals hold something at the head of each tree of blocks, which of them the state block lacks
 * (dirty), and how often each value is used, on the executed way (hot) and where the region is left (cold). What has no
 * use is dead: flags that nobody reads, registers that are overwritten.
 */
import type { RegionIr } from "./build.ts";
import { type Edge, type ExitState, IN_MEMORY, type RegionNode } from "./node.ts";
import type { Block } from "./scan.ts";
import { IR_OPS } from "../../cpu/ir/ops.ts";
import { SLOT_COUNT } from "./slots.ts";

export interface Liveness {
  /** By root block: slots whose local is read in its tree or beyond. */
  readonly liveIn: ReadonlyMap<Block, readonly boolean[]>;
  /** By root block: slots that may differ from the state block. */
  readonly dirtyIn: ReadonlyMap<Block, readonly boolean[]>;
  /** Whether an edge to a block of a tree of its own sets the slot's local. */
  assigns(edge: Edge, slot: number): boolean;
  /** Whether an exit stores the slot from its local. */
  storesLocal(exit: ExitState, slot: number): boolean;
}

export function analyse(ir: RegionIr): Liveness {
  const roots = new Set(ir.blocks.map((b) => b.root));
  const dirtyIn = new Map<Block, boolean[]>();
  const liveIn = new Map<Block, boolean[]>();
  const none = (): boolean[] => new Array<boolean>(SLOT_COUNT).fill(false);
  for (const b of roots) {
    dirtyIn.set(b, none());
    liveIn.set(b, none());
  }
  const at = (m: Map<Block, boolean[]>, b: Block): boolean[] => m.get(b) ?? none();
  const outward = ir.edges.filter((e) => e.target !== null && roots.has(e.target));

  for (let changed = true; changed; ) {
    changed = false;
    for (const e of outward) {
      if (e.target === null) continue;
      const from = at(dirtyIn, e.exit.root);
      const to = at(dirtyIn, e.target);
      for (let s = 0; s < SLOT_COUNT; s++) {
        const dirty = e.exit.values[s] !== null || (e.exit.unchanged[s] && !e.exit.synced && from[s]);
        if (dirty && !to[s]) {
          to[s] = true;
          changed = true;
        }
      }
    }
  }
  const storesLocal = (x: ExitState, s: number): boolean => x.unchanged[s] && !x.synced && at(dirtyIn, x.root)[s];

  // A loop's head is left when the time budget is used up.
  for (const b of roots) if (b.loopHeader) at(dirtyIn, b).forEach((d, s) => (at(liveIn, b)[s] ||= d));

  // Uses. A slot node marks its slot live at its root.
  let root!: Block;
  const hot = (n: RegionNode): void => {
    if (n.hot++ > 0) return;
    if (n.op.startsWith("slot.")) at(liveIn, root)[n.imm] = true;
    if (IR_OPS.get(n.op)?.cls === "pure") n.args.forEach(hot);
  };
  const cold = (n: RegionNode): void => {
    if (n.cold++ > 0) return;
    if (n.op.startsWith("slot.")) at(liveIn, root)[n.imm] = true;
    if (n.hot === 0 && IR_OPS.get(n.op)?.cls === "pure") n.args.forEach(cold);
  };
  const leave = (x: ExitState, use: (n: RegionNode) => void): void => {
    for (let s = 0; s < SLOT_COUNT; s++) {
      const v = x.values[s];
      if (v !== null) use(v);
      else if (storesLocal(x, s)) at(liveIn, x.root)[s] = true;
    }
  };
  const usedPhiSets = new Set<number>();
  const anchors = (nodes: readonly RegionNode[], visit: (n: RegionNode) => void): void => {
    for (const n of nodes) {
      visit(n);
      n.bodies.forEach((b) => anchors(b, visit));
    }
  };
  for (const b of ir.blocks) {
    root = b.root;
    anchors(b.nodes, (n) => {
      if (n.op.startsWith("phi.set.")) return;
      if (IR_OPS.get(n.op)?.cls !== "pure") n.args.forEach(hot);
      if (n.exit === null) return;
      // An edge inside the region, an unconditional exit and a store to the state block are on the executed way.
      if (n.op === "sync" || n.op === "edge.indirect" || (n.op === "edge" && n.edge?.target === null)) leave(n.exit, hot);
      else if (n.op !== "edge") leave(n.exit, cold);
    });
  }
  // Phis: what sets a used one is used. Edges: what a live slot of the target gets is used. Both to the fixed point.
  const edgeDone = new Set<string>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const b of ir.blocks) {
      root = b.root;
      anchors(b.nodes, (n) => {
        if (n.op.startsWith("phi.set.") && !usedPhiSets.has(n.id) && ir.phis[n.imm].hot + ir.phis[n.imm].cold > 0) {
          usedPhiSets.add(n.id);
          changed = true;
          n.args.forEach(hot);
        }
        const e = n.op === "edge" ? n.edge : null;
        if (e === null || e.target === null || !roots.has(e.target)) return;
        const live = at(liveIn, e.target);
        for (let s = 0; s < SLOT_COUNT; s++) {
          if (!live[s]) continue;
          const v = e.slots[s];
          if (v === null) {
            const own = at(liveIn, e.exit.root);
            if (!own[s]) {
              own[s] = true;
              changed = true;
            }
          } else if (v !== IN_MEMORY && !edgeDone.has(`${n.id} ${s}`)) {
            edgeDone.add(`${n.id} ${s}`);
            changed = true;
            hot(v);
          }
        }
      });
    }
  }
  return {
    liveIn, dirtyIn, storesLocal,
    assigns: (e, s) => e.target !== null && roots.has(e.target) && at(liveIn, e.target)[s] && e.slots[s] !== null,
  };
}
