/** A debugger on one machine: runs it leg by leg, keeps breakpoints over resets, answers looks. Synchronous; `remote-debugger.ts` makes a MachineDebugger of it. */
import { UserError } from "../../base/errors.ts";
import { describeWalk, physicalOf } from "../../cpu/mmu/inspect.ts";
import { type CodeStop, type DataStop, NO_STOPS, type PortStop, type StopCause, type VectorStop } from "../../jit/debug.ts";
import type { StopReport } from "../config.ts";
import type { Machine, RunOutcome } from "../machine/machine.ts";
import type { RunHook } from "../runner.ts";
import { activityView, tlbView } from "./activity.ts";
import type { Breakpoint, DebugState, Look, LookRequest, MemorySpace, StepInterrupts, StopReason } from "./api.ts";
import { codeAround, stackAt } from "./code.ts";
import { finish, type Goal, type Leg, type LegEnd, runTo, stepOne, stepOver, stepsByElement } from "./goals.ts";
import { evaluate } from "./evaluate.ts";
import { readMemory, writeMemory } from "./memory.ts";
import { registersView, setRegister } from "./registers.ts";
import { SymbolTable } from "./symbols.ts";

/** What a debugger drives: a Runner. */
export interface DebugTarget {
  readonly current: Machine;
  readonly running: boolean;
  debugWith(hook: RunHook | null): void;
  resume(): void;
  pause(): void;
}

/** Number of the stop that a leg ends at: none of the user's. */
const LEG_STOP = -1;
/** Bytes that one look shows of memory, and lines of code or stack. */
const MOST_BYTES = 4096;
const MOST_LINES = 200;

export class Debugger implements RunHook {
  readonly symbols = new SymbolTable();
  /** Called at every change; not from inside `look` and its like. */
  onChange: ((state: DebugState) => void) | null = null;
  private breakpoints: readonly Breakpoint[] = [];
  private goal: Goal | null = null;
  private leg: Leg | null = null;
  /** Instructions retired when the leg began. */
  private legStart = 0;
  private reason: StopReason | null = null;
  private next: StopReason | null = null;
  private ended: Pick<StopReport, "message" | "exitCode"> | null = null;

  constructor(private readonly target: DebugTarget) {
    target.debugWith(this);
  }

  get machine(): Machine {
    return this.target.current;
  }

  private get deterministic(): boolean {
    return this.machine.config.deterministic;
  }

  state(): DebugState {
    if (this.ended !== null) return { state: "ended", reason: null, message: this.ended.message, exitCode: this.ended.exitCode };
    return { state: this.target.running ? "running" : "paused", reason: this.target.running ? null : this.reason, message: null, exitCode: null };
  }

  // --- Control -------------------------------------------------------------------------------------------------------

  pause(): void {
    if (!this.target.running) return;
    this.next = { kind: "pause" };
    this.target.pause();
  }

  resume(): void {
    this.go(null);
  }
  step(interrupts: StepInterrupts = this.deterministic ? "over" : "hold"): void {
    this.go(stepOne(this.machine, interrupts));
  }
  stepOver(interrupts: StepInterrupts = this.deterministic ? "over" : "hold"): void {
    this.go(stepOver(this.machine, interrupts));
  }
  finish(interrupts: StepInterrupts = this.deterministic ? "over" : "hold"): void {
    this.go(finish(this.machine, interrupts));
  }
  runTo(address: bigint): void {
    this.go(runTo(address));
  }

  private go(goal: Goal | null): void {
    if (this.ended !== null) throw new UserError("the machine has ended");
    if (this.target.running) {
      if (goal === null) return;
      throw new UserError("the machine runs: pause it first");
    }
    this.goal = goal;
    this.next = null;
    this.machine.vcpu.debug.goOn();
    this.setLeg(goal === null ? null : this.legOf(goal.next()));
    this.target.resume();
  }

  private legOf(step: IteratorResult<Leg, number | null>): Leg | null {
    return step.done === true ? null : step.value;
  }

  /** Arms what the leg wants beside the user's breakpoints. */
  private setLeg(leg: Leg | null): void {
    const { debug, retired } = this.machine.vcpu;
    const before = this.leg?.until ?? null;
    this.leg = leg;
    this.legStart = retired;
    const until = leg?.until ?? null;
    if (until !== before) this.arm();
    debug.accept = (stop) => stop.id !== LEG_STOP || this.leg?.until?.accept() === true;
    debug.holdInterrupts = leg?.hold ?? false;
    debug.setDelivery(leg?.notice === true ? (_vector, event) => event !== "software" && event !== "icebp" : null);
  }

  /** In deterministic mode no step and no watchpoint may change how repeated instructions are counted. */
  private arm(): void {
    const { vcpu } = this.machine;
    const translate = (rip: bigint): number => physicalOf(vcpu.state, vcpu.mmu.phys, rip);
    const code: CodeStop[] = [];
    const data: DataStop[] = [];
    const ports: PortStop[] = [];
    const vectors: VectorStop[] = [];
    for (const b of this.breakpoints) {
      switch (b.kind) {
        case "code": code.push({ id: b.id, address: b.address, physical: b.physical === true ? translate : null }); break;
        case "data": data.push(b); break;
        case "port": ports.push(b); break;
        case "vector": vectors.push(b); break;
      }
    }
    const until = this.leg?.until ?? null;
    if (until !== null) code.push({ id: LEG_STOP, address: until.address, physical: null });
    const { debug } = vcpu;
    debug.exact = !this.deterministic;
    debug.set({ code, data, ports, vectors });
  }

  /** Replaces all. Throws UserError for one that makes no sense; none is changed then. */
  setBreakpoints(list: readonly Breakpoint[]): void {
    for (const b of list) checkBreakpoint(b);
    this.breakpoints = [...list];
    this.arm();
  }

  close(): void {
    this.goal = null;
    this.breakpoints = [];
    this.disarm();
    this.target.debugWith(null);
    this.onChange = null;
  }

  private disarm(): void {
    this.leg = null;
    const { debug } = this.machine.vcpu;
    debug.set(NO_STOPS);
    debug.setDelivery(null);
    debug.holdInterrupts = debug.elementwise = false;
    debug.cause = null;
  }

  // --- RunHook -------------------------------------------------------------------------------------------------------

  attach(machine: Machine): void {
    // A new machine after a reset: where it goes on is not where a step began.
    this.goal = null;
    this.leg = null;
    this.ended = null;
    this.arm();
    machine.vcpu.debug.accept = () => true;
  }

  changed(state: "running" | "paused" | "stopped", report: StopReport | null): void {
    if (state === "stopped") this.ended = report ?? { message: "the machine has ended", exitCode: 0 };
    if (state === "paused") {
      this.reason = this.next;
      this.next = null;
      this.goal = null;
      this.setLeg(null);
    } else this.reason = null;
    this.onChange?.(this.state());
  }

  run(machine: Machine, hostMs: number): RunOutcome {
    const { debug } = machine.vcpu;
    // Paused by another control, and resumed.
    if (this.goal === null && this.leg !== null) this.setLeg(null);
    for (;;) {
      const { leg } = this;
      if (leg === null) {
        const outcome = machine.run(hostMs);
        if (outcome.kind === "debug") this.next = this.take(machine);
        return outcome;
      }
      const left = leg.budget - (machine.vcpu.retired - this.legStart);
      debug.elementwise = leg.budget === 1 && !this.deterministic && stepsByElement(machine);
      const outcome = machine.run(hostMs, left);
      debug.elementwise = false;
      let end: LegEnd;
      if (outcome.kind === "debug") {
        const cause = this.take(machine);
        if (cause.kind === "code" && cause.id === LEG_STOP) end = { kind: "arrived" };
        else if (cause.kind === "vector" && cause.id === LEG_STOP) end = { kind: "delivered", vector: cause.vector, external: cause.event === "external" };
        else {
          this.next = cause;
          return outcome;
        }
      } else if (outcome.kind === "more" && machine.vcpu.retired - this.legStart >= leg.budget) end = { kind: "retired" };
      else return outcome;
      const step = this.goal?.next(end);
      if (step === undefined || step.done === true) {
        this.next = { kind: "step", event: step?.value ?? null };
        return { kind: "debug" };
      }
      debug.goOn();
      this.setLeg(step.value);
    }
  }

  private take(machine: Machine): StopCause {
    const { debug } = machine.vcpu;
    const { cause } = debug;
    debug.cause = null;
    if (cause === null) throw new Error("the machine stopped for no reason");
    return cause;
  }

  // --- Looking -------------------------------------------------------------------------------------------------------

  look(request: LookRequest): Look {
    const { machine, symbols } = this;
    const { vcpu } = machine;
    const { code, stack, walk, tlb, memory } = request;
    const at = walk?.address ?? vcpu.state.rip;
    return {
      state: this.state(), retired: vcpu.retired,
      registers: request.registers === true ? registersView(vcpu) : null,
      code: code === undefined ? null : codeAround(machine, symbols, code.address, Math.min(MOST_LINES, code.lines)),
      stack: stack === undefined ? null : stackAt(machine, symbols, Math.min(MOST_LINES, stack.lines)),
      walk: walk === undefined ? null : { ...describeWalk(vcpu.state, vcpu.phys, at), address: at },
      tlb: tlb === undefined ? null : tlbView(machine, tlb.near, tlb.most),
      activity: request.activity === true ? activityView(machine, symbols) : null,
      memory: memory === undefined ? null : {
        space: memory.space, address: memory.address, bytes: readMemory(machine, memory.space, memory.address, Math.min(MOST_BYTES, memory.length)),
      },
    };
  }

  setRegister(name: string, value: bigint): void {
    setRegister(this.machine.vcpu, name, value);
  }
  writeMemory(space: MemorySpace, address: bigint, bytes: Uint8Array): void {
    if (!writeMemory(this.machine, space, address, bytes)) throw new UserError(`0x${address.toString(16)}: this is not RAM, or not mapped`);
  }
  addSymbols(file: Uint8Array): number {
    return this.symbols.addFile(file);
  }
  evaluate(text: string): bigint {
    return evaluate(text, this.machine.vcpu, this.symbols);
  }
}

function checkBreakpoint(b: Breakpoint): void {
  const bad = (what: string): never => {
    throw new UserError(`breakpoint ${b.id}: ${what}`);
  };
  const range = (first: number, last: number, most: number, what: string): void => {
    if (!(Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first <= last && last <= most)) bad(`${what} ${first} to ${last} lie outside 0 to ${most}`);
  };
  if (!Number.isInteger(b.id) || b.id < 0) bad("its number must be a whole one, and not negative");
  switch (b.kind) {
    case "code":
      if (b.address < 0n || b.address >= (b.physical === true ? 1n << 52n : 1n << 64n)) bad("the address is too large");
      break;
    case "data":
      if (b.address < 0n || b.address + BigInt(b.length) > 1n << 64n) bad("the address is too large");
      if (!Number.isInteger(b.length) || b.length < 1) bad("its length must be at least 1");
      break;
    case "port": range(b.first, b.last, 0xffff, "ports"); break;
    case "vector": range(b.first, b.last, 255, "vectors"); break;
  }
}
