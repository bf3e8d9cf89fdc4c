/** IR nodes and the builder that lifters write with. An instruction's IR is a list of nodes in program order. */
import { InternalError } from "../../base/errors.ts";
import { HELPERS, type HelperName } from "../helpers/signatures.ts";
import { IR_OPS, type Type } from "./ops.ts";

/** Where a register or state slot stands: a fixed address, or (tier 0) the address in a record's u16 field, plus `offset`. */
export interface Ref {
  readonly field: number | null;
  readonly address: number;
  readonly offset: number;
}
export const fixed = (address: number): Ref => ({ field: null, address, offset: 0 });
export const recordField = (field: number): Ref => ({ field, address: 0, offset: 0 });
export const plus = (ref: Ref, offset: number): Ref => ({ ...ref, offset: ref.offset + offset });

export interface Node {
  readonly id: number;
  readonly op: string;
  readonly type: Type | null;
  readonly args: readonly Node[];
  readonly imm: number;
  readonly big: bigint;
  readonly lanes: readonly number[] | null;
  readonly ref: Ref | null;
  readonly name: HelperName | null;
  /** `if`: then, else. */
  readonly bodies: readonly (readonly Node[])[];
}

/** A value; nodes without a result never pass as one because Builder returns them as void. */
export type Value = Node;

export interface Extra {
  imm?: number;
  big?: bigint;
  lanes?: readonly number[];
  ref?: Ref;
  name?: HelperName;
  bodies?: readonly (readonly Node[])[];
}

export interface Variable {
  readonly number: number;
  readonly type: Type;
}

export class Builder {
  private nextId = 0;
  private nextVariable = 0;
  private body: Node[] = [];

  /** Appends any operation of the table. Prefer the named methods below where there is one. */
  emit(op: string, args: readonly Value[] = [], extra: Extra = {}): Node {
    const info = IR_OPS.get(op);
    if (info === undefined) throw new InternalError(`IR: no operation '${op}'`);
    const params = op === "call" ? HELPERS[extra.name ?? "raise"] : info.params;
    if (args.length !== params.length) throw new InternalError(`IR: ${op} ${extra.name ?? ""} takes ${params.length} arguments`);
    args.forEach((a, i) => {
      if (a.type !== params[i]) throw new InternalError(`IR: ${op} ${extra.name ?? ""}: argument ${i} is ${a.type} (${a.op}), not ${params[i]}`);
    });
    const folded = fold(op, args, this);
    if (folded !== null) return folded;
    const node: Node = {
      id: this.nextId++, op, type: info.result, args, imm: extra.imm ?? 0, big: extra.big ?? 0n, lanes: extra.lanes ?? null,
      ref: extra.ref ?? null, name: extra.name ?? null, bodies: extra.bodies ?? [],
    };
    this.body.push(node);
    return node;
  }

  /** The finished list; the builder starts a new one. */
  finish(): Node[] {
    const body = this.body;
    this.body = [];
    return body;
  }

  // Constants.
  i32(n: number): Value {
    return this.emit("i32.const", [], { imm: n | 0 });
  }
  i64(n: bigint | number): Value {
    return this.emit("i64.const", [], { big: BigInt.asIntN(64, BigInt(n)) });
  }
  /** A constant of the type that holds `width` bits. */
  constant(width: number, n: number | bigint): Value {
    return width === 64 ? this.i64(n) : this.i32(Number(BigInt.asIntN(32, BigInt(n))));
  }
  v128(bytes: readonly number[]): Value {
    return this.emit("v128.const", [], { lanes: bytes });
  }

  /** An integer operation by WebAssembly's short name, on the type that holds `width` bits: `bin(32, "add", a, b)`. */
  bin(width: number, name: string, a: Value, b: Value): Value {
    return this.emit(`${width === 64 ? "i64" : "i32"}.${name}`, [a, b]);
  }
  un(width: number, name: string, a: Value): Value {
    return this.emit(`${width === 64 ? "i64" : "i32"}.${name}`, [a]);
  }
  select(condition: Value, yes: Value, no: Value): Value {
    return this.emit(`select.${yes.type ?? "i32"}`, [yes, no, condition]);
  }

  /** To i64: zero-extended from i32, or as it is. */
  zext64(v: Value): Value {
    return v.type === "i64" ? v : this.emit("i64.extend_i32_u", [v]);
  }
  /** Sign-extends the low `width` bits of `v` to i64. */
  sext64(width: number, v: Value): Value {
    if (v.type === "i64") return width === 64 ? v : this.emit(width === 32 ? "i64.extend32_s" : width === 16 ? "i64.extend16_s" : "i64.extend8_s", [v]);
    if (width === 8) v = this.emit("i32.extend8_s", [v]);
    if (width === 16) v = this.emit("i32.extend16_s", [v]);
    return this.emit("i64.extend_i32_s", [v]);
  }
  wrap(v: Value): Value {
    return v.type === "i32" ? v : this.emit("i32.wrap_i64", [v]);
  }
  /** Clears what is above `width` bits of an i32 (no-op for 32 and 64). */
  mask(width: number, v: Value): Value {
    return width >= 32 ? v : this.emit("i32.and", [v, this.i32((1 << width) - 1)]);
  }

  // Registers and state.
  get(width: number, ref: Ref): Value {
    return this.emit(`get.${width}`, [], { ref });
  }
  set(width: number, ref: Ref, v: Value): void {
    this.emit(`set.${width}`, [v], { ref });
  }
  /** Writes a register with x86's rule: a 32-bit result zeroes the upper half. */
  setReg(width: number, ref: Ref, v: Value): void {
    if (width === 32) this.set(64, ref, this.zext64(v));
    else this.set(width, ref, v);
  }

  // Guest memory.
  load(width: number, linear: Value): Value {
    return this.emit(`ld.${width}`, [linear]);
  }
  store(width: number, linear: Value, v: Value): void {
    this.emit(`st.${width}`, [linear, v]);
  }

  // Variables and control.
  variable(initial: Value): Variable {
    const v = { number: this.nextVariable++, type: initial.type ?? "i32" };
    this.assign(v, initial);
    return v;
  }
  assign(v: Variable, value: Value): void {
    this.emit(`var.set.${v.type}`, [value], { imm: v.number });
  }
  read(v: Variable): Value {
    return this.emit(`var.get.${v.type}`, [], { imm: v.number });
  }
  if(condition: Value, then: () => void, otherwise?: () => void): void {
    const outer = this.body;
    this.body = [];
    then();
    const yes = this.body;
    this.body = [];
    otherwise?.();
    const no = this.body;
    this.body = outer;
    this.emit("if", [condition], { bodies: [yes, no] });
  }
  call(name: HelperName, ...args: Value[]): void {
    this.emit("call", args, { name });
  }
  jump(target: Value): void {
    this.emit("jump", [target]);
  }
  jumpDirect(): void {
    this.emit("jump.direct");
  }
  next(): void {
    this.emit("next");
  }
  again(): void {
    this.emit("again");
  }
}

const isConst = (n: Node): boolean => n.op === "i32.const" || n.op === "i64.const";
const isZero = (n: Node): boolean => isConst(n) && n.imm === 0 && n.big === 0n;

/** Folds while building: identities and operations on two constants that lifters produce often. */
export function fold(op: string, args: readonly Node[], b: Builder): Node | null {
  if (args.length === 2) {
    const [x, y] = args;
    switch (op.slice(4)) {
      case "add": case "or": case "xor": case "shl": case "shr_u": case "shr_s": case "sub":
        if ((x.type === "i32" || x.type === "i64") && isZero(y)) return x;
        break;
    }
    if (op === "i64.add" && isZero(x)) return y;
    if (x.op === "i32.const" && y.op === "i32.const") {
      switch (op) {
        case "i32.add": return b.i32(x.imm + y.imm);
        case "i32.sub": return b.i32(x.imm - y.imm);
        case "i32.and": return b.i32(x.imm & y.imm);
        case "i32.or": return b.i32(x.imm | y.imm);
        case "i32.shl": return b.i32(x.imm << y.imm);
      }
    }
    if (x.op === "i64.const" && y.op === "i64.const" && op === "i64.add") return b.i64(x.big + y.big);
  }
  if (args.length === 1 && args[0].op === "i32.const") {
    if (op === "i64.extend_i32_u") return b.i64(args[0].imm >>> 0);
    if (op === "i64.extend_i32_s") return b.i64(args[0].imm);
  }
  return null;
}
