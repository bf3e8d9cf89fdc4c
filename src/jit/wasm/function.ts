/** Builds one WebAssembly function body: instructions to bytes, labels by name. Knows no x86. */
import { InternalError } from "../../base/errors.ts";
import { OPCODES, type Immediate } from "./opcodes.ts";

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";
export const TYPE_CODE: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const EMPTY_BLOCK = 0x40;

/** A branch target. Valid between its begin and its end. */
export interface Label {
  readonly name: string;
  depth: number;
}

/** Growing byte buffer with LEB128. */
export class ByteWriter {
  private bytes = new Uint8Array(256);
  length = 0;
  byte(b: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = b;
  }
  unsigned(n: number): void {
    n >>>= 0;
    while (n > 0x7f) {
      this.byte((n & 0x7f) | 0x80);
      n >>>= 7;
    }
    this.byte(n);
  }
  signed(n: number): void {
    n |= 0;
    for (;;) {
      const b = n & 0x7f;
      n >>= 7;
      if ((n === 0 && !(b & 0x40)) || (n === -1 && b & 0x40)) {
        this.byte(b);
        return;
      }
      this.byte(b | 0x80);
    }
  }
  signed64(n: bigint): void {
    n = BigInt.asIntN(64, n);
    if (n >= -0x80000000n && n <= 0x7fffffffn) {
      this.signed(Number(n));
      return;
    }
    for (;;) {
      const b = Number(n & 0x7fn);
      n >>= 7n;
      if ((n === 0n && !(b & 0x40)) || (n === -1n && b & 0x40)) {
        this.byte(b);
        return;
      }
      this.byte(b | 0x80);
    }
  }
  append(data: Uint8Array): void {
    const end = this.length + data.length;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(data, this.length);
    this.length = end;
  }
  text(s: string): void {
    const data = Array.from(s, (c) => c.charCodeAt(0));
    this.unsigned(data.length);
    for (const b of data) this.byte(b);
  }
  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
  /** The same without a copy: valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

export class FunctionBuilder {
  private readonly code = new ByteWriter();
  private readonly locals: ValueType[] = [];
  private readonly hints: { readonly offset: number; readonly likely: boolean }[] = [];
  private depth = 0;

  constructor(
    readonly params: readonly ValueType[],
    readonly results: readonly ValueType[],
    readonly name = "",
  ) {}

  /** Declares a local and gives its index. */
  local(type: ValueType): number {
    this.locals.push(type);
    return this.params.length + this.locals.length - 1;
  }

  /** Bytes emitted so far. */
  get size(): number {
    return this.code.length;
  }

  private opcode(name: string, expected: Immediate): void {
    const o = OPCODES.get(name);
    if (o === undefined || o.imm !== expected) throw new InternalError(`wasm: '${name}' takes no ${expected} immediate`);
    if (o.prefix >= 0) {
      this.code.byte(o.prefix);
      this.code.unsigned(o.code);
    } else this.code.byte(o.code);
  }

  /** An instruction without immediates. */
  op(name: string): this {
    this.opcode(name, "none");
    return this;
  }
  i32(n: number): this {
    this.opcode("i32.const", "i32");
    this.code.signed(n);
    return this;
  }
  i64(n: bigint): this {
    this.opcode("i64.const", "i64");
    this.code.signed64(n);
    return this;
  }
  f64(n: number): this {
    this.opcode("f64.const", "f64");
    for (const b of new Uint8Array(new Float64Array([n]).buffer)) this.code.byte(b);
    return this;
  }
  f32(n: number): this {
    this.opcode("f32.const", "f32");
    for (const b of new Uint8Array(new Float32Array([n]).buffer)) this.code.byte(b);
    return this;
  }
  v128(bytes: readonly number[]): this {
    this.opcode("v128.const", "v128");
    for (const b of bytes) this.code.byte(b);
    return this;
  }
  lane(name: string, lane: number): this {
    this.opcode(name, "lane");
    this.code.byte(lane);
    return this;
  }
  shuffle(lanes: readonly number[]): this {
    this.opcode("i8x16.shuffle", "shuffle");
    for (const b of lanes) this.code.byte(b);
    return this;
  }
  get(local: number): this {
    this.opcode("local.get", "local");
    this.code.unsigned(local);
    return this;
  }
  set(local: number): this {
    this.opcode("local.set", "local");
    this.code.unsigned(local);
    return this;
  }
  tee(local: number): this {
    this.opcode("local.tee", "local");
    this.code.unsigned(local);
    return this;
  }
  /** Loads and stores claim no alignment: guest addresses have none. */
  mem(name: string, offset = 0): this {
    this.opcode(name, "memarg");
    this.code.byte(0);
    this.code.unsigned(offset);
    return this;
  }
  memoryCopy(): this {
    this.opcode("memory.copy", "memidx2");
    this.code.byte(0);
    this.code.byte(0);
    return this;
  }
  memoryFill(): this {
    this.opcode("memory.fill", "memidx");
    this.code.byte(0);
    return this;
  }
  /** What `emit` emits, in a chain. */
  also(emit: () => unknown): this {
    emit();
    return this;
  }
  call(functionIndex: number): this {
    this.opcode("call", "func");
    this.code.unsigned(functionIndex);
    return this;
  }
  callIndirect(typeIndex: number, table = 0): this {
    this.opcode("call_indirect", "indirect");
    this.code.unsigned(typeIndex);
    this.code.unsigned(table);
    return this;
  }
  /** Only where the host has tail calls. */
  returnCall(functionIndex: number): this {
    this.opcode("return_call", "func");
    this.code.unsigned(functionIndex);
    return this;
  }
  returnCallIndirect(typeIndex: number, table = 0): this {
    this.opcode("return_call_indirect", "indirect");
    this.code.unsigned(typeIndex);
    this.code.unsigned(table);
    return this;
  }

  begin(kind: "block" | "loop" | "if", name: string, result: ValueType | null = null): Label {
    this.opcode(kind, "block");
    this.code.byte(result === null ? EMPTY_BLOCK : TYPE_CODE[result]);
    return { name, depth: ++this.depth };
  }
  else(): this {
    return this.op("else");
  }
  end(label: Label): this {
    if (label.depth !== this.depth) throw new InternalError(`wasm: block '${label.name}' ends out of order`);
    this.depth--;
    return this.op("end");
  }
  private relative(label: Label): number {
    if (label.depth > this.depth) throw new InternalError(`wasm: branch to '${label.name}' from outside`);
    return this.depth - label.depth;
  }
  /** The `if` or `br_if` that is emitted next seldom finds its condition true: engines move what it leads to out of the way. */
  unlikely(): this {
    return this.hint(false);
  }
  /** It finds it true nearly always. */
  likely(): this {
    return this.hint(true);
  }
  private hint(likely: boolean): this {
    this.hints.push({ offset: this.code.length, likely });
    return this;
  }
  br(label: Label): this {
    this.opcode("br", "label");
    this.code.unsigned(this.relative(label));
    return this;
  }
  brIf(label: Label): this {
    this.opcode("br_if", "label");
    this.code.unsigned(this.relative(label));
    return this;
  }
  brTable(labels: readonly Label[], otherwise: Label): this {
    this.opcode("br_table", "labels");
    this.code.unsigned(labels.length);
    for (const l of labels) this.code.unsigned(this.relative(l));
    this.code.unsigned(this.relative(otherwise));
    return this;
  }

  /** Locals and code, without the size prefix. */
  encode(): Uint8Array {
    if (this.depth !== 0) throw new InternalError(`wasm: function '${this.name}' has an open block`);
    const w = this.encodeLocals();
    w.append(this.code.view());
    w.byte(0x0b);
    return w.take();
  }

  /** Hints cost bytes: for a function that is not worth them. */
  withoutHints(): this {
    this.hints.length = 0;
    return this;
  }

  /** A vector of hints, offsets from the start of `encode`'s bytes (branch hinting proposal); null where there is none. */
  encodeHints(): Uint8Array | null {
    if (this.hints.length === 0) return null;
    const start = this.encodeLocals().length;
    const w = new ByteWriter();
    w.unsigned(this.hints.length);
    for (const { offset, likely } of this.hints) {
      w.unsigned(start + offset);
      w.byte(1);
      w.byte(likely ? 1 : 0);
    }
    return w.take();
  }

  private encodeLocals(): ByteWriter {
    const w = new ByteWriter();
    const groups: { type: ValueType; count: number }[] = [];
    for (const t of this.locals) {
      const last = groups.at(-1);
      if (last?.type === t) last.count++;
      else groups.push({ type: t, count: 1 });
    }
    w.unsigned(groups.length);
    for (const g of groups) {
      w.unsigned(g.count);
      w.byte(TYPE_CODE[g.type]);
    }
    return w;
  }

  /** The code alone, for the text dump. */
  codeBytes(): Uint8Array {
    return this.code.take();
  }
}

const NOWHERE: Label = { name: "", depth: 0 };

/** Takes everything and emits nothing: for a pass that only wants to know in which order values are used. */
export class DryBuilder extends FunctionBuilder {
  override op(): this {
    return this;
  }
  override i32(): this {
    return this;
  }
  override i64(): this {
    return this;
  }
  override f64(): this {
    return this;
  }
  override f32(): this {
    return this;
  }
  override v128(): this {
    return this;
  }
  override lane(): this {
    return this;
  }
  override shuffle(): this {
    return this;
  }
  override get(): this {
    return this;
  }
  override set(): this {
    return this;
  }
  override tee(): this {
    return this;
  }
  override mem(): this {
    return this;
  }
  override memoryCopy(): this {
    return this;
  }
  override memoryFill(): this {
    return this;
  }
  override call(): this {
    return this;
  }
  override callIndirect(): this {
    return this;
  }
  override returnCall(): this {
    return this;
  }
  override returnCallIndirect(): this {
    return this;
  }
  override begin(): Label {
    return NOWHERE;
  }
  override end(): this {
    return this;
  }
  override likely(): this {
    return this;
  }
  override unlikely(): this {
    return this;
  }
  override br(): this {
    return this;
  }
  override brIf(): this {
    return this;
  }
  override brTable(): this {
    return this;
  }
}
