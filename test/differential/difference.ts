/** Compares the state after a case with the host's. */
import type { IsaEntry } from "../../src/cpu/isa/isa.ts";
import { adaptDotProduct, adaptGather, gatherOf, type Vendor, type VectorRegisters } from "../silicon/vendor.ts";
import { AT, FX } from "./silicon.ts";

/** Flags that the manual leaves undefined: none of these instructions has any but BMI's. */
const FLAGS = 0x8d5;

export const hex = (bytes: Uint8Array, at: number, n: number): string => Buffer.from(bytes.subarray(at, at + n)).toString("hex");
export const u32 = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);

/** RCP and RSQRT: SDM grants a relative error of 1.5 * 2^-12 to either side. */
function approximatelyEqual(a: Uint8Array, b: Uint8Array, at: number): boolean {
  const x = new Float32Array(a.slice(at, at + 16).buffer);
  const y = new Float32Array(b.slice(at, at + 16).buffer);
  for (let i = 0; i < 4; i++) {
    if (u32(a, at + 4 * i) === u32(b, at + 4 * i)) continue;
    // At the edge of the normal numbers one side may have flushed to zero.
    const edge = Math.max(Math.abs(x[i]), Math.abs(y[i])) < 2 ** -126 * 1.001;
    if (!edge && !(Math.abs(x[i] - y[i]) <= 3 * 2 ** -12 * Math.abs(y[i]))) return false;
  }
  return true;
}

const vectors = (v: Uint8Array): VectorRegisters => ({ xmm: v.subarray(AT.fx + FX.xmm, AT.fx + FX.xmm + 256), upper: v.subarray(AT.upper, AT.upper + 256) });

/** Changes `got`, our result of the case `before`, by the rules for the host's vendor (silicon/vendor.ts). */
export function adaptToVendor(vendor: Vendor, entry: IsaEntry, before: Uint8Array, got: Uint8Array, want: Uint8Array): void {
  if (vendor !== "intel") return;
  // Register 1, as sse-cases.ts encodes all of them; VEX.vvvv is inverted.
  const gather = gatherOf(entry, 1, ~(before[AT.code + 2] >> 3) & 15);
  if (gather !== null && u32(got, AT.trap) !== 0 && u32(want, AT.trap) !== 0) adaptGather(gather, vectors(before), vectors(got));
  if (/^v?dpp[sd]$/.test(entry.lift)) adaptDotProduct(entry.lift, 1, vectors(want), vectors(got));
}

/** What differs, as text. */
export function differences(name: string, got: Uint8Array, want: Uint8Array, stickyExact: boolean, undefinedFlags = 0): string[] {
  const out: string[] = [];
  const mask = FLAGS & ~undefinedFlags;
  const same = (what: string, at: number, n: number): void => {
    if (hex(got, at, n) !== hex(want, at, n)) out.push(`${what}: ${hex(got, at, n)}, the host has ${hex(want, at, n)}`);
  };
  same("trap", AT.trap, 4);
  ["rax", "rcx", "rdx", "rbx"].forEach((r, i) => same(r, AT.gpr + 8 * i, 8));
  if ((u32(got, AT.flags) & mask) !== (u32(want, AT.flags) & mask)) out.push(`flags: ${u32(got, AT.flags).toString(16)}, the host has ${u32(want, AT.flags).toString(16)}`);
  for (let i = 0; i < 16; i++) {
    const at = AT.fx + FX.xmm + 16 * i;
    if (!/^v?r(cp|sqrt)/.test(name) || !approximatelyEqual(got, want, at)) same(`xmm${i}`, at, 16);
  }
  for (let i = 0; i < 16; i++) {
    const at = AT.upper + 16 * i;
    if (!/^v?r(cp|sqrt)/.test(name) || !approximatelyEqual(got, want, at)) same(`ymm${i} upper`, at, 16);
  }
  for (let i = 0; i < 8; i++) same(`st${i}`, AT.fx + FX.st + 16 * i, 10);
  same("status", AT.fx + FX.sw, 2);
  same("tags", AT.fx + FX.tag, 1);
  same("memory", AT.memory, 64);
  const m = u32(got, AT.fx + FX.mxcsr);
  const n = u32(want, AT.fx + FX.mxcsr);
  // The fast path may leave sticky flags unset, but never sets one that is not due (lift/sse-float.ts).
  if (stickyExact ? m !== n : (m & ~n) !== 0) out.push(`mxcsr: ${m.toString(16)}, the host has ${n.toString(16)}`);
  return out;
}
