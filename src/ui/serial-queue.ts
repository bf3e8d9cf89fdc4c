/** Flow control of the serial line's output, free of DOM and of xterm.js. Input's is the manager's. */
export { InputQueue } from "../vmm/manager/open.ts";

/** Takes bytes and calls `done` when they have been parsed. */
export type WriteBytes = (bytes: Uint8Array, done: () => void) => void;

/** A piece handed to the terminal at a time: parsed in a few milliseconds, so that the page stays responsive. */
const PIECE = 32 * 1024;
/** Pieces in the terminal's own buffer at a time. */
const IN_FLIGHT = 2;

/**
 * Guest output on its way to the terminal. `push` resolves at once while the backlog is small and otherwise when the
 * terminal has caught up: a worker that awaits it slows the guest down instead of filling the page's memory.
 */
export class OutputQueue {
  private readonly pieces: Uint8Array[] = [];
  private inFlight = 0;
  private backlog = 0;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly write: WriteBytes,
    /** Bytes that may wait. A function, because a page in the background drains slowly and may hold more. */
    private readonly highWater: () => number,
  ) {}

  /** Bytes not yet parsed by the terminal. */
  get pending(): number {
    return this.backlog;
  }

  push(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return Promise.resolve();
    for (let at = 0; at < bytes.length; at += PIECE) this.pieces.push(bytes.subarray(at, at + PIECE));
    this.backlog += bytes.length;
    this.feed();
    if (this.backlog <= this.highWater()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Forgets what has not reached the terminal, and releases whoever waits. */
  clear(): void {
    for (const piece of this.pieces) this.backlog -= piece.length;
    this.pieces.length = 0;
    this.release();
  }

  private feed(): void {
    while (this.inFlight < IN_FLIGHT) {
      const piece = this.pieces.shift();
      if (piece === undefined) return;
      this.inFlight++;
      this.write(piece, () => {
        this.inFlight--;
        this.backlog -= piece.length;
        if (this.backlog <= this.highWater() / 2) this.release();
        this.feed();
      });
    }
  }

  private release(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
