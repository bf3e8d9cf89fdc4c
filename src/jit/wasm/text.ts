/** WebAssembly code as text, one instruction a line, for dumps and goldens. Knows no x86. */
import { InternalError } from "../../base/errors.ts";
import { TYPE_CODE } from "./function.ts";
import { type Immediate, OPCODE_BY_VALUE } from "./opcodes.ts";

export interface TextOptions {
  /** Name of a function, by index; null: the index. */
  readonly functionName?: (index: number) => string | null;
  /** Name of a memory offset; null: the number. */
  readonly offsetName?: (offset: number) => string | null;
}

const TYPE_NAME = new Map(Object.entries(TYPE_CODE).map(([name, code]) => [code, name]));

class Printer {
  private at = 0;
  private readonly view: DataView;
  private depth = 0;
  readonly lines: string[] = [];

  constructor(private readonly code: Uint8Array, private readonly options: TextOptions) {
    this.view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  }

  private byte(): number {
    if (this.at >= this.code.length) throw new InternalError("wasm text: the code ends inside an instruction");
    return this.code[this.at++];
  }
  private unsigned(): number {
    let n = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.byte();
      n |= (b & 0x7f) << shift;
      if (b < 0x80) return n >>> 0;
    }
  }
  private signed(): bigint {
    let n = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = this.byte();
      n |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) return BigInt.asIntN(Number(shift) + 7, n);
    }
  }
  private bytes(count: number): string {
    return Array.from({ length: count }, () => this.byte()).join(" ");
  }
  private function(): string {
    const index = this.unsigned();
    return ` ${this.options.functionName?.(index) ?? index}`;
  }
  private memarg(): string {
    const align = this.unsigned();
    const offset = this.unsigned();
    const name = offset === 0 ? null : this.options.offsetName?.(offset) ?? null;
    return `${offset === 0 ? "" : ` offset=${name ?? offset}`}${align === 0 ? "" : ` align=${2 ** align}`}`;
  }

  private immediate(kind: Immediate): string {
    switch (kind) {
      case "none": return "";
      case "block": {
        const type = this.byte();
        return type === 0x40 ? "" : ` ${TYPE_NAME.get(type) ?? type}`;
      }
      case "label": case "local": case "global": return ` ${this.unsigned()}`;
      case "labels": return ` ${Array.from({ length: this.unsigned() + 1 }, () => this.unsigned()).join(" ")}`;
      case "func": return this.function();
      case "indirect": {
        const type = this.unsigned();
        return ` type=${type} table=${this.unsigned()}`;
      }
      case "memarg": return this.memarg();
      case "memargLane": {
        const m = this.memarg();
        return `${m} ${this.byte()}`;
      }
      case "i32": case "i64": return ` ${this.signed()}`;
      case "f32": {
        const v = this.view.getFloat32(this.at, true);
        this.at += 4;
        return ` ${v}`;
      }
      case "f64": {
        const v = this.view.getFloat64(this.at, true);
        this.at += 8;
        return ` ${v}`;
      }
      case "v128": case "shuffle": return ` ${this.bytes(16)}`;
      case "lane": return ` ${this.byte()}`;
      case "memidx": this.byte(); return "";
      case "memidx2": this.bytes(2); return "";
    }
  }

  print(): void {
    while (this.at < this.code.length) {
      const first = this.byte();
      const value = first === 0xfc || first === 0xfd ? (first << 16) | this.unsigned() : first;
      const opcode = OPCODE_BY_VALUE.get(value);
      if (opcode === undefined) throw new InternalError(`wasm text: no instruction 0x${value.toString(16)}`);
      const { name } = opcode;
      if (name === "end" || name === "else") this.depth--;
      this.lines.push("  ".repeat(Math.max(0, this.depth)) + name + this.immediate(opcode.imm));
      if (opcode.imm === "block" || name === "else") this.depth++;
    }
  }
}

/** `code` is a function's instructions without locals (FunctionBuilder.codeBytes). */
export function wasmText(code: Uint8Array, options: TextOptions = {}): string {
  const p = new Printer(code, options);
  p.print();
  return p.lines.join("\n") + "\n";
}
