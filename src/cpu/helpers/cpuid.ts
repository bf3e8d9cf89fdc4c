/** The CPUID instruction. */
import { STATUS } from "../layout.ts";
import type { Core } from "./core.ts";

const APIC_FLAG = 1 << 9;

export class Cpuid {
  constructor(private readonly core: Core) {}
  cpuid(): number {
    const { state, model, env } = this.core;
    const r = model.cpuid(state.reg32(0), state.reg32(1) | 0, state, env.tscKhz);
    const leaf = state.reg32(0) >>> 0;
    // The APIC flag follows IA32_APIC_BASE.EN (SDM 3A §10.4.3); AMD repeats it in the extended leaf.
    if (env.apic?.present === false && (leaf === 1 || (leaf === 0x80000001 && model.amd))) r.edx &= ~APIC_FLAG;
    state.setReg32(0, r.eax);
    state.setReg32(3, r.ebx);
    state.setReg32(1, r.ecx);
    state.setReg32(2, r.edx);
    return STATUS.next;
  }
}
