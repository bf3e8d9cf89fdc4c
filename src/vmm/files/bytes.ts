/** Little-endian messages: reading with bounds, writing that grows. Strings are byte strings. */
import { FileError } from "./tree.ts";

export class MessageReader {
  private readonly view: DataView;
  constructor(
    private readonly bytes: Uint8Array,
    public at = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Room for `length` more bytes; a message that is too short is EINVAL. */
  private take(length: number): number {
    const at = this.at;
    if (at + length > this.bytes.length) throw new FileError("EINVAL");
    this.at = at + length;
    return at;
  }
  u8(): number {
    return this.bytes[this.take(1)];
  }
  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }
  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }
  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }
  /** 64 bits that must be an exact file position. */
  position(): number {
    const n = Number(this.u64());
    if (!Number.isSafeInteger(n)) throw new FileError("EFBIG");
    return n;
  }
  /** A 16-bit length and as many bytes. */
  string(): string {
    const length = this.u16();
    return latin1(this.bytes.subarray(this.take(length), this.at));
  }
  /** Bytes up to a NUL. */
  zeroTerminated(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new FileError("EINVAL");
    const text = latin1(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }
  skip(length: number): void {
    this.take(length);
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const b of bytes) text += String.fromCharCode(b);
  return text;
}

export class MessageWriter {
  private bytes = new Uint8Array(256);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  /** Where the next bytes go. It may replace `bytes` and `view`: call it before either is named. */
  private room(length: number): number {
    const at = this.length;
    this.length += length;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
  u8(v: number): this {
    const at = this.room(1);
    this.bytes[at] = v;
    return this;
  }
  u16(v: number): this {
    const at = this.room(2);
    this.view.setUint16(at, v, true);
    return this;
  }
  u32(v: number): this {
    const at = this.room(4);
    this.view.setUint32(at, v, true);
    return this;
  }
  u64(v: bigint | number): this {
    const at = this.room(8);
    this.view.setBigUint64(at, BigInt.asUintN(64, BigInt(v)), true);
    return this;
  }
  /** The bytes alone. */
  raw(text: string): this {
    const at = this.room(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[at + i] = text.charCodeAt(i);
    return this;
  }
  /** A 16-bit length and the bytes. */
  string(text: string): this {
    return this.u16(text.length).raw(text);
  }
  zeroes(length: number): this {
    this.room(length);
    return this;
  }
  /** Overwrites 16 bits that have been written. */
  patch16(at: number, v: number): void {
    this.view.setUint16(at, v, true);
  }
  /** Overwrites 32 bits that have been written. */
  patch32(at: number, v: number): void {
    this.view.setUint32(at, v, true);
  }
  /** Takes back what was written after `length`. */
  truncate(length: number): void {
    this.bytes.fill(0, length, this.length);
    this.length = length;
  }
  done(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
