/** Packed virtqueues (virtio 1.2 §2.8). */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { Chain, RingError } from "./chain.ts";
import { checkArea, checkLength, DESC, DESC_BYTES, descriptorAddress, indirectCount, passedEvent, type Ring, type RingSetup } from "./ring.ts";

const AVAIL = 0x80;
const USED = 0x8000;
/** Event suppression structures: flags values (§2.8.14). */
const EVENT = { enable: 0, disable: 1, descriptor: 2 } as const;
const EVENT_BYTES = 4;

/** A position in the ring with its wrap counter, as a number modulo twice the ring's size. */
type Position = number;

export class PackedRing implements Ring {
  /** Wrap counters start at 1: positions 0..size-1 have it set, the others clear. */
  private available: Position = 0;
  private used: Position = 0;
  private signalled: Position = 0;

  constructor(
    private readonly memory: GuestMemory,
    private readonly setup: RingSetup,
  ) {
    const { size, descriptors, driver, device } = setup;
    if (size === 0 || size > 0x8000) throw new RingError(`a packed queue of ${size} entries`);
    checkArea(memory, "descriptor", descriptors, size * DESC_BYTES, 16);
    checkArea(memory, "driver", driver, EVENT_BYTES, 4);
    checkArea(memory, "device", device, EVENT_BYTES, 4);
  }

  private indexOf(p: Position): number {
    return p >= this.setup.size ? p - this.setup.size : p;
  }
  private wrapOf(p: Position): boolean {
    return p < this.setup.size;
  }
  private advance(p: Position, by: number): Position {
    return (p + by) % (2 * this.setup.size);
  }
  private flagsAt(p: Position): number {
    return this.memory.words[(this.setup.descriptors + this.indexOf(p) * DESC_BYTES + 14) >>> 1];
  }

  private isAvailable(p: Position): boolean {
    const flags = this.flagsAt(p);
    const wrap = this.wrapOf(p);
    return ((flags & AVAIL) !== 0) === wrap && ((flags & USED) !== 0) !== wrap;
  }

  pop(): Chain | null {
    if (!this.isAvailable(this.available)) return null;
    const { memory, setup } = this;
    const chain = new Chain(memory);
    let p = this.available;
    for (let length = 1; ; length++) {
      if (length > setup.size) throw new RingError("a loop of descriptors");
      checkLength(length);
      const at = setup.descriptors + this.indexOf(p) * DESC_BYTES;
      const flags = memory.words[(at + 14) >>> 1];
      const bytes = memory.longs[(at + 8) >>> 2];
      const address = descriptorAddress(memory, at);
      if ((flags & DESC.indirect) !== 0) {
        if (!setup.indirect || length > 1 || (flags & DESC.next) !== 0) throw new RingError("an indirect descriptor where none may be");
        this.addIndirect(chain, address, indirectCount(memory, address, bytes));
      } else chain.add(address, bytes, (flags & DESC.write) !== 0);
      p = this.advance(p, 1);
      if ((flags & DESC.next) !== 0) continue;
      // The buffer ID is that of the chain's last descriptor (§2.8.6).
      chain.id = memory.words[(at + 12) >>> 1];
      chain.ringDescriptors = length;
      this.available = p;
      return chain;
    }
  }

  /** In a table all descriptors belong to the chain, in order; NEXT has no meaning there (§2.8.7). */
  private addIndirect(chain: Chain, table: number, count: number): void {
    const { memory } = this;
    checkLength(count);
    for (let i = 0; i < count; i++) {
      const at = table + i * DESC_BYTES;
      chain.add(descriptorAddress(memory, at), memory.longs[(at + 8) >>> 2], (memory.words[(at + 14) >>> 1] & DESC.write) !== 0);
    }
  }

  push(chain: Chain, written: number): void {
    const { memory } = this;
    chain.wrote(written);
    const at = this.setup.descriptors + this.indexOf(this.used) * DESC_BYTES;
    memory.willWrite(at + 8, 8);
    memory.longs[(at + 8) >>> 2] = written;
    memory.words[(at + 12) >>> 1] = chain.id;
    memory.words[(at + 14) >>> 1] = (this.wrapOf(this.used) ? AVAIL | USED : 0) | (written > 0 ? DESC.write : 0);
    memory.wrote(at + 8, 8);
    this.used = this.advance(this.used, chain.ringDescriptors);
  }

  takeInterrupt(): boolean {
    const from = this.signalled;
    this.signalled = this.used;
    if (from === this.used) return false;
    const { driver, size, eventIndex } = this.setup;
    const flags = this.memory.words[(driver >>> 1) + 1] & 3;
    if (flags !== EVENT.descriptor || !eventIndex) return flags !== EVENT.disable;
    const offsetAndWrap = this.memory.words[driver >>> 1];
    const event = (offsetAndWrap & 0x7fff) + ((offsetAndWrap & 0x8000) !== 0 ? 0 : size);
    return passedEvent(event, from, this.used, 2 * size);
  }

  save(): StateFields {
    return { available: this.available, used: this.used, signalled: this.signalled };
  }
  restore(r: StateReader): void {
    const last = 2 * this.setup.size - 1;
    this.available = r.int("available", 0, last);
    this.used = r.int("used", 0, last);
    this.signalled = r.int("signalled", 0, last);
  }
}
