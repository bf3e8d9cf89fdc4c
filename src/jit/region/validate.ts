/** The rules of a region's IR: types, definition before use, ends of blocks, edges and ways out. Tests run it on every region. */
import { InternalError } from "../../base/errors.ts";
import { HELPERS } from "../../cpu/helpers/signatures.ts";
import { IR_OPS } from "../../cpu/ir/ops.ts";
import type { BlockIr, RegionIr } from "./build.ts";
import { NEVER_NEXT } from "./context.ts";
import type { Liveness } from "./liveness.ts";
import { KIND } from "./meta.ts";
import { type ExitState, IN_MEMORY, isDirty, type RegionNode } from "./node.ts";
import { dominates } from "./scan.ts";
import { isDoor } from "./shape.ts";
import { SLOT_COUNT, SLOT_NAME, SLOT_TYPE, slotAt } from "./slots.ts";

/** What the builder must have turned into something else. */
const RESOLVED = new Set(["cc.set", "cc.test", "seg.linear", "ea.linear", "ea.offset", "next", "again", "jump", "jump.direct", "branch.direct"]);
/** After these nothing stands in a list. */
const ENDS = new Set(["edge", "edge.call", "edge.enter", "edge.indirect"]);
/** Stand for themselves, wherever they are used. */
const EVERYWHERE = new Set<number>([KIND.constant, KIND.page, KIND.slot]);

type Scope = ReadonlySet<RegionNode>;

class Validator {
  private readonly scopes = new Map<BlockIr["block"], Set<RegionNode>>();

  constructor(
    private readonly ir: RegionIr,
    private readonly live: Liveness,
  ) {}

  private fail(b: BlockIr, n: RegionNode | null, rule: string): never {
    const where = `region ${this.ir.region.entry.toString(16)}h, block ${b.block.index} at ${b.block.start.toString(16)}h`;
    throw new InternalError(`IR: ${where}${n === null ? "" : `, ${n.op} %${n.id}`}: ${rule}`);
  }

  run(): void {
    const { blocks } = this.ir;
    blocks.forEach((b, i) => {
      if (b.block.index !== i) this.fail(b, null, "out of order");
      const scope = this.inherited(b);
      if (!this.list(b, b.nodes, scope)) this.fail(b, null, "does not end");
      this.scopes.set(b.block, scope);
    });
    for (const b of blocks) this.predecessors(b);
  }

  /** A tree's later blocks see what is defined above them. */
  private inherited(b: BlockIr): Set<RegionNode> {
    if (b.root === b.block) return new Set();
    const above = b.block.immediateDominator;
    const scope = above === null ? undefined : this.scopes.get(above);
    const from = this.ir.blocks.find((x) => x.block === above);
    if (scope === undefined || from?.root !== b.root) this.fail(b, null, "goes on from a block of another tree");
    // The arm of the branch that leads here defines, too.
    return new Set([...scope, ...this.armTo(from.nodes, b)]);
  }
  private armTo(nodes: readonly RegionNode[], to: BlockIr): RegionNode[] {
    for (const n of nodes) {
      for (const body of n.bodies) {
        if (body.some((m) => m.edge?.target === to.block)) return [...body];
        const deeper = this.armTo(body, to);
        if (deeper.length > 0) return [...body, ...deeper];
      }
    }
    return [];
  }

  /** Adds what the list defines to `scope`; whether control never comes to its end. */
  private list(b: BlockIr, nodes: readonly RegionNode[], scope: Set<RegionNode>): boolean {
    let ended = false;
    for (const n of nodes) {
      // What is pure may stand behind an end: nobody uses it.
      if (ended && n.meta.cls !== "pure") this.fail(b, n, "stands behind an end");
      this.node(b, n, scope);
      if (n.op === "if") {
        const ends = n.bodies.map((body) => {
          const inner = new Set(scope);
          const end = this.list(b, body, inner);
          return { end, inner };
        });
        ended ||= ends.every((e) => e.end);
        // Where an arm does not come back, the other's values are the only ones.
        const back = ends.filter((e) => !e.end);
        if (back.length === 1) for (const v of back[0].inner) scope.add(v);
        else if (back.length === 2) for (const v of back[0].inner) if (back[1].inner.has(v)) scope.add(v);
      }
      if (n.op === "dispatch") {
        for (const body of n.bodies) if (!this.list(b, body, new Set(scope))) this.fail(b, n, "an entry goes nowhere");
        ended = true;
      }
      ended ||= ENDS.has(n.op) || (n.op === "call" && n.name !== null && NEVER_NEXT.has(n.name));
      if (n.meta.kind === KIND.phiSet) scope.add(this.ir.phis[n.imm]);
      else scope.add(n);
    }
    return ended;
  }

  private defined(n: RegionNode, scope: Scope): boolean {
    return EVERYWHERE.has(n.meta.kind) || scope.has(n);
  }

  private node(b: BlockIr, n: RegionNode, scope: Scope): void {
    const info = IR_OPS.get(n.op);
    if (info === undefined) this.fail(b, n, "unknown operation");
    if (RESOLVED.has(n.op) || n.meta.kind === KIND.getVariable || n.meta.kind === KIND.setVariable) this.fail(b, n, "has no place in a region");
    const used = n.meta.cls !== "pure" || n.hot + n.cold > 0;
    if (!used) return;
    const params = n.op === "call" && n.name !== null ? HELPERS[n.name] : info.params;
    if (params.length !== n.args.length) this.fail(b, n, `has ${n.args.length} arguments, not ${params.length}`);
    if (n.meta.cls === "pure" && n.type !== info.result) this.fail(b, n, `has type ${n.type ?? "none"}, not ${info.result ?? "none"}`);
    const dead = n.meta.kind === KIND.phiSet && this.ir.phis[n.imm].hot + this.ir.phis[n.imm].cold === 0;
    n.args.forEach((a, i) => {
      if (a.type !== params[i]) this.fail(b, n, `argument ${i} has type ${a.type ?? "none"}, not ${params[i]}`);
      if (dead) return;
      if (!this.defined(a, scope)) this.fail(b, n, `argument ${i} (${a.op} %${a.id}) is not defined here`);
      if (a.hot + a.cold === 0) this.fail(b, n, `argument ${i} (${a.op} %${a.id}) counts no use`);
    });
    if (n.meta.kind === KIND.slot && (n.imm < 0 || n.imm >= SLOT_COUNT || n.type !== SLOT_TYPE[n.imm])) this.fail(b, n, "is no slot of that type");
    if (n.meta.kind === KIND.setState && slotAt((n.ref?.address ?? 0) + (n.ref?.offset ?? 0)) >= 0) this.fail(b, n, "writes a slot's place behind its back");
    if ((n.meta.leaves || n.op === "call" || n.op === "sync" || n.op === "page.check" || ENDS.has(n.op)) && n.exit === null) this.fail(b, n, "has no way out");
    if (n.exit !== null) this.exit(b, n, n.exit, scope);
    if (n.op === "edge" || n.op === "edge.call" || n.op === "edge.enter") this.edge(b, n);
    if (n.op === "dispatch" && (!isDoor(b.block) || b.block.index !== 0 || n.bodies.length !== this.ir.region.entries.length)) this.fail(b, n, "is no door");
  }

  private exit(b: BlockIr, n: RegionNode, x: ExitState, scope: Scope): void {
    if (x.root !== b.root) this.fail(b, n, "leaves from another tree");
    const most = b.block.insns.length + this.ir.blocks.filter((o) => o.root === b.root && o !== b && dominates(o.block, b.block)).reduce((sum, o) => sum + o.block.insns.length, 0);
    if (x.count < 0 || x.count > most) this.fail(b, n, `leaves after ${x.count} instructions of ${most}`);
    // Before an instruction of the block: what is executed again begins there.
    const again = n.meta.leaves || n.op === "page.check" || n.op === "call";
    if (again && !b.block.insns.some((i) => i.offset === x.offset)) this.fail(b, n, `leaves for ${x.offset.toString(16)}h, where no instruction begins`);
    x.slots.forEach((v, s) => {
      if (v === null || v === IN_MEMORY) return;
      if (v.type !== SLOT_TYPE[s]) this.fail(b, n, `${SLOT_NAME[s]} leaves as ${v.type ?? "nothing"}`);
      if ((n.edge?.target ?? null) === null && isDirty(x, s) && n.op !== "sync" && !this.defined(v, scope)) this.fail(b, n, `${SLOT_NAME[s]} leaves as ${v.op} %${v.id}, which is not defined here`);
    });
  }

  private edge(b: BlockIr, n: RegionNode): void {
    const e = n.edge;
    if (e === null) this.fail(b, n, "has no edge");
    const { target } = e;
    if (target === null) return;
    const to = this.ir.blocks[target.index] as BlockIr | undefined;
    if (to?.block !== target) this.fail(b, n, "goes to a block that is not in the region");
    if (![...b.block.successors.values()].includes(target)) this.fail(b, n, "goes to no successor");
    if (target.index <= b.block.index && n.op === "edge" && !(target.loopHeader && dominates(target, b.block))) this.fail(b, n, "goes back to no loop around it");
    if (target.predecessors > 1 && to.root !== target) this.fail(b, n, "a block with several predecessors goes on from one");
    if (target.predecessors > 1) {
      for (let s = 0; s < SLOT_COUNT; s++) if (n.op === "edge" && this.live.assigns(e, s) && e.exit.slots[s] === null) this.fail(b, n, `sets ${SLOT_NAME[s]} to nothing`);
    }
    if (n.op === "edge.enter" && !(this.ir.region.entries.includes(target.start) && target.inlining === null && to.root === target)) this.fail(b, n, "enters where the region has no entry");
    if (n.op === "edge.call" && !target.reentry) this.fail(b, n, "returns to a block that does not expect it");
  }

  /** A block that goes on from another one is reached from there alone, and once. */
  private predecessors(b: BlockIr): void {
    if (b.root === b.block) return;
    const edges = this.ir.edges.filter((e) => e.target === b.block).length;
    if (edges > 1) this.fail(b, null, `goes on from one block, and is reached ${edges} times`);
  }
}

/** Throws InternalError. `live` is `analyse`'s answer for the same region. */
export function validateRegion(ir: RegionIr, live: Liveness): void {
  new Validator(ir, live).run();
}
