/**
 * The one door through which everything enters a machine that could make two runs of it differ: input, the clock, late answers of
 * the host. All of it takes effect between two instructions, at a position that a log can name, and nowhere else. A recorder is told;
 * a replay opens the door itself and lets nobody else in. docs/REPLAY.md.
 */
import { UserError } from "../../base/errors.ts";
import type { Persistent, StateFields, StateReader, StateValue } from "../../base/persist.ts";
import type { MouseInput } from "../../devices/ps2/mouse.ts";
import type { GuestClock } from "./clock.ts";
import type { Completions } from "./completions.ts";
import { KEY_BYTES } from "./entropy.ts";

/** What a person or the host does to a machine. */
export type MachineInput =
  /** Bytes typed at a serial port; 0 is COM1. */
  | { readonly kind: "serial"; readonly port: number; readonly bytes: Uint8Array }
  /** A key by its KeyboardEvent.code; null lets go of all. */
  | { readonly kind: "key"; readonly code: string | null; readonly pressed: boolean }
  | { readonly kind: "mouse"; readonly input: MouseInput }
  | { readonly kind: "power-button" }
  /** The entropy source begins anew from these 32 bytes: a fork's, so that it does not draw what its parent draws. */
  | { readonly kind: "reseed"; readonly key: Uint8Array };

/** A point of a machine's history, counted from its power-on. */
export interface Position {
  /** Retired. */
  readonly instructions: number;
  /** Interrupts and exceptions delivered, and timers fired. */
  readonly deliveries: number;
  /** Guest time; it moves without instructions where a deterministic machine halts. */
  readonly ns: number;
}

/** Whoever writes a run down. Everything is told in the order in which it takes effect. */
export interface Recording {
  readonly mode: "record";
  /** The clock was set to `at.ns` and goes on at `rate` 64ths of a nanosecond for each instruction. */
  time(at: Position, rate: number): void;
  input(at: Position, input: MachineInput): void;
  completion(at: Position, request: number, answer: readonly unknown[]): void;
  /** The door is open at this position: a good moment for a hash of the state. */
  passed(at: Position): void;
}

export type ReplayEvent =
  | { readonly kind: "time"; readonly at: Position; readonly rate: number }
  | { readonly kind: "input"; readonly at: Position; readonly input: MachineInput }
  | { readonly kind: "completion"; readonly at: Position; readonly request: number; readonly answer: readonly unknown[] }
  /** Something for the player alone, which looks at the machine and says whether it is as it should be. */
  | { readonly kind: "check"; readonly at: Position; check(): void }
  /** The recorded machine was reset, or ended: by itself (`guest`), which it will do again, or from outside. */
  | { readonly kind: "reset"; readonly at: Position; readonly guest: boolean }
  | { readonly kind: "end"; readonly at: Position; readonly guest: boolean };

/** What has been written down. */
export interface Replay {
  readonly mode: "replay";
  /** What comes next; null: the log ends here. */
  next(): ReplayEvent | null;
  /** `next` has taken effect. */
  take(): void;
}

export type Tape = Recording | Replay;

/** While a real-time run is recorded, guest time may be behind the host's by so much before it is set again: fewer entries in the log. */
const RECORDING_SLACK_NS = 250_000;

export interface DoorParts {
  readonly deterministic: boolean;
  readonly clock: GuestClock;
  readonly completions: Completions;
  position(): Position;
  apply(input: MachineInput): void;
}

/** What is to be done after the door. */
export type Passage = "run" | "wait" | "reset" | "replayed";

/** The recorded run went another way. */
export class Divergence extends UserError {}

export class Door implements Persistent {
  readonly sectionName = "door";
  readonly sectionVersion = 1;
  private waiting: MachineInput[] = [];
  /** Where a replay stood when it last found nothing to do. */
  private stuck: Position | null = null;

  constructor(
    private readonly parts: DoorParts,
    public tape: Tape | null,
  ) {}

  /** Takes effect when the machine next stands between two slices. A replay ignores it. */
  add(input: MachineInput): void {
    if (this.tape?.mode !== "replay") this.waiting.push(input);
  }

  get replaying(): boolean {
    return this.tape?.mode === "replay";
  }

  /** Between two slices, `hostNs` by the host's clock. */
  pass(hostNs: number, hostNsEach: number): Passage {
    const { tape, parts } = this;
    if (tape?.mode === "replay") return this.replay(tape);
    const { clock, completions, deterministic } = parts;
    const waiting = this.waiting.length > 0 || completions.pending;
    if (!deterministic && !this.look(hostNs, hostNsEach, waiting) && !waiting) return "run";
    if (waiting) {
      for (const input of this.waiting.splice(0)) {
        tape?.input(parts.position(), input);
        parts.apply(input);
      }
      completions.drain(deterministic, (request, answer) => tape?.completion(parts.position(), request, answer));
    }
    // Deterministic guests see input and output take no time: nothing runs until it is done.
    if (deterministic && completions.outstanding > 0) return "wait";
    clock.fire();
    tape?.passed(parts.position());
    return "run";
  }

  /** A halted guest's clock goes on, and its timers fire. */
  idle(hostNs: number, hostNsEach: number): void {
    this.look(hostNs, hostNsEach, true);
    this.parts.clock.fire();
  }

  private look(hostNs: number, hostNsEach: number, exactly: boolean): boolean {
    const { tape, parts } = this;
    const recording = tape?.mode === "record" ? tape : null;
    if (!parts.clock.sync(hostNs, hostNsEach, recording !== null && !exactly ? RECORDING_SLACK_NS : 0)) return false;
    recording?.time(parts.position(), parts.clock.rate);
    return true;
  }

  // --- Replay --------------------------------------------------------------------------------------------------------------

  private replay(tape: Replay): Passage {
    const { parts } = this;
    const { clock, completions, deterministic } = parts;
    for (;;) {
      let happened = false;
      for (;;) {
        const event = tape.next();
        if (event === null) return "replayed";
        const where = this.compare(event.at);
        if (where > 0) throw this.diverged(event);
        if (where < 0) break;
        if (event.kind === "end" || event.kind === "reset") {
          // What the machine does by itself, it will do by itself.
          if (event.guest) break;
          return event.kind === "end" ? "replayed" : "reset";
        }
        if (event.kind === "completion") {
          if (!completions.replay(event.request, event.answer)) return "wait";
        } else if (event.kind === "time") clock.set(event.at.ns, event.rate);
        else if (event.kind === "input") parts.apply(event.input);
        else event.check();
        tape.take();
        happened = true;
      }
      if (!happened && !deterministic) return "run";
      const before = clock.timers.fired;
      clock.fire();
      if (clock.timers.fired === before) return "run";
    }
  }

  /** The present position against one of the log: negative if it is still to come. Only a deterministic machine's time is its own. */
  private compare(at: Position): number {
    const now = this.parts.position();
    return now.instructions - at.instructions || now.deliveries - at.deliveries || (this.parts.deterministic ? now.ns - at.ns : 0);
  }

  private diverged(event: ReplayEvent): Divergence {
    const now = this.parts.position();
    const show = (p: Position): string => `instruction ${p.instructions}, ${p.deliveries} deliveries, ${p.ns} ns`;
    return new Divergence(`replay: the machine is at ${show(now)}, and the recorded one had ${event.kind === "input" ? event.input.kind : event.kind} at ${show(event.at)}`);
  }

  /** A replay: how many instructions may run, and how many deliveries there may have been, before the log has something. */
  limits(): { readonly instructions: number; readonly deliveries: number } {
    const event = this.replaying ? (this.tape as Replay).next() : null;
    if (event === null) return { instructions: Infinity, deliveries: Infinity };
    const left = event.at.instructions - this.parts.position().instructions;
    // One more would be too many, but the machine has to do what comes between two instructions.
    return left > 0 ? { instructions: left, deliveries: Infinity } : { instructions: 1, deliveries: event.at.deliveries - this.parts.clock.timers.fired };
  }

  /** A replay whose guest is halted: throws where nothing can come of it. */
  halted(): void {
    const now = this.parts.position();
    const event = (this.tape as Replay).next();
    const { stuck } = this;
    this.stuck = now;
    if (event === null || stuck === null || this.parts.completions.outstanding > 0) return;
    if (now.instructions === stuck.instructions && now.deliveries === stuck.deliveries && now.ns === stuck.ns && this.compare(event.at) !== 0) throw this.diverged(event);
  }

  // --- State ---------------------------------------------------------------------------------------------------------------

  /** Input that has not taken effect yet. */
  save(): StateFields {
    return { waiting: this.waiting.map(inputFields) };
  }
  restore(r: StateReader): void {
    this.waiting = r.recordList("waiting").map((fields) => {
      const input = inputOf(fields);
      fields.finish();
      return input;
    });
  }
}

/** An input as plain fields, and back. */
export function inputFields(input: MachineInput): StateFields {
  if (input.kind !== "mouse") return { ...(input as Readonly<Record<string, StateValue>>) };
  return { kind: input.kind, ...input.input };
}

/** Throws UserError. */
export function inputOf(r: StateReader): MachineInput {
  const kind = r.string("kind");
  switch (kind) {
    case "serial":
      return { kind, port: r.int("port", 0, 3), bytes: r.bytes("bytes") };
    case "key":
      return { kind, code: r.stringOrNull("code"), pressed: r.bool("pressed") };
    case "mouse":
      return { kind, input: { dx: r.int("dx"), dy: r.int("dy"), dz: r.int("dz"), buttons: r.int("buttons") } };
    case "power-button":
      return { kind };
    case "reseed":
      return { kind, key: r.bytes("key", KEY_BYTES) };
    default:
      throw new UserError(`there is no input '${kind}'`);
  }
}
