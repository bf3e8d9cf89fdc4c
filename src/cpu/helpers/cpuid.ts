/** The CPUID instruction. */
import { STATUS } from "../layout.ts";
import type { Core } from "./core.ts";

export class Cpuid {
  constructor(private readonly core: Core) {}
  cpuid(): number {
    const { state, model, env } = this.core;
    const r = model.cpuid(state.reg32(0), state.reg32(1) | 0, state, env.tscKhz);
    state.setReg32(0, r.eax);
    state.setReg32(3, r.ebx);
    state.setReg32(1, r.ecx);
    state.setReg32(2, r.edx);
    return STATUS.next;
  }
}
