/** AVX data movement: whole vectors, scalars, halves, single elements, broadcasts, VZEROUPPER. SDM Vol. 2. */
import { fixed, plus } from "../ir/ir.ts";
import { STATE, XMM_STRIDE } from "../layout.ts";
import { avx, clearUpper, halfRef, halvesOf, readVec, registerVec, setVec, unary, writeVec } from "./avx-common.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";
import { bits, gate, imm8, pair64, setLow64, shuffle, source32, source64, splat16, splat32, splat64, splat8, zero128 } from "./sse-common.ts";
import { extractBody, insertElement, insertpsValue, loadMxcsr, maskedStore, storeMxcsr } from "./sse-move.ts";

const move = (aligned: boolean): Lifter => avx((c) => writeVec(c, 0, readVec(c, 1, aligned), aligned));

/** VMOVSS, VMOVSD: with three registers the upper part comes from the second; from memory the rest becomes zero. */
const moveScalar = (width: 32 | 64): Lifter => avx((c) => {
  if (c.isMem(0)) c.store(width, c.address(width / 8, true), c.get(width, c.ref(1)));
  else if (c.isMem(1)) {
    setLow64(c, 0, c.zext64(c.load(width, c.address(width / 8))));
    clearUpper(c, 0);
  } else setVec(c, 0, [c.emit(width === 64 ? "i64x2.replace_lane" : "i32x4.replace_lane", [c.get(128, c.ref(1)), c.get(width, c.ref(2))])]);
});

/** 64 bits to memory, or from operand 2 (its half `from`) into half `to` of operand 1's low 128 bits. */
const moveHalf = (to: 0 | 1, from: 0 | 1): Lifter => avx((c) => {
  if (c.isMem(0)) {
    c.store(64, c.address(8, true), c.get(64, plus(c.ref(1), 8 * from)));
    return;
  }
  const v = c.isMem(2) ? c.load(64, c.address(8)) : c.get(64, plus(c.ref(2), 8 * from));
  const kept = c.get(64, plus(c.ref(1), 8 * (1 - to)));
  setVec(c, 0, [to === 0 ? pair64(c, v, kept) : pair64(c, kept, v)]);
});

const vmovd = avx((c) => {
  const width = c.form.opSize === 64 ? 64 : 32;
  const v = c.readOp(1, width);
  if (c.operand(0).reg !== "xmm") {
    c.writeOp(0, v, width);
    return;
  }
  setLow64(c, 0, c.zext64(v));
  clearUpper(c, 0);
});
const vmovq = avx((c) => {
  const v = source64(c, 1);
  if (c.isMem(0)) c.store(64, c.address(8, true), v);
  else {
    setLow64(c, 0, v);
    clearUpper(c, 0);
  }
});

const duplicate = (size: number, lanes: readonly number[]): Lifter => unary((c, v) => shuffle(c, size, v, v, lanes));
const vmovddup = avx((c) => {
  if (halvesOf(c, 0) === 1) setVec(c, 0, [splat64(c, source64(c, 1))]);
  else setVec(c, 0, readVec(c, 1).map((v) => shuffle(c, 8, v, v, [0, 0])));
});

// --- Elements -------------------------------------------------------------------------------------------------------
const insert = (size: number): Lifter => avx((c) => {
  const width = size === 4 && c.operand(2).width === 64 ? 64 : size * 8;
  const element = c.isMem(2) ? c.load(width, c.address(width / 8)) : c.get(width, c.ref(2));
  setVec(c, 0, [insertElement(c, c.get(128, c.ref(1)), width / 8, c.immediate(32), element)]);
});
const vinsertps = avx((c) => {
  const source = c.isMem(2) ? source32(c, 2) : c.get(128, c.ref(2));
  setVec(c, 0, [insertpsValue(c, c.get(128, c.ref(1)), source, imm8(c))]);
});

/** One element of memory or of a register's low end in every lane. */
const broadcast = (size: 1 | 2 | 4 | 8): Lifter => avx((c) => {
  const splat = { 1: splat8, 2: splat16, 4: splat32, 8: splat64 }[size];
  const v = splat(c, c.isMem(1) ? c.load(8 * size, c.address(size)) : c.get(8 * size, c.ref(1)));
  setVec(c, 0, halvesOf(c, 0) === 2 ? [v, v] : [v]);
});
const broadcast128 = avx((c) => {
  const [v] = readVec(c, 1);
  setVec(c, 0, [v, v]);
});
/** VINSERTx128: operand 2 in place of one half of operand 1. */
const insert128 = avx((c) => {
  const [v] = readVec(c, 2);
  const [low, high] = registerVec(c, 1);
  const upper = bits(c, c.immediate(32), 0, 1);
  setVec(c, 0, [c.select(upper, low, v), c.select(upper, v, high)]);
});
const extract128 = avx((c) => {
  const [low, high] = registerVec(c, 1);
  writeVec(c, 0, [c.select(bits(c, c.immediate(32), 0, 1), high, low)]);
});

/** Outside 64-bit mode registers 8 to 15 stay. */
const clearRegisters = (all: boolean): Lifter => stateful((c) => {
  gate(c, 4);
  for (let i = 0; i < (c.mode64 ? 16 : 8); i++) {
    const ref = fixed(STATE.xmm + XMM_STRIDE * i);
    if (all) c.set(128, ref, zero128(c));
    c.set(128, halfRef(ref, 1), zero128(c));
  }
});

export const AVX_MOVE: LifterTable = {
  vmovaps: move(true), vmovapd: move(true), vmovdqa: move(true), vmovntps: move(true), vmovntpd: move(true), vmovntdq: move(true), vmovntdqa: move(true),
  vmovups: move(false), vmovupd: move(false), vmovdqu: move(false), vlddqu: move(false),
  vmovss: moveScalar(32), vmovsd: moveScalar(64), vmovd, vmovq,
  vmovlps: moveHalf(0, 0), vmovlpd: moveHalf(0, 0), vmovhps: moveHalf(1, 1), vmovhpd: moveHalf(1, 1), vmovhlps: moveHalf(0, 1), vmovlhps: moveHalf(1, 0),
  vmovsldup: duplicate(4, [0, 0, 2, 2]), vmovshdup: duplicate(4, [1, 1, 3, 3]), vmovddup,
  vpextrb: avx(extractBody(1)), vpextrw: avx(extractBody(2)), vpextrd: avx(extractBody(4)), vextractps: avx(extractBody(4)),
  vpinsrb: insert(1), vpinsrw: insert(2), vpinsrd: insert(4), vinsertps,
  vbroadcastss: broadcast(4), vbroadcastsd: broadcast(8), vbroadcastf128: broadcast128, vbroadcasti128: broadcast128,
  vpbroadcastb: broadcast(1), vpbroadcastw: broadcast(2), vpbroadcastd: broadcast(4), vpbroadcastq: broadcast(8),
  vinsertf128: insert128, vinserti128: insert128, vextractf128: extract128, vextracti128: extract128,
  vmaskmovdqu: stateful((c) => {
    gate(c, 4);
    maskedStore(c);
  }),
  vldmxcsr: avx(loadMxcsr), vstmxcsr: avx(storeMxcsr), vzeroupper: clearRegisters(false), vzeroall: clearRegisters(true),
};
