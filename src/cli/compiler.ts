/** Region compilation on a worker thread of Node. */
import { Worker } from "node:worker_threads";
import { type CompilerAnswer, type RegionCompiler, threadCompiler } from "../vmm/compiler.ts";

/** Does not keep the process alive. */
export function nodeCompiler(): RegionCompiler {
  return threadCompiler(() => {
    const worker = new Worker(new URL("../../bin/compile-thread.mjs", import.meta.url));
    worker.unref();
    return {
      send: (call) => worker.postMessage(call),
      listen: (onAnswer, onDeath) => {
        worker.on("message", (answer: CompilerAnswer) => onAnswer(answer));
        worker.on("error", onDeath);
      },
    };
  });
}
