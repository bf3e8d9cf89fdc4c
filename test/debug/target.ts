/** A machine under a Debugger without an event loop: runs until it stops. */
import type { StopReport } from "../../src/vmm/config.ts";
import type { StopReason } from "../../src/vmm/debug/api.ts";
import { Debugger, type DebugTarget } from "../../src/vmm/debug/debugger.ts";
import type { Machine } from "../../src/vmm/machine/machine.ts";
import type { RunHook } from "../../src/vmm/runner.ts";

export class DirectTarget implements DebugTarget {
  running = false;
  ended: StopReport | null = null;
  private hook: RunHook | null = null;
  readonly debug: Debugger;

  constructor(readonly current: Machine) {
    this.debug = new Debugger(this);
  }
  debugWith(hook: RunHook | null): void {
    this.hook = hook;
    hook?.attach(this.current);
  }
  resume(): void {
    this.running = true;
    this.current.resume();
  }
  pause(): void {
    this.running = false;
    this.hook?.changed("paused", null);
  }

  /** Until it stops: the reason; null when the machine has ended. */
  run(instructions = Infinity): StopReason | null {
    const end = this.current.vcpu.retired + instructions;
    const until = performance.now() + 30_000;
    while (this.running) {
      if (performance.now() > until) throw new Error(`still running at 0x${this.current.vcpu.state.rip.toString(16)}`);
      const outcome = this.hook === null ? this.current.run(20) : this.hook.run(this.current, instructions === Infinity ? 20 : 1);
      if (outcome.kind === "stopped") {
        this.ended = outcome.report;
        this.running = false;
        this.hook?.changed("stopped", outcome.report);
        return null;
      }
      if (outcome.kind === "debug") this.pause();
      else if (this.current.vcpu.retired >= end) this.debug.pause();
    }
    return this.debug.state().reason;
  }
  /** Starts something and waits for its stop. */
  does(f: (d: Debugger) => void): StopReason | null {
    f(this.debug);
    return this.run();
  }
  get rip(): bigint {
    return this.current.vcpu.state.rip;
  }
}
