/** Functions of ST0 (and ST1) that are not correctly rounded sums: special operands here, values in x87-functions.ts. SDM Vol. 1 §8.3.7-10. */
import { STATUS } from "../layout.ts";
import type { X87Float } from "./x87-float.ts";
import { BIAS, type Extended, IE, isDenormal, isInfinity, isNan, isUnsupported, isZero, normalized, PE, UE, ZE } from "./x87-round.ts";
import { atan2, cos, exp2m1, type Finite, quarterPi, type Real, sin, tan, yLog2x, yLog2xPlus1 } from "./x87-functions.ts";
import { REG_OP, SW } from "./x87-ops.ts";
import { extract, NO_QUOTIENT, remainder, scale } from "./x87-remainder.ts";
import type { X87Stack } from "./x87-stack.ts";

const extended = (): Extended => ({ se: 0, hi: 0, lo: 0 });
const ONE: Extended = { se: BIAS, hi: 0x80000000, lo: 0 };

function finite(v: Extended): Finite {
  const { m, e } = normalized(v);
  return { negative: v.se >> 15 !== 0, m, s: e - BIAS - 63 };
}
/** -1, 0, 1: |v| below, at, above 1. */
function compareWith1(v: Extended): number {
  const e = v.se & 0x7fff;
  if (e !== BIAS) return e < BIAS ? -1 : 1;
  return v.hi === 0x80000000 && v.lo === 0 ? 0 : 1;
}

export class Transcendentals {
  private readonly a = extended();
  private readonly b = extended();
  private readonly second = extended();

  constructor(
    private readonly stack: X87Stack,
    private readonly f: X87Float,
  ) {}

  private end(conditions = 0, clear = 0): number {
    const { stack, f } = this;
    stack.setStatus((stack.sw & ~(clear | SW.C1)) | f.flags | (f.up ? SW.C1 : 0) | conditions);
    return STATUS.next;
  }
  private stackFault(overflow: boolean): boolean {
    const { f } = this;
    f.flags |= IE | SW.SF;
    f.up = overflow;
    f.indefinite();
    return f.masked(IE);
  }
  private deliver(r: Real): boolean {
    const { f } = this;
    f.roundBig(r.negative ? 1 : 0, r.m, r.scale, !r.exact);
    // The unit does not tell exact results.
    if (r.exact) f.flags |= (f.r.se & 0x7fff) === 0 ? PE | UE : PE;
    return true;
  }

  execute(op: number): number {
    this.f.fullPrecision();
    switch (op) {
      case REG_OP.f2xm1: return this.unary(() => this.exponential());
      case REG_OP.fsin: return this.trigonometric(sin, 0);
      case REG_OP.fcos: return this.trigonometric(cos, 1);
      case REG_OP.fptan: return this.tangent();
      case REG_OP.fsincos: return this.sineCosine();
      case REG_OP.fpatan: return this.binary(true, () => this.arcTangent());
      case REG_OP.fyl2x: return this.binary(true, () => this.logarithm());
      case REG_OP.fyl2xp1: return this.binary(true, () => this.logarithmPlus1());
      case REG_OP.fscale: return this.binary(false, () => scale(this.f, this.a, this.b));
      case REG_OP.fprem: return this.remainder(false);
      case REG_OP.fprem1: return this.remainder(true);
      default: return this.extract();
    }
  }

  /** `compute` takes ST0 in `a`. */
  private unary(compute: () => boolean): number {
    const { stack, f, a } = this;
    let deliver: boolean;
    if (stack.isEmpty(0)) deliver = this.stackFault(false);
    else {
      stack.read(0, a);
      deliver = compute();
    }
    if (deliver) stack.write(0, f.r);
    return this.end();
  }
  /** `compute` takes ST0 in `a` and ST1 in `b`; the result goes to ST1, which becomes ST0, or to ST0. */
  private binary(pop: boolean, compute: () => boolean): number {
    const { stack, f, a, b } = this;
    let deliver: boolean;
    if (stack.isEmpty(0) || stack.isEmpty(1)) deliver = this.stackFault(false);
    else {
      stack.read(0, a);
      stack.read(1, b);
      deliver = compute();
    }
    if (deliver) {
      stack.write(pop ? 1 : 0, f.r);
      if (pop) stack.pop();
    }
    return this.end();
  }

  private remainder(nearest: boolean): number {
    const { stack, f, a, b } = this;
    const bits = SW.C0 | SW.C2 | SW.C3;
    if (stack.isEmpty(0) || stack.isEmpty(1)) {
      if (this.stackFault(false)) stack.write(0, f.r);
      return this.end(0, SW.C2);
    }
    stack.read(0, a);
    stack.read(1, b);
    const conditions = remainder(f, a, b, nearest);
    f.up = false;
    if (f.proceeds) stack.write(0, f.r);
    return conditions === NO_QUOTIENT ? this.end(0, SW.C2) : this.end(conditions, bits);
  }

  // --- Results in two registers -----------------------------------------------------------------------------------------
  /** ST0 becomes `second`, f.r is pushed. */
  private deliverTwo(): void {
    this.stack.write(0, this.second);
    this.stack.push(this.f.r);
  }
  private keepSecond(): void {
    const { second, f } = this;
    second.se = f.r.se;
    second.hi = f.r.hi;
    second.lo = f.r.lo;
  }
  /** A stack fault of an instruction that pushes: true when there was one. */
  private cannotPush(): boolean {
    const { stack } = this;
    const empty = stack.isEmpty(0);
    if (!empty && stack.isEmpty(7)) return false;
    if (this.stackFault(!empty)) {
      this.keepSecond();
      this.deliverTwo();
    }
    return true;
  }

  private extract(): number {
    const { stack, f, a } = this;
    if (this.cannotPush()) return this.end();
    stack.read(0, a);
    const negative = a.se >> 15 !== 0 ? 1 : 0;
    let deliver = true;
    if (isZero(a)) {
      f.flags |= ZE;
      deliver = f.masked(ZE);
      f.infinity(1);
      this.keepSecond();
      f.zero(negative);
    } else if (f.settled(a)) {
      deliver = f.proceeds;
      this.keepSecond();
    } else if (isInfinity(a)) {
      f.infinity(0);
      this.keepSecond();
      f.infinity(negative);
    } else {
      const e = extract(f, a);
      f.fromInteger(e, e >> 31);
      this.keepSecond();
      extract(f, a);
    }
    if (deliver) this.deliverTwo();
    return this.end();
  }

  /** Special operands of the trigonometric functions: C2 is set and nothing done from 2^63 on. Null: go on. */
  private trigonometricSpecial(two: boolean): number | null {
    const { stack, f, a } = this;
    stack.read(0, a);
    if (isUnsupported(a) || isNan(a) || isInfinity(a)) {
      const deliver = isInfinity(a) ? f.invalid() : (f.settled(a), f.proceeds);
      if (deliver && two) {
        this.keepSecond();
        this.deliverTwo();
      } else if (deliver) stack.write(0, f.r);
      return this.end(0, SW.C2);
    }
    if ((a.se & 0x7fff) >= BIAS + 63) return this.end(SW.C2);
    return f.denormal(isDenormal(a)) ? null : this.end(0, SW.C2);
  }
  private trigonometric(compute: (x: Finite) => Real, atZero: number): number {
    const { stack, f, a } = this;
    if (stack.isEmpty(0)) {
      if (this.stackFault(false)) stack.write(0, f.r);
      return this.end(0, SW.C2);
    }
    const ended = this.trigonometricSpecial(false);
    if (ended !== null) return ended;
    if (!isZero(a)) this.deliver(compute(finite(a)));
    else f.copy(atZero ? ONE : a);
    stack.write(0, f.r);
    return this.end(0, SW.C2);
  }
  private tangent(): number {
    const { f, a } = this;
    if (this.cannotPush()) return this.end(0, SW.C2);
    const ended = this.trigonometricSpecial(true);
    if (ended !== null) return ended;
    if (isZero(a)) f.copy(a);
    else this.deliver(tan(finite(a)));
    this.keepSecond();
    f.copy(ONE);
    this.deliverTwo();
    return this.end(0, SW.C2);
  }
  private sineCosine(): number {
    const { f, a } = this;
    if (this.cannotPush()) return this.end(0, SW.C2);
    const ended = this.trigonometricSpecial(true);
    if (ended !== null) return ended;
    if (isZero(a)) f.copy(a);
    else this.deliver(sin(finite(a)));
    this.keepSecond();
    if (isZero(a)) f.copy(ONE);
    else this.deliver(cos(finite(a)));
    this.deliverTwo();
    return this.end(0, SW.C2);
  }

  // --- Values -----------------------------------------------------------------------------------------------------------
  private exponential(): boolean {
    const { f, a } = this;
    if (f.settled(a)) return f.proceeds;
    if (isZero(a)) f.copy(a);
    else if (isInfinity(a)) {
      if (a.se >> 15) f.set(0x8000 | BIAS, 0x80000000, 0);
      else f.infinity(0);
    } else if (compareWith1(a) > 0) {
      // Out of range: undefined; the operand stays.
      f.copy(a);
      f.flags |= PE;
    } else if (compareWith1(a) === 0) {
      // 2 - 1, 1/2 - 1: exact, but the unit does not tell.
      f.flags |= PE;
      if (a.se >> 15) f.set(0x8000 | (BIAS - 1), 0x80000000, 0);
      else f.copy(ONE);
    } else return this.deliver(exp2m1(finite(a)));
    return true;
  }

  /** arctan(ST1 / ST0) in the quadrant of (ST0, ST1). SDM Vol. 2A table 3-28. */
  private arcTangent(): boolean {
    const { f, a, b } = this;
    if (f.special2(a, b)) return f.proceeds;
    if (!f.denormal(isDenormal(a) || isDenormal(b))) return false;
    const negative = b.se >> 15 !== 0;
    const left = a.se >> 15 !== 0;
    const angle = (quarters: number): boolean => {
      if (quarters === 0) f.zero(negative ? 1 : 0);
      else this.deliver(quarterPi(negative, quarters));
      return true;
    };
    if (isInfinity(b)) return angle(isInfinity(a) ? (left ? 3 : 1) : 2);
    if (isZero(b) || isInfinity(a)) return angle(left ? 4 : 0);
    if (isZero(a)) return angle(2);
    return this.deliver(atan2(finite(b), finite(a)));
  }

  /** ST1 * log2(ST0). */
  private logarithm(): boolean {
    const { f, a, b } = this;
    if (f.special2(a, b)) return f.proceeds;
    const yNegative = b.se >> 15;
    if (isZero(a)) {
      if (isZero(b)) return f.invalid();
      f.infinity(yNegative ^ 1);
      if (isInfinity(b)) return true;
      f.flags |= ZE;
      return f.masked(ZE);
    }
    if (a.se >> 15) return f.invalid();
    const order = compareWith1(a);
    if ((isInfinity(a) && isZero(b)) || (order === 0 && isInfinity(b))) return f.invalid();
    if (!f.denormal(isDenormal(a) || isDenormal(b))) return false;
    const sign = yNegative ^ (order < 0 ? 1 : 0);
    if (isInfinity(a) || isInfinity(b)) f.infinity(sign);
    else if (isZero(b) || order === 0) f.zero(sign);
    else this.deliver(yLog2x(finite(b), finite(a)));
    return true;
  }

  /** ST1 * log2(ST0 + 1). */
  private logarithmPlus1(): boolean {
    const { f, a, b } = this;
    if (f.special2(a, b)) return f.proceeds;
    const negative = a.se >> 15;
    const sign = negative ^ (b.se >> 15);
    if ((isZero(a) && isInfinity(b)) || (isInfinity(a) && (isZero(b) || negative))) return f.invalid();
    if (!f.denormal(isDenormal(a) || isDenormal(b))) return false;
    if (isInfinity(a) || isInfinity(b)) f.infinity(sign);
    else if (isZero(a) || isZero(b)) f.zero(sign);
    else if (negative && compareWith1(a) >= 0) {
      // No logarithm: undefined; the operand stays.
      f.copy(a);
      f.flags |= PE;
    }
    else this.deliver(yLog2xPlus1(finite(b), finite(a)));
    return true;
  }
}
