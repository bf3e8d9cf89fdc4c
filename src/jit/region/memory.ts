/** Guest memory in a region's code: loads, stores and pointers through the data TLB, and patterns in bulk. */
import { InternalError } from "../../base/errors.ts";
import { TLB_ADDEND, TLB_READ, TLB_WRITE } from "../../cpu/layout.ts";
import { emitPattern } from "../lower/bulk.ts";
import type { LocalPool } from "../lower/frame.ts";
import { allows, dataEntry } from "../lower/tlb.ts";
import type { FunctionBuilder, ValueType } from "../wasm/function.ts";
import type { RegionNode } from "./node.ts";
import type { HeldAddresses, Place } from "./held.ts";
import type { PageCache } from "./page-cache.ts";
import type { Span, Spans } from "./spans.ts";
import { LOAD_OP, type RegionSupport, STORE_OP } from "./support.ts";

/** What lowers the region around. */
export interface MemoryHost {
  readonly fb: FunctionBuilder;
  readonly support: RegionSupport;
  readonly locals: LocalPool;
  readonly pages: PageCache;
  readonly held: HeldAddresses;
  readonly spans: Spans;
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

/** An access of a place that is looked up for several. */
interface Near {
  readonly place: Place;
  readonly distance: number;
  /** Whether it looks the place up, if nobody has or if that found nothing. */
  readonly asks: "first" | "again" | "never";
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
    const near = this.near(n);
    if (near !== null) {
      const { fb } = this.host;
      this.inPlace(n, near, "i32", (at, distance) => {
        fb.get(at);
        if (distance !== 0) fb.i32(distance).op("i32.add");
      }, (linear, found) => this.slow(n, linear, found, tag === TLB_READ ? this.host.support.read : this.host.support.write, n.imm | flags));
      this.host.keep(n);
      return;
    }
    this.translate(n, n.imm, tag, tag === TLB_READ ? this.host.support.read : this.host.support.write, flags);
    this.host.keep(n);
  }
  load(n: RegionNode): void {
    const width = n.meta.width;
    const near = this.near(n);
    if (near !== null) {
      const { fb } = this.host;
      this.inPlace(n, near, n.type, (at, distance) => fb.get(at).mem(LOAD_OP[width], distance), (linear, found) => {
        this.slow(n, linear, found, this.host.support.read, n.meta.bytes);
        fb.mem(LOAD_OP[width]);
      });
      this.host.keep(n);
      return;
    }
    this.translate(n, Number(width) / 8, TLB_READ, this.host.support.read, 0);
    this.host.fb.mem(LOAD_OP[width]);
    this.host.keep(n);
  }
  store(n: RegionNode): void {
    const { fb } = this.host;
    const width = Number(n.meta.width);
    const type = width === 128 ? "v128" : width === 64 ? "i64" : "i32";
    const near = this.near(n);
    if (near !== null) {
      const v = this.inLocalOrConst(n.args[1], type);
      this.inPlace(n, near, null, (at, distance) => {
        fb.get(at);
        v.push();
        fb.mem(STORE_OP[width], distance);
      }, (linear, found) => {
        fb.get(linear());
        v.push();
        if (found === null) fb.i64(0n);
        else fb.get(found);
        fb.call(this.host.support.store[width]);
        this.host.leaveIf(n);
      });
      v.done();
      return;
    }
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
  /** Leaves what a slow path answers, or leaves the region. `found`: the tag, where it was loaded. */
  private slow(n: RegionNode, linear: () => number, found: number | null, path: number, bytesAndFlags: number): void {
    const { fb } = this.host;
    const e = this.host.locals.take("i32");
    fb.get(linear()).i32(bytesAndFlags);
    if (found === null) fb.i64(0n);
    else fb.get(found);
    fb.call(path).tee(e).op("i32.eqz");
    this.host.leaveIf(n);
    fb.get(e);
    this.host.locals.release(e);
  }

  /** Where the spans that have been looked up begin, and how many of their accesses are still to come. */
  private readonly begun = new Map<Span, { readonly local: number; left: number }>();

  /** Where the access is near others, if it is. */
  private near(n: RegionNode): Near | null {
    const held = this.host.held.of(n);
    if (held !== null) return { place: held.place, distance: held.distance, asks: "again" };
    const span = this.host.spans.of(n);
    if (span === null) return null;
    let begun = this.begun.get(span);
    if (span.leader === n) this.begun.set(span, (begun = { local: this.host.locals.take("i32"), left: span.members.size }));
    if (begun === undefined) throw new InternalError("region: a span without its first access");
    return {
      place: { local: begun.local, bytes: span.to - span.from, tag: span.tag }, distance: (span.members.get(n) ?? 0) - span.from, asks: span.leader === n ? "first" : "never",
    };
  }

  /**
   * One access of a place: `hit` is emitted with the local that holds its start and the access's distance from there, `miss` with the address (asked for
   * where it is needed) and the tag that was found. Both leave a value of `type`.
   */
  private inPlace(n: RegionNode, { place, distance, asks }: Near, type: ValueType | null, hit: (start: number, distance: number) => void, miss: (linear: () => number, found: number | null) => void): void {
    const { fb, locals } = this.host;
    const { local, bytes, tag } = place;
    const a = this.linear(n);
    const done = fb.begin("block", "done", type);
    const slow = fb.begin("block", "slow");
    if (asks !== "first") {
      fb.get(local).op("i32.eqz").unlikely().brIf(slow);
      hit(local, distance);
      fb.br(done).end(slow);
    }
    if (asks === "never") miss(a.local, null);
    else {
      const [entry, found, low] = [locals.take("i32"), locals.take("i64"), locals.take("i64")];
      const unknown = asks === "first" ? slow : fb.begin("block", "unknown");
      fb.get(a.local());
      if (distance !== 0) fb.i64(BigInt(-distance)).op("i64.add");
      fb.set(low);
      dataEntry(fb, low).set(entry);
      allows(fb, low, entry, found, this.host.tlbBase(), bytes, tag);
      fb.op("i32.eqz").unlikely().brIf(unknown);
      fb.get(low).op("i32.wrap_i64").get(entry).mem("i32.load", this.host.tlbBase() + TLB_ADDEND).op("i32.add").set(local);
      hit(local, distance);
      fb.br(done).end(unknown);
      if (asks === "first") fb.i32(0).set(local);
      miss(a.local, found);
      for (const l of [entry, found, low]) locals.release(l);
    }
    fb.end(done);
    a.done();
    const span = this.host.spans.of(n);
    const begun = span === null ? undefined : this.begun.get(span);
    if (begun !== undefined && --begun.left === 0) locals.release(begun.local);
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
