/** The guests in guests/, by where their expected output comes from. */
export const ON_QEMU = [
  "hello", "modes", "faults32", "rings32", "faults64", "syscall64", "irq", "smc", "ports", "strings", "tasks32", "la57", "apic", "vga",
] as const;
/** QEMU's TCG checks no segment limits, and knows neither RF, VME, a task's T bit nor some error codes: each says why. */
export const BY_HAND = ["limits32", "strict64", "taskfaults32", "debug32", "vme32", "align32", "ferr"] as const;
