/** Numbers and names of the processor in words. Pure functions. */

export const hex = (value: bigint | number, digits = 0): string => BigInt.asUintN(64, BigInt(value)).toString(16).padStart(digits, "0");

/** Bits of RFLAGS that have a place of their own, the frequent ones first. */
export const FLAGS: readonly (readonly [name: string, bit: number, meaning: string])[] = [
  ["CF", 0, "carry"], ["PF", 2, "parity"], ["AF", 4, "auxiliary carry"], ["ZF", 6, "zero"], ["SF", 7, "sign"], ["OF", 11, "overflow"], ["DF", 10, "direction"],
  ["IF", 9, "interrupts enabled"], ["TF", 8, "trap"], ["NT", 14, "nested task"], ["RF", 16, "resume"], ["VM", 17, "virtual-8086"], ["AC", 18, "alignment check"],
];

/** SDM 3A table 6-1. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  0: "#DE divide error", 1: "#DB debug", 2: "NMI", 3: "#BP breakpoint", 4: "#OF overflow", 5: "#BR bound range", 6: "#UD invalid opcode", 7: "#NM no FPU", 8: "#DF double fault",
  10: "#TS invalid TSS", 11: "#NP not present", 12: "#SS stack fault", 13: "#GP general protection", 14: "#PF page fault", 16: "#MF x87", 17: "#AC alignment", 18: "#MC machine check", 19: "#XM SIMD",
};

export const vectorName = (vector: number): string => EXCEPTIONS[vector] ?? (vector < 32 ? "exception" : vector === 0x80 ? "interrupt, int 80h" : "interrupt");

export function bytesText(bytes: number): string {
  if (bytes >= 1 << 30) return `${bytes / (1 << 30)} GiB`;
  if (bytes >= 1 << 20) return `${bytes / (1 << 20)} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} bytes`;
}

/** `12.3 k/s`; "" for nothing. */
export function rateText(perSecond: number): string {
  if (perSecond < 0.05) return "";
  if (perSecond < 999.5) return `${perSecond < 9.95 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;
  return perSecond < 999_500 ? `${(perSecond / 1000).toFixed(perSecond < 9950 ? 1 : 0)} k/s` : `${(perSecond / 1e6).toFixed(1)} M/s`;
}
export const countText = (count: number): string => count.toLocaleString("en").replace(/,/g, "\u2009");
