/** Requests to compiled code: everything between the scanner and the installation, free of the machine's state, so that it can run anywhere. */
import type { HelperName } from "../../cpu/helpers/signatures.ts";
import { buildRegion, UnsupportedAt } from "./build.ts";
import { analyse } from "./liveness.ts";
import { type BatchItem, buildModule } from "./module.ts";
import { decodeRegion, type RegionRequest } from "./request.ts";

export interface BatchReply {
  /** null when nothing could be compiled. */
  readonly module: WebAssembly.Module | null;
  readonly helpers: readonly HelperName[];
  /** For each request: the export's name and its size in bytes, or the offset of an instruction that must stay outside. */
  readonly results: readonly ({ readonly name: string; readonly size: number } | { readonly unsupported: number })[];
}

/** Where regions are compiled: on this thread, or on one that a front end provides. */
export interface RegionCompiler {
  compile(requests: readonly RegionRequest[], shared: boolean): Promise<BatchReply>;
}

export async function compileBatch(requests: readonly RegionRequest[], shared: boolean): Promise<BatchReply> {
  const items: BatchItem[] = [];
  const at: number[] = [];
  const results: (BatchReply["results"][number] | null)[] = requests.map((request, i) => {
    try {
      const ir = buildRegion(decodeRegion(request));
      items.push({ ir, live: analyse(ir), options: { tlbBase: request.tlbBase, name: request.name } });
      at.push(i);
      return null;
    } catch (e) {
      if (!(e instanceof UnsupportedAt)) throw e;
      return { unsupported: e.offset };
    }
  });
  if (items.length === 0) return { module: null, helpers: [], results: results.map((r) => r ?? { unsupported: 0 }) };
  const built = buildModule(items, shared);
  at.forEach((i, n) => (results[i] = { name: built.functions[n].name, size: built.functions[n].size }));
  return { module: await WebAssembly.compile(built.bytes), helpers: built.helpers, results: results.map((r) => r ?? { unsupported: 0 }) };
}

export const HERE: RegionCompiler = { compile: compileBatch };
