/** The registers that a region keeps in Wasm locals: general registers, lazy flags, the low 128 bits of vector registers. */
import { STATE, XMM_STRIDE } from "../../cpu/layout.ts";

export type SlotType = "i32" | "i64" | "v128";

export const SLOT_COUNT = 36;
export const CC_R = 16, CC_A = 17, CC_B = 18, CC_M = 19;
const XMM_0 = 20;

export const SLOT_TYPE: readonly SlotType[] = Array.from({ length: SLOT_COUNT }, (_, s) => (s === CC_M ? "i32" : s < XMM_0 ? "i64" : "v128"));
/** Addresses in the state block. */
export const SLOT_ADDRESS: readonly number[] = Array.from({ length: SLOT_COUNT }, (_, s) =>
  s < 16 ? STATE.gpr + 8 * s : s < XMM_0 ? [STATE.ccR, STATE.ccA, STATE.ccB, STATE.ccM][s - 16] : STATE.xmm + XMM_STRIDE * (s - XMM_0));
export const SLOT_NAME: readonly string[] = [
  "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ccR", "ccA", "ccB", "ccM",
  ...Array.from({ length: 16 }, (_, i) => `xmm${i}`),
];

/** The slot that holds a state address, or -1; slotOffset gives the byte in it. */
export function slotAt(address: number): number {
  if (address >= STATE.gpr && address < STATE.gpr + 128) return (address - STATE.gpr) >> 3;
  if (address >= STATE.xmm && address < STATE.xmm + 16 * XMM_STRIDE) {
    const n = address - STATE.xmm;
    // AVX's upper halves stay in memory.
    return n % XMM_STRIDE < 16 ? XMM_0 + Math.floor(n / XMM_STRIDE) : -1;
  }
  if (address >= STATE.ccR && address < STATE.ccR + 8) return CC_R;
  if (address >= STATE.ccA && address < STATE.ccA + 8) return CC_A;
  if (address >= STATE.ccB && address < STATE.ccB + 8) return CC_B;
  return address >= STATE.ccM && address < STATE.ccM + 4 ? CC_M : -1;
}
