/** What a region is made of: instructions, blocks, the calls that were followed. */
import type { CodeMode, Insn } from "../../cpu/decode/decoder.ts";
import type { Link } from "./links.ts";

/** How control leaves an instruction. */
export type FlowKind = "next" | "jump" | "branch" | "call" | "return" | "indirect" | "repeat" | "access" | "stop-before" | "stop-after";

export interface RegionInsn {
  readonly offset: number;
  readonly length: number;
  readonly insn: Insn;
  readonly name: string;
  readonly kind: FlowKind;
}

/** A chain of calls that were followed into their callees. */
export interface Inlining {
  readonly id: number;
  readonly caller: Inlining | null;
  /** Offset that the callee returns to. */
  readonly returnTo: number;
  readonly depth: number;
}

export interface Block {
  /** Position in reverse post-order. */
  index: number;
  readonly start: number;
  readonly inlining: Inlining | null;
  readonly insns: RegionInsn[];
  /** Blocks that direct edges reach, by offset and inlining; what is not here is left through an exit. */
  readonly successors: Map<number, Block>;
  predecessors: number;
  immediateDominator: Block | null;
  loopHeader: boolean;
  /** A call that is not followed returns to it: its registers come from the state block. */
  reentry: boolean;
  /** EFLAGS.AC is set, so that user pages may be accessed. */
  open: boolean;
}

export interface Region {
  readonly entry: number;
  /** Offsets at which it can be entered, all in one page: `entry`, and those of entries.ts. */
  readonly entries: readonly number[];
  readonly mode: CodeMode;
  /** In reverse post-order; the first is the entry, or with several the door to them (entries.ts). */
  readonly blocks: Block[];
  /** Physical page by page delta. */
  readonly pages: ReadonlyMap<number, number>;
  readonly instructions: number;
  /** Offsets that indirect jumps are expected to go to, by their own. */
  readonly expected: ReadonlyMap<number, number>;
  /** By linkKey (links.ts): where calls and exits lead to. */
  readonly links: ReadonlyMap<number, Link>;
}

export const newBlock = (start: number, inlining: Inlining | null): Block => ({
  index: -1, start, inlining, insns: [], successors: new Map(), predecessors: 0, immediateDominator: null, loopHeader: false, reentry: false, open: false,
});

/** An offset in a context as one number. */
export const blockKey = (offset: number, inlining: Inlining | null): number => (inlining?.id ?? 0) * 0x1_0000_0000 + (offset >>> 0);

/** The block without instructions from which a region of several entries goes to each of them. */
export const isDoor = (b: Block): boolean => b.insns.length === 0;
