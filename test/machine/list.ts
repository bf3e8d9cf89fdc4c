/** The guests in guests/, by where their expected output comes from. */
export const ON_QEMU = ["hello", "modes", "faults32", "rings32", "faults64", "syscall64", "irq", "smc", "ports", "strings", "apic"] as const;
/** QEMU's TCG checks no segment limits, and knows neither RF nor some error codes. */
export const BY_HAND = ["limits32", "strict64"] as const;
