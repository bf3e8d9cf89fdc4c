/** VMASKMOV, VPMASKMOV and the gathers: accesses of single elements, where the others cannot fault. SDM Vol. 2. */
import { plus, type Value } from "../ir/ir.ts";
import { halfRef, halvesOf, setVec } from "./avx-common.ts";
import type { LiftContext } from "./context.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";
import { gate, zero128 } from "./sse-common.ts";

type Size = 4 | 8;
/** Linear address of `size` bytes at an offset that wraps at the address size. */
function elementAddress(c: LiftContext, offset: Value, size: Size, write: boolean): Value {
  const { addrSize } = c.form;
  const wrapped = addrSize === 64 ? offset : c.emit("i64.and", [offset, c.i64(addrSize === 16 ? 0xffff : 0xffffffffn)]);
  if (c.mode64) return c.emit("i64.add", [wrapped, c.get(64, c.segment())]);
  return c.emit("seg.linear", [wrapped], { ref: c.segment(), imm: size, big: write ? 1n : 0n });
}

/** The sign bits of `count` elements at `ref`, as the low bits of an i32. */
const signBits = (c: LiftContext, i: number, size: Size, halves: number): Value => {
  const op = size === 4 ? "i32x4.bitmask" : "i64x2.bitmask";
  const low = c.emit(op, [c.get(128, c.ref(i))]);
  if (halves === 1) return low;
  return c.emit("i32.or", [low, c.emit("i32.shl", [c.emit(op, [c.get(128, halfRef(c.ref(i), 1))]), c.i32(16 / size)])]);
};

/** Operands: register, mask, memory; or memory, mask, register. */
const masked = (size: Size): Lifter => stateful((c) => {
  gate(c, 4);
  const store = c.isMem(0);
  const halves = halvesOf(c, 1);
  const chosen = c.variable(signBits(c, 1, size, halves));
  const first = c.variable(c.offset());
  const count = (16 * halves) / size;
  const width = size * 8;
  const each = (f: (i: number, address: Value) => void): void => {
    for (let i = 0; i < count; i++) {
      c.if(c.emit("i32.and", [c.read(chosen), c.i32(1 << i)]), () => f(i, elementAddress(c, c.emit("i64.add", [c.read(first), c.i64(size * i)]), size, store)));
    }
  };
  if (store) {
    // All are translated before the first is written: a fault leaves memory as it was.
    each((_i, at) => c.emit("ptr.store", [at], { imm: size }));
    each((i, at) => c.store(width, at, c.get(width, plus(c.ref(2), size * i))));
    return;
  }
  const results = Array.from({ length: halves }, () => c.variable(zero128(c)));
  const lanes = 16 / size;
  each((i, at) => {
    const r = results[Math.floor(i / lanes)];
    const v = c.load(width, at);
    c.assign(r, c.emit(size === 4 ? "i32x4.replace_lane" : "i64x2.replace_lane", [c.read(r), v], { imm: i % lanes }));
  });
  setVec(c, 0, results.map((r) => c.read(r)));
});

/**
 * Operands: destination, memory without its index, mask, index. An element that is done has its mask cleared at once, so that a fault leaves
 * the rest to do; what is above stays as it was (measured). SDM Vol. 2, VGATHERDPS.
 */
const gather = (size: Size, indexSize: Size): Lifter => stateful((c) => {
  gate(c, 4);
  const width = size * 8;
  const halves = halvesOf(c, 0);
  const count = Math.min((16 * halves) / size, (16 * halvesOf(c, 3)) / indexSize);
  const chosen = c.variable(signBits(c, 2, size, halves));
  const first = c.variable(c.offset());
  const mask = c.ref(2);
  for (let i = 0; i < count; i++) {
    c.if(c.emit("i32.and", [c.read(chosen), c.i32(1 << i)]), () => {
      const index = c.sext64(indexSize * 8, c.get(indexSize * 8, plus(c.ref(3), indexSize * i)));
      const scaled = c.emit("i64.shl", [index, c.zext64(c.immediate2())]);
      const v = c.load(width, elementAddress(c, c.emit("i64.add", [c.read(first), scaled]), size, false));
      c.set(width, plus(c.ref(0), size * i), v);
    });
    c.set(width, plus(mask, size * i), c.constant(width, 0));
  }
  for (let h = 0; h < 2; h++) c.set(128, halfRef(mask, h), zero128(c));
  if (halves === 1) c.set(128, halfRef(c.ref(0), 1), zero128(c));
  // Elements that have no index.
  if (count * size < 16) c.set(64, plus(c.ref(0), 8), c.i64(0));
});

export const AVX_MASKED: LifterTable = {
  vmaskmovps: masked(4), vmaskmovpd: masked(8), vpmaskmovd: masked(4), vpmaskmovq: masked(8),
  vgatherdps: gather(4, 4), vgatherdpd: gather(8, 4), vgatherqps: gather(4, 8), vgatherqpd: gather(8, 8),
};
