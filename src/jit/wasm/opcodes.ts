/** WebAssembly 2.0 (with SIMD) opcodes: name to bytes and immediates. WebAssembly core specification §5.4. */

export type Immediate = "none" | "block" | "label" | "labels" | "func" | "indirect" | "local" | "global" | "memarg" | "i32" | "i64" | "f32" | "f64"
  | "v128" | "lane" | "shuffle" | "memidx" | "memidx2" | "memargLane";

export interface Opcode {
  readonly name: string;
  /** Prefix byte (0xFC, 0xFD) or -1. */
  readonly prefix: number;
  readonly code: number;
  readonly imm: Immediate;
}

const list: Opcode[] = [];
const add = (name: string, prefix: number, code: number, imm: Immediate = "none"): void => {
  list.push({ name, prefix, code, imm });
};
/** Consecutive codes; `-` leaves one out. */
function run(prefix: number, start: number, names: string, imm: Immediate = "none"): void {
  names.split(" ").forEach((n, i) => {
    if (n !== "-") add(n, prefix, start + i, imm);
  });
}
const shaped = (shape: string, names: string): string => names.split(" ").map((n) => (n === "-" ? n : n.includes(".") ? n : `${shape}.${n}`)).join(" ");

add("unreachable", -1, 0x00);
add("nop", -1, 0x01);
add("block", -1, 0x02, "block");
add("loop", -1, 0x03, "block");
add("if", -1, 0x04, "block");
add("else", -1, 0x05);
add("end", -1, 0x0b);
add("br", -1, 0x0c, "label");
add("br_if", -1, 0x0d, "label");
add("br_table", -1, 0x0e, "labels");
add("return", -1, 0x0f);
add("call", -1, 0x10, "func");
add("call_indirect", -1, 0x11, "indirect");
add("return_call", -1, 0x12, "func");
add("return_call_indirect", -1, 0x13, "indirect");
add("drop", -1, 0x1a);
add("select", -1, 0x1b);
run(-1, 0x20, "local.get local.set local.tee", "local");
run(-1, 0x23, "global.get global.set", "global");
run(-1, 0x28, "i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 i64.store32", "memarg");
run(-1, 0x3f, "memory.size memory.grow", "memidx");
add("i32.const", -1, 0x41, "i32");
add("i64.const", -1, 0x42, "i64");
add("f32.const", -1, 0x43, "f32");
add("f64.const", -1, 0x44, "f64");
const intCompare = "eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const floatCompare = "eq ne lt gt le ge";
const intArith = "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
const floatArith = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign";
run(-1, 0x45, [shaped("i32", intCompare), shaped("i64", intCompare), shaped("f32", floatCompare), shaped("f64", floatCompare),
  shaped("i32", intArith), shaped("i64", intArith), shaped("f32", floatArith), shaped("f64", floatArith)].join(" "));
run(-1, 0xa7, "i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32 i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64 i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s");
run(0xfc, 0, "i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u");
add("memory.copy", 0xfc, 10, "memidx2");
add("memory.fill", 0xfc, 11, "memidx");

run(0xfd, 0, "v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat v128.store", "memarg");
add("v128.const", 0xfd, 12, "v128");
add("i8x16.shuffle", 0xfd, 13, "shuffle");
run(0xfd, 14, "i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat");
run(0xfd, 21, "i8x16.extract_lane_s i8x16.extract_lane_u i8x16.replace_lane i16x8.extract_lane_s i16x8.extract_lane_u i16x8.replace_lane i32x4.extract_lane i32x4.replace_lane i64x2.extract_lane i64x2.replace_lane f32x4.extract_lane f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane", "lane");
const vCompare = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
run(0xfd, 35, [shaped("i8x16", vCompare), shaped("i16x8", vCompare), shaped("i32x4", vCompare), shaped("f32x4", floatCompare), shaped("f64x2", floatCompare)].join(" "));
run(0xfd, 77, "v128.not v128.and v128.andnot v128.or v128.xor v128.bitselect v128.any_true");
run(0xfd, 92, "v128.load32_zero v128.load64_zero", "memarg");
run(0xfd, 94, "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4");
run(0xfd, 96, shaped("i8x16", "abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u f64x2.ceil f64x2.floor min_s min_u max_s max_u f64x2.trunc avgr_u i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u"));
run(0xfd, 128, shaped("i16x8", "abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u f64x2.nearest mul min_s min_u max_s max_u - avgr_u extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u"));
run(0xfd, 160, shaped("i32x4", "abs neg - all_true bitmask - - extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u shl shr_s shr_u add - - sub - - - mul min_s min_u max_s max_u dot_i16x8_s - extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u"));
run(0xfd, 192, shaped("i64x2", "abs neg - all_true bitmask - - extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u shl shr_s shr_u add - - sub - - - mul eq ne lt_s gt_s le_s ge_s extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u"));
run(0xfd, 224, shaped("f32x4", "abs neg - sqrt add sub mul div min max pmin pmax"));
run(0xfd, 236, shaped("f64x2", "abs neg - sqrt add sub mul div min max pmin pmax"));
run(0xfd, 248, "i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u");

export const OPCODES: ReadonlyMap<string, Opcode> = new Map(list.map((o) => [o.name, o]));

/** By encoded value: prefix -1 at code, others at (prefix << 16) | code. */
export const OPCODE_BY_VALUE: ReadonlyMap<number, Opcode> = new Map(list.map((o) => [o.prefix < 0 ? o.code : (o.prefix << 16) | o.code, o]));
