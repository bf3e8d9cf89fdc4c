/** What a lifter writes through: the builder, and operand access that tier 0 and tier 1 implement differently. */
import { Builder, fixed, plus, type Ref, type Value } from "../ir/ir.ts";
import { VECTOR } from "../fault.ts";
import { CS, ES, REC, SEG_STRIDE, SS, STATE } from "../layout.ts";
import type { Form, OperandForm } from "./form.ts";
import * as flags from "./flags.ts";

export type Width = 8 | 16 | 32 | 64;

export const gpr = (n: number): Ref => fixed(STATE.gpr + 8 * n);
export const segmentRef = (n: number): Ref => fixed(STATE.seg + n * SEG_STRIDE);
export const RAX = 0, RCX = 1, RDX = 2, RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7;

/** A read-modify-write in progress on operand 0. */
export interface Modify {
  readonly old: Value;
  commit(v: Value): void;
}

export abstract class LiftContext extends Builder {
  constructor(readonly form: Form) {
    super();
  }

  // --- Provided by the tier -----------------------------------------------------------------------------------
  /** The register of operand `i`. */
  protected abstract operandRef(i: number): Ref;
  /** The immediate, sign-extended as the instruction does, truncated to `width`. */
  abstract immediate(width: number): Value;
  /** The second immediate (ENTER's level, a far pointer's selector, VSIB's scale). i32. */
  abstract immediate2(): Value;
  /** Offset of the memory operand in its segment. i64. */
  abstract offset(): Value;
  /** Linear address of the memory operand for `bytes` bytes. */
  protected abstract linearOperand(bytes: number, write: boolean): Value;
  /** Linear addresses of the next instruction, and of this one. */
  abstract nextRip(): Value;
  abstract ownRip(): Value;
  /** The segment of the memory or string source operand, as a descriptor cache (base first). */
  abstract segment(): Ref;

  // --- Shared ---------------------------------------------------------------------------------------------------
  get width(): Width {
    return (this.form.operands[0]?.width ?? this.form.opSize) as Width;
  }
  get mode64(): boolean {
    return this.form.mode !== "legacy" && !this.flat;
  }
  /** 32-bit code: offsets in CS, SS, DS and ES are linear addresses, and nothing is beyond a limit. */
  get flat(): boolean {
    return this.form.mode === "flat";
  }
  operand(i: number): OperandForm {
    return this.form.operands[i];
  }
  isMem(i: number): boolean {
    return this.form.operands[i]?.kind === "mem";
  }
  isReg(i: number): boolean {
    return this.form.operands[i]?.kind === "reg";
  }

  ref(i: number): Ref {
    return this.operandRef(i);
  }

  /** Linear address of the memory operand, plus a constant. */
  address(bytes: number, write = false): Value {
    return this.linearOperand(bytes, write);
  }

  /** Operand `i` at its own width (or `width`): i32 for 8 to 32 bits (upper bits zero for registers and memory), i64 for 64. */
  readOp(i: number, width: number = this.form.operands[i].width): Value {
    const o = this.form.operands[i];
    switch (o.kind) {
      case "reg": return this.get(width, this.operandRef(i));
      case "mem": return this.load(width, this.linearOperand(width / 8, false));
      case "one": return this.constant(width, 1);
      default: return this.immediate(width);
    }
  }

  /** Writes operand `i`; a 32-bit register result zeroes the upper half. */
  writeOp(i: number, v: Value, width: number = this.form.operands[i].width): void {
    if (this.form.operands[i].kind === "mem") this.store(width, this.linearOperand(width / 8, true), v);
    else this.setReg(width, this.operandRef(i), v);
  }

  /** Reads operand 0 for modification; `commit` writes it back, before any register or flag changes. */
  modify(i = 0, width: number = this.form.operands[i].width): Modify {
    if (this.form.operands[i].kind !== "mem") {
      return { old: this.readOp(i, width), commit: (v) => this.setReg(width, this.operandRef(i), v) };
    }
    return this.modifyAt(this.linearOperand(width / 8, true), width);
  }

  modifyAt(linear: Value, width: number): Modify {
    const at = this.emit("rmw.begin", [linear], { imm: width / 8 });
    const old = this.emit(`raw.ld.${width}`, [at]);
    return {
      old,
      commit: (v) => {
        this.emit(`raw.st.${width}`, [at, v]);
        this.emit("rmw.end", [at]);
      },
    };
  }

  // --- Stack ------------------------------------------------------------------------------------------------------
  /** Linear address of the stack at stack offset `sp` (already masked in legacy modes). */
  stackLinear(sp: Value, bytes: number, write: boolean): Value {
    return this.mode64 || this.flat ? sp : this.emit("seg.linear", [sp], { ref: segmentRef(SS), imm: bytes, big: write ? 1n : 0n });
  }
  /** RSP + delta, wrapped to the stack's width. */
  stackPointer(delta: Value): Value {
    if (this.flat) return this.zext64(this.emit("i32.add", [this.get(32, gpr(RSP)), this.wrap(delta)]));
    const sp = this.emit("i64.add", [this.get(64, gpr(RSP)), delta]);
    return this.mode64 ? sp : this.emit("i64.and", [sp, this.get(64, fixed(STATE.spMask))]);
  }
  setStackPointer(sp: Value): void {
    if (this.mode64) {
      this.set(64, gpr(RSP), sp);
      return;
    }
    if (this.flat) {
      this.setReg(32, gpr(RSP), this.wrap(sp));
      return;
    }
    const mask = this.get(64, fixed(STATE.spMask));
    const kept = this.emit("i64.and", [this.get(64, gpr(RSP)), this.emit("i64.xor", [mask, this.i64(-1)])]);
    this.set(64, gpr(RSP), this.emit("i64.or", [kept, sp]));
  }
  push(width: number, v: Value): void {
    const sp = this.stackPointer(this.i64(-width / 8));
    this.store(width, this.stackLinear(sp, width / 8, true), v);
    this.setStackPointer(sp);
  }
  /** Where a push would write. */
  pushLinear(width: number): Value {
    return this.stackLinear(this.stackPointer(this.i64(-width / 8)), width / 8, true);
  }
  /** Reads the top of the stack; `release` then moves the pointer past it and `extra` bytes. */
  top(width: number): { value: Value; release: (extra?: Value) => void } {
    const sp = this.stackPointer(this.i64(0));
    const value = this.load(width, this.stackLinear(sp, width / 8, false));
    return {
      value,
      release: (extra) => {
        const delta = extra === undefined ? this.i64(width / 8) : this.emit("i64.add", [extra, this.i64(width / 8)]);
        this.setStackPointer(this.stackPointer(delta));
      },
    };
  }

  /** Loads a segment register, does the rest of the instruction, and goes on in the mode that 32-bit code has now (CpuState.flat). */
  loadSegment(segment: Value, selector: Value, rest: () => void = () => undefined): void {
    const key = this.variable(this.get(32, fixed(STATE.fetchKey)));
    this.call("loadSegment", segment, selector);
    rest();
    this.if(this.emit("i32.ne", [this.get(32, fixed(STATE.fetchKey)), this.read(key)]), () => this.jump(this.nextRip()));
  }

  // --- Near transfers in legacy modes ---------------------------------------------------------------------------------
  codeBase(): Value {
    return this.get(64, segmentRef(CS));
  }
  /** EIP/IP of the next instruction as pushed by CALL; RIP in 64-bit mode. Width follows the operand size. */
  nextOffset(width: number): Value {
    const next = this.mode64 || this.flat ? this.nextRip() : this.emit("i64.sub", [this.nextRip(), this.codeBase()]);
    return width === 64 ? next : this.wrap(next);
  }
  /** #GP(0) where an offset in CS (i64) is beyond its limit; before anything changes. SDM Vol. 2, JMP, CALL, RET, Jcc, LOOP. Legacy modes. */
  checkCodeLimit(offset: Value, pushed = 0): void {
    if (this.flat) return;
    this.if(this.emit("i32.gt_u", [this.wrap(offset), this.get(32, fixed(STATE.segmentLimit + 4 * CS))]), () => {
      // Faults as the push would, and changes nothing.
      if (pushed > 0) this.emit("rmw.end", [this.emit("rmw.begin", [this.pushLinear(pushed)], { imm: pushed / 8 })]);
      this.call("raise", this.i32(VECTOR.GP));
    });
  }
  /** Transfers to an offset in CS (i64, already truncated to the operand size and within the limit). */
  jumpOffset(offset: Value): void {
    if (this.mode64 || this.flat) this.jump(offset);
    else this.jump(this.emit("i64.and", [this.emit("i64.add", [offset, this.codeBase()]), this.i64(0xffffffffn)]));
  }
  /** The taken target of a relative branch in legacy modes, as an offset truncated to the operand size. */
  relativeOffset(): Value {
    const target = this.emit("i32.add", [this.nextOffset(32), this.immediate(32)]);
    return this.zext64(this.form.opSize === 16 ? this.mask(16, target) : target);
  }
  /** Checks the target of a relative transfer that will change something else before it jumps. `taken`: whether it will; `pushed`: as in checkCodeLimit. */
  checkRelative(taken?: Value, pushed?: number): void {
    if (this.mode64 || this.flat) return;
    if (taken === undefined) this.checkCodeLimit(this.relativeOffset(), pushed);
    else this.if(taken, () => this.checkCodeLimit(this.relativeOffset()));
  }
  /** Unconditional relative transfer. `checked`: checkRelative was called. */
  jumpRelative(checked = false): void {
    if (this.direct) this.jumpDirect();
    else this.jumpOffset(this.checkedOffset(checked));
  }
  /** Conditional relative transfer. */
  branchRelative(condition: Value, checked = false): void {
    if (this.direct) this.emit("branch.direct", [condition]);
    else {
      this.if(condition, () => this.jumpOffset(this.checkedOffset(checked)));
    }
  }
  /** The target is the displacement away, whatever it is. */
  private get direct(): boolean {
    return this.mode64 || (this.flat && this.form.opSize === 32);
  }
  private checkedOffset(checked: boolean): Value {
    const target = this.variable(this.relativeOffset());
    if (!checked) this.checkCodeLimit(this.read(target));
    return this.read(target);
  }

  // --- String operands --------------------------------------------------------------------------------------------------
  /** Linear address of the string operand at rSI (segment override allowed) or ES:rDI. */
  stringLinear(register: number, bytes: number, write: boolean): Value {
    const a = this.form.addrSize;
    const raw = this.get(a, gpr(register));
    const offset = this.zext64(raw);
    if (this.mode64) return register === RDI ? offset : this.emit("i64.add", [offset, this.get(64, this.segment())]);
    if (this.flat) return offset;
    const ref = register === RDI ? segmentRef(ES) : this.segment();
    return this.emit("seg.linear", [offset], { ref, imm: bytes, big: write ? 1n : 0n });
  }
  /** Adds an i64 to an address-sized register. */
  addToRegister(register: number, delta: Value): void {
    const a = this.form.addrSize;
    const ref = gpr(register);
    if (a === 64) this.set(64, ref, this.emit("i64.add", [this.get(64, ref), delta]));
    else this.setReg(a, ref, this.emit("i32.add", [this.get(a, ref), this.wrap(delta)]));
  }

  readonly flags = flags;

  /** Unimplemented: #UD in the guest, counted and named. */
  unimplemented(): void {
    this.call("undefinedInstruction", this.i32(this.form.entry.id));
  }
}

/** Tier 0: operands come from the instruction record at run time. */
export class RecordContext extends LiftContext {
  protected operandRef(i: number): Ref {
    return { field: i < 3 ? REC.reg0 + 2 * i : REC.reg3, address: 0, offset: 0 };
  }
  immediate(width: number): Value {
    return width === 64 ? this.emit("rec.i64", [], { imm: REC.imm }) : this.emit("rec.i32", [], { imm: REC.imm });
  }
  immediate2(): Value {
    return this.emit("rec.i32", [], { imm: REC.imm2 });
  }
  segment(): Ref {
    return { field: REC.seg, address: 0, offset: 0 };
  }
  nextRip(): Value {
    return this.emit("i64.add", [this.emit("vpage"), this.zext64(this.emit("rec.u16", [], { imm: REC.next }))]);
  }
  ownRip(): Value {
    return this.emit("i64.add", [this.emit("vpage"), this.zext64(this.emit("rec.u16", [], { imm: REC.ip }))]);
  }
  offset(): Value {
    if (this.form.ea === "generic") return this.emit("ea.offset");
    return this.specialised();
  }
  protected linearOperand(bytes: number, write: boolean): Value {
    if (this.form.ea === "generic") return this.emit("ea.linear", [], { imm: bytes, big: write ? 1n : 0n });
    const offset = this.specialised();
    return this.form.ea === "seg" ? this.emit("i64.add", [offset, this.get(64, this.segment())]) : offset;
  }
  private specialised(): Value {
    if (this.form.ea === "bd32" || this.form.ea === "sib32") {
      const sum = this.emit("i32.add", [this.get(32, { field: REC.base, address: 0, offset: 0 }), this.emit("rec.i32", [], { imm: REC.disp })]);
      if (this.form.ea === "bd32") return this.zext64(sum);
      return this.zext64(this.emit("i32.add", [sum, this.emit("i32.shl", [this.get(32, { field: REC.index, address: 0, offset: 0 }), this.emit("rec.u8", [], { imm: REC.scale })])]));
    }
    const disp = this.emit("i64.extend_i32_s", [this.emit("rec.i32", [], { imm: REC.disp })]);
    if (this.form.ea === "rip") return this.emit("i64.add", [this.emit("vpage"), disp]);
    const base = this.emit("i64.add", [this.get(64, { field: REC.base, address: 0, offset: 0 }), disp]);
    if (this.form.ea === "bd") return base;
    const index = this.get(64, { field: REC.index, address: 0, offset: 0 });
    const scaled = this.emit("i64.shl", [index, this.zext64(this.emit("rec.u8", [], { imm: REC.scale }))]);
    return this.emit("i64.add", [base, scaled]);
  }
}

export { plus };
