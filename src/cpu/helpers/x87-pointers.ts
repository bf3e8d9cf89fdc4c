/** The x87's record of its last instruction: FIP, FCS, FDP, FDS, FOP. SDM Vol. 1 §8.1.8, figures 8-9 to 8-12. */
import { CS, ES, SEG_BASE, SEG_STRIDE, STATE } from "../layout.ts";
import type { CpuState } from "../state.ts";

const OPCODE = 0x7ff;
const SEGMENT_SHIFT = 16;

/** Offsets are 64 bits, low half first. */
const IP = STATE.fpuIp >> 2, DP = STATE.fpuDp >> 2, CODE = STATE.fpuCs >> 2, OPERAND = STATE.fpuDs >> 2, OP = STATE.fpuOp >> 2;

export class X87Pointers {
  constructor(private readonly state: CpuState) {}

  /** Completes what the lifter has stored (lift/x87.ts): there the instruction's address is linear, and the selectors are missing. */
  note(memory: boolean): void {
    const { i32, selector, mode64 } = this.state;
    i32[CODE] = selector[CS];
    if (memory) i32[OPERAND] = selector[ES + (i32[OP] >> SEGMENT_SHIFT)];
    if (mode64) return;
    i32[IP] -= i32[(STATE.seg + CS * SEG_STRIDE + SEG_BASE) >> 2];
    i32[IP + 1] = 0;
  }

  get opcode(): number {
    return this.state.i32[OP] & OPCODE;
  }
  get inUse(): boolean {
    const { i32 } = this.state;
    return (i32[IP] | i32[IP + 1] | i32[DP] | i32[DP + 1] | this.opcode | i32[CODE] | i32[OPERAND]) !== 0;
  }
  clear(): void {
    const { i32 } = this.state;
    i32[OP] = i32[CODE] = i32[OPERAND] = i32[IP] = i32[IP + 1] = i32[DP] = i32[DP + 1] = 0;
  }

  /** The part of an environment behind its three words, `at` bytes on: 8 bytes of 16-bit fields, or 16 of 32-bit ones. */
  store(view: DataView, at: number, wide: boolean): void {
    const { i32 } = this.state;
    const [ip, dp, cs, ds, op] = [i32[IP], i32[DP], i32[CODE], i32[OPERAND], this.opcode];
    // In real and virtual-8086 mode the pointers are linear.
    const real = this.real;
    const [code, operand] = real ? [ip + (cs << 4), dp + (ds << 4)] : [ip, dp];
    if (!wide) {
      const fields = real ? [code, ((code >>> 4) & 0xf000) | op, operand, (operand >>> 4) & 0xf000] : [code, cs, operand, ds];
      fields.forEach((field, i) => view.setUint16(at + 2 * i, field & 0xffff, true));
      return;
    }
    // Upper halves that hold nothing are ones.
    const ones = 0xffff0000;
    const fields = real
      ? [ones | (code & 0xffff), ((code >>> 4) & 0xffff000) | op, ones | (operand & 0xffff), (operand >>> 4) & 0xffff000]
      : [code, cs | (op << 16), operand, ones | ds];
    fields.forEach((field, i) => view.setUint32(at + 4 * i, field >>> 0, true));
  }

  load(view: DataView, at: number, wide: boolean): void {
    const { i32 } = this.state;
    const field = (i: number): number => (wide ? view.getInt32(at + 4 * i, true) : view.getUint16(at + 2 * i, true));
    this.clear();
    if (this.real) {
      const high = (i: number): number => (wide ? (field(i) & 0xffff000) << 4 : (field(i) & 0xf000) << 4);
      i32[IP] = (field(0) & 0xffff) | high(1);
      i32[DP] = (field(2) & 0xffff) | high(3);
      i32[OP] = field(1) & OPCODE;
    } else {
      i32[IP] = field(0);
      i32[CODE] = field(1) & 0xffff;
      i32[DP] = field(2);
      i32[OPERAND] = field(3) & 0xffff;
      if (wide) i32[OP] = (field(1) >>> 16) & OPCODE;
    }
  }

  /** FXSAVE's and XSAVE's image from word `at` on: `wide` with REX.W, 64-bit offsets and no selectors. SDM 1 table 10-2, figure 10-3. */
  toImage(words: Int32Array, at: number, wide: boolean): void {
    const { i32 } = this.state;
    words[at + 1] = (words[at + 1] & 0xffff) | (this.opcode << 16);
    words[at + 2] = i32[IP];
    words[at + 3] = wide ? i32[IP + 1] : i32[CODE];
    words[at + 4] = i32[DP];
    words[at + 5] = wide ? i32[DP + 1] : i32[OPERAND];
  }
  fromImage(words: Int32Array, at: number, wide: boolean): void {
    const { i32 } = this.state;
    i32[OP] = (words[at + 1] >>> 16) & OPCODE;
    i32[IP] = words[at + 2];
    i32[IP + 1] = wide ? words[at + 3] : 0;
    i32[CODE] = wide ? 0 : words[at + 3] & 0xffff;
    i32[DP] = words[at + 4];
    i32[DP + 1] = wide ? words[at + 5] : 0;
    i32[OPERAND] = wide ? 0 : words[at + 5] & 0xffff;
  }

  private get real(): boolean {
    return !this.state.protectedMode || this.state.v86;
  }
}
