/** From code to a region's IR: scans, lifts, and scans again without the instructions that no region can have. */
import type { Insn } from "../../cpu/decode/insn.ts";
import { buildRegion, type RegionIr, UnsupportedAt } from "./build.ts";
import { type CodeSource, RegionScanner } from "./scan.ts";

/** Null when not even the instruction at `entry` (an offset) can be compiled. `several`: it may be entered in the middle, too. */
export function formRegion(source: CodeSource, entry: number, supports: (insn: Insn) => boolean, several = false): RegionIr | null {
  const excluded = new Set<number>();
  for (;;) {
    const region = new RegionScanner(source, excluded, undefined, several).scan(entry, supports);
    if (region === null) return null;
    try {
      return buildRegion(region);
    } catch (e) {
      if (!(e instanceof UnsupportedAt)) throw e;
      excluded.add(e.offset);
    }
  }
}

/** Code that stands alone: all of it is known and has been reached. Its first byte is at offset `start` of the entry's page. */
export function looseCode(code: Uint8Array, mode: CodeSource["mode"], start = 0): CodeSource {
  const pages = Math.max(1, Math.ceil((start + code.length) / 4096));
  const bytes = new Uint8Array((pages + 1) * 4096);
  // HLT, which no region has.
  bytes.fill(0xf4);
  bytes.set(code, start);
  const inside = (offset: number): boolean => offset >= start && offset < start + code.length;
  return {
    mode, bytes, known: inside, reached: inside, pointer: () => null, pointerAt: () => null,
    page: (delta) => (delta >= 0 && delta < pages ? { ppn: delta, at: delta * 4096 } : null),
  };
}
