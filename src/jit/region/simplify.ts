/** Pass "simplify": constants, identities and inverse pairs, applied while nodes are made. Answers an existing or simpler node, or null. */
import type { Extra } from "../../cpu/ir/ir.ts";
import { KIND, metaOf, type OpMeta } from "./meta.ts";
import type { RegionNode } from "./node.ts";

interface Maker {
  make(meta: OpMeta, type: RegionNode["type"], args: readonly RegionNode[], extra: Extra, exit: null, edge: null): RegionNode;
  append(n: RegionNode): RegionNode;
  i32(n: number): RegionNode;
  i64(n: bigint): RegionNode;
}
const NO_EXTRA: Extra = {};

/** Integer comparisons and their negations. */
export const INVERSE: Readonly<Record<string, string>> = {
  eq: "ne", ne: "eq", lt_s: "ge_s", ge_s: "lt_s", gt_s: "le_s", le_s: "gt_s", lt_u: "ge_u", ge_u: "lt_u", gt_u: "le_u", le_u: "gt_u",
};

const u32 = (n: number): number => n >>> 0;

function fold32(name: string, a: number, b: number): number | null {
  switch (name) {
    case "add": return (a + b) | 0;
    case "sub": return (a - b) | 0;
    case "mul": return Math.imul(a, b);
    case "and": return a & b;
    case "or": return a | b;
    case "xor": return a ^ b;
    case "shl": return a << (b & 31);
    case "shr_u": return (a >>> (b & 31)) | 0;
    case "shr_s": return a >> (b & 31);
    case "eq": return a === b ? 1 : 0;
    case "ne": return a !== b ? 1 : 0;
    case "lt_s": return a < b ? 1 : 0;
    case "le_s": return a <= b ? 1 : 0;
    case "gt_s": return a > b ? 1 : 0;
    case "ge_s": return a >= b ? 1 : 0;
    case "lt_u": return u32(a) < u32(b) ? 1 : 0;
    case "le_u": return u32(a) <= u32(b) ? 1 : 0;
    case "gt_u": return u32(a) > u32(b) ? 1 : 0;
    case "ge_u": return u32(a) >= u32(b) ? 1 : 0;
    default: return null;
  }
}
function fold64(name: string, a: bigint, b: bigint): bigint | boolean | null {
  const ua = BigInt.asUintN(64, a);
  const ub = BigInt.asUintN(64, b);
  switch (name) {
    case "add": return a + b;
    case "sub": return a - b;
    case "mul": return a * b;
    case "and": return a & b;
    case "or": return a | b;
    case "xor": return a ^ b;
    case "shl": return a << (b & 63n);
    case "shr_u": return ua >> (b & 63n);
    case "shr_s": return a >> (b & 63n);
    case "eq": return a === b;
    case "ne": return a !== b;
    case "lt_s": return a < b;
    case "le_s": return a <= b;
    case "gt_s": return a > b;
    case "ge_s": return a >= b;
    case "lt_u": return ua < ub;
    case "le_u": return ua <= ub;
    case "gt_u": return ua > ub;
    case "ge_u": return ua >= ub;
    default: return null;
  }
}

const isConst = (n: RegionNode): boolean => n.op === "i32.const" || n.op === "i64.const";
const isZero = (n: RegionNode): boolean => isConst(n) && n.imm === 0 && n.big === 0n;

/** An upper bound of an i32's value as an unsigned number, where one is plain to see. */
export function bound(n: RegionNode): number {
  switch (n.op) {
    case "i32.const": return u32(n.imm);
    case "ld.8": case "raw.ld.8": case "get.8": case "i8x16.extract_lane_u": return 255;
    case "ld.16": case "raw.ld.16": case "get.16": case "i16x8.extract_lane_u": return 65535;
    case "i32.and": return Math.min(bound(n.args[0]), bound(n.args[1]));
    case "i32.eqz": case "i64.eqz": return 1;
    case "i32.shr_u": return n.args[1].op === "i32.const" ? bound(n.args[0]) >>> (n.args[1].imm & 31) : bound(n.args[0]);
  }
  return n.meta.comparison ? 1 : 0xffffffff;
}

const ALL = 0xffff_ffff_ffff_ffffn;

/** Bits of an i64 that are zero, where that is plain to see. */
function zeros(n: RegionNode): bigint {
  switch (n.op) {
    case "i64.const": return ~n.big & ALL;
    case "i64.extend_i32_u": {
      const most = bound(n.args[0]);
      return ~BigInt(most === 0 ? 0 : 0xffffffff >>> Math.clz32(most)) & ALL;
    }
    case "i64.and": return n.args[1].op === "i64.const" ? (zeros(n.args[0]) | ~n.args[1].big) & ALL : 0n;
    case "i64.or": return zeros(n.args[0]) & zeros(n.args[1]);
  }
  return 0n;
}

/** Of a register that was written in part: the part that a mask is of, or null where it is of both. */
function partOf(n: RegionNode, mask: bigint): RegionNode | null {
  if (n.op !== "i64.or") return null;
  const [a, b] = n.args;
  if ((mask & ~zeros(a)) === 0n) return b;
  return (mask & ~zeros(b)) === 0n ? a : null;
}

function make(r: Maker, name: string, a: RegionNode, b?: RegionNode): RegionNode {
  const m = metaOf(name);
  if (m === undefined) throw new RangeError(name);
  const args = b === undefined ? [a] : [a, b];
  return (m.foldable ? simplify(m, args, NO_EXTRA, r) : null) ?? r.append(r.make(m, m.result, args, NO_EXTRA, null, null));
}

export function simplify(meta: OpMeta, args: readonly RegionNode[], extra: Extra, r: Maker): RegionNode | null {
  const { op, wide } = meta;
  const name = meta.integer;
  if (name !== null && args.length === 2 && args[0].type === args[1].type && (args[0].type === "i32" || args[0].type === "i64")) {
    let [x, y] = args;
    if (x.op === "i32.const" && y.op === "i32.const" && !wide) {
      const v = fold32(name, x.imm, y.imm);
      if (v !== null) return r.i32(v);
    }
    if (x.op === "i64.const" && y.op === "i64.const" && wide) {
      const v = fold64(name, x.big, y.big);
      if (typeof v === "bigint") return r.i64(v);
      if (v !== null) return r.i32(v ? 1 : 0);
    }
    const commutes = name === "add" || name === "and" || name === "or" || name === "xor" || name === "mul";
    if (commutes && isConst(x) && !isConst(y)) [x, y] = [y, x];
    const type = wide ? "i64" : "i32";
    if (isZero(y)) {
      switch (name) {
        case "add": case "sub": case "or": case "xor": case "shl": case "shr_u": case "shr_s": case "rotl": case "rotr": return x;
        case "and": case "mul": return y;
        case "eq": return make(r, `${type}.eqz`, x);
        case "lt_u": return r.i32(0);
        case "ge_u": return r.i32(1);
      }
    }
    if (name === "lt_u" && isZero(x)) return make(r, `${type}.ne`, y, x);
    if (name === "ne" && isZero(y)) {
      // A 0-or-1 value is its own "not zero".
      const inner = y.op === "i64.const" && x.op === "i64.extend_i32_u" ? x.args[0] : x;
      if (inner.type === "i32" && bound(inner) <= 1) return inner;
    }
    if (name === "xor" && x === y) return wide ? r.i64(0n) : r.i32(0);
    if (name === "sub" && x === y) return wide ? r.i64(0n) : r.i32(0);
    if ((name === "and" || name === "or") && x === y) return x;
    if (name === "and" && y.op === "i32.const") {
      const most = bound(x);
      if (((most === 0 ? 0 : 0xffffffff >>> Math.clz32(most)) & ~y.imm) === 0) return x;
      if (x.op === "i32.and" && x.args[1].op === "i32.const") return make(r, "i32.and", x.args[0], r.i32(x.args[1].imm & y.imm));
      const part = x.op === "i32.wrap_i64" ? partOf(x.args[0], BigInt(u32(y.imm))) : null;
      if (part !== null) return make(r, "i32.and", make(r, "i32.wrap_i64", part), y);
    }
    if (name === "and" && y.op === "i64.const") {
      if (y.big === -1n) return x;
      const part = partOf(x, y.big & ALL);
      if (part !== null) return make(r, "i64.and", part, y);
      if (x.op === "i64.extend_i32_u") {
        const most = BigInt(bound(x.args[0]));
        const ones = most === 0n ? 0n : BigInt(0xffffffff >>> Math.clz32(Number(most)));
        if ((ones & ~y.big) === 0n) return x;
        if (y.big >= 0n && y.big <= 0xffffffffn) return make(r, "i64.extend_i32_u", make(r, "i32.and", x.args[0], r.i32(Number(BigInt.asIntN(32, y.big)))));
      }
      if (x.op === "i64.and" && x.args[1].op === "i64.const") return make(r, "i64.and", x.args[0], r.i64(x.args[1].big & y.big));
      if (y.big === 0xffffffffn) return make(r, "i64.extend_i32_u", make(r, "i32.wrap_i64", x));
    }
    if (name === "sub" && y.op === "i64.const") return make(r, "i64.add", x, r.i64(-y.big));
    if (name === "sub" && y.op === "i32.const") return make(r, "i32.add", x, r.i32(-y.imm));
    if (name === "add" && isConst(y)) {
      if (x.op === op && isConst(x.args[1])) return make(r, op, x.args[0], wide ? r.i64(x.args[1].big + y.big) : r.i32(x.args[1].imm + y.imm));
      if (x !== args[0]) return r.append(r.make(meta, type, [x, y], NO_EXTRA, null, null));
    }
    // Comparisons are i32 whatever they compare: the result's type is the operation's.
    if (x !== args[0]) return r.append(r.make(meta, meta.result, [x, y], NO_EXTRA, null, null));
    return null;
  }
  if (args.length === 1) {
    const [x] = args;
    switch (op) {
      case "i32.wrap_i64":
        if (x.op === "i64.const") return r.i32(Number(BigInt.asIntN(32, x.big)));
        if (x.op === "i64.extend_i32_u" || x.op === "i64.extend_i32_s") return x.args[0];
        if (x.op === "i64.extend32_s") return make(r, "i32.wrap_i64", x.args[0]);
        if (x.op === "i64.and" && x.args[1].op === "i64.const") return make(r, "i32.and", make(r, "i32.wrap_i64", x.args[0]), r.i32(Number(BigInt.asIntN(32, x.args[1].big))));
        return null;
      case "i64.extend_i32_u":
        return x.op === "i32.const" ? r.i64(BigInt(u32(x.imm))) : null;
      case "i64.extend_i32_s":
        if (x.op === "i32.const") return r.i64(BigInt(x.imm));
        return bound(x) < 0x80000000 ? make(r, "i64.extend_i32_u", x) : null;
      case "i64.extend32_s":
        if (x.op === "i64.extend_i32_u" || x.op === "i64.extend_i32_s") return make(r, "i64.extend_i32_s", x.args[0]);
        return x.op === "i64.const" ? r.i64(BigInt.asIntN(32, x.big)) : null;
      case "i32.extend8_s": return x.op === "i32.const" ? r.i32((x.imm << 24) >> 24) : null;
      case "i32.extend16_s": return x.op === "i32.const" ? r.i32((x.imm << 16) >> 16) : null;
      case "i64.extend8_s": case "i64.extend16_s": return x.op === "i64.const" ? r.i64(BigInt.asIntN(op === "i64.extend8_s" ? 8 : 16, x.big)) : null;
      case "i32.eqz": {
        if (x.op === "i32.const") return r.i32(x.imm === 0 ? 1 : 0);
        const other = x.meta.integer !== null && x.args.length === 2 ? INVERSE[x.meta.integer] : undefined;
        if (other !== undefined) return make(r, `${x.op.slice(0, 4)}${other}`, x.args[0], x.args[1]);
        if (x.op === "i32.sub") return make(r, "i32.eq", x.args[0], x.args[1]);
        return null;
      }
      case "i64.eqz":
        if (x.op === "i64.const") return r.i32(x.big === 0n ? 1 : 0);
        if (x.op === "i64.extend_i32_u" || x.op === "i64.extend_i32_s") return make(r, "i32.eqz", x.args[0]);
        if (x.op === "i64.sub") return make(r, "i64.eq", x.args[0], x.args[1]);
        return null;
    }
    // A lane that has just been replaced.
    const lane = meta.kind === KIND.lane && x.meta.kind === KIND.lane ? /^(\w+)\.extract_lane(_u)?$/.exec(op) : null;
    if (lane !== null && x.op === `${lane[1]}.replace_lane`) {
      if (x.imm === (extra.imm ?? 0)) return lane[2] === undefined ? x.args[1] : null;
      return simplify(meta, [x.args[0]], extra, r) ?? r.append(r.make(meta, meta.result, [x.args[0]], extra, null, null));
    }
    return null;
  }
  if (meta.kind === KIND.select) {
    const [yes, no, condition] = args;
    if (condition.op === "i32.const") return condition.imm !== 0 ? yes : no;
    return yes === no ? yes : null;
  }
  return null;
}
