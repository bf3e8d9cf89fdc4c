/** One virtual CPU: state, MMU, helpers, the generated interpreter and its decode cache, and the loop that runs them. */
import type { CpuEnvironment } from "../cpu/env.ts";
import { createCpuHelpers, type CpuHelpers, type CpuModel } from "../cpu/helpers/index.ts";
import { ISA } from "../cpu/isa/isa.ts";
import { EXIT, FLAG, STATE, SHADOW_NONE } from "../cpu/layout.ts";
import { liftName } from "../cpu/lift/form.ts";
import { Mmu } from "../cpu/mmu/mmu.ts";
import { type Hole, PhysicalMemory } from "../cpu/mmu/physical.ts";
import { CpuState } from "../cpu/state.ts";
import { BREAKPOINT_REACHED, VECTOR } from "../cpu/fault.ts";
import { VcpuDebug } from "./debug.ts";
import { DecodeCache } from "./interpreter/cache.ts";
import { compiledInterpreter, type CompiledInterpreter, type Profile } from "./interpreter/compiled.ts";
import { LateHandlers } from "./interpreter/late.ts";
import { RecordWriter } from "./interpreter/records.ts";
import { RareEvents } from "./rare-events.ts";
import type { RegionCheck } from "./region/compile.ts";
import { HERE, type RegionCompiler } from "./region/compiler.ts";
import { RegionEngine, type TierMode } from "./region/engine.ts";
import type { Wanted } from "./region/heat.ts";
import { isStackReference } from "./stack-fault.ts";

export interface VcpuOptions {
  /** At least RAM_BASE + ramSize bytes. */
  readonly memory: WebAssembly.Memory;
  /** Nobody has written to it. */
  readonly freshMemory?: boolean;
  /** Bytes. */
  readonly ramSize: number;
  readonly holes: readonly Hole[];
  readonly env: CpuEnvironment;
  readonly model: CpuModel;
  /** Counts executions by form, slowly. */
  readonly profile?: Profile;
  /** "0": the interpreter alone. "1": everything that is executed twice is compiled at once (after loadCompiler). "auto" (the default): what is hot, in the background. */
  readonly tier?: TierMode;
  /** Arrivals that make an entry point hot, for "auto". */
  readonly threshold?: number;
  /** Sees the IR of each region before it is compiled (tests: validateRegion). */
  readonly validate?: RegionCheck | undefined;
  /** Keeps what regions were formed of, for dumps. */
  readonly keepRegions?: boolean;
  /** Bytes of WebAssembly code that regions may have at a time. */
  readonly maxCodeBytes?: number;
  /** A monotonic clock for statistics alone, ns. */
  readonly now?: () => number;
  /** Where regions are compiled; on this thread by default. */
  readonly compiler?: RegionCompiler;
}

/** Instructions of a slice whose end says where time is spent. */
const LEAST_SAMPLED = 10_000;
/** The same while tier 0 executes more than an eighth of them: samples tell what is to be compiled, and a millisecond between them is long then. */
const OFTEN_SAMPLED = 20_000;

/** Arrivals at an entry point that make a point, and points before it is compiled: docs/RATIONALE.md has the measurements. */
const THRESHOLD = 7_500;
const RUNNING: Wanted = { points: 16, warm: true };
/** A system's start, until it has executed so much or been given input: most of it is executed seldom, and the host's second core is optimising the interpreter. */
const START_INSTRUCTIONS = 400_000_000;
const STARTING: Wanted = { points: 1600, warm: false, crowded: 4 };

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
/** A handler whose first instruction faults loops without ever retiring one: `run` comes back after so many entries. */
const FRUITLESS_ENTRIES = 1000;

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
  /** For a debugger outside the guest. */
  readonly debug: VcpuDebug;
  /** Instructions retired since construction. */
  retired = 0;
  /** `run` returns before another interrupt or exception once `deliveries` is this. */
  deliveryLimit = Infinity;
  private used = false;
  /** Instructions between samples, at most. */
  private sampled = MAX_SLICE;
  private readonly rare: RareEvents;
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
        const name = liftName(ISA[id]);
        this.counters.unimplemented[name] = (this.counters.unimplemented[name] ?? 0) + 1;
      },
    });
    const interpreter = this.interpreter = compiledInterpreter(options.memory, options.profile ?? null);
    const { mmu } = this;
    const imports = {
      env: { memory: options.memory },
      mmu: {
        readSlow: (lo: number, hi: number, size: number) => mmu.readSlow(lo, hi, size),
        writeSlow: (lo: number, hi: number, size: number) => mmu.writeSlow(lo, hi, size),
        writeCommit: () => mmu.writeCommit(),
      },
      helper: { ...this.cpu.helpers },
    };
    const instance = new WebAssembly.Instance(interpreter.module, imports);
    const late = new LateHandlers(interpreter.info, options.memory, imports, instance.exports);
    const writer = new RecordWriter(interpreter.info, options.memory, (feature) => options.model.has(feature), (form) => late.handler(form));
    this.cache = new DecodeCache(this.state, this.phys, this.mmu, writer, options.freshMemory);
    this.debug = new VcpuDebug({
      state: this.state, mmu, retired: () => this.retired, requestStop: () => this.requestStop(), rearm: () => this.rare.armCode(),
      setTaps: (port, delivery) => {
        this.cpu.breakpoints.portTap = port;
        this.cpu.interrupts.tap = delivery;
      },
    });
    this.rare = new RareEvents(this.state, this.mmu, this.cpu, this.cache, this.debug);
    this.enter = instance.exports["run"] as () => number;
    const tier = options.tier ?? "auto";
    this.regions = tier === "0" ? null : new RegionEngine({
      state: this.state, mmu, cache: this.cache, writer, memory: options.memory, table: instance.exports["regions"] as WebAssembly.Table, callOut: instance.exports["callOut"],
      helpers: this.cpu.helpers, now: options.now, compiler: options.compiler ?? HERE,
    }, { ...(tier === "1" ? { threshold: 1, compile: "sync" } : { ...(options.threshold === undefined ? { threshold: THRESHOLD, wanted: () => (this.starting ? STARTING : RUNNING) } : { threshold: options.threshold }), compile: "async" }), validate: options.validate, keep: options.keepRegions ?? false, maxCodeBytes: options.maxCodeBytes });
    this.cache.regions = this.regions;
  }

  /** Power-on or RESET. */
  reset(): void {
    this.state.reset();
    this.mmu.flushAll();
    this.cache.flush();
    this.stopRequested = false;
  }

  /** Somebody turns to the guest: its system has started, whatever it has executed. */
  started(): void {
    if (this.used) return;
    this.used = true;
    // What was hot at the start need not be hot again.
    this.regions?.forgetHeat();
  }

  private get starting(): boolean {
    return this.retired - this.retiredInRegions < START_INSTRUCTIONS && !this.used;
  }

  /** Instructions retired up to and including the present one, also from inside a helper or device. */
  get retiredNow(): number {
    return this.retired + this.state.i32[STATE.icount >> 2];
  }

  /** Those of them that tier 1 retired. */
  get retiredInRegions(): number {
    return Number(this.state.i64[STATE.regionCount >> 3]);
  }

  /** Interrupts and exceptions delivered between instructions since construction. */
  get deliveries(): number {
    return this.cpu.interrupts.deliveries;
  }

  /** Leaves emitted code before the next instruction, and `run` with "stopped". Safe from device callbacks. */
  requestStop(): void {
    this.stopRequested = true;
    this.state.i32[STATE.limit >> 2] = 0;
  }
  /** Leaves emitted code before the next instruction, so that interrupts are looked at. */
  kick(): void {
    this.state.i32[STATE.interruptWaiting >> 2] = 1;
    this.state.i32[STATE.limit >> 2] = 0;
  }

  /** A non-maskable interrupt arrives. */
  nmi(): void {
    this.state.nmiPending = this.state.attention = true;
    this.kick();
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
    let from = this.retired;
    let inRegions = this.retiredInRegions;
    this.stopRequested = false;
    let fruitless = 0;
    let prepared = false;
    while (this.retired < end) {
      if (this.stopRequested) return "stopped";
      if (this.cpu.interrupts.deliveries >= this.deliveryLimit) return "budget";
      if (state.attention && !this.rare.deliver()) return "triple-fault";
      let slice = Math.min(end - this.retired, this.sampled);
      if (this.options.env.interruptPending() && state.interruptsEnabled && !this.debug.holdInterrupts) {
        // Whether code has to be decoded or compiled first is no matter of the guest's: it takes no second interrupt for that.
        if (state.interruptShadow || prepared) slice = 1;
        else if (!this.interrupt()) return "triple-fault";
        // A trap gate leaves IF set, and the next request may be there.
        if (state.interruptsEnabled && this.options.env.interruptPending()) slice = 1;
      }
      // Taking an interrupt may have armed a timer.
      if (this.stopRequested) return "stopped";
      if (state.halted) return "halted";
      const trap = (i32[STATE.eflags >> 2] & FLAG.TF) !== 0;
      if (trap || state.attention) slice = 1;
      if (this.rare.armed) slice = this.rare.beforeEntry(slice);
      i32[STATE.limit >> 2] = slice;
      i32[STATE.interruptWaiting >> 2] = this.options.env.interruptPending() ? 1 : 0;
      state.eventTaken = false;
      // Event delivery may have left one.
      this.mmu.walker.nonCanonical = null;
      i32[STATE.regionStop >> 2] = 0;
      i32[STATE.regionDepth >> 2] = 0;
      const element = this.debug.elementwise && !trap;
      // With TF set they do no bulk work; nobody sees it, for none of them looks at flags' upper half.
      if (element) i32[STATE.eflags >> 2] |= FLAG.TF;
      const code = this.enter();
      if (element) i32[STATE.eflags >> 2] &= ~FLAG.TF;
      const done = i32[STATE.icount >> 2];
      this.retired += done;
      i32[STATE.icount >> 2] = 0;
      this.exitCounts[code]++;
      prepared = done === 0 && (code === EXIT.hot || code === EXIT.decodeMiss || code === EXIT.fetchMiss || code === EXIT.crossMiss);
      if (done === 0 && ++fruitless > FRUITLESS_ENTRIES) return "budget";
      if (done > 0) {
        fruitless = 0;
        // Only the instruction that has just ended can have cast one.
        if (state.shadowCast !== done) state.setShadow(SHADOW_NONE);
        state.shadowCast = 0;
      }
      if (this.rare.armed) this.rare.afterEntry(done, code === EXIT.fault);
      if (trap && done > 0 && code !== EXIT.fault && !state.eventTaken) this.rare.singleStep();
      if (state.attention && this.rare.due(code === EXIT.fault)) continue;
      switch (code) {
        case EXIT.fault:
          if (!this.fault()) return "triple-fault";
          continue;
        case EXIT.limit:
          // Only what is as long as was planned is a sample; others end where devices want it.
          if (this.regions !== null && done >= slice && this.retired - from >= LEAST_SAMPLED && (this.retired >= end || this.retired - from >= this.sampled)) {
            const interpreted = this.retired - from - (this.retiredInRegions - inRegions);
            this.regions.sample(i32[STATE.rip >> 2], i32[(STATE.rip >> 2) + 1], interpreted);
            this.sampled = !this.starting && interpreted > (this.retired - from) / 8 ? OFTEN_SAMPLED : MAX_SLICE;
            from = this.retired;
            inRegions = this.retiredInRegions;
          }
          break;
        case EXIT.hot:
          this.regions?.hot(i32[STATE.rip >> 2], i32[(STATE.rip >> 2) + 1]);
          break;
        case EXIT.decodeMiss:
        case EXIT.fetchMiss:
        case EXIT.crossMiss:
          // The slice ends before the next instruction's fetch, which may fault.
          if (done >= i32[STATE.limit >> 2]) break;
          if (this.cache.prepare(i32[STATE.rip >> 2], i32[(STATE.rip >> 2) + 1])) break;
          prepared = false;
          if (!this.fault()) return "triple-fault";
          break;
      }
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
    if (this.mmu.fault.vector === BREAKPOINT_REACHED) return this.rare.breakpoint();
    this.counters.faultsDelivered++;
    const address = this.mmu.walker.nonCanonical;
    if (address !== null) this.reviseNonCanonical(address);
    const { vector, errorCode } = this.mmu.fault;
    return this.cpu.interrupts.deliverHere(vector, errorCode, "fault") === "ok";
  }

  /** A non-canonical address, and one beyond 4 GiB in flat segments, raises #SS where it refers to the stack. */
  private reviseNonCanonical(address: bigint): void {
    const { state, mmu, phys } = this;
    mmu.walker.nonCanonical = null;
    if (mmu.fault.vector !== VECTOR.GP) return;
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
    mmu.fault.vector = isStackReference(Uint8Array.from(bytes), state.codeBits, address, state.reg(4)) ? VECTOR.SS : VECTOR.GP;
    mmu.fault.errorCode = 0;
  }
}

