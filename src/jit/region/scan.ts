/**
 * Forms a region: follows direct jumps, both arms of branches, loops and small calls from a hot entry point through
 * decoded code, and answers its basic blocks. Knows what ends a region; knows nothing of semantics.
 */
import { DECODE_OK, decode, Insn, type CodeMode } from "../../cpu/decode/decoder.ts";
import { ISA } from "../../cpu/isa/isa.ts";
import { liftName } from "../../cpu/lift/form.ts";
import { otherEntries } from "./entries.ts";
import type { Link } from "./links.ts";
import { type Block, blockKey, type FlowKind, type Inlining, newBlock, type Region, type RegionInsn } from "./shape.ts";

/** Where code comes from. Offsets are relative to the linear page of the region's entry. */
export interface CodeSource {
  readonly mode: CodeMode;
  /** The page `delta` pages from the entry's, when it is mapped and RAM: its bytes' address in `bytes`. */
  page(delta: number): CodePageView | null;
  readonly bytes: Uint8Array;
  /** Whether the code at this offset has been decoded for tier 0: what never was is not worth compiling. */
  known(offset: number): boolean;
  /** SMAP keeps the entry's code out of user pages: what STAC and CLAC change is known. */
  readonly guarded?: boolean;
  /** A breakpoint may stand at this offset: it stays in tier 0. */
  stop?(offset: number): boolean;
  /** Whether a branch has ever gone to this offset in tier 0. */
  reached(offset: number): boolean;
  /** Offset that the 64-bit pointer at this offset holds now, or null: what a jump through it is expected to go to. */
  pointer(offset: number): number | null;
  /** The same for the 32-bit pointer at a linear address. */
  pointerAt(linear: number): number | null;
}
export interface CodePageView {
  readonly ppn: number;
  /** Index into CodeSource.bytes. */
  readonly at: number;
}

export const MAX_INSTRUCTIONS = 640;
/** Where the guest does little else: a loop that is one region need not be left. */
export const MAX_INSTRUCTIONS_CROWDED = 1000;
const MAX_PAGES = 4;
/** Callees of at most so many instructions are followed. */
const MAX_CALLEE = 48;
const MAX_DEPTH = 3;

/** Executed by tier 0 alone: they change modes or are rare. */
const STOPS_BEFORE = new Set([
  "jmpf", "callf", "retf", "sysenter", "sysexit", "int", "int3", "int1", "into", "ud0", "ud1", "ud2", "hlt", "mov_to_cr",
  "mov_to_dr", "mov_from_dr", "rsm", "clts", "lmsw", "lldt", "ltr", "lgdt", "lidt", "wrmsr", "rdmsr", "popf", "invlpg", "invpcid", "mwait",
  "monitor", "xsetbv", "mov_to_seg", "lss", "les", "lds", "lfs", "lgs", "fxrstor", "xrstor", "xrstors", "ldmxcsr", "vldmxcsr", "enter", "bound", "in", "out", "ins", "outs",
  "cpuid", "rdpmc", "fxsave", "xsave", "xsaveopt", "xsavec", "xsaves", "fnsave", "fnstenv", "fldenv", "frstor", "maskmovq",
]);
/** They change the mode that code is emitted for. */
const STOPS_AFTER = new Set(["syscall", "sysret", "iret"]);
/** They change the access rights. */
const ACCESS = new Set(["clac", "stac"]);
const REPEATS = new Set(["movs", "stos", "lods", "cmps", "scas"]);

/** `guarded`: CodeSource.guarded. */
export function flowOf(insn: Insn, name: string, guarded: boolean): FlowKind {
  if (STOPS_BEFORE.has(name)) return "stop-before";
  if (STOPS_AFTER.has(name)) return insn.mode === 64 || name === "iret" ? "stop-after" : "stop-before";
  if (ACCESS.has(name)) return insn.mode !== 64 ? "stop-before" : guarded ? "access" : "stop-after";
  const entry = ISA[insn.entry];
  const operand = entry.operands[0];
  const relative = operand?.code === "J";
  if (name === "jmp") return relative ? "jump" : "indirect";
  if (name === "call") return relative ? "call" : "indirect";
  if (name === "ret") return "return";
  if (relative) return "branch";
  if ((name === "push" || name === "pop") && (operand?.code === "S" || operand?.fixed?.length === 2 && operand.fixed.endsWith("S"))) {
    return name === "pop" ? "stop-before" : "next";
  }
  if (REPEATS.has(name) && insn.rep !== 0) return "repeat";
  return "next";
}

export class RegionScanner {
  private readonly found = new Map<number, { at: RegionInsn; inlining: Inlining | null; next: number[] }>();
  private readonly leaders = new Set<number>();
  private readonly pages = new Map<number, number>();
  private inlinings = 0;
  private readonly scratch = new Insn();
  private readonly window = new Uint8Array(32);

  constructor(
    private readonly source: CodeSource,
    /** Offsets of instructions that are left to tier 0. */
    private readonly excluded: ReadonlySet<number>,
    private readonly most = MAX_INSTRUCTIONS,
    /** Whether it may be entered in the middle, too. */
    private readonly several = true,
    /** Offset at which it shall be entered, too, if that can be. */
    private readonly wanted = -1,
  ) {}

  /** Null when not even the first instruction can be compiled. */
  scan(entry: number, hasFeature: (insn: Insn) => boolean): Region | null {
    this.hasFeature = hasFeature;
    const queue: { offset: number; inlining: Inlining | null }[] = [{ offset: entry, inlining: null }];
    this.leaders.add(blockKey(entry, null));
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      let { offset } = item;
      const { inlining } = item;
      for (;;) {
        const key = blockKey(offset, inlining);
        if (this.found.has(key)) {
          break;
        }
        if (this.found.size >= this.most) break;
        const at = this.decode(offset);
        if (at === null || at.kind === "stop-before") {
          this.barred.add(offset);
          break;
        }
        if (!this.claim(offset, at.length)) break;
        const next: number[] = [];
        this.found.set(key, { at, inlining, next });
        const after = offset + at.length;
        const follow = (to: number, context: Inlining | null): void => {
          const k = blockKey(to, context);
          next.push(k);
          this.leaders.add(k);
          if (this.mayFollow(to)) queue.push({ offset: to, inlining: context });
        };
        if (at.kind === "next") {
          next.push(blockKey(after, inlining));
          // A page transition is checked where a block begins.
          if (after >> 12 !== offset >> 12) this.leaders.add(blockKey(after, inlining));
          offset = after;
          continue;
        }
        const target = (after + at.insn.immLo) | 0;
        switch (at.kind) {
          case "jump": follow(target, inlining); break;
          case "access": follow(after, inlining); break;
          case "branch":
            follow(after, inlining);
            // An arm that was never taken stays outside: tier 0 counts it when it is.
            if (this.found.has(blockKey(target, inlining)) || (this.mayFollow(target) && this.source.reached(target))) follow(target, inlining);
            break;
          case "repeat":
            this.leaders.add(key);
            next.push(key);
            follow(after, inlining);
            break;
          case "call": {
            const inner = this.inlineable(target, after, inlining);
            if (inner !== null) follow(target, inner);
            else follow(after, inlining);
            break;
          }
          case "indirect": {
            const expected = this.expectedTarget(at);
            if (at.name === "call") follow(after, inlining);
            else if (expected !== null && this.mayFollow(expected)) {
              this.expected.set(offset, expected);
              follow(expected, inlining);
            }
            break;
          }
          case "return":
            if (inlining !== null) follow(inlining.returnTo, inlining.caller);
            break;
        }
        break;
      }
    }
    return this.region(entry);
  }
  private hasFeature: (insn: Insn) => boolean = () => true;
  /** Offsets of instructions that are tier 0's. */
  readonly barred = new Set<number>();

  /** Jumps through a pointer at a fixed place (procedure linkage tables): where it points now. */
  private expectedTarget(at: RegionInsn): number | null {
    const { insn } = at;
    if (at.name !== "jmp" || insn.mod === 3 || insn.seg >= 0) return null;
    if (insn.mode === 64) return insn.ripRelative === 0 ? null : this.source.pointer(at.offset + at.length + insn.disp);
    return insn.addrSize !== 32 || insn.base >= 0 || insn.index >= 0 ? null : this.source.pointerAt(insn.disp);
  }
  private readonly expected = new Map<number, number>();

  private mayFollow(offset: number): boolean {
    return (this.pages.has(offset >> 12) || this.pages.size < MAX_PAGES) && this.source.page(offset >> 12) !== null && this.source.known(offset);
  }

  /** The pages of an instruction become the region's; false: they would be too many. */
  private claim(offset: number, length: number): boolean {
    for (const delta of new Set([offset >> 12, (offset + length - 1) >> 12])) {
      if (this.pages.has(delta)) continue;
      const view = this.pages.size < MAX_PAGES ? this.source.page(delta) : null;
      if (view === null) return false;
      this.pages.set(delta, view.ppn);
    }
    return true;
  }

  /** The instruction at an offset, decoded once. */
  private decode(offset: number): RegionInsn | null {
    let at = this.decoded.get(offset);
    if (at === undefined) this.decoded.set(offset, (at = this.decodeNow(offset)));
    return at;
  }
  private readonly decoded = new Map<number, RegionInsn | null>();

  private decodeNow(offset: number): RegionInsn | null {
    const delta = offset >> 12;
    const view = this.source.page(delta);
    if (view === null) return null;
    const ip = offset & 4095;
    let status: number = decode(this.source.bytes, view.at + ip, view.at + 4096, this.source.mode, this.scratch);
    if (status !== DECODE_OK && ip > 4096 - 15) {
      const second = this.source.page(delta + 1);
      if (second === null) return null;
      const head = 4096 - ip;
      this.window.set(this.source.bytes.subarray(view.at + ip, view.at + 4096));
      this.window.set(this.source.bytes.subarray(second.at, second.at + 32 - head), head);
      status = decode(this.window, 0, 32, this.source.mode, this.scratch);
    }
    if (status !== DECODE_OK || this.excluded.has(offset) || this.source.stop?.(offset) === true || !this.hasFeature(this.scratch)) return null;
    const insn = Object.assign(new Insn(), this.scratch);
    insn.flat = insn.mode === 32;
    const name = liftName(ISA[insn.entry]);
    const kind = flowOf(insn, name, this.source.guarded === true);
    const target = offset + insn.length + insn.immLo;
    if (insn.mode === 64 && target !== (target | 0) && ["jump", "branch", "call"].includes(kind)) return null;
    if (insn.mode !== 64 && insn.opSize === 16 && ["jump", "branch", "call", "return", "indirect"].includes(kind)) return null;
    return { offset, length: insn.length, insn, name, kind };
  }

  /** A small callee without calls of its own beyond the depth: an inlining for it, else null. */
  private inlineable(target: number, returnTo: number, from: Inlining | null): Inlining | null {
    const depth = (from?.depth ?? 0) + 1;
    if (depth > MAX_DEPTH || !this.mayFollow(target)) return null;
    const seen = new Set<number>();
    const queue = [target];
    for (let offset = queue.pop(); offset !== undefined; offset = queue.pop()) {
      while (!seen.has(offset)) {
        if (seen.size >= MAX_CALLEE) return null;
        const at = this.decode(offset);
        if (at === null || at.kind === "stop-before" || at.kind === "stop-after" || at.kind === "indirect") return null;
        seen.add(offset);
        if (at.kind === "call" && depth >= MAX_DEPTH) return null;
        if (at.kind === "return") break;
        const after: number = offset + at.length;
        const jump: number = (after + at.insn.immLo) | 0;
        if (at.kind === "branch" && this.source.known(jump)) queue.push(jump);
        offset = at.kind === "jump" ? jump : after;
      }
    }
    return { id: ++this.inlinings, caller: from, returnTo, depth };
  }

  private region(entry: number): Region | null {
    const blocks = new Map<number, Block>();
    const first = blockKey(entry, null);
    if (!this.found.has(first)) return null;
    const make = (key: number): Block | null => {
      const known = blocks.get(key);
      if (known !== undefined) return known;
      const at = this.found.get(key);
      if (at === undefined) return null;
      const block = newBlock(at.at.offset, at.inlining);
      blocks.set(key, block);
      return block;
    };
    const work = [first];
    const filled = new Set<number>();
    for (let key = work.pop(); key !== undefined; key = work.pop()) {
      if (filled.has(key)) continue;
      filled.add(key);
      const block = make(key);
      if (block === null) continue;
      let at = this.found.get(key);
      while (at !== undefined) {
        block.insns.push(at.at);
        const after = at.at.kind === "next" && !this.leaders.has(at.next[0]) ? this.found.get(at.next[0]) : undefined;
        if (after !== undefined) {
          at = after;
          continue;
        }
        for (const n of at.next) {
          const successor = make(n);
          if (successor === null) continue;
          if (at.at.name === "call" && successor.start === at.at.offset + at.at.length && successor.inlining === at.inlining) successor.reentry = true;
          block.successors.set(n, successor);
          work.push(n);
        }
        break;
      }
    }
    const root = blocks.get(first);
    if (root === undefined) return null;
    let ordered = order(root);
    const others = this.several ? otherEntries(ordered, this.wanted) : [];
    if (others.length > 0) {
      const door = newBlock(entry, null);
      for (const b of [root, ...others]) door.successors.set(blockKey(b.start, null), b);
      ordered = order(door);
    }
    return {
      entry, entries: [entry, ...others.map((b) => b.start)], mode: this.source.mode, blocks: ordered, pages: this.pages, expected: this.expected, links: new Map<number, Link>(),
      instructions: ordered.reduce((n, b) => n + b.insns.length, 0),
    };
  }
}

/** Reverse post-order, dominators, loop headers. Edges that would make the graph irreducible become exits. */
function order(root: Block): Block[] {
  for (;;) {
    const post: Block[] = [];
    const seen = new Set<Block>([root]);
    const visit = (b: Block): void => {
      // Later successors (taken branches) first, so that fall-through comes next in reverse post-order.
      for (const s of [...b.successors.values()].reverse()) {
        if (seen.has(s)) continue;
        seen.add(s);
        visit(s);
      }
      post.push(b);
    };
    visit(root);
    const blocks = post.reverse();
    blocks.forEach((b, i) => {
      b.index = i;
      b.predecessors = 0;
      b.loopHeader = false;
      b.immediateDominator = null;
    });
    const predecessors = blocks.map(() => [] as Block[]);
    for (const b of blocks) {
      const last = b.insns.at(-1);
      // A repeated instruction leaves from several places; so does a branch to what follows it.
      const several = last?.kind === "repeat" || (last?.kind === "branch" && last.insn.immLo === 0);
      for (const s of b.successors.values()) {
        predecessors[s.index].push(b);
        if (several) predecessors[s.index].push(b);
      }
    }
    dominators(root, blocks, predecessors);
    let cut = settleAccess(blocks);
    for (const b of blocks) {
      for (const [key, s] of [...b.successors]) {
        if (s.index > b.index) continue;
        if (dominates(s, b)) s.loopHeader = true;
        else {
          b.successors.delete(key);
          cut = true;
        }
      }
    }
    if (cut) continue;
    for (const b of blocks) b.predecessors = predecessors[b.index].length + (b === root || b.reentry ? 1 : 0);
    return blocks;
  }
}

/** What STAC and CLAC have made of each block; an edge that would bring something else becomes an exit: true if there was one. */
function settleAccess(blocks: readonly Block[]): boolean {
  let cut = false;
  const known = new Set<Block>([blocks[0]]);
  for (const b of blocks) {
    const last = b.insns.at(-1);
    const after = last?.kind === "access" ? last.name === "stac" : b.open;
    for (const [key, s] of [...b.successors]) {
      if (!known.has(s)) {
        known.add(s);
        s.open = after;
      } else if (s.open !== after) {
        b.successors.delete(key);
        cut = true;
      }
    }
  }
  return cut;
}

export function dominates(a: Block, b: Block): boolean {
  let at: Block | null = b;
  while (at !== null && at.index > a.index) at = at.immediateDominator;
  return at === a;
}

/** Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm". */
function dominators(root: Block, blocks: readonly Block[], predecessors: readonly (readonly Block[])[]): void {
  const idom = new Array<number>(blocks.length).fill(-1);
  idom[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < blocks.length; i++) {
      let best = -1;
      for (const p of predecessors[i]) {
        if (idom[p.index] < 0) continue;
        best = best < 0 ? p.index : intersect(idom, best, p.index);
      }
      if (idom[i] !== best) {
        idom[i] = best;
        changed = true;
      }
    }
  }
  blocks.forEach((b, i) => (b.immediateDominator = b === root ? null : blocks[idom[i]]));
}
function intersect(idom: readonly number[], a: number, b: number): number {
  while (a !== b) {
    while (a > b) a = idom[a];
    while (b > a) b = idom[b];
  }
  return a;
}

/** Offsets that a region is left for by direct calls and jumps, and by what follows its last instructions, with Block.open there. `visit` may see one twice. */
export function targetsOf(region: Region, visit: (offset: number, open: boolean) => void): void {
  for (const b of region.blocks) {
    const last = b.insns.at(-1);
    if (last === undefined) continue;
    const after = last.offset + last.length;
    const target = (after + last.insn.immLo) | 0;
    const inside = (offset: number): boolean => [...b.successors.values()].some((s) => s.start === offset);
    const open = last.kind === "access" ? last.name === "stac" : b.open;
    if (last.kind === "call" || last.kind === "jump" || last.kind === "branch") {
      if (!inside(target)) visit(target, open);
    }
    if ((last.kind === "branch" || last.kind === "next" || last.kind === "access" || last.kind === "repeat") && !inside(after)) visit(after, open);
  }
}
