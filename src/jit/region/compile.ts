/** Requests to compiled code: everything between the scanner and the installation, free of the machine's state, so that it can run anywhere. */
import { buildRegion, type RegionIr, UnsupportedAt } from "./build.ts";
import { analyse, type Liveness } from "./liveness.ts";
import { type BatchItem, buildModule, type BatchModule } from "./module.ts";
import { type BatchReply, type CompiledRegion, decodeRegion, type RegionRequest } from "./request.ts";
import type { Region } from "./shape.ts";

/** Throws if the IR breaks a rule (validate.ts). */
export type RegionCheck = (ir: RegionIr, live: Liveness) => void;

/** The host's clock, ms; the language's own types do not have it. */
declare const performance: { now(): number };

/** A module with one region, or the offset of an instruction that must stay outside. */
export function compileOne(shape: Region, options: BatchItem["options"], shared: boolean, check?: RegionCheck): BatchModule | { readonly unsupported: number } {
  try {
    const ir = buildRegion(shape);
    const live = analyse(ir);
    check?.(ir, live);
    return buildModule([{ ir, live, options }], shared);
  } catch (e) {
    if (!(e instanceof UnsupportedAt)) throw e;
    return { unsupported: e.offset };
  }
}

export async function compileBatch(requests: readonly RegionRequest[], shared: boolean): Promise<BatchReply> {
  const items: BatchItem[] = [];
  const at: number[] = [];
  const ownMs: number[] = [];
  const results: (CompiledRegion | { readonly unsupported: number } | null)[] = requests.map((request, i) => {
    const from = performance.now();
    try {
      const ir = buildRegion(decodeRegion(request));
      items.push({ ir, live: analyse(ir), options: { tlbBase: request.tlbBase, name: request.name } });
      ownMs.push(performance.now() - from);
      at.push(i);
      return null;
    } catch (e) {
      if (!(e instanceof UnsupportedAt)) throw e;
      return { unsupported: e.offset };
    }
  });
  if (items.length === 0) return { module: null, helpers: [], results: results.map((r) => r ?? { unsupported: 0 }) };
  const from = performance.now();
  const built = buildModule(items, shared);
  const module = await WebAssembly.compile(built.bytes);
  const together = performance.now() - from;
  const total = built.functions.reduce((sum, f) => sum + f.size, 0);
  at.forEach((i, n) => {
    const { name, size } = built.functions[n];
    results[i] = { name, size, ns: Math.round((ownMs[n] + (together * size) / total) * 1e6) };
  });
  return { module, helpers: built.helpers, results: results.map((r) => r ?? { unsupported: 0 }) };
}
