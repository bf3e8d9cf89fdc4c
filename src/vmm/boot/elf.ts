/** ELF executables for x86: headers, loadable segments and notes, checked for use as a kernel. */
import { UserError } from "../../base/errors.ts";
import { ImageReader, alignUp, hex } from "./bytes.ts";
import type { RamPlan } from "./plan.ts";

const EM_386 = 3;
const EM_X86_64 = 62;
const MACHINES: Readonly<Record<number, string>> = {
  2: "SPARC", 8: "MIPS", 20: "PowerPC", 21: "PowerPC 64", 22: "S/390", 40: "ARM", 50: "Itanium", 183: "AArch64", 243: "RISC-V", 258: "LoongArch",
};
const ET_EXEC = 2;
const ET_DYN = 3;
const TYPES: Readonly<Record<number, string>> = { 1: "a relocatable object file or module", 4: "a core dump" };

const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_NOTE = 4;

export interface ElfSegment {
  /** Offset in the file. */
  readonly offset: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly physical: number;
  readonly virtual: bigint;
}

export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

export interface ElfImage {
  readonly bits: 32 | 64;
  readonly entry: bigint;
  /** PT_LOAD with something in memory, in file order. */
  readonly segments: readonly ElfSegment[];
  /** PT_NOTE ranges in the file. */
  readonly noteRanges: readonly { readonly offset: number; readonly size: number; readonly align: number }[];
  readonly notes: readonly ElfNote[];
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/** Parses and checks an x86 ELF executable (System V gABI, chapters 4 and 5). */
export function parseElf(bytes: Uint8Array): ElfImage {
  const r = new ImageReader(bytes, "kernel");
  const elfClass = r.u8(4);
  if (elfClass !== 1 && elfClass !== 2) throw new UserError(`kernel: ELF class ${elfClass} is neither 32-bit nor 64-bit`);
  if (r.u8(5) !== 1) throw new UserError("kernel: the ELF file is not little-endian, so it is not for x86");
  const wide = elfClass === 2;
  const type = r.u16(16);
  const machine = r.u16(18);
  if (machine !== EM_386 && machine !== EM_X86_64) {
    throw new UserError(`kernel: the ELF file is for another machine (${MACHINES[machine] ?? `number ${machine}`}), not for x86`);
  }
  if (type !== ET_EXEC && type !== ET_DYN) throw new UserError(`kernel: the ELF file is ${TYPES[type] ?? `of type ${type}`}, not an executable`);
  if (machine === EM_386 && wide) throw new UserError("kernel: the ELF file is 64-bit, but its machine is i386");

  const entry = wide ? r.u64big(24) : BigInt(r.u32(24));
  const headers = wide ? r.u64(32) : r.u32(28);
  const headerSize = r.u16(wide ? 54 : 42);
  const headerCount = r.u16(wide ? 56 : 44);
  if (headerCount === 0) throw new UserError("kernel: the ELF file has no program headers");
  if (headerSize < (wide ? 56 : 32)) throw new UserError(`kernel: ELF program headers of ${headerSize} bytes are too small`);

  const segments: ElfSegment[] = [];
  const noteRanges: { offset: number; size: number; align: number }[] = [];
  for (let i = 0; i < headerCount; i++) {
    const at = headers + i * headerSize;
    const kind = r.u32(at);
    if (kind === PT_INTERP) throw new UserError("kernel: the ELF file is a dynamically linked program, not a kernel");
    if (kind !== PT_LOAD && kind !== PT_NOTE) continue;
    const offset = wide ? r.u64(at + 8) : r.u32(at + 4);
    const fileSize = wide ? r.u64(at + 32) : r.u32(at + 16);
    if (kind === PT_NOTE) {
      noteRanges.push({ offset, size: fileSize, align: wide ? r.u64(at + 48) : r.u32(at + 28) });
      continue;
    }
    const memorySize = wide ? r.u64(at + 40) : r.u32(at + 20);
    const physical = wide ? r.u64(at + 24) : r.u32(at + 12);
    if (memorySize === 0) continue;
    if (fileSize > memorySize) throw new UserError(`kernel: ELF segment ${i} is larger in the file than in memory`);
    if (!r.has(offset, fileSize)) {
      throw new UserError(`kernel: the ELF file is truncated: segment ${i} ends at ${offset + fileSize}, the file at ${r.length}`);
    }
    segments.push({ offset, fileSize, memorySize, physical, virtual: wide ? r.u64big(at + 16) : BigInt(r.u32(at + 8)) });
  }
  if (segments.length === 0) throw new UserError("kernel: the ELF file has nothing to load");
  return { bits: wide ? 64 : 32, entry, segments, noteRanges, notes: noteRanges.flatMap((n) => parseNotes(r, n)) };
}

/** Notes are advice: a malformed rest of a note range ends the list. */
function parseNotes(r: ImageReader, range: { offset: number; size: number; align: number }): ElfNote[] {
  const notes: ElfNote[] = [];
  const align = range.align === 8 ? 8 : 4;
  const end = range.offset + range.size;
  let at = range.offset;
  while (at + 12 <= end && r.has(at, 12)) {
    const ownerSize = r.u32(at);
    const descriptionSize = r.u32(at + 4);
    const description = at + alignUp(12 + ownerSize, align);
    if (description + descriptionSize > end || !r.has(description, descriptionSize)) break;
    notes.push({
      owner: ownerSize === 0 || ownerSize > 64 ? "" : r.ascii(at + 12, ownerSize - 1),
      type: r.u32(at + 8),
      description: r.slice(description, descriptionSize),
    });
    at = alignUp(description + descriptionSize, align);
  }
  return notes;
}

/** The entry point as a physical address: some kernels give it as such, others as a virtual one. Null: neither. */
export function physicalEntry(elf: ElfImage): { readonly address: number; readonly given: "physical" | "virtual" } | null {
  for (const s of elf.segments) {
    if (elf.entry >= BigInt(s.physical) && elf.entry < BigInt(s.physical + s.memorySize)) {
      return { address: Number(elf.entry), given: "physical" };
    }
  }
  for (const s of elf.segments) {
    if (elf.entry >= s.virtual && elf.entry < s.virtual + BigInt(s.memorySize)) {
      return { address: s.physical + Number(elf.entry - s.virtual), given: "virtual" };
    }
  }
  return null;
}

/** Copies every segment to its physical address. Returns the first byte after the kernel. */
export function loadSegments(elf: ElfImage, bytes: Uint8Array, plan: RamPlan): { readonly start: number; readonly end: number } {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  // Reserve all before writing any: a kernel that does not fit leaves RAM alone.
  elf.segments.forEach((s, i) => {
    if (s.physical + s.memorySize > 0x1_0000_0000) throw new UserError(`kernel: ELF segment ${i} at ${hex(s.physical)} lies above 4 GiB`);
    plan.reserve(s.physical, s.memorySize, `ELF segment ${i}`);
    start = Math.min(start, s.physical);
    end = Math.max(end, s.physical + s.memorySize);
  });
  for (const s of elf.segments) {
    plan.writeZeroExtended(s.physical, bytes.subarray(s.offset, s.offset + s.fileSize), s.physical + s.memorySize);
  }
  return { start, end };
}

/** Where execution starts, or a UserError. */
export function requireEntry(elf: ElfImage): number {
  const entry = physicalEntry(elf);
  if (entry === null) throw new UserError(`kernel: the ELF entry point ${hex(Number(elf.entry))} is in no loaded segment`);
  return entry.address;
}
