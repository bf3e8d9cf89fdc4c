/** What a region's passes see in an address. */
import { KIND } from "./meta.ts";
import type { RegionNode } from "./node.ts";

/** An address as a value and a constant: two with one `base` differ by their offsets, modulo 2^32 where they are of 32 bits. */
export function splitAddress(address: RegionNode): { readonly base: string; readonly node: RegionNode; readonly narrow: boolean; readonly offset: bigint } {
  let n = address;
  let offset = 0n;
  let narrow = false;
  for (;;) {
    const [a, b] = n.args;
    if (n.op === "i64.add" && b.op === "i64.const") {
      offset += b.big;
      n = a;
    } else if (n.op === "i32.add" && b.op === "i32.const") {
      offset += BigInt(b.imm);
      n = a;
    } else if (n.op === "i32.wrap_i64" && narrow) n = a;
    else if ((n.op === "i64.extend_i32_u" || (n.op === "i64.and" && b.op === "i64.const" && b.big === 0xffffffffn)) && (narrow || offset === 0n)) {
      narrow = true;
      n = a;
    } else break;
  }
  const value = n.meta.kind === KIND.slot ? `s${n.imm}` : n.op === "vpage" ? "page" : n.op === "i64.const" ? "0" : `${n.id}`;
  if (n.op === "i64.const") offset += n.big;
  return { base: (narrow ? "32:" : "64:") + value, node: n, narrow, offset: BigInt.asIntN(narrow ? 32 : 64, offset) };
}
