/** Which ways out of a region are seldom taken, and which of one instruction are the same, so that they share their code. */
import { unusualCall } from "../lower/unusual.ts";
import { ISOLATED } from "./context.ts";
import type { ExitState, RegionNode } from "./node.ts";

/** An arm that leaves where tier 0 has never been, or calls for the unusual case. */
export const seldom = (arm: readonly RegionNode[]): boolean => {
  const last = arm.at(-1);
  return (last?.op === "edge" && last.edge?.target === null) || unusualCall(arm) !== null;
};

/** The call that a condition is there for, where tier 0 can execute the instruction instead: nothing of it has happened. */
export function leavesInstead(n: RegionNode): RegionNode | null {
  if (n.op !== "if" || n.bodies[1].length > 0) return null;
  const call = unusualCall(n.bodies[0]);
  return n.bodies[0].every((inner) => inner === call || inner.meta.cls === "pure" || inner.meta.cls === "read") ? call : null;
}

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
