/** One virtual CPU: state, MMU, helpers, the generated interpreter and its decode cache, and the loop that runs them. */
import type { CpuEnvironment } from "../cpu/env.ts";
import { createCpuHelpers, type CpuHelpers, type CpuModel } from "../cpu/helpers/index.ts";
import { ISA } from "../cpu/isa/isa.ts";
import { EXIT, FLAG, STATE } from "../cpu/layout.ts";
import { liftName } from "../cpu/lift/form.ts";
import { Mmu } from "../cpu/mmu/mmu.ts";
import { type Hole, PhysicalMemory } from "../cpu/mmu/physical.ts";
import { CpuState } from "../cpu/state.ts";
import { VECTOR } from "../cpu/fault.ts";
import { DecodeCache } from "./interpreter/cache.ts";
import { compiledInterpreter, type CompiledInterpreter, type Profile } from "./interpreter/compiled.ts";
import { RecordWriter } from "./interpreter/records.ts";
import { RegionEngine, type TierMode } from "./region/engine.ts";
import { isStackReference } from "./stack-fault.ts";

export interface VcpuOptions {
  /** At least RAM_BASE + ramSize bytes. */
  readonly memory: WebAssembly.Memory;
  /** Bytes. */
  readonly ramSize: number;
  readonly holes: readonly Hole[];
  readonly env: CpuEnvironment;
  readonly model: CpuModel;
  /** Counts executions by form, slowly. */
  readonly profile?: Profile;
  /** "0": the interpreter alone. "1": everything that is executed twice is compiled at once. "auto" (the default): what is hot, in the background. */
  readonly tier?: TierMode;
  /** Arrivals that make an entry point hot, for "auto". */
  readonly threshold?: number;
  /** A monotonic clock for statistics alone, ns. */
  readonly now?: () => number;
}

/** Arrivals at an entry point before it is compiled: docs/RATIONALE.md has the measurements. */
const THRESHOLD = 10_000;

/** Why Vcpu.run returned before its budget was used up. */
export type RunStop = "budget" | "halted" | "stopped" | "triple-fault";

export interface VcpuCounters {
  readonly exits: Record<string, number>;
  readonly unimplemented: Record<string, number>;
  interruptsDelivered: number;
  faultsDelivered: number;
}

const EXIT_NAMES = Object.entries(EXIT).sort((a, b) => a[1] - b[1]).map(([name]) => name);
/** More than any slice: STATE.limit is an i32. */
const MAX_SLICE = 0x3fffffff;

export class Vcpu {
  readonly state: CpuState;
  readonly phys: PhysicalMemory;
  readonly mmu: Mmu;
  readonly cpu: CpuHelpers;
  readonly cache: DecodeCache;
  readonly interpreter: CompiledInterpreter;
  /** Tier 1; null with tier "0". */
  readonly regions: RegionEngine | null;
  readonly counters: VcpuCounters = { exits: {}, unimplemented: {}, interruptsDelivered: 0, faultsDelivered: 0 };
  /** Instructions retired since construction. */
  retired = 0;
  private readonly enter: () => number;
  private stopRequested = false;
  /** Instructions retired before the present entry into emitted code; the present ones are in STATE.icount only at exit. */
  private readonly exitCounts = new Float64Array(EXIT_NAMES.length);

  constructor(readonly options: VcpuOptions) {
    this.state = new CpuState(options.memory);
    this.phys = new PhysicalMemory(this.state, options.ramSize, options.holes, options.env);
    this.mmu = new Mmu(this.state, this.phys);
    this.cpu = createCpuHelpers({
      state: this.state, mmu: this.mmu, env: options.env, model: options.model,
      countUnimplemented: (id) => {
        const name = id >= 0 && id < ISA.length ? liftName(ISA[id]) : "task-switch";
        this.counters.unimplemented[name] = (this.counters.unimplemented[name] ?? 0) + 1;
      },
    });
    const interpreter = this.interpreter = compiledInterpreter(options.memory, options.profile ?? null);
    const writer = new RecordWriter(interpreter.info, options.memory, (feature) => options.model.has(feature));
    this.cache = new DecodeCache(this.state, this.phys, this.mmu, writer);
    const { mmu } = this;
    const instance = new WebAssembly.Instance(interpreter.module, {
      env: { memory: options.memory },
      mmu: {
        readSlow: (lo: number, hi: number, size: number) => mmu.readSlow(lo, hi, size),
        writeSlow: (lo: number, hi: number, size: number) => mmu.writeSlow(lo, hi, size),
        writeCommit: () => mmu.writeCommit(),
      },
      helper: { ...this.cpu.helpers },
    });
    this.enter = instance.exports["run"] as () => number;
    const tier = options.tier ?? "auto";
    this.regions = tier === "0" ? null : new RegionEngine({
      state: this.state, mmu, cache: this.cache, writer, memory: options.memory, table: instance.exports["regions"] as WebAssembly.Table, callOut: instance.exports["callOut"],
      helpers: this.cpu.helpers, now: options.now,
    }, tier === "1" ? { threshold: 1, compile: "sync" } : { threshold: options.threshold ?? THRESHOLD, compile: "async" });
    this.cache.regions = this.regions;
  }

  /** Power-on or RESET. */
  reset(): void {
    this.state.reset();
    this.mmu.flushAll();
    this.cache.flush();
    this.stopRequested = false;
  }

  /** Instructions retired up to and including the present one, also from inside a helper or device. */
  get retiredNow(): number {
    return this.retired + this.state.i32[STATE.icount >> 2];
  }

  /** Those of them that tier 1 retired. */
  get retiredInRegions(): number {
    return Number(this.state.i64[STATE.regionCount >> 3]);
  }

  /** Leaves emitted code before the next instruction, and `run` with "stopped". Safe from device callbacks. */
  requestStop(): void {
    this.stopRequested = true;
    this.state.i32[STATE.limit >> 2] = 0;
  }
  /** Leaves emitted code before the next instruction, so that interrupts are looked at. */
  kick(): void {
    this.state.i32[STATE.limit >> 2] = 0;
  }

  /** Counters for --stats, exits by name. */
  exitsByReason(): Record<string, number> {
    const out: Record<string, number> = { ...this.counters.exits };
    EXIT_NAMES.forEach((name, i) => (out[name] = this.exitCounts[i]));
    return out;
  }

  /** Executes up to `budget` instructions (at least one progress step). */
  run(budget: number): RunStop {
    const { state } = this;
    const { i32 } = state;
    const end = this.retired + budget;
    this.stopRequested = false;
    while (this.retired < end) {
      if (this.stopRequested) return "stopped";
      let slice = Math.min(end - this.retired, MAX_SLICE);
      if (this.options.env.interruptPending() && state.interruptsEnabled) {
        if (state.interruptShadow) slice = 1;
        else if (!this.interrupt()) return "triple-fault";
      }
      if (state.halted) return "halted";
      const trap = (i32[STATE.eflags >> 2] & FLAG.TF) !== 0;
      if (trap) slice = 1;
      i32[STATE.limit >> 2] = slice;
      state.eventTaken = false;
      i32[STATE.regionStop >> 2] = 0;
      i32[STATE.regionDepth >> 2] = 0;
      const code = this.enter();
      const done = i32[STATE.icount >> 2];
      this.retired += done;
      i32[STATE.icount >> 2] = 0;
      this.exitCounts[code]++;
      if (done > 0) {
        // Only the instruction that has just ended can have cast one.
        state.interruptShadow = state.interruptShadow && state.shadowCast === done;
        state.shadowCast = 0;
      }
      switch (code) {
        case EXIT.fault:
          if (!this.fault()) return "triple-fault";
          continue;
        case EXIT.hot:
          this.regions?.hot(i32[STATE.rip >> 2], i32[(STATE.rip >> 2) + 1]);
          break;
        case EXIT.decodeMiss:
        case EXIT.fetchMiss:
        case EXIT.crossMiss:
          if (!this.cache.prepare(i32[STATE.rip >> 2], i32[(STATE.rip >> 2) + 1]) && !this.fault()) return "triple-fault";
          break;
      }
      if (trap && done > 0 && !state.eventTaken && !this.singleStep()) return "triple-fault";
    }
    return this.stopRequested ? "stopped" : "budget";
  }

  private interrupt(): boolean {
    this.state.halted = false;
    this.counters.interruptsDelivered++;
    const vector = this.options.env.acknowledgeInterrupt();
    return this.cpu.interrupts.deliverHere(vector, 0, "external") === "ok";
  }

  private fault(): boolean {
    this.counters.faultsDelivered++;
    const address = this.mmu.walker.nonCanonical;
    if (address !== null) this.reviseNonCanonical(address);
    const { vector, errorCode } = this.mmu.fault;
    return this.cpu.interrupts.deliverHere(vector, errorCode, "fault") === "ok";
  }

  /** A non-canonical address raises #SS where it refers to the stack. */
  private reviseNonCanonical(address: bigint): void {
    const { state, mmu, phys } = this;
    mmu.walker.nonCanonical = null;
    if (mmu.fault.vector !== VECTOR.GP || !state.mode64) return;
    const bytes: number[] = [];
    // Its page is mapped, for it was fetched; the next one may not be.
    const { cr2 } = state;
    for (let i = 0n; i < 15n; i++) {
      const at = state.rip + i;
      const paddr = mmu.translateFetch(Number(at & 0xffffffffn) | 0, Number((at >> 32n) & 0xffffffffn) | 0);
      const linear = paddr < 0 ? -1 : phys.ramAddress(paddr);
      if (linear < 0) break;
      bytes.push(state.u8[linear]);
    }
    state.cr2 = cr2;
    mmu.fault.vector = isStackReference(Uint8Array.from(bytes), address, state.reg(4)) ? VECTOR.SS : VECTOR.GP;
    mmu.fault.errorCode = 0;
  }

  /** #DB after an instruction that began with TF set (SDM 3B §18.3.1.4). */
  private singleStep(): boolean {
    this.state.dr[6] |= 0x4000n;
    return this.cpu.interrupts.deliverHere(VECTOR.DB, 0, "trap") === "ok";
  }
}

