/** IR nodes as a region uses them: with the state to leave behind where they may leave, and the marks of the passes. */
import type { Node } from "../../cpu/ir/ir.ts";
import { PRODUCER } from "../../cpu/lift/flags.ts";
import type { OpMeta } from "./meta.ts";
import type { Block } from "./shape.ts";
import { SLOT_COUNT } from "./slots.ts";

export interface RegionNode extends Node {
  readonly args: readonly RegionNode[];
  readonly bodies: readonly (readonly RegionNode[])[];
  readonly exit: ExitState | null;
  readonly edge: Edge | null;
  readonly meta: OpMeta;
  /** Uses on the way that is executed, and uses where the region is left only. Written by the liveness pass. */
  hot: number;
  cold: number;
  /** The Wasm local that holds the value, or -1. */
  local: number;
}

/** A value that stands in the state block only: a helper may have written it. */
export const IN_MEMORY = Symbol("in memory");
export type SlotValue = RegionNode | typeof IN_MEMORY | null;

const CLEAN = new Array<SlotValue>(SLOT_COUNT).fill(null);

/** What is known of the registers at a point of a tree of blocks. */
export class Env {
  /** null: as at the head of the tree. */
  readonly slots: SlotValue[];
  /** Slots that differ from the state block: bits for slots below 20, and for those above. */
  dirtyLow = 0;
  dirtyHigh = 0;
  /** The slot gets a value that the state block lacks. */
  mark(s: number): void {
    if (s < 20) this.dirtyLow |= 1 << s;
    else this.dirtyHigh |= 1 << (s - 20);
  }
  /** The variables of the present instruction. */
  vars: Map<number, RegionNode>;
  /** PRODUCER (cpu/lift/flags.ts) of the flags. */
  producer: number = PRODUCER.other;
  /** Everything was written to the state block since the head of the tree. */
  synced = false;
  /** Instructions completed since the head of the tree. */
  count = 0;
  /** Control has left. */
  ended = false;

  constructor(from: Env | null = null) {
    this.slots = from === null ? CLEAN.slice() : from.slots.slice();
    this.vars = from === null || from.vars.size === 0 ? new Map<number, RegionNode>() : new Map(from.vars);
    if (from !== null) {
      this.dirtyLow = from.dirtyLow;
      this.dirtyHigh = from.dirtyHigh;
      this.producer = from.producer;
      this.synced = from.synced;
      this.count = from.count;
      this.ended = from.ended;
    }
  }
}

/** Whether a slot is in a pair of dirty masks. */
export const isDirty = (e: { readonly dirtyLow: number; readonly dirtyHigh: number }, s: number): boolean =>
  (s < 20 ? (e.dirtyLow >> s) & 1 : (e.dirtyHigh >> (s - 20)) & 1) !== 0;

/** Where the region can be left: before the instruction at `offset`, having completed `count` since the head of the tree. */
export interface ExitState {
  readonly root: Block;
  readonly offset: number;
  /** Offset of the instruction after it. */
  readonly next: number;
  readonly count: number;
  /** Everything was written to the state block since the head of the tree. */
  readonly synced: boolean;
  /** Slots whose values the state block lacks. */
  readonly dirtyLow: number;
  readonly dirtyHigh: number;
  /** All values, clean ones too; null: as at the head of the tree. */
  readonly slots: readonly SlotValue[];
}

/** Control going to another block, or (target null) to `offset` outside. */
export interface Edge {
  readonly target: Block | null;
  readonly exit: ExitState;
}
