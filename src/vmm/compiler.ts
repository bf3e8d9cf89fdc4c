/** Region compilation on a thread of its own: both ends of its message channel. */
import { HERE, type RegionCompiler } from "../jit/region/compiler.ts";
export { loadCompiler, type RegionCompiler } from "../jit/region/compiler.ts";
import type { BatchReply, RegionRequest } from "../jit/region/request.ts";

export interface CompilerCall {
  readonly id: number;
  readonly requests: readonly RegionRequest[];
  readonly shared: boolean;
}
export interface CompilerAnswer {
  readonly id: number;
  readonly reply: BatchReply | null;
}

/** A channel to the thread; `listen` also learns of its death. */
export interface CompilerThread {
  send(call: CompilerCall): void;
  listen(onAnswer: (answer: CompilerAnswer) => void, onDeath: () => void): void;
}

/** The machine's end; `start` is called for the first region. What the thread cannot do (it died, or never came up) is compiled here. */
export function threadCompiler(start: () => CompilerThread): RegionCompiler {
  let thread: CompilerThread | null = null;
  const waiting = new Map<number, { call: CompilerCall; resolve: (reply: BatchReply) => void; reject: (e: unknown) => void }>();
  let next = 0;
  let dead = false;
  const here = ({ call, resolve, reject }: { call: CompilerCall; resolve: (reply: BatchReply) => void; reject: (e: unknown) => void }): void => {
    HERE.compile(call.requests, call.shared).then(resolve, reject);
  };
  const running = (): CompilerThread => {
    if (thread !== null) return thread;
    thread = start();
    thread.listen(
      ({ id, reply }) => {
        const w = waiting.get(id);
        waiting.delete(id);
        if (w === undefined) return;
        if (reply === null) here(w);
        else w.resolve(reply);
      },
      () => {
        dead = true;
        for (const w of waiting.values()) here(w);
        waiting.clear();
      },
    );
    return thread;
  };
  return {
    compile: (requests, shared) => {
      if (dead) return HERE.compile(requests, shared);
      return new Promise((resolve, reject) => {
        const call = { id: next++, requests, shared };
        try {
          const to = running();
          waiting.set(call.id, { call, resolve, reject });
          to.send(call);
        } catch {
          dead = true;
          here({ call, resolve, reject });
        }
      });
    },
  };
}

/** The thread's end. */
export async function answerCompilerCall(call: CompilerCall): Promise<CompilerAnswer> {
  try {
    return { id: call.id, reply: await HERE.compile(call.requests, call.shared) };
  } catch {
    return { id: call.id, reply: null };
  }
}
