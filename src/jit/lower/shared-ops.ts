/**
 * Pure IR operations for which WebAssembly has no instruction and which are too long to repeat in every form: each is a function of
 * its own in the interpreter's module. Fused multiply-add: S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded sums:
 * proved algorithms using rounding to odd", IEEE TC 57(4), 2008.
 */
import { FunctionBuilder, type ValueType } from "../wasm/function.ts";

export interface SharedOp {
  readonly params: readonly ValueType[];
  readonly result: ValueType;
  readonly build: (f: FunctionBuilder) => void;
}

const splat64 = (f: FunctionBuilder, bits: bigint): FunctionBuilder => f.i64(bits).op("i64x2.splat");

/**
 * Leaves s = x + y rounded to odd, from locals x and y: where the sum is inexact and its last bit is even, the neighbour on the
 * error's side. Rounding that to 24 or 53 bits gives what the exact sum would have given.
 */
function sumToOdd(f: FunctionBuilder, x: number, y: number): void {
  const s = f.local("v128"), e = f.local("v128");
  twoSum(f, x, y, s, e);
  f.get(s);
  // One unit in the last place away from zero where sum and error have the same sign, else towards it.
  f.get(e).get(s).op("v128.xor").i32(63).op("i64x2.shr_s");
  splat64(f, 1n).op("v128.or");
  f.get(e);
  splat64(f, 0n).op("f64x2.lt").get(e);
  splat64(f, 0n).op("f64x2.gt").op("v128.or").op("v128.and");
  f.get(s);
  splat64(f, 1n).op("v128.and");
  splat64(f, 0n).op("i64x2.eq").op("v128.and");
  f.op("i64x2.add");
}

/** s = x + y rounded, e = its error, exactly (Knuth). */
function twoSum(f: FunctionBuilder, x: number, y: number, s: number, e: number): void {
  const b = f.local("v128");
  f.get(x).get(y).op("f64x2.add").tee(s).get(x).op("f64x2.sub").set(b);
  f.get(x).get(s).get(b).op("f64x2.sub").op("f64x2.sub").get(y).get(b).op("f64x2.sub").op("f64x2.add").set(e);
}

/** The product of two singles is exact as a double; the sum is rounded to odd, then to single. */
function fmaSingle(f: FunctionBuilder): void {
  const p = f.local("v128"), z = f.local("v128");
  const half = (high: boolean): void => {
    const wide = (v: number): void => {
      f.get(v);
      if (high) f.get(v).shuffle([8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]);
      f.op("f64x2.promote_low_f32x4");
    };
    wide(0);
    wide(1);
    f.op("f64x2.mul").set(p);
    wide(2);
    f.set(z);
    sumToOdd(f, p, z);
    f.op("f32x4.demote_f64x2_zero");
  };
  half(false);
  half(true);
  f.shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
}

/** Product and both sums with their errors. Zero, or between 2^-450 and 2^500: then nothing over- or underflows on the way. */
function fmaDouble(f: FunctionBuilder): void {
  const local = (): number => f.local("v128");
  const [a, b, c] = [0, 1, 2];
  const inRange = (v: number): void => {
    f.get(v).op("f64x2.abs");
    splat64(f, 0x23d0000000000000n).op("f64x2.ge").get(v).op("f64x2.abs");
    splat64(f, 0x5f30000000000000n).op("f64x2.lt").op("v128.and");
    f.get(v);
    splat64(f, 0n).op("f64x2.eq").op("v128.or");
  };
  // Veltkamp's splitting into halves of 26 bits.
  const split = (v: number): readonly [number, number] => {
    const t = local(), high = local(), low = local();
    f.get(v).f64(134217729).op("f64x2.splat").op("f64x2.mul").tee(t).get(t).get(v).op("f64x2.sub").op("f64x2.sub").set(high);
    f.get(v).get(high).op("f64x2.sub").set(low);
    return [high, low];
  };
  const p = local(), pl = local(), th = local(), tl = local(), vh = local(), vl = local();
  f.get(a).get(b).op("f64x2.mul").set(p);
  const [ah, al] = split(a);
  const [bh, bl] = split(b);
  f.get(ah).get(bh).op("f64x2.mul").get(p).op("f64x2.sub").get(ah).get(bl).op("f64x2.mul").op("f64x2.add");
  f.get(al).get(bh).op("f64x2.mul").op("f64x2.add").get(al).get(bl).op("f64x2.mul").op("f64x2.add").set(pl);
  twoSum(f, c, pl, th, tl);
  twoSum(f, p, th, vh, vl);
  f.get(vh);
  sumToOdd(f, tl, vl);
  f.op("f64x2.add");
  // A zero factor: the plain sum, which has the right sign of zero.
  f.get(p).get(c).op("f64x2.add").get(p);
  splat64(f, 0n).op("f64x2.ne").op("v128.bitselect");
  splat64(f, 0x7ff8000000000000n);
  inRange(a);
  inRange(b);
  inRange(c);
  f.op("v128.and").op("v128.and").op("v128.bitselect");
}

/** PEXT and PDEP: one round for each set bit of the mask. */
function parallelBits(f: FunctionBuilder, deposit: boolean): void {
  const [source, mask] = [0, 1];
  const result = f.local("i64"), one = f.local("i64"), low = f.local("i64");
  f.i64(1n).set(one);
  const done = f.begin("block", "done");
  const loop = f.begin("loop", "bits");
  f.get(mask).op("i64.eqz").brIf(done);
  f.get(mask).i64(0n).get(mask).op("i64.sub").op("i64.and").set(low);
  f.get(result).get(deposit ? low : one).i64(0n).get(source).get(deposit ? one : low).op("i64.and").i64(0n).op("i64.ne").op("select").op("i64.or").set(result);
  f.get(one).i64(1n).op("i64.shl").set(one);
  f.get(mask).get(low).op("i64.xor").set(mask).br(loop).end(loop).end(done);
  f.get(result);
}

/** SDM Vol. 2 §4.1; helpers/sse-pcmpstr.ts has all of it. */
function compareBytes(f: FunctionBuilder): void {
  const [a, b, imm, la, lb] = [0, 1, 2, 3, 4];
  const bits = f.local("i32"), validB = f.local("i32"), i = f.local("i32"), found = f.local("v128");
  const length = (v: number, l: number): void => {
    f.get(l).i32(0).op("i32.lt_s");
    const implicit = f.begin("if", "implicit");
    f.get(v).i32(0).op("i8x16.splat").op("i8x16.eq").op("i8x16.bitmask").i32(0x10000).op("i32.or").op("i32.ctz").set(l).end(implicit);
  };
  const below = (l: number): FunctionBuilder => f.i32(1).get(l).op("i32.shl").i32(1).op("i32.sub");
  /** For i from 0 to the first length: v128, true where operand 2 has element i of operand 1. */
  const each = (body: () => void): void => {
    const done = f.begin("block", "done");
    const loop = f.begin("loop", "each");
    f.get(i).get(la).op("i32.ge_s").brIf(done);
    f.get(b).get(a).get(i).op("i8x16.splat").op("i8x16.swizzle").op("i8x16.eq");
    body();
    f.get(i).i32(1).op("i32.add").set(i).br(loop).end(loop).end(done);
  };
  length(a, la);
  length(b, lb);
  below(lb).set(validB);
  f.get(imm).i32(8).op("i32.and");
  const order = f.begin("if", "order");
  f.get(imm).i32(4).op("i32.and");
  const ordered = f.begin("if", "ordered");
  // Elements that would stand behind the sixteenth are taken for equal.
  f.i32(-1).set(bits);
  each(() => f.op("i8x16.bitmask").get(validB).op("i32.and").i32(-0x10000).op("i32.or").get(i).op("i32.shr_s").get(bits).op("i32.and").set(bits));
  f.else();
  f.get(a).get(b).op("i8x16.eq").op("i8x16.bitmask");
  below(la).op("i32.and").get(validB).op("i32.and");
  below(la).get(validB).op("i32.or").i32(-1).op("i32.xor").op("i32.or").set(bits);
  f.end(ordered).else();
  each(() => f.get(found).op("v128.or").set(found));
  f.get(found).op("i8x16.bitmask").get(validB).op("i32.and").set(bits);
  f.end(order);
  f.get(imm).i32(16).op("i32.and");
  const negative = f.begin("if", "negative");
  f.get(bits).get(validB).i32(-1).get(imm).i32(32).op("i32.and").op("select").op("i32.xor").set(bits).end(negative);
  f.get(bits).i32(0xffff).op("i32.and").get(la).i32(16).op("i32.shl").op("i32.or").get(lb).i32(21).op("i32.shl").op("i32.or");
}

const V = "v128";
export const SHARED_OPS: ReadonlyMap<string, SharedOp> = new Map<string, SharedOp>([
  ["f32x4.fma", { params: [V, V, V], result: V, build: fmaSingle }],
  ["f64x2.fma", { params: [V, V, V], result: V, build: fmaDouble }],
  ["i64.pext", { params: ["i64", "i64"], result: "i64", build: (f) => parallelBits(f, false) }],
  ["i64.pdep", { params: ["i64", "i64"], result: "i64", build: (f) => parallelBits(f, true) }],
  ["i8x16.pcmpstr", { params: [V, V, "i32", "i32", "i32"], result: "i32", build: compareBytes }],
]);

export function sharedFunction(op: string): FunctionBuilder {
  const s = SHARED_OPS.get(op);
  if (s === undefined) throw new RangeError(`no shared function for ${op}`);
  const f = new FunctionBuilder(s.params, [s.result], op);
  s.build(f);
  return f;
}
