/**
 * Where the code around a hot place begins. What is found hot first is often the middle of a function; a region from there would leave its
 * beginning to another one, which then contains both.
 */
import { DECODE_OK, decode, Insn } from "../../cpu/decode/decoder.ts";
import { ISA } from "../../cpu/isa/isa.ts";
import { liftName } from "../../cpu/lift/form.ts";
import { type CodeSource, flowOf } from "./scan.ts";
import type { FlowKind } from "./shape.ts";

/** Followed by the next instruction, in the same region. */
const GOES_ON = new Set<FlowKind>(["next", "branch", "call", "repeat", "access"]);
/** Bytes of code before the place that are looked at. */
const REACH = 1024;

/**
 * The lowest offset on the entry's page that leads to `place` by direct jumps and fall-throughs, and that nothing known leads to: a function's
 * beginning. `place` itself where there is none.
 */
export function headOf(source: CodeSource, place: number): number {
  const view = source.page(0);
  if (view === null) return place;
  const insn = new Insn();
  const predecessors = new Map<number, number[]>();
  const lead = (to: number, from: number): void => {
    const list = predecessors.get(to);
    if (list === undefined) predecessors.set(to, [from]);
    else list.push(from);
  };
  const from = Math.max(0, place - REACH);
  const to = Math.min(4096, place + REACH);
  for (let offset = from; offset < to; offset++) {
    if (!source.known(offset)) continue;
    if (decode(source.bytes, view.at + offset, view.at + 4096, source.mode, insn) !== DECODE_OK) continue;
    const name = liftName(ISA[insn.entry]);
    const kind = flowOf(insn, name, source.guarded === true);
    const after = offset + insn.length;
    if (kind === "jump" || kind === "branch") lead((after + insn.immLo) | 0, offset);
    if (GOES_ON.has(kind) || (kind === "indirect" && name === "call")) lead(after, offset);
  }
  const seen = new Set([place]);
  const work = [place];
  let head = place;
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    const before = predecessors.get(at) ?? [];
    if (before.length === 0 && at < head) head = at;
    for (const p of before) {
      if (seen.has(p)) continue;
      seen.add(p);
      work.push(p);
    }
  }
  return head;
}

/** E8 and four bytes. */
const NEAR_CALL = 0xe8;
const NEAR_CALL_BYTES = 5;

/**
 * Whether control has come to `place` by a call: `returnTo`, the offset that the stack's top holds, stands behind one that leads there. Such a place is
 * a function's beginning, whatever is before it: a call that never returns, perhaps.
 */
export function isCalled(source: CodeSource, place: number, returnTo: number): boolean {
  const offset = returnTo - NEAR_CALL_BYTES;
  const view = source.page(offset >> 12);
  const at = offset & 4095;
  if (view === null || at > 4096 - NEAR_CALL_BYTES || source.bytes[view.at + at] !== NEAR_CALL) return false;
  let distance = 0;
  for (let i = NEAR_CALL_BYTES - 1; i > 0; i--) distance = (distance << 8) | source.bytes[view.at + at + i];
  return ((returnTo + distance) | 0) === place;
}
