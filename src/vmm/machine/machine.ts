/** A whole PC: wired here and nowhere else. Synchronous and host-agnostic: front ends call `run` and lend it time. */
import type { Scheduler } from "../../base/clock.ts";
import { InternalError, UserError } from "../../base/errors.ts";
import { restoreSections, saveSection, type Persistent, type StateSection } from "../../base/persist.ts";
import { CpuModel, PHYSICAL_BITS, crystalKhz } from "../../cpu/helpers/index.ts";
import type { IoWidth } from "../../cpu/env.ts";
import { RAM_BASE } from "../../cpu/layout.ts";
import { PAGE_ACCESS } from "../../cpu/mmu/physical.ts";
import type { RegionCheck } from "../../jit/region/compile.ts";
import type { RegionCompiler } from "../../jit/region/compiler.ts";
import { Vcpu } from "../../jit/vcpu.ts";
import { installAcpi } from "../acpi/install.ts";
import { loadKernel, type LoadOptions } from "../boot/load.ts";
import { MAX_MEMORY_MIB, MIN_MEMORY_MIB, type KernelImages, type MachineConfig, type MachineStats, type StopKind, type StopReport, type Tier1Stats } from "../config.ts";
import type { BootScreen } from "../boot/bootParams.ts";
import { videoModeOf } from "../boot/video-mode.ts";
import type { DisplaySink } from "../../devices/vga/screen.ts";
import { VRAM_BYTES } from "../../devices/vga/video-memory.ts";
import { apicPort } from "./apic-port.ts";
import { Board } from "./board.ts";
import { fitCards, type DeviceSet, type FittedCards } from "./fitting.ts";
import { GuestClock, TSC_KHZ } from "./clock.ts";
import { ConsoleWatch } from "./console-watch.ts";
import { Completions, deferred } from "./completions.ts";
import { Door, type MachineInput, type Position, type Tape } from "./door.ts";
import { Entropy, KEY_BYTES } from "./entropy.ts";
import { dmaMemory, guestMemory } from "./guest-memory.ts";
import { disassembleAround, registerDump } from "./inspect.ts";
import { machineMemory, MIB } from "./memory.ts";
import { PHYSICAL } from "./memory-map.ts";
import type { AcpiTables } from "../boot/acpi-loader.ts";
import type { BootDevice, Drive } from "../drives.ts";
import { providedFirmware } from "../boot/provided.ts";
import { startAt } from "./start.ts";
import { stateHash } from "./state-hash.ts";
import { MappedVideoMemory, VIDEO_BYTES } from "./video-memory.ts";

/** What a machine needs of its host. */
export interface MachineHost {
  /** A byte from a serial port; 0 is COM1. */
  serial(byte: number, port: number): void;
  /** A byte from port 0xE9. */
  debug(byte: number): void;
  /** Monotonic host time in ns; may be coarse. */
  hostNs(): number;
  /** Random bytes: the key of a real-time machine's entropy. */
  entropy(bytes: Uint8Array): void;
  /** A late completion has arrived: a sleeping machine is to be run. */
  wake?(): void;
}

export interface MachineOptions extends LoadOptions {
  /** That of a machine of the same RAM size which is no more: a reset needs no second one. */
  readonly memory?: WebAssembly.Memory;
  /** Disks; a reset gives them to the next machine. */
  readonly drives?: readonly Drive[];
  /** What firmware tries, in order. */
  readonly bootOrder?: readonly BootDevice[];
  /** Firmware offers a menu. */
  readonly bootMenu?: boolean;
  /** ACPI tables that firmware gets through fw_cfg instead of the machine's own. */
  readonly acpi?: AcpiTables;
  /** Counts executions by instruction form, slowly (tools/profile-forms.ts). */
  readonly profile?: "forms" | "pairs" | null;
  /** Where regions are compiled: on the machine's own thread by default. */
  readonly compiler?: RegionCompiler;
  /** Sees the IR of each region (tests), or keeps what dumps need. */
  readonly validateRegions?: RegionCheck;
  readonly keepRegions?: boolean;
  /** Disks, shared folders and other cards. */
  readonly devices?: DeviceSet;
  /** Goes on from a snapshot in place of booting: gives the machine its state. `memory` has to be a new one then, or holds what it shall hold. */
  readonly restore?: (machine: Machine) => void;
  /** Whoever writes this run down, or what was written down. */
  readonly tape?: Tape | null;
}

/** What `run` says. */
export type RunOutcome =
  | { readonly kind: "more" }
  /**
   * Halted: nothing to do for `ns` (null: until input comes). In deterministic mode guest time has moved on by `ns` already,
   * and whoever wants time to look real lets so much of it pass on the host before the next `run`.
   */
  | { readonly kind: "idle"; readonly ns: number | null }
  /** A debugger's stop was hit: `vcpu.debug.cause` says which. */
  | { readonly kind: "debug" }
  /** The guest (or the user, in a replay) reset the machine: the owner builds a new one from the same configuration. */
  | { readonly kind: "reset" }
  /** A replay has come to where the recorded run was ended from outside, or to the log's end. */
  | { readonly kind: "replayed" }
  | { readonly kind: "stopped"; readonly report: StopReport };

/** Instructions between looks at the host clock: at least, and where they take no longer than SLICE_NS at most. Each look unwinds the compiled code that is open. */
const SLICE = 100_000;
const LONG_SLICE = 400_000;
const SLICE_NS = 1e6;
/**
 * Loops that wait by asking a device or the clock: inside a slice time passes at most a nanosecond for an instruction, so that a wait of 20 µs would
 * last until the slice's end. Each sixteenth question looks at the host's clock, and ends a slice that is so old.
 */
const QUESTIONS = 16;
const ASKING_SLICE_NS = 40_000;
/**
 * A kernel that asks so often does nothing else: its clock skips some of the wait, more each time. The host's catches up later, while the guest works or sleeps
 * (docs/RATIONALE.md, "A kernel's waits are skipped"). Programs measure what they do by such questions, so that theirs skip nothing.
 */
const WAITING_INSTRUCTIONS = 60 * QUESTIONS;
const LEAST_SKIP_NS = 5_000;
const MOST_SKIP_NS = 40_000;
const MOST_LEAD_NS = 500e6;

export class Machine {
  readonly vcpu: Vcpu;
  readonly board: Board;
  readonly clock: GuestClock;
  readonly video: MappedVideoMemory | null;
  /** Answers of backends that come after the call: delivered between slices. */
  readonly completions: Completions;
  private readonly door: Door;
  private readonly entropy: Entropy;
  private cards: FittedCards | null = null;
  private stop: StopReport | null = null;
  private resetRequested = false;
  private readonly started: number;
  private busyNs = 0;
  private readonly console = new ConsoleWatch();

  private readonly model: CpuModel;

  /** Without the images: they are large, and only needed once. */
  readonly config: Omit<MachineConfig, "boot">;

  /** Throws UserError for whatever is wrong with the configuration or the images. */
  constructor(
    config: MachineConfig,
    private readonly host: MachineHost,
    private readonly options: MachineOptions = {},
  ) {
    const { boot, ...rest } = config;
    this.hasFirmware = boot.kernel === null;
    this.config = rest;
    const mib = config.memoryMib;
    if (!Number.isInteger(mib) || mib < MIN_MEMORY_MIB || mib > MAX_MEMORY_MIB) {
      throw new UserError(`RAM must be a whole number of MiB from ${MIN_MEMORY_MIB} to ${MAX_MEMORY_MIB}, not ${mib}`);
    }
    const model = (this.model = new CpuModel(config.cpu));
    const hasVideo = config.vga !== "none";
    const memory = options.memory ?? machineMemory(mib, hasVideo);
    if (memory === options.memory && options.restore === undefined) new Uint8Array(memory.buffer).fill(0);
    const env = {
      apic: model.has("apic") ? apicPort(() => this.board.interrupts.apic) : null,
      tscKhz: TSC_KHZ,
      portRead: (port: number, width: IoWidth): number => {
        this.asked();
        return this.board.portRead(port, width);
      },
      portWrite: (port: number, width: IoWidth, value: number): void => this.board.portWrite(port, width, value),
      mmioRead: (paddr: number, width: IoWidth): number => {
        this.asked();
        return this.board.mmioRead(paddr, width);
      },
      mmioWrite: (paddr: number, width: IoWidth, value: number): void => this.board.mmioWrite(paddr, width, value),
      interruptPending: (): boolean => this.board.interruptPending(),
      acknowledgeInterrupt: (): number => this.board.acknowledgeInterrupt(),
      timestamp: (): bigint => {
        this.asked();
        return BigInt(this.clock.nowNs());
      },
      entropy: (bytes: Uint8Array): void => this.entropy.fill(bytes),
    };
    this.vcpu = new Vcpu({
      memory, freshMemory: options.memory === undefined, ramSize: mib * MIB, env, model, profile: options.profile ?? null, tier: config.tier ?? "auto", now: () => host.hostNs(),
      ...(options.compiler === undefined ? {} : { compiler: options.compiler }),
      validate: options.validateRegions, keepRegions: options.keepRegions ?? false,
      // The VGA window and option ROMs: not RAM on a PC. The system ROM's place is, without firmware, as where firmware has
      // shadowed itself: systems look for signatures there, a hundred thousand reads that need not leave emitted code.
      holes: [{ first: PHYSICAL.vgaWindow / 4096, end: (boot.kernel === null ? PHYSICAL.highMemory : PHYSICAL.systemRom) / 4096 }],
    });
    this.clock = new GuestClock(config.deterministic, () => this.vcpu.retiredNow, () => this.vcpu.requestStop());
    this.video = hasVideo ? new MappedVideoMemory(this.vcpu, RAM_BASE + mib * MIB, PHYSICAL.vgaWindow) : null;
    this.completions = new Completions(() => {
      this.vcpu.kick();
      host.wake?.();
    });
    this.entropy = new Entropy(this.entropyKey());
    this.door = new Door({
      deterministic: config.deterministic, clock: this.clock, completions: this.completions,
      position: () => this.position, apply: (input) => this.apply(input),
    }, options.tape ?? null);
    this.board = this.wire(boot.kernel === null ? (boot.firmware ?? providedFirmware()) : null, boot.videoRom ?? null);
    this.vcpu.cpu.x87.ferr = { waits: () => this.board.coprocessor.waits(), raised: () => this.board.coprocessor.raised() };
    if (options.restore === undefined) this.boot(boot);
    else {
      this.vcpu.reset();
      options.restore(this);
    }
    this.started = host.hostNs();
    this.clock.resume(this.started);
  }

  private questions = 0;
  /** Host ns at the present slice's start. */
  private sliceNs = 0;
  private asked(): void {
    if (++this.questions < QUESTIONS) return;
    this.questions = 0;
    if (this.config.deterministic || this.door.replaying) return;
    const now = this.host.hostNs();
    const retired = this.vcpu.retiredNow;
    const waiting = retired - this.askedAt <= WAITING_INSTRUCTIONS && this.vcpu.state.cpl === 0;
    this.askedAt = retired;
    this.skipNs = waiting ? Math.min(MOST_SKIP_NS, 2 * this.skipNs) : LEAST_SKIP_NS / 2;
    const skips = waiting && this.clock.leadNs(now) < MOST_LEAD_NS;
    if (skips) this.clock.skip(this.skipNs);
    if (skips || now - this.sliceNs >= ASKING_SLICE_NS) this.vcpu.requestStop();
  }
  /** Instructions retired at the last sixteenth question. */
  private askedAt = 0;
  private skipNs = LEAST_SKIP_NS / 2;

  /** A deterministic machine's is always the same. */
  private entropyKey(): Uint8Array {
    const key = new Uint8Array(KEY_BYTES);
    if (!this.config.deterministic) this.host.entropy(key);
    return key;
  }

  private wire(firmware: Uint8Array | null, videoRom: Uint8Array | null): Board {
    // Devices see the time of the present instruction, not of the last timer.
    const scheduler: Scheduler = { nowNs: () => this.clock.nowNs(), createTimer: (name, f) => this.clock.timers.createTimer(name, f) };
    return new Board({
      scheduler,
      epochSeconds: this.config.epochSeconds,
      memoryBytes: this.config.memoryMib * MIB,
      serialOut: { write: (byte) => this.serialByte(byte) },
      extraSerial: Array.from({ length: (this.config.serialPorts ?? 1) - 1 }, (_, i) => ({ write: (byte) => this.host.serial(byte, i + 1) })),
      debugOut: { write: (byte) => this.host.debug(byte) },
      debugExit: this.config.debugExit,
      apic: this.model.has("apic") ? {
        x2apic: this.model.has("x2apic"), tscDeadline: this.model.has("tsc-deadline"), physicalBits: PHYSICAL_BITS,
        tscHz: TSC_KHZ * 1000, crystalHz: crystalKhz(TSC_KHZ) * 1000,
      } : null,
      video: this.video,
      onPowerOff: () => this.end("power-off", "the guest has powered down", 0),
      onNmi: () => this.vcpu.nmi(),
      onReset: () => {
        this.resetRequested = true;
        this.vcpu.requestStop();
      },
      onDebugExit: (code) => this.end("debug-exit", `the guest ended the machine with code ${code}`, code),
      onA20: (enabled) => {
        this.vcpu.state.a20 = enabled;
        this.vcpu.mmu.flushAll();
      },
      onIntr: () => this.vcpu.kick(),
      fitCards: (slots) => {
        this.cards = fitCards(this.options.devices ?? {}, slots, {
          memory: guestMemory(this.vcpu.phys, this.config.memoryMib * MIB),
          entropy: { fill: (bytes) => this.entropy.fill(bytes) },
          scheduler,
          completions: this.completions,
          epochSeconds: this.config.epochSeconds,
        });
      },
      dma: dmaMemory(this.vcpu.phys),
      firmware,
      videoRom,
      drives: (this.options.drives ?? []).map((d) => ({ ...d, backend: d.backend === null ? null : deferred(d.backend, this.completions) })),
      ...(this.options.bootOrder === undefined ? {} : { bootOrder: this.options.bootOrder }),
      ...(this.options.bootMenu === undefined ? {} : { bootMenu: this.options.bootMenu }),
      ...(this.options.acpi === undefined ? {} : { acpi: this.options.acpi }),
      onShadow: (base, bytes, read, write) => this.shadow(base, bytes, (read ? PAGE_ACCESS.read : 0) | (write ? PAGE_ACCESS.write : 0)),
    });
  }

  /** The ROM area or the RAM behind it: the next instruction sees the change. */
  private shadow(base: number, bytes: number, access: number): void {
    this.vcpu.phys.setAccess(base / 4096, (base + bytes) / 4096, access);
    this.vcpu.mmu.flushAll();
    this.shadowChanged = true;
    this.vcpu.requestStop();
  }
  private shadowChanged = false;

  private serialByte(byte: number): void {
    this.host.serial(byte, 0);
    const panic = this.console.take(byte);
    if (panic !== null) this.end("kernel-panic", panic, 1);
  }

  /** Ends the machine after the present instruction. */
  private end(kind: StopKind, message: string, exitCode: number): void {
    if (this.stop !== null) return;
    this.stop = { kind, message, exitCode, registers: [], disassembly: [] };
    this.vcpu.requestStop();
  }

  private boot(images: KernelImages): void {
    const { state } = this.vcpu;
    const size = this.config.memoryMib * MIB;
    this.vcpu.reset();
    // Firmware begins at the reset vector, with the processor as it comes out of reset (SDM 3A §9.1.4).
    if (images.kernel === null) return;
    const ram = {
      size,
      write: (paddr: number, bytes: Uint8Array): void => {
        this.vcpu.phys.beforeWrites(paddr, bytes.length);
        state.u8.set(bytes, RAM_BASE + paddr);
      },
      read: (paddr: number, length: number): Uint8Array => state.u8.slice(RAM_BASE + paddr, RAM_BASE + paddr + length),
    };
    const screen = this.bootScreen(images.cmdline);
    const entry = loadKernel({ ...images, kernel: images.kernel }, { ...ram, firmware: installAcpi(this.board.acpiInput(), ram) }, { ...this.options, screen });
    if (entry.mode === "long" && !this.vcpu.options.model.has("lm")) {
      throw new UserError(`kernel: it is a 64-bit one, and CPU model ${this.config.cpu} has no 64-bit mode`);
    }
    startAt(state, entry);
  }

  /** Sets the mode that `vga=` asks for, as a boot loader does. */
  private bootScreen(cmdline: string): BootScreen | null {
    const { vga, framebufferBase } = this.board;
    if (vga === null) return null;
    const mode = videoModeOf(cmdline);
    if (mode === null || framebufferBase === null) return { kind: "text" };
    if (!vga.setLinearMode(mode.width, mode.height, mode.depth)) {
      throw new UserError(`vga=: the display has no mode of ${mode.width}x${mode.height} with ${mode.depth} bits`);
    }
    return { kind: "linear", mode, base: framebufferBase, memoryBytes: VRAM_BYTES };
  }

  /** It began in its firmware. */
  readonly hasFirmware: boolean;

  /** Gives the sink what has changed on the screen since the last call; false if nothing has. Between runs. */
  present(sink: DisplaySink): boolean {
    return this.board.vga?.present(sink) ?? false;
  }

  /** For a sink that knows nothing yet: the next `present` gives all. */
  presentAll(): void {
    this.board.vga?.touch();
  }

  /** What a user does: it takes effect with the next `run`. A machine that replays a log ignores it. */
  input(input: MachineInput): void {
    // Not what a page says by itself: pointers, keys that are let go, reports of terminals (they begin with ESC).
    if ((input.kind === "serial" && input.bytes[0] !== 0x1b) || (input.kind === "key" && input.pressed)) this.vcpu.started();
    this.door.add(input);
  }

  private apply(input: MachineInput): void {
    const { board } = this;
    switch (input.kind) {
      case "serial":
        board.serialInput(input.bytes, input.port);
        break;
      case "key":
        if (input.code === null) board.keyboard.releaseAll();
        else board.keyboard.key(input.code, input.pressed);
        break;
      case "mouse":
        board.mouse.move(input.input);
        break;
      case "power-button":
        board.pressPowerButton();
        break;
      case "reseed":
        this.entropy.reseed(input.key);
        break;
      case "flush":
        this.vcpu.mmu.flushAll();
    }
  }

  /** Bytes typed at a serial port; nobody hears them at one that is not fitted. */
  serialInput(bytes: Uint8Array, port = 0): void {
    if (port < (this.config.serialPorts ?? 1)) this.input({ kind: "serial", port, bytes });
  }

  /** The power button: a guest that listens (ACPI) shuts down. False: it does not listen now. */
  pressPowerButton(): boolean {
    this.input({ kind: "power-button" });
    return this.board.powerButtonEnabled;
  }

  /** How far the machine has come since its power-on. */
  get position(): Position {
    return { instructions: this.vcpu.retiredNow, deliveries: this.vcpu.deliveries + this.clock.timers.fired, ns: this.clock.nowNs() };
  }

  /** Between runs: from here on the run is written down, or not any more. */
  set tape(tape: Tape | null) {
    this.door.tape = tape;
  }

  /** The host slept or the machine was paused: that time is not the guest's. */
  resume(): void {
    this.clock.resume(this.host.hostNs());
  }

  /** Runs for about `hostMs` milliseconds, or `instructions` when given (then it stops exactly there). */
  run(hostMs: number, instructions = Infinity): RunOutcome {
    const from = this.host.hostNs();
    const deadline = from + hostMs * 1e6;
    const last = this.vcpu.retired + instructions;
    let now = from;
    try {
      for (;;) {
        if (this.stop !== null) return this.stopped();
        const passage = this.door.pass(now, this.nsEach);
        if (passage === "wait") return { kind: "idle", ns: null };
        if (passage !== "run") return { kind: passage };
        const before = this.vcpu.retired;
        this.sliceNs = now;
        const budget = Math.min(this.sliceLength(), last - before);
        const why = budget > 0 ? this.vcpu.run(budget) : "budget";
        if (this.resetRequested) return this.onReset();
        if (this.shadowChanged) {
          // Decoded instructions are of what stood there before.
          this.shadowChanged = false;
          this.vcpu.cache.flush();
        }
        if (why === "triple-fault") {
          this.end("triple-fault", `triple fault at 0x${this.vcpu.state.rip.toString(16)}`, 1);
          continue;
        }
        if (this.vcpu.debug.cause !== null) return { kind: "debug" };
        if (why === "halted") {
          const idle = this.idle();
          if (idle !== null) return idle;
        }
        if (this.vcpu.retired >= last) return this.stop === null ? { kind: "more" } : this.stopped();
        const then = now;
        now = this.host.hostNs();
        this.measure(now - then, this.vcpu.retired - before);
        if (now >= deadline) return { kind: "more" };
      }
    } catch (e) {
      if (e instanceof UserError) throw e;
      const text = e instanceof Error ? `${e.name}: ${e.message}` : String(e);
      throw new InternalError(`the emulator failed at 0x${this.vcpu.state.rip.toString(16)}: ${text}`, { cause: e });
    } finally {
      this.vcpu.regions?.flush();
      this.busyNs += this.host.hostNs() - from;
    }
  }

  private sliceLength(): number {
    if (!this.door.replaying) {
      const most = this.config.deterministic ? SLICE : Math.round(Math.min(LONG_SLICE, Math.max(SLICE, SLICE_NS / this.nsEach)));
      return this.clock.instructionsToDeadline(most, this.nsEach);
    }
    const { instructions, deliveries } = this.door.limits();
    this.vcpu.deliveryLimit = deliveries;
    // A recorded real-time run says itself when its timers fired.
    return Math.min(instructions, this.config.deterministic ? this.clock.instructionsToDeadline(SLICE, this.nsEach) : SLICE);
  }

  /** Host ns that an instruction has taken lately: thousands for port I/O, less than one in a loop. Host clocks may be coarse. */
  private nsEach = 1;
  private measure(ns: number, instructions: number): void {
    if (instructions > 0) this.nsEach += (Math.min(10_000, ns / instructions) - this.nsEach) / 8;
  }

  /** A halted CPU: what to wait for. Null: time has moved on and it may run. */
  private idle(): RunOutcome | null {
    if (this.stop !== null) return this.stopped();
    if (!this.vcpu.state.interruptsEnabled) {
      const off = this.console.sawPowerDown;
      this.end(off ? "power-off" : "halted-forever", off ? "the guest has powered down" : "the CPU halted with interrupts disabled: nothing can wake it", off ? 0 : 1);
      return this.stopped();
    }
    if (this.config.deterministic) {
      const skipped = this.clock.skipToDeadline();
      if (skipped !== null) this.clock.fire();
      if (!this.door.replaying) return { kind: "idle", ns: skipped };
    }
    if (this.door.replaying) {
      this.door.halted();
      return null;
    }
    this.door.idle(this.host.hostNs(), this.nsEach);
    if (this.board.interruptPending() || this.completions.pending) return null;
    return { kind: "idle", ns: this.clock.nsToDeadline() };
  }

  private onReset(): RunOutcome {
    if (!this.config.noReboot) return { kind: "reset" };
    this.end("reset", "the guest reset the machine", 0);
    return this.stopped();
  }

  private stopped(): RunOutcome {
    const s = this.stop ?? { kind: "error" as const, message: "stopped", exitCode: 1, registers: [], disassembly: [] };
    const report: StopReport = { ...s, registers: registerDump(this.vcpu.state), disassembly: disassembleAround(this.vcpu) };
    return { kind: "stopped", report };
  }

  /** Its end: cards give back what they hold of the host (open files). */
  close(): void {
    this.board.reset();
  }

  /** For the machine that follows this one. */
  get memory(): WebAssembly.Memory {
    return this.vcpu.options.memory;
  }

  /** Guest time in integer ns. */
  get guestTimeNs(): number {
    return this.clock.nowNs();
  }

  get idleNow(): boolean {
    return this.vcpu.state.halted;
  }

  /** `nameOf` an address, or "". */
  stats(peakMemory: number, nameOf: (address: bigint) => string = () => ""): MachineStats {
    const seconds = this.busyNs / 1e9;
    const n = this.vcpu.retired;
    return {
      instructions: n,
      instructionsByTier: { tier0: n - this.vcpu.retiredInRegions, tier1: this.vcpu.retiredInRegions },
      seconds,
      mips: seconds > 0 ? n / seconds / 1e6 : 0,
      decodeMisses: this.vcpu.cache.misses,
      tlbMisses: this.vcpu.mmu.tlbMisses,
      exitsByReason: this.vcpu.exitsByReason(),
      unimplemented: { ...this.vcpu.counters.unimplemented },
      tier1: this.tier1Stats(nameOf),
      peakMemory,
    };
  }

  private tier1Stats(nameOf: (address: bigint) => string): Tier1Stats | null {
    const { regions } = this.vcpu;
    if (regions === null) return null;
    const { buildNs, ...counts } = regions.stats;
    const hottest = regions.regions().slice(0, HOTTEST).map(({ address, compileNs, ...r }) => {
      const symbol = nameOf(address);
      return { address: `0x${address.toString(16)}`, ...(symbol === "" ? {} : { symbol }), ...r, compileMs: Math.round(compileNs / 1e4) / 100 };
    });
    return { ...counts, buildMs: Math.round(buildNs / 1e6), hottest };
  }

  // --- State ---------------------------------------------------------------------------------------------------------

  /** First of all sections: devices arm their timers by it. */
  private readonly time: Persistent = {
    sectionName: "time",
    sectionVersion: 1,
    save: () => ({ ns: this.clock.nowNs(), instructions: this.vcpu.retired }),
    restore: (r) => {
      this.vcpu.retired = r.int("instructions", 0);
      this.clock.restore(r.int("ns", 0));
    },
  };

  private persistents(): Persistent[] {
    return [this.time, this.vcpu.cpu.persistence, this.entropy, this.door, this.console, ...this.board.persistents];
  }

  /** Every component's section, without RAM. */
  save(): StateSection[] {
    return this.persistents().map((p) => saveSection(p));
  }

  /** The processor's section. */
  saveProcessor(): StateSection {
    return saveSection(this.vcpu.cpu.persistence);
  }

  /** Where RAM and video memory stand in `memory`: first byte and end. All of it is there then. */
  get guestMemoryRange(): readonly [number, number] {
    const { phys } = this.vcpu;
    for (let ppn = 0; ppn < phys.pages; ppn++) phys.bringIn(ppn);
    return [RAM_BASE, RAM_BASE + this.config.memoryMib * MIB + (this.video === null ? 0 : VIDEO_BYTES)];
  }

  /** Between runs. RAM is restored by the caller, before or after. */
  restore(sections: readonly StateSection[]): void {
    this.vcpu.cache.flush();
    restoreSections(this.persistents(), sections);
    this.board.resumeRequests();
    this.cards?.resubmit();
    this.resume();
  }

  /**
   * Between runs: the pages of RAM and of video memory that were written since the last call, ascending; an epoch of tracking begins.
   * The TLBs are empty afterwards, as they are in a machine that is restored.
   */
  beginEpoch(): { readonly ram: Uint32Array; readonly video: readonly number[] } {
    const pages = { ram: this.vcpu.phys.ram.begin(), video: this.video?.beginEpoch() ?? [] };
    this.forgetTranslations();
    return pages;
  }

  /** Between runs: empties the TLBs, as they are in a machine that is restored. */
  forgetTranslations(): void {
    this.vcpu.mmu.flushAll();
    this.door.note({ kind: "flush" });
  }

  /** SHA-256 over RAM, video memory and all state sections, in hex: equal for equal machines. Input that waits at the door is not in yet. */
  stateHash(): Promise<string> {
    const sections = this.save().filter((s) => s.name !== this.door.sectionName);
    // The machine may run on meanwhile.
    return stateHash(this.vcpu.state.u8.slice(...this.guestMemoryRange), sections, this.position);
  }
}

/** Regions that the statistics name. */
const HOTTEST = 16;
