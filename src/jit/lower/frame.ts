/** What lowering needs to know of the Wasm function it emits into. */
import type { HelperName } from "../../cpu/helpers/signatures.ts";
import type { FunctionBuilder, ValueType } from "../wasm/function.ts";

/** Function indices of the module's own support functions. */
export interface Support {
  /** (linear i64, size i32) -> linear-memory address or 0. */
  readonly readSlow: number;
  /** (linear i64, size | SLOW_RMW i32) -> linear-memory address or 0. */
  readonly writeSlow: number;
  readonly commit: number;
  /** By width in bits: (linear i64, value) -> 0, or 1 for a fault. */
  readonly storeSlow: Readonly<Record<number, number>>;
  /** (offset i64, segment address i32, size i32, write i32) -> i64. */
  readonly segmentLinear: number;
  /** (record i32, page i64) -> i64. */
  readonly eaOffset: number;
  /** (record i32, page i64, size | flags i32, write i32) -> i64. */
  readonly eaLinear: number;
  readonly helper: (name: HelperName) => number;
  /** The function of a pure IR operation that WebAssembly lacks (shared-ops.ts). */
  readonly shared: (op: string) => number;
}

/** A function that executes instruction records (tier 0): how an instruction ends differs between inline and outlined handlers. */
export interface Frame {
  readonly fb: FunctionBuilder;
  readonly support: Support;
  /** Local indices. */
  readonly rec: number;
  readonly vpage: number;
  readonly locals: LocalPool;
  /** Pushes the data TLB's address. */
  tlbBase(): void;
  /** Before anything in TypeScript is called: it may look at STATE.icount. */
  sync(): void;
  /** Ends the instruction; nothing after it is reached. */
  next(): void;
  again(): void;
  direct(): void;
  /** The target is on the stack (i64). */
  jump(): void;
  fault(): void;
  /** A nonzero STATUS in a local. */
  status(local: number): void;
}

/** Reusable locals of one function. */
export class LocalPool {
  private readonly free: Record<ValueType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private readonly used: { type: ValueType; local: number }[] = [];
  constructor(private readonly fb: FunctionBuilder) {}

  take(type: ValueType): number {
    const local = this.free[type].pop() ?? this.fb.local(type);
    this.used.push({ type, local });
    return local;
  }
  release(local: number): void {
    const i = this.used.findLastIndex((u) => u.local === local);
    if (i < 0) return;
    this.free[this.used[i].type].push(local);
    this.used.splice(i, 1);
  }
  /** Everything goes back: the instruction is done. */
  reset(): void {
    for (const u of this.used.reverse()) this.free[u.type].push(u.local);
    this.used.length = 0;
  }
}
