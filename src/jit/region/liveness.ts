/**
 * Pass "liveness": which slots' locals hold something at the head of each tree of blocks, where what is written back when the region is left, and how often each value is used, on the executed way (hot) and where the region is left (cold). What has no
 * use is dead: flags that nobody reads, registers that are overwritten.
 */
import type { RegionIr } from "./build.ts";
import { type Edge, type ExitState, IN_MEMORY, isDirty, type RegionNode } from "./node.ts";
import { KIND } from "./meta.ts";
import type { Block } from "./shape.ts";
import { SLOT_COUNT } from "./slots.ts";
import { lacks, WaysOut } from "./ways-out.ts";

export interface Liveness {
  /** By root block: slots whose local is read in its tree or beyond. */
  readonly liveIn: ReadonlyMap<Block, readonly boolean[]>;
  /** By root block: slots that may differ from the state block. */
  readonly dirtyIn: ReadonlyMap<Block, readonly boolean[]>;
  readonly waysOut: WaysOut;
  /** Whether an edge to a block of a tree of its own sets the slot's local. */
  assigns(edge: Edge, slot: number): boolean;
}

/** An edge, a call that is not followed and a store to the state block are on the executed way. */
const onTheWay = (n: RegionNode): boolean => n.op === "edge" || n.op === "edge.indirect" || n.op === "edge.call" || n.op === "edge.enter" || n.op === "sync";

export function analyse(ir: RegionIr): Liveness {
  const roots = new Set(ir.blocks.map((b) => b.root));
  const liveIn = new Map<Block, boolean[]>();
  const none = (): boolean[] => new Array<boolean>(SLOT_COUNT).fill(false);
  for (const b of roots) {
    liveIn.set(b, none());
  }
  const at = (m: Map<Block, boolean[]>, b: Block): boolean[] => m.get(b) ?? none();
  const dirtyIn = new Map<Block, boolean[]>();
  for (const b of roots) dirtyIn.set(b, none());
  // Their targets load what they need.
  const fresh = new Set<Edge>();
  const collect = (nodes: readonly RegionNode[]): void => {
    for (const n of nodes) {
      if ((n.op === "edge.call" || n.op === "edge.enter") && n.edge !== null) fresh.add(n.edge);
      if (n.op === "dispatch") n.bodies.forEach(collect);
    }
  };
  for (const b of ir.blocks) collect(b.nodes);
  for (let changed = true; changed; ) {
    changed = false;
    for (const e of ir.edges) {
      if (e.target === null || !roots.has(e.target) || fresh.has(e)) continue;
      const from = at(dirtyIn, e.exit.root);
      const to = at(dirtyIn, e.target);
      for (let s = 0; s < SLOT_COUNT; s++) {
        if (to[s]) continue;
        if (e.exit.slots[s] === null ? !e.exit.synced && from[s] : isDirty(e.exit, s)) {
          to[s] = true;
          changed = true;
        }
      }
    }
  }

  // A loop's head is left when the time budget is used up.
  const waysOut = new WaysOut(dirtyIn);
  for (const b of roots) {
    if (!b.loopHeader && !b.reentry) continue;
    waysOut.addHead(b);
    at(dirtyIn, b).forEach((d, s) => (at(liveIn, b)[s] ||= d));
  }

  // Uses. A slot node marks its slot live at its root.
  let root!: Block;
  const hot = (n: RegionNode): void => {
    if (n.hot++ > 0) return;
    if (n.meta.kind === KIND.slot) at(liveIn, root)[n.imm] = true;
    if (n.meta.cls === "pure") n.args.forEach(hot);
  };
  const cold = (n: RegionNode): void => {
    if (n.cold++ > 0) return;
    if (n.meta.kind === KIND.slot) at(liveIn, root)[n.imm] = true;
    if (n.hot === 0 && n.meta.cls === "pure") n.args.forEach(cold);
  };
  /** By the shared way: a slot as at the head of the tree is stored from its local if it is dirty, or loaded first. */
  const leave = (x: ExitState): void => {
    for (const s of waysOut.stored(x)) {
      const v = x.slots[s];
      if (v === null) {
        if (at(dirtyIn, x.root)[s]) at(liveIn, x.root)[s] = true;
      } else if (v !== IN_MEMORY) cold(v);
    }
  };
  /** What `x` lacks is stored on the spot. */
  const sync = (x: ExitState): void => {
    x.slots.forEach((v, s) => {
      if (!lacks(x, s, at(dirtyIn, x.root))) return;
      if (v === null) at(liveIn, x.root)[s] = true;
      else if (v !== IN_MEMORY) hot(v);
    });
  };
  const usedPhiSets = new Set<number>();
  const anchors = (nodes: readonly RegionNode[], visit: (n: RegionNode) => void): void => {
    for (const n of nodes) {
      visit(n);
      n.bodies.forEach((b) => anchors(b, visit));
    }
  };
  for (const b of ir.blocks) anchors(b.nodes, (n) => n.exit !== null && !onTheWay(n) && waysOut.add(n.exit));
  for (const b of ir.blocks) {
    root = b.root;
    anchors(b.nodes, (n) => {
      if (n.meta.kind === KIND.phiSet) return;
      if (n.meta.cls !== "pure") n.args.forEach(hot);
      if (n.exit === null) return;
      if (!onTheWay(n)) leave(n.exit);
      else if (n.op !== "edge" || n.edge?.target === null) sync(n.exit);
    });
  }
  // Phis: what sets a used one is used. Edges: what a live slot of the target gets is used. Both to the fixed point.
  const edgeDone = new Set<string>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const b of ir.blocks) {
      root = b.root;
      anchors(b.nodes, (n) => {
        if (n.meta.kind === KIND.phiSet && !usedPhiSets.has(n.id) && ir.phis[n.imm].hot + ir.phis[n.imm].cold > 0) {
          usedPhiSets.add(n.id);
          changed = true;
          n.args.forEach(hot);
        }
        const e = n.op === "edge" ? n.edge : null;
        if (e === null || e.target === null || !roots.has(e.target)) return;
        const live = at(liveIn, e.target);
        for (let s = 0; s < SLOT_COUNT; s++) {
          if (!live[s]) continue;
          const v = e.exit.slots[s];
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
    liveIn, dirtyIn, waysOut,
    assigns: (e, s) => e.target !== null && roots.has(e.target) && at(liveIn, e.target)[s] && e.exit.slots[s] !== null,
  };
}
