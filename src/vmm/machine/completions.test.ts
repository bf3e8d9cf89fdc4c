/** Late answers: delivered in order, once, and only when the machine asks for them. */
import { expect, it } from "vitest";
import type { BlockBackend, BlockDone } from "../../base/block.ts";
import { Completions, deferred } from "./completions.ts";

function backend(synchronous: boolean, waiting: BlockDone[]): BlockBackend {
  const later = (done: BlockDone): void => {
    if (synchronous) done(null);
    else waiting.push(done);
  };
  return {
    sectors: 8, readOnly: false, synchronous, canDiscard: false,
    read: (_s, _into, done) => later(done), write: (_s, _from, done) => later(done), flush: later,
    discard: (_s, _n, done) => later(done), writeZeroes: (_s, _n, _u, done) => later(done),
  };
}

it("keeps answers until they are drained", () => {
  let attended = 0;
  const completions = new Completions(() => attended++);
  const waiting: BlockDone[] = [];
  const disk = deferred(backend(false, waiting), completions);
  const log: string[] = [];
  disk.read(0, [], () => log.push("first"));
  disk.flush((error) => log.push(`second ${error?.message ?? ""}`));
  expect([completions.outstanding, attended]).toEqual([2, 2]);
  waiting[1]({ kind: "io", message: "gone" });
  waiting[0](null);
  waiting[0](null); // a backend that answers twice
  expect([log.length, completions.pending, completions.outstanding]).toEqual([0, true, 2]);
  completions.drain(false);
  expect([log, completions.pending, completions.outstanding]).toEqual([["second gone", "first"], false, 0]);
});
it("an answer within an answer waits its turn, in the same drain", () => {
  const completions = new Completions(() => undefined);
  const waiting: BlockDone[] = [];
  const disk = deferred(backend(false, waiting), completions);
  let done = 0;
  disk.write(0, [], () => disk.flush(() => done++));
  waiting.shift()?.(null);
  completions.drain(false);
  expect([done, completions.outstanding]).toEqual([0, 1]);
  waiting.shift()?.(null);
  completions.drain(false);
  expect([done, completions.outstanding]).toEqual([1, 0]);
});
it("in order of the requests, once all have been answered (deterministic machines)", () => {
  const completions = new Completions(() => undefined);
  const waiting: BlockDone[] = [];
  const disk = deferred(backend(false, waiting), completions);
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) disk.read(0, [], () => log.push(name));
  waiting[2](null);
  waiting[0](null);
  completions.drain(true);
  expect([log, completions.outstanding]).toEqual([[], 3]);
  waiting[1](null);
  const told: unknown[] = [];
  completions.drain(true, (number, answer) => told.push([number, ...answer]));
  expect([log, told]).toEqual([["a", "b", "c"], [[0, null], [1, null], [2, null]]]);
});
it("a replay gives the recorded answer when the host has answered", () => {
  const completions = new Completions(() => undefined);
  const waiting: BlockDone[] = [];
  const log: unknown[] = [];
  deferred(backend(false, waiting), completions).read(0, [], (error) => log.push(error));
  const failure = { kind: "io", message: "then" } as const;
  expect(completions.replay(0, [failure])).toBe(false);
  waiting[0](null);
  expect(completions.replay(0, [failure])).toBe(true);
  expect([log, completions.outstanding, completions.pending]).toEqual([[failure], 0, false]);
});
it("a synchronous backend is itself", () => {
  const disk = backend(true, []);
  expect(deferred(disk, new Completions(() => undefined))).toBe(disk);
});
