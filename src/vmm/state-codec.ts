/** Saved state as bytes: exact for every StateValue, self-delimiting, the same bytes for equal values. docs/REPLAY.md has the format. */
import { UserError } from "../base/errors.ts";
import type { StateFields, StateSection, StateValue } from "../base/persist.ts";

/** One byte before each value. */
const TAG = { null: 0, false: 1, true: 2, natural: 3, negative: 4, double: 5, bigint: 6, negativeBigint: 7, text: 8, bytes: 9, list: 10, record: 11 } as const;

/** Lists in lists: more is damage. */
const MAX_DEPTH = 32;

/** Growing bytes with little-endian base-128 numbers. */
export class StateWriter {
  private bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  private room(count: number): void {
    const end = this.length + count;
    if (end <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(end, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
  byte(b: number): void {
    this.room(1);
    this.bytes[this.length++] = b;
  }
  /** An integer from 0 to 2^53 - 1. */
  natural(n: number): void {
    this.room(8);
    for (; n > 0x7f; n = Math.floor(n / 128)) this.bytes[this.length++] = (n % 128) | 0x80;
    this.bytes[this.length++] = n;
  }
  raw(data: Uint8Array): void {
    this.room(data.length);
    this.bytes.set(data, this.length);
    this.length += data.length;
  }
  sized(data: Uint8Array): void {
    this.natural(data.length);
    this.raw(data);
  }
  value(v: StateValue): void {
    if (v === null) this.byte(TAG.null);
    else if (v === false) this.byte(TAG.false);
    else if (v === true) this.byte(TAG.true);
    else if (typeof v === "number") this.number(v);
    else if (typeof v === "bigint") this.bigint(v);
    else if (typeof v === "string") {
      this.byte(TAG.text);
      this.sized(new TextEncoder().encode(v));
    } else if (v instanceof Uint8Array) {
      this.byte(TAG.bytes);
      this.sized(v);
    } else if (Array.isArray(v)) {
      this.byte(TAG.list);
      this.natural(v.length);
      for (const item of v as readonly StateValue[]) this.value(item);
    } else this.record(v as StateFields);
  }
  private number(n: number): void {
    if (Number.isSafeInteger(n) && !Object.is(n, -0)) {
      this.byte(n < 0 ? TAG.negative : TAG.natural);
      this.natural(Math.abs(n));
      return;
    }
    this.byte(TAG.double);
    this.raw(new Uint8Array(Float64Array.of(n).buffer));
  }
  private bigint(v: bigint): void {
    this.byte(v < 0n ? TAG.negativeBigint : TAG.bigint);
    const digits: number[] = [];
    for (let rest = v < 0n ? -v : v; rest > 0n; rest >>= 8n) digits.push(Number(rest & 0xffn));
    this.sized(Uint8Array.from(digits));
  }
  private record(fields: StateFields): void {
    const names = Object.keys(fields);
    this.byte(TAG.record);
    this.natural(names.length);
    for (const name of names) {
      this.sized(new TextEncoder().encode(name));
      this.value(fields[name]);
    }
  }

  /** A copy. */
  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}

/** Reads what StateWriter wrote. Throws UserError where the bytes are no such thing. */
export class StateDecoder {
  constructor(
    private readonly bytes: Uint8Array,
    public at = 0,
  ) {}

  private bad(why: string): UserError {
    return new UserError(`saved state is damaged: ${why} at byte ${this.at}`);
  }
  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }
  byte(): number {
    if (this.at >= this.bytes.length) throw this.bad("it ends early");
    return this.bytes[this.at++];
  }
  natural(): number {
    let n = 0;
    for (let scale = 1; ; scale *= 128) {
      const b = this.byte();
      n += (b & 0x7f) * scale;
      if (n > Number.MAX_SAFE_INTEGER) throw this.bad("a number is too large");
      if (b < 0x80) return n;
    }
  }
  /** A view of the next `count` bytes. */
  raw(count: number): Uint8Array {
    if (count > this.bytes.length - this.at) throw this.bad("it ends early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
  sized(): Uint8Array {
    return this.raw(this.natural());
  }
  text(): string {
    return new TextDecoder().decode(this.sized());
  }
  value(depth = 0): StateValue {
    if (depth > MAX_DEPTH) throw this.bad("it is nested too deeply");
    const tag = this.byte();
    switch (tag) {
      case TAG.null:
        return null;
      case TAG.false:
        return false;
      case TAG.true:
        return true;
      case TAG.natural:
        return this.natural();
      case TAG.negative:
        return -this.natural();
      case TAG.double:
        return new Float64Array(this.raw(8).slice().buffer)[0];
      case TAG.bigint:
      case TAG.negativeBigint: {
        let v = 0n;
        for (const b of this.sized().toReversed()) v = (v << 8n) | BigInt(b);
        return tag === TAG.bigint ? v : -v;
      }
      case TAG.text:
        return this.text();
      case TAG.bytes:
        return this.sized().slice();
      case TAG.list: {
        const count = this.natural();
        const list: StateValue[] = [];
        for (let i = 0; i < count; i++) list.push(this.value(depth + 1));
        return list;
      }
      case TAG.record: {
        const count = this.natural();
        // Without a prototype: a field may have any name.
        const fields = Object.create(null) as Record<string, StateValue>;
        for (let i = 0; i < count; i++) {
          const name = this.text();
          fields[name] = this.value(depth + 1);
        }
        return { ...fields };
      }
      default:
        throw this.bad(`there is no value of kind ${tag}`);
    }
  }
}

export function encodeState(value: StateValue): Uint8Array<ArrayBuffer> {
  const w = new StateWriter();
  w.value(value);
  return w.take();
}

/** Throws UserError for anything but one whole value. */
export function decodeState(bytes: Uint8Array): StateValue {
  const r = new StateDecoder(bytes);
  const value = r.value();
  if (!r.atEnd) throw new UserError("saved state is damaged: there is more behind its end");
  return value;
}

export function encodeSections(sections: readonly StateSection[]): Uint8Array<ArrayBuffer> {
  return encodeState(sections.map(({ name, version, fields }) => ({ name, version, fields })));
}

/** Throws UserError. */
export function decodeSections(bytes: Uint8Array): StateSection[] {
  const list = decodeState(bytes);
  const bad = new UserError("saved state is damaged: it has no sections");
  if (!Array.isArray(list)) throw bad;
  return (list as readonly StateValue[]).map((item) => {
    if (item === null || typeof item !== "object" || Array.isArray(item) || item instanceof Uint8Array) throw bad;
    const { name, version, fields } = item as StateFields;
    if (typeof name !== "string" || typeof version !== "number" || fields === null || typeof fields !== "object" || Array.isArray(fields) || fields instanceof Uint8Array) throw bad;
    return { name, version, fields: fields as StateFields };
  });
}
