/** Builds a WebAssembly module: types, imports, functions, table, exports, code. WebAssembly core specification §5.5. */
import { ByteWriter, TYPE_CODE, type FunctionBuilder, type ValueType } from "./function.ts";

export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  /** 64 KiB pages. */
  readonly minimum: number;
  readonly maximum: number;
  readonly shared: boolean;
}

export class ModuleBuilder {
  private readonly types: string[] = [];
  private readonly typeBytes: Uint8Array[] = [];
  private readonly imports: { module: string; name: string; type: number }[] = [];
  private readonly functions: { type: number; body: FunctionBuilder }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private elements: number[] = [];
  /** Sizes of further tables, without elements. */
  private readonly tables: number[] = [];
  private readonly exportedTables: { name: string; index: number }[] = [];
  private memory: MemoryImport | null = null;
  private table: { readonly module: string; readonly name: string } | null = null;

  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()}>${results.join()}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    const w = new ByteWriter();
    w.byte(0x60);
    w.unsigned(params.length);
    for (const p of params) w.byte(TYPE_CODE[p]);
    w.unsigned(results.length);
    for (const r of results) w.byte(TYPE_CODE[r]);
    this.typeBytes.push(w.take());
    return this.types.push(key) - 1;
  }

  importMemory(memory: MemoryImport): void {
    this.memory = memory;
  }

  /** A funcref table of any size, at index 0: there is no other. */
  importTable(table: { readonly module: string; readonly name: string }): void {
    this.table = table;
  }

  /** All imports must come before the first function. Gives the function index. */
  importFunction(module: string, name: string, params: readonly ValueType[], results: readonly ValueType[]): number {
    if (this.functions.length > 0) throw new RangeError("wasm: import after a function");
    return this.imports.push({ module, name, type: this.type(params, results) }) - 1;
  }

  /** What addFunction will give next. */
  get nextFunction(): number {
    return this.imports.length + this.functions.length;
  }

  addFunction(body: FunctionBuilder): number {
    this.functions.push({ type: this.type(body.params, body.results), body });
    return this.imports.length + this.functions.length - 1;
  }

  /** Of an import or a function, for dumps; null: there is none. */
  functionName(index: number): string | null {
    return index < this.imports.length ? this.imports[index].name : (this.functions[index - this.imports.length]?.body.name ?? null);
  }

  export(name: string, functionIndex: number): void {
    this.exports.push({ name, index: functionIndex });
  }

  /** A funcref table with these functions, at index 0. */
  setTable(functionIndices: readonly number[]): void {
    this.elements = [...functionIndices];
  }

  /** A further funcref table, empty. Table 0 is setTable's. Gives its index. */
  addTable(size: number): number {
    return this.tables.push(size);
  }
  exportTable(name: string, index: number): void {
    this.exportedTables.push({ name, index });
  }

  /** `names`: with a name section, which profilers and crash reports show. It is a fifth of a large module. */
  encode(withNames = true): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    for (const b of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.byte(b);
    const section = (id: number, fill: (w: ByteWriter) => void): void => {
      const w = new ByteWriter();
      fill(w);
      out.byte(id);
      out.unsigned(w.length);
      out.append(w.view());
    };
    section(1, (w) => {
      w.unsigned(this.typeBytes.length);
      for (const t of this.typeBytes) w.append(t);
    });
    section(2, (w) => {
      w.unsigned(this.imports.length + (this.memory ? 1 : 0) + (this.table ? 1 : 0));
      for (const i of this.imports) {
        w.text(i.module);
        w.text(i.name);
        w.byte(0);
        w.unsigned(i.type);
      }
      if (this.memory) {
        w.text(this.memory.module);
        w.text(this.memory.name);
        w.byte(2);
        w.byte(this.memory.shared ? 3 : 1);
        w.unsigned(this.memory.minimum);
        w.unsigned(this.memory.maximum);
      }
      if (this.table) {
        w.text(this.table.module);
        w.text(this.table.name);
        w.byte(1);
        w.byte(0x70);
        w.byte(0);
        w.unsigned(0);
      }
    });
    section(3, (w) => {
      w.unsigned(this.functions.length);
      for (const f of this.functions) w.unsigned(f.type);
    });
    if (this.elements.length > 0 || this.tables.length > 0) {
      section(4, (w) => {
        w.unsigned(1 + this.tables.length);
        for (const size of [this.elements.length, ...this.tables]) {
          w.byte(0x70);
          w.byte(0);
          w.unsigned(size);
        }
      });
    }
    section(7, (w) => {
      w.unsigned(this.exports.length + this.exportedTables.length);
      for (const t of this.exportedTables) {
        w.text(t.name);
        w.byte(1);
        w.unsigned(t.index);
      }
      for (const e of this.exports) {
        w.text(e.name);
        w.byte(0);
        w.unsigned(e.index);
      }
    });
    if (this.elements.length > 0) {
      section(9, (w) => {
        w.unsigned(1);
        w.unsigned(0);
        w.byte(0x41);
        w.signed(0);
        w.byte(0x0b);
        w.unsigned(this.elements.length);
        for (const e of this.elements) w.unsigned(e);
      });
    }
    const hints = this.functions.map((f) => f.body.encodeHints());
    if (hints.some((h) => h !== null)) {
      section(0, (w) => {
        w.text("metadata.code.branch_hint");
        w.unsigned(hints.filter((h) => h !== null).length);
        hints.forEach((h, i) => {
          if (h === null) return;
          w.unsigned(this.imports.length + i);
          w.append(h);
        });
      });
    }
    section(10, (w) => {
      w.unsigned(this.functions.length);
      for (const f of this.functions) {
        const body = f.body.encode();
        w.unsigned(body.length);
        w.append(body);
      }
    });
    if (!withNames) return out.take() as Uint8Array<ArrayBuffer>;
    section(0, (w) => {
      w.text("name");
      const names = new ByteWriter();
      names.unsigned(this.functions.length);
      this.functions.forEach((f, i) => {
        names.unsigned(this.imports.length + i);
        names.text(f.body.name);
      });
      w.byte(1);
      w.unsigned(names.length);
      w.append(names.view());
    });
    return out.take() as Uint8Array<ArrayBuffer>;
  }
}
