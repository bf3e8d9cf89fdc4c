/** Where regions are compiled, and the code that does it, loaded when it is wanted: a page's first visit does without. */
import { InternalError } from "../../base/errors.ts";
import type * as Compile from "./compile.ts";
import type { BatchReply, RegionRequest } from "./request.ts";

/** On this thread, or on one that a front end provides. */
export interface RegionCompiler {
  compile(requests: readonly RegionRequest[], shared: boolean): Promise<BatchReply>;
}

let loaded: typeof Compile | null = null;

export async function loadCompiler(): Promise<typeof Compile> {
  return (loaded ??= await import("./compile.ts"));
}

/** For tier "1", which cannot wait: `loadCompiler` must have come to its end. */
export function loadedCompiler(): typeof Compile {
  if (loaded === null) throw new InternalError("tier 1: loadCompiler has not been called");
  return loaded;
}

export const HERE: RegionCompiler = { compile: async (requests, shared) => (await loadCompiler()).compileBatch(requests, shared) };
