/** All that the page tables map, table by table. SDM 3A chapter 4. */
import { type PagingMode, pagingMode } from "../../cpu/mmu/inspect.ts";
import { CR4 } from "../../cpu/state.ts";
import type { Machine } from "../machine/machine.ts";

export interface Mapping {
  /** Canonical. */
  readonly linear: bigint;
  readonly physical: bigint;
  readonly bytes: bigint;
  /** The entry that maps it. */
  readonly entry: bigint;
  /** By all levels together. */
  readonly user: boolean;
  readonly writable: boolean;
}

const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 1n << 7n;
const ADDRESS = 0xff_ffff_f000n;

/** Levels and bits of an index. */
const SHAPE: Readonly<Record<Exclude<PagingMode, "none">, { readonly levels: number; readonly bits: bigint; readonly entryBytes: bigint; readonly linearBits: number }>> = {
  "32-bit": { levels: 2, bits: 10n, entryBytes: 4n, linearBits: 32 },
  PAE: { levels: 3, bits: 9n, entryBytes: 8n, linearBits: 32 },
  "4-level": { levels: 4, bits: 9n, entryBytes: 8n, linearBits: 48 },
  "5-level": { levels: 5, bits: 9n, entryBytes: 8n, linearBits: 57 },
};

/** In order of linear addresses. Without paging there is nothing. */
export function* mappings(machine: Machine): Generator<Mapping> {
  const { state, phys } = machine.vcpu;
  const mode = pagingMode(state);
  if (mode === "none") return;
  const { levels, bits, entryBytes, linearBits } = SHAPE[mode];
  const legacy = entryBytes === 4n;
  const read = (at: bigint): bigint => {
    const word = (paddr: bigint): bigint => {
      const from = phys.ramAddress(Number(paddr));
      return from < 0 ? 0n : BigInt(state.u32[from >>> 2]);
    };
    return legacy ? word(at) : word(at) | (word(at + 4n) << 32n);
  };
  function* walk(table: bigint, level: number, base: bigint, user: boolean, writable: boolean): Generator<Mapping> {
    const shift = 12n + bits * BigInt(level - 1);
    const pae = mode === "PAE" && level === 3;
    const count = pae ? 4n : 1n << bits;
    for (let i = 0n; i < count; i++) {
      const entry = read(table + i * entryBytes);
      if (!(entry & PRESENT)) continue;
      const linear = base | (i << shift);
      const u = user && (pae || (entry & USER) !== 0n);
      const w = writable && (pae || (entry & WRITABLE) !== 0n);
      const large = level > 1 && level <= 3 && !pae && (entry & LARGE) !== 0n && (!legacy || (state.cr4 & CR4.PSE) !== 0);
      if (level > 1 && !large) {
        yield* walk(entry & (legacy ? 0xfffff000n : ADDRESS), level - 1, linear, u, w);
        continue;
      }
      const size = 1n << shift;
      const physical = legacy && large ? (entry & 0xffc00000n) | (((entry >> 13n) & 0xffn) << 32n) : entry & (legacy ? 0xfffff000n : ADDRESS) & ~(size - 1n);
      yield { linear: BigInt.asUintN(64, linearBits === 32 ? linear : BigInt.asIntN(linearBits, linear)), physical, bytes: size, entry, user: u, writable: w };
    }
  }
  const root = mode === "PAE" ? state.cr3 & 0xffffffe0n : state.cr3 & (legacy ? 0xfffff000n : ADDRESS);
  yield* walk(root, levels, 0n, true, true);
}
