/**
 * The IR's operations as data: builder, printer, validator and lowering all come from this table (docs/ARCHITECTURE.md).
 * Pure operations carry WebAssembly's names and meaning. The others read or change the guest.
 */

export type Type = "i32" | "i64" | "f32" | "f64" | "v128";

/**
 * pure: depends on its arguments alone. read: depends on registers, flags or variables. load: depends on guest memory, may fault.
 * effect: everything else, stays in order.
 */
export type OpClass = "pure" | "read" | "load" | "effect";

export interface OpInfo {
  readonly cls: OpClass;
  readonly params: readonly Type[];
  /** null: no result. */
  readonly result: Type | null;
}

const table = new Map<string, OpInfo>();

function def(cls: OpClass, names: string, params: readonly Type[], result: Type | null): void {
  for (const name of names.split(" ")) table.set(name, { cls, params, result });
}
const prefixed = (prefix: string, names: string): string => names.split(" ").map((n) => `${prefix}.${n}`).join(" ");

// --- Pure ------------------------------------------------------------------------------------------------------
def("pure", "i32.const", [], "i32");
def("pure", "i64.const", [], "i64");
def("pure", "f32.const", [], "f32");
def("pure", "f64.const", [], "f64");
def("pure", "v128.const", [], "v128");
for (const t of ["i32", "i64"] as const) {
  def("pure", prefixed(t, "clz ctz popcnt extend8_s extend16_s"), [t], t);
  def("pure", `${t}.eqz`, [t], "i32");
  def("pure", prefixed(t, "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"), [t, t], t);
  def("pure", prefixed(t, "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"), [t, t], "i32");
  for (const f of ["f32", "f64"] as const) {
    def("pure", `${t}.trunc_sat_${f}_s ${t}.trunc_sat_${f}_u`, [f], t);
    def("pure", `${f}.convert_${t}_s ${f}.convert_${t}_u`, [t], f);
  }
}
def("pure", "i64.extend32_s", ["i64"], "i64");
def("pure", "i32.wrap_i64", ["i64"], "i32");
def("pure", "i64.extend_i32_s i64.extend_i32_u", ["i32"], "i64");
def("pure", "i32.reinterpret_f32", ["f32"], "i32");
def("pure", "i64.reinterpret_f64", ["f64"], "i64");
def("pure", "f32.reinterpret_i32", ["i32"], "f32");
def("pure", "f64.reinterpret_i64", ["i64"], "f64");
def("pure", "f64.promote_f32", ["f32"], "f64");
def("pure", "f32.demote_f64", ["f64"], "f32");
for (const f of ["f32", "f64"] as const) {
  def("pure", prefixed(f, "abs neg ceil floor trunc nearest sqrt"), [f], f);
  def("pure", prefixed(f, "add sub mul div min max copysign"), [f, f], f);
  def("pure", prefixed(f, "eq ne lt gt le ge"), [f, f], "i32");
}
for (const t of ["i32", "i64", "f32", "f64", "v128"] as const) def("pure", `select.${t}`, [t, t, "i32"], t);

const V = "v128";
const intShapes = ["i8x16", "i16x8", "i32x4", "i64x2"] as const;
const laneType: Record<string, Type> = { i8x16: "i32", i16x8: "i32", i32x4: "i32", i64x2: "i64", f32x4: "f32", f64x2: "f64" };
def("pure", "v128.not", [V], V);
def("pure", "v128.and v128.andnot v128.or v128.xor", [V, V], V);
def("pure", "v128.bitselect", [V, V, V], V);
def("pure", "v128.any_true", [V], "i32");
/** Immediate: 16 lane numbers. */
def("pure", "i8x16.shuffle", [V, V], V);
def("pure", "i8x16.swizzle", [V, V], V);
for (const s of intShapes) {
  def("pure", prefixed(s, "abs neg"), [V], V);
  def("pure", prefixed(s, "add sub eq ne lt_s gt_s le_s ge_s"), [V, V], V);
  def("pure", prefixed(s, "shl shr_s shr_u"), [V, "i32"], V);
  def("pure", prefixed(s, "all_true bitmask"), [V], "i32");
}
for (const s of ["i8x16", "i16x8", "i32x4"]) def("pure", prefixed(s, "lt_u gt_u le_u ge_u min_s min_u max_s max_u"), [V, V], V);
for (const s of ["i8x16", "i16x8"]) {
  def("pure", prefixed(s, "add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u"), [V, V], V);
  def("pure", prefixed(s, "extract_lane_s extract_lane_u"), [V], "i32");
}
def("pure", "i16x8.mul i32x4.mul i64x2.mul i32x4.dot_i16x8_s i16x8.q15mulr_sat_s", [V, V], V);
def("pure", "i8x16.popcnt", [V], V);
def("pure", "i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u", [V, V], V);
for (const [wide, narrow] of [["i16x8", "i8x16"], ["i32x4", "i16x8"], ["i64x2", "i32x4"]] as const) {
  for (const half of ["low", "high"]) {
    for (const sign of ["s", "u"]) {
      def("pure", `${wide}.extend_${half}_${narrow}_${sign}`, [V], V);
      def("pure", `${wide}.extmul_${half}_${narrow}_${sign}`, [V, V], V);
    }
  }
}
def("pure", "i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u", [V], V);
for (const s of ["i32x4", "i64x2", "f32x4", "f64x2"]) def("pure", `${s}.extract_lane`, [V], laneType[s]);
for (const s of [...intShapes, "f32x4", "f64x2"]) {
  def("pure", `${s}.splat`, [laneType[s]], V);
  def("pure", `${s}.replace_lane`, [V, laneType[s]], V);
}
for (const s of ["f32x4", "f64x2"]) {
  def("pure", prefixed(s, "abs neg sqrt ceil floor trunc nearest"), [V], V);
  def("pure", prefixed(s, "add sub mul div min max pmin pmax eq ne lt gt le ge"), [V, V], V);
}
def("pure", "i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f64x2_s_zero f32x4.convert_i32x4_s f64x2.convert_low_i32x4_s", [V], V);
def("pure", "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4", [V], V);

/**
 * a * b + c, rounded once, to nearest even, without flags. A lane is a NaN where the result is one, and where the f64 operands are
 * too large or too small for the method: the exact helper then decides (lift/avx-fma.ts).
 */
def("pure", "f32x4.fma f64x2.fma", [V, V, V], V);
/** PEXT, PDEP: (source, mask). */
def("pure", "i64.pext i64.pdep", ["i64", "i64"], "i64");
/** PCMPxSTRx of bytes, but for ranges: (operand 1, operand 2, imm8, their lengths or -1) -> IntRes2 | length 1 << 16 | length 2 << 21. */
def("pure", "i8x16.pcmpstr", [V, V, "i32", "i32", "i32"], "i32");

// --- The instruction record (tier 0). Immediate: byte offset. ----------------------------------------------------
def("pure", "rec.u8 rec.u16 rec.i32", [], "i32");
def("pure", "rec.i64", [], "i64");
/** Linear address of the page that the instruction stands in. */
def("pure", "vpage", [], "i64");

// --- Registers and state. `ref` says where. -----------------------------------------------------------------------
def("read", "get.8 get.16 get.32", [], "i32");
def("read", "get.64", [], "i64");
def("read", "get.f32", [], "f32");
def("read", "get.f64", [], "f64");
def("read", "get.128", [], "v128");
def("effect", "set.8 set.16 set.32", ["i32"], null);
def("effect", "set.64", ["i64"], null);
def("effect", "set.f32", ["f32"], null);
def("effect", "set.f64", ["f64"], null);
def("effect", "set.128", ["v128"], null);
/** Lazy flags: result, A, B, M (layout.ts). Immediate: what produced them, for folding conditions. */
def("effect", "cc.set", ["i64", "i64", "i64", "i32"], null);
/** A condition code 0..15 (immediate), as 0 or 1. */
def("read", "cc.test", [], "i32");
/** Mutable variables inside one instruction. Immediate: number. */
for (const t of ["i32", "i64", "f32", "f64", "v128"] as const) {
  def("read", `var.get.${t}`, [], t);
  def("effect", `var.set.${t}`, [t], null);
}

// --- Guest memory at a linear address. ----------------------------------------------------------------------------
def("load", "ld.8 ld.16 ld.32", ["i64"], "i32");
def("load", "ld.64", ["i64"], "i64");
def("load", "ld.128", ["i64"], "v128");
def("effect", "st.8 st.16 st.32", ["i64", "i32"], null);
def("effect", "st.64", ["i64", "i64"], null);
def("effect", "st.128", ["i64", "v128"], null);
/** Begins a read-modify-write of `imm` bytes: the linear-memory address of the operand, writable or staged. May fault. */
def("effect", "rmw.begin", ["i64"], "i32");
def("read", "raw.ld.8 raw.ld.16 raw.ld.32", ["i32"], "i32");
def("read", "raw.ld.64", ["i32"], "i64");
def("read", "raw.ld.128", ["i32"], "v128");
def("effect", "raw.st.8 raw.st.16 raw.st.32", ["i32", "i32"], null);
def("effect", "raw.st.64", ["i32", "i64"], null);
def("effect", "raw.st.128", ["i32", "v128"], null);
/** Ends it: commits what was staged. */
def("effect", "rmw.end", ["i32"], null);
/** Address of `imm` bytes for reading, no TLB tag changed: RAM, or STATE.scratch holding a copy. May fault. */
def("effect", "ptr.read", ["i64"], "i32");
/** As rmw.begin, but the old contents are not needed: all of `imm` bytes are stored. */
def("effect", "ptr.store", ["i64"], "i32");
/** The same for string instructions, which may store up to the page's end. */
def("effect", "ptr.write", ["i64"], "i32");
/** Linear-memory bulk operations: (to, from, bytes), (to, bytes, byte). Ranges do not overlap forward. */
def("effect", "bulk.copy", ["i32", "i32", "i32"], null);
def("effect", "bulk.fill", ["i32", "i32", "i32"], null);
/** (to, bytes, value): repeats the low `imm` bits of value. */
def("effect", "bulk.pattern", ["i32", "i32", "i64"], null);
/**
 * Legacy segmentation: offset to linear address. `ref`: descriptor cache; imm: bytes; big 1n: for writing. A failed check
 * gives an address with a nonzero upper half, SEGMENT_FAULT | number << 32, which every access then faults on.
 */
def("read", "seg.linear", ["i64"], "i64");
/** The record's memory operand, EA kind read at run time (tier 0): offset alone, and linear address of imm bytes (big 1n: for writing). */
def("read", "ea.offset", [], "i64");
def("read", "ea.linear", [], "i64");

// --- Regions (tier 1, jit/region): what DecodedContext makes of registers and control flow. ---------------------------
/** The value that a register slot's local has at the head of the tree of blocks. Immediate: slot number (jit/region/slots.ts). */
for (const t of ["i32", "i64", "v128"] as const) def("pure", `slot.${t}`, [], t);
/** A value that the two arms of an `if` set. Immediate: phi number. */
for (const t of ["i32", "i64", "f32", "f64", "v128"] as const) {
  def("pure", `phi.${t}`, [], t);
  def("effect", `phi.set.${t}`, [t], null);
}
/** Writes all changed slots to the state block. */
def("effect", "sync", [], null);
/** Instructions counted since `run` was entered, the present one included. */
def("read", "icount", [], "i32");
/** The page `imm` pages after the entry's must still be the one that was compiled. */
def("effect", "page.check", [], null);
/** Leaves the block: to another one of the region, or out of it at a known address. */
def("effect", "edge", [], null);
/** Calls whatever region is at a linear address; goes to another block of this one when it returns there. */
def("effect", "edge.call", ["i64"], null);
/** To the entry that was asked for: a body with an edge.enter for each. */
def("effect", "dispatch", [], null);
/** To a block at which the registers are in the state block. */
def("effect", "edge.enter", [], null);
/** Leaves the region for a linear address that is computed. */
def("effect", "edge.indirect", ["i64"], null);

// --- Control ---------------------------------------------------------------------------------------------------------
/** Calls a helper (name in `name`); any status but `next` ends the instruction there. Parameters per HELPERS. */
def("effect", "call", [], null);
/** Bodies: then, else. */
def("effect", "if", ["i32"], null);
/** Ends the instruction: go to the next one. */
def("effect", "next", [], null);
/** Ends it: execute the same instruction once more. */
def("effect", "again", [], null);
/** Ends it: near indirect transfer to a linear address. */
def("effect", "jump", ["i64"], null);
/** Conditional direct branch (1: taken), else the next instruction. */
def("effect", "branch.direct", ["i32"], null);
/** Ends it: to the direct target of the record or the decoded instruction. */
def("effect", "jump.direct", [], null);

export const IR_OPS: ReadonlyMap<string, OpInfo> = table;
