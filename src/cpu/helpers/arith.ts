/** 128-bit division, decimal adjustment, ENTER and BOUND. SDM 2A/2B under each name. */
import { GuestFault, VECTOR } from "../fault.ts";
import { ARITH_FLAGS, FLAG, SEG_MAX_WRITE, SEG_MIN, SEG_STRIDE, SS, STATE, STATUS } from "../layout.ts";
import type { Core } from "./core.ts";

const RAX = 0;
const RDX = 2;
const RSP = 4;
const RBP = 5;
const AL = STATE.gpr;
const AH = STATE.gpr + 1;

const divideError = (): GuestFault => new GuestFault(VECTOR.DE);

export class Arithmetic {
  constructor(private readonly core: Core) {}

  divide128(divisorArg: bigint, signed: number): number {
    const { state } = this.core;
    const low = state.reg(RAX);
    const high = state.reg(RDX);
    const divisor = signed ? divisorArg : BigInt.asUintN(64, divisorArg);
    if (divisor === 0n) throw divideError();
    const unsigned = (high << 64n) | low;
    const dividend = signed ? BigInt.asIntN(128, unsigned) : unsigned;
    const quotient = dividend / divisor;
    if ((signed ? BigInt.asIntN(64, quotient) : BigInt.asUintN(64, quotient)) !== quotient) throw divideError();
    state.setReg(RAX, quotient);
    state.setReg(RDX, dividend - quotient * divisor);
    return STATUS.next;
  }

  /** Flags of an 8-bit result; OF, where the manual leaves it undefined, is cleared. */
  private setFlags(result: number, carry: boolean, adjust: boolean): void {
    const { state } = this.core;
    let f = this.core.eflags & ~ARITH_FLAGS;
    const r = result & 0xff;
    if (r === 0) f |= FLAG.ZF;
    if (r & 0x80) f |= FLAG.SF;
    let p = r ^ (r >> 4);
    p ^= p >> 2;
    p ^= p >> 1;
    if (!(p & 1)) f |= FLAG.PF;
    if (carry) f |= FLAG.CF;
    if (adjust) f |= FLAG.AF;
    state.setFlags(f);
  }

  daa(): number {
    return this.decimalAdjust(1);
  }
  das(): number {
    return this.decimalAdjust(-1);
  }
  private decimalAdjust(sign: 1 | -1): number {
    const { state } = this.core;
    const flags = state.flags();
    const old = state.u8[AL];
    const oldCarry = (flags & FLAG.CF) !== 0;
    let al = old;
    let carry = false;
    const adjust = (old & 15) > 9 || (flags & FLAG.AF) !== 0;
    if (adjust) {
      al += 6 * sign;
      carry = oldCarry || al < 0 || al > 0xff;
    }
    if (old > 0x99 || oldCarry) {
      al += 0x60 * sign;
      carry = true;
    } else if (sign === 1) carry = false;
    state.u8[AL] = al;
    this.setFlags(al, carry, adjust);
    return STATUS.next;
  }

  aaa(): number {
    return this.asciiAdjust(0x106);
  }
  aas(): number {
    return this.asciiAdjust(-0x106);
  }
  private asciiAdjust(step: number): number {
    const { state } = this.core;
    const adjust = (state.u8[AL] & 15) > 9 || (state.flags() & FLAG.AF) !== 0;
    const ax = (state.u8[AL] | (state.u8[AH] << 8)) + (adjust ? step : 0);
    state.u8[AH] = ax >> 8;
    // ZF, SF and PF are undefined.
    this.setFlags(ax, adjust, adjust);
    state.u8[AL] = ax & 15;
    return STATUS.next;
  }

  aam(base: number): number {
    const { state } = this.core;
    const b = base & 0xff;
    if (b === 0) throw divideError();
    const al = state.u8[AL];
    state.u8[AH] = Math.floor(al / b);
    state.u8[AL] = al % b;
    this.setFlags(al % b, false, false);
    return STATUS.next;
  }

  aad(base: number): number {
    const { state } = this.core;
    const al = (state.u8[AL] + state.u8[AH] * (base & 0xff)) & 0xff;
    state.u8[AL] = al;
    state.u8[AH] = 0;
    this.setFlags(al, false, false);
    return STATUS.next;
  }

  /** Linear address of stack offset `lo`,`hi`, checked for a write or read of `size` bytes: core.lo, core.hi. */
  private stackAddress(lo: number, hi: number, size: number): void {
    const { core } = this;
    const { state } = core;
    if (state.mode64) {
      core.memory.requireStackCanonical(hi);
      core.lo = lo;
      core.hi = hi;
      return;
    }
    const offset = (lo & state.i32[STATE.spMask >> 2]) >>> 0;
    const at = (STATE.seg + SS * SEG_STRIDE) >> 2;
    const min = state.i32[at + (SEG_MIN >> 2) + 1] ? Infinity : state.u32[at + (SEG_MIN >> 2)];
    if (offset < min || offset + size - 1 > state.u32[at + (SEG_MAX_WRITE >> 2)]) throw new GuestFault(VECTOR.SS, 0);
    core.lo = (core.segBaseLo(SS) + offset) | 0;
    core.hi = 0;
  }

  /** Nothing but memory below the stack changes before the last check: then RBP and RSP. */
  enter(frame: number, levelArg: number, bits: number): number {
    const { core } = this;
    const { state, memory } = core;
    const size = bits >> 3;
    const level = levelArg & 31;
    const index = memory.index();
    const mask = state.u64[STATE.spMask >> 3];
    let sp = state.reg(RSP) & mask;
    let bp = state.reg(RBP);
    const push = (value: bigint): void => {
      sp = (sp - BigInt(size)) & mask;
      core.split(sp);
      this.stackAddress(core.lo, core.hi, size);
      const { lo, hi } = core;
      core.split(value);
      const valueLo = core.lo;
      memory.write(lo, hi, size, index, valueLo, core.hi);
    };
    push(bp);
    const frameTemp = sp;
    if (level > 0) {
      for (let i = 1; i < level; i++) {
        bp = (bp - BigInt(size)) & mask;
        core.split(bp);
        this.stackAddress(core.lo, core.hi, size);
        const lo = memory.read(core.lo, core.hi, size, index);
        const hi = memory.hi;
        push((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0));
      }
      push(frameTemp);
    }
    sp = (sp - BigInt(frame & 0xffff)) & mask;
    // The final stack pointer must be writable (SDM 2A "ENTER").
    core.split(sp);
    this.stackAddress(core.lo, core.hi, size);
    memory.probeWrite(core.lo, core.hi, size, index);
    const oldBp = state.reg(RBP);
    state.setReg(RBP, bits === 16 ? (oldBp & ~0xffffn) | (frameTemp & 0xffffn) : BigInt.asUintN(bits, frameTemp));
    state.setReg(RSP, mask === 0xffffn ? (state.reg(RSP) & ~0xffffn) | sp : sp);
    return STATUS.next;
  }

  bound(index: bigint, lower: bigint, upper: bigint): number {
    if (index < lower || index > upper) throw new GuestFault(VECTOR.BR);
    return STATUS.next;
  }
}
