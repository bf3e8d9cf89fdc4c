/**
 * What the run loop looks at only when CpuState.attention or an execution breakpoint asks for it: #DB traps, breakpoints,
 * NMIs, and the first fault of a task that was switched to. SDM 3A §6.9 (priorities), SDM 3B §17.
 */
import type { CpuHelpers } from "../cpu/helpers/index.ts";
import { DR6 } from "../cpu/helpers/index.ts";
import { VECTOR } from "../cpu/fault.ts";
import { FLAG, STATE } from "../cpu/layout.ts";
import type { Mmu } from "../cpu/mmu/mmu.ts";
import type { CpuState } from "../cpu/state.ts";
import { CodeStops } from "./code-stops.ts";
import type { VcpuDebug } from "./debug.ts";
import type { DecodeCache } from "./interpreter/cache.ts";

const PAGE_OFFSET = 0xfff;

export class RareEvents {
  /** Execution breakpoints are armed: `beforeEntry` and `afterEntry` want to be called. */
  armed = false;
  private stops = new CodeStops([], []);
  /** The instruction that is executed although a breakpoint stands there: RF is set, or the breakpoint is another mapping's. */
  private exempt: bigint | null = null;
  private stepOver = false;

  constructor(
    private readonly state: CpuState,
    private readonly mmu: Mmu,
    private readonly cpu: CpuHelpers,
    private readonly cache: DecodeCache,
    private readonly debug: VcpuDebug,
  ) {}

  /** Delivers what is due before the next instruction; false after a triple fault. */
  deliver(): boolean {
    const { state, cpu } = this;
    if (state.debugChanged) this.arm();
    const { taskFault } = state;
    if (taskFault !== null) {
      state.taskFault = null;
      if (cpu.interrupts.deliverHere(taskFault.vector, taskFault.errorCode, "fault") !== "ok") return false;
    }
    if (state.pendingDebug !== 0 && !this.held) {
      state.dr[6] |= BigInt(state.pendingDebug);
      state.pendingDebug = 0;
      if (cpu.interrupts.deliverHere(VECTOR.DB, 0, "trap") !== "ok") return false;
    }
    if (state.nmiPending && !state.nmiBlocked && !state.interruptShadow) {
      state.nmiPending = false;
      if (cpu.interrupts.deliverHere(VECTOR.NMI, 0, "external") !== "ok") return false;
      state.nmiBlocked = true;
    }
    // A blocked NMI waits for IRET, which sees nmiPending.
    state.attention = state.pendingDebug !== 0 || state.taskFault !== null || (state.nmiPending && !state.nmiBlocked);
    return true;
  }

  /** MOV SS and POP SS hold off #DB for one instruction. SDM 3A §6.8.3. */
  private get held(): boolean {
    return this.state.interruptShadow && this.state.shadowOfStack;
  }

  /** After an entry: whether `deliver` has something that comes before what the entry ended with. */
  due(faulted: boolean): boolean {
    const { state } = this;
    if (faulted && state.taskFault === null) {
      // The instruction will run again: what it hit before its fault, it will hit again.
      state.pendingDebug = 0;
      return false;
    }
    return state.taskFault !== null || (state.pendingDebug !== 0 && !this.held);
  }

  /** An instruction that began with TF set has ended (SDM 3B §17.3.1.4). */
  singleStep(): void {
    if (this.held) return;
    this.state.pendingDebug |= DR6.BS;
    this.state.attention = true;
  }

  private arm(): void {
    const { state, mmu, cache } = this;
    const { breakpoints } = this.cpu;
    state.debugChanged = false;
    const before = breakpoints.data.length;
    breakpoints.update();
    if (before > 0 || breakpoints.data.length > 0) {
      mmu.watch = breakpoints.data.length > 0 ? breakpoints : null;
      mmu.flushAll();
    }
    const anything = breakpoints.data.length + breakpoints.execution.length + breakpoints.ports.length > 0;
    // Compiled regions look at the limit only now and then.
    if (anything && !cache.breakpointsArmed) cache.flush();
    cache.breakpointsArmed = anything;
    this.armCode();
  }

  /** The guest's execution breakpoints and the debugger's. Between entries. */
  armCode(): void {
    const { cache } = this;
    const { code } = this.debug.stops;
    const own = code.filter((c) => c.physical === null).map((c) => c.address);
    const stops = new CodeStops([...this.cpu.breakpoints.execution.map((r) => r.first), ...own], code.filter((c) => c.physical !== null).map((c) => Number(c.address)));
    this.armed = !stops.empty;
    cache.stops = this.armed ? stops : null;
    this.exempt = null;
    this.stepOver = false;
    for (const at of new Set([...this.stops.offsets, ...stops.offsets])) cache.forgetOffset(at);
    // Unmapped pages are reached without a record: the fetch TLB must not lead past them.
    if (this.armed || !this.stops.empty) this.mmu.flushFetch();
    this.stops = stops;
  }

  private setExempt(rip: bigint | null): void {
    this.exempt = rip;
    this.stops.exempt = rip === null ? null : { lo: Number(BigInt.asIntN(32, rip)), hi: Number(BigInt.asIntN(32, rip >> 32n)) };
  }

  /** The instructions to enter with: one where the next one is exempt from its breakpoint. */
  beforeEntry(slice: number): number {
    const { state } = this;
    if (this.exempt !== null && this.exempt !== state.rip) this.endExemption();
    if (!this.stepOver && !(state.i32[STATE.eflags >> 2] & FLAG.RF)) return slice;
    if (this.exempt === null) {
      this.setExempt(state.rip);
      this.exemptFlag = (state.i32[STATE.eflags >> 2] & FLAG.RF) !== 0;
      this.cache.forgetOffset(Number(state.rip & BigInt(PAGE_OFFSET)));
    }
    return 1;
  }

  afterEntry(done: number, faulted: boolean): void {
    if (this.exempt === null || (done === 0 && !faulted)) return;
    // A string instruction keeps RF until its last element.
    if (!faulted && this.exempt === this.state.rip) return;
    this.endExemption();
    this.stepOver = false;
    if (!faulted && this.exemptFlag) this.state.i32[STATE.eflags >> 2] &= ~FLAG.RF;
  }
  /** RF was set before the exempt instruction. */
  private exemptFlag = false;

  private endExemption(): void {
    if (this.exempt === null) return;
    this.cache.forgetOffset(Number(this.exempt & BigInt(PAGE_OFFSET)));
    this.setExempt(null);
  }

  /** STATE.rip has a breakpoint, or its page has one at that offset in another mapping. False after a triple fault. */
  breakpoint(): boolean {
    const { state } = this;
    if (this.debug.reached()) return true;
    const bits = this.cpu.breakpoints.executionAt(state.i32[STATE.rip >> 2], state.i32[(STATE.rip >> 2) + 1]);
    if (bits === 0 || this.held || state.i32[STATE.eflags >> 2] & FLAG.RF) {
      this.stepOver = true;
      return true;
    }
    state.dr[6] |= BigInt(bits);
    return this.cpu.interrupts.deliverHere(VECTOR.DB, 0, "fault") === "ok";
  }
}
