/** Loads a kernel of any supported format into guest RAM and says how the CPU starts. Formats are told apart by content. */
import { UserError } from "../../base/errors.ts";
import type { KernelImages } from "../config.ts";
import { type BootScreen, hasSetupHeader } from "./bootParams.ts";
import { MIB, hex } from "./bytes.ts";
import { isElf, parseElf } from "./elf.ts";
import type { BootEntry } from "./entry.ts";
import { hasLinuxEntry, loadBzImage, loadLinuxElf, loadPvh, pvhEntry } from "./linux.ts";
import { findMultibootHeader, loadMultiboot } from "./multiboot.ts";
import type { BootMemory } from "./plan.ts";

export type { BootEntry, LongModeEntry, ProtectedModeEntry, GprName, SegmentLoad } from "./entry.ts";
export type { BootMemory } from "./plan.ts";

/** Images with a kernel among them. */
export type LoadedImages = KernelImages & { readonly kernel: Uint8Array };

export interface LoadOptions {
  /** `auto` takes the 64-bit Linux protocol before PVH; `pvh` insists on PVH. */
  readonly protocol?: "auto" | "pvh";
  /** Multiboot: the first word of the command line, by convention the kernel's file name. */
  readonly kernelName?: string;
  /** Multiboot: each module's string, `file arguments`, in the order of `initrds`. */
  readonly moduleStrings?: readonly string[];
  /** Null: there is no display. Default: VGA text. */
  readonly screen?: BootScreen | null;
}

/** Nothing that boots is larger; a disk image given by mistake is. */
const KERNEL_MAX = 1024 * MIB;

/** Throws UserError, and nothing else, for whatever is wrong with the images. */
export function loadKernel(images: LoadedImages, memory: BootMemory, options: LoadOptions = {}): BootEntry {
  const kernel = images.kernel;
  if (kernel.length === 0) throw new UserError("kernel: the file is empty");
  if (kernel.length > KERNEL_MAX) throw new UserError(`kernel: the file has ${Math.ceil(kernel.length / MIB)} MiB, at most ${KERNEL_MAX / MIB} are taken`);
  const pvhOnly = options.protocol === "pvh";

  if (hasSetupHeader(kernel) && !isElf(kernel)) {
    if (pvhOnly) throw new UserError("kernel: PVH was asked for, but a bzImage has no PVH entry point: extract the ELF file");
    return loadBzImage(kernel, images, memory, options.screen);
  }
  const multiboot = pvhOnly ? null : findMultibootHeader(kernel);
  if (multiboot !== null) {
    const modules = images.initrds.map((bytes, i) => ({ bytes, string: options.moduleStrings?.[i] ?? `module${i}` }));
    const name = options.kernelName ?? "kernel";
    const cmdline = images.cmdline === "" ? name : `${name} ${images.cmdline}`;
    return loadMultiboot(multiboot, kernel, modules, cmdline, memory);
  }
  if (isElf(kernel)) {
    const elf = parseElf(kernel);
    // A physical entry point is startup_64 or startup_32; a kernel with a virtual one expects its own boot loader, so PVH goes first.
    if (pvhOnly || (pvhEntry(elf) !== null && !hasLinuxEntry(elf))) return loadPvh(elf, kernel, images, memory);
    return loadLinuxElf(elf, kernel, images, memory, options.screen);
  }
  throw new UserError(`kernel: ${describeUnknown(kernel)}`);
}

const START = "expected a Linux bzImage, an ELF vmlinux or a Multiboot 1 kernel";

function describeUnknown(bytes: Uint8Array): string {
  const starts = (...magic: number[]): boolean => magic.every((b, i) => bytes[i] === b);
  if (starts(0x1f, 0x8b)) return "the file is gzip-compressed: decompress it first";
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return "the file is xz-compressed: decompress it first";
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "the file is zstd-compressed: decompress it first";
  if (starts(0x02, 0x21, 0x4c, 0x18) || starts(0x04, 0x22, 0x4d, 0x18)) return "the file is lz4-compressed: decompress it first";
  if (starts(0x30, 0x37, 0x30, 0x37, 0x30)) return "the file is a cpio archive: give it as an initrd";
  if (starts(0x21, 0x3c, 0x61, 0x72, 0x63, 0x68, 0x3e)) return "the file is an ar archive (a .deb package?): unpack it first";
  if (starts(0x4d, 0x5a)) return `the file is a Windows or EFI program without a Linux setup header: ${START}`;
  const head = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  return `not in a known format (it starts with ${head}, ${hex(bytes.length)} bytes): ${START}`;
}
