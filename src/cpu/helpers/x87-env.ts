/** FNSTENV, FLDENV, FNSAVE, FRSTOR in their four layouts. SDM Vol. 1 §8.1.10, figures 8-9 to 8-12. */
import { GuestFault } from "../fault.ts";
import { STATE, STATUS } from "../layout.ts";
import { EFER } from "../state.ts";
import type { Core } from "./core.ts";
import { abridgedTags, fullTags } from "./fpstate.ts";
import { CW_FIXED, CW_INIT, CW_WRITABLE, ENV_OP, environmentSize, REGISTERS_SIZE } from "./x87-ops.ts";
import type { X87Pointers } from "./x87-pointers.ts";
import type { X87Stack } from "./x87-stack.ts";

export class X87Environment {
  private readonly image = new Uint8Array(28 + REGISTERS_SIZE);
  private readonly view = new DataView(this.image.buffer);

  constructor(
    private readonly core: Core,
    private readonly stack: X87Stack,
    private readonly pointers: X87Pointers,
  ) {}

  execute(op: number, linear: bigint, opSize: number): number {
    const { core } = this;
    core.split(linear);
    const size = environmentSize(opSize);
    const all = op === ENV_OP.fnsave || op === ENV_OP.frstor ? size + REGISTERS_SIZE : size;
    const write = op === ENV_OP.fnstenv || op === ENV_OP.fnsave;
    const { lo, hi } = core;
    this.checkSegment(lo, hi, write);
    if (write) {
      core.memory.probeWrite(lo, hi, all, core.memory.index());
      this.build(opSize);
      if (op === ENV_OP.fnsave) this.registersToImage(size);
      this.transfer(lo, hi, all, true);
      if (op === ENV_OP.fnsave) this.init();
      else {
        this.core.state.i32[STATE.fpuCw >> 2] |= 0x3f;
        this.stack.setStatus(this.stack.sw);
      }
    } else {
      this.transfer(lo, hi, all, false);
      this.take(opSize);
      if (op === ENV_OP.frstor) this.imageToRegisters(size);
    }
    return STATUS.next;
  }

  /** FNINIT. */
  init(): void {
    const { i32 } = this.core.state;
    i32[STATE.fpuCw >> 2] = CW_INIT;
    i32[STATE.fpuSw >> 2] = 0;
    i32[STATE.fpuTag >> 2] = 0xffff;
    i32[STATE.fpuTop >> 2] = 0;
    this.pointers.clear();
  }

  /** Outside long mode an upper half is what a failed segment check left (layout.ts, SEGMENT_FAULT). */
  private checkSegment(lo: number, hi: number, write: boolean): void {
    const { mmu, state } = this.core;
    if (hi === 0 || state.efer & EFER.LMA) return;
    if ((write ? mmu.writeSlow(lo, hi, 1) : mmu.readSlow(lo, hi, 1)) === 0) throw new GuestFault(mmu.fault.vector, mmu.fault.errorCode);
  }

  private transfer(lo: number, hi: number, size: number, write: boolean): void {
    const { memory, state } = this.core;
    const index = memory.index();
    for (let at = 0; at < size; ) {
      const n = Math.min(64, size - at);
      const p = (lo + at) | 0;
      const h = p >>> 0 < lo >>> 0 ? (hi + 1) | 0 : hi;
      if (write) {
        const to = memory.writable(p, h, n, index);
        state.u8.set(this.image.subarray(at, at + n), to);
        memory.commit(to);
      } else {
        const from = memory.readable(p, h, n, index);
        this.image.set(state.u8.subarray(from, from + n), at);
      }
      at += n;
    }
  }

  private build(opSize: number): void {
    const { state } = this.core;
    const { i32 } = state;
    const { view, stack } = this;
    const tags = fullTags(abridgedTags(i32[STATE.fpuTag >> 2]), state);
    stack.setStatus(stack.sw);
    const words = [stack.cw, stack.sw | (stack.top << 11), tags];
    this.image.fill(0, 0, 28);
    if (opSize === 16) words.forEach((w, i) => view.setUint16(2 * i, w, true));
    else words.forEach((w, i) => view.setUint32(4 * i, (w | 0xffff0000) >>> 0, true));
    this.pointers.store(view, opSize === 16 ? 6 : 12, opSize !== 16);
  }
  private take(opSize: number): void {
    const { i32 } = this.core.state;
    const word = (i: number): number => this.view.getUint16(i * (opSize === 16 ? 2 : 4), true);
    i32[STATE.fpuCw >> 2] = (word(0) & CW_WRITABLE) | CW_FIXED;
    i32[STATE.fpuTop >> 2] = (word(1) >> 11) & 7;
    this.stack.setStatus(word(1));
    // Only "empty" is kept of a tag: the other classes follow from the contents.
    const tags = word(2);
    let kept = 0;
    for (let i = 0; i < 16; i += 2) if (((tags >> i) & 3) === 3) kept |= 3 << i;
    i32[STATE.fpuTag >> 2] = kept;
    this.pointers.load(this.view, opSize === 16 ? 6 : 12, opSize !== 16);
  }
  private registersToImage(at: number): void {
    const { u8 } = this.core.state;
    for (let i = 0; i < 8; i++) {
      const from = STATE.fpr + 16 * this.stack.physical(i);
      this.image.set(u8.subarray(from, from + 10), at + 10 * i);
    }
  }
  private imageToRegisters(at: number): void {
    const { u8 } = this.core.state;
    for (let i = 0; i < 8; i++) {
      const to = STATE.fpr + 16 * this.stack.physical(i);
      u8.set(this.image.subarray(at + 10 * i, at + 10 * i + 10), to);
      u8.fill(0, to + 10, to + 16);
    }
  }
}
