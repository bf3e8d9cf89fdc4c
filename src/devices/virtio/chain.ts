/** A descriptor chain: the buffers of one request, as views of guest RAM. */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";

/** The driver broke the rules of the ring: the device stops until it is reset (virtio 1.2 §2.1.2, DEVICE_NEEDS_RESET). */
export class RingError extends Error {
  override readonly name = "RingError";
}

/** Chains longer than this are refused, whatever the queue's size: an indirect table of millions would take the host's time. */
export const MAX_DESCRIPTORS = 1024;
/** Bytes that one request may move. Linux's largest has 16 MiB. */
const MAX_BYTES = 64 * 2 ** 20;

export class Chain {
  /** Descriptor index (split) or buffer ID (packed). */
  id = 0;
  /** Ring descriptors that the chain takes; packed rings count them. */
  ringDescriptors = 1;
  /** What the device reads, in order; neighbours are merged. */
  readonly readable: Uint8Array[] = [];
  private readonly room: Uint8Array[] = [];
  readableBytes = 0;
  writableBytes = 0;
  private readonly addresses: number[] = [];
  private readonly lengths: number[] = [];
  private firstWritable = 0;

  constructor(private readonly memory: GuestMemory) {}

  /** What the device writes, in order. To be written at once: who wants to write later asks again then. */
  get writable(): readonly Uint8Array[] {
    for (let i = this.firstWritable; i < this.firstWritable + this.room.length; i++) this.memory.willWrite(this.addresses[i], this.lengths[i]);
    return this.room;
  }

  /** Appends a buffer. */
  add(address: number, length: number, writable: boolean): void {
    if (!this.memory.isRam(address, length)) throw new RingError(`a buffer of ${length} bytes at ${address.toString(16)} is not in RAM`);
    if (length === 0) throw new RingError("a buffer without bytes");
    if (!writable && this.writableBytes > 0) throw new RingError("a readable buffer after a writable one");
    const { addresses, lengths, memory } = this;
    const list = writable ? this.room : this.readable;
    const last = addresses.length - 1;
    if (list.length > 0 && addresses[last] + lengths[last] === address) {
      lengths[last] += length;
      list[list.length - 1] = memory.bytes.subarray(addresses[last], address + length);
    } else {
      if (writable && this.room.length === 0) this.firstWritable = addresses.length;
      addresses.push(address);
      lengths.push(length);
      list.push(memory.bytes.subarray(address, address + length));
    }
    if (writable) this.writableBytes += length;
    else this.readableBytes += length;
    if (this.readableBytes + this.writableBytes > MAX_BYTES) throw new RingError("a request of more than 64 MiB");
  }

  /** Tells the memory that the first `bytes` of the writable part have been written. */
  wrote(bytes: number): void {
    for (let i = this.firstWritable, left = bytes; left > 0 && i < this.addresses.length; left -= this.lengths[i++]) {
      this.memory.wrote(this.addresses[i], Math.min(left, this.lengths[i]));
    }
  }

  save(): StateFields {
    const writable = this.room.length;
    return { id: this.id, ringDescriptors: this.ringDescriptors, addresses: [...this.addresses], lengths: [...this.lengths], writable };
  }

  static restore(memory: GuestMemory, r: StateReader): Chain {
    const chain = new Chain(memory);
    chain.id = r.int("id", 0, 0xffff);
    chain.ringDescriptors = r.int("ringDescriptors", 1, MAX_DESCRIPTORS);
    const addresses = r.ints("addresses");
    const lengths = r.ints("lengths");
    const writable = r.int("writable", 0, addresses.length);
    addresses.forEach((a, i) => chain.add(a, lengths[i] ?? 0, i >= addresses.length - writable));
    r.finish();
    return chain;
  }
}

/** The part [offset, offset + length) of a list of segments, without copying; shorter where the list ends. */
export function sliceSegments(segments: readonly Uint8Array[], offset: number, length = Infinity): Uint8Array[] {
  const out: Uint8Array[] = [];
  let skip = offset;
  let left = length;
  for (const s of segments) {
    if (left <= 0) break;
    if (skip >= s.length) {
      skip -= s.length;
      continue;
    }
    const part = skip === 0 && left >= s.length ? s : s.subarray(skip, Math.min(s.length, skip + left));
    out.push(part);
    left -= part.length;
    skip = 0;
  }
  return out;
}

/** Copies `bytes` to the front of the segments; how many found room. */
export function scatter(bytes: Uint8Array, segments: readonly Uint8Array[]): number {
  let at = 0;
  for (const s of segments) {
    if (at >= bytes.length) break;
    const part = bytes.subarray(at, Math.min(bytes.length, at + s.length));
    s.set(part);
    at += part.length;
  }
  return at;
}

/** The first `length` bytes of the segments, in a new array; shorter where they end. */
export function gather(segments: readonly Uint8Array[], length = Infinity): Uint8Array {
  const parts = sliceSegments(segments, 0, length);
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
