/** Split virtqueues (virtio 1.2 §2.7). */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { StateFields, StateReader } from "../../base/persist.ts";
import { Chain, RingError } from "./chain.ts";
import { checkArea, checkLength, DESC, DESC_BYTES, descriptorAddress, indirectCount, passedEvent, type Ring, type RingSetup } from "./ring.ts";

const NO_INTERRUPT = 1;
/** Flags and index before the entries of the available and the used ring. */
const HEADER_BYTES = 4;
const USED_ENTRY_BYTES = 8;

export class SplitRing implements Ring {
  private availIndex = 0;
  private usedIndex = 0;
  /** `usedIndex` when an interrupt was last considered. */
  private signalled = 0;

  constructor(
    private readonly memory: GuestMemory,
    private readonly setup: RingSetup,
  ) {
    const { size, descriptors, driver, device } = setup;
    if (size === 0 || (size & (size - 1)) !== 0) throw new RingError(`a split queue of ${size} entries`);
    checkArea(memory, "descriptor", descriptors, size * DESC_BYTES, 16);
    checkArea(memory, "driver", driver, HEADER_BYTES + 2 * size + 2, 2);
    checkArea(memory, "device", device, HEADER_BYTES + USED_ENTRY_BYTES * size + 2, 4);
  }

  pop(): Chain | null {
    const { words } = this.memory;
    const { size, driver, device, eventIndex } = this.setup;
    const available = words[(driver >>> 1) + 1];
    const waiting = (available - this.availIndex) & 0xffff;
    if (waiting === 0) return null;
    if (waiting > size) throw new RingError(`${waiting} requests in a queue of ${size}`);
    const head = words[((driver + HEADER_BYTES) >>> 1) + (this.availIndex & (size - 1))];
    this.availIndex = (this.availIndex + 1) & 0xffff;
    if (eventIndex) {
      // avail_event: tell us of the first request that we have not seen (§2.7.10).
      const at = device + HEADER_BYTES + USED_ENTRY_BYTES * size;
      this.memory.willWrite(at, 2);
      words[at >>> 1] = this.availIndex;
      this.memory.wrote(at, 2);
    }
    return this.chainAt(head);
  }

  private chainAt(head: number): Chain {
    const { memory, setup } = this;
    const chain = new Chain(memory);
    chain.id = head;
    let table = setup.descriptors;
    let count = setup.size;
    let index = head;
    let inIndirect = false;
    for (let length = 1; ; length++) {
      checkLength(length);
      if (index >= count) throw new RingError(`descriptor ${index} of ${count}`);
      const at = table + index * DESC_BYTES;
      const flags = memory.words[(at + 12) >>> 1];
      const bytes = memory.longs[(at + 8) >>> 2];
      const address = descriptorAddress(memory, at);
      if ((flags & DESC.indirect) !== 0) {
        if (inIndirect || !setup.indirect || (flags & DESC.next) !== 0) throw new RingError("an indirect descriptor where none may be");
        count = indirectCount(memory, address, bytes);
        table = address;
        index = 0;
        inIndirect = true;
        continue;
      }
      chain.add(address, bytes, (flags & DESC.write) !== 0);
      if ((flags & DESC.next) === 0) return chain;
      if (!inIndirect && length > count) throw new RingError("a loop of descriptors");
      index = memory.words[(at + 14) >>> 1];
    }
  }

  push(chain: Chain, written: number): void {
    const { memory } = this;
    const { size, device } = this.setup;
    chain.wrote(written);
    const at = device + HEADER_BYTES + USED_ENTRY_BYTES * (this.usedIndex & (size - 1));
    memory.willWrite(at, USED_ENTRY_BYTES);
    memory.longs[at >>> 2] = chain.id;
    memory.longs[(at >>> 2) + 1] = written;
    memory.wrote(at, USED_ENTRY_BYTES);
    this.usedIndex = (this.usedIndex + 1) & 0xffff;
    memory.willWrite(device + 2, 2);
    memory.words[(device >>> 1) + 1] = this.usedIndex;
    memory.wrote(device + 2, 2);
  }

  takeInterrupt(): boolean {
    const from = this.signalled;
    this.signalled = this.usedIndex;
    if (from === this.usedIndex) return false;
    const { words } = this.memory;
    const { driver, size, eventIndex } = this.setup;
    if (!eventIndex) return (words[driver >>> 1] & NO_INTERRUPT) === 0;
    return passedEvent(words[((driver + HEADER_BYTES) >>> 1) + size], from, this.usedIndex, 0x1_0000);
  }

  save(): StateFields {
    return { availIndex: this.availIndex, usedIndex: this.usedIndex, signalled: this.signalled };
  }
  restore(r: StateReader): void {
    this.availIndex = r.int("availIndex", 0, 0xffff);
    this.usedIndex = r.int("usedIndex", 0, 0xffff);
    this.signalled = r.int("signalled", 0, 0xffff);
  }
}
