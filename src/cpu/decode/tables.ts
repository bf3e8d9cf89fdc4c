/** Decoder tables built once from ISA: one flat lookup table and one word of flags per entry. */
import { InternalError } from "../../base/errors.ts";
import { ISA, type IsaEntry } from "../isa/isa.ts";

export const FLAG_MODRM = 1;
export const FLAG_LOCK = 2;
export const FLAG_D64 = 4;
export const FLAG_F64 = 8;
/** 66 is a mandatory prefix here, not the operand size. */
export const FLAG_EATS_66 = 0x10;
export const FLAG_EATS_REP = 0x20;
export const FLAG_MOD_IGNORED = 0x40;
export const FLAG_CR = 0x80;
export const FLAG_DR = 0x100;
/** VEX.vvvv names a register; elsewhere it must be 1111b. */
export const FLAG_VVVV = 0x200;
/** The memory operand has a vector of indices (VSIB). */
export const FLAG_VSIB = 0x400;
/** A VEX encoding that only 64-bit mode has. */
export const FLAG_VEX_O64 = 0x800;
export const IMM_SHIFT = 12;

export const IMM_NONE = 0;
export const IMM_8 = 1;
export const IMM_8_SIGNED = 2;
export const IMM_16 = 3;
export const IMM_Z = 4;
export const IMM_V = 5;
export const IMM_MOFFS = 6;
export const IMM_FAR = 7;
export const IMM_16_8 = 8;

/** Prefix classes as table indices. */
export const CLASS_NP = 0, CLASS_66 = 1, CLASS_F3 = 2, CLASS_F2 = 3;

/** Legacy maps are 0..3; VEX map m (1..3) is m + 3. */
export const VEX_MAP_BASE = 3;
const MAPS = 7;

function immediateKind(entry: IsaEntry): number {
  let kind = IMM_NONE;
  for (const { code, size } of entry.operands) {
    let k = IMM_NONE;
    if (code === "L") k = IMM_8;
    else if (code === "I") k = size === "b" ? IMM_8 : size === "bs" ? IMM_8_SIGNED : size === "w" ? IMM_16 : size === "z" ? IMM_Z : IMM_V;
    else if (code === "J") k = size === "b" ? IMM_8_SIGNED : IMM_Z;
    else if (code === "O") k = IMM_MOFFS;
    else if (code === "A") k = IMM_FAR;
    if (k === IMM_NONE) continue;
    if (kind === IMM_16 && k === IMM_8) kind = IMM_16_8;
    else if (kind === IMM_NONE) kind = k;
    else throw new InternalError(`ISA table: two immediates in ${entry.source}`);
  }
  return kind;
}

function flagsOf(entry: IsaEntry): number {
  let flags = immediateKind(entry) << IMM_SHIFT;
  if (entry.hasModrm) flags |= FLAG_MODRM;
  if (entry.lock) flags |= FLAG_LOCK;
  if (entry.d64) flags |= FLAG_D64;
  if (entry.f64) flags |= FLAG_F64;
  if (entry.prefix === "66") flags |= FLAG_EATS_66;
  if (entry.prefix === "F3" || entry.prefix === "F2") flags |= FLAG_EATS_REP;
  if (entry.modIgnored) flags |= FLAG_MOD_IGNORED;
  if (entry.operands.some((o) => o.code === "C")) flags |= FLAG_CR;
  if (entry.operands.some((o) => o.code === "D")) flags |= FLAG_DR;
  if (entry.operands.some((o) => o.code === "H" || o.code === "B")) flags |= FLAG_VVVV;
  if (entry.operands.some((o) => o.code === "T")) flags |= FLAG_VSIB;
  if (entry.vex && entry.o64) flags |= FLAG_VEX_O64;
  return flags;
}

const CLASS_NAMES = ["NP", "66", "F3", "F2"] as const;

function matchesClass(entry: IsaEntry, cls: number): boolean {
  if (entry.prefix === "none") return true;
  if (entry.prefix === "NFx") return cls <= CLASS_66;
  return entry.prefix === CLASS_NAMES[cls];
}

/** More specific encodings first: an exact ModRM byte, then `/digit`, then a mandatory prefix, then a bare opcode before `+r`. */
function specificity(entry: IsaEntry): number {
  return (entry.rmField >= 0 ? 16 : 0) + (entry.regField >= 0 ? 4 : 0) + (entry.prefix !== "none" ? 8 : 0) +
    (entry.modKind !== "any" ? 2 : 0) + (entry.plusR ? 0 : 1);
}

/** Segment register operands: only 0..5 exist, and CS cannot be loaded (SDM Vol. 2, MOV). */
function segmentAllows(entry: IsaEntry, reg: number): boolean {
  const at = entry.operands.findIndex((o) => o.code === "S");
  return at < 0 || (reg < 6 && !(at === 0 && reg === 1));
}

function matchesEveryModrm(entry: IsaEntry): boolean {
  return entry.regField < 0 && entry.rmField < 0 && (entry.modKind === "any" || entry.modIgnored) && entry.w < 0 &&
    !entry.operands.some((o) => o.code === "S");
}

/**
 * Cell of the first level for (map, opcode, prefix class, 64-bit mode; VEX.L instead of the mode in VEX maps). A cell is
 * an entry id, -1 for undefined, or -n for a block of 16 cells at n, indexed by ModRM.reg | (mod == 3) << 3; a cell
 * there may in turn be -n for a block of 16 cells, indexed by ModRM.rm | W << 3.
 */
export function lookupIndex(map: number, opcode: number, cls: number, mode64: number): number {
  return (((map << 8) | opcode) << 3) | (cls << 1) | mode64;
}

function buildLookup(): Int32Array {
  const cells: number[] = new Array<number>(MAPS << 11).fill(-1);
  const byOpcode: IsaEntry[][] = Array.from({ length: MAPS << 8 }, () => []);
  for (const e of ISA) {
    const map = e.vex ? e.map + VEX_MAP_BASE : e.map;
    for (let i = 0; i < (e.plusR ? 8 : 1); i++) byOpcode[(map << 8) | (e.opcode + i)].push(e);
  }
  const allocate = (size: number): number => {
    const at = cells.length;
    for (let i = 0; i < size; i++) cells.push(-1);
    return at;
  };
  const fillRm = (list: readonly IsaEntry[]): number => {
    const needed = list[0].rmField >= 0 || list[0].w >= 0;
    if (!needed) return list[0].id;
    const block = allocate(16);
    for (let i = 0; i < 16; i++) {
      const hit = list.find((e) => (e.rmField < 0 || e.rmField === (i & 7)) && (e.w < 0 || e.w === i >> 3));
      if (hit) cells[block + i] = hit.id;
    }
    return -block;
  };
  for (let key = 0; key < byOpcode.length; key++) {
    if (byOpcode[key].length === 0) continue;
    const sorted = [...byOpcode[key]].sort((a, b) => specificity(b) - specificity(a) || a.id - b.id);
    let previous: readonly IsaEntry[] = [], previousCell = -1;
    for (let cell = 0; cell < 8; cell++) {
      const odd = (cell & 1) === 1;
      const list = sorted.filter((e) => matchesClass(e, cell >> 1) && (e.vex ? e.l < 0 || e.l === (cell & 1) : !(odd ? e.i64 : e.o64)));
      if (list.length === 0) continue;
      if (list.length === previous.length && list.every((e, i) => e === previous[i])) {
        cells[(key << 3) | cell] = previousCell;
        continue;
      }
      let value = list[0].id;
      if (list[0].hasModrm && !matchesEveryModrm(list[0])) {
        const block = allocate(16);
        for (let i = 0; i < 16; i++) {
          const matching = list.filter((e) => e.hasModrm && (e.regField < 0 || e.regField === (i & 7)) &&
            (e.modKind === "any" || e.modIgnored || (e.modKind === "reg") === (i >= 8)) && segmentAllows(e, i & 7));
          if (matching.length > 0) cells[block + i] = fillRm(matching);
        }
        value = -block;
      }
      cells[(key << 3) | cell] = value;
      previous = list;
      previousCell = value;
    }
  }
  return Int32Array.from(cells);
}

export const LOOKUP: Int32Array = buildLookup();
export const ENTRY_FLAGS: Int32Array = Int32Array.from(ISA, flagsOf);
