/** The instruction set: every table parsed once at start-up. Decoder, disassembler, assembler and lifters all use this list. */
import { AVX } from "./avx.ts";
import { ONE_BYTE } from "./onebyte.ts";
import { parseTable } from "./parse.ts";
import { SSE } from "./sse.ts";
import { SYSTEM } from "./system.ts";
import { TWO_BYTE } from "./twobyte.ts";
import type { IsaEntry } from "./types.ts";
import { VEX } from "./vex.ts";
import { X87 } from "./x87.ts";

export type { FixedOperand, IsaEntry, ModKind, OperandCode, OperandSize, OperandSpec, PrefixClass } from "./types.ts";
export { CONDITIONS } from "./parse.ts";

function build(): readonly IsaEntry[] {
  const entries: IsaEntry[] = [];
  for (const table of [ONE_BYTE, TWO_BYTE, SYSTEM, X87, SSE, VEX, AVX]) parseTable(table, entries);
  return entries;
}

export const ISA: readonly IsaEntry[] = build();
