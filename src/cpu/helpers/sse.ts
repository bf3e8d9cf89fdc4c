/** The exact SSE arithmetic behind the lifters' fast paths: operands and results in STAGE (sse-ops.ts). SDM Vol. 1 §11.5. */
import { GuestFault, VECTOR } from "../fault.ts";
import { STATE, STATUS } from "../layout.ts";
import { CR4 } from "../state.ts";
import type { Core } from "./core.ts";
import type { HelperImplementations } from "./signatures.ts";
import { FMA_NEGATE, PREDICATES, SIGNALING_PREDICATES, SSE_OP, STAGE } from "./sse-ops.ts";
import { SseCrypto } from "./sse-crypto.ts";
import { comparePackedStrings } from "./sse-pcmpstr.ts";
import { DOUBLE, type Format, PRE, SINGLE, SoftFloat } from "./sse-softfloat.ts";

const A = STAGE.a, B = STAGE.b, C = STAGE.c, R = STAGE.result;

export class SseArithmetic {
  private readonly soft = new SoftFloat();
  private double = false;
  private lanes = 1;
  private format: Format = SINGLE;
  /** The result before it is written: nothing is when an exception is unmasked. */
  private readonly out = new Array<bigint>(8).fill(0n);

  constructor(private readonly core: Core) {}

  private read(vector: number, lane: number, double = this.double): bigint {
    const { state } = this.core;
    return double ? state.u64[(vector >> 3) + lane] : BigInt(state.u32[(vector >> 2) + lane]);
  }
  /** Writes lanes 0.. of the result and zeroes above them. */
  private write(count: number, double: boolean): void {
    const { state } = this.core;
    state.u8.fill(0, R, R + 32);
    for (let i = 0; i < count; i++) {
      if (double) state.u64[(R >> 3) + i] = BigInt.asUintN(64, this.out[i]);
      else state.u32[(R >> 2) + i] = Number(BigInt.asUintN(32, this.out[i]));
    }
  }

  arith(op: number, kind: number, imm: number): number {
    const { state } = this.core;
    const soft = this.soft;
    const mxcsr = state.i32[STATE.mxcsr >> 2];
    soft.begin(mxcsr);
    this.double = (kind & 1) !== 0;
    this.lanes = kind >> 1;
    this.format = this.double ? DOUBLE : SINGLE;
    let flags: number;
    let ret: bigint | null = null;
    let outDouble = this.double;
    if (op === SSE_OP.dp) flags = this.dot(mxcsr, imm);
    else {
      for (let i = 0; i < this.lanes; i++) this.out[i] = this.lane(op, i, imm);
      flags = this.settle(mxcsr);
      if (op === SSE_OP.toHalf) this.packHalves();
      if (op === SSE_OP.convert) outDouble = !this.double;
      else if (op === SSE_OP.toInt32) outDouble = false;
      if (op === SSE_OP.comi || op === SSE_OP.ucomi || op === SSE_OP.toInt32 || op === SSE_OP.toInt64) ret = this.out[0];
    }
    state.i32[STATE.mxcsr >> 2] = mxcsr | flags;
    if (this.unmasked(mxcsr, flags)) throw new GuestFault(state.cr4 & CR4.OSXMMEXCPT ? VECTOR.XM : VECTOR.UD);
    if (ret !== null) this.core.setRet(0, Number(BigInt.asIntN(32, ret)), Number(BigInt.asIntN(32, ret >> 32n)));
    this.write(this.lanes, outDouble);
    return STATUS.next;
  }

  private unmasked(mxcsr: number, flags: number): boolean {
    return (flags & ~(mxcsr >> 7) & 0x3f) !== 0;
  }
  /** Unmasked exceptions found before the operation keep those of the results from being reported (SDM Vol. 1 §11.5.3). */
  private settle(mxcsr: number): number {
    const { flags } = this.soft;
    return this.unmasked(mxcsr, flags & PRE) ? flags & PRE : flags;
  }

  private lane(op: number, i: number, imm: number): bigint {
    const { soft, format: f } = this;
    switch (op) {
      case SSE_OP.add: return soft.add(f, this.read(A, i), this.read(B, i));
      case SSE_OP.sub: return soft.add(f, this.read(A, i), this.read(B, i), true);
      case SSE_OP.mul: return soft.mul(f, this.read(A, i), this.read(B, i));
      case SSE_OP.div: return soft.div(f, this.read(A, i), this.read(B, i));
      case SSE_OP.sqrt: return soft.sqrt(f, this.read(A, i));
      case SSE_OP.min: return soft.extreme(f, this.read(A, i), this.read(B, i), -1);
      case SSE_OP.max: return soft.extreme(f, this.read(A, i), this.read(B, i), 1);
      case SSE_OP.cmp: return this.compare(i, imm);
      case SSE_OP.comi: case SSE_OP.ucomi: {
        const order = soft.compare(f, this.read(A, i), this.read(B, i), op === SSE_OP.comi);
        return order === 2 ? 7n : order === 0 ? 1n : order < 0 ? 4n : 0n;
      }
      case SSE_OP.round: return soft.round(f, this.read(A, i), imm);
      case SSE_OP.addsub: return soft.add(f, this.read(A, i), this.read(B, i), (i & 1) === 0);
      case SSE_OP.hadd: case SSE_OP.hsub: {
        // Inside each 128 bits.
        const group = this.double ? 2 : 4;
        const half = group / 2;
        const vector = i % group < half ? A : B;
        const first = i - (i % group) + 2 * (i % half);
        return soft.add(f, this.read(vector, first), this.read(vector, first + 1), op === SSE_OP.hsub);
      }
      case SSE_OP.fma: return this.fused(i, imm);
      case SSE_OP.fromHalf: return soft.fromHalf((this.read(A, i >> 1, false) >> BigInt(16 * (i & 1))) & 0xffffn);
      case SSE_OP.toHalf: return soft.toHalf(this.read(A, i), imm);
      case SSE_OP.convert: return soft.convert(f, this.double ? SINGLE : DOUBLE, this.read(A, i));
      case SSE_OP.toInt32: return soft.toInteger(f, this.read(A, i), 32, imm !== 0);
      case SSE_OP.toInt64: return soft.toInteger(f, this.read(A, i), 64, imm !== 0);
      case SSE_OP.fromInt32: return soft.fromInteger(f, BigInt.asIntN(32, this.read(A, i, false)));
      case SSE_OP.fromInt64: return soft.fromInteger(f, BigInt.asIntN(64, this.read(A, i, true)));
      default: throw new RangeError(`sseArith: operation ${op}`);
    }
  }

  /** All ones or zero. */
  private compare(i: number, imm: number): bigint {
    const order = this.soft.compare(this.format, this.read(A, i), this.read(B, i), ((SIGNALING_PREDICATES >> imm) & 1) !== 0);
    return (PREDICATES[imm & 15] >> (order + 1)) & 1 ? -1n : 0n;
  }

  private fused(i: number, imm: number): bigint {
    const addend = (imm & (i & 1 ? FMA_NEGATE.odd : FMA_NEGATE.even)) !== 0;
    return this.soft.fma(this.format, this.read(A, i), this.read(B, i), this.read(C, i), (imm & FMA_NEGATE.product) !== 0, addend);
  }

  /** Two halves to each lane of 32 bits. */
  private packHalves(): void {
    const { out, lanes } = this;
    for (let i = 0; i < lanes; i++) out[i] = i < lanes / 2 ? out[2 * i] | (out[2 * i + 1] << 16n) : 0n;
  }

  /** DPPS, DPPD: every product and sum is rounded; products left out are +0. Gives the flags. */
  private dot(mxcsr: number, imm: number): number {
    const { soft, format: f } = this;
    const products: bigint[] = [];
    for (let i = 0; i < this.lanes; i++) products.push((imm >> (4 + (i % (this.double ? 2 : 4)))) & 1 ? soft.mul(f, this.read(A, i), this.read(B, i)) : 0n);
    let flags = this.settle(mxcsr);
    let terms = products;
    // One sum for each 128 bits.
    const group = this.double ? 2 : 4;
    const sums = this.lanes / group;
    while (terms.length > sums && !this.unmasked(mxcsr, flags)) {
      soft.begin(mxcsr);
      const next: bigint[] = [];
      for (let i = 0; i < terms.length; i += 2) next.push(soft.add(f, terms[i], terms[i + 1]));
      flags |= this.settle(mxcsr);
      terms = next;
    }
    for (let i = 0; i < this.lanes; i++) this.out[i] = (imm >> (i % group)) & 1 ? terms[Math.floor(i / group)] : 0n;
    return flags;
  }
}

/** The helpers of this file for createCpuHelpers. */
export function sseHelpers(core: Core): Pick<HelperImplementations, "sseArith" | "pcmpString" | "sseCrypto"> {
  const arithmetic = new SseArithmetic(core);
  const crypto = new SseCrypto(core);
  return {
    sseArith: (op, kind, imm) => arithmetic.arith(op, kind, imm),
    pcmpString: (imm, lengthA, lengthB) => comparePackedStrings(core, imm, lengthA, lengthB),
    sseCrypto: (op, imm) => crypto.run(op, imm),
  };
}
