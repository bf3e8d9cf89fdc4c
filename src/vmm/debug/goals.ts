/**
 * What "step over" and its like are made of: legs, each run until its budget of instructions is used up, an address is reached
 * or an event is delivered. A goal is a generator: it yields a leg and is given how that ended.
 */
import { CS } from "../../cpu/layout.ts";
import { FLAG, STATE } from "../../cpu/layout.ts";
import type { Machine } from "../machine/machine.ts";
import type { StepInterrupts } from "./api.ts";
import { instructionAt } from "./code.ts";

export interface Leg {
  /** Instructions, or Infinity. */
  readonly budget: number;
  /** Linear address to stop at, when `accept` says so. */
  readonly until: { readonly address: bigint; readonly accept: () => boolean } | null;
  /** INTR is not looked at. */
  readonly hold: boolean;
  /** Exceptions and interrupts that are delivered end the leg. */
  readonly notice: boolean;
}

export type LegEnd =
  | { readonly kind: "retired" }
  | { readonly kind: "arrived" }
  | { readonly kind: "delivered"; readonly vector: number; readonly external: boolean };

/** Its value: the vector in whose handler it ended, or null. */
export type Goal = Generator<Leg, number | null, LegEnd>;

const RETIRED: LegEnd = { kind: "retired" };

/** Stack bytes that a return may release beside the address. */
const RELEASED = 0x10000n;

/** One instruction of the interrupted context. */
export function* stepOne(machine: Machine, interrupts: StepInterrupts): Goal {
  const { state } = machine.vcpu;
  for (;;) {
    const { rip, cpl, halted } = state;
    const sp = state.reg(4);
    // A halted CPU goes on by an interrupt only.
    const end = yield { budget: 1, until: null, hold: interrupts === "hold" && !halted, notice: true };
    if (end.kind !== "delivered") return null;
    if (!end.external || interrupts !== "over" || halted) return end.vector;
    yield { budget: Infinity, until: { address: rip, accept: () => state.reg(4) === sp && state.cpl === cpl }, hold: false, notice: false };
  }
}

/** Whether what the instruction calls is to be stepped over: it comes back behind itself. */
const COMES_BACK = new Set(["call", "callf", "int", "int3", "into", "syscall", "sysenter"]);

export function* stepOver(machine: Machine, interrupts: StepInterrupts): Goal {
  const { state } = machine.vcpu;
  const insn = instructionAt(machine, state.rip);
  if (insn === null || !(COMES_BACK.has(insn.name) || insn.rep !== 0)) return yield* stepOne(machine, interrupts);
  const { cpl, cr3 } = state;
  const sp = state.reg(4);
  const next = state.mode64 ? insn.address + BigInt(insn.length) : state.segBase(CS) + ((insn.address + BigInt(insn.length) - state.segBase(CS)) & 0xffffffffn);
  const accept = (): boolean => {
    const above = state.reg(4) - sp;
    return state.cpl === cpl && above >= 0n && above <= RELEASED && (cpl !== 3 || state.cr3 === cr3);
  };
  yield { budget: Infinity, until: { address: BigInt.asUintN(64, next), accept }, hold: false, notice: false };
  return null;
}

const RETURNS = new Set(["ret", "retf", "iret", "sysret", "sysexit"]);

/** To behind the return of the function that RIP is in: its calls in full, its own instructions one by one. */
export function* finish(machine: Machine, interrupts: StepInterrupts): Goal {
  for (;;) {
    const insn = instructionAt(machine, machine.vcpu.state.rip);
    const last = insn !== null && RETURNS.has(insn.name);
    const event = last ? yield* stepOne(machine, interrupts) : yield* stepOver(machine, interrupts);
    if (last || event !== null) return event;
  }
}

export function* runTo(address: bigint): Goal {
  yield { budget: Infinity, until: { address, accept: () => true }, hold: false, notice: false };
  return null;
}

/** Whether the next instruction is a repeated one that a step takes element by element. */
export function stepsByElement(machine: Machine): boolean {
  const { vcpu } = machine;
  return (vcpu.state.i32[STATE.eflags >> 2] & FLAG.TF) === 0 && vcpu.debug.stringAt(vcpu.state.rip) !== null;
}
export { RETIRED };
