/** SSE and MMX data movement: whole registers, halves, scalars, non-temporal and masked stores. SDM Vol. 2, MOVxxx. */
import { fixed, plus, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import { gpr, RDI, type LiftContext } from "./context.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";
import {
  all32, bits, enterMmx, gate, imm8, IOTA, isMmx, known, lane64, mmx, setLow64, setMmx, shuffle, source128, source32, source64,
  splat16, splat32, splat64, splat8, sse, store128, v8,
} from "./sse-common.ts";

/** MOVAPS and the like: 128 bits either way. */
const move128 = (aligned: boolean): Lifter => sse((c) => {
  if (c.isMem(0)) store128(c, c.get(128, c.ref(1)), aligned);
  else c.set(128, c.ref(0), source128(c, 1, aligned));
});

/** MOVSS, MOVSD: from memory the rest becomes zero, between registers it stays. */
const moveScalar = (width: 32 | 64): Lifter => sse((c) => {
  if (c.isMem(0)) c.store(width, c.address(width / 8, true), c.get(width, c.ref(1)));
  else if (c.isMem(1)) {
    const v = c.load(width, c.address(width / 8));
    setLow64(c, 0, c.zext64(v));
  } else c.set(width, c.ref(0), c.get(width, c.ref(1)));
});

/** 64 bits between memory or a register's half `from` and half `to`; the other half of the destination stays. */
const moveHalf = (to: 0 | 1, from: 0 | 1): Lifter => sse((c) => {
  if (c.isMem(0)) c.store(64, c.address(8, true), c.get(64, plus(c.ref(1), 8 * from)));
  else {
    const v = c.isMem(1) ? c.load(64, c.address(8)) : c.get(64, plus(c.ref(1), 8 * from));
    c.set(64, plus(c.ref(0), 8 * to), v);
  }
});

/** MOVQ: MMX, or XMM with the upper half zeroed. */
function movq(c: LiftContext): void {
  if (isMmx(c, 0) || isMmx(c, 1)) {
    mmx((m) => {
      const v = source64(m, 1);
      if (!m.isMem(0)) return v;
      m.store(64, m.address(8, true), v);
      return null;
    })(c);
    return;
  }
  gate(c, 2);
  const v = source64(c, 1);
  if (c.isMem(0)) c.store(64, c.address(8, true), v);
  else setLow64(c, 0, v);
}

/** MOVD and its REX.W form, between a general register or memory and MMX or XMM. */
function movd(c: LiftContext): void {
  const touchesMmx = isMmx(c, 0) || isMmx(c, 1);
  const width = c.form.opSize === 64 ? 64 : 32;
  const body = (m: LiftContext): Value | null => {
    const kind = m.operand(0).reg;
    const v = m.readOp(1, width);
    if (kind === "mmx") return m.zext64(v);
    if (kind === "xmm") setLow64(m, 0, m.zext64(v));
    else m.writeOp(0, v, width);
    return null;
  };
  if (touchesMmx) mmx(body)(c);
  else {
    gate(c, 2);
    body(c);
  }
}

const duplicate = (size: number, lanes: readonly number[]): Lifter => sse((c) => {
  const v = source128(c, 1);
  c.set(128, c.ref(0), shuffle(c, size, v, v, lanes));
});

const movddup = sse((c) => c.set(128, c.ref(0), splat64(c, source64(c, 1))));

const movmsk = (name: string): Lifter => sse((c) => c.writeOp(0, c.emit(name, [c.get(128, c.ref(1))])));

function pmovmskb(c: LiftContext): void {
  if (!isMmx(c, 1)) {
    movmsk("i8x16.bitmask")(c);
    return;
  }
  gate(c, 1);
  const mask = c.emit("i8x16.bitmask", [splat64(c, c.get(64, c.ref(1)))]);
  enterMmx(c);
  c.writeOp(0, c.emit("i32.and", [mask, c.i32(255)]));
}

const movq2dq: Lifter = (c) => {
  gate(c, 2);
  gate(c, 1);
  const v = c.get(64, c.ref(1));
  enterMmx(c);
  setLow64(c, 0, v);
};
const movdq2q: Lifter = (c) => {
  gate(c, 2);
  gate(c, 1);
  const v = c.get(64, c.ref(1));
  enterMmx(c);
  setMmx(c, 0, v);
};

/** The implied operand DS:rDI, segment override allowed. */
function maskedAddress(c: LiftContext, size: number): Value {
  const a = c.form.addrSize === 0 ? (c.mode64 ? 64 : 32) : c.form.addrSize;
  const offset = c.zext64(c.get(a, gpr(RDI)));
  if (c.mode64) return c.emit("i64.add", [offset, c.get(64, c.segment())]);
  return c.emit("seg.linear", [offset], { ref: c.segment(), imm: size, big: 1n });
}

/** Stores the bytes of operand 0 whose byte in operand 1 has its top bit set; an all-zero mask touches no memory. */
export function maskedStore(c: LiftContext): void {
  const small = isMmx(c, 0);
  const data = small ? splat64(c, c.get(64, c.ref(0))) : c.get(128, c.ref(0));
  const selector = small ? splat64(c, c.get(64, c.ref(1))) : c.get(128, c.ref(1));
  const mask = c.emit("i8x16.shr_s", [selector, c.i32(7)]);
  c.if(c.emit("v128.any_true", [mask]), () => {
    const size = small ? 8 : 16;
    const p = c.emit("rmw.begin", [maskedAddress(c, size)], { imm: size });
    for (let half = 0; half < size / 8; half++) {
      const at = c.emit("i32.add", [p, c.i32(8 * half)]);
      const m = lane64(c, mask, half);
      const old = c.emit("i64.and", [c.emit("raw.ld.64", [at]), c.emit("i64.xor", [m, c.i64(-1)])]);
      c.emit("raw.st.64", [at, c.emit("i64.or", [old, c.emit("i64.and", [lane64(c, data, half), m])])]);
    }
    c.emit("rmw.end", [p]);
  });
  if (small) enterMmx(c);
}
function masked(c: LiftContext): void {
  gate(c, isMmx(c, 0) ? 1 : 2);
  maskedStore(c);
}

function emms(c: LiftContext): void {
  gate(c, 1);
  c.set(32, fixed(STATE.fpuTag), c.i32(0xffff));
  c.set(32, fixed(STATE.fpuTop), c.i32(0));
}

// --- Single elements by immediate -----------------------------------------------------------------------------------
/** Element `n` (a value below 16/size) of `v` in lane 0. */
function rotateDown(c: LiftContext, v: Value, size: number, n: Value): Value {
  const first = c.emit("i32.mul", [n, c.i32(size)]);
  return c.emit("i8x16.swizzle", [v, c.emit("i8x16.add", [splat8(c, first), v8(c, IOTA)])]);
}

/** Element `index` (its low bits count) of `size` bytes, zero-extended. */
export function extractElement(c: LiftContext, v: Value, size: number, index: Value): Value {
  const shape = { 1: "i8x16", 2: "i16x8", 4: "i32x4", 8: "i64x2" }[size] ?? "i32x4";
  const op = size < 4 ? `${shape}.extract_lane_u` : `${shape}.extract_lane`;
  const n = bits(c, index, 0, 16 / size - 1);
  const k = known(n);
  if (k !== null) return c.emit(op, [v], { imm: k });
  if (size === 8) return c.select(n, lane64(c, v, 1), lane64(c, v, 0));
  return c.emit(op, [rotateDown(c, v, size, n)], { imm: 0 });
}

/** The extracted element goes to memory at its own width, or zero-extended into a general register. */
export const extractBody = (size: number) => (c: LiftContext): void => {
  const width = size === 4 && c.operand(0).width === 64 ? 64 : size * 8;
  const v = extractElement(c, c.get(128, c.ref(1)), width / 8, c.immediate(32));
  if (c.isMem(0)) c.store(width, c.address(width / 8, true), v);
  else c.setReg(width === 64 ? 64 : 32, c.ref(0), v);
};
const extract = (size: number): Lifter => sse(extractBody(size));

function pextrw(c: LiftContext): void {
  if (!isMmx(c, 1)) {
    extract(2)(c);
    return;
  }
  gate(c, 1);
  const n = c.emit("i32.and", [c.immediate(32), c.i32(3)]);
  const v = extractElement(c, splat64(c, c.get(64, c.ref(1))), 2, n);
  enterMmx(c);
  c.writeOp(0, v);
}

/** `v` with element `index` replaced. */
export function insertElement(c: LiftContext, v: Value, size: number, index: Value, element: Value): Value {
  const shape = { 1: "i8x16", 2: "i16x8", 4: "i32x4", 8: "i64x2" }[size] ?? "i32x4";
  const n = bits(c, index, 0, 16 / size - 1);
  const k = known(n);
  if (k !== null) return c.emit(`${shape}.replace_lane`, [v, element], { imm: k });
  // Lane numbers compared with n give the mask.
  const numbers = v8(c, IOTA.map((b) => Math.floor(b / size)));
  const mask = c.emit("i8x16.eq", [numbers, splat8(c, n)]);
  const splat = size === 8 ? splat64 : size === 4 ? splat32 : size === 2 ? splat16 : splat8;
  return c.emit("v128.bitselect", [splat(c, element), v, mask]);
}

const insert = (size: number): Lifter => sse((c) => {
  const width = size === 4 && c.form.opSize === 64 ? 64 : size * 8;
  const element = c.isMem(1) ? c.load(width, c.address(width / 8)) : c.get(width, c.ref(1));
  c.set(128, c.ref(0), insertElement(c, c.get(128, c.ref(0)), width / 8, c.immediate(32), element));
});

function pinsrw(c: LiftContext): void {
  if (!isMmx(c, 0)) {
    insert(2)(c);
    return;
  }
  mmx((m) => {
    const element = m.isMem(1) ? m.load(16, m.address(2)) : m.get(16, m.ref(1));
    const n = m.emit("i32.and", [m.immediate(32), m.i32(3)]);
    return lane64(m, insertElement(m, splat64(m, m.get(64, m.ref(0))), 2, n, element), 0);
  })(c);
}

/** INSERTPS: imm[7:6] source lane (0 for memory), imm[5:4] destination lane, imm[3:0] lanes to clear. */
export function insertpsValue(c: LiftContext, a: Value, source: Value, i: Value): Value {
  const element = source.type === "i32" ? source : extractElement(c, source, 4, bits(c, i, 6, 3));
  const merged = insertElement(c, a, 4, bits(c, i, 4, 3), element);
  const laneBits = c.emit("v128.and", [splat32(c, i), c.v128([1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0])]);
  const keep = c.emit("i32x4.eq", [laneBits, all32(c, 0)]);
  return c.emit("v128.and", [merged, keep]);
}
const insertps = sse((c) => {
  const source = c.isMem(1) ? source32(c, 1) : c.get(128, c.ref(1));
  c.set(128, c.ref(0), insertpsValue(c, c.get(128, c.ref(0)), source, imm8(c)));
});

// --- Sign and zero extension ----------------------------------------------------------------------------------------
const SHAPES = ["i8x16", "i16x8", "i32x4", "i64x2"] as const;
/** The low lanes of shape `from` widened to shape `to`, one doubling a step. */
export function extendLow(c: LiftContext, v: Value, from: number, to: number, sign: "s" | "u"): Value {
  for (let s = from; s < to; s++) v = c.emit(`${SHAPES[s + 1]}.extend_low_${SHAPES[s]}_${sign}`, [v]);
  return v;
}
/** PMOVSX, PMOVZX: a memory operand is just as wide as the lanes that count. */
const extend = (from: number, to: number, sign: "s" | "u"): Lifter => sse((c) => {
  let v: Value;
  if (c.isMem(1)) {
    const width = 64 >> (to - from - 1);
    const raw = c.load(width, c.address(width / 8));
    v = width === 64 ? splat64(c, raw) : splat32(c, raw);
  } else v = c.get(128, c.ref(1));
  c.set(128, c.ref(0), extendLow(c, v, from, to, sign));
});

const extensions: Record<string, Lifter> = {};
for (const sign of ["s", "u"] as const) {
  const letters = "bwdq";
  for (let from = 0; from < 3; from++) {
    for (let to = from + 1; to < 4; to++) extensions[`pmov${sign === "s" ? "s" : "z"}x${letters[from]}${letters[to]}`] = extend(from, to, sign);
  }
}

export const loadMxcsr = (c: LiftContext): void => c.call("ldmxcsr", c.readOp(0, 32));
/** Only the low 16 bits are the guest's (helpers/sse-ops.ts). */
export const storeMxcsr = (c: LiftContext): void => c.writeOp(0, c.emit("i32.and", [c.get(32, fixed(STATE.mxcsr)), c.i32(0xffff)]), 32);

export const SSE_MOVE: LifterTable = {
  movaps: move128(true), movapd: move128(true), movdqa: move128(true), movups: move128(false), movupd: move128(false),
  movdqu: move128(false), lddqu: move128(false), movntps: move128(true), movntpd: move128(true), movntdq: move128(true), movntdqa: move128(true),
  movss: moveScalar(32), movsd: moveScalar(64),
  movlps: moveHalf(0, 0), movlpd: moveHalf(0, 0), movhps: moveHalf(1, 1), movhpd: moveHalf(1, 1),
  movhlps: moveHalf(0, 1), movlhps: moveHalf(1, 0),
  movq, movd, movntq: movq, movq2dq, movdq2q, maskmovq: stateful(masked), maskmovdqu: stateful(masked),
  movsldup: duplicate(4, [0, 0, 2, 2]), movshdup: duplicate(4, [1, 1, 3, 3]), movddup,
  movmskps: movmsk("i32x4.bitmask"), movmskpd: movmsk("i64x2.bitmask"), pmovmskb,
  pextrb: extract(1), pextrw, pextrd: extract(4), extractps: extract(4),
  pinsrb: insert(1), pinsrw, pinsrd: insert(4), insertps,
  ...extensions, emms, ldmxcsr: sse(loadMxcsr), stmxcsr: sse(storeMxcsr),
};
