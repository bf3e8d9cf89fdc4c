/** Shifts, rotates, double shifts, and bit operations. SDM Vol. 2: SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD, BT*, BSF, BSR. */
import type { Value } from "../ir/ir.ts";
import { fixed, plus } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import type { LiftContext } from "./context.ts";
import { COND } from "./flags.ts";
import type { LifterTable } from "./registry.ts";

/** The count masked to 5 or 6 bits, i32; a constant for the shift-by-1 forms. */
function count(c: LiftContext, operand = 1): Value {
  const o = c.operand(operand);
  if (o.kind === "one") return c.i32(1);
  const raw = o.kind === "reg" ? c.readOp(operand, 8) : c.immediate(32);
  return c.emit("i32.and", [raw, c.i32(c.width === 64 ? 63 : 31)]);
}

/** Does nothing but (for memory) the write when the count is zero: flags and 64-bit registers stay. */
function whenNonzero(c: LiftContext, n: Value, body: () => void): void {
  if (n.op !== "i32.const") c.if(n, body);
  else if (n.imm !== 0) body();
}

const low = (c: LiftContext, v: Value): Value => c.emit("i32.and", [c.wrap(v), c.i32(1)]);

/** Common frame: result and flags from the 64-bit extended operand. Registers narrower than 64 work in 64 bits, so that no count is out of range. */
function shift(kind: "shl" | "shr" | "sar") {
  return (c: LiftContext): void => {
    const w = c.width;
    const n = count(c);
    const m = c.modify();
    const wide = kind === "sar" ? c.sext64(w, m.old) : c.zext64(m.old);
    const n64 = c.zext64(n);
    const shifted = c.emit(kind === "shl" ? "i64.shl" : kind === "shr" ? "i64.shr_u" : "i64.shr_s", [wide, n64]);
    const result = w === 64 ? shifted : c.wrap(shifted);
    m.commit(result);
    whenNonzero(c, n, () => {
      const before = c.emit("i64.sub", [n64, c.i64(1)]);
      if (kind === "shl") {
        const half = c.emit("i64.shl", [wide, before]);
        c.flags.shiftLeft(c, w, w === 64 ? half : c.wrap(half), result);
      } else if (kind === "shr" && n.op === "i32.const" && n.imm > 1) {
        // OF is defined for a count of 1 alone.
        c.flags.shiftRight(c, w, c.emit("i64.shl", [wide, c.i64(64 - n.imm)]), result);
      } else if (kind === "shr") {
        const cf = low(c, c.emit("i64.shr_u", [wide, before]));
        // OF for a count of 1: the old top bit. Hardware leaves the same formula's value for larger counts undefined.
        const of = low(c, c.emit("i64.shr_u", [wide, c.i64(w - 1)]));
        c.flags.explicit(c, w, result, cf, of);
      } else {
        c.flags.explicit(c, w, result, low(c, c.emit("i64.shr_s", [wide, before])), null);
      }
    });
  };
}

function rotate(left: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const n = count(c);
    const m = c.modify();
    let result: Value;
    if (w >= 32) result = c.bin(w, left ? "rotl" : "rotr", m.old, w === 64 ? c.zext64(n) : n);
    else {
      const k = c.emit("i32.and", [n, c.i32(w - 1)]);
      const back = c.emit("i32.and", [c.emit("i32.sub", [c.i32(w), k]), c.i32(w - 1)]);
      const [l, r] = left ? [k, back] : [back, k];
      result = c.mask(w, c.emit("i32.or", [c.emit("i32.shl", [m.old, l]), c.emit("i32.shr_u", [m.old, r])]));
    }
    m.commit(result);
    whenNonzero(c, n, () => {
      const msb = low(c, c.bin(w, "shr_u", result, c.constant(w, w - 1)));
      if (left) {
        const cf = low(c, result);
        c.flags.carry(c, cf, c.emit("i32.xor", [cf, msb]));
      } else {
        const second = low(c, c.bin(w, "shr_u", result, c.constant(w, w - 2)));
        c.flags.carry(c, msb, c.emit("i32.xor", [msb, second]));
      }
    });
  };
}

/** RCL and RCR rotate width + 1 bits. */
function rotateCarry(left: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    let n = count(c);
    const m = c.modify();
    const cin = c.zext64(c.flags.test(c, COND.B));
    if (w < 32) n = c.emit("i32.rem_u", [n, c.i32(w + 1)]);
    const n64 = c.zext64(n);
    let result: Value;
    let cf: Value;
    if (w < 64) {
      // Bit w is the carry.
      const v = c.emit("i64.or", [c.zext64(m.old), c.emit("i64.shl", [cin, c.i64(w)])]);
      const back = c.emit("i64.sub", [c.i64(w + 1), n64]);
      const r = left
        ? c.emit("i64.or", [c.emit("i64.shl", [v, n64]), c.emit("i64.shr_u", [v, back])])
        : c.emit("i64.or", [c.emit("i64.shr_u", [v, n64]), c.emit("i64.shl", [v, back])]);
      result = c.mask(w, c.wrap(r));
      cf = low(c, c.emit("i64.shr_u", [r, c.i64(w)]));
    } else {
      const back = c.emit("i64.sub", [c.i64(64), n64]);
      const prior = c.emit("i64.sub", [n64, c.i64(1)]);
      const nonzero = c.emit("i64.or", [
        left
          ? c.emit("i64.or", [c.emit("i64.shl", [m.old, n64]), c.emit("i64.shr_u", [c.emit("i64.shr_u", [m.old, c.i64(1)]), back])])
          : c.emit("i64.or", [c.emit("i64.shr_u", [m.old, n64]), c.emit("i64.shl", [c.emit("i64.shl", [m.old, c.i64(1)]), back])]),
        left ? c.emit("i64.shl", [cin, prior]) : c.emit("i64.shl", [cin, back]),
      ]);
      result = c.select(n, nonzero, m.old);
      cf = low(c, c.emit("i64.shr_u", [m.old, left ? back : prior]));
    }
    const resultVar = c.variable(result);
    m.commit(result);
    c.if(n, () => {
      const r = c.read(resultVar);
      const msb = low(c, c.bin(w, "shr_u", r, c.constant(w, w - 1)));
      const of = left ? c.emit("i32.xor", [cf, msb]) : c.emit("i32.xor", [msb, low(c, c.bin(w, "shr_u", r, c.constant(w, w - 2)))]);
      c.flags.carry(c, cf, of);
    });
  };
}

/** SHLD and SHRD: operands destination, source, count. For 16 bits and counts over 16 the result is undefined; the source repeats. */
function double(left: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const n = count(c, 2);
    const source = c.readOp(1);
    const m = c.modify();
    const n64 = c.zext64(n);
    let result: Value;
    let cf: Value;
    if (w === 64) {
      const back = c.emit("i64.sub", [c.i64(64), n64]);
      const prior = c.emit("i64.sub", [n64, c.i64(1)]);
      const joined = left
        ? c.emit("i64.or", [c.emit("i64.shl", [m.old, n64]), c.emit("i64.shr_u", [c.emit("i64.shr_u", [source, c.i64(1)]), c.emit("i64.sub", [c.i64(63), n64])])])
        : c.emit("i64.or", [c.emit("i64.shr_u", [m.old, n64]), c.emit("i64.shl", [c.emit("i64.shl", [source, c.i64(1)]), c.emit("i64.sub", [c.i64(63), n64])])]);
      result = c.select(n, joined, m.old);
      cf = low(c, c.emit("i64.shr_u", [m.old, left ? back : prior]));
    } else if (w === 32) {
      const high = left ? m.old : source;
      const lowPart = left ? source : m.old;
      const v = c.emit("i64.or", [c.emit("i64.shl", [c.zext64(high), c.i64(32)]), c.zext64(lowPart)]);
      if (left) {
        const r = c.emit("i64.shl", [v, n64]);
        result = c.wrap(c.emit("i64.shr_u", [r, c.i64(32)]));
        cf = low(c, c.emit("i64.shr_u", [v, c.emit("i64.sub", [c.i64(64), n64])]));
      } else {
        result = c.wrap(c.emit("i64.shr_u", [v, n64]));
        cf = low(c, c.emit("i64.shr_u", [v, c.emit("i64.sub", [n64, c.i64(1)])]));
      }
    } else {
      const d = c.zext64(m.old);
      const s = c.zext64(source);
      // dest:src:dest (left) or dest:src:dest from above (right), as observed on Intel and AMD for counts over 16.
      const v = left
        ? c.emit("i64.or", [c.emit("i64.or", [c.emit("i64.shl", [d, c.i64(32)]), c.emit("i64.shl", [s, c.i64(16)])]), d])
        : c.emit("i64.or", [c.emit("i64.or", [c.emit("i64.shl", [d, c.i64(32)]), c.emit("i64.shl", [s, c.i64(16)])]), d]);
      if (left) {
        const r = c.emit("i64.shl", [v, n64]);
        result = c.mask(16, c.wrap(c.emit("i64.shr_u", [r, c.i64(32)])));
        cf = low(c, c.emit("i64.shr_u", [r, c.i64(48)]));
      } else {
        result = c.mask(16, c.wrap(c.emit("i64.shr_u", [v, n64])));
        cf = low(c, c.emit("i64.shr_u", [v, c.emit("i64.sub", [n64, c.i64(1)])]));
      }
    }
    const old = c.variable(m.old);
    const r = c.variable(result);
    m.commit(result);
    c.if(n, () => {
      const changed = c.bin(w, "xor", c.read(old), c.read(r));
      const of = low(c, c.bin(w, "shr_u", c.mask(w, changed), c.constant(w, w - 1)));
      c.flags.explicit(c, w, c.read(r), cf, of);
    });
  };
}

type BitOp = "bt" | "bts" | "btr" | "btc";

/** A register bit offset reaches beyond the memory operand (SDM Vol. 2, BT: "bit string"). */
function bit(op: BitOp) {
  return (c: LiftContext): void => {
    const w = c.width;
    const index = c.readOp(1, w);
    const inWord = c.bin(w, "and", index, c.constant(w, w - 1));
    const isString = c.isMem(0) && c.isReg(1);
    const apply = (old: Value): Value => {
      const mask = c.bin(w, "shl", c.constant(w, 1), inWord);
      if (op === "bts") return c.bin(w, "or", old, mask);
      if (op === "btr") return c.bin(w, "and", old, c.bin(w, "xor", mask, c.constant(w, -1)));
      return c.bin(w, "xor", old, mask);
    };
    let old: Value;
    if (isString) {
      const step = c.emit("i64.shl", [c.emit("i64.shr_s", [c.sext64(w, index), c.i64(w === 64 ? 6 : w === 32 ? 5 : 4)]), c.i64(w === 64 ? 3 : w === 32 ? 2 : 1)]);
      const at = bitAddress(c, step, w / 8, op !== "bt");
      if (op === "bt") old = c.load(w, at);
      else {
        const m = c.modifyAt(at, w);
        old = m.old;
        m.commit(apply(old));
      }
    } else if (op === "bt") old = c.readOp(0);
    else {
      const m = c.modify();
      old = m.old;
      m.commit(apply(old));
    }
    c.flags.carryOnly(c, low(c, c.bin(w, "shr_u", c.mask(w, old), inWord)));
  };
}

/** The operand's address moved by `step` bytes: added to the offset, before the segment base and its checks. */
function bitAddress(c: LiftContext, step: Value, bytes: number, write: boolean): Value {
  // STATE.ret[3] carries the step into the generic address function (ea.linear with imm's bit 8).
  if (c.form.ea !== "generic") return c.emit("i64.add", [c.address(bytes, write), step]);
  c.set(64, plus(fixed(STATE.ret), 24), step);
  return c.emit("ea.linear", [], { imm: bytes | EA_ADD_STEP, big: write ? 1n : 0n });
}
/** Flag in ea.linear's immediate: add STATE.ret[3] to the offset. */
export const EA_ADD_STEP = 0x100;

function scan(reverse: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const source = c.variable(c.readOp(1));
    const s = c.read(source);
    c.if(w === 64 ? c.emit("i64.ne", [s, c.i64(0)]) : s, () => {
      const v = c.read(source);
      const found = reverse
        ? c.bin(w, "sub", c.constant(w, w === 64 ? 63 : 31), c.un(w, "clz", v))
        : c.un(w, "ctz", v);
      c.writeOp(0, found);
    });
    c.flags.logic(c, w, c.read(source));
  };
}

/** TZCNT and LZCNT: CF for a zero source, ZF for a zero result. */
function countZeros(leading: boolean) {
  return (c: LiftContext): void => {
    const w = c.width;
    const s = c.readOp(1);
    let r: Value;
    if (leading) r = w === 16 ? c.emit("i32.sub", [c.un(32, "clz", s), c.i32(16)]) : c.un(w, "clz", s);
    else r = w === 16 ? c.un(32, "ctz", c.emit("i32.or", [s, c.i32(0x10000)])) : c.un(w, "ctz", s);
    const cf = c.un(w, "eqz", s);
    c.writeOp(0, r);
    c.flags.explicit(c, w, r, cf, null);
  };
}

function popcnt(c: LiftContext): void {
  const w = c.width;
  const s = c.readOp(1);
  c.writeOp(0, c.un(w, "popcnt", s));
  // ZF from the source; all others clear, PF too (SDM): the XOR byte is 1.
  c.flags.compareFloat(c, c.un(w, "eqz", s), c.i32(0), c.i32(0));
}

function swapBytes(c: LiftContext, w: number, v: Value): Value {
  if (w === 16) return c.mask(16, c.emit("i32.or", [c.emit("i32.shl", [v, c.i32(8)]), c.emit("i32.shr_u", [v, c.i32(8)])]));
  if (w === 32) {
    const m = c.i32(0x00ff00ff);
    const a = c.emit("i32.and", [c.emit("i32.rotl", [v, c.i32(8)]), m]);
    const b = c.emit("i32.rotr", [c.emit("i32.and", [v, m]), c.i32(8)]);
    return c.emit("i32.or", [a, b]);
  }
  const hi = swapBytes(c, 32, c.wrap(v));
  const lo = swapBytes(c, 32, c.wrap(c.emit("i64.shr_u", [v, c.i64(32)])));
  return c.emit("i64.or", [c.emit("i64.shl", [c.zext64(hi), c.i64(32)]), c.zext64(lo)]);
}

function bswap(c: LiftContext): void {
  const w = c.width;
  // 16-bit BSWAP is undefined; hardware clears the register.
  c.writeOp(0, w === 16 ? c.i32(0) : swapBytes(c, w, c.readOp(0)));
}

function movbe(c: LiftContext): void {
  const w = c.operand(c.isMem(0) ? 1 : 0).width;
  c.writeOp(0, swapBytes(c, w, c.readOp(1)));
}

/** CRC-32C, bit by bit: reflected polynomial 0x82F63B78. */
function crc32(c: LiftContext): void {
  const bits = c.operand(1).width;
  const source = c.readOp(1);
  let crc: Value = c.emit("i32.xor", [c.get(32, c.ref(0)), c.wrap(source)]);
  const word = (bitsNow: number): void => {
    for (let i = 0; i < bitsNow; i++) {
      const carryMask = c.emit("i32.sub", [c.i32(0), c.emit("i32.and", [crc, c.i32(1)])]);
      crc = c.emit("i32.xor", [c.emit("i32.shr_u", [crc, c.i32(1)]), c.emit("i32.and", [carryMask, c.i32(0x82f63b78)])]);
    }
  };
  word(Math.min(bits, 32));
  if (bits === 64) {
    crc = c.emit("i32.xor", [crc, c.wrap(c.emit("i64.shr_u", [source, c.i64(32)]))]);
    word(32);
  }
  c.set(64, c.ref(0), c.zext64(crc));
}

export const SHIFT: LifterTable = {
  shl: shift("shl"), shr: shift("shr"), sar: shift("sar"), rol: rotate(true), ror: rotate(false),
  rcl: rotateCarry(true), rcr: rotateCarry(false), shld: double(true), shrd: double(false),
  bt: bit("bt"), bts: bit("bts"), btr: bit("btr"), btc: bit("btc"), bsf: scan(false), bsr: scan(true),
  tzcnt: countZeros(false), lzcnt: countZeros(true), popcnt, bswap, movbe, crc32,
};
