/**
 * x87 instructions over the register stack: operands, stack faults, exceptions, and when a result is delivered. SDM Vol. 1 §8.
 *
 * Where manuals are silent, or the vendors differ, this is what AMD's unit does (test/silicon/x87.test.ts): comparisons set their
 * condition bits and EFLAGS even when an exception is unmasked; FCOMI's kin and FCMOVcc leave C1; FFREE clears it; FLD m32/m64 of
 * a denormal loads it although #D is unmasked; F2XM1 and FYL2XP1 out of range give the operand; exact logarithms set PE; a partial
 * FPREM reduces the exponent by 32 + d % 32; unmasked #O or #U of a store does not set PE.
 */
import { GuestFault, VECTOR } from "../fault.ts";
import { STATE, STATUS } from "../layout.ts";
import { CR0 } from "../state.ts";
import type { Core } from "./core.ts";
import type { HelperImplementations } from "./signatures.ts";
import { X87Environment } from "./x87-env.ts";
import { X87Float } from "./x87-float.ts";
import { X87Pointers } from "./x87-pointers.ts";
import { type Extended, IE, isZero, OE, PE, significand, UE } from "./x87-round.ts";
import { Transcendentals } from "./x87-transcendental.ts";
import { ARITH, FORMAT, MEM_LOAD, REG_OP, STORE_POP, STORE_TRUNCATE, SW } from "./x87-ops.ts";
import { fromBcd, roundToInteger, toBcd } from "./x87-remainder.ts";
import { type FerrPin, X87Stack } from "./x87-stack.ts";

const COMPARE_BITS = SW.C0 | SW.C2 | SW.C3;
/** Condition bits by order -1, 0, 1, 2 (unordered). */
const ORDER_BITS = [SW.C0, SW.C3, 0, COMPARE_BITS];
/** ZF | PF << 1 | CF << 2 likewise. */
const ORDER_FLAGS = [4, 1, 0, 7];

const extended = (): Extended => ({ se: 0, hi: 0, lo: 0 });

/** Constants toward zero, and which rounding modes add one unit: bit 0 nearest, bit 2 up. SDM Vol. 2A "FLD1...". */
const CONSTANTS: readonly (readonly [number, number, number, number])[] = [
  [0x3fff, 0x80000000, 0, 0],
  [0x4000, 0xd49a784b, 0xcd1b8afe, 4],
  [0x3fff, 0xb8aa3b29, 0x5c17f0bb, 5],
  [0x4000, 0xc90fdaa2, 0x2168c234, 5],
  [0x3ffd, 0x9a209a84, 0xfbcff798, 5],
  [0x3ffe, 0xb17217f7, 0xd1cf79ab, 5],
  [0, 0, 0, 0],
];

export class X87 {
  /**
   * The FERR# pin. `waits`: an unmasked exception meets a waiting instruction while CR0.NE is 0. The platform raises IRQ 13 and
   * answers true to make the CPU wait for the interrupt before the instruction; null or false is IGNNE#: the instruction goes on.
   * `raised`: an unmasked exception where there was none.
   */
  get ferr(): FerrPin | null {
    return this.stack.ferr;
  }
  set ferr(pin: FerrPin | null) {
    this.stack.ferr = pin;
  }
  private readonly stack: X87Stack;
  private readonly environment: X87Environment;
  private readonly pointers: X87Pointers;
  private readonly transcendentals: Transcendentals;
  private readonly f = new X87Float();
  private readonly a = extended();
  private readonly b = extended();
  private readonly t = extended();
  /** Between prepare and commit. */
  private pendingPop = false;

  constructor(private readonly core: Core) {
    this.stack = new X87Stack(core.state);
    this.pointers = new X87Pointers(core.state);
    this.environment = new X87Environment(core, this.stack, this.pointers);
    this.transcendentals = new Transcendentals(this.stack, this.f);
  }

  // --- Gate and pending exceptions --------------------------------------------------------------------------------------
  /** Called while the gate is closed or an unmasked exception is pending. `kind`: 0 waiting instruction, 1 FWAIT. SDM 3A §2.5, table 9-3. */
  wait(kind: number): number {
    const { cr0 } = this.core.state;
    const closed = kind === 1 ? (cr0 & (CR0.MP | CR0.TS)) === (CR0.MP | CR0.TS) : (cr0 & (CR0.EM | CR0.TS)) !== 0;
    if (closed) throw new GuestFault(VECTOR.NM);
    if (!this.stack.pending) return STATUS.next;
    if (cr0 & CR0.NE) throw new GuestFault(VECTOR.MF);
    return this.ferr?.waits() === true ? STATUS.again : STATUS.next;
  }

  private begin(): void {
    this.f.begin(this.stack.cw);
  }
  /** Writes exceptions and C1, and `conditions` among the bits `clear`. */
  private end(conditions = 0, clear = 0): number {
    const { stack, f } = this;
    stack.setStatus((stack.sw & ~(clear | SW.C1)) | f.flags | (f.up ? SW.C1 : 0) | conditions);
    return STATUS.next;
  }
  /** #IS: true when masked. The default result stands in f.r. */
  private stackFault(overflow: boolean): boolean {
    const { f } = this;
    f.flags |= IE | SW.SF;
    f.up = overflow;
    f.indefinite();
    return f.masked(IE);
  }

  // --- Registers --------------------------------------------------------------------------------------------------------
  register(op: number, i: number): number {
    this.pointers.note(false);
    this.begin();
    if (op < REG_OP.fld) return this.arithmetic(op, i);
    switch (op) {
      case REG_OP.fnop: return STATUS.next;
      case REG_OP.fld: return this.loadRegister(i);
      case REG_OP.fxch: return this.exchange(i);
      case REG_OP.fst: return this.storeRegister(i, false);
      case REG_OP.fstp: return this.storeRegister(i, true);
      case REG_OP.fucom: return this.compareRegister(i, true, 0);
      case REG_OP.fucomp: return this.compareRegister(i, true, 1);
      case REG_OP.fcompp: return this.compareRegister(1, false, 2);
      case REG_OP.fucompp: return this.compareRegister(1, true, 2);
      case REG_OP.fcmov: return this.conditionalMove(i, true);
      case REG_OP.fcmovNot: return this.conditionalMove(i, false);
      case REG_OP.ffree: this.stack.setEmpty(i); return this.end();
      case REG_OP.ffreep:
        this.stack.setEmpty(i);
        this.stack.pop();
        return this.end();
      case REG_OP.fstpNoCheck:
        if (!this.stack.isEmpty(0)) return this.storeRegister(i, true);
        this.stack.pop();
        return this.end();
      case REG_OP.fdecstp: this.stack.top = this.stack.top - 1; return this.end();
      case REG_OP.fincstp: this.stack.top = this.stack.top + 1; return this.end();
      case REG_OP.fchs: return this.sign((se) => se ^ 0x8000);
      case REG_OP.fabs: return this.sign((se) => se & 0x7fff);
      case REG_OP.ftst: return this.test();
      case REG_OP.fxam: return this.examine();
      case REG_OP.fsqrt: return this.unary((f, a) => f.sqrt(a));
      case REG_OP.frndint: return this.unary(roundToInteger);
      case REG_OP.fcomi: return this.compareIntoFlags(i, false, false);
      case REG_OP.fucomi: return this.compareIntoFlags(i, true, false);
      case REG_OP.fcomip: return this.compareIntoFlags(i, false, true);
      case REG_OP.fucomip: return this.compareIntoFlags(i, true, true);
    }
    if (op >= REG_OP.fld1 && op <= REG_OP.fldz) return this.constant(op - REG_OP.fld1);
    return this.transcendentals.execute(op);
  }

  private arithmetic(op: number, i: number): number {
    const { stack, f, a, b } = this;
    const kind = op & 7;
    if (kind === ARITH.com || kind === ARITH.comp) return this.compareRegister(i, false, kind - ARITH.com);
    const dest = op < 8 ? 0 : i;
    const source = op < 8 ? i : 0;
    let deliver: boolean;
    if (stack.isEmpty(0) || stack.isEmpty(i)) deliver = this.stackFault(false);
    else {
      stack.read(dest, a);
      stack.read(source, b);
      deliver = this.compute(kind, a, b);
    }
    if (deliver) {
      stack.write(dest, f.r);
      if (op >= REG_OP.toStiPop) stack.pop();
    }
    return this.end();
  }
  private compute(kind: number, a: Extended, b: Extended): boolean {
    const { f } = this;
    switch (kind) {
      case ARITH.add: return f.add(a, b, false);
      case ARITH.mul: return f.mul(a, b);
      case ARITH.sub: return f.add(a, b, true);
      case ARITH.subr: return f.add(b, a, true);
      case ARITH.div: return f.div(a, b);
      default: return f.div(b, a);
    }
  }

  private loadRegister(i: number): number {
    const { stack, f } = this;
    if (stack.isEmpty(i) || !stack.isEmpty(7)) {
      if (this.stackFault(!stack.isEmpty(i))) stack.push(f.r);
    } else {
      stack.read(i, this.a);
      stack.push(this.a);
    }
    return this.end();
  }
  private exchange(i: number): number {
    const { stack, f, a, b } = this;
    if (stack.isEmpty(0) || stack.isEmpty(i)) {
      if (!this.stackFault(false)) return this.end();
      if (stack.isEmpty(0)) stack.write(0, f.r);
      if (stack.isEmpty(i)) stack.write(i, f.r);
    }
    stack.read(0, a);
    stack.read(i, b);
    stack.write(0, b);
    stack.write(i, a);
    return this.end();
  }
  private storeRegister(i: number, pop: boolean): number {
    const { stack, f } = this;
    if (!stack.isEmpty(0)) stack.read(0, f.r);
    else if (!this.stackFault(false)) return this.end();
    stack.write(i, f.r);
    if (pop) stack.pop();
    return this.end();
  }
  private conditionalMove(i: number, move: boolean): number {
    const { stack, f } = this;
    if (stack.isEmpty(0) || stack.isEmpty(i)) {
      if (this.stackFault(false)) stack.write(0, f.r);
      return this.end();
    }
    if (move) {
      stack.read(i, this.a);
      stack.write(0, this.a);
    }
    return STATUS.next;
  }
  private sign(change: (se: number) => number): number {
    const { stack, f } = this;
    if (!stack.isEmpty(0)) {
      stack.read(0, f.r);
      f.r.se = change(f.r.se);
      stack.write(0, f.r);
    } else if (this.stackFault(false)) stack.write(0, f.r);
    return this.end();
  }
  private unary(compute: (f: X87Float, a: Extended) => boolean): number {
    const { stack, f, a } = this;
    let deliver: boolean;
    if (stack.isEmpty(0)) deliver = this.stackFault(false);
    else {
      stack.read(0, a);
      deliver = compute(f, a);
    }
    if (deliver) stack.write(0, f.r);
    return this.end();
  }
  private constant(n: number): number {
    const { stack, f } = this;
    if (stack.isEmpty(7)) {
      const [se, hi, lo, up] = CONSTANTS[n];
      f.set(se, hi, lo + ((up >> f.rc) & 1));
      stack.push(f.r);
    } else if (this.stackFault(true)) stack.push(f.r);
    return this.end();
  }
  private examine(): number {
    const { stack, a } = this;
    stack.read(0, a);
    const e = a.se & 0x7fff;
    let bits: number;
    if (stack.isEmpty(0)) bits = SW.C3 | SW.C0;
    else if (e === 0) bits = isZero(a) ? SW.C3 : SW.C3 | SW.C2;
    else if (a.hi < 0x80000000) bits = 0;
    else if (e !== 0x7fff) bits = SW.C2;
    else bits = a.hi === 0x80000000 && a.lo === 0 ? SW.C2 | SW.C0 : SW.C0;
    this.f.up = a.se >> 15 !== 0;
    return this.end(bits, COMPARE_BITS);
  }

  // --- Comparisons ------------------------------------------------------------------------------------------------------
  /** Into the condition bits; `b` is the other operand. */
  private compareWith(b: Extended, quiet: boolean, pops: number): number {
    const { stack, f, a } = this;
    stack.read(0, a);
    return this.compared(f.compare(a, b, quiet), pops);
  }
  private compared(deliver: boolean, pops: number): number {
    const { stack, f } = this;
    if (deliver) for (; pops > 0; pops--) stack.pop();
    // Also when the exception is unmasked.
    return this.end(ORDER_BITS[f.order + 1], COMPARE_BITS);
  }
  private unordered(pops: number): number {
    this.f.order = 2;
    return this.compared(this.stackFault(false), pops);
  }
  private compareRegister(i: number, quiet: boolean, pops: number): number {
    const { stack, b } = this;
    if (stack.isEmpty(0) || stack.isEmpty(i)) return this.unordered(pops);
    stack.read(i, b);
    return this.compareWith(b, quiet, pops);
  }
  private test(): number {
    const { b } = this;
    if (this.stack.isEmpty(0)) return this.unordered(0);
    b.se = b.hi = b.lo = 0;
    return this.compareWith(b, false, 0);
  }
  private compareIntoFlags(i: number, quiet: boolean, pop: boolean): number {
    const { stack, f, a, b } = this;
    let deliver: boolean;
    f.order = 2;
    if (stack.isEmpty(0) || stack.isEmpty(i)) deliver = this.stackFault(false);
    else {
      stack.read(0, a);
      stack.read(i, b);
      deliver = f.compare(a, b, quiet);
    }
    // Also when the exception is unmasked.
    this.core.setRet(0, ORDER_FLAGS[f.order + 1]);
    if (deliver && pop) stack.pop();
    if ((f.flags & SW.SF) === 0) f.up = (stack.sw & SW.C1) !== 0;
    return this.end();
  }

  // --- Memory operands --------------------------------------------------------------------------------------------------
  /** The operand in STATE.ret, widened into f.r. */
  private operand(format: number): void {
    const { f } = this;
    const { i32, u32 } = this.core.state;
    const at = STATE.ret >> 2;
    switch (format) {
      case FORMAT.single: f.fromFloat(i32[at], 0, false); break;
      case FORMAT.double: f.fromFloat(i32[at], i32[at + 1], true); break;
      case FORMAT.int16: {
        const v = (i32[at] << 16) >> 16;
        f.fromInteger(v, v >> 31);
        break;
      }
      case FORMAT.int32: f.fromInteger(i32[at], i32[at] >> 31); break;
      case FORMAT.int64: f.fromInteger(i32[at], i32[at + 1]); break;
      case FORMAT.extended: f.set(u32[at + 2] & 0xffff, u32[at + 1], u32[at]); break;
      default: {
        const m = fromBcd((BigInt(u32[at + 2] & 0xff) << 64n) | (BigInt(u32[at + 1]) << 32n) | BigInt(u32[at]));
        f.fromInteger(Number(BigInt.asIntN(32, m)), Number(BigInt.asIntN(32, m >> 32n)));
        f.r.se |= i32[at + 2] & 0x8000;
      }
    }
  }

  /** Arithmetic, comparison or load with a memory operand. */
  memory(op: number, format: number): number {
    const { stack, f, a, b } = this;
    this.pointers.note(true);
    this.begin();
    this.operand(format);
    if (op === MEM_LOAD) return this.load(format);
    const compares = op === ARITH.com || op === ARITH.comp;
    if (stack.isEmpty(0)) {
      if (compares) return this.unordered(op - ARITH.com);
      if (this.stackFault(false)) stack.write(0, f.r);
      return this.end();
    }
    b.se = f.r.se;
    b.hi = f.r.hi;
    b.lo = f.r.lo;
    if (compares) return this.compareWith(b, false, op - ARITH.com);
    stack.read(0, a);
    if (this.compute(op, a, b)) stack.write(0, f.r);
    return this.end();
  }
  private load(format: number): number {
    const { stack, f, t } = this;
    if (!stack.isEmpty(7)) {
      if (this.stackFault(true)) stack.push(f.r);
      return this.end();
    }
    let deliver = true;
    if (format <= FORMAT.double) {
      t.se = f.r.se;
      t.hi = f.r.hi;
      t.lo = f.r.lo;
      // Quiets a signaling NaN. A denormal is told about and loaded even so.
      if (f.quieted(t)) deliver = f.proceeds;
      else f.denormal(false);
    }
    if (deliver) stack.push(f.r);
    return this.end();
  }

  /** The bits of ST0 in `format` into ret0, ret1; ret2: whether they are to be stored. Nothing else changes before `commit`. */
  prepare(format: number, flags: number): number {
    const { stack, f, a, core } = this;
    this.begin();
    this.pendingPop = (flags & STORE_POP) !== 0;
    let store: boolean;
    const empty = stack.isEmpty(0);
    if (empty) store = this.stackFault(false);
    else {
      stack.read(0, a);
      store = true;
    }
    if (format === FORMAT.extended) {
      const { se, hi, lo } = empty ? f.r : a;
      core.setRet(0, lo, hi);
      core.setRet(1, se);
    } else if (format <= FORMAT.double) {
      if (empty) {
        f.copy(f.r);
        if (format === FORMAT.double) f.set(0, 0xfff80000, 0);
        else f.set(0, 0, 0xffc00000);
      } else f.toFloat(a, format === FORMAT.double);
      core.setRet(0, f.r.lo, f.r.hi);
    } else this.prepareInteger(format, empty, (flags & STORE_TRUNCATE) !== 0);
    if (!f.masked(f.flags & (IE | OE | UE))) {
      store = false;
      this.pendingPop = false;
      // What is not stored is not inexact.
      if ((f.flags & IE) === 0) {
        f.flags &= ~PE;
        f.up = false;
      }
    }
    core.setRet(2, store ? 1 : 0);
    return STATUS.next;
  }
  private prepareInteger(format: number, empty: boolean, truncate: boolean): void {
    const { f, a, core } = this;
    const negative = a.se >> 15 !== 0;
    const e = a.se & 0x7fff;
    let valid = !empty && (e === 0 || a.hi >= 0x80000000) && f.integer(a, truncate);
    const m = valid ? significand(f.r) : 0n;
    if (format === FORMAT.bcd) {
      const digits = valid ? toBcd(m) : null;
      if (digits === null) this.invalidInteger(empty);
      core.setRet(0, Number(BigInt.asIntN(32, digits ?? 0n)), digits === null ? -0x40000000 : Number(BigInt.asIntN(32, digits >> 32n)));
      core.setRet(1, digits === null ? 0xffff : Number(digits >> 64n) | (negative ? 0x8000 : 0));
      return;
    }
    const bits = format === FORMAT.int16 ? 16n : format === FORMAT.int32 ? 32n : 64n;
    const limit = 1n << (bits - 1n);
    if (m > (negative ? limit : limit - 1n)) valid = false;
    if (!valid) this.invalidInteger(empty);
    const v = valid ? (negative ? -m : m) : -limit;
    core.setRet(0, Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n)));
  }
  /** The integer indefinite is stored. */
  private invalidInteger(empty: boolean): void {
    const { f } = this;
    f.flags = (f.flags & ~PE) | IE;
    if (!empty) f.up = false;
  }
  commit(): number {
    this.pointers.note(true);
    if (this.pendingPop) this.stack.pop();
    return this.end();
  }

  environmentOp(op: number, linear: bigint, opSize: number): number {
    return this.environment.execute(op, linear, opSize);
  }

  helpers(): Pick<HelperImplementations, "x87Wait" | "x87Register" | "x87Memory" | "x87Prepare" | "x87Commit" | "x87Environment"> {
    return {
      x87Wait: (kind) => this.wait(kind),
      x87Register: (op, i) => this.register(op, i),
      x87Memory: (op, format) => this.memory(op, format),
      x87Prepare: (format, flags) => this.prepare(format, flags),
      x87Commit: () => this.commit(),
      x87Environment: (op, linear, opSize) => this.environmentOp(op, linear, opSize),
    };
  }
}
