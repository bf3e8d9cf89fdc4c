/** The machine's end of a thread that compiles: what the thread cannot do is done here. */
import { afterEach, expect, it, vi } from "vitest";
import { HERE } from "../jit/region/compiler.ts";
import type { BatchReply } from "../jit/region/request.ts";
import { type CompilerAnswer, type CompilerCall, threadCompiler } from "./compiler.ts";

const reply = (name: string): BatchReply => ({ module: null, helpers: [], results: [{ unsupported: name.length }] });
const [THERE, OURS] = [reply("there"), reply("ours, by this thread")];

function setup() {
  const here = vi.spyOn(HERE, "compile").mockImplementation(() => Promise.resolve(OURS));
  const sent: CompilerCall[] = [];
  let answer: (a: CompilerAnswer) => void = () => undefined, die: () => void = () => undefined;
  const start = vi.fn(() => ({
    send: (call: CompilerCall): void => void sent.push(call),
    listen: (onAnswer: typeof answer, onDeath: () => void): void => {
      [answer, die] = [onAnswer, onDeath];
    },
  }));
  return { here, sent, start, compiler: threadCompiler(start), answer: (a: CompilerAnswer) => answer(a), die: () => die() };
}

afterEach(() => void vi.restoreAllMocks());

it("starts the thread for the first region, once; answers belong to their calls", async () => {
  const { compiler, start, sent, answer, here } = setup();
  expect(start).not.toHaveBeenCalled();
  const [a, b] = [compiler.compile([], false), compiler.compile([], true)];
  expect(start).toHaveBeenCalledTimes(1);
  expect(sent.map((call) => call.shared)).toEqual([false, true]);
  const other = reply("x");
  answer({ id: sent[1].id, reply: other });
  answer({ id: sent[0].id, reply: THERE });
  expect([await a, await b]).toEqual([THERE, other]);
  answer({ id: sent[0].id, reply: other }); // said twice
  expect(here).not.toHaveBeenCalled();
});

it("compiles here what the thread could not", async () => {
  const { compiler, sent, answer } = setup();
  const a = compiler.compile([], false);
  answer({ id: sent[0].id, reply: null });
  expect(await a).toBe(OURS);
});

it("compiles here what waited when the thread died, and all that comes later", async () => {
  const { compiler, sent, die, here } = setup();
  const waiting = [compiler.compile([], false), compiler.compile([], true)];
  expect(here).not.toHaveBeenCalled();
  die();
  expect(await Promise.all(waiting)).toEqual([OURS, OURS]);
  expect(await compiler.compile([], false)).toBe(OURS);
  expect(sent).toHaveLength(2);
  expect(here.mock.calls.map(([, shared]) => shared)).toEqual([false, true, false]);
});

it("compiles here where no thread can be started", async () => {
  const { here } = setup();
  const compiler = threadCompiler(() => {
    throw new Error("no thread");
  });
  expect(await compiler.compile([], false)).toBe(OURS);
  expect(here).toHaveBeenCalledTimes(1);
});
