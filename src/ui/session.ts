/** One machine's life as the page sees it: load, start, pause, stop, start again. Free of DOM. */
import type { MachineConfig, MachineEvents, MachineStatus, StopReport } from "../vmm/api.ts";
import type { MachineConnection } from "./client.ts";
import type { LoadProgress } from "./fetch-progress.ts";
import { InputQueue } from "./serial-queue.ts";

export type Phase = "off" | "loading" | "starting" | "running" | "paused" | "stopped";

/** Where a machine's images and settings come from. Loaded afresh at every start: the worker takes the bytes away. */
export interface MachineSource {
  load(onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<MachineConfig>;
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
  private loading: AbortController | null = null;
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
    this.loading?.abort();
    this.loading = null;
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

  private async begin(source: MachineSource, byGuest: boolean): Promise<void> {
    this.discard();
    const generation = this.generation;
    this.source = source;
    this.events.restarted(byGuest);
    this.setPhase("loading");
    this.prewarm();
    const loading = new AbortController();
    this.loading = loading;
    try {
      const config = await source.load((progress) => {
        if (generation === this.generation) this.events.progress(progress);
      }, loading.signal);
      if (generation !== this.generation) return;
      this.loading = null;
      this.setPhase("starting");
      await this.start(config, generation);
    } catch (error) {
      if (generation !== this.generation) return;
      this.discard();
      this.setPhase("off");
      this.events.failed(error, true);
    }
  }

  private async start(config: MachineConfig, generation: number): Promise<void> {
    const { connection } = this;
    if (connection === null) throw new Error("the machine's worker could not be loaded");
    this.used = true;
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
        if (mine()) this.events.status(status);
      },
      stopped: (report) => {
        if (mine()) this.onStopped(report);
      },
    };
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

  /** Drops the present machine, its loading and its worker if that has run one. */
  private discard(): void {
    this.generation++;
    this.loading?.abort();
    this.loading = null;
    this.busy = false;
    this.input.clear();
    if (this.used) {
      this.connection?.terminate();
      this.connection = null;
      this.used = false;
    }
  }
}
