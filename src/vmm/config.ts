/** What a machine is made of, and what it reports. Shared by the CLI, the worker and the page. */

export interface KernelImages {
  /** bzImage, ELF vmlinux (PVH note or 64-bit boot protocol) or Multiboot 1 ELF: told apart by content. */
  /** Null: the machine starts in its firmware, which looks for something to boot. */
  readonly kernel: Uint8Array | null;
  /** What an own firmware is instead of ours. Without a kernel only. */
  readonly firmware?: Uint8Array;
  /** The VGA's option ROM for a firmware that brings no video BIOS of its own, as SeaBIOS: it gets it through fw_cfg. */
  readonly videoRom?: Uint8Array;
  /** Concatenated initramfs archives; for Multiboot, each is a module. */
  readonly initrds: readonly Uint8Array[];
  readonly cmdline: string;
}

export interface MachineConfig {
  /** Guest RAM in MiB. */
  readonly memoryMib: number;
  /** QEMU's notation: `NAME[,+flag][,-flag]`, e.g. `x86-64-v2,-sse4.2`. */
  readonly cpu: string;
  readonly boot: KernelImages;
  /** Guest time as a function of retired instructions instead of the wall clock. */
  readonly deterministic: boolean;
  /** isa-debug-exit port, or null. */
  readonly debugExit: { readonly iobase: number; readonly iosize: number } | null;
  /** Seconds since 1970 that the RTC starts from. Recorded input. */
  readonly epochSeconds: number;
  /** A guest reset (ports 0x92, 0xCF9, keyboard controller) ends the machine instead of restarting it. A triple fault always does. */
  readonly noReboot: boolean;
  /** QEMU's `-vga`: the display adapter. Default `std`. */
  readonly vga?: "std" | "none";
  /** UARTs that are fitted, from COM1 on: 1 (the default) to 4. */
  readonly serialPorts?: number;
  /** Which tiers run the guest: "0" the interpreter alone, "1" compiled code at once, "auto" (the default) what is hot. */
  readonly tier?: "0" | "1" | "auto";
}

/** RAM above this leaves no room under 4 GiB for devices and our own tables. */
export const MAX_MEMORY_MIB = 3072;
export const MIN_MEMORY_MIB = 2;
export const DEFAULT_MEMORY_MIB = 256;

/** A web worker's name when it is to compile regions instead of running a machine. */
export const COMPILER_NAME = "tabvisor-compiler";

/** 2026-01-01 UTC: the date that deterministic machines start at. */
export const DETERMINISTIC_EPOCH_SECONDS = 1_767_225_600;

export type MachineState = "off" | "running" | "paused" | "stopped";

export type StopKind = "power-off" | "reset" | "triple-fault" | "debug-exit" | "halted-forever" | "kernel-panic" | "error";

/** Why a machine ended, in a form fit for a person. */
export interface StopReport {
  readonly kind: StopKind;
  /** One clear line. */
  readonly message: string;
  /** isa-debug-exit: (value << 1) | 1. Otherwise 0 for a clean end, 1 for a bad one. */
  readonly exitCode: number;
  /** Registers as text lines, QEMU's `info registers` layout. Empty when there is nothing to see. */
  readonly registers: readonly string[];
  /** The last instructions, oldest first, `address: bytes  disassembly`. */
  readonly disassembly: readonly string[];
}

export interface MachineStatus {
  readonly state: MachineState;
  /** Integer ns. */
  readonly guestTimeNs: number;
  readonly instructions: number;
  /** Over the last status interval. */
  readonly instructionsPerSecond: number;
  readonly memoryMib: number;
  /** True while the guest sleeps in HLT. */
  readonly idle: boolean;
  /** What the machine's thread was busy over the last status interval, 0 to 1 of one core. */
  readonly load: number;
  /** null: tier 0 alone. */
  readonly tiers: TierStatus | null;
  /** The run is being written down. */
  readonly recording?: boolean;
  /** A replay: instructions done of how many, over all resets. */
  readonly replay?: { readonly instructions: number; readonly of: number };
}

/** Tier 1 at a glance. */
export interface TierStatus {
  /** Of the instructions of the last status interval, 0 to 1; null where there were none. */
  readonly share: number | null;
  /** Installed. */
  readonly regions: number;
  /** Waiting to be compiled. */
  readonly queue: number;
}

/** Tier 1 in numbers. */
export interface Tier1Stats {
  /** Installed now; compiled, invalidated by writes to their code, and evicted for room, ever; entry points that no region fits. */
  readonly regions: number;
  readonly compiled: number;
  readonly invalidated: number;
  readonly evicted: number;
  readonly refused: number;
  readonly modules: number;
  /** Waiting to be compiled. */
  readonly queue: number;
  /** Bytes of WebAssembly code installed. */
  readonly wasmBytes: number;
  /** Host ms spent on forming regions and emitting code, on the CPU's own thread. */
  readonly buildMs: number;
  /** Those entered most. `compileMs` is of all threads, without what the host optimises later. */
  readonly hottest: readonly {
    readonly address: string; readonly symbol?: string; readonly entries: number; readonly instructions: number; readonly wasmBytes: number; readonly compileMs: number;
  }[];
}

/** `--stats`. */
export interface MachineStats {
  readonly instructions: number;
  readonly instructionsByTier: { readonly tier0: number; readonly tier1: number };
  readonly seconds: number;
  readonly mips: number;
  readonly decodeMisses: number;
  readonly tlbMisses: number;
  readonly exitsByReason: Readonly<Record<string, number>>;
  readonly unimplemented: Readonly<Record<string, number>>;
  /** null with tier 0 alone. */
  readonly tier1: Tier1Stats | null;
  /** Bytes. */
  readonly peakMemory: number;
}

/** What the guest has made of keyboard and mouse. */
export interface InputState {
  /** Bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  readonly leds: number;
  /** It listens to the mouse. */
  readonly mouse: boolean;
}
