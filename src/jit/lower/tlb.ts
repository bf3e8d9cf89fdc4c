/** How emitted code finds an entry of the data TLBs and of the fetch TLB: the one place for it. */
import {
  FETCH_ENTRY_BITS, FETCH_TLB_ENTRIES, TLB_ADDEND, TLB_ENTRIES, TLB_ENTRY_BITS,
} from "../../cpu/layout.ts";
import type { FunctionBuilder } from "../wasm/function.ts";

/** From a linear address in local `linear` (i64) to the entry's distance from its data TLB's start, on the stack. */
export function dataEntry(fb: FunctionBuilder, linear: number): FunctionBuilder {
  return fb.get(linear).i64(BigInt(12 - TLB_ENTRY_BITS)).op("i64.shr_u").op("i32.wrap_i64").i32((TLB_ENTRIES - 1) << TLB_ENTRY_BITS).op("i32.and");
}

/** The same for the fetch TLB, from FETCH_TLB_BASE. */
export function fetchEntry(fb: FunctionBuilder, linear: number): FunctionBuilder {
  return fb.get(linear).i64(BigInt(12 - FETCH_ENTRY_BITS)).op("i64.shr_u").op("i32.wrap_i64").i32((FETCH_TLB_ENTRIES - 1) << FETCH_ENTRY_BITS).op("i32.and");
}

/**
 * Leaves the linear-memory address of an access of `bytes` on the stack, and above it whether `tag` (TLB_READ, TLB_WRITE) allows it. The
 * compare uses the address of the last byte, so that an access that crosses a page never hits. Locals: `linear` i64, `entry` i32, which
 * holds the entry's distance from `base`.
 */
export function probe(fb: FunctionBuilder, linear: number, entry: number, base: number, bytes: number, tag: number): void {
  fb.get(linear).op("i32.wrap_i64").get(entry).mem("i32.load", base + TLB_ADDEND).op("i32.add");
  fb.get(linear);
  if (bytes > 1) fb.i64(BigInt(bytes - 1)).op("i64.add");
  fb.i64(-4096n).op("i64.and").get(entry).mem("i64.load", base + tag).op("i64.eq");
}
