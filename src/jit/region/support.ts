/** What the code of a region stands on: the functions of its module, the instructions for each width, and the end of all side exits. */
import { STATE } from "../../cpu/layout.ts";
import type { HelperName } from "../../cpu/helpers/signatures.ts";
import type { FunctionBuilder } from "../wasm/function.ts";
/** Function indices in the module that the region goes into. */
export interface RegionSupport {
  /** (linear i64, bytes | SLOW_* i32, tag found i64) -> address, or 0: to tier 0. */
  readonly read: number;
  readonly write: number;
  /** By width: (linear i64, value, tag found i64) -> 0, or 1: to tier 0. */
  readonly store: Readonly<Record<number, number>>;
  /** (linear page i64, physical page number i32) -> 1 when the fetch TLB says so. */
  readonly checkPage: number;
  /** (STATUS i32, rip i64, length i32, instructions left before it i32) -> REGION_EXIT. */
  readonly helperExit: number;
  /** (rip i64, instructions left i32, expected rip i64, index in the table of regions or 0) -> -1 when it came to be there, else REGION_EXIT. */
  readonly callOut: number;
  /** (rip i64, instructions left i32, index or 0), in place of a return; null where there are no tail calls. */
  readonly jumpOut: number | null;
  readonly helper: (name: HelperName) => number;
  /** The function of a pure IR operation that WebAssembly lacks. */
  readonly shared: (op: string) => number;
}

export const LOAD_OP: Record<string, string> = {
  8: "i32.load8_u", 16: "i32.load16_u", 32: "i32.load", 64: "i64.load", 128: "v128.load", f32: "f32.load", f64: "f64.load",
};
export const STORE_OP: Record<string, string> = {
  8: "i32.store8", 16: "i32.store16", 32: "i32.store", 64: "i64.store", 128: "v128.store", f32: "f32.store", f64: "f64.store",
};
export const SLOT_STORE = { i32: "i32.store", i64: "i64.store", v128: "v128.store" } as const;
export const SLOT_LOAD = { i32: "i32.load", i64: "i64.load", v128: "v128.load" } as const;

/** Parameters: the linear address of the entry, of which the region keeps its page's; and the instructions that are left. */
export const BASE = 0, LEFT = 1;
/** In `info`: a helper has ended the instruction. */
export const HELPER = 1 << 31;

/** Locals of a side exit. */
export interface ExitLocals {
  /** From BASE. */
  readonly offset: number;
  /** Instructions to take off what is left; above 16 bits REGION_EXIT, or with HELPER the instruction's length. */
  readonly info: number;
  /** A helper's STATUS; null where no helper has a side exit. */
  readonly status: number | null;
}

/** Registers are stored: RIP, what is left, and out. */
export function leaveAtOffset(fb: FunctionBuilder, support: RegionSupport, mode64: boolean, { offset, info, status }: ExitLocals): void {
  const pushRip = (): void => {
    fb.get(BASE).get(offset).op("i64.extend_i32_s").op("i64.add");
    if (!mode64) fb.i64(0xffffffffn).op("i64.and");
  };
  const pushLeft = (): void => void fb.get(LEFT).get(info).i32(0xffff).op("i32.and").op("i32.sub");
  if (status !== null) {
    fb.get(info).i32(0).op("i32.lt_s");
    const helper = fb.unlikely().begin("if", "helper");
    fb.get(status);
    pushRip();
    fb.get(info).i32(16).op("i32.shr_u").i32(0x7fff).op("i32.and");
    pushLeft();
    fb.call(support.helperExit).op("return").end(helper);
  }
  fb.i32(0);
  pushRip();
  fb.mem("i64.store", STATE.rip).i32(0);
  pushLeft();
  fb.mem("i32.store", STATE.regionLeft).get(info).i32(16).op("i32.shr_u");
}
