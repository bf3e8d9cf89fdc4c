/** Linux's `struct boot_params`, the "zero page" (Documentation/arch/x86/boot.rst and zero-page.rst). */
import { UserError } from "../../base/errors.ts";
import { ImageReader, StructWriter, hex } from "./bytes.ts";
import { memoryMap, type BootMemory } from "./plan.ts";
import type { VideoMode } from "./video-mode.ts";

export const BOOT_PARAMS_SIZE = 0x1000;

/** Setup header fields: offsets in a bzImage and in boot_params alike. */
const HDR = {
  setupSects: 0x1f1,
  rootFlags: 0x1f2,
  syssize: 0x1f4,
  vidMode: 0x1fa,
  bootFlag: 0x1fe,
  jump: 0x200,
  magic: 0x202,
  version: 0x206,
  typeOfLoader: 0x210,
  loadFlags: 0x211,
  code32Start: 0x214,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  cmdLinePtr: 0x228,
  initrdAddrMax: 0x22c,
  kernelAlignment: 0x230,
  relocatable: 0x234,
  minAlignment: 0x235,
  xloadFlags: 0x236,
  cmdlineSize: 0x238,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
  setupData: 0x250,
  prefAddress: 0x258,
  initSize: 0x260,
} as const;

const HDR_START = HDR.setupSects;
/** The header may not reach into the area that follows it in boot_params. */
const HDR_END_MAX = 0x290;
const MAGIC_HDRS = 0x53726448;
const BOOT_FLAG = 0xaa55;
const LOADED_HIGH = 0x01;
const XLF_KERNEL_64 = 0x1;
const TYPE_UNDEFINED_LOADER = 0xff;
const VIDEO_NORMAL = 0xffff;
const VERSION_MIN = 0x206;

/** What a loader needs from a kernel's setup header. */
export interface SetupHeader {
  readonly version: number;
  /** The header's own bytes, from 0x1F1 on. */
  readonly bytes: Uint8Array;
  /** Where the protected-mode part begins in the file. */
  readonly protectedOffset: number;
  readonly protectedSize: number;
  /** Where the protected-mode part is loaded. */
  readonly loadAddress: number;
  /** Memory the kernel needs from there until it has set itself up. */
  readonly initSize: number;
  readonly has64BitEntry: boolean;
  readonly initrdAddrMax: number;
  /** Bytes without the NUL. */
  readonly cmdlineMax: number;
  readonly payload: { readonly offset: number; readonly length: number } | null;
}

export function hasSetupHeader(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 0x206 && bytes[0x202] === 0x48 && bytes[0x203] === 0x64 && bytes[0x204] === 0x72 && bytes[0x205] === 0x53
  );
}

/** Parses and checks a bzImage's setup header. */
export function parseSetupHeader(image: Uint8Array): SetupHeader {
  const r = new ImageReader(image, "kernel");
  if (r.u32(HDR.magic) !== MAGIC_HDRS) throw new UserError("kernel: not a bzImage: the magic HdrS is missing");
  if (r.u16(HDR.bootFlag) !== BOOT_FLAG) throw new UserError("kernel: not a bzImage: the boot flag 0xAA55 is missing");
  const version = r.u16(HDR.version);
  if (version < VERSION_MIN) {
    throw new UserError(`kernel: Linux boot protocol ${version >> 8}.${String(version & 0xff).padStart(2, "0")} is older than 2.06`);
  }
  if ((r.u8(HDR.loadFlags) & LOADED_HIGH) === 0) throw new UserError("kernel: a zImage, which loads below 1 MiB, is not supported: build a bzImage");

  const protectedOffset = ((r.u8(HDR.setupSects) || 4) + 1) * 512;
  const protectedSize = r.u32(HDR.syssize) * 16;
  // syssize is in 16-byte units: the last one may be short.
  if (protectedSize === 0 || protectedOffset + protectedSize - 15 > image.length) {
    throw new UserError(`kernel: the bzImage is truncated: ${image.length} bytes of ${protectedOffset + protectedSize}`);
  }
  const headerEnd = Math.min(HDR.magic + r.u8(HDR.jump + 1), HDR_END_MAX);
  if (headerEnd < 0x240) throw new UserError(`kernel: the setup header ends at ${hex(headerEnd)}, too early for boot protocol ${hex(version)}`);

  const hasPreferred = version >= 0x20a && headerEnd >= HDR.initSize + 4;
  const code32Start = r.u32(HDR.code32Start);
  const payloadLength = version >= 0x208 && headerEnd >= HDR.payloadLength + 4 ? r.u32(HDR.payloadLength) : 0;
  const relocatable = r.u8(HDR.relocatable) !== 0;
  return {
    version,
    bytes: r.slice(HDR_START, headerEnd - HDR_START),
    protectedOffset,
    protectedSize: Math.min(protectedSize, image.length - protectedOffset),
    loadAddress: hasPreferred && relocatable ? r.u64(HDR.prefAddress) : code32Start,
    initSize: hasPreferred ? r.u32(HDR.initSize) : protectedSize,
    has64BitEntry: version >= 0x20c && (r.u16(HDR.xloadFlags) & XLF_KERNEL_64) !== 0,
    initrdAddrMax: r.u32(HDR.initrdAddrMax),
    cmdlineMax: r.u32(HDR.cmdlineSize),
    payload: payloadLength === 0 ? null : { offset: protectedOffset + r.u32(HDR.payloadOffset), length: payloadLength },
  };
}

/** Linux's COMMAND_LINE_SIZE on x86, without the NUL. */
const CMDLINE_MAX = 2047;
const KERNEL_ALIGNMENT = 0x200000;

/** The header of a kernel that comes without one: what a current kernel's own would say. */
export function syntheticSetupHeader(loadAddress: number, initSize: number, has64BitEntry: boolean): SetupHeader {
  const w = new StructWriter(0x26c);
  w.u8(HDR.setupSects, 4)
    .u16(HDR.rootFlags, 1)
    .u16(HDR.bootFlag, BOOT_FLAG)
    .u16(HDR.jump, 0x6aeb)
    .u32(HDR.magic, MAGIC_HDRS)
    .u16(HDR.version, 0x20f)
    .u8(HDR.loadFlags, LOADED_HIGH)
    .u32(HDR.code32Start, loadAddress)
    .u32(HDR.initrdAddrMax, 0x7fffffff)
    .u32(HDR.kernelAlignment, KERNEL_ALIGNMENT)
    .u8(HDR.minAlignment, 21)
    .u16(HDR.xloadFlags, has64BitEntry ? XLF_KERNEL_64 : 0)
    .u32(HDR.cmdlineSize, CMDLINE_MAX)
    .u64(HDR.prefAddress, loadAddress)
    .u32(HDR.initSize, initSize);
  return {
    version: 0x20f,
    bytes: w.bytes.subarray(HDR_START),
    protectedOffset: 0,
    protectedSize: 0,
    loadAddress,
    initSize,
    has64BitEntry,
    initrdAddrMax: 0x7fffffff,
    cmdlineMax: CMDLINE_MAX,
    payload: null,
  };
}

export interface BootParamsInput {
  readonly header: SetupHeader;
  readonly memory: BootMemory;
  /** Physical address of the NUL-terminated command line. */
  readonly cmdline: number;
  /** Null: none. */
  readonly initrd: { readonly address: number; readonly size: number } | null;
  /** Null: no display. */
  readonly screen: BootScreen | null;
}

/** What the display shows when the kernel starts: text of 80 by 25, or a linear framebuffer. */
export type BootScreen =
  | { readonly kind: "text" }
  | { readonly kind: "linear"; readonly mode: VideoMode; readonly base: number; readonly memoryBytes: number };

/** screen_info.orig_video_isVGA. */
const VIDEO_TYPE_VGA = 1;
const VIDEO_TYPE_LINEAR = 0x23;

/** Size and position of red, green, blue and the rest in a pixel. */
const CHANNELS: Readonly<Record<number, readonly number[]>> = {
  8: [8, 0, 8, 0, 8, 0, 0, 0], 15: [5, 10, 5, 5, 5, 0, 1, 15], 16: [5, 11, 6, 5, 5, 0, 0, 0], 24: [8, 16, 8, 8, 8, 0, 0, 0], 32: [8, 16, 8, 8, 8, 0, 8, 24],
};

/** include/uapi/linux/screen_info.h. With no display the kernel takes a dummy console. */
function writeScreenInfo(w: StructWriter, screen: BootScreen | null): void {
  if (screen === null) return;
  w.u8(0x06, 3) // video mode
    .u8(0x07, 80)
    .u16(0x0a, 3) // EGA BX: 256 KiB of video memory
    .u8(0x0e, 25)
    .u8(0x0f, VIDEO_TYPE_VGA)
    .u16(0x10, 16); // points of a character
  if (screen.kind === "text") return;
  const { mode: { width, height, depth }, base, memoryBytes } = screen;
  w.u8(0x0f, VIDEO_TYPE_LINEAR)
    .u16(0x12, width)
    .u16(0x14, height)
    .u16(0x16, depth)
    .u32(0x18, base)
    .u32(0x1c, memoryBytes / 0x10000)
    .u16(0x24, width * ((depth + 7) >> 3))
    .copy(0x26, Uint8Array.from(CHANNELS[depth]))
    .u16(0x32, 1) // pages
    .u16(0x34, 0x9b); // VBE mode attributes: supported, colour, graphics, linear framebuffer
}

const ACPI_RSDP_ADDR = 0x070;
const E820_COUNT = 0x1e8;
const E820_TABLE = 0x2d0;

export function buildBootParams(input: BootParamsInput): Uint8Array {
  const w = new StructWriter(BOOT_PARAMS_SIZE);

  w.u16(0x02, 0); // memory above 1 MiB in KiB, as INT 15h/88h: unused where an e820 map is given
  writeScreenInfo(w, input.screen);

  w.copy(HDR_START, input.header.bytes);
  w.u16(HDR.vidMode, VIDEO_NORMAL)
    .u8(HDR.typeOfLoader, TYPE_UNDEFINED_LOADER)
    .u32(HDR.code32Start, input.header.loadAddress)
    .u32(HDR.cmdLinePtr, input.cmdline)
    .u32(HDR.ramdiskImage, input.initrd?.address ?? 0)
    .u32(HDR.ramdiskSize, input.initrd?.size ?? 0);
  // No list of setup_data: a header that brings an address of its own would send the kernel there.
  if (input.header.version >= 0x209) w.u64(HDR.setupData, 0);

  if (input.memory.firmware !== undefined) w.u64(ACPI_RSDP_ADDR, input.memory.firmware.rsdp);
  const map = memoryMap(input.memory);
  w.u32(0x1e0, (input.memory.size - 0x100000) / 1024); // alt_mem_k
  w.u8(E820_COUNT, map.length);
  map.forEach((e, i) => {
    w.u64(E820_TABLE + i * 20, e.start)
      .u64(E820_TABLE + i * 20 + 8, e.size)
      .u32(E820_TABLE + i * 20 + 16, e.type);
  });
  return w.bytes;
}
