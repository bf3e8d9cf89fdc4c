/** Replays a recorded run: gives the machine what the log has, and compares what it comes to. */
import { UserError } from "../../base/errors.ts";
import type { StateValue } from "../../base/persist.ts";
import { Divergence, type Position, type Replay, type ReplayEvent } from "../machine/door.ts";
import type { Machine } from "../machine/machine.ts";
import { decodeState } from "../state-codec.ts";
import { readBinding, type BoundMachine } from "./binding.ts";
import { Checkpoints } from "./checkpoint.ts";
import { EntryReader, type LogEntry } from "./events.ts";
import { parseLog, type Chunk } from "./log-format.ts";
import { restoreMachine } from "./machine-state.ts";
import type { LogStart } from "./recorder.ts";

/** How a replay ended. */
export interface ReplayResult {
  /** Over all resets. */
  readonly instructions: number;
  /** Of the state at the end, equal to the recorded one; null: the log was cut off before it. */
  readonly hash: string | null;
  /** Hashes on the way that were equal. */
  readonly checkpoints: number;
}

export class Recording {
  readonly machine: BoundMachine;
  readonly start: LogStart;
  /** Options of the command that recorded it. */
  readonly command: readonly string[];
  /** The recorder was killed: the run is there up to a moment before. */
  readonly cut: boolean;
  /** Over all resets. */
  readonly instructions: number;
  readonly events: readonly Chunk[];
  private readonly state: readonly Chunk[];

  /** Throws UserError for what is no log, damaged, or of a newer version. */
  constructor(log: Uint8Array) {
    const { header, chunks, cut } = parseLog(log);
    const bad = new UserError("the recording is damaged: its header does not describe a run");
    if (header === null || typeof header !== "object") throw bad;
    const { machine, start, command } = header as Record<string, unknown>;
    this.machine = readBinding(machine);
    const from = start as { kind?: unknown; id?: unknown } | null | undefined;
    if (from?.kind === "snapshot" && typeof from.id === "string") this.start = { kind: "snapshot", id: from.id };
    else if (from?.kind === "power-on" || from?.kind === "state") this.start = { kind: from.kind };
    else throw bad;
    if (!Array.isArray(command) || !command.every((c) => typeof c === "string")) throw bad;
    this.command = command;
    this.events = chunks.filter((c) => c.kind === "events");
    this.state = chunks.filter((c) => c.kind === "state");
    this.cut = cut || this.events.length === 0;
    this.instructions = this.events.at(-1)?.instructions ?? 0;
  }

  /** Puts a machine where the run began. Throws UserError. */
  restore(machine: Machine): void {
    const { state } = this;
    restoreMachine(machine, (function* () {
      for (const chunk of state) yield decodeState(chunk.data());
    })());
  }
}

export class Player implements Replay {
  readonly mode = "replay";
  private readonly entries: EntryReader;
  private readonly answers: EntryReader;
  /** Answers that another channel was looked for past. */
  private readonly early = new Map<number, StateValue[]>();
  private entry: LogEntry | null = null;
  private event: ReplayEvent | null = null;
  private peeked = false;
  private checkpoints: Checkpoints | null = null;
  private machine: Machine | null = null;
  private total = 0;
  private begun = 0;
  private equal = 0;
  private last: Position = { instructions: 0, deliveries: 0, ns: 0 };

  constructor(readonly recording: Recording) {
    const { events, machine } = recording;
    this.entries = new EntryReader(events, machine.deterministic);
    this.answers = new EntryReader(events, machine.deterministic);
  }

  // --- For the machine's owner ---------------------------------------------------------------------------------------------

  /** The entropy's key of the machine that is to be built: first of all, and after each reset. */
  key(): Uint8Array {
    const entry = this.read();
    if (entry?.kind !== "power-on") throw new UserError(entry === null ? "the recording ends before its machine was switched on" : "the recording is damaged: it does not begin with a machine");
    return entry.key;
  }

  /** A machine where the run begins, or goes on after a reset. */
  attach(machine: Machine): void {
    this.machine = machine;
    this.checkpoints = new Checkpoints(machine);
    this.begun = machine.vcpu.retired;
    machine.tape = this;
  }

  /** The machine was reset, by itself or as the log has it. Throws Divergence. */
  reset(machine: Machine): void {
    const event = this.next();
    if (event?.kind !== "reset" || event.at.instructions !== machine.vcpu.retired) {
      throw new Divergence(`replay: the machine reset itself at instruction ${machine.vcpu.retired}, and the recorded one did not`);
    }
    this.take();
    this.total += machine.vcpu.retired - this.begun;
  }

  /** The machine stands still: by itself (`why` of its report), or because the log says so. Throws Divergence where the recorded one did not end like this. */
  async end(machine: Machine, why: string | null): Promise<ReplayResult> {
    const event = this.next();
    const { entry } = this;
    const instructions = this.instructions;
    if (event === null && why === null) return { instructions, hash: null, checkpoints: this.equal };
    const at = machine.position;
    if (event?.kind !== "end" || entry?.kind !== "end" || event.at.instructions !== at.instructions || event.at.deliveries !== at.deliveries) {
      throw new Divergence(`replay: the machine ended (${why ?? "log"}) at instruction ${at.instructions}, and the recorded one ${event === null ? "had not when its log was cut off" : `went on to ${event.at.instructions}`}`);
    }
    if (why !== null && why !== entry.end.why) throw new Divergence(`replay: the machine ended by ${why}, and the recorded one by ${entry.end.why}`);
    machine.tape = null;
    const hash = await machine.stateHash();
    if (hash !== entry.end.hash) throw new Divergence(`replay: the state at the end, after instruction ${at.instructions}, is ${hash}, and was ${entry.end.hash}${this.since()}`);
    return { instructions, hash, checkpoints: this.equal };
  }

  /** Replayed so far, over all resets. */
  get instructions(): number {
    return this.total + (this.machine === null ? 0 : this.machine.vcpu.retired - this.begun);
  }

  private since(): string {
    return this.equal === 0 ? "" : `; it was equal at instruction ${this.last.instructions}`;
  }

  // --- For the machine's door ----------------------------------------------------------------------------------------------

  next(): ReplayEvent | null {
    if (this.failure !== null) throw this.failure;
    if (this.peeked) return this.event;
    this.entry = this.read();
    this.event = this.entry === null ? null : this.eventOf(this.entry);
    this.peeked = true;
    return this.event;
  }
  take(): void {
    this.peeked = false;
  }

  private read(): LogEntry | null {
    for (;;) {
      const entry = this.entries.next();
      if (entry?.kind !== "answer") return entry;
    }
  }

  private eventOf(entry: LogEntry): ReplayEvent {
    switch (entry.kind) {
      case "time":
      case "input":
      case "completion":
        return entry;
      case "reset":
        return entry;
      case "end":
        return { kind: "end", at: entry.at, guest: entry.end.guest };
      case "hash":
        return { kind: "check", at: entry.at, check: () => this.compare(entry.at, entry.full, entry.hash) };
      case "power-on":
      case "answer":
        throw new UserError("the recording is damaged: a machine begins within another's run");
    }
  }

  private compare(at: Position, full: boolean, recorded: bigint): void {
    const hash = full ? this.checkpoints?.full() : this.checkpoints?.light();
    const show = (n: bigint | undefined): string => (n ?? 0n).toString(16).padStart(16, "0");
    if (hash !== recorded) {
      throw new Divergence(`replay: at instruction ${at.instructions} the ${full ? "state's" : "processor's"} hash is ${show(hash)}, and was ${show(recorded)} (checkpoint ${this.equal + 1})${this.since()}`);
    }
    this.equal++;
    this.last = at;
  }

  // --- For file trees ------------------------------------------------------------------------------------------------------

  /** The next answer of a tree, which is asked for `call`. */
  answer(channel: number, call: string): readonly StateValue[] {
    try {
      const answer = this.early.get(channel)?.shift() ?? this.nextAnswer(channel);
      if (!Array.isArray(answer) || answer.length < 2) throw new UserError("the recording is damaged: a shared folder's answer makes no sense");
      if (answer[0] === call) return answer as readonly StateValue[];
      throw new Divergence(`replay: the guest asked its shared folder for '${call}', and the recorded one for '${String(answer[0])}'`);
    } catch (e) {
      // The file server makes an I/O error of everything.
      this.failure ??= e as Error;
      throw e;
    }
  }
  private failure: Error | null = null;

  private nextAnswer(channel: number): StateValue {
    for (;;) {
      const entry = this.answers.next();
      if (entry === null) throw new Divergence("replay: the guest asks more of its shared folder than the recorded one did");
      if (entry.kind !== "answer") continue;
      if (entry.channel === channel) return entry.answer;
      const waiting = this.early.get(entry.channel);
      if (waiting === undefined) this.early.set(entry.channel, [entry.answer]);
      else waiting.push(entry.answer);
    }
  }
}
