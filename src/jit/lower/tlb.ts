/** How emitted code finds an entry of the data TLBs and of the fetch TLB: the one place for it. */
import {
  FETCH_ENTRY_BITS, FETCH_TLB_ENTRIES, FILLED_BASE, FILLED_MAX, STATE, TLB2_BASE, TLB2_ENTRIES, TLB2_GLOBAL, TLB_ADDEND, TLB_BITS, TLB_ENTRIES, TLB_ENTRY_BITS, TLB_INVALID, TLB_PPN,
  TLB_READ, TLB_WRITE,
} from "../../cpu/layout.ts";
import { FunctionBuilder } from "../wasm/function.ts";

/** From a linear address in local `linear` (i64) to the entry's distance from its data TLB's start, on the stack. */
export function dataEntry(fb: FunctionBuilder, linear: number): FunctionBuilder {
  return fb.get(linear).op("i32.wrap_i64").i32(12 - TLB_ENTRY_BITS).op("i32.shr_u").i32((TLB_ENTRIES - 1) << TLB_ENTRY_BITS).op("i32.and");
}

/** The same for the fetch TLB, from FETCH_TLB_BASE. */
export function fetchEntry(fb: FunctionBuilder, linear: number): FunctionBuilder {
  return fb.get(linear).op("i32.wrap_i64").i32(12 - FETCH_ENTRY_BITS).op("i32.shr_u").i32((FETCH_TLB_ENTRIES - 1) << FETCH_ENTRY_BITS).op("i32.and");
}

/**
 * Leaves the linear-memory address of an access of `bytes` on the stack, and above it whether `tag` (TLB_READ, TLB_WRITE) allows it. The
 * compare uses the address of the last byte, so that an access that crosses a page never hits. Locals: `linear` i64, `entry` i32, which
 * holds the entry's distance from `base`, and `found` i64, which gets the tag. What is called on a miss takes it as an argument: V8
 * merges a load into the compare that alone uses it, and then, because it might trap, loads a second time.
 */
export function probe(fb: FunctionBuilder, linear: number, entry: number, found: number, base: number, bytes: number, tag: number): void {
  fb.get(linear).op("i32.wrap_i64").get(entry).mem("i32.load", base + TLB_ADDEND).op("i32.add");
  allows(fb, linear, entry, found, base, bytes, tag);
}

/** The second half of `probe`. */
export function allows(fb: FunctionBuilder, linear: number, entry: number, found: number, base: number, bytes: number, tag: number): void {
  fb.get(linear);
  if (bytes > 1) fb.i64(BigInt(bytes - 1)).op("i64.add");
  fb.i64(-4096n).op("i64.and").get(entry).mem("i64.load", base + tag).tee(found).op("i64.eq");
}

/**
 * (linear i64, bytes and SLOW_* flags i32, the tag that was found) -> linear-memory address or what the import answers: a data TLB miss. What the
 * second-level TLB has is copied into the data TLB, all else goes to `slow` (lo, hi, bytes and flags), an import.
 */
export function missFunction(name: string, tag: typeof TLB_READ | typeof TLB_WRITE, slow: number): FunctionBuilder {
  const f = new FunctionBuilder(["i64", "i32", "i64"], ["i32"], name);
  const [linear, bytes] = [0, 1];
  const [entry, from, ppn, n] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  const [page, key] = [f.local("i64"), f.local("i64")];
  const miss = f.begin("block", "miss");
  f.get(linear).op("i32.wrap_i64").i32(4095).op("i32.and").get(bytes).i32(0xff).op("i32.and").op("i32.add").i32(4096).op("i32.gt_u").unlikely().brIf(miss);
  f.get(linear).i64(-4096n).op("i64.and").tee(page);
  f.i32(0).mem("i32.load", STATE.tlbBase).tee(entry).i32(16).op("i32.shr_u").i32(3).op("i32.and");
  f.i32(0).mem("i32.load", STATE.tlb2Generation).op("i32.or").op("i64.extend_i32_u").op("i64.or").set(key);
  // layout.ts, tlb2Entry.
  f.get(linear).op("i32.wrap_i64").tee(n).i32(12 - TLB_ENTRY_BITS).op("i32.shr_u").get(n).i32(12 - TLB_ENTRY_BITS + TLB_BITS).op("i32.shr_u").op("i32.xor");
  f.i32((TLB2_ENTRIES - 1) << TLB_ENTRY_BITS).op("i32.and").tee(from);
  f.mem("i64.load", TLB2_BASE + tag).get(key).op("i64.ne").unlikely().brIf(miss);
  dataEntry(f, linear).get(entry).op("i32.add").tee(entry).get(page).mem("i64.store", TLB_READ);
  f.get(entry).get(page).i64(TLB_INVALID).get(from).mem("i64.load", TLB2_BASE + TLB_WRITE).get(key).op("i64.eq").op("select").mem("i64.store", TLB_WRITE);
  f.get(entry).get(from).mem("i32.load", TLB2_BASE + TLB_ADDEND).mem("i32.store", TLB_ADDEND);
  f.get(entry).get(from).mem("i32.load", TLB2_BASE + TLB_PPN).tee(ppn).i32(~TLB2_GLOBAL).op("i32.and").mem("i32.store", TLB_PPN);
  f.get(ppn).i32(0).op("i32.ge_s");
  const local = f.begin("if", "local");
  f.i32(0).mem("i32.load", STATE.filledCount).tee(n).i32(FILLED_MAX).op("i32.lt_u");
  const noted = f.begin("if", "noted");
  f.get(n).i32(2).op("i32.shl").get(entry).mem("i32.store", FILLED_BASE).end(noted);
  f.i32(0).get(n).i32(1).op("i32.add").mem("i32.store", STATE.filledCount).end(local);
  f.get(entry).mem("i32.load", TLB_ADDEND).get(linear).op("i32.wrap_i64").op("i32.add").op("return").end(miss);
  f.get(linear).op("i32.wrap_i64").get(linear).i64(32n).op("i64.shr_u").op("i32.wrap_i64").get(bytes).call(slow);
  return f;
}
