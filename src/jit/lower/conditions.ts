/** Conditions from the lazy flags (docs/FLAGS.md): CF = A <u B; OF = (A <s B) != (A - B < 0), or after INC and DEC from R; ZF = R == 0; SF = R < 0 or M < 0. */
import { CCM_PARITY_SHIFT, CCM_STEP, CCM_STEP_DOWN_SHIFT, STATE } from "../../cpu/layout.ts";
import type { FunctionBuilder } from "../wasm/function.ts";
import type { LocalPool } from "./frame.ts";

const slot = (fb: FunctionBuilder, address: number): FunctionBuilder => fb.i32(0).mem("i64.load", address);

const carry = (fb: FunctionBuilder): void => {
  slot(fb, STATE.ccA);
  slot(fb, STATE.ccB).op("i64.lt_u");
};
const zero = (fb: FunctionBuilder): void => {
  slot(fb, STATE.ccR).op("i64.eqz");
};
const sign = (fb: FunctionBuilder): void => {
  slot(fb, STATE.ccR).i64(0n).op("i64.lt_s");
  fb.i32(0).mem("i32.load", STATE.ccM).i32(31).op("i32.shr_u").op("i32.or");
};
function overflow(fb: FunctionBuilder, locals: LocalPool): void {
  const m = locals.take("i32");
  const a = locals.take("i64");
  const b = locals.take("i64");
  fb.i32(0).mem("i32.load", STATE.ccM).tee(m).i32(CCM_STEP).op("i32.and");
  const stepped = fb.begin("if", "stepped", "i32");
  slot(fb, STATE.ccR).get(m).i32(CCM_STEP_DOWN_SHIFT).op("i32.shr_u").i32(1).op("i32.and").op("i64.extend_i32_u").op("i64.add");
  // A shift counts modulo 64: the low bits of ccM.
  fb.get(m).op("i64.extend_i32_u").op("i64.shl").i64(-0x8000000000000000n).op("i64.eq");
  fb.else();
  slot(fb, STATE.ccA).tee(a);
  slot(fb, STATE.ccB).tee(b).op("i64.lt_s");
  fb.get(a).get(b).op("i64.sub").i64(0n).op("i64.lt_s").op("i32.xor");
  fb.end(stepped);
  locals.release(m);
  locals.release(a);
  locals.release(b);
}

/** Pushes condition code 0..15 (SDM Vol. 1 App. B) as 0 or 1. */
export function lowerCondition(fb: FunctionBuilder, condition: number, locals: LocalPool): void {
  const negate = (condition & 1) !== 0;
  switch (condition & ~1) {
    case 0: overflow(fb, locals); break;
    case 2:
      slot(fb, STATE.ccA);
      slot(fb, STATE.ccB).op(negate ? "i64.ge_u" : "i64.lt_u");
      return;
    case 4:
      slot(fb, STATE.ccR);
      if (negate) fb.i64(0n).op("i64.ne");
      else fb.op("i64.eqz");
      return;
    case 6: carry(fb); zero(fb); fb.op("i32.or"); break;
    case 8: sign(fb); break;
    case 10:
      fb.i32(0).mem("i32.load8_u", STATE.ccR);
      fb.i32(0).mem("i32.load8_u", STATE.ccM + CCM_PARITY_SHIFT / 8).op("i32.xor").op("i32.popcnt").i32(1).op("i32.and");
      if (!negate) fb.op("i32.eqz");
      return;
    case 12: sign(fb); overflow(fb, locals); fb.op("i32.xor"); break;
    case 14: sign(fb); overflow(fb, locals); fb.op("i32.xor"); zero(fb); fb.op("i32.or"); break;
  }
  if (negate) fb.op("i32.eqz");
}
