/**
 * Handlers that are made when the first instruction of their form is decoded: those of all VEX forms, of which there are half as many as of
 * all others, and what few 64-bit guests execute: legacy modes, 16-bit operations, x87, MMX, later SSE. Each is a module of its own that uses the interpreter's support functions.
 */
import { InternalError } from "../../base/errors.ts";
import { HELPERS, type HelperName } from "../../cpu/helpers/signatures.ts";
import { type Form, formKey } from "../../cpu/lift/form.ts";
import type { Support } from "../lower/frame.ts";
import type { ValueType } from "../wasm/function.ts";
import { ModuleBuilder } from "../wasm/module.ts";
import type { InterpreterInfo } from "./compiled.ts";
import { firstOutlined, outlinedHandler, TABLE_EXPORT } from "./handlers.ts";
import { SUPPORT_FUNCTIONS } from "./support.ts";

const NAMESPACE = "support";
/** The table grows by so many entries at once. */
const CHUNK = 128;

/** Support functions as imports: only those that the code asks for. */
function importedSupport(m: ModuleBuilder): Support {
  const indices = new Map<string, number>();
  const take = (module: string, name: string, params: readonly ValueType[], results: readonly ValueType[]): number => {
    const known = indices.get(name);
    if (known !== undefined) return known;
    const index = m.importFunction(module, name, params, results);
    indices.set(name, index);
    return index;
  };
  const own = (name: string): number => {
    const f = SUPPORT_FUNCTIONS.get(name);
    if (f === undefined) throw new InternalError(`no support function ${name}`);
    return take(NAMESPACE, name, f.params, f.results);
  };
  return {
    get readSlow() { return own("readSlow"); },
    get writeSlow() { return own("writeSlow"); },
    get commit() { return take("mmu", "writeCommit", [], []); },
    storeSlow: {
      get 8() { return own("storeSlow8"); },
      get 16() { return own("storeSlow16"); },
      get 32() { return own("storeSlow32"); },
      get 64() { return own("storeSlow64"); },
      get 128() { return own("storeSlow128"); },
    },
    get segmentLinear() { return own("segmentLinear"); },
    get eaOffset() { return own("eaOffset"); },
    get eaLinear() { return own("eaLinear"); },
    helper: (name: HelperName) => take("helper", name, HELPERS[name], ["i32"]),
    shared: own,
  };
}

export class LateHandlers {
  private readonly table: WebAssembly.Table;
  private readonly first: number;
  private readonly shared: boolean;
  private used: number;
  private readonly known = new Map<string, number>();

  /** `imports`: what the interpreter was instantiated with. */
  constructor(
    info: InterpreterInfo,
    memory: WebAssembly.Memory,
    private readonly imports: Record<string, Record<string, unknown>>,
    private readonly exports: Record<string, unknown>,
  ) {
    this.table = exports[TABLE_EXPORT] as WebAssembly.Table;
    this.first = firstOutlined(info);
    this.used = info.outlinedCount;
    this.shared = !(memory.buffer instanceof ArrayBuffer);
  }

  /** Handler number of a form. */
  handler(form: Form): number {
    const key = `${formKey(form)}@${form.ea}`;
    let number = this.known.get(key);
    if (number === undefined) {
      if (this.used >= this.table.length) this.table.grow(CHUNK);
      this.table.set(this.used, this.instantiate(form));
      number = this.first + this.used++;
      this.known.set(key, number);
    }
    return number;
  }

  private instantiate(form: Form): unknown {
    const m = new ModuleBuilder();
    m.importMemory({ module: "env", name: "memory", minimum: 1, maximum: 65536, shared: this.shared });
    // Lowering asks for imports; the function comes after all of them.
    const body = outlinedHandler(form, importedSupport(m));
    m.export("handler", m.addFunction(body));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), { ...this.imports, [NAMESPACE]: this.exports });
    return instance.exports["handler"];
  }
}

