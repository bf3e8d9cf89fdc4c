/** Drives one machine on the host's event loop: slices, sleep, pause, reset. The CLI and the worker share it. */
import { UserError } from "../base/errors.ts";
import type { MouseInput } from "../devices/ps2/mouse.ts";
import type { ScreenUpdate } from "../devices/vga/screen.ts";
import { CpuShare } from "./cpu-share.ts";
import { DisplayFeed } from "./display-feed.ts";
import type { InputState, KernelImages, MachineConfig, MachineStats, MachineStatus, StopReport } from "./config.ts";
import { release } from "./images/release.ts";
import { SERIAL_PORTS } from "./machine/memory-map.ts";
import { Machine, type MachineOptions, type RunOutcome } from "./machine/machine.ts";
import { immediate, Turn } from "./turn.ts";
import type { RunnerSnapshots } from "./runner-snapshots.ts";
import { TerminalTail } from "./terminal-tail.ts";
import type { CapturableDisk } from "./snapshot/disk.ts";
import type { ForkSend } from "./snapshot/fork.ts";
import type { Restore } from "./snapshot/restore.ts";
import type { SnapshotRequest, SnapshotResult, SnapshotSink } from "./snapshot/snapshotter.ts";
import { TapeDeck, type EndedBy } from "./record/deck.ts";
import type { Player, ReplayResult } from "./record/player.ts";
import type { LogSink, Recorder } from "./record/recorder.ts";

export interface RunnerEvents {
  /** Serial output in batches, byte for byte. The guest waits while more than a megabyte of it is not resolved. */
  serial(bytes: Uint8Array, port?: number): void | Promise<void>;
  debug?(bytes: Uint8Array): void;
  status?(status: MachineStatus): void;
  stopped(report: StopReport): void;
  /** What has changed on the screen, once for each `requestFrame`. */
  frame?(update: ScreenUpdate): void;
  input?(state: InputState): void;
  /** A machine that goes on from a state has retired its first instruction, or found that it sleeps. */
  resumed?(instructions: number): void;
  /** A replay has ended as the recorded run did; `stopped` follows. */
  replayed?(result: ReplayResult): void;
  /** The guest has reset the machine: what follows is of the next start. */
  restarted?(): void;
}

/** A debugger between the runner and its machine (vmm/debug). */
export interface RunHook {
  /** Instead of `machine.run`; `debug` means: the machine is to be paused. */
  run(machine: Machine, hostMs: number): RunOutcome;
  /** A machine is there: this one, until the next. */
  attach(machine: Machine): void;
  /** The machine runs, is paused, or has ended. */
  changed(state: "running" | "paused" | "stopped", report: StopReport | null): void;
}

/** Status reports while running; of a guest that sleeps, whose every report wakes the page as well. */
const STATUS_MS = 500;
const IDLE_STATUS_MS = 2000;
/** Between two pieces of a busy guest's serial output. */
const OUTPUT_MS = 50;
/** Waits shorter than this are run through. */
const MIN_SLEEP_MS = 0.05;
/** Host timers have milliseconds, and may be one early or late: what is shorter, or left over, blocks the thread. */
const TIMER_MS = 1;
/** How much a sleep that took too long may shorten the following ones (deterministic mode). */
const MAX_CREDIT_MS = 20;
/** Longest sleep, so that a wrong host timer cannot stall the guest. */
const MAX_SLEEP_MS = 1000;

/** Serial bytes that the receiver has not taken yet, before the guest is held. */
const MAX_UNTAKEN = 1 << 20;

/** A state to go on from. */
export interface StartFrom {
  readonly from: Restore;
  /** What brings it in (runner-snapshots.ts): a runner that is asked for no snapshots does without that file. */
  readonly snapshots: typeof RunnerSnapshots;
  /** The snapshot's id, by which a recording names it; without one the state itself goes into the log. */
  readonly snapshot?: string;
  /** Memory that holds some of it already. */
  readonly memory?: WebAssembly.Memory;
  /** All of the machine's memory has come. */
  restored?(): void;
}

export interface RunnerOptions extends Omit<MachineOptions, "tape" | "restore"> {
  /** Disks that snapshots hold, by name. */
  readonly snapshotDisks?: ReadonlyMap<string, CapturableDisk>;
  /** The machine goes on from here in place of booting; a reset boots it. `restored`: all of its memory has come. */
  readonly startFrom?: StartFrom;
  /** Makes an image file of at most 64 KiB out of RGBA pixels. */
  readonly encodeImage?: (width: number, height: number, pixels: Uint32Array) => Promise<Uint8Array>;
  /** Gives the images again for a reset. With it, they are not kept in memory meanwhile. */
  readonly images?: () => Promise<KernelImages>;
  /** At most so much of one core, 0 to 1. */
  readonly share?: number;
  /** Writes the run down from its power-on, or replays one that was. */
  readonly tape?: Recorder | Player | null;
}

/** Milliseconds that a recording waits for the disks. */
const RECORDING_TRIES = 5000;

const NO_IMAGES: KernelImages = { kernel: null, initrds: [], cmdline: "" };

/** Not the firmware: its ROM goes on answering. */
const imagesIn = ({ kernel, initrds }: KernelImages): readonly Uint8Array[] => (kernel === null ? initrds : [kernel, ...initrds]);

/** Collects bytes between flushes. */
class Batch {
  private bytes = new Uint8Array(4096);
  private length = 0;
  push(byte: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = byte;
  }
  take(): Uint8Array | null {
    if (this.length === 0) return null;
    const out = this.bytes.slice(0, this.length);
    this.length = 0;
    return out;
  }
}

/** Something to wait on for less than a timer's millisecond, in Node; a browser's worker sleeps whole milliseconds. */
const PAUSE = immediate === undefined ? null : new Int32Array(new SharedArrayBuffer(4));

export class Runner {
  private machine: Machine;
  private state: "running" | "paused" | "stopped" = "paused";
  /** By port. */
  private readonly serial = SERIAL_PORTS.map(() => new Batch());
  private readonly debug = new Batch();
  private readonly turn = new Turn();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private idle = false;
  private lastStatusMs = performance.now();
  private lastInstructions = 0;
  private lastInRegions = 0;

  /** Builds the machine; throws UserError for bad input. */
  constructor(
    config: MachineConfig,
    private readonly events: RunnerEvents,
    private readonly options: RunnerOptions = {},
  ) {
    this.share.set(options.share ?? 1);
    this.deck = new TapeDeck(options.tape ?? null);
    const { startFrom } = options;
    this.machine = startFrom === undefined ? this.build(config, options) : this.build(startFrom.from.configured(config), options, startFrom);
    this.goingOn = startFrom !== undefined;
    this.snapshots = startFrom === undefined ? null : this.makeSnapshots(startFrom.snapshots, startFrom);
    if (options.images !== undefined) release(imagesIn(config.boot));
    this.config = options.images === undefined ? config : { ...config, boot: NO_IMAGES };
  }
  private readonly config: MachineConfig;
  /** Its first instruction is still to come. */
  private goingOn: boolean;
  private snapshots: RunnerSnapshots | null;
  private readonly tail = new TerminalTail();
  private readonly share = new CpuShare(performance.now());

  /** A new cap, from now on. */
  setShare(share: number): void {
    this.share.set(share);
  }

  private makeSnapshots(Snapshots: typeof RunnerSnapshots, restore: StartFrom | null): RunnerSnapshots {
    return new Snapshots(this.machine, {
      disks: this.options.snapshotDisks ?? new Map(),
      restore,
      encodeImage: this.options.encodeImage ?? null,
      tail: () => {
        this.flush();
        return this.tail.text();
      },
      failed: (e) => this.fail(e),
    });
  }

  /** Takes a snapshot of the machine, which runs on. Rejects with UserError, and the machine has lost nothing then. */
  async snapshot(request: SnapshotRequest, sink: SnapshotSink): Promise<SnapshotResult> {
    // At once where it can be: what is asked of the machine next is behind it.
    return (this.runningSnapshots ?? (await this.loadSnapshots("take a snapshot of"))).take(request, sink);
  }

  /** Begins a second machine that goes on from this instant; resolves when all of it has been sent. `pauseMs`: for how long this one stood still. */
  async fork(send: ForkSend): Promise<{ readonly pauseMs: number }> {
    return (this.runningSnapshots ?? (await this.loadSnapshots("fork"))).fork(send);
  }

  /** A snapshot or a fork may come soon. */
  async foresee(): Promise<void> {
    if (this.snapshots === null && !this.ended && !this.resetting) await this.loadSnapshots("fork");
  }

  private get runningSnapshots(): RunnerSnapshots | null {
    return this.ended || this.resetting ? null : this.snapshots;
  }
  private async loadSnapshots(purpose: string): Promise<RunnerSnapshots> {
    const { RunnerSnapshots } = await import("./runner-snapshots.ts");
    if (this.ended || this.resetting) throw new UserError(`there is no running machine to ${purpose}`);
    return (this.snapshots ??= this.makeSnapshots(RunnerSnapshots, null));
  }

  private readonly deck: TapeDeck;

  private build(config: MachineConfig, { tape: _, ...options }: RunnerOptions & { readonly memory?: WebAssembly.Memory }, start: StartFrom | null = null): Machine {
    const key = this.deck.key(config.deterministic);
    const machine = new Machine(config, {
      serial: (byte, port) => this.serial[port].push(byte),
      debug: (byte) => this.debug.push(byte),
      hostNs: () => performance.now() * 1e6,
      entropy: (bytes) => bytes.set(key),
      wake: () => this.wake(),
    }, start === null ? options : { ...options, restore: start.from.apply, ...(start.memory === undefined ? {} : { memory: start.memory }) });
    this.deck.powerOn(machine, key, start === null ? null : { snapshot: start.snapshot ?? null });
    const { keyboard, mouse } = machine.board;
    keyboard.onLeds = mouse.onActive = () => this.events.input?.({ leds: keyboard.ledState, mouse: mouse.active });
    return machine;
  }

  /** From now on the run is written down, from its present state. Throws UserError where that cannot be replayed. */
  async startRecording(sink: LogSink): Promise<void> {
    if (this.state === "stopped") throw new UserError("recording: the machine is off");
    const { drives = [], devices, images } = this.options;
    const disks = [...drives.map((d) => d.backend), ...(devices?.disks ?? []).map((d) => d.backend)];
    if (disks.some((d) => d?.readOnly === false) || (devices?.shares ?? []).length > 0) {
      throw new UserError("recording: a machine with disks that it writes to, or with shared folders, is recorded from its power-on");
    }
    const boot = images === undefined ? this.config.boot : await images();
    const { bindingOf, Recorder } = await import("./record/tapes.ts");
    const recorder = new Recorder(sink, await bindingOf({ ...this.config, boot }, this.options));
    if (images !== undefined) release(imagesIn(boot));
    // A request that is under way would have another number in the replay.
    for (let tries = 0; this.machine.completions.outstanding > 0; tries++) {
      if (tries === RECORDING_TRIES) throw new UserError("recording: a disk does not answer");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    if (this.deck.running) throw new UserError("recording: this machine is being recorded or replayed already");
    if (this.ended) throw new UserError("recording: the machine is off");
    this.deck.start(recorder, this.machine);
  }

  /** The recording's end; the machine runs on. */
  async stopRecording(): Promise<void> {
    await this.deck.stop(this.machine);
  }

  get current(): Machine {
    return this.machine;
  }

  get running(): boolean {
    return this.state === "running";
  }

  /** One debugger at a time; null takes it away. */
  debugWith(hook: RunHook | null): void {
    this.hook = hook;
    hook?.attach(this.machine);
  }
  private hook: RunHook | null = null;

  resume(): void {
    if (this.state !== "paused") return;
    this.state = "running";
    this.hook?.changed("running", null);
    this.machine.resume();
    this.snapshots?.begin();
    this.reportStatus();
    // Not at once: a guest that resets itself without end must leave room for timers and input.
    this.turn.schedule(this.step);
  }

  pause(): void {
    if (this.state !== "running") return;
    this.state = "paused";
    this.cancelSleep();
    this.flush();
    this.reportStatus();
    this.hook?.changed("paused", null);
  }

  /** Power cycle with the same configuration; a paused machine stays paused. */
  reset(): Promise<void> {
    // A replay resets itself when it is time.
    if (this.state === "stopped" || this.resetting || this.deck.player !== null) return Promise.resolve();
    const wasPaused = this.state === "paused";
    this.cancelSleep();
    return this.restart(wasPaused, false);
  }

  private resetting = false;

  private async restart(paused: boolean, guest: boolean): Promise<void> {
    this.resetting = true;
    this.state = "paused";
    try {
      this.deck.reset(this.machine, guest);
      const boot = this.options.images === undefined ? this.config.boot : await this.options.images();
      if (this.ended) return;
      this.lastInstructions = 0;
      this.lastInRegions = 0;
      this.owedMs = 0;
      this.snapshots?.close();
      this.machine.close();
      this.machine = this.build({ ...this.config, boot }, { ...this.options, memory: this.machine.memory });
      this.snapshots = null;
      this.hook?.attach(this.machine);
      this.events.input?.({ leds: 0, mouse: false });
      this.machine.presentAll();
      if (this.options.images !== undefined) release(imagesIn(boot));
    } catch (e) {
      this.fail(e);
      return;
    } finally {
      this.resetting = false;
    }
    if (paused) {
      this.reportStatus();
      return;
    }
    this.state = "running";
    this.machine.resume();
    this.reportStatus();
    // Not at once: a guest that does nothing but reset must leave room for timers and signals.
    this.turn.schedule(this.step);
  }

  private get ended(): boolean {
    return this.state === "stopped";
  }

  private fail(e: unknown): void {
    this.finish({ kind: "error", message: e instanceof Error ? e.message : String(e), exitCode: 1, registers: [], disassembly: [] });
  }

  /** Ends the machine for good. */
  powerOff(): void {
    if (this.state === "stopped") return;
    this.finish({ kind: "power-off", message: "powered off", exitCode: 0, registers: [], disassembly: [] }, "user");
  }

  /** Presses the power button. False: the guest does not listen to it. */
  powerButton(): boolean {
    if (this.state === "stopped") return false;
    const heard = this.machine.pressPowerButton();
    this.wake();
    return heard;
  }

  serialInput(bytes: Uint8Array, port = 0): void {
    if (this.state === "stopped") return;
    this.machine.serialInput(bytes, port);
    this.wake();
  }

  /** A key of the PS/2 keyboard, named as in KeyboardEvent.code; null lets go of all. */
  key(name: string | null, pressed: boolean): void {
    if (this.state === "stopped") return;
    this.machine.input({ kind: "key", code: name, pressed });
    this.wake();
  }

  mouse(input: MouseInput): void {
    if (this.state === "stopped") return;
    this.machine.input({ kind: "mouse", input });
    this.wake();
  }

  /** The display can take a frame: `RunnerEvents.frame` follows when something has changed. `all`: it knows nothing yet. */
  requestFrame(all: boolean, spare: ArrayBuffer | null = null): void {
    this.feed.request(all, spare);
  }
  private readonly feed = new DisplayFeed(() => this.machine, (update) => this.events.frame?.(update));

  /** Input, or an answer of the host, may end a halt: the next step comes at once. */
  private wake(): void {
    if (this.state !== "running" || this.timer === null) return;
    this.cancelSleep();
    this.owedMs = 0;
    this.goOn();
  }

  stats(peakMemory: number, nameOf?: (address: bigint) => string): MachineStats {
    return this.machine.stats(peakMemory, nameOf);
  }

  private cancelSleep(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** Lets `ns` pass (null: until something happens). True: a timer will take the next step. */
  private sleep(ns: number | null): boolean {
    const wait = ns === null ? MAX_SLEEP_MS : ns / 1e6;
    const now = performance.now();
    const ms = Math.max(this.share.restMs(now), (this.config.deterministic ? wait : Math.min(MAX_SLEEP_MS, wait)) + this.owedMs);
    if (ms >= TIMER_MS) {
      this.startTimer(now, now + ms);
      return true;
    }
    if (ms < MIN_SLEEP_MS) this.owe(ms);
    else this.block(now, now + ms);
    return false;
  }
  /** Deterministic mode: host time that is still to pass, or (negative) that sleeps took too long. */
  private owedMs = 0;

  private startTimer(now: number, until: number): void {
    this.timer = setTimeout(() => {
      const woken = performance.now();
      if (until - woken >= TIMER_MS) this.startTimer(woken, until);
      else {
        this.block(woken, until);
        this.step();
      }
    }, Math.min(MAX_SLEEP_MS, PAUSE === null ? Math.ceil(until - now) : Math.floor(until - now)));
  }

  private block(now: number, until: number): void {
    if (until > now && PAUSE !== null) Atomics.wait(PAUSE, 0, 0, until - now);
    this.owe(until - performance.now());
  }

  /** In real-time mode guest time follows the host's, whatever the sleep was. */
  private owe(ms: number): void {
    this.owedMs = this.config.deterministic ? Math.max(-MAX_CREDIT_MS, ms) : 0;
  }

  private readonly step = (): void => {
    this.cancelSleep();
    if (this.state !== "running") return;
    const from = performance.now();
    let outcome;
    try {
      const sliceMs = Math.min(this.share.sliceMs, this.feed.restMs);
      outcome = this.hook === null ? this.machine.run(sliceMs, this.goingOn ? 1 : Infinity) : this.hook.run(this.machine, sliceMs);
    } catch (e) {
      this.fail(e);
      return;
    }
    // What a busy guest writes goes out in pieces: each costs the page a frame. One that waits has written all it had to say.
    if (outcome.kind !== "more" || performance.now() - this.flushedMs >= OUTPUT_MS) this.flush();
    // Who takes the output may have ended the machine: it ends once.
    if (this.ended) return;
    this.deck.poll();
    this.share.ran(from, performance.now());
    if (this.goingOn) {
      this.goingOn = false;
      this.events.resumed?.(this.machine.vcpu.retired);
    }
    switch (outcome.kind) {
      case "stopped":
        this.finish(outcome.report);
        return;
      case "replayed":
        this.finish({ kind: "power-off", message: "the recorded run ends here", exitCode: 0, registers: [], disassembly: [] }, "log");
        return;
      case "reset":
        this.events.restarted?.();
        void this.restart(false, true);
        return;
      case "debug":
        this.pause();
        return;
      case "idle": {
        this.idle = true;
        this.feed.poll(true);
        this.maybeReport();
        if (this.sleep(outcome.ns)) return;
        break;
      }
      case "more":
        this.idle = false;
        this.feed.poll(false);
        this.maybeReport();
    }
    this.proceed();
  };

  /** On the next turn, unless the receiver is too far behind: then when it has caught up. */
  private proceed(): void {
    if (this.untaken <= MAX_UNTAKEN) this.goOn();
    else this.held = true;
  }

  /** The next step: on the next turn, or after the rest that the machine's share asks for. */
  private goOn(): void {
    const now = performance.now();
    const rest = this.share.restMs(now);
    if (rest >= TIMER_MS) this.startTimer(now, now + rest);
    else this.turn.schedule(this.step);
  }
  private untaken = 0;
  private held = false;

  private deliver(out: Uint8Array, port: number): void {
    const { length } = out;
    if (port === 0) this.tail.push(out);
    const taken = this.events.serial(out, port);
    if (taken === undefined) return;
    this.untaken += length;
    const done = (): void => {
      this.untaken -= length;
      if (this.held && this.untaken <= MAX_UNTAKEN) {
        this.held = false;
        this.goOn();
      }
    };
    taken.then(done, done);
  }

  /** When something was last sent: what comes after a silence, an echo, goes at once. */
  private flushedMs = 0;
  private flush(): void {
    this.serial.forEach((batch, port) => {
      const out = batch.take();
      if (out === null) return;
      this.flushedMs = performance.now();
      this.deliver(out, port);
    });
    const debug = this.debug.take();
    if (debug !== null) this.events.debug?.(debug);
  }

  private finish(report: StopReport, by: EndedBy = "guest"): void {
    this.flush();
    if (this.ended) return;
    this.state = "stopped";
    // The last words stay on the screen.
    this.feed.poll(true);
    this.cancelSleep();
    this.turn.close();
    this.snapshots?.close();
    this.reportStatus();
    this.hook?.changed("stopped", report);
    if (!this.deck.running) {
      this.events.stopped(report);
      return;
    }
    void this.deck.end(this.machine, report, by).then((end) => {
      if (end.result !== null) this.events.replayed?.(end.result);
      this.events.stopped(end.report);
    });
  }

  private maybeReport(): void {
    if (performance.now() - this.lastStatusMs >= (this.idle && this.reportedIdle ? IDLE_STATUS_MS : STATUS_MS)) this.reportStatus();
  }

  private tiers(instructions: number): MachineStatus["tiers"] {
    const { regions, retiredInRegions } = this.machine.vcpu;
    if (regions === null) return null;
    const inRegions = retiredInRegions - this.lastInRegions;
    this.lastInRegions = retiredInRegions;
    const share = instructions > 0 ? Math.min(1, inRegions / instructions) : null;
    return { share, regions: regions.stats.regions, queue: regions.stats.queue };
  }

  private reportStatus(): void {
    const now = performance.now();
    const n = this.machine.vcpu.retired;
    const seconds = (now - this.lastStatusMs) / 1000;
    const status: MachineStatus = {
      state: this.state,
      guestTimeNs: this.machine.guestTimeNs,
      instructions: n,
      instructionsPerSecond: seconds > 0 ? Math.max(0, Math.round((n - this.lastInstructions) / seconds)) : 0,
      memoryMib: this.config.memoryMib,
      idle: this.idle,
      load: this.share.takeLoad(now),
      tiers: this.tiers(n - this.lastInstructions),
      ...this.deck.progress(),
    };
    this.lastStatusMs = now;
    this.lastInstructions = n;
    this.reportedIdle = this.idle;
    this.events.status?.(status);
  }
  private reportedIdle = false;
}

