/**
 * A form: what the lifter of an instruction knows statically (operation, widths, operand kinds). Both tiers lift forms;
 * they differ in how operand values are had (LiftContext's two implementations).
 */
import { ISA, type IsaEntry } from "../isa/isa.ts";

export type RegKind = "gpr" | "seg" | "cr" | "dr" | "mmx" | "xmm" | "st";

export interface OperandForm {
  readonly kind: "reg" | "mem" | "imm" | "one" | "rel" | "far";
  /** Bits; 0 where the operand has no size of its own. */
  readonly width: number;
  readonly reg: RegKind | null;
}

/**
 * How an effective address is computed. `generic` reads the record's own EA kind at run time. The others are
 * specialised. 64-bit mode: base+disp, base+index+disp, RIP-relative, and the same with a segment base. 32-bit addresses in flat
 * segments: base+disp and base+index+disp.
 */
export type EaKind = "generic" | "bd" | "sib" | "rip" | "seg" | "bd32" | "sib32";

export interface Form {
  readonly entry: IsaEntry;
  readonly opSize: 16 | 32 | 64;
  /** Matters to string, loop and ENTER-like instructions; 0 where it does not. */
  readonly addrSize: 0 | 16 | 32 | 64;
  /** 0, 0xF2, 0xF3. */
  readonly rep: number;
  /** 64-bit mode, legacy modes, 32-bit code whose segments are flat, or null where the semantics do not depend on it. */
  readonly mode: "64" | "legacy" | "flat" | null;
  readonly operands: readonly OperandForm[];
  readonly ea: EaKind;
}

/** The semantic name: for conditional instructions (lift `jcc`) the mnemonic itself, which carries the condition. */
export const liftName = (entry: IsaEntry): string => (entry.lift.endsWith("cc") ? entry.mnemonic.toLowerCase() : entry.lift);

export function formKey(f: Form): string {
  const operands = f.operands.map((o) => (o.kind === "reg" ? `${o.reg}${o.width}` : o.kind === "one" ? "1" : `${o.kind}${o.width}`)).join(",");
  return `${liftName(f.entry)}.${f.opSize}${f.addrSize ? `.a${f.addrSize}` : ""}${f.rep ? `.rep${f.rep === 0xf2 ? "ne" : ""}` : ""}${f.mode === null ? "" : `.m${f.mode}`}(${operands})`;
}

/** Record's EA kind byte (REC.ea): which formula the generic address function uses. */
export const EA = {
  /** base + (index << scale) + disp + segment base, 64 bits. */
  full: 0,
  /** page + disp + segment base. */
  rip: 1,
  /** As full, offset truncated to 32 bits before the segment base (67h in 64-bit mode). */
  full32: 2,
  rip32: 3,
  /** disp is the i64 immediate (moffs). */
  moffs: 4,
  /** Legacy modes: offset truncated to 16 or 32 bits, segment checks. */
  legacy16: 5,
  legacy32: 6,
} as const;

export { ISA };
