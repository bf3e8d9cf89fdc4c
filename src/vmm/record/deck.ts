/** What a machine's owner does about a recording or a replay: from power-on over resets to the end. */
import { UserError } from "../../base/errors.ts";
import type { MachineStatus, StopReport } from "../config.ts";
import { KEY_BYTES } from "../machine/entropy.ts";
import type { Machine } from "../machine/machine.ts";
import type { Player, ReplayResult } from "./player.ts";
import type { Recorder } from "./recorder.ts";

/** Who ended a run: the guest, its user, or a replay's log. */
export type EndedBy = "guest" | "user" | "log";

export class TapeDeck {
  /** A replay's first machine begins as the log says; those after a reset begin with power-on. */
  private begun = false;
  constructor(private tape: Recorder | Player | null) {}

  /** Something is recorded or replayed. */
  get running(): boolean {
    return this.tape !== null;
  }
  get recorder(): Recorder | null {
    return this.tape?.mode === "record" ? this.tape : null;
  }
  get player(): Player | null {
    return this.tape?.mode === "replay" ? this.tape : null;
  }

  /** The entropy's key of a machine that is about to be built. */
  key(deterministic: boolean): Uint8Array {
    if (this.tape?.mode === "replay" && (this.begun || this.tape.recording.start.kind === "power-on")) return this.tape.key();
    const key = new Uint8Array(KEY_BYTES);
    // A deterministic machine has its own.
    return deterministic ? key : crypto.getRandomValues(key);
  }

  /** A machine is built. `restored`: it goes on from a state, of a snapshot where it has a name. */
  powerOn(machine: Machine, key: Uint8Array, restored: { readonly snapshot: string | null } | null): void {
    if (this.tape?.mode === "record") {
      if (restored === null) this.tape.powerOn(machine, key);
      else this.tape.from(machine, restored.snapshot);
    } else if (this.tape !== null) {
      const { start } = this.tape.recording;
      if (!this.begun && start.kind === "state") this.tape.recording.restore(machine);
      if (!this.begun && start.kind === "snapshot" && restored?.snapshot !== start.id) throw new UserError(`replay: the recording begins at snapshot ${start.id}, which has to be restored first`);
      this.tape.attach(machine);
    }
    this.begun = true;
  }

  /** Before the next machine is built. Throws Divergence. */
  reset(machine: Machine, guest: boolean): void {
    if (this.tape?.mode === "record") this.tape.reset(machine.position, guest);
    else this.tape?.reset(machine);
  }

  poll(): void {
    this.recorder?.poll(performance.now());
  }

  /** From now on the run is written down, from the machine's present state. Between runs of it. */
  start(recorder: Recorder, machine: Machine): void {
    recorder.from(machine, null);
    this.tape = recorder;
  }

  /** The recording ends, and the machine goes on. Between runs of it. Throws UserError where the log could not be written. */
  async stop(machine: Machine): Promise<void> {
    const { recorder } = this;
    if (recorder === null) return;
    this.tape = null;
    await recorder.end(machine, false, "cut");
    if (recorder.error !== null) throw recorder.error;
  }

  /** How far a replay has come; recording or not. */
  progress(): Pick<MachineStatus, "replay" | "recording"> {
    const { player } = this;
    if (player === null) return { recording: this.recorder !== null };
    return { replay: { instructions: player.instructions, of: player.recording.instructions } };
  }

  /** The machine has ended. What is reported in place of `report`, and how the replay went. */
  async end(machine: Machine, report: StopReport, by: EndedBy): Promise<{ readonly report: StopReport; readonly result: ReplayResult | null }> {
    const { tape } = this;
    this.tape = null;
    const failed = (e: unknown): { report: StopReport; result: null } => ({
      report: { kind: "error", message: e instanceof Error ? e.message : String(e), exitCode: 1, registers: report.registers, disassembly: report.disassembly }, result: null,
    });
    try {
      if (tape?.mode === "record") {
        await tape.end(machine, by === "guest" && report.kind !== "error", report.kind);
        return tape.error === null ? { report, result: null } : failed(tape.error);
      }
      // A replay that has failed says why; one that was ended from outside has nothing to compare.
      if (tape === null || by === "user" || report.kind === "error") return { report, result: null };
      return { report, result: await tape.end(machine, by === "log" ? null : report.kind) };
    } catch (e) {
      return failed(e);
    }
  }
}
