/** Writes a run down as it happens: entries into chunks, chunks to a sink. */
import { UserError } from "../../base/errors.ts";
import type { StateValue } from "../../base/persist.ts";
import type { MachineInput, Position, Recording } from "../machine/door.ts";
import type { Machine } from "../machine/machine.ts";
import { encodeState } from "../state-codec.ts";
import type { BoundMachine } from "./binding.ts";
import { Checkpoints, FULL_EVERY, LIGHT_EVERY } from "./checkpoint.ts";
import { EntryWriter, type LogEntry } from "./events.ts";
import { encodeChunk, encodeHead } from "./log-format.ts";
import { machineState } from "./machine-state.ts";

/** Where the log goes, in order. */
export interface LogSink {
  write(bytes: Uint8Array<ArrayBuffer>): void;
}

/** Where a recorded run begins. */
export type LogStart = { readonly kind: "power-on" } | { readonly kind: "state" } | { readonly kind: "snapshot"; readonly id: string };

export interface LogHeader {
  readonly machine: BoundMachine;
  readonly start: LogStart;
  /** The options of the command that recorded. */
  readonly command: readonly string[];
}

export interface RecorderOptions {
  readonly command?: readonly string[];
  /** Instructions between hashes of everything; 0: none but at the end. */
  readonly fullEvery?: number;
}

/** Bytes of entries in a chunk, and the longest that they wait. */
const CHUNK_BYTES = 64 << 10;
const CHUNK_MS = 1000;

export class Recorder implements Recording {
  readonly mode = "record";
  private readonly entries: EntryWriter;
  private checkpoints: Checkpoints | null = null;
  private machine: Machine | null = null;
  private nextLight = 0;
  private nextFull = 0;
  private readonly fullEvery: number;
  /** Deliveries of the machine before the log began. */
  private before = 0;
  /** Instructions of the machines before a reset, and where this one stood when the log began. */
  private total = 0;
  private begun = 0;
  /** The header is written. */
  private begins = false;
  private flushedMs = -Infinity;
  private failure: unknown = null;
  private ended = false;

  constructor(
    private readonly sink: LogSink,
    private readonly bound: BoundMachine,
    private readonly options: RecorderOptions = {},
  ) {
    this.entries = new EntryWriter(bound.deterministic);
    this.fullEvery = options.fullEvery ?? FULL_EVERY;
  }

  private head(start: LogStart): void {
    this.begins = true;
    const header: LogHeader = { machine: this.bound, start, command: this.options.command ?? [] };
    this.put(encodeHead(header));
  }

  /** The run begins with a machine that stands before its first instruction. `key`: of its entropy. */
  powerOn(machine: Machine, key: Uint8Array): void {
    if (!this.begins) this.head({ kind: "power-on" });
    this.entries.write({ kind: "power-on", key });
    this.attach(machine);
  }

  /** The run begins in the middle, with a machine as it is; `snapshot` names it where it is kept elsewhere. Between runs of it. */
  from(machine: Machine, snapshot: string | null): void {
    this.head(snapshot === null ? { kind: "state" } : { kind: "snapshot", id: snapshot });
    if (snapshot === null) for (const piece of machineState(machine)) this.put(encodeChunk("state", encodeState(piece), 0));
    this.attach(machine);
  }

  private attach(machine: Machine): void {
    const { instructions, deliveries } = machine.position;
    this.machine = machine;
    this.checkpoints = new Checkpoints(machine);
    this.before = deliveries;
    this.begun = instructions;
    this.nextLight = instructions + LIGHT_EVERY;
    this.nextFull = instructions + (this.fullEvery || Infinity);
    machine.tape = this;
  }

  /** Why nothing more is recorded: the sink failed. */
  get error(): UserError | null {
    if (this.failure === null) return null;
    return new UserError(`recording: ${this.failure instanceof Error ? this.failure.message : String(this.failure)}`);
  }

  private put(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.failure !== null) return;
    try {
      this.sink.write(bytes);
    } catch (e) {
      this.failure = e;
    }
  }

  private add(entry: LogEntry): void {
    this.entries.write(entry);
    if (this.entries.length >= CHUNK_BYTES) this.flush();
  }

  private at({ instructions, deliveries, ns }: Position): Position {
    return { instructions, deliveries: deliveries - this.before, ns };
  }

  /** What is not in the sink yet goes there. */
  flush(): void {
    if (this.entries.length === 0) return;
    this.put(encodeChunk("events", this.entries.take(), this.total + (this.machine?.vcpu.retired ?? 0) - this.begun));
  }

  /** Now and then: a killed recorder loses a second. */
  poll(nowMs: number): void {
    if (nowMs - this.flushedMs < CHUNK_MS) return;
    this.flushedMs = nowMs;
    this.flush();
  }

  time(at: Position, rate: number): void {
    this.add({ kind: "time", at: this.at(at), rate });
  }
  input(at: Position, input: MachineInput): void {
    this.add({ kind: "input", at: this.at(at), input });
  }
  completion(at: Position, request: number, answer: readonly unknown[]): void {
    this.add({ kind: "completion", at: this.at(at), request, answer: answer as readonly StateValue[] });
  }
  answer(channel: number, answer: StateValue): void {
    if (!this.ended) this.add({ kind: "answer", channel, answer });
  }
  passed(at: Position): void {
    const { checkpoints } = this;
    if (at.instructions < this.nextLight || checkpoints === null) return;
    this.nextLight = at.instructions + LIGHT_EVERY;
    const full = at.instructions >= this.nextFull;
    if (full) this.nextFull = at.instructions + this.fullEvery;
    this.add({ kind: "hash", at: this.at(at), full, hash: full ? checkpoints.full() : checkpoints.light() });
  }

  /** The machine was reset; `powerOn` follows with the next one. `guest`: by itself. */
  reset(at: Position, guest: boolean): void {
    this.add({ kind: "reset", at: this.at(at), guest });
    this.total += at.instructions - this.begun;
    this.begun = 0;
  }

  /** The run ended, or is not recorded any more: the machine stands still meanwhile. */
  async end(machine: Machine, guest: boolean, why: string): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    const hash = await machine.stateHash();
    this.entries.write({ kind: "end", at: this.at(machine.position), end: { guest, why, hash } });
    this.flush();
    machine.tape = null;
  }
}
