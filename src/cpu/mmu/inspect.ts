/** Page walks for a person to look at: every level with its flags, no accessed bits set, no faults raised. SDM 3A chapter 4. */
import { CR0, CR4, EFER, type CpuState } from "../state.ts";
import type { PhysicalMemory } from "./physical.ts";

export type PagingMode = "none" | "32-bit" | "PAE" | "4-level" | "5-level";

/** One table entry on the way. */
export interface WalkStep {
  /** PML5, PML4, PDPT, PD or PT. */
  readonly table: string;
  /** Physical address of the entry; for PAE's PDPTE registers, where it stood when CR3 was loaded. */
  readonly at: number;
  readonly index: number;
  readonly entry: bigint;
  /** P, R/W, U/S and so on, as set. */
  readonly flags: readonly string[];
}

export interface Walk {
  readonly mode: PagingMode;
  readonly steps: readonly WalkStep[];
  /** Physical address, or null where nothing is mapped. */
  readonly physical: number | null;
  /** Bytes of the page; 0 where nothing is mapped. */
  readonly pageSize: number;
  /** What an access may do by all levels together: `r`, `w`, `x`, `u`. "" where nothing is mapped. */
  readonly rights: string;
  /** Why nothing is mapped; null otherwise. */
  readonly reason: string | null;
}

const FLAG_NAMES: readonly (readonly [bit: bigint, name: string])[] = [
  [1n << 0n, "P"], [1n << 1n, "RW"], [1n << 2n, "US"], [1n << 3n, "PWT"], [1n << 4n, "PCD"], [1n << 5n, "A"], [1n << 6n, "D"],
  [1n << 7n, "PS"], [1n << 8n, "G"], [1n << 63n, "NX"],
];
const PRESENT = 1n;
const LARGE = 1n << 7n;
const NX = 1n << 63n;
const ADDRESS = 0xf_ffff_ffff_f000n;

const NAMES = ["PT", "PD", "PDPT", "PML4", "PML5"] as const;

/** `level` 1 is the page table. At level 1 bit 7 is PAT; above, A, D and G of a table's entry mean less, but are shown as set. */
const flagsOf = (entry: bigint, level: number): string[] =>
  FLAG_NAMES.filter(([bit]) => entry & bit).map(([, name]) => (name === "PS" && level === 1 ? "PAT" : name));

export function pagingMode(s: CpuState): PagingMode {
  if (!(s.cr0 & CR0.PG)) return "none";
  if (s.efer & EFER.LMA) return s.cr4 & CR4.LA57 ? "5-level" : "4-level";
  return s.cr4 & CR4.PAE ? "PAE" : "32-bit";
}

/** A doubleword of RAM; device registers are not read, for reading them may change them. */
function read32(phys: PhysicalMemory, paddr: number): bigint | null {
  const at = phys.ramAddress(paddr);
  return at < 0 ? null : BigInt(phys.state.u32[at >>> 2]);
}
function read64(phys: PhysicalMemory, paddr: number): bigint | null {
  const lo = read32(phys, paddr);
  const hi = read32(phys, paddr + 4);
  return lo === null || hi === null ? null : (hi << 32n) | lo;
}

const nothing = (mode: PagingMode, steps: readonly WalkStep[], reason: string): Walk => ({ mode, steps, physical: null, pageSize: 0, rights: "", reason });

/** How `linear` is translated now, whatever the privilege. */
export function describeWalk(s: CpuState, phys: PhysicalMemory, linear: bigint): Walk {
  const mode = pagingMode(s);
  if (!s.longMode && linear >> 32n !== 0n) return nothing(mode, [], "beyond 4 GiB");
  switch (mode) {
    case "none": {
      const at = Number(linear & 0xffffffffn);
      return { mode, steps: [], physical: s.a20 ? at : (at & ~(1 << 20)) >>> 0, pageSize: 4096, rights: "rwxu", reason: null };
    }
    case "32-bit": return walk32(s, phys, linear & 0xffffffffn);
    case "PAE": return walk64(s, phys, linear & 0xffffffffn, 3, mode);
    case "4-level":
    case "5-level": {
      const bits = mode === "5-level" ? 57 : 48;
      if (BigInt.asIntN(bits, linear) !== BigInt.asIntN(64, linear)) return nothing(mode, [], "not canonical");
      return walk64(s, phys, linear, mode === "5-level" ? 5 : 4, mode);
    }
  }
}

function walk64(s: CpuState, phys: PhysicalMemory, linear: bigint, levels: number, mode: PagingMode): Walk {
  const steps: WalkStep[] = [];
  let table = Number(levels === 3 ? s.cr3 & 0xffffffe0n : s.cr3 & ADDRESS);
  let rights = PRESENT | 2n | 4n;
  let nx = 0n;
  for (let level = levels; ; level--) {
    const shift = BigInt(12 + 9 * (level - 1));
    const index = Number((linear >> shift) & 511n);
    const at = table + index * 8;
    const pdpte = levels === 3 && level === 3;
    const entry = pdpte ? (BigInt(s.pdptes[2 * index + 1] >>> 0) << 32n) | BigInt(s.pdptes[2 * index] >>> 0) : read64(phys, at);
    if (entry === null) return nothing(mode, steps, "a table stands outside RAM");
    steps.push({ table: NAMES[level - 1], at, index, entry, flags: flagsOf(entry, level) });
    if (!(entry & PRESENT)) return nothing(mode, steps, `not present in the ${NAMES[level - 1]}`);
    if (entry & 0x000f_ff00_0000_0000n || (entry & NX && !(s.efer & EFER.NXE))) return nothing(mode, steps, `a reserved bit is set in the ${NAMES[level - 1]}`);
    if (!pdpte) {
      rights &= entry;
      nx |= entry & NX;
    }
    const large = level > 1 && !pdpte && (entry & LARGE) !== 0n;
    if (large && level > 3) return nothing(mode, steps, `a reserved bit is set in the ${NAMES[level - 1]}`);
    if (level > 1 && !large) {
      table = Number(entry & 0xff_ffff_f000n);
      continue;
    }
    const size = 1n << shift;
    if (large && entry & (size - 1n) & ~0x1fffn) return nothing(mode, steps, `a reserved bit is set in the ${NAMES[level - 1]}`);
    const physical = Number((entry & 0xff_ffff_f000n & ~(size - 1n)) | (linear & (size - 1n)));
    return { mode, steps, physical, pageSize: Number(size), rights: rightsText(rights, nx !== 0n), reason: null };
  }
}

function walk32(s: CpuState, phys: PhysicalMemory, linear: bigint): Walk {
  const mode = "32-bit";
  const steps: WalkStep[] = [];
  const step = (level: number, table: number, index: number): bigint | null => {
    const at = table + index * 4;
    const entry = read32(phys, at);
    if (entry !== null) steps.push({ table: NAMES[level - 1], at, index, entry, flags: flagsOf(entry, level) });
    return entry;
  };
  const pde = step(2, Number(s.cr3 & 0xfffff000n), Number(linear >> 22n));
  if (pde === null) return nothing(mode, steps, "a table stands outside RAM");
  if (!(pde & PRESENT)) return nothing(mode, steps, "not present in the PD");
  if (pde & LARGE && s.cr4 & CR4.PSE) {
    if (pde & 0x200000n) return nothing(mode, steps, "a reserved bit is set in the PD");
    // PSE-36, SDM 3A table 4-4: bits 20:13 are address bits 39:32.
    const base = (((pde >> 13n) & 0xffn) << 32n) | (pde & 0xffc00000n);
    return { mode, steps, physical: Number(base | (linear & 0x3fffffn)), pageSize: 1 << 22, rights: rightsText(pde, false), reason: null };
  }
  const pte = step(1, Number(pde & 0xfffff000n), Number((linear >> 12n) & 1023n));
  if (pte === null) return nothing(mode, steps, "a table stands outside RAM");
  if (!(pte & PRESENT)) return nothing(mode, steps, "not present in the PT");
  return { mode, steps, physical: Number((pte & 0xfffff000n) | (linear & 0xfffn)), pageSize: 4096, rights: rightsText(pde & pte, false), reason: null };
}

const rightsText = (rights: bigint, nx: boolean): string => `r${rights & 2n ? "w" : ""}${nx ? "" : "x"}${rights & 4n ? "u" : ""}`;

/** Physical address of `linear`, or -1; nothing changes. */
export const physicalOf = (s: CpuState, phys: PhysicalMemory, linear: bigint): number => describeWalk(s, phys, linear).physical ?? -1;
