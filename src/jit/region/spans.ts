/**
 * Accesses at constant distances from one value, as those to a stack frame or to a structure's fields: the first of them looks all of their
 * span up in the TLB, and where it lies in linear memory is kept in a local, which is 0 where the TLB does not have the span, or not all of it
 * in one page. The others test the local, and look for themselves only if it is 0. What is so once stays so in a tree of blocks: nobody in
 * a region takes an entry back (page-cache.ts), and trees end where other code may have run.
 */
import { TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { splitAddress } from "./addresses.ts";
import type { RegionIr } from "./build.ts";
import { ISOLATED, NEVER_NEXT } from "./context.ts";
import { accessOf, type HeldAddresses, LONGEST_SPAN } from "./held.ts";
import type { RegionNode } from "./node.ts";
import type { Block } from "./shape.ts";

/** The leaders that are looked through for one access. */
const MOST_LEADERS = 12;

export interface Span {
  readonly tag: typeof TLB_READ | typeof TLB_WRITE;
  readonly leader: RegionNode;
  /** From the leader's address: first byte, and behind the last one. */
  from: number;
  to: number;
  /** Accesses, by their distance from the leader's address. */
  readonly members: Map<RegionNode, number>;
}

interface Candidate extends Span {
  readonly base: string;
  readonly offset: bigint;
}

/** May flush TLBs, and the region goes on behind it. */
const disturbs = (n: RegionNode): boolean => {
  if (n.op === "call") return n.name === null || !(ISOLATED.has(n.name) || NEVER_NEXT.has(n.name) || n.name === "divide128");
  return n.bodies.some((b) => b.some(disturbs));
};

export class Spans {
  private readonly sites = new Map<RegionNode, Span>();

  constructor(ir: RegionIr, held: HeldAddresses) {
    /** The leaders whose accesses have been executed at the end of a block. */
    const known = new Map<Block, Candidate[]>();
    const all: Candidate[] = [];
    for (const { block, root, nodes } of ir.blocks) {
      const before = root !== block && block.immediateDominator !== null ? known.get(block.immediateDominator) : undefined;
      let leaders = before === undefined || block.immediateDominator?.open !== block.open ? [] : before.slice();
      const collect = (list: readonly RegionNode[], outermost: boolean): void => {
        for (const n of list) {
          const access = accessOf(n);
          if (access !== null && held.of(n) === null) {
            const { base, offset } = splitAddress(n.args[0]);
            if (join(leaders, base, offset, access.bytes, access.tag, n) || !outermost) continue;
            const leader: Candidate = { base, offset, tag: access.tag, leader: n, from: 0, to: access.bytes, members: new Map([[n, 0]]) };
            all.push(leader);
            leaders.push(leader);
            if (leaders.length > MOST_LEADERS) leaders.shift();
          } else {
            for (const body of n.bodies) collect(body, false);
            if (disturbs(n)) leaders = [];
          }
        }
      };
      collect(nodes, true);
      known.set(block, leaders);
    }
    for (const span of all) if (span.members.size > 1) for (const n of span.members.keys()) this.sites.set(n, span);
  }

  of(access: RegionNode): Span | null {
    return this.sites.get(access) ?? null;
  }
}

/** Makes an access part of the span of one of `leaders` where there is one that it fits into. What may be written may be read. */
function join(leaders: readonly Candidate[], base: string, offset: bigint, bytes: number, tag: number, n: RegionNode): boolean {
  for (const l of leaders) {
    if (l.base !== base || (tag === TLB_WRITE && l.tag === TLB_READ)) continue;
    const distance = Number(offset - l.offset);
    const from = Math.min(l.from, distance);
    const to = Math.max(l.to, distance + bytes);
    if (to - from > LONGEST_SPAN) continue;
    l.from = from;
    l.to = to;
    l.members.set(n, distance);
    return true;
  }
  return false;
}
