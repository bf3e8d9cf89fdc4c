/** The entries of a recorded run as bytes. Positions are differences to the entry before. docs/REPLAY.md. */
import { UserError } from "../../base/errors.ts";
import { StateReader, type StateFields, type StateValue } from "../../base/persist.ts";
import { inputFields, inputOf, type MachineInput, type Position } from "../machine/door.ts";
import { StateDecoder, StateWriter } from "../state-codec.ts";

/** How a run ended. */
export interface EndOfRun {
  /** By itself: it will do it again. */
  readonly guest: boolean;
  /** Of the report; "cut" for a recording that was stopped while the machine ran on. */
  readonly why: string;
  /** `Machine.stateHash`. */
  readonly hash: string;
}

export type LogEntry =
  | { readonly kind: "time"; readonly at: Position; readonly rate: number }
  | { readonly kind: "input"; readonly at: Position; readonly input: MachineInput }
  | { readonly kind: "completion"; readonly at: Position; readonly request: number; readonly answer: readonly StateValue[] }
  /** A hash of the processor (`full` false), or of everything. */
  | { readonly kind: "hash"; readonly at: Position; readonly full: boolean; readonly hash: bigint }
  | { readonly kind: "reset"; readonly at: Position; readonly guest: boolean }
  | { readonly kind: "end"; readonly at: Position; readonly end: EndOfRun }
  /** A machine is built: its entropy's key. Positions begin anew. */
  | { readonly kind: "power-on"; readonly key: Uint8Array }
  /** What the host's file tree number `channel` answered. Its place in the log says nothing but the order. */
  | { readonly kind: "answer"; readonly channel: number; readonly answer: StateValue };

/** The low bits of an entry's first byte. */
const CODE = { time: 1, input: 2, completion: 3, hash: 4, reset: 5, end: 6, powerOn: 7, answer: 8 } as const;
const CODE_MASK = 0x0f;
/** Further fields are there. */
const HAS_DELIVERIES = 0x10;
const HAS_VALUE = 0x20;
/** For `hash`: full; for `reset`: by the guest. */
const FLAG = 0x40;

/** What an entry's differences refer to. */
class Base {
  instructions = 0;
  deliveries = 0;
  ns = 0;
  /** Of the last setting of the clock. */
  rate = 64;
  timeInstructions = 0;
  timeNs = 0;

  /** Guest time if the clock had gone on since it was last set. */
  expectedNs(instructions: number): number {
    return this.timeNs + Math.floor(((instructions - this.timeInstructions) * this.rate) / 64);
  }
}

export class EntryWriter {
  private base = new Base();
  private out = new StateWriter();

  /** Positions of deterministic machines have a time. */
  constructor(private readonly deterministic: boolean) {}

  get length(): number {
    return this.out.length;
  }
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.out.take();
    this.out = new StateWriter();
    return bytes;
  }

  private start(code: number, at: Position, hasValue: boolean): void {
    const { base, out } = this;
    const deliveries = at.deliveries - base.deliveries;
    out.byte(code | (deliveries !== 0 ? HAS_DELIVERIES : 0) | (hasValue ? HAS_VALUE : 0));
    const instructions = at.instructions - base.instructions;
    out.natural(instructions);
    if (deliveries !== 0) out.natural(deliveries);
    // A nanosecond for each instruction is no news.
    if (this.deterministic) out.natural(at.ns - base.ns - instructions);
    base.instructions = at.instructions;
    base.deliveries = at.deliveries;
    base.ns = at.ns;
  }

  write(entry: LogEntry): void {
    const { base, out } = this;
    switch (entry.kind) {
      case "time": {
        const { at, rate } = entry;
        this.start(CODE.time, at, rate !== base.rate);
        out.natural(at.ns - base.expectedNs(at.instructions));
        if (rate !== base.rate) out.natural(rate);
        base.rate = rate;
        base.timeInstructions = at.instructions;
        base.timeNs = at.ns;
        break;
      }
      case "input":
        this.start(CODE.input, entry.at, false);
        out.value(inputFields(entry.input));
        break;
      case "completion": {
        const trivial = entry.answer.length === 1 && entry.answer[0] === null;
        this.start(CODE.completion, entry.at, !trivial);
        out.natural(entry.request);
        if (!trivial) out.value(entry.answer);
        break;
      }
      case "hash":
        this.start(CODE.hash | (entry.full ? FLAG : 0), entry.at, false);
        out.raw(new Uint8Array(BigUint64Array.of(entry.hash).buffer));
        break;
      case "reset":
        this.start(CODE.reset | (entry.guest ? FLAG : 0), entry.at, false);
        break;
      case "end":
        this.start(CODE.end, entry.at, false);
        out.value({ ...entry.end });
        break;
      case "power-on":
        this.base = new Base();
        out.byte(CODE.powerOn);
        out.sized(entry.key);
        break;
      case "answer":
        out.byte(CODE.answer);
        out.natural(entry.channel);
        out.value(entry.answer);
    }
  }
}

/** Reads the entries of chunk after chunk. */
export class EntryReader {
  private base = new Base();
  private data: StateDecoder | null = null;
  private chunk = 0;

  /** `chunks` unpack themselves when they are met. */
  constructor(
    private readonly chunks: readonly { data(): Uint8Array }[],
    private readonly deterministic: boolean,
  ) {}

  /** Null: there is no more. Throws UserError. */
  next(): LogEntry | null {
    while (this.data === null || this.data.atEnd) {
      if (this.chunk === this.chunks.length) return null;
      this.data = new StateDecoder(this.chunks[this.chunk++].data());
    }
    return this.read(this.data);
  }

  private position(r: StateDecoder, first: number): Position {
    const { base } = this;
    const instructions = r.natural();
    base.instructions += instructions;
    if ((first & HAS_DELIVERIES) !== 0) base.deliveries += r.natural();
    if (this.deterministic) base.ns += instructions + r.natural();
    return { instructions: base.instructions, deliveries: base.deliveries, ns: base.ns };
  }

  private read(r: StateDecoder): LogEntry {
    const first = r.byte();
    const { base } = this;
    switch (first & CODE_MASK) {
      case CODE.time: {
        const at = this.position(r, first);
        const ns = base.expectedNs(at.instructions) + r.natural();
        const rate = (first & HAS_VALUE) !== 0 ? r.natural() : base.rate;
        base.rate = rate;
        base.timeInstructions = at.instructions;
        base.timeNs = ns;
        return { kind: "time", at: { ...at, ns }, rate };
      }
      case CODE.input: {
        const at = this.position(r, first);
        const fields = new StateReader("recording", recordOf(r.value()));
        const input = inputOf(fields);
        fields.finish();
        return { kind: "input", at, input };
      }
      case CODE.completion: {
        const at = this.position(r, first);
        const request = r.natural();
        const answer = (first & HAS_VALUE) !== 0 ? r.value() : [null];
        if (!Array.isArray(answer)) throw damaged();
        return { kind: "completion", at, request, answer: answer as readonly StateValue[] };
      }
      case CODE.hash: {
        const at = this.position(r, first);
        return { kind: "hash", at, full: (first & FLAG) !== 0, hash: new BigUint64Array(r.raw(8).slice().buffer)[0] };
      }
      case CODE.reset:
        return { kind: "reset", at: this.position(r, first), guest: (first & FLAG) !== 0 };
      case CODE.end: {
        const at = this.position(r, first);
        const fields = new StateReader("recording", recordOf(r.value()));
        return { kind: "end", at, end: { guest: fields.bool("guest"), why: fields.string("why"), hash: fields.string("hash") } };
      }
      case CODE.powerOn:
        this.base = new Base();
        return { kind: "power-on", key: r.sized().slice() };
      case CODE.answer:
        return { kind: "answer", channel: r.natural(), answer: r.value() };
      default:
        throw damaged();
    }
  }
}

const damaged = (): UserError => new UserError("the recording is damaged: it has an entry that makes no sense");

function recordOf(v: StateValue): StateFields {
  if (v === null || typeof v !== "object" || Array.isArray(v) || v instanceof Uint8Array) throw damaged();
  return v as StateFields;
}
