/** The other side of a virtio device, for tests: RAM, a PCI slot that records, and a driver for split and packed rings. */
import type { GuestMemory } from "../../base/guest-memory.ts";
import type { Persistent, StateFields, StateReader } from "../../base/persist.ts";
import type { BusRegion, IoWidth } from "../bus/region.ts";
import type { PciEndpoint, PciSlot } from "../pci/endpoint.ts";
import type { VirtioPci } from "../virtio/pci-transport.ts";

export const TEST_RAM = 0x1_0000;

/** 64 KiB of RAM from address 0; its contents are part of a test's snapshot. */
export class TestMemory implements GuestMemory, Persistent {
  readonly sectionName = "test.ram";
  readonly sectionVersion = 1;
  readonly bytes = new Uint8Array(TEST_RAM);
  readonly words = new Uint16Array(this.bytes.buffer);
  readonly longs = new Uint32Array(this.bytes.buffer);
  readonly written: [number, number][] = [];
  /** What a device has lately said that it would write. */
  private readonly announced: [number, number][] = [];

  isRam(address: number, length: number): boolean {
    return address >= 0 && length >= 0 && address + length <= TEST_RAM;
  }
  willWrite(address: number, length: number): void {
    if (!this.isRam(address, length)) throw new RangeError(`would write ${length} bytes at ${address}`);
    if (this.announced.length > 64) this.announced.splice(0, 32);
    this.announced.push([address, length]);
  }
  wrote(address: number, length: number): void {
    const end = address + length;
    const covered = this.announced.some(([from, n]) => from <= address && end <= from + n);
    if (!covered) throw new RangeError(`wrote ${length} bytes at ${address} without a word before`);
    if (!this.isRam(address, length)) throw new RangeError(`wrote ${length} bytes at ${address}`);
    if (this.written.length < 1000) this.written.push([address, length]);
  }
  /** A string of 16-bit units, which tests compare faster than bytes. */
  save(): StateFields {
    let text = "";
    for (let i = 0; i < this.words.length; i += 4096) text += String.fromCharCode(...this.words.subarray(i, i + 4096));
    return { text };
  }
  restore(r: StateReader): void {
    const text = r.string("text");
    for (let i = 0; i < this.words.length; i++) this.words[i] = text.charCodeAt(i);
  }
}

/** A slot whose pin and messages go to `note`; every address can be mapped. `card` is what it is given to. */
export function testSlot(note: (what: string) => void, withMsi: boolean, card: () => { readonly endpoint: PciEndpoint } | null): PciSlot {
  const map = (name: string, base: number): { name: string; base: number; remove(): void } => {
    note(`map ${name} ${base.toString(16)}`);
    return { name, base, remove: () => note(`unmap ${name}`) };
  };
  return {
    mapPorts: map,
    mapMemory: map,
    decodingChanged: () => card()?.endpoint.retryMapping(),
    intx: { set: (high) => note(`intx ${high ? "high" : "low"}`) },
    msi: withMsi ? { write: (address, data) => note(`msi ${address.toString(16)} ${data.toString(16)}`) } : null,
  };
}

/** Configuration space as registers, so that random accesses reach it. */
export function configRegion(card: VirtioPci): BusRegion {
  return {
    length: 256,
    widths: [1, 2, 4],
    read: (offset, width) => card.endpoint.readConfig(offset, width),
    write: (offset, width, value) => card.endpoint.writeConfig(offset, width, value),
  };
}

export interface TestBuffer {
  readonly address: number;
  readonly length: number;
  readonly writable?: boolean;
}

const COMMON = { driverSelect: 0x08, driverFeature: 0x0c, configVector: 0x10, status: 0x14, select: 0x16, size: 0x18, vector: 0x1a, enable: 0x1c, desc: 0x20, driver: 0x28, device: 0x30 } as const;
const NOTIFY = 0x3000;

/** One queue's areas in test RAM. */
interface Areas {
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
}

export class TestDriver {
  private next = 0;
  private wrap = true;
  private seen = 0;
  private seenWrap = true;

  constructor(
    readonly card: VirtioPci,
    readonly memory: TestMemory,
    readonly queue: number,
    readonly size: number,
    readonly packed = false,
  ) {}

  read(offset: number, width: IoWidth): number {
    return this.card.registers.read(offset, width);
  }
  write(offset: number, width: IoWidth, value: number): void {
    this.card.registers.write(offset, width, value);
  }

  /** Each queue has 8 KiB from address 1000h on. */
  areas(queue = this.queue): Areas {
    const base = 0x1000 + queue * 0x2000;
    return { descriptors: base, driver: base + 0x1000, device: base + 0x1800 };
  }

  /** Reset, features (VERSION_1 and packed rings besides `features`), all queues, DRIVER_OK. `msix`: vector n for queue n. */
  start(features: readonly number[] = [], msix = false): void {
    this.next = this.seen = 0;
    this.wrap = this.seenWrap = true;
    this.write(COMMON.status, 1, 0);
    this.write(COMMON.status, 1, 3);
    const all = [...features, 32, ...(this.packed ? [34] : [])];
    for (const half of [0, 1]) {
      this.write(COMMON.driverSelect, 4, half);
      this.write(COMMON.driverFeature, 4, all.filter((b) => b >> 5 === half).reduce((m, b) => (m | (1 << (b & 31))) >>> 0, 0));
    }
    this.write(COMMON.status, 1, 0x0b);
    for (const { index } of this.card.queues) {
      const a = this.areas(index);
      this.memory.bytes.fill(0, a.descriptors, a.descriptors + 0x2000);
      this.write(COMMON.select, 2, index);
      this.write(COMMON.size, 2, this.size);
      if (msix) this.write(COMMON.vector, 2, index);
      this.write(COMMON.desc, 4, a.descriptors);
      this.write(COMMON.driver, 4, a.driver);
      this.write(COMMON.device, 4, a.device);
      this.write(COMMON.enable, 2, 1);
    }
    this.write(COMMON.status, 1, 0x0f);
  }
  get status(): number {
    return this.read(COMMON.status, 1);
  }

  private descriptor(at: number, { address, length }: TestBuffer, third: number, fourth: number): void {
    const { longs, words } = this.memory;
    longs[at >> 2] = address;
    longs[(at >> 2) + 1] = 0;
    longs[(at >> 2) + 2] = length;
    words[(at >> 1) + 6] = third;
    words[(at >> 1) + 7] = fourth;
  }

  /** Makes a chain available; `indirectAt`: through a table there. Its head or ID. */
  add(buffers: readonly TestBuffer[], indirectAt: number | null = null): number {
    const { words } = this.memory;
    const a = this.areas();
    if (indirectAt !== null) {
      buffers.forEach((b, i) => {
        const flags = (b.writable === true ? 2 : 0) | (!this.packed && i < buffers.length - 1 ? 1 : 0);
        this.descriptor(indirectAt + 16 * i, b, this.packed ? 0 : flags, this.packed ? flags : i + 1);
      });
    }
    const list: readonly (TestBuffer & { readonly indirect?: boolean })[] =
      indirectAt === null ? buffers : [{ address: indirectAt, length: 16 * buffers.length, indirect: true }];
    const head = this.next % this.size;
    const flagsOf = (b: (typeof list)[number], i: number): number => (b.indirect === true ? 4 : 0) | (b.writable === true ? 2 : 0) | (i < list.length - 1 ? 1 : 0);
    if (!this.packed) {
      list.forEach((b, i) => this.descriptor(a.descriptors + 16 * ((head + i) % this.size), b, flagsOf(b, i), (head + i + 1) % this.size));
      this.next += list.length;
      const index = words[(a.driver >> 1) + 1];
      words[(a.driver >> 1) + 2 + (index % this.size)] = head;
      words[(a.driver >> 1) + 1] = index + 1;
      return head;
    }
    let wrap = this.wrap;
    list.forEach((b, i) => {
      const slot = (head + i) % this.size;
      this.descriptor(a.descriptors + 16 * slot, b, head, flagsOf(b, i) | (wrap ? 0x80 : 0x8000));
      if (slot === this.size - 1) wrap = !wrap;
    });
    this.wrap = wrap;
    this.next = head + list.length;
    return head;
  }
  kick(): void {
    this.write(NOTIFY + 4 * this.queue, 2, this.queue);
  }

  /** The next used entry, or null. `descriptors`: how many the chain took (packed rings skip so many). */
  used(descriptors = 1): { readonly id: number; readonly length: number } | null {
    const { words, longs } = this.memory;
    const a = this.areas();
    if (!this.packed) {
      if (words[(a.device >> 1) + 1] === (this.seen & 0xffff)) return null;
      const at = a.device + 4 + 8 * (this.seen++ % this.size);
      return { id: longs[at >> 2], length: longs[(at >> 2) + 1] };
    }
    const at = a.descriptors + 16 * this.seen;
    const flags = words[(at >> 1) + 7];
    if (((flags & 0x80) !== 0) !== this.seenWrap || ((flags & 0x8000) !== 0) !== this.seenWrap) return null;
    this.seen += descriptors;
    if (this.seen >= this.size) {
      this.seen -= this.size;
      this.seenWrap = !this.seenWrap;
    }
    return { id: words[(at >> 1) + 6], length: longs[(at >> 2) + 2] };
  }

  save(): { next: number; wrap: boolean; seen: number; seenWrap: boolean } {
    return { next: this.next, wrap: this.wrap, seen: this.seen, seenWrap: this.seenWrap };
  }
  restore(r: StateReader): void {
    this.next = r.int("next", 0);
    this.wrap = r.bool("wrap");
    this.seen = r.int("seen", 0);
    this.seenWrap = r.bool("seenWrap");
  }

  /** One random act of a driver that is sometimes wrong. */
  misbehave(random: () => number): void {
    const what = random() % 12;
    const { memory } = this;
    const at = (n: number): number => random() % n;
    if (what === 0) this.start([28, 29].filter(() => (random() & 1) !== 0), (random() & 1) !== 0);
    else if (what < 4) {
      const count = 1 + at(4);
      const buffers = Array.from({ length: count }, (_, i) => ({ address: 0x8000 + at(0x7000), length: 1 + at(600), writable: i >= count / 2 }));
      if (random() % 4 === 0) memory.longs[buffers[0].address >> 2] = random() % 16;
      this.add(buffers, random() % 3 === 0 ? 0xf000 : null);
      this.kick();
    } else if (what < 6) {
      const a = this.areas(at(this.card.queues.length));
      memory.longs[(a.descriptors + at(0x2000)) >> 2] = random() % 3 === 0 ? random() : random() % 0x1_0000;
    } else if (what < 8) {
      const a = this.areas(at(this.card.queues.length));
      memory.words[((random() & 1) !== 0 ? a.driver : a.device) / 2 + at(8)] = random() % 3 === 0 ? random() : random() % 40;
    } else if (what === 8) this.write(at(0x40), ([1, 2, 4] as const)[at(3)], random() % 3 === 0 ? random() : random() % 64);
    else this.write(NOTIFY + 4 * at(this.card.queues.length), 2, 0);
  }
}
