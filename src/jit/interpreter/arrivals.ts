/**
 * How emitted code finds the record in a slot, and counts who arrives there. Slot tables are large and sparse: what was found in one is
 * remembered in the branch's own record (REC.chain) and in the slot cache. Arrivals by those ways are told to the slot's counter together.
 */
import {
  ARRIVALS_TOLD, COUNTER_BASE, COUNTERS, REC, SLOT_CACHE_ARRIVALS, SLOT_CACHE_BASE, SLOT_CACHE_BITS, SLOT_CACHE_ENTRIES, SLOT_CACHE_ENTRY_SIZE, SLOT_CACHE_RECORD, SLOT_CACHE_SLOT,
} from "../../cpu/layout.ts";
import type { FunctionBuilder } from "../wasm/function.ts";
import { PSEUDO } from "./handlers.ts";

const ENTRY_BITS = Math.log2(SLOT_CACHE_ENTRY_SIZE);
/** A slot is four bytes. */
const SLOT_BITS = 2;

/** An entry's distance from SLOT_CACHE_BASE: the low bits of the slot's number, mixed with those above them. */
const UP = ENTRY_BITS - SLOT_BITS;
const DOWN = SLOT_BITS + SLOT_CACHE_BITS - ENTRY_BITS;
const MASK = (SLOT_CACHE_ENTRIES - 1) << ENTRY_BITS;

/** Address of a slot's entry. */
export const slotCacheEntry = (slot: number): number => SLOT_CACHE_BASE + (((slot << UP) ^ (slot >>> DOWN)) & MASK);

/** Indices of i32 locals. */
export interface ArrivalLocals {
  /** The slot arrived at; kept. */
  readonly slot: number;
  /** The record there is put here. */
  readonly record: number;
  readonly scratch: readonly [number, number];
}

/** Code for where an arrival ends; it does not come back. */
export interface ArrivalExits {
  /** Nothing is decoded there. */
  readonly none: () => void;
  /** The counter has come to zero. */
  readonly hot: () => void;
}

/** Takes `arrivals` off the slot's counter; from zero it goes around to 65535. */
function tell(fb: FunctionBuilder, { slot, scratch: [at, left] }: ArrivalLocals, arrivals: number, hot: () => void): void {
  fb.get(slot).i32(SLOT_BITS - 1).op("i32.shr_u").i32((COUNTERS - 1) << 1).op("i32.and").tee(at).mem("i32.load16_u", COUNTER_BASE).tee(left);
  fb.i32(1).op("i32.sub").i32(arrivals).op("i32.lt_u");
  const zero = fb.unlikely().begin("if", "hot");
  fb.get(at).i32(0).mem("i32.store16", COUNTER_BASE);
  hot();
  fb.end(zero);
  fb.get(at).get(left).i32(arrivals).op("i32.sub").mem("i32.store16", COUNTER_BASE);
}

/** Begins another count of ARRIVALS_TOLD, or of what the slot's counter has left if that is less. After `tell`. */
function rest(fb: FunctionBuilder, { scratch: [, left] }: ArrivalLocals): FunctionBuilder {
  return fb.get(left).i32(1).op("i32.sub").tee(left).i32(ARRIVALS_TOLD).get(left).i32(ARRIVALS_TOLD).op("i32.lt_u").op("select");
}

/** Puts the entry's distance into scratch[0]. */
function findEntry(fb: FunctionBuilder, { slot, scratch: [at] }: ArrivalLocals): FunctionBuilder {
  return fb.get(slot).i32(UP).op("i32.shl").get(slot).i32(DOWN).op("i32.shr_u").op("i32.xor").i32(MASK).op("i32.and").set(at);
}

/** The same, and whether it is the slot's on the stack. */
function isCached(fb: FunctionBuilder, locals: ArrivalLocals): void {
  const { slot, scratch: [at] } = locals;
  findEntry(fb, locals).get(at).mem("i32.load", SLOT_CACHE_BASE + SLOT_CACHE_SLOT).get(slot).op("i32.eq");
}

/** Makes the entry at scratch[0] the slot's. `arrivals` leaves their number on the stack. */
function remember(fb: FunctionBuilder, { slot, record, scratch: [at] }: ArrivalLocals, arrivals: () => void): void {
  fb.get(at).get(slot).mem("i32.store", SLOT_CACHE_BASE + SLOT_CACHE_SLOT);
  fb.get(at).get(record).mem("i32.store", SLOT_CACHE_BASE + SLOT_CACHE_RECORD).get(at);
  arrivals();
  fb.mem("i32.store", SLOT_CACHE_BASE + SLOT_CACHE_ARRIVALS);
}

/** From a slot to its record, or 0, through the slot cache, without counting. */
export function peek(fb: FunctionBuilder, locals: ArrivalLocals): void {
  const { slot, record, scratch: [at] } = locals;
  isCached(fb, locals);
  const cached = fb.likely().begin("if", "cached");
  fb.get(at).mem("i32.load", SLOT_CACHE_BASE + SLOT_CACHE_RECORD).set(record).else();
  fb.get(slot).mem("i32.load").tee(record);
  const known = fb.begin("if", "known");
  remember(fb, locals, () => fb.i32(ARRIVALS_TOLD));
  fb.end(known).end(cached);
}

/** From a slot to its record, through the slot cache. */
export function arrive(fb: FunctionBuilder, locals: ArrivalLocals, exits: ArrivalExits): void {
  const { slot, record, scratch: [at, left] } = locals;
  isCached(fb, locals);
  const cached = fb.begin("if", "cached");
  fb.get(at).mem("i32.load", SLOT_CACHE_BASE + SLOT_CACHE_RECORD).set(record);
  fb.get(at).get(at).mem("i32.load", SLOT_CACHE_BASE + SLOT_CACHE_ARRIVALS).i32(1).op("i32.sub").tee(left).mem("i32.store", SLOT_CACHE_BASE + SLOT_CACHE_ARRIVALS);
  fb.get(left).op("i32.eqz");
  const told = fb.unlikely().begin("if", "told");
  fb.get(at).i32(ARRIVALS_TOLD).mem("i32.store", SLOT_CACHE_BASE + SLOT_CACHE_ARRIVALS);
  tell(fb, locals, ARRIVALS_TOLD, exits.hot);
  fb.end(told).else();
  fb.get(slot).mem("i32.load").tee(record).op("i32.eqz");
  const none = fb.unlikely().begin("if", "none");
  exits.none();
  fb.end(none);
  tell(fb, locals, 1, exits.hot);
  // `tell` has used scratch[0].
  findEntry(fb, locals);
  remember(fb, locals, () => rest(fb, locals));
  fb.end(cached);
}

/**
 * From a direct branch's record in local `from` to the one at its target, if that is on the same page and decoded: `found` goes on there. Else
 * it falls through. `slot` is the target's then, or 0.
 */
export function follow(fb: FunctionBuilder, from: number, locals: ArrivalLocals, found: () => void, hot: () => void): void {
  const { slot, record, scratch: [, left] } = locals;
  fb.get(from).mem("i32.load", REC.link).set(slot).get(from).mem("i32.load", REC.chain).tee(record);
  const chained = fb.likely().begin("if", "chained");
  fb.get(from).get(from).mem("i32.load8_u", REC.arrivals).i32(1).op("i32.sub").tee(left).mem("i32.store8", REC.arrivals);
  fb.get(left).op("i32.eqz");
  const told = fb.unlikely().begin("if", "told");
  tell(fb, locals, ARRIVALS_TOLD, hot);
  fb.end(told);
  found();
  fb.end(chained);
  fb.get(slot);
  const inside = fb.begin("if", "inside");
  fb.get(slot).mem("i32.load").tee(record);
  const known = fb.begin("if", "known");
  tell(fb, locals, 1, hot);
  // A record for a page crossing stays where it is when a region comes before it.
  fb.get(record).mem("i32.load16_u", REC.handler).i32(PSEUDO.cross).op("i32.ne");
  const chain = fb.likely().begin("if", "chain");
  fb.get(from).get(record).mem("i32.store", REC.chain).get(from);
  rest(fb, locals).mem("i32.store8", REC.arrivals);
  fb.end(chain);
  found();
  fb.end(known).end(inside);
}
