/** A Debugger as a MachineDebugger: calls that come from another thread. */
import { UserError } from "../../base/errors.ts";
import type { Breakpoint, DebugState, Look, LookRequest, MachineDebugger, MemorySpace, StepInterrupts } from "./api.ts";
import { Debugger, type DebugTarget } from "./debugger.ts";

export class RemoteDebugger implements MachineDebugger {
  private readonly inner: Debugger;
  private closed = false;

  constructor(target: DebugTarget) {
    this.inner = new Debugger(target);
  }

  /** What fails rejects, also when it throws at once. */
  private async answer<T>(f: (debug: Debugger) => T): Promise<T> {
    if (this.closed) throw new UserError("this debugger is closed");
    return f(this.inner);
  }

  look(request: LookRequest): Promise<Look> {
    return this.answer((d) => d.look(request));
  }
  listen(listener: ((state: DebugState) => void) | null): Promise<void> {
    return this.answer((d) => void (d.onChange = listener === null ? null : (state) => listener(state)));
  }
  pause(): Promise<void> {
    return this.answer((d) => d.pause());
  }
  resume(): Promise<void> {
    return this.answer((d) => d.resume());
  }
  step(interrupts?: StepInterrupts): Promise<void> {
    return this.answer((d) => d.step(interrupts));
  }
  stepOver(): Promise<void> {
    return this.answer((d) => d.stepOver());
  }
  finish(): Promise<void> {
    return this.answer((d) => d.finish());
  }
  runTo(address: bigint): Promise<void> {
    return this.answer((d) => d.runTo(address));
  }
  setBreakpoints(list: readonly Breakpoint[]): Promise<void> {
    return this.answer((d) => d.setBreakpoints(list));
  }
  setRegister(name: string, value: bigint): Promise<void> {
    return this.answer((d) => d.setRegister(name, value));
  }
  writeMemory(space: MemorySpace, address: bigint, bytes: Uint8Array): Promise<void> {
    return this.answer((d) => d.writeMemory(space, address, bytes));
  }
  addSymbols(file: Uint8Array): Promise<number> {
    return this.answer((d) => d.addSymbols(file));
  }
  evaluate(text: string): Promise<bigint> {
    return this.answer((d) => d.evaluate(text));
  }
  close(): Promise<void> {
    if (!this.closed) this.inner.close();
    this.closed = true;
    return Promise.resolve();
  }
}
