/** The thread that compiles regions, in Node. */
import { parentPort } from "node:worker_threads";
import { answerCompilerCall, type CompilerCall } from "../vmm/compiler.ts";

parentPort?.on("message", (call: CompilerCall) => {
  void answerCompilerCall(call).then((answer) => parentPort?.postMessage(answer));
});
