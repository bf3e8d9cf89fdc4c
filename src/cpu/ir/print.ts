/** IR as text and its validator. */
import { InternalError } from "../../base/errors.ts";
import { HELPERS } from "../helpers/signatures.ts";
import type { Node } from "./ir.ts";
import { IR_OPS } from "./ops.ts";

function immediate(n: Node): string {
  if (n.op === "i64.const") return ` ${n.big}`;
  if (n.lanes !== null) return ` [${n.lanes.join(" ")}]`;
  if (n.name !== null) return ` ${n.name}`;
  const imm = n.op === "i32.const" || n.imm !== 0 ? ` ${n.imm}` : "";
  if (n.ref === null) return imm;
  const at = n.ref.field === null ? `@0x${(n.ref.address + n.ref.offset).toString(16)}` : `@rec[${n.ref.field}]${n.ref.offset ? `+${n.ref.offset}` : ""}`;
  return `${imm} ${at}`;
}

/** One node a line: `%3 = i32.add %1, %2`. */
export function printIr(nodes: readonly Node[], indent = ""): string {
  let out = "";
  for (const n of nodes) {
    const args = n.args.map((a) => `%${a.id}`).join(", ");
    out += `${indent}${n.type === null ? "" : `%${n.id} = `}${n.op}${immediate(n)}${args ? ` ${args}` : ""}\n`;
    n.bodies.forEach((body, i) => {
      if (i === 1 && body.length === 0) return;
      out += `${indent}${i === 0 ? "then" : "else"}:\n${printIr(body, indent + "  ")}`;
    });
  }
  return out;
}

const ENDS = new Set(["next", "again", "jump", "jump.direct", "branch.direct"]);

/** Throws InternalError when the list breaks a rule: types, definition before use, nothing after an end. */
export function validateIr(nodes: readonly Node[], defined = new Set<number>()): void {
  const here = new Set(defined);
  nodes.forEach((n, i) => {
    const info = IR_OPS.get(n.op);
    if (info === undefined) throw new InternalError(`IR: unknown operation ${n.op}`);
    const params = n.op === "call" && n.name !== null ? HELPERS[n.name] : info.params;
    if (params.length !== n.args.length) throw new InternalError(`IR: ${n.op}: ${n.args.length} arguments`);
    n.args.forEach((a, k) => {
      if (!here.has(a.id)) throw new InternalError(`IR: ${n.op} uses %${a.id} (${a.op}) outside its scope`);
      if (a.type !== params[k]) throw new InternalError(`IR: ${n.op}: argument ${k} has type ${a.type}`);
    });
    if (/^[gs]et\./.test(n.op) && n.ref === null) throw new InternalError(`IR: ${n.op} without a register`);
    for (const body of n.bodies) validateIr(body, here);
    if (ENDS.has(n.op) && i !== nodes.length - 1) throw new InternalError(`IR: ${n.op} is not last`);
    here.add(n.id);
  });
}
