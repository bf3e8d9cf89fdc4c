/** A small Intel-syntax assembler over the ISA tables, for the firmware and the tests: single instructions and programs. */
import { UserError } from "../../base/errors.ts";
import { parseAsmOperand, splitOperands } from "./assembler-operands.ts";
import { encodings, type AsmInstruction } from "./encode.ts";
import { evaluate, type Symbols } from "./expression.ts";
import { preprocess, type ReadSource, type SourceLine } from "./preprocess.ts";

export type AsmMode = 16 | 32 | 64;

export interface AssembleOptions {
  readonly mode: AsmMode;
  /** Address of the instruction, for branches and `[rel x]`. Default 0. */
  readonly address?: bigint | number;
}

export interface ProgramOptions {
  readonly mode: AsmMode;
  /** Address of the first byte. Default 0; `org` before any code sets it too. */
  readonly origin?: bigint | number;
}

export interface AssembledProgram {
  readonly bytes: Uint8Array;
  readonly origin: bigint;
  readonly symbols: ReadonlyMap<string, bigint>;
}

const PREFIX_WORD = /^(lock|rep|repe|repz|repne|repnz|o16|o32|o64|a16|a32|a64)\s+/i;

function parseInstruction(text: string, symbols: Symbols): AsmInstruction {
  let rest = text.trim();
  let lock = false, rep = 0, opSize = 0, addrSize = 0;
  for (let m = PREFIX_WORD.exec(rest); m; m = PREFIX_WORD.exec(rest)) {
    const word = m[1].toLowerCase();
    if (word === "lock") lock = true;
    else if (word.startsWith("repn")) rep = 0xf2;
    else if (word.startsWith("rep")) rep = 0xf3;
    else if (word.startsWith("o")) opSize = Number(word.slice(1));
    else addrSize = Number(word.slice(1));
    rest = rest.slice(m[0].length);
  }
  const m = /^(\S+)\s*(.*)$/s.exec(rest);
  if (!m) throw new UserError(`no instruction in "${text}"`);
  const operands = splitOperands(m[2]).map((o) => parseAsmOperand(o, symbols));
  return { mnemonic: m[1].toUpperCase(), operands, lock, rep, opSize, addrSize };
}

const NO_SYMBOLS: Symbols = {
  lookup(name) {
    throw new UserError(`unknown symbol ${name}`);
  },
};

/** Assembles one instruction, in its shortest encoding. */
export function assemble(text: string, options: AssembleOptions): Uint8Array {
  const address = BigInt(options.address ?? 0);
  const symbols: Symbols = { lookup: (name) => (name === "$" ? address : NO_SYMBOLS.lookup(name)) };
  return encodings(parseInstruction(text, symbols), options.mode, address)[0];
}

interface Statement {
  /** `line 12`, or file and line. */
  readonly where: string;
  readonly text: string;
  /** Scope for local labels (.name): the last label without a dot. */
  readonly scope: string;
  /** Never shrinks between passes, so that label addresses settle. */
  minLength: number;
}

function stripComment(line: string): string {
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const ch = line[i];
    if (quote !== "") {
      if (ch === quote) quote = "";
    } else if (ch === "'" || ch === '"') quote = ch;
    else if (ch === ";" || ch === "#") return line.slice(0, i);
  }
  return line;
}

const DATA_SIZE: Readonly<Record<string, number>> = { db: 1, dw: 2, dd: 4, dq: 8 };
const MAX_PASSES = 100;
const MAX_OUTPUT = 1 << 26;

/** Labels that begin with a dot belong to the last one that does not; those of a macro's use (`..@`) to nobody. */
const fullName = (name: string, scope: string): string => (name.startsWith(".") && !name.startsWith("..@") ? scope + name : name);

class Program {
  private readonly statements: Statement[] = [];
  private readonly values = new Map<string, bigint>();
  private mode: AsmMode;
  private here = 0n;
  private start: bigint;
  private final = false;
  private out: number[] = [];

  constructor(source: readonly SourceLine[], private readonly options: ProgramOptions) {
    this.mode = options.mode;
    this.start = BigInt(options.origin ?? 0);
    let scope = "";
    source.forEach(({ text: raw, where }) => {
      let text = stripComment(raw).trim();
      for (let m = /^([A-Za-z_.$?][\w.$?@]*)\s*:(?!:)\s*/.exec(text); m && !/^[c-gs]s$/i.test(m[1]); m = /^([A-Za-z_.$?][\w.$?@]*)\s*:(?!:)\s*/.exec(text)) {
        if (!m[1].startsWith(".") && !m[1].startsWith("..@")) scope = m[1];
        this.statements.push({ where, text: `label ${m[1]}`, scope, minLength: 0 });
        text = text.slice(m[0].length);
      }
      if (text !== "") this.statements.push({ where, text, scope, minLength: 0 });
    });
  }

  run(): AssembledProgram {
    let previous = "";
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const bytes = this.pass();
      const state = `${bytes.length};${[...this.values].join(";")}`;
      if (this.final) return { bytes, origin: this.start, symbols: this.values };
      this.final = state === previous;
      previous = state;
    }
    throw new UserError("the addresses of the program do not settle");
  }

  private pass(): Uint8Array {
    this.out = [];
    this.mode = this.options.mode;
    this.start = BigInt(this.options.origin ?? 0);
    this.here = this.start;
    const defined = new Set<string>();
    for (const s of this.statements) {
      try {
        this.statement(s, defined);
      } catch (e) {
        if (e instanceof UserError) throw new UserError(`${s.where}: ${e.message}`);
        throw e;
      }
      if (this.out.length > MAX_OUTPUT) throw new UserError(`${s.where}: the program is larger than 64 MiB`);
    }
    return Uint8Array.from(this.out);
  }

  private symbolsAt(s: Statement, at: bigint): Symbols {
    return {
      lookup: (name) => {
        if (name === "$") return at;
        if (name === "$$") return this.start;
        const value = this.values.get(fullName(name, s.scope));
        if (value !== undefined) return value;
        if (this.final) throw new UserError(`unknown symbol ${name}`);
        return at; // not known yet: a near value, later passes correct it
      },
    };
  }

  private emit(bytes: Iterable<number>): void {
    for (const b of bytes) {
      this.out.push(b);
      this.here++;
    }
  }

  private define(name: string, s: Statement, value: bigint, defined: Set<string>): void {
    const full = fullName(name, s.scope);
    if (defined.has(full)) throw new UserError(`symbol ${full} is defined twice`);
    defined.add(full);
    this.values.set(full, value);
  }

  private statement(s: Statement, defined: Set<string>): void {
    const symbols = this.symbolsAt(s, this.here);
    const equ = /^(\S+)\s+equ\s+(.*)$/i.exec(s.text);
    if (equ) {
      this.define(equ[1], s, evaluate(equ[2], symbols), defined);
      return;
    }
    const m = /^(\S+)\s*(.*)$/s.exec(s.text);
    if (!m) return;
    const word = m[1].toLowerCase(), rest = m[2];
    switch (word) {
      case "label": this.define(rest, s, this.here, defined); return;
      case "bits": {
        const bits = Number(rest);
        if (bits !== 16 && bits !== 32 && bits !== 64) throw new UserError(`bits takes 16, 32 or 64, not "${rest}"`);
        this.mode = bits;
        return;
      }
      case "org": {
        const target = evaluate(rest, symbols);
        if (this.out.length === 0) this.start = this.here = target;
        else this.pad(target - this.here, 0);
        return;
      }
      case "align": {
        const [size, fill] = splitOperands(rest).map((t) => evaluate(t, symbols));
        if (size === undefined || size <= 0n) throw new UserError("align takes a positive number");
        this.pad((size - (this.here % size)) % size, Number(fill ?? 0n));
        return;
      }
      case "times": this.times(s, rest, symbols, defined); return;
      case "db": case "dw": case "dd": case "dq": this.data(word, rest, symbols); return;
      default: this.emit(this.instruction(s, symbols)); return;
    }
  }

  private pad(count: bigint, fill: number): void {
    if (count < 0n) {
      if (!this.final) return;
      throw new UserError(`the code is ${-count} bytes too long`);
    }
    if (count > BigInt(MAX_OUTPUT)) throw new UserError("the program is larger than 64 MiB");
    this.emit(new Uint8Array(Number(count)).fill(fill));
  }

  private times(s: Statement, rest: string, symbols: Symbols, defined: Set<string>): void {
    const m = /^(.*?)\s+((?:d[bwdq]|[A-Za-z]\w*)(?:\s.*)?)$/is.exec(rest);
    if (!m) throw new UserError("times takes a count and a statement");
    const count = evaluate(m[1], symbols);
    if (count < 0n) {
      if (!this.final) return;
      throw new UserError(`times ${count}: the code is too long`);
    }
    for (let i = 0n; i < count; i++) {
      this.statement({ ...s, text: m[2], minLength: 0 }, defined);
      if (this.out.length > MAX_OUTPUT) return;
    }
  }

  private data(word: string, rest: string, symbols: Symbols): void {
    const size = DATA_SIZE[word];
    for (const item of splitOperands(rest)) {
      const string = /^(?:'([^']*)'|"([^"]*)")$/.exec(item);
      const text = string?.[1] ?? string?.[2];
      if (text !== undefined && (text.length > size || size === 1)) {
        const bytes = latin1(text);
        while (bytes.length % size !== 0) bytes.push(0);
        this.emit(bytes);
        continue;
      }
      const value = evaluate(item, symbols);
      if (this.final && (value >= 1n << BigInt(size * 8) || value < -(1n << BigInt(size * 8 - 1)))) throw new UserError(`${item} does not fit in ${size} bytes`);
      for (let i = 0, v = BigInt.asUintN(size * 8, value); i < size; i++, v >>= 8n) this.emit([Number(v & 0xffn)]);
    }
  }

  private instruction(s: Statement, symbols: Symbols): Uint8Array {
    const list = encodings(parseInstruction(s.text, symbols), this.mode, this.here);
    const chosen = list.find((b) => b.length >= s.minLength) ?? list[list.length - 1];
    s.minLength = Math.max(s.minLength, chosen.length);
    return chosen;
  }
}

/** Strings in data are one byte a character (ISO 8859-1). */
function latin1(text: string): number[] {
  return Array.from(text, (ch) => {
    const code = ch.charCodeAt(0);
    if (code > 0xff) throw new UserError(`character ${ch} does not fit in a byte`);
    return code;
  });
}

/**
 * Assembles a program: labels, `.local` labels, `db dw dd dq`, `org`, `bits`, `equ`, `times`, `align`, `$`, `$$`, and
 * comments after `;` or `#`.
 */
export function assembleProgram(source: string, options: ProgramOptions): AssembledProgram {
  return new Program(source.split("\n").map((text, i) => ({ text, where: `line ${i + 1}` })), options).run();
}

/** The same for a program of several files, with includes and macros (preprocess.ts). */
export function assembleFiles(name: string, read: ReadSource, options: ProgramOptions): AssembledProgram {
  return new Program(preprocess(name, read), options).run();
}
