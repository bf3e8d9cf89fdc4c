/** The validator finds what it is there for: sound regions pass, broken ones do not. */
import { describe, expect, it } from "vitest";
import { assembleProgram } from "../../cpu/isa/assembler.ts";
import type { RegionIr } from "./build.ts";
import { formRegion, looseCode } from "./form.ts";
import { analyse, type Liveness } from "./liveness.ts";
import type { RegionNode } from "./node.ts";
import { validateRegion } from "./validate.ts";

const CODE = "next:\n add rax, [rdi]\n jc out\n add rdi, 8\n dec rcx\n jnz next\nout:\n mov rbx, rax\n hlt";

function region(): { ir: RegionIr; live: Liveness } {
  const ir = formRegion(looseCode(assembleProgram(CODE, { mode: 64 }).bytes, 64), 0, () => true);
  if (ir === null) throw new Error("no region");
  return { ir, live: analyse(ir) };
}

/** The same region with its first block's nodes changed. */
function changed(change: (nodes: RegionNode[]) => RegionNode[]): () => void {
  const { ir, live } = region();
  const [first, ...rest] = ir.blocks;
  return () => validateRegion({ ...ir, blocks: [{ ...first, nodes: change([...first.nodes]) }, ...rest] }, live);
}
const replace = (nodes: RegionNode[], find: (n: RegionNode) => boolean, by: (n: RegionNode) => RegionNode): RegionNode[] => {
  const at = nodes.findIndex(find);
  if (at < 0) throw new Error("no such node");
  nodes[at] = by(nodes[at]);
  return nodes;
};

describe("validateRegion", () => {
  it("takes a sound region", () => {
    const { ir, live } = region();
    expect(() => validateRegion(ir, live)).not.toThrow();
  });
  it("wants values defined before they are used", () => {
    expect(changed((nodes) => nodes.filter((n) => n.op !== "ld.64"))).toThrow("not defined here");
  });
  it("wants arguments of the right type", () => {
    expect(changed((nodes) => replace(nodes, (n) => n.op === "ld.64", (n) => ({ ...n, args: [{ ...n.args[0], type: "i32" }] })))).toThrow("argument 0 has type i32, not i64");
  });
  it("wants a state for each way out", () => {
    expect(changed((nodes) => replace(nodes, (n) => n.op === "ld.64", (n) => ({ ...n, exit: null })))).toThrow("has no way out");
  });
  it("wants blocks to end", () => {
    expect(changed((nodes) => nodes.slice(0, -1))).toThrow("does not end");
  });
  it("wants nothing behind an end", () => {
    expect(changed((nodes) => [...nodes, nodes[nodes.length - 1]])).toThrow("behind an end");
  });
  it("wants edges to go to blocks of the region", () => {
    const { ir, live } = region();
    const other = region().ir.blocks[0].block;
    const strange = (nodes: readonly RegionNode[]): RegionNode[] => nodes.map((n) => ({
      ...n, bodies: n.bodies.map(strange), edge: n.edge === null ? null : { ...n.edge, target: n.edge.target === null ? null : { ...other, predecessors: 2 } },
    }));
    expect(() => validateRegion({ ...ir, blocks: ir.blocks.map((b) => ({ ...b, nodes: strange(b.nodes) })) }, live)).toThrow(/not in the region|no successor|not defined/);
  });
  it("knows no operation that the builder should have resolved", () => {
    expect(changed((nodes) => replace(nodes, (n) => n.op === "ld.64", (n) => ({ ...n, op: "cc.test" })))).toThrow("no place in a region");
    expect(changed((nodes) => replace(nodes, (n) => n.op === "ld.64", (n) => ({ ...n, op: "ld.65" })))).toThrow("unknown operation");
  });
});
