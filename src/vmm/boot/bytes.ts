/** Bounded little-endian access to images: reading past the end is a UserError that names the image. */
import { UserError } from "../../base/errors.ts";

export const KIB = 1024;
export const MIB = 1024 * 1024;

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

export function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** Reads fields of an untrusted image. Offsets and results are exact integers. */
export class ImageReader {
  private readonly view: DataView;

  /** `what` begins every message, e.g. `kernel`. */
  constructor(
    readonly bytes: Uint8Array,
    readonly what: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** True when `size` bytes exist at `offset`. */
  has(offset: number, size: number): boolean {
    return offset >= 0 && size >= 0 && offset + size <= this.bytes.length;
  }

  private need(offset: number, size: number): void {
    if (!this.has(offset, size)) {
      throw new UserError(
        `${this.what}: the file is truncated: ${this.bytes.length} bytes, but it refers to offset ${hex(offset)} + ${hex(size)}`,
      );
    }
  }

  u8(offset: number): number {
    this.need(offset, 1);
    return this.view.getUint8(offset);
  }
  u16(offset: number): number {
    this.need(offset, 2);
    return this.view.getUint16(offset, true);
  }
  u32(offset: number): number {
    this.need(offset, 4);
    return this.view.getUint32(offset, true);
  }
  /** A 64-bit address, size or offset. More than 2^53 cannot be meant: UserError. */
  u64(offset: number): number {
    this.need(offset, 8);
    const value = Number(this.view.getBigUint64(offset, true));
    if (!Number.isSafeInteger(value)) throw new UserError(`${this.what}: the 64-bit value at offset ${hex(offset)} is out of range`);
    return value;
  }
  /** A 64-bit value that may be a canonical high address. */
  u64big(offset: number): bigint {
    this.need(offset, 8);
    return this.view.getBigUint64(offset, true);
  }
  slice(offset: number, size: number): Uint8Array {
    this.need(offset, size);
    return this.bytes.subarray(offset, offset + size);
  }
  ascii(offset: number, size: number): string {
    return String.fromCharCode(...this.slice(offset, size));
  }
}

/** A fixed-size little-endian structure under construction. */
export class StructWriter {
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
  u8(offset: number, value: number): this {
    this.view.setUint8(offset, value);
    return this;
  }
  u16(offset: number, value: number): this {
    this.view.setUint16(offset, value, true);
    return this;
  }
  u32(offset: number, value: number): this {
    this.view.setUint32(offset, value, true);
    return this;
  }
  u64(offset: number, value: number): this {
    this.view.setBigUint64(offset, BigInt(value), true);
    return this;
  }
  u64big(offset: number, value: bigint): this {
    this.view.setBigUint64(offset, value, true);
    return this;
  }
  copy(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, offset);
    return this;
  }
}

/** NUL-terminated UTF-8. A NUL inside would silently cut the string: UserError. */
export function cString(text: string, what: string): Uint8Array {
  if (text.includes("\0")) throw new UserError(`${what}: contains a NUL character`);
  return new TextEncoder().encode(`${text}\0`);
}
