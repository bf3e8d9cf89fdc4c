/** What split and packed rings have in common: their interface, descriptors, and the event index's arithmetic. */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { MAX_DESCRIPTORS, RingError, type Chain } from "./chain.ts";

/** Where the driver has put a queue, and what was negotiated. */
export interface RingSetup {
  readonly size: number;
  /** Physical addresses: descriptor area, driver area, device area (virtio 1.2 §2.6). */
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
  readonly indirect: boolean;
  readonly eventIndex: boolean;
}

export interface Ring {
  /** The next request, or null. Throws RingError. */
  pop(): Chain | null;
  /** Gives a request back with `written` bytes in its writable part. */
  push(chain: Chain, written: number): void;
  /** Whether the driver wants an interrupt for what was pushed since this was asked last. */
  takeInterrupt(): boolean;
  save(): StateFields;
  restore(r: StateReader): void;
}

export const DESC_BYTES = 16;
export const DESC = { next: 1, write: 2, indirect: 4 } as const;

/** An area of the ring, of which every byte must be RAM. */
export function checkArea(memory: GuestMemory, what: string, address: number, bytes: number, alignment: number): void {
  if (address % alignment !== 0) throw new RingError(`the ${what} area is not aligned to ${alignment}`);
  if (!memory.isRam(address, bytes)) throw new RingError(`the ${what} area is not in RAM`);
}

export function descriptorAddress(memory: GuestMemory, at: number): number {
  return memory.longs[at >>> 2] + memory.longs[(at >>> 2) + 1] * 2 ** 32;
}

/** Bounds of an indirect table: at least one whole descriptor, in RAM. The number of its descriptors. */
export function indirectCount(memory: GuestMemory, address: number, length: number): number {
  const count = length / DESC_BYTES;
  if (!Number.isInteger(count) || count === 0) throw new RingError(`an indirect table of ${length} bytes`);
  if (address % 4 !== 0) throw new RingError("an indirect table at an odd address");
  if (!memory.isRam(address, length)) throw new RingError("an indirect table outside RAM");
  return count;
}

/** `length` descriptors so far in a chain of a queue of `size`. */
export function checkLength(length: number): void {
  if (length > MAX_DESCRIPTORS) throw new RingError("a descriptor chain without end");
}

/** Whether counting from `from` to `to` (modulo `modulus`) has passed `event` (virtio 1.2 §2.7.10, §2.8.10). */
export function passedEvent(event: number, from: number, to: number, modulus: number): boolean {
  const distance = (a: number, b: number): number => (((b - a) % modulus) + modulus) % modulus;
  return distance(from, event) < distance(from, to);
}
