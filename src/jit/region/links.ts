/**
 * Where regions find each other: an index of the table of regions for each entry point that a direct call or jump of a region leads to, kept
 * as long as there is one. While nothing is compiled there, the table has a function at it that sends control on to whoever looks it up.
 */
import { LINKED_BASE, REGION_EXIT, STATE } from "../../cpu/layout.ts";
import { FunctionBuilder } from "../wasm/function.ts";
import { ModuleBuilder } from "../wasm/module.ts";

/** What an exit or a call leads to. */
export interface Link {
  /** In the table of regions. */
  readonly index: number;
  /** The physical page that the target was in. */
  readonly ppn: number;
}

/** Key of Region.links: the target's offset, and what its Block.open would be. */
export const linkKey = (offset: number, open: boolean): number => offset * 2 + (open ? 1 : 0);

/** A region's parameters: the linear address of its entry, and instructions that are left. STATE.rip and STATE.regionLeft say the same. */
const REGION_PARAMETERS = ["i64", "i32"] as const;

/** "jumpOut" needs tail calls, "unlinked" nothing. */
export interface LinkFunctions {
  readonly unlinked: unknown;
  /** (rip, instructions left, index): to the region there, in place of the one that jumps. Null where the host has no tail calls. */
  readonly jumpOut: unknown;
}

function linkModule(tailCalls: boolean, shared: boolean): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder();
  m.importMemory({ module: "env", name: "memory", minimum: 1, maximum: 65536, shared });
  m.importTable({ module: "env", name: "regions" });
  const type = m.type(REGION_PARAMETERS, ["i32"]);
  m.export("unlinked", m.addFunction(new FunctionBuilder(REGION_PARAMETERS, ["i32"], "unlinked").i32(REGION_EXIT.lookup)));
  if (tailCalls) {
    const f = new FunctionBuilder(["i64", "i32", "i32"], ["i32"], "jumpOut");
    const [rip, left, index] = [0, 1, 2];
    const at = f.local("i32");
    f.i32(0).get(rip).mem("i64.store", STATE.rip).i32(0).get(left).mem("i32.store", STATE.regionLeft);
    // Something wants to be looked at, or the page is another one now.
    f.i32(0).mem("i32.load", STATE.regionStop).i32(0).mem("i32.load", STATE.limit).i32(0).mem("i32.load", STATE.regionLimit).op("i32.ne").op("i32.or");
    f.get(index).op("i32.eqz").op("i32.or");
    const stop = f.unlikely().begin("if", "stop");
    f.i32(REGION_EXIT.lookup).op("return").end(stop);
    countEntry(f, index, at);
    f.get(rip).get(left).get(index).returnCallIndirect(type, 0);
    m.export("jumpOut", m.addFunction(f));
  }
  return m.encode(false);
}

/** Counts an entry of the region at `index` (a local). `at`: an i32 local for use here. */
export function countEntry(f: FunctionBuilder, index: number, at: number): void {
  f.get(index).i32(2).op("i32.shl").tee(at).get(at).mem("i32.load", LINKED_BASE).i32(1).op("i32.add").mem("i32.store", LINKED_BASE);
}

let tailCalls: boolean | null = null;
/** Whether the host has WebAssembly's tail calls. */
export function hasTailCalls(): boolean {
  return (tailCalls ??= WebAssembly.validate(linkModule(true, false)));
}

export function linkFunctions(memory: WebAssembly.Memory, table: WebAssembly.Table): LinkFunctions {
  const module = new WebAssembly.Module(linkModule(hasTailCalls(), !(memory.buffer instanceof ArrayBuffer)));
  const { exports } = new WebAssembly.Instance(module, { env: { memory, regions: table } });
  return { unlinked: exports["unlinked"], jumpOut: exports["jumpOut"] ?? null };
}

/** The indices in use. */
export class Links {
  private readonly used = new Map<string, { readonly index: number; users: number }>();
  private readonly free: number[] = [];
  /** 0 is no index. */
  private next = 1;

  constructor(
    private readonly table: WebAssembly.Table,
    private readonly unlinked: unknown,
    private readonly entries: Int32Array,
  ) {}

  /** One more user of the index for `key`; 0: there is no room. */
  take(key: string): number {
    let link = this.used.get(key);
    if (link === undefined) {
      const index = this.free.pop() ?? (this.next < this.table.length ? this.next++ : 0);
      if (index === 0) return 0;
      this.used.set(key, (link = { index, users: 0 }));
      this.set(index, null);
    }
    link.users++;
    return link.index;
  }

  giveBack(key: string): void {
    const link = this.used.get(key);
    if (link === undefined || --link.users > 0) return;
    this.used.delete(key);
    this.free.push(link.index);
  }

  /** What is entered at `index` from now on; null: nothing is compiled there. */
  set(index: number, code: unknown): void {
    this.table.set(index, code ?? this.unlinked);
    this.entries[index] = 0;
  }

  /** How often the region at `index` was entered. */
  entered(index: number): number {
    return this.entries[index];
  }
}
