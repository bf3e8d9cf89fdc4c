/** Late answers of the host (a disk over HTTP): kept until the machine takes them, between two instructions. */
import type { BlockBackend, BlockDone } from "../../base/block.ts";

type Answer = readonly unknown[];

interface Request {
  /** Null: not yet. */
  answer: Answer | null;
  readonly done: (...answer: never) => void;
}

export class Completions {
  /** Requests ever made: each one's number is how many were before it. */
  issued = 0;
  /** Those whose answers have not been delivered, oldest first. */
  private readonly requests = new Map<number, Request>();
  /** Those whose answers are here, in order of arrival. */
  private arrived: number[] = [];

  /** `attend`: something has begun or arrived, and the machine should look at it soon. */
  constructor(private readonly attend: () => void) {}

  get pending(): boolean {
    return this.arrived.length > 0;
  }
  get outstanding(): number {
    return this.requests.size;
  }

  /** Turns a completion callback into one that waits for `drain`. */
  defer<A extends readonly unknown[]>(done: (...answer: A) => void): (...answer: A) => void {
    const number = this.issued++;
    const request: Request = { answer: null, done: done as Request["done"] };
    this.requests.set(number, request);
    this.attend();
    return (...answer) => {
      if (request.answer !== null) return;
      request.answer = answer;
      this.arrived.push(number);
      this.attend();
    };
  }

  /**
   * Delivers what has arrived, at a point of guest time that a log can name. `ordered`: nothing until everything has arrived, and
   * then in order of the requests, which no host decides. `tell` learns each one's number and answer first.
   */
  drain(ordered: boolean, tell?: (number: number, answer: Answer) => void): void {
    while (this.arrived.length > 0 && !(ordered && this.arrived.length < this.requests.size)) {
      const now = this.arrived;
      this.arrived = [];
      if (ordered) now.sort((a, b) => a - b);
      for (const number of now) {
        tell?.(number, this.requests.get(number)?.answer ?? []);
        this.deliver(number);
      }
    }
  }

  /** A replay: the answer that the log has, once the host has given one too. False: it has not yet. */
  replay(number: number, answer: Answer): boolean {
    const at = this.arrived.indexOf(number);
    if (at < 0) return false;
    this.arrived.splice(at, 1);
    this.deliver(number, answer);
    return true;
  }

  private deliver(number: number, recorded?: Answer): void {
    const request = this.requests.get(number);
    this.requests.delete(number);
    if (request !== undefined && request.answer !== null) request.done(...((recorded ?? request.answer) as never));
  }
}

/** A backend whose answers come through `completions`; a synchronous one as it is. */
export function deferred(backend: BlockBackend, completions: Completions): BlockBackend {
  if (backend.synchronous) return backend;
  const defer = (done: BlockDone): BlockDone => completions.defer(done);
  return {
    sectors: backend.sectors,
    readOnly: backend.readOnly,
    synchronous: false,
    canDiscard: backend.canDiscard,
    read: (sector, into, done) => backend.read(sector, into, defer(done)),
    write: (sector, from, done) => backend.write(sector, from, defer(done)),
    flush: (done) => backend.flush(defer(done)),
    discard: (sector, count, done) => backend.discard(sector, count, defer(done)),
    writeZeroes: (sector, count, unmap, done) => backend.writeZeroes(sector, count, unmap, defer(done)),
  };
}
