/**
 * A quick hash of guest memory where it stands, for checkpoints: finds differences, and keeps no secret. Four lanes of
 * `lane = rotl(lane ^ word, 29) * PRIME`, each step a bijection, so that one changed word always shows.
 */
import { FunctionBuilder } from "../../jit/wasm/function.ts";
import { ModuleBuilder } from "../../jit/wasm/module.ts";

/** 2^64 divided by the golden ratio, odd. */
const PRIME = 0x9e3779b97f4a7c15n;
const LANES = 4;
const ROTATION = 29n;

function generate(): Uint8Array<ArrayBuffer> {
  const f = new FunctionBuilder(["i32", "i32"], ["i64"], "hash");
  const [at, end] = [0, 1];
  const lanes = Array.from({ length: LANES }, () => f.local("i64"));
  lanes.forEach((lane, i) => f.i64(BigInt(i + 1)).set(lane));
  const loop = f.begin("loop", "words");
  lanes.forEach((lane, i) => f.get(lane).get(at).mem("i64.load", i * 8).op("i64.xor").i64(ROTATION).op("i64.rotl").i64(PRIME).op("i64.mul").set(lane));
  f.get(at).i32(LANES * 8).op("i32.add").tee(at).get(end).op("i32.lt_u").brIf(loop).end(loop);
  f.get(lanes[0]);
  for (const lane of lanes.slice(1)) f.i64(PRIME).op("i64.mul").get(lane).op("i64.xor").i64(ROTATION).op("i64.rotl");
  const m = new ModuleBuilder();
  m.importMemory({ module: "env", name: "memory", minimum: 1, maximum: 65536, shared: false });
  m.export("hash", m.addFunction(f));
  return m.encode(false);
}

let module: WebAssembly.Module | null = null;

/** A function that hashes [start, end) of a memory: multiples of 32, not empty. */
export function memoryHasher(memory: WebAssembly.Memory): (start: number, end: number) => bigint {
  module ??= new WebAssembly.Module(generate());
  const hash = new WebAssembly.Instance(module, { env: { memory } }).exports["hash"] as (at: number, end: number) => bigint;
  return (start, end) => BigInt.asUintN(64, hash(start, end));
}

/** The same purpose for bytes outside of it. */
export function bytesHash(bytes: Uint8Array): bigint {
  let a = 0x9e3779b1;
  let b = 0x85ebca77;
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i], 0x01000193);
    b = Math.imul(b ^ bytes[i], 0x85ebca6b);
    b ^= b >>> 15;
  }
  return (BigInt(a >>> 0) << 32n) | BigInt(b >>> 0);
}
