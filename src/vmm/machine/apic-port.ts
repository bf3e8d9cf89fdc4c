/** What the CPU has of a local APIC that is made after it. */
import type { LocalApicPort } from "../../cpu/env.ts";

export function apicPort(apic: () => LocalApicPort): LocalApicPort {
  return {
    get present() {
      return apic().present;
    },
    readMsr: (n) => apic().readMsr(n),
    writeMsr: (n, value) => apic().writeMsr(n, value),
    get taskPriority() {
      return apic().taskPriority;
    },
    set taskPriority(value) {
      apic().taskPriority = value;
    },
    get deadline() {
      return apic().deadline;
    },
    set deadline(tick) {
      apic().deadline = tick;
    },
  };
}
