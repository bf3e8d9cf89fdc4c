/** Linux kernels: bzImage and ELF vmlinux by the 64-bit and 32-bit boot protocols, ELF by PVH. */
import { UserError } from "../../base/errors.ts";
import { BOOT_PARAMS_SIZE, type BootScreen, buildBootParams, parseSetupHeader, syntheticSetupHeader, type SetupHeader } from "./bootParams.ts";
import { KIB, StructWriter, alignUp, cString, hex } from "./bytes.ts";
import { loadSegments, physicalEntry, requireEntry, type ElfImage } from "./elf.ts";
import { GDT_SIZE, PAGE_TABLES_SIZE, longModeEntry, protectedModeEntry, type BootEntry } from "./entry.ts";
import { HIGH_RAM_START, LOW_RAM_END, RamPlan, memoryMap, type BootMemory, type Range } from "./plan.ts";

const PAGE = 0x1000;
/** Boot data starts here: the first 64 KiB are left to what firmware keeps there. */
const BOOT_DATA_MIN = 0x10000;
/** XLF_KERNEL_64: the 64-bit entry follows the 32-bit one at this distance. */
const ENTRY64_OFFSET = 0x200;

export interface LinuxInput {
  readonly initrds: readonly Uint8Array[];
  readonly cmdline: string;
}

/** What the display shows when the kernel starts; text unless somebody says otherwise. */
const TEXT_SCREEN: BootScreen = { kind: "text" };

/** A bzImage: its own decompressor runs in the guest. */
export function loadBzImage(image: Uint8Array, input: LinuxInput, memory: BootMemory, screen: BootScreen | null = TEXT_SCREEN): BootEntry {
  const header = parseSetupHeader(image);
  if (header.loadAddress < HIGH_RAM_START) throw new UserError(`kernel: the bzImage loads at ${hex(header.loadAddress)}, below 1 MiB`);
  const plan = new RamPlan(memory);
  const size = Math.max(header.initSize, header.protectedSize);
  if (header.loadAddress + size > 0x1_0000_0000) throw new UserError(`kernel: the bzImage loads at ${hex(header.loadAddress)}, which reaches above 4 GiB`);
  plan.reserve(header.loadAddress, size, "the kernel");
  const data = placeBootData(plan, header, input);
  plan.writeZeroExtended(
    header.loadAddress,
    image.subarray(header.protectedOffset, header.protectedOffset + header.protectedSize),
    header.loadAddress + header.protectedSize,
  );
  return enterLinux(plan, header, data, header.loadAddress + (header.has64BitEntry ? ENTRY64_OFFSET : 0), screen);
}

/** An uncompressed kernel entered at startup_64 or startup_32, without its decompressor. */
export function loadLinuxElf(elf: ElfImage, image: Uint8Array, input: LinuxInput, memory: BootMemory, screen: BootScreen | null = TEXT_SCREEN): BootEntry {
  const entry = requireEntry(elf);
  const plan = new RamPlan(memory);
  const { start, end } = loadSegments(elf, image, plan);
  if (start < HIGH_RAM_START) throw new UserError(`kernel: the ELF file loads at ${hex(start)}, below 1 MiB: it is not a Linux kernel`);
  const header = syntheticSetupHeader(start, end - start, elf.bits === 64);
  return enterLinux(plan, header, placeBootData(plan, header, input), entry, screen);
}

interface BootData {
  readonly low: Range;
  readonly initrd: { readonly address: number; readonly size: number } | null;
  readonly cmdline: Uint8Array;
}

/** Low boot data: page tables, boot_params, GDT, command line, in this order. */
const BOOT_PARAMS_AT = PAGE_TABLES_SIZE;
const GDT_AT = BOOT_PARAMS_AT + BOOT_PARAMS_SIZE;
const CMDLINE_AT = GDT_AT + alignUp(GDT_SIZE, 64);

function placeBootData(plan: RamPlan, header: SetupHeader, input: LinuxInput): BootData {
  const cmdline = cString(input.cmdline, "command line");
  if (cmdline.length - 1 > header.cmdlineMax) {
    throw new UserError(`command line: ${cmdline.length - 1} bytes, the kernel takes at most ${header.cmdlineMax}`);
  }
  const size = CMDLINE_AT + cmdline.length;
  if (size > LOW_RAM_END - BOOT_DATA_MIN) throw new UserError(`command line: ${cmdline.length - 1} bytes do not fit below 640 KiB`);
  const low = plan.placeLow(alignUp(size, PAGE), PAGE, BOOT_DATA_MIN, "boot data");
  return { low, initrd: placeInitrd(plan, input.initrds, header.initrdAddrMax), cmdline };
}

/** Archives one after the other, each on a 4-byte boundary, as cpio wants. Null: nothing to load. */
function placeInitrd(plan: RamPlan, initrds: readonly Uint8Array[], addrMax: number): { address: number; size: number } | null {
  initrds.forEach((bytes, i) => {
    if (bytes.length === 0) throw new UserError(`initrd: file ${i + 1} is empty`);
  });
  const size = initrds.reduce((sum, bytes) => alignUp(sum, 4) + bytes.length, 0);
  if (size === 0) return null;
  const limit = Math.min(addrMax + 1, 0x1_0000_0000);
  const range = plan.placeHigh(size, PAGE, HIGH_RAM_START, limit, "initrd");
  let at = range.start;
  for (const bytes of initrds) {
    const next = alignUp(at, 4);
    plan.writeZeroExtended(at, new Uint8Array(0), next);
    plan.memory.write(next, bytes);
    at = next + bytes.length;
  }
  return { address: range.start, size };
}

function enterLinux(plan: RamPlan, header: SetupHeader, data: BootData, entry: number, screen: BootScreen | null): BootEntry {
  const base = data.low.start;
  const bootParams = base + BOOT_PARAMS_AT;
  plan.memory.write(base + CMDLINE_AT, data.cmdline);
  plan.memory.write(
    bootParams,
    buildBootParams({ header, memory: plan.memory, cmdline: base + CMDLINE_AT, initrd: data.initrd, screen }),
  );
  // boot.rst: in both protocols RSI holds boot_params; in the 32-bit one EBP, EDI and EBX are zero.
  if (header.has64BitEntry) return longModeEntry(plan, { gdt: base + GDT_AT, pageTables: base }, entry, { rsi: bootParams });
  return protectedModeEntry(plan, "linux32", base + GDT_AT, entry, { rsi: bootParams });
}

const XEN_ELFNOTE_PHYS32_ENTRY = 18;

/** The PVH entry point of an ELF kernel, or null. */
export function pvhEntry(elf: ElfImage): number | null {
  const note = elf.notes.find((n) => n.owner === "Xen" && n.type === XEN_ELFNOTE_PHYS32_ENTRY);
  if (note === undefined || note.description.length < 4) return null;
  return new DataView(note.description.buffer, note.description.byteOffset).getUint32(0, true);
}

/** True when the ELF entry point is meant for a loader that speaks the Linux boot protocol: it is a physical address. */
export function hasLinuxEntry(elf: ElfImage): boolean {
  return physicalEntry(elf)?.given === "physical";
}

const HVM_START_MAGIC = 0x336ec578;
const START_INFO_SIZE = 56;
const MODULE_SIZE = 32;
const MEMMAP_ENTRY_SIZE = 24;
/** As much as any kernel that has a PVH entry takes; it cuts what is too long for it. */
const PVH_CMDLINE_MAX = 64 * KIB;

/** PVH: 32-bit entry with EBX = struct hvm_start_info (xen/include/public/arch-x86/hvm/start_info.h). */
export function loadPvh(elf: ElfImage, image: Uint8Array, input: LinuxInput, memory: BootMemory): BootEntry {
  const entry = pvhEntry(elf);
  if (entry === null) throw new UserError("kernel: the ELF file has no PVH entry point (Xen note 18)");
  if (!elf.segments.some((s) => entry >= s.physical && entry < s.physical + s.memorySize)) {
    throw new UserError(`kernel: the PVH entry point ${hex(entry)} is in no loaded segment`);
  }
  const plan = new RamPlan(memory);
  loadSegments(elf, image, plan);
  const cmdline = cString(input.cmdline, "command line");
  if (cmdline.length > PVH_CMDLINE_MAX) throw new UserError(`command line: ${cmdline.length - 1} bytes are too many`);

  const map = memoryMap(memory);
  const modulesAt = START_INFO_SIZE;
  const mapAt = modulesAt + MODULE_SIZE;
  const gdtAt = alignUp(mapAt + map.length * MEMMAP_ENTRY_SIZE, 16);
  const cmdlineAt = gdtAt + GDT_SIZE;
  const low = plan.placeLow(cmdlineAt + cmdline.length, PAGE, BOOT_DATA_MIN, "boot data");
  const initrd = placeInitrd(plan, input.initrds, 0x7fffffff);

  const base = low.start;
  const w = new StructWriter(cmdlineAt + cmdline.length);
  w.u32(0, HVM_START_MAGIC)
    .u32(4, 1) // version
    .u32(12, initrd === null ? 0 : 1)
    .u64(16, initrd === null ? 0 : base + modulesAt)
    .u64(24, base + cmdlineAt)
    .u64(32, memory.firmware?.rsdp ?? 0)
    .u64(40, base + mapAt)
    .u32(48, map.length);
  if (initrd !== null) w.u64(modulesAt, initrd.address).u64(modulesAt + 8, initrd.size);
  map.forEach((e, i) => {
    const at = mapAt + i * MEMMAP_ENTRY_SIZE;
    w.u64(at, e.start).u64(at + 8, e.size).u32(at + 16, e.type);
  });
  w.copy(cmdlineAt, cmdline);
  memory.write(base, w.bytes);
  return protectedModeEntry(plan, "pvh", base + gdtAt, entry, { rbx: base });
}
