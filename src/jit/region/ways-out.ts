/**
 * How a region is left by the way that is seldom taken. Exits of one tree of blocks share code that stores what the state block lacks:
 * slots in the order in which the tree first writes them, so that an exit enters the stores where what it has written begins, and
 * behind them those that differed at the tree's head already.
 */
import { type ExitState, IN_MEMORY, isDirty } from "./node.ts";
import type { FunctionBuilder, Label } from "../wasm/function.ts";
import type { Block } from "./shape.ts";
import { SLOT_COUNT } from "./slots.ts";

export interface WayOut {
  /** Written in the tree, the first ones first. */
  readonly order: number[];
  /** May differ from the state block at the tree's head. */
  readonly base: readonly number[];
  /** How many of `order` exits ask to be stored, each number once. */
  readonly depths: Set<number>;
}

/** Whether the state block lacks the slot's value at `x`. `dirtyIn`: what it may lack at the head of the tree. */
export function lacks(x: ExitState, s: number, dirtyIn: readonly boolean[]): boolean {
  const v = x.slots[s];
  return v === null ? !x.synced && dirtyIn[s] : v !== IN_MEMORY && isDirty(x, s);
}

export class WaysOut {
  private readonly ways = new Map<Block, WayOut>();

  constructor(private readonly dirtyIn: ReadonlyMap<Block, readonly boolean[]>) {}

  /** In the order in which trees were met. */
  get all(): ReadonlyMap<Block, WayOut> {
    return this.ways;
  }

  private way(root: Block): WayOut {
    let w = this.ways.get(root);
    if (w === undefined) {
      const base: number[] = [];
      this.dirtyIn.get(root)?.forEach((d, s) => d && base.push(s));
      this.ways.set(root, (w = { order: [], base, depths: new Set() }));
    }
    return w;
  }

  /** A place that leaves this way. Exits are added in the order of execution. */
  add(x: ExitState): void {
    const w = this.way(x.root);
    const dirty = this.dirtyIn.get(x.root) ?? [];
    for (let s = 0; s < SLOT_COUNT; s++) if (!dirty[s] && lacks(x, s, dirty) && !w.order.includes(s)) w.order.push(s);
    w.depths.add(this.depth(x));
  }
  /** The head of a tree, where nothing of it has been executed. */
  addHead(root: Block): void {
    this.way(root).depths.add(0);
  }

  /** How many of the tree's `order` have to be stored at `x`. */
  depth(x: ExitState): number {
    const w = this.way(x.root);
    const dirty = this.dirtyIn.get(x.root) ?? [];
    for (let i = w.order.length; i > 0; i--) if (lacks(x, w.order[i - 1], dirty)) return i;
    return 0;
  }

  /** Where the stores begin that several trees have behind their own, by the slots that they store. */
  private readonly bases = new Map<string, { readonly slots: readonly number[]; readonly label: Label }>();

  /** Opens the blocks whose ends are the places where the ways are entered: by root, by how many slots have to be stored. */
  begin(fb: FunctionBuilder): Map<Block, Label[]> {
    const outs = new Map<Block, Label[]>();
    this.bases.clear();
    for (const { base } of this.ways.values()) {
      if (base.length > 0 && !this.bases.has(String(base))) this.bases.set(String(base), { slots: base, label: fb.begin("block", `base${this.bases.size}`) });
    }
    for (const [root, w] of [...this.ways].reverse()) {
      const labels: Label[] = [];
      for (let i = 0; i <= w.order.length; i++) if (w.depths.has(i)) labels[i] = fb.begin("block", `out${root.start.toString(16)}.${i}`);
      outs.set(root, labels);
    }
    return outs;
  }

  /** Ends them, each with its stores; all go on at `common`, which the last one falls into. */
  end(fb: FunctionBuilder, outs: ReadonlyMap<Block, readonly Label[]>, common: Label, store: (slot: number) => void): void {
    [...this.ways].forEach(([root, w]) => {
      const labels = outs.get(root) ?? [];
      for (let i = w.order.length; i >= 0; i--) {
        if (w.depths.has(i)) fb.end(labels[i]);
        // Above the deepest entry nothing leads here.
        if (i > 0 && i <= Math.max(...w.depths)) store(w.order[i - 1]);
      }
      fb.br(this.bases.get(String(w.base))?.label ?? common);
    });
    [...this.bases.values()].reverse().forEach(({ slots, label }, i) => {
      fb.end(label);
      slots.forEach(store);
      if (i < this.bases.size - 1) fb.br(common);
    });
  }

  /** Slots whose locals are stored when `x` is left: they must hold its values. */
  stored(x: ExitState): number[] {
    const w = this.way(x.root);
    return [...w.base, ...w.order.slice(0, this.depth(x))];
  }
}
