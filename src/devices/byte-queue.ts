/** A first-in first-out queue of bytes that grows without limit and moves bytes without allocating. */
export class ByteQueue {
  private buffer = new Uint8Array(64);
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  clear(): void {
    this.head = this.count = 0;
  }

  private reserve(extra: number): void {
    if (this.count + extra <= this.buffer.length) return;
    let size = this.buffer.length;
    while (size < this.count + extra) size *= 2;
    const next = new Uint8Array(size);
    next.set(this.toBytes());
    this.buffer = next;
    this.head = 0;
  }

  /** Adds at the end. */
  push(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.buffer[(this.head + this.count + i) % this.buffer.length] = bytes[i];
    this.count += bytes.length;
  }

  pushByte(byte: number): void {
    this.reserve(1);
    this.buffer[(this.head + this.count) % this.buffer.length] = byte;
    this.count++;
  }

  /** Puts bytes back in front of the first one. */
  unshift(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.head = (this.head - bytes.length + this.buffer.length) % this.buffer.length;
    for (let i = 0; i < bytes.length; i++) this.buffer[(this.head + i) % this.buffer.length] = bytes[i];
    this.count += bytes.length;
  }

  /** Takes the first byte; the queue must not be empty. */
  shift(): number {
    const byte = this.buffer[this.head];
    this.head = (this.head + 1) % this.buffer.length;
    this.count--;
    return byte;
  }

  /** A copy of what is queued, first byte first. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++) bytes[i] = this.buffer[(this.head + i) % this.buffer.length];
    return bytes;
  }
}
