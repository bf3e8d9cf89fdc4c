/** Which ways out of a region are seldom taken, and which of one instruction are the same, so that they share their code. */
import { UNUSUAL } from "../../cpu/helpers/signatures.ts";
import { ISOLATED } from "./context.ts";
import type { ExitState, RegionNode } from "./node.ts";

/** An arm that leaves where tier 0 has never been, or calls for the unusual case. */
export const seldom = (nodes: readonly RegionNode[]): boolean => {
  const last = nodes.at(-1);
  return last !== undefined && ((last.op === "edge" && last.edge?.target === null) || (last.name !== null && UNUSUAL.has(last.name)));
};

/** What the exits in a node have in common; null where control may go elsewhere by one, or they differ. */
interface Exits {
  readonly state: ExitState | null;
  readonly count: number;
}
const NO_EXITS: Exits = { state: null, count: 0 };

function join(a: Exits | null, b: Exits | null): Exits | null {
  if (a === null || b === null || (a.state !== null && b.state !== null && a.state !== b.state)) return null;
  return { state: a.state ?? b.state, count: a.count + b.count };
}

function exitsOf(n: RegionNode): Exits | null {
  if (n.edge !== null || n.op === "edge.indirect" || n.op === "sync" || n.op === "unreachable") return null;
  if (n.op === "call" && (n.name === null || !ISOLATED.has(n.name))) return null;
  let all: Exits | null = n.exit === null ? NO_EXITS : { state: n.exit, count: 1 };
  for (const body of n.bodies) for (const inner of body) all = join(all, exitsOf(inner));
  return all;
}

/** Nodes from `from` on that leave by one state, in two places at least: the index behind the last of them, or `from`. */
export function sharedExit(list: readonly RegionNode[], from: number): { readonly end: number; readonly state: ExitState | null } {
  const nothing = { end: from, state: null };
  let all = exitsOf(list[from]);
  if (all === null || all.count === 0) return nothing;
  let end = from + 1;
  for (let i = from + 1; i < list.length; i++) {
    const own = exitsOf(list[i]);
    const both = join(all, own);
    if (both === null) break;
    all = both;
    if (own !== null && own.count > 0) end = i + 1;
  }
  return all.count > 1 ? { end, state: all.state } : nothing;
}
