/** Guest memory in a region's code: loads, stores and pointers through the data TLB, and patterns in bulk. */
import { TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { emitPattern } from "../lower/bulk.ts";
import type { LocalPool } from "../lower/frame.ts";
import type { FunctionBuilder, ValueType } from "../wasm/function.ts";
import type { RegionNode } from "./node.ts";
import type { PageCache } from "./page-cache.ts";
import { LOAD_OP, type RegionSupport, STORE_OP } from "./support.ts";

/** What lowers the region around. */
export interface MemoryHost {
  readonly fb: FunctionBuilder;
  readonly support: RegionSupport;
  readonly locals: LocalPool;
  readonly pages: PageCache;
  /** Byte address of the data TLB that the present block's code is for. */
  tlbBase(): number;
  /** Leaves a node's value on the stack. */
  value(n: RegionNode): void;
  /** Takes a node's value from the stack, for its uses. */
  keep(n: RegionNode): void;
  /** A node's value in a local, until `done`. */
  inLocal(n: RegionNode, type: ValueType): { readonly local: number; done(): void };
  /** Leaves the region by the node's exit if what is on the stack is not zero. */
  leaveIf(n: RegionNode): void;
}

export class MemoryLowerer {
  constructor(private readonly host: MemoryHost) {}

  private translate(n: RegionNode, bytes: number, tag: typeof TLB_READ | typeof TLB_WRITE, slow: number, flags: number): void {
    const { fb } = this.host;
    const a = this.linear(n);
    const e = this.host.locals.take("i32");
    const found = this.host.locals.take("i64");
    const miss = (): void => {
      fb.get(a.local()).i32(bytes | flags).get(found).call(slow).tee(e).op("i32.eqz");
      this.host.leaveIf(n);
      fb.get(e);
    };
    this.host.pages.translate(n, this.host.tlbBase(), a.local, e, found, bytes, tag, miss);
    for (const l of [e, found]) this.host.locals.release(l);
    a.done();
  }
  /** The access's address, computed where it is first asked for: perhaps only where the region is slow. */
  private linear(n: RegionNode): { readonly local: () => number; readonly done: () => void } {
    let at: { readonly local: number; done(): void } | null = null;
    return { local: () => (at ??= this.host.inLocal(n.args[0], "i64")).local, done: () => at?.done() };
  }
  pointer(n: RegionNode, tag: typeof TLB_READ | typeof TLB_WRITE, flags: number): void {
    this.translate(n, n.imm, tag, tag === TLB_READ ? this.host.support.read : this.host.support.write, flags);
    this.host.keep(n);
  }
  load(n: RegionNode): void {
    const width = n.meta.width;
    this.translate(n, Number(width) / 8, TLB_READ, this.host.support.read, 0);
    this.host.fb.mem(LOAD_OP[width]);
    this.host.keep(n);
  }
  store(n: RegionNode): void {
    const { fb } = this.host;
    const width = Number(n.meta.width);
    const type = width === 128 ? "v128" : width === 64 ? "i64" : "i32";
    const a = this.linear(n);
    const v = this.inLocalOrConst(n.args[1], type);
    const e = this.host.locals.take("i32");
    const found = this.host.locals.take("i64");
    const done = fb.begin("block", "done");
    const slow = fb.begin("block", "slow");
    this.host.pages.translate(n, this.host.tlbBase(), a.local, e, found, width / 8, TLB_WRITE, () => fb.br(slow));
    v.push();
    fb.mem(STORE_OP[width]).br(done).end(slow).get(a.local());
    v.push();
    fb.get(found).call(this.host.support.store[width]);
    this.host.leaveIf(n);
    fb.end(done);
    for (const l of [e, found]) this.host.locals.release(l);
    v.done();
    a.done();
  }
  private inLocalOrConst(n: RegionNode, type: ValueType): { push: () => void; done: () => void } {
    if (n.op === "i32.const") return { push: () => this.host.fb.i32(n.imm), done: () => undefined };
    if (n.op === "i64.const") return { push: () => this.host.fb.i64(n.big), done: () => undefined };
    const l = this.host.inLocal(n, type);
    return { push: () => this.host.fb.get(l.local), done: l.done };
  }

  pattern(n: RegionNode): void {
    const to = this.host.inLocal(n.args[0], "i32");
    const left = this.host.locals.take("i32");
    this.host.value(n.args[1]);
    this.host.fb.set(left);
    const v = this.host.inLocal(n.args[2], "i64");
    emitPattern(this.host.fb, n.imm / 8, to.local, left, v.local);
    this.host.locals.release(left);
    v.done();
    to.done();
  }
}
