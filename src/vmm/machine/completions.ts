/** Late answers of the host (a disk over HTTP): kept until the machine takes them, between two instructions. */
import type { BlockBackend, BlockDone } from "../../base/block.ts";

export class Completions {
  /** Requests whose answers have not been delivered. */
  outstanding = 0;
  private readonly arrived: (() => void)[] = [];

  /** `attend`: something has begun or arrived, and the machine should look at it soon. */
  constructor(private readonly attend: () => void) {}

  get pending(): boolean {
    return this.arrived.length > 0;
  }

  /** Turns a completion callback into one that waits for `drain`. */
  defer<A extends readonly unknown[]>(done: (...answer: A) => void): (...answer: A) => void {
    this.outstanding++;
    this.attend();
    let called = false;
    return (...answer) => {
      if (called) return;
      called = true;
      this.arrived.push(() => {
        this.outstanding--;
        done(...answer);
      });
      this.attend();
    };
  }

  /** Delivers what has arrived, in order of arrival. The machine calls it, at a point of guest time that a log can name. */
  drain(): void {
    for (let next = this.arrived.shift(); next !== undefined; next = this.arrived.shift()) next();
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
