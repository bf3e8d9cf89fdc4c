/** The CPU's state at the first guest instruction, and the GDT and page tables that loaders write for it. */
import { StructWriter } from "./bytes.ts";
import type { BootMemory, RamPlan } from "./plan.ts";

export type GprName = "rax" | "rbx" | "rcx" | "rdx" | "rsi" | "rdi" | "rbp" | "rsp";

/** A segment register: selector and the raw 8-byte descriptor it was loaded from (SDM 3A §3.4.5). */
export interface SegmentLoad {
  readonly selector: number;
  readonly descriptor: bigint;
}

interface EntryState {
  /** Physical address of the first instruction; equal to the linear one. */
  readonly entry: number;
  readonly registers: Readonly<Record<GprName, number>>;
  readonly rflags: number;
  readonly gdt: { readonly base: number; readonly limit: number };
  readonly idt: { readonly base: number; readonly limit: number };
  /** `tr` is null where the protocol leaves it undefined. */
  readonly segments: {
    readonly cs: SegmentLoad;
    readonly ss: SegmentLoad;
    readonly ds: SegmentLoad;
    readonly es: SegmentLoad;
    readonly fs: SegmentLoad;
    readonly gs: SegmentLoad;
    readonly tr: SegmentLoad | null;
  };
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly efer: number;
}

export interface LongModeEntry extends EntryState {
  readonly protocol: "linux64";
  readonly mode: "long";
}

export interface ProtectedModeEntry extends EntryState {
  readonly protocol: "pvh" | "multiboot" | "linux32";
  readonly mode: "protected";
}

export type BootEntry = LongModeEntry | ProtectedModeEntry;

/** Selectors that the Linux boot protocol asks for; the others take the same. */
export const BOOT_CS = 0x10;
export const BOOT_DS = 0x18;
export const BOOT_TSS = 0x20;

// SDM 3A §3.4.5: flat, present, DPL 0, accessed.
const CODE64 = 0x00af9b000000ffffn;
const CODE32 = 0x00cf9b000000ffffn;
const DATA = 0x00cf93000000ffffn;
/** Busy 32-bit TSS, base 0, limit 0x67: what PVH guests are promised in TR. */
const TSS32_BUSY = 0x00008b0000000067n;

export const GDT_SIZE = 0x28;

/** Page tables: PML4, PDPT and four page directories of 2 MiB pages: the first 4 GiB mapped to themselves. */
export const PAGE_TABLES_SIZE = 6 * 0x1000;

const CR0_PE = 0x1;
const CR0_ET = 0x10;
const CR0_PG = 0x80000000;
const CR4_PAE = 0x20;
const EFER_LME = 0x100;
const EFER_LMA = 0x400;
/** Bit 1 is always set; interrupts are off. */
const RFLAGS_RESET = 0x2;

const PTE_PRESENT_WRITE = 0x3n;
const PTE_PAGE_SIZE = 0x80n;

function gdtBytes(code: bigint): Uint8Array {
  return new StructWriter(GDT_SIZE).u64big(BOOT_CS, code).u64big(BOOT_DS, DATA).u64big(BOOT_TSS, TSS32_BUSY).bytes;
}

/** Writes identity-mapping page tables at `base` (page-aligned) with accessed and dirty bits clear. */
export function writeIdentityPageTables(memory: BootMemory, base: number): void {
  const tables = new StructWriter(PAGE_TABLES_SIZE);
  tables.u64big(0, BigInt(base + 0x1000) | PTE_PRESENT_WRITE);
  for (let gib = 0; gib < 4; gib++) {
    const directory = 0x2000 + gib * 0x1000;
    tables.u64big(0x1000 + gib * 8, BigInt(base + directory) | PTE_PRESENT_WRITE);
    for (let i = 0; i < 512; i++) {
      tables.u64big(directory + i * 8, (BigInt(gib * 512 + i) << 21n) | PTE_PRESENT_WRITE | PTE_PAGE_SIZE);
    }
  }
  memory.write(base, tables.bytes);
}

function registers(set: Partial<Record<GprName, number>>): Readonly<Record<GprName, number>> {
  return { rax: 0, rbx: 0, rcx: 0, rdx: 0, rsi: 0, rdi: 0, rbp: 0, rsp: 0, ...set };
}

function segments(code: bigint, tr: SegmentLoad | null): EntryState["segments"] {
  const cs = { selector: BOOT_CS, descriptor: code };
  const data = { selector: BOOT_DS, descriptor: DATA };
  return { cs, ss: data, ds: data, es: data, fs: data, gs: data, tr };
}

/** 64-bit start with paging on. Writes GDT and page tables. */
export function longModeEntry(
  plan: RamPlan,
  at: { readonly gdt: number; readonly pageTables: number },
  entry: number,
  gprs: Partial<Record<GprName, number>>,
): LongModeEntry {
  plan.memory.write(at.gdt, gdtBytes(CODE64));
  writeIdentityPageTables(plan.memory, at.pageTables);
  return {
    protocol: "linux64",
    mode: "long",
    entry,
    registers: registers(gprs),
    rflags: RFLAGS_RESET,
    gdt: { base: at.gdt, limit: GDT_SIZE - 1 },
    idt: { base: 0, limit: 0 },
    segments: segments(CODE64, null),
    cr0: CR0_PG + CR0_ET + CR0_PE,
    cr3: at.pageTables,
    cr4: CR4_PAE,
    efer: EFER_LME | EFER_LMA,
  };
}

/** Flat 32-bit start without paging. Writes the GDT. */
export function protectedModeEntry(
  plan: RamPlan,
  protocol: ProtectedModeEntry["protocol"],
  gdt: number,
  entry: number,
  gprs: Partial<Record<GprName, number>>,
): ProtectedModeEntry {
  plan.memory.write(gdt, gdtBytes(CODE32));
  return {
    protocol,
    mode: "protected",
    entry,
    registers: registers(gprs),
    rflags: RFLAGS_RESET,
    gdt: { base: gdt, limit: GDT_SIZE - 1 },
    idt: { base: 0, limit: 0 },
    segments: segments(CODE32, { selector: BOOT_TSS, descriptor: TSS32_BUSY }),
    cr0: CR0_ET | CR0_PE,
    cr3: 0,
    cr4: 0,
    efer: 0,
  };
}
