/** A region's shape as plain numbers and bytes, to be compiled on another thread: what the scanner found, without the decoded instructions; and what comes back. */
import { InternalError } from "../../base/errors.ts";
import { type CodeMode, DECODE_OK, decode, Insn } from "../../cpu/decode/decoder.ts";
import type { HelperName } from "../../cpu/helpers/signatures.ts";
import { ISA } from "../../cpu/isa/isa.ts";
import { liftName } from "../../cpu/lift/form.ts";
import { type Link, linkKey } from "./links.ts";
import { type Block, blockKey, type FlowKind, type Inlining, type Region, type RegionInsn } from "./shape.ts";

export interface RegionRequest {
  readonly table: Int32Array<ArrayBuffer>;
  /** The instructions' bytes, one after the other. */
  readonly code: Uint8Array<ArrayBuffer>;
  /** Byte address of the data TLB that the code is for. */
  readonly tlbBase: number;
  /** The function's name. */
  readonly name: string;
}

export interface CompiledRegion {
  readonly name: string;
  /** Bytes of the function's code. */
  readonly size: number;
  /** What it took to lift, emit and encode it, and its share of the host's compilation. */
  readonly ns: number;
}

export interface BatchReply {
  /** null when nothing could be compiled. */
  readonly module: WebAssembly.Module | null;
  readonly helpers: readonly HelperName[];
  /** For each request: the function as the module exports it, or the offset of an instruction that must stay outside. */
  readonly results: readonly (CompiledRegion | { readonly unsupported: number })[];
}

const KINDS: readonly FlowKind[] = ["next", "jump", "branch", "call", "return", "indirect", "repeat", "access", "stop-before", "stop-after"];
const LOOP_HEADER = 1, REENTRY = 2, OPEN = 4;

/** `bytesAt` copies the bytes at an offset (it may cross a page). */
export function encodeRegion(region: Region, bytesAt: (offset: number, length: number) => Uint8Array): Pick<RegionRequest, "table" | "code"> {
  const t: number[] = [region.entry, region.mode, region.instructions];
  const pairs = (m: ReadonlyMap<number, number>): void => {
    t.push(m.size);
    for (const [a, b] of m) t.push(a, b);
  };
  t.push(region.entries.length, ...region.entries);
  pairs(region.pages);
  pairs(region.expected);
  t.push(region.links.size);
  for (const [key, { index, ppn }] of region.links) t.push(Math.floor(key / 2), key & 1, index, ppn);
  const inlinings = new Map<number, Inlining>();
  const note = (i: Inlining | null): void => {
    for (let at = i; at !== null && !inlinings.has(at.id); at = at.caller) inlinings.set(at.id, at);
  };
  for (const b of region.blocks) {
    note(b.inlining);
    for (const s of b.successors.values()) note(s.inlining);
  }
  t.push(inlinings.size);
  // Callers first: their numbers are lower.
  for (const i of [...inlinings.values()].sort((a, b) => a.id - b.id)) t.push(i.id, i.caller?.id ?? 0, i.returnTo, i.depth);
  t.push(region.blocks.length);
  let size = 0;
  for (const b of region.blocks) {
    t.push(b.start, b.inlining?.id ?? 0, b.predecessors, b.immediateDominator?.index ?? -1, (b.loopHeader ? LOOP_HEADER : 0) | (b.reentry ? REENTRY : 0) | (b.open ? OPEN : 0));
    t.push(b.successors.size);
    for (const s of b.successors.values()) t.push(s.index);
    t.push(b.insns.length);
    for (const i of b.insns) {
      t.push(i.offset, i.length, KINDS.indexOf(i.kind));
      size += i.length;
    }
  }
  const code = new Uint8Array(size);
  let at = 0;
  for (const b of region.blocks) {
    for (const i of b.insns) {
      code.set(bytesAt(i.offset, i.length), at);
      at += i.length;
    }
  }
  return { table: Int32Array.from(t), code };
}

export function decodeRegion({ table, code }: Pick<RegionRequest, "table" | "code">): Region {
  let p = 0;
  const next = (): number => table[p++];
  const entry = next();
  const mode = next() as CodeMode;
  const instructions = next();
  const pairs = (): Map<number, number> => {
    const m = new Map<number, number>();
    for (let n = next(); n > 0; n--) {
      const a = next();
      m.set(a, next());
    }
    return m;
  };
  const entries = Array.from({ length: next() }, next);
  const pages = pairs();
  const expected = pairs();
  const links = new Map<number, Link>();
  for (let n = next(); n > 0; n--) {
    const offset = next();
    const open = next() === 1;
    const index = next();
    links.set(linkKey(offset, open), { index, ppn: next() });
  }
  const inlinings = new Map<number, Inlining>();
  for (let n = next(); n > 0; n--) {
    const id = next();
    const caller = inlinings.get(next()) ?? null;
    const returnTo = next();
    inlinings.set(id, { id, caller, returnTo, depth: next() });
  }
  const blocks: Block[] = [];
  const joined: { block: Block; dominator: number; successors: number[] }[] = [];
  let at = 0;
  const count = next();
  for (let index = 0; index < count; index++) {
    const start = next();
    const inlining = inlinings.get(next()) ?? null;
    const predecessors = next();
    const dominator = next();
    const flags = next();
    const successors = Array.from({ length: next() }, next);
    const insns: RegionInsn[] = [];
    for (let n = next(); n > 0; n--) {
      const offset = next();
      const length = next();
      const kind = KINDS[next()];
      const insn = new Insn();
      if (decode(code, at, at + length, mode, insn) !== DECODE_OK) throw new InternalError("region: a request that does not decode");
      // As the scanner has it: regions of 32-bit code are made of flat code alone.
      insn.flat = mode === 32;
      at += length;
      insns.push({ offset, length, insn, name: liftName(ISA[insn.entry]), kind });
    }
    const block: Block = {
      index, start, inlining, insns, successors: new Map(), predecessors, immediateDominator: null,
      loopHeader: (flags & LOOP_HEADER) !== 0, reentry: (flags & REENTRY) !== 0, open: (flags & OPEN) !== 0,
    };
    blocks.push(block);
    joined.push({ block, dominator, successors });
  }
  for (const { block, dominator, successors } of joined) {
    block.immediateDominator = dominator < 0 ? null : blocks[dominator];
    for (const s of successors) block.successors.set(blockKey(blocks[s].start, blocks[s].inlining), blocks[s]);
  }
  return { entry, entries, mode, blocks, pages, instructions, expected, links };
}
