/** Multiboot 1 kernels (Multiboot Specification 0.6.96): ELF or with address fields, modules, command lines. */
import { UserError } from "../../base/errors.ts";
import { ImageReader, StructWriter, alignUp, cString, hex } from "./bytes.ts";
import { isElf, loadSegments, parseElf, requireEntry } from "./elf.ts";
import { GDT_SIZE, protectedModeEntry, type BootEntry } from "./entry.ts";
import { HIGH_RAM_START, LOW_RAM_END, RamPlan, memoryMap, type BootMemory } from "./plan.ts";

const HEADER_MAGIC = 0x1badb002;
const LOADER_MAGIC = 0x2badb002;
/** §3.1: the header lies in the first 8192 bytes, 4-byte aligned. */
const SEARCH_LENGTH = 8192;
const FLAG_ADDRESSES = 1 << 16;
/** Bits 0 to 2 (page-aligned modules, memory information, video mode) can be met or ignored; 3 to 15 must be known. */
const UNKNOWN_REQUIREMENTS = 0xfff8;

const INFO_MEMORY = 1 << 0;
const INFO_CMDLINE = 1 << 2;
const INFO_MODULES = 1 << 3;
const INFO_MEMORY_MAP = 1 << 6;
const INFO_LOADER_NAME = 1 << 9;

const INFO_SIZE = 120;
const MODULE_SIZE = 16;
const MAP_ENTRY_SIZE = 24;
const INFO_MIN = 0x10000;
const PAGE = 0x1000;
const LOADER_NAME = "Tabvisor";

export interface MultibootHeader {
  /** In the file. */
  readonly offset: number;
  readonly flags: number;
}

export function findMultibootHeader(image: Uint8Array): MultibootHeader | null {
  const r = new ImageReader(image, "kernel");
  const end = Math.min(image.length, SEARCH_LENGTH) - 12;
  for (let offset = 0; offset <= end; offset += 4) {
    if (r.u32(offset) !== HEADER_MAGIC) continue;
    const flags = r.u32(offset + 4);
    if (((HEADER_MAGIC + flags + r.u32(offset + 8)) | 0) === 0) return { offset, flags };
  }
  return null;
}

export interface MultibootModule {
  readonly bytes: Uint8Array;
  /** The module's own string, by convention `name arguments`. */
  readonly string: string;
}

export function loadMultiboot(
  header: MultibootHeader,
  image: Uint8Array,
  modules: readonly MultibootModule[],
  cmdline: string,
  memory: BootMemory,
): BootEntry {
  if ((header.flags & UNKNOWN_REQUIREMENTS) !== 0) {
    throw new UserError(`kernel: the Multiboot header requires features that are not known (flags ${hex(header.flags >>> 0)})`);
  }
  const plan = new RamPlan(memory);
  const { entry, end } = (header.flags & FLAG_ADDRESSES) !== 0 ? loadByAddresses(header, image, plan) : loadElf(image, plan);

  const placed = modules.map((m, i) => {
    // An empty module still gets an address of its own.
    const range = plan.placeLow(Math.max(m.bytes.length, 1), PAGE, Math.max(end, HIGH_RAM_START), `module ${i + 1}`);
    plan.write(range, m.bytes);
    return { start: range.start, end: range.start + m.bytes.length, string: m.string };
  });

  const map = memoryMap(memory);
  const strings = [cString(cmdline, "command line"), cString(LOADER_NAME, "loader name"), ...modules.map((m) => cString(m.string, "module string"))];
  const modulesAt = INFO_SIZE;
  const mapAt = modulesAt + placed.length * MODULE_SIZE;
  const gdtAt = alignUp(mapAt + map.length * MAP_ENTRY_SIZE, 16);
  let at = gdtAt + GDT_SIZE;
  const stringsAt = strings.map((s) => {
    const here = at;
    at += s.length;
    return here;
  });
  const base = plan.placeLow(at, 16, INFO_MIN, "Multiboot information").start;

  const w = new StructWriter(at);
  const modulesFlag = placed.length === 0 ? 0 : INFO_MODULES;
  w.u32(0, INFO_MEMORY | INFO_CMDLINE | modulesFlag | INFO_MEMORY_MAP | INFO_LOADER_NAME)
    .u32(4, LOW_RAM_END / 1024)
    .u32(8, Math.floor((memory.size - HIGH_RAM_START) / 1024))
    .u32(16, base + stringsAt[0])
    .u32(20, placed.length)
    .u32(24, placed.length === 0 ? 0 : base + modulesAt)
    .u32(44, map.length * MAP_ENTRY_SIZE)
    .u32(48, base + mapAt)
    .u32(64, base + stringsAt[1]);
  placed.forEach((m, i) => {
    const entryAt = modulesAt + i * MODULE_SIZE;
    w.u32(entryAt, m.start)
      .u32(entryAt + 4, m.end)
      .u32(entryAt + 8, base + stringsAt[2 + i]);
  });
  map.forEach((e, i) => {
    const entryAt = mapAt + i * MAP_ENTRY_SIZE;
    // §3.3: `size` does not count itself.
    w.u32(entryAt, MAP_ENTRY_SIZE - 4)
      .u64(entryAt + 4, e.start)
      .u64(entryAt + 12, e.size)
      .u32(entryAt + 20, e.type);
  });
  strings.forEach((s, i) => w.copy(stringsAt[i], s));
  memory.write(base, w.bytes);
  return protectedModeEntry(plan, "multiboot", base + gdtAt, entry, { rax: LOADER_MAGIC, rbx: base });
}

function loadElf(image: Uint8Array, plan: RamPlan): { entry: number; end: number } {
  if (!isElf(image)) throw new UserError("kernel: the Multiboot image is neither ELF nor does its header give load addresses");
  const elf = parseElf(image);
  if (elf.bits !== 32) throw new UserError("kernel: a 64-bit ELF file cannot be started through Multiboot: link it as 32-bit ELF");
  const entry = requireEntry(elf);
  return { entry, end: loadSegments(elf, image, plan).end };
}

/** §3.1.3: the address fields place one piece of the file; they win over ELF headers. */
function loadByAddresses(header: MultibootHeader, image: Uint8Array, plan: RamPlan): { entry: number; end: number } {
  const r = new ImageReader(image, "kernel");
  const headerAddress = r.u32(header.offset + 12);
  const loadAddress = r.u32(header.offset + 16);
  const loadEnd = r.u32(header.offset + 20);
  const bssEnd = r.u32(header.offset + 24);
  const entry = r.u32(header.offset + 28);
  if (loadAddress > headerAddress || headerAddress - loadAddress > header.offset) {
    throw new UserError(`kernel: the Multiboot load address ${hex(loadAddress)} does not fit its header's address ${hex(headerAddress)}`);
  }
  const fileStart = header.offset - (headerAddress - loadAddress);
  const size = loadEnd === 0 ? image.length - fileStart : loadEnd - loadAddress;
  if (size <= 0 || (loadEnd !== 0 && loadEnd < loadAddress)) throw new UserError("kernel: the Multiboot address fields give an empty image");
  if (!r.has(fileStart, size)) throw new UserError(`kernel: the Multiboot image is truncated: ${image.length} bytes of ${fileStart + size}`);
  const end = Math.max(loadAddress + size, bssEnd);
  plan.reserve(loadAddress, end - loadAddress, "the kernel");
  if (entry < loadAddress || entry >= end) throw new UserError(`kernel: the Multiboot entry point ${hex(entry)} is not in the loaded image`);
  plan.writeZeroExtended(loadAddress, r.slice(fileStart, size), end);
  return { entry, end };
}
