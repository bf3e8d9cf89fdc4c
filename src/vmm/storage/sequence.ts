/** Disk requests made of several others, written in order, that complete at once when all of theirs do. */
import type { BlockDone, BlockError } from "../../base/block.ts";

/** Starts one request. */
export type Io = (done: BlockDone) => void;

/** Yields requests, gets each one's outcome, ends with its own. */
export type Sequence = Generator<Io, BlockError | null, BlockError | null>;

/** Runs a sequence: on this stack as far as its requests complete on it, then from their completions. No recursion grows with it. */
export function runSequence(sequence: Sequence, done: BlockDone): void {
  const go = (outcome: BlockError | null): void => {
    let last = outcome;
    for (;;) {
      const step = sequence.next(last);
      if (step.done === true) {
        done(step.value);
        return;
      }
      let complete = false;
      let later = false;
      step.value((error) => {
        if (later) go(error);
        else {
          complete = true;
          last = error;
        }
      });
      if (!complete) {
        later = true;
        return;
      }
    }
  };
  go(null);
}

/** Calls `done` when `count` others have been called: with the first error, if any. `count` may be 0. */
export function join(count: number, done: BlockDone): BlockDone {
  let left = count;
  let failure: BlockError | null = null;
  if (left === 0) done(null);
  return (error) => {
    failure ??= error;
    if (--left === 0) done(failure);
  };
}
