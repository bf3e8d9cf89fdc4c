/** One machine's life as the page sees it: load, start, pause, stop, start again. Free of DOM. */
import type { InputState, LoadProgress, MachineDebugger, MachineEvents, MachineStatus, MouseInput, StopReport, WorkerConfig } from "../vmm/api.ts";
import type { MachineConnection } from "./client.ts";
import { InputQueue } from "./serial-queue.ts";

export type Phase = "off" | "loading" | "starting" | "running" | "paused" | "stopped";

/** Where a machine's images and settings come from. Loaded afresh at every start, into a worker that has run none. */
export interface MachineSource {
  load(worker: Pick<MachineConnection, "load">, onProgress: (progress: LoadProgress) => void): Promise<WorkerConfig>;
}

export interface SessionEvents {
  /** `report` is set in phase "stopped". */
  phase(phase: Phase, report: StopReport | null): void;
  /** A start failed, or a command did; the message is one line. `fatal`: there is no machine any more. */
  failed(error: unknown, fatal: boolean): void;
  progress(progress: LoadProgress): void;
  status(status: MachineStatus): void;
  /** Guest output. The promise holds the worker back. */
  serial(bytes: Uint8Array): Promise<void>;
  /** A new machine starts on the same terminal: by the user's wish, or because the guest asked for a reset. */
  restarted(byGuest: boolean): void;
  input(state: InputState): void;
  /** A port to the display, for a machine that is about to start; null: there is none. */
  displayPort(): MessagePort | null;
}

export type Connect = (onCrash: (message: string) => void) => MachineConnection;

/** A guest that resets sooner than this after a start, `RESET_LIMIT` times in a row, is in a loop. */
const RESET_LOOP_MS = 3000;
const RESET_LIMIT = 3;
/** How long a worker may take to obey `powerOff` before it is ended by force. */
const POWER_OFF_MS = 1500;

export class Session {
  private current: Phase = "off";
  private connection: MachineConnection | null = null;
  private used = false;
  /** Counts starts: what an earlier machine still sends is ignored. */
  private generation = 0;
  private source: MachineSource | null = null;
  private startedAtMs = 0;
  private quickResets = 0;
  private busy = false;
  private readonly input: InputQueue;

  constructor(
    private readonly connect: Connect,
    private readonly events: SessionEvents,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.input = new InputQueue(
      async (bytes) => this.connection?.serialInput(bytes),
      (error) => {
        if (this.alive) this.events.failed(error, false);
      },
    );
  }

  get phase(): Phase {
    return this.current;
  }

  /** True while there is a machine that runs or is paused. */
  get alive(): boolean {
    return this.current === "running" || this.current === "paused";
  }

  /** Loads the worker's code early, while images are still on their way. */
  prewarm(): void {
    if (this.connection === null || this.used) this.freshConnection();
  }

  /** Starts a machine from `source`; one that is there is discarded. */
  powerOn(source: MachineSource): Promise<void> {
    this.quickResets = 0;
    return this.begin(source, false);
  }

  pause(): Promise<void> {
    return this.command("running", "paused", (c) => c.pause());
  }

  resume(): Promise<void> {
    return this.command("paused", "running", (c) => c.resume());
  }

  /** A hard reset. A machine that has ended is started again from the same source. */
  async reset(): Promise<void> {
    if (this.current === "stopped" || this.current === "off") {
      if (this.source !== null) await this.powerOn(this.source);
      return;
    }
    if (!this.alive || this.busy) return;
    const generation = this.generation;
    this.input.clear();
    this.busy = true;
    try {
      const paused = this.current === "paused";
      this.startedAtMs = this.nowMs();
      await this.connection?.reset();
      if (generation !== this.generation) return;
      if (paused) await this.connection?.resume().catch(() => undefined); // it may run already
      if (generation === this.generation && this.alive) this.setPhase("running");
    } catch (error) {
      if (generation === this.generation) this.events.failed(error, false);
    } finally {
      this.busy = false;
    }
  }

  /** Ends the machine, or the loading of one. Always works: a worker that does not answer is ended by force. */
  async powerOff(): Promise<void> {
    if (this.current === "off") return;
    const { connection } = this;
    const wasAlive = this.alive;
    this.generation++;
    this.input.clear();
    this.connection = null;
    this.setPhase("off");
    if (connection === null) return;
    if (wasAlive) {
      const patience = new Promise<void>((resolve) => setTimeout(resolve, POWER_OFF_MS));
      await Promise.race([connection.powerOff().catch(() => undefined), patience]);
    }
    connection.terminate();
  }

  /** Presses the machine's power button. False: the guest does not listen to it, or there is none that runs. */
  async powerButton(): Promise<boolean> {
    if (this.current !== "running" || this.connection === null) return false;
    const generation = this.generation;
    try {
      return await this.connection.powerButton();
    } catch (error) {
      if (generation === this.generation) this.events.failed(error, false);
      return true;
    }
  }

  /** What the user typed or pasted. Dropped when no machine is there to read it. */
  type(bytes: Uint8Array): void {
    if (this.alive) this.input.push(bytes);
  }

  /** A key of the PC's keyboard; null lets go of all. */
  key(code: string | null, pressed: boolean): void {
    if (this.alive) this.connection?.key(code, pressed).catch(() => undefined);
  }

  /** A debugger of the machine that is there. */
  debugger(): Promise<MachineDebugger> {
    if (!this.alive || this.connection === null) return Promise.reject(new Error("there is no machine: power one on first"));
    return this.connection.debugger();
  }

  mouse(input: MouseInput): void {
    if (this.alive) this.connection?.mouse(input).catch(() => undefined);
  }

  private async begin(source: MachineSource, byGuest: boolean): Promise<void> {
    this.discard();
    const generation = this.generation;
    this.source = source;
    this.events.restarted(byGuest);
    this.setPhase("loading");
    this.prewarm();
    try {
      // Loading ends with the worker: it is not to be used for anything else.
      this.used = true;
      const config = await source.load(this.worker(), (progress) => {
        if (generation === this.generation) this.events.progress(progress);
      });
      if (generation !== this.generation) return;
      this.setPhase("starting");
      await this.start(config, generation);
    } catch (error) {
      if (generation !== this.generation) return;
      this.discard();
      this.setPhase("off");
      this.events.failed(error, true);
    }
  }

  private worker(): MachineConnection {
    if (this.connection === null) throw new Error("the machine's worker could not be loaded");
    return this.connection;
  }

  private async start(config: WorkerConfig, generation: number): Promise<void> {
    const connection = this.worker();
    this.startedAtMs = this.nowMs();
    const mine = (): boolean => generation === this.generation;
    const events: MachineEvents = {
      // The promise crosses the worker boundary: a worker that awaits it is slowed down to the terminal's speed.
      serial: (bytes) => {
        if (!mine()) return undefined;
        // It speaks, so it runs, whether or not the answer to `powerOn` is here already.
        if (this.current === "starting") this.setPhase("running");
        return this.events.serial(bytes);
      },
      status: (status) => {
        if (!mine()) return;
        // A debugger may pause it and let it go on.
        if ((status.state === "paused" && this.current === "running") || (status.state === "running" && this.current === "paused")) {
          if (!this.busy) this.setPhase(status.state);
        }
        this.events.status(status);
      },
      stopped: (report) => {
        if (mine()) this.onStopped(report);
      },
      input: (state) => {
        if (mine()) this.events.input(state);
      },
      folder: () => undefined,
      // Configured to report a reset as an end.
      restarted: () => undefined,
    };
    const port = this.events.displayPort();
    if (port !== null) connection.attachDisplay(port).catch(() => undefined); // powerOn would fail as well
    await connection.powerOn(config, events);
    // A guest that ended at once has already reported so.
    if (mine() && this.current === "starting") this.setPhase("running");
  }

  private onStopped(report: StopReport): void {
    this.input.clear();
    if (report.kind === "reset" && this.source !== null) {
      const quick = this.nowMs() - this.startedAtMs < RESET_LOOP_MS;
      this.quickResets = quick ? this.quickResets + 1 : 0;
      if (this.quickResets < RESET_LIMIT) {
        void this.begin(this.source, true);
        return;
      }
    }
    this.setPhase("stopped", report);
  }

  private async command(from: Phase, to: Phase, call: (c: MachineConnection) => Promise<void>): Promise<void> {
    if (this.current !== from || this.connection === null || this.busy) return;
    const generation = this.generation;
    this.busy = true;
    try {
      await call(this.connection);
      if (generation === this.generation && this.current === from) this.setPhase(to);
    } catch (error) {
      if (generation === this.generation) this.events.failed(error, false);
    } finally {
      this.busy = false;
    }
  }

  private setPhase(phase: Phase, report: StopReport | null = null): void {
    this.current = phase;
    this.events.phase(phase, report);
  }

  private freshConnection(): void {
    this.connection?.terminate();
    this.used = false;
    const connection = this.connect((message) => {
      if (this.connection !== connection) return;
      this.connection = null;
      // While starting, the rejected call reports it.
      if (!this.alive) return;
      this.generation++;
      this.setPhase("stopped", { kind: "error", message, exitCode: 1, registers: [], disassembly: [] });
    });
    this.connection = connection;
  }

  /** Drops the present machine or its loading, with the worker if that has done either. */
  private discard(): void {
    this.generation++;
    this.busy = false;
    this.input.clear();
    if (this.used) {
      this.connection?.terminate();
      this.connection = null;
      this.used = false;
    }
  }
}
