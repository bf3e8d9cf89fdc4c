/** Filling memory with 16-, 32- or 64-bit elements, which no WebAssembly instruction does. */
import type { FunctionBuilder } from "../wasm/function.ts";

/** Locals: `to` i32 address, `left` i32 bytes (a multiple of the element's), `v` i64. Clobbers `left`. */
export function emitPattern(fb: FunctionBuilder, bytes: number, to: number, left: number, v: number): void {
  // A zero value is the common case (clearing pages).
  fb.get(v).op("i64.eqz");
  const zero = fb.begin("if", "zero");
  fb.get(to).i32(0).get(left).memoryFill();
  fb.else();
  const loop = fb.begin("loop", "fill");
  fb.get(left).i32(bytes).op("i32.sub").tee(left).get(to).op("i32.add").get(v).mem(bytes === 8 ? "i64.store" : bytes === 4 ? "i64.store32" : "i64.store16");
  fb.get(left).brIf(loop).end(loop).end(zero);
}
