/** PCMPISTRI, PCMPISTRM, PCMPESTRI, PCMPESTRM, and AES, PCLMULQDQ, SHA: thin lifters over helpers. SDM Vol. 2 §4.1. */
import { fixed, type Value } from "../ir/ir.ts";
import { STATE } from "../layout.ts";
import { CRYPTO_OP, STAGE } from "../helpers/sse-ops.ts";
import { gpr, RAX, RCX, RDX, type LiftContext } from "./context.ts";
import { stateful, type Lifter, type LifterTable } from "./registry.ts";
import { bits, imm8, source128, sse } from "./sse-common.ts";

const A = fixed(STAGE.a), B = fixed(STAGE.b), R = fixed(STAGE.result);

/** |EAX| or |RAX| of an explicit length, at most 16. */
function length(c: LiftContext, register: number): Value {
  const width = c.form.opSize === 64 ? 64 : 32;
  const v = c.sext64(width, c.get(width, gpr(register)));
  const negative = c.emit("i64.lt_s", [v, c.i64(0)]);
  const size = c.select(negative, c.emit("i64.sub", [c.i64(0), v]), v);
  return c.wrap(c.select(c.emit("i64.lt_u", [size, c.i64(16)]), size, c.i64(16)));
}

/** Not words, not ranges: C libraries search and compare strings so. */
const isSimple = (c: LiftContext): Value => c.emit("i32.eqz", [c.emit("i32.and", [c.i32(1), c.emit("i32.or", [imm8(c),
  c.emit("i32.eq", [c.emit("i32.and", [imm8(c), c.i32(12)]), c.i32(4)])])])]);

/** The helper leaves the index in ret0, flags as LAHF orders them in ret1, OF in ret2, the mask in scratch. */
export function compareStringsBody(c: LiftContext, explicit: boolean, mask: boolean): void {
  const b = c.variable(source128(c, 1, false));
  const lengths = (): Value[] => (explicit ? [length(c, RAX), length(c, RDX)] : [c.i32(-1), c.i32(-1)]);
  const finish = (low: Value, overflow: Value): void => {
    c.flags.setLowByte(c, low);
    c.flags.carry(c, bits(c, low, 0, 1), overflow);
  };
  const whole = (): void => {
    c.set(128, A, c.get(128, c.ref(0)));
    c.set(128, B, c.read(b));
    c.call("pcmpString", imm8(c), ...lengths());
    if (mask) c.set(128, fixed(STATE.xmm), c.get(128, R));
    else c.setReg(32, gpr(RCX), c.get(32, fixed(STATE.ret)));
    finish(c.get(32, fixed(STATE.ret + 8)), c.get(32, fixed(STATE.ret + 16)));
  };
  if (mask) {
    whole();
    return;
  }
  c.if(isSimple(c), () => {
    const found = c.variable(c.emit("i8x16.pcmpstr", [c.get(128, c.ref(0)), c.read(b), imm8(c), ...lengths()]));
    const result = c.variable(bits(c, c.read(found), 0, 0xffff));
    const last = c.emit("i32.sub", [c.i32(31), c.emit("i32.clz", [c.read(result)])]);
    const first = c.emit("i32.ctz", [c.emit("i32.or", [c.read(result), c.i32(0x10000)])]);
    const any = c.variable(c.emit("i32.ne", [c.read(result), c.i32(0)]));
    const backward = c.emit("i32.and", [c.read(any), bits(c, imm8(c), 6, 1)]);
    c.setReg(32, gpr(RCX), c.select(backward, last, first));
    const ends = (at: number, flag: number): Value => c.emit("i32.shl", [c.emit("i32.ne", [bits(c, c.read(found), at, 31), c.i32(16)]), c.i32(flag)]);
    finish(c.emit("i32.or", [c.read(any), c.emit("i32.or", [ends(21, 6), ends(16, 7)])]), bits(c, c.read(result), 0, 1));
  }, whole);
}
const compareStrings = (explicit: boolean, mask: boolean): Lifter => sse((c) => compareStringsBody(c, explicit, mask));

/** Operand 0, operand 1 and XMM0 go in, operand 0 comes out. */
const crypto = (op: number): Lifter => sse((c) => {
  const b = source128(c, 1);
  c.set(128, A, c.get(128, c.ref(0)));
  c.set(128, B, b);
  c.set(128, fixed(STAGE.c), c.get(128, fixed(STATE.xmm)));
  c.call("sseCrypto", c.i32(op), c.operand(2)?.kind === "imm" ? imm8(c) : c.i32(0));
  c.set(128, c.ref(0), c.get(128, R));
});

const ciphers: Record<string, Lifter> = {};
for (const [name, op] of Object.entries(CRYPTO_OP)) ciphers[name] = crypto(op);

export const SSE_STRING: LifterTable = {
  pcmpistri: compareStrings(false, false), pcmpistrm: compareStrings(false, true),
  // REX.W makes the lengths 64 bits wide, which no operand shows: the form must keep the operand size.
  pcmpestri: stateful(compareStrings(true, false)), pcmpestrm: stateful(compareStrings(true, true)),
  ...ciphers,
};
