/** The transport, both rings and the devices, driven as a driver would (virtio 1.2). */
import { beforeEach, describe, expect, it } from "vitest";
import type { BlockBackend, BlockDone } from "../../base/block.ts";
import { configRegion, TestDriver, TestMemory, testSlot } from "../testing/virtio-driver.ts";
import { VirtioBlk } from "./blk.ts";
import type { VirtioModel } from "./device.ts";
import { VirtioNet } from "./net.ts";
import { VirtioPci } from "./pci-transport.ts";
import { VirtioRng } from "./rng.ts";
import { passedEvent } from "./ring.ts";

let log: string[];
let memory: TestMemory;

function plug(model: VirtioModel, options: { packed?: boolean; msi?: boolean } = {}): VirtioPci {
  let card: VirtioPci | null = null;
  const made = new VirtioPci(model, memory, testSlot((what) => log.push(what), options.msi === true, () => card), { packed: options.packed === true });
  card = made;
  return made;
}

/** 64 sectors; `late` holds completions back. */
class Disk implements BlockBackend {
  readonly sectors = 64;
  readOnly = false;
  synchronous = true;
  readonly canDiscard = true;
  readonly bytes = new Uint8Array(64 * 512);
  readonly late: (() => void)[] = [];
  flushes = 0;

  private answer(done: BlockDone, work: () => boolean): void {
    const finish = (): void => done(work() ? null : { kind: "io", message: "bad" });
    if (this.synchronous) finish();
    else this.late.push(finish);
  }
  private range(sector: number, parts: readonly Uint8Array[], move: (at: number, part: Uint8Array) => void): boolean {
    let at = sector * 512;
    if (at + parts.reduce((n, p) => n + p.length, 0) > this.bytes.length) return false;
    for (const p of parts) {
      move(at, p);
      at += p.length;
    }
    return true;
  }
  read(sector: number, into: readonly Uint8Array[], done: BlockDone): void {
    this.answer(done, () => this.range(sector, into, (at, p) => p.set(this.bytes.subarray(at, at + p.length))));
  }
  write(sector: number, from: readonly Uint8Array[], done: BlockDone): void {
    this.answer(done, () => this.range(sector, from, (at, p) => this.bytes.set(p, at)));
  }
  flush(done: BlockDone): void {
    this.flushes++;
    this.answer(done, () => true);
  }
  discard(sector: number, count: number, done: BlockDone): void {
    this.writeZeroes(sector, count, true, done);
  }
  writeZeroes(sector: number, count: number, _unmap: boolean, done: BlockDone): void {
    this.answer(done, () => {
      if (sector + count > this.sectors) return false;
      this.bytes.fill(0, sector * 512, (sector + count) * 512);
      return true;
    });
  }
}

const HEADER = 0x8000;
const DATA = 0x9000;
const STATUS = 0xe000;
function header(type: number, sector: number): { address: number; length: number } {
  memory.longs.set([type, 0, sector, 0], HEADER >> 2);
  memory.bytes[STATUS] = 0xee;
  return { address: HEADER, length: 16 };
}
const status = { address: STATUS, length: 1, writable: true };

beforeEach(() => {
  log = [];
  memory = new TestMemory();
});

describe.each([["split", false], ["packed", true]] as const)("virtio-blk on a %s ring", (_name, packed) => {
  let disk: Disk;
  let driver: TestDriver;
  beforeEach(() => {
    disk = new Disk();
    driver = new TestDriver(plug(new VirtioBlk({ index: 0, backend: disk, serial: "S123" }), { packed }), memory, 0, 16, packed);
    driver.start([9, 28]);
    expect(driver.status).toBe(0x0f);
  });

  it("reads into scattered buffers, and interrupts once", () => {
    disk.bytes.forEach((_, i) => (disk.bytes[i] = i * 7));
    const head = driver.add([header(0, 3), { address: DATA, length: 300, writable: true }, { address: DATA + 0x800, length: 724, writable: true }, status]);
    driver.kick();
    expect(driver.used(4)).toEqual({ id: head, length: 1025 });
    expect(memory.bytes[STATUS]).toBe(0);
    expect(memory.bytes.slice(DATA, DATA + 300)).toEqual(disk.bytes.slice(1536, 1836));
    expect(memory.bytes.slice(DATA + 0x800, DATA + 0x800 + 724)).toEqual(disk.bytes.slice(1836, 2560));
    expect(log).toEqual(["intx high"]);
    expect(driver.read(0x1000, 1)).toBe(1);
    expect(log).toEqual(["intx high", "intx low"]);
  });
  it("writes through an indirect table; write-back with FLUSH, else write-through", () => {
    memory.bytes.fill(0x5a, DATA, DATA + 512);
    driver.add([header(1, 5), { address: DATA, length: 512 }, status], 0xf000);
    driver.kick();
    expect([memory.bytes[STATUS], disk.bytes[5 * 512], disk.bytes[6 * 512 - 1], disk.flushes]).toEqual([0, 0x5a, 0x5a, 0]);
    expect(driver.used(1)).not.toBe(null);
    driver.start([]);
    driver.add([header(1, 6), { address: DATA, length: 512 }, status]);
    driver.kick();
    expect([memory.bytes[STATUS], disk.flushes]).toEqual([0, 1]);
  });
  it("wraps around the ring many times", () => {
    for (let i = 0; i < 100; i++) {
      const head = driver.add([header(0, i % 60), { address: DATA, length: 512, writable: true }, status]);
      disk.bytes[(i % 60) * 512] = i;
      driver.kick();
      expect(driver.used(3)?.id).toBe(head);
      expect([memory.bytes[STATUS], memory.bytes[DATA]]).toEqual([0, i]);
      driver.read(0x1000, 1);
    }
  });
  it("get-id, discard, write-zeroes, flush, unknown, out of range", () => {
    const run = (type: number, sector: number, data: { address: number; length: number; writable?: boolean }[]): number => {
      driver.add([header(type, sector), ...data, status]);
      driver.kick();
      expect(driver.used(2 + data.length)).not.toBe(null);
      return memory.bytes[STATUS];
    };
    expect(run(8, 0, [{ address: DATA, length: 20, writable: true }])).toBe(0);
    expect(String.fromCharCode(...memory.bytes.slice(DATA, DATA + 5))).toBe("S123\0");
    disk.bytes.fill(1);
    memory.longs.set([4, 0, 2, 0], DATA >> 2);
    expect(run(11, 0, [{ address: DATA, length: 16 }])).toBe(0);
    memory.longs.set([8, 0, 1, 1], DATA >> 2);
    expect(run(13, 0, [{ address: DATA, length: 16 }])).toBe(0);
    expect([disk.bytes[4 * 512], disk.bytes[6 * 512], disk.bytes[8 * 512], disk.bytes[9 * 512]]).toEqual([0, 1, 0, 1]);
    memory.longs.set([4, 0, 2, 1], DATA >> 2); // unmap is for write-zeroes only
    expect(run(11, 0, [{ address: DATA, length: 16 }])).toBe(2);
    expect(run(4, 0, [])).toBe(0);
    expect(run(99, 0, [])).toBe(2);
    expect(run(0, 64, [{ address: DATA, length: 512, writable: true }])).toBe(1);
    expect(driver.status).toBe(0x0f);
  });
  it("answers late, in any order; nothing of it reaches RAM after a reset", () => {
    disk.synchronous = false;
    disk.bytes.fill(9);
    const first = driver.add([header(0, 1), { address: DATA, length: 512, writable: true }, status]);
    driver.kick();
    memory.longs.set([0, 0, 2, 0], (HEADER + 32) >> 2);
    const second = driver.add([{ address: HEADER + 32, length: 16 }, { address: DATA + 512, length: 512, writable: true }, { address: STATUS + 1, length: 1, writable: true }]);
    driver.kick();
    expect(driver.used()).toBe(null);
    disk.late.pop()?.();
    expect([driver.used(3)?.id, memory.bytes[DATA + 512], memory.bytes[DATA]]).toEqual([second, 9, 0]);
    driver.write(0x14, 1, 0);
    disk.late.pop()?.();
    expect([memory.bytes[DATA], memory.bytes[STATUS]]).toEqual([0, 0xee]);
    expect(first).toBe(0);
  });

  const broken = (): void => {
    expect(driver.status & 0x40).toBe(0x40);
    // Nothing is done until a reset, and then everything again.
    driver.kick();
    driver.start([28]);
    driver.add([header(8, 0), { address: DATA, length: 20, writable: true }, status]);
    driver.kick();
    expect([driver.status, memory.bytes[STATUS]]).toEqual([0x0f, 0]);
  };
  it.each([
    ["outside RAM", () => [header(0, 0), { address: 0xff00, length: 0x1000, writable: true }, status]],
    ["of no length", () => [header(0, 0), { address: DATA, length: 0, writable: true }, status]],
    ["readable after writable", () => [header(0, 0), status, { address: DATA, length: 512 }]],
    ["too short a header", () => [{ address: HEADER, length: 8 }, status]],
    ["without status", () => [header(4, 0)]],
  ])("a buffer %s breaks the device", (_what, buffers) => {
    driver.add(buffers());
    driver.kick();
    broken();
  });
  it("a table in a table and a table of odd length break the device", () => {
    driver.add([{ address: 0xf100, length: 16 }], 0xf000);
    memory.words[(0xf000 >> 1) + (packed ? 7 : 6)] |= 4;
    memory.longs.set([0xf000, 0, 24], driver.areas().descriptors >> 2);
    driver.kick();
    broken();
  });
});

describe("split rings", () => {
  it("a loop, a head that does not exist, too many requests, rings outside RAM", () => {
    const card = plug(new VirtioRng({ fill: (b) => b.fill(1) }));
    const driver = new TestDriver(card, memory, 0, 16);
    const a = driver.areas();
    const attempts: (() => void)[] = [
      () => {
        driver.add([{ address: DATA, length: 8, writable: true }, { address: DATA, length: 8, writable: true }]);
        memory.words[(a.descriptors >> 1) + 8 + 6] = 3;
        memory.words[(a.descriptors >> 1) + 8 + 7] = 0;
      },
      () => {
        memory.words[(a.driver >> 1) + 2] = 16;
        memory.words[(a.driver >> 1) + 1] = 1;
      },
      () => void (memory.words[(a.driver >> 1) + 1] = 17),
    ];
    for (const attempt of attempts) {
      driver.start();
      attempt();
      driver.kick();
      expect(driver.status & 0x40).toBe(0x40);
    }
    driver.start();
    driver.write(0x14, 1, 0);
    driver.write(0x14, 1, 3);
    driver.write(0x08, 4, 1);
    driver.write(0x0c, 4, 1);
    driver.write(0x14, 1, 0x0b);
    driver.write(0x20, 4, 0xfff0);
    driver.write(0x1c, 2, 1);
    driver.write(0x14, 1, 0x0f);
    driver.kick();
    expect(driver.status & 0x40).toBe(0x40);
  });
  it("event index: an interrupt for the one that the driver waits for, and no other", () => {
    const driver = new TestDriver(plug(new VirtioRng({ fill: (b) => b.fill(1) })), memory, 0, 16);
    driver.start([29]);
    const a = driver.areas();
    memory.words[(a.driver >> 1) + 2 + 16] = 2;
    for (let i = 0; i < 5; i++) {
      driver.add([{ address: DATA, length: 8, writable: true }]);
      driver.kick();
      expect(log).toEqual(i < 2 ? [] : ["intx high"]);
      expect(memory.words[(a.device + 4 + 8 * 16) >> 1]).toBe(i + 1);
    }
  });
  it("passes an event modulo the index (virtio 1.2 §2.7.10)", () => {
    expect([passedEvent(5, 5, 6, 65536), passedEvent(4, 5, 6, 65536), passedEvent(6, 5, 6, 65536)]).toEqual([true, false, false]);
    expect([passedEvent(0, 65535, 2, 65536), passedEvent(65535, 65535, 0, 65536), passedEvent(2, 65535, 2, 65536)]).toEqual([true, true, false]);
  });
});

describe("the transport", () => {
  const make = (msi: boolean): { card: VirtioPci; driver: TestDriver } => {
    const card = plug(new VirtioRng({ fill: (b) => b.fill(1) }), { msi });
    return { card, driver: new TestDriver(card, memory, 0, 16) };
  };
  it("has the identity and capabilities that §4.1 asks for", () => {
    const config = configRegion(make(false).card);
    expect(config.read(0, 4)).toBe(0x1044_1af4);
    expect(config.read(8, 1)).toBe(1);
    const types: number[] = [];
    for (let at = config.read(0x34, 1); at !== 0; at = config.read(at + 1, 1)) {
      expect(config.read(at, 1)).toBe(9);
      types.push(config.read(at + 3, 1));
    }
    expect(types).toEqual([1, 3, 4, 2, 5]);
  });
  it("refuses features that it did not offer, and drivers without VERSION_1", () => {
    const { driver } = make(false);
    driver.start([5]);
    expect(driver.status & 8).toBe(0);
    driver.write(0x14, 1, 0);
    driver.write(0x14, 1, 0x0b);
    expect(driver.status & 8).toBe(0);
  });
  it("MSI-X: messages instead of the pin; masked ones wait", () => {
    const { card, driver } = make(true);
    const config = configRegion(card);
    let at = config.read(0x34, 1);
    while (config.read(at, 1) !== 0x11) at = config.read(at + 1, 1);
    expect(config.read(at + 2, 2)).toBe(1);
    const table = card.endpoint.msix?.region;
    [0xfee0_0000, 0, 0x41, 0].forEach((v, i) => table?.write(4 * i, 4, v));
    config.write(at + 2, 2, 0x8000);
    driver.start([], true);
    const request = (): void => {
      driver.add([{ address: DATA, length: 8, writable: true }]);
      driver.kick();
    };
    request();
    expect(log).toEqual(["msi fee00000 41"]);
    config.write(at + 2, 2, 0xc000);
    request();
    expect([log.length, table?.read(2048, 4)]).toEqual([1, 1]);
    config.write(at + 2, 2, 0x8000);
    expect([log.length, table?.read(2048, 4)]).toEqual([2, 0]);
    driver.write(0x1a, 2, 7);
    expect(driver.read(0x1a, 2)).toBe(0xffff);
  });
  it("BARs move where the guest puts them, and nothing decodes without the command bit", () => {
    const { card } = make(false);
    const config = configRegion(card);
    config.write(0x20, 4, 0xffff_ffff);
    config.write(0x24, 4, 0xffff_ffff);
    expect([config.read(0x20, 4), config.read(0x24, 4)]).toEqual([0xffff_c00c, 0xffff_ffff]);
    config.write(0x20, 4, 0xe000_0000);
    config.write(0x24, 4, 1);
    expect(log).toEqual([]);
    config.write(4, 2, 2);
    config.write(0x24, 4, 0);
    config.write(4, 2, 0);
    expect(log).toEqual(["map virtio-rng.bar4 1e0000000", "unmap virtio-rng.bar4", "map virtio-rng.bar4 e0000000", "unmap virtio-rng.bar4"]);
  });
  it("the window in configuration space reaches the registers", () => {
    const { card } = make(false);
    const config = configRegion(card);
    let at = config.read(0x34, 1);
    while (config.read(at + 3, 1) !== 5) at = config.read(at + 1, 1);
    config.write(at + 4, 1, 4);
    config.write(at + 8, 4, 0x12);
    config.write(at + 12, 4, 2);
    expect(config.read(at + 16, 2)).toBe(1);
    config.write(at + 8, 4, 0x14);
    config.write(at + 12, 4, 1);
    config.write(at + 16, 1, 3);
    expect(card.registers.read(0x14, 1)).toBe(3);
    config.write(at + 4, 1, 2);
    expect(config.read(at + 16, 1)).toBe(3); // no such BAR: as stored
  });
  it("Interrupt Disable holds the pin, not the status bit", () => {
    const { card, driver } = make(false);
    const config = configRegion(card);
    config.write(4, 2, 0x400);
    driver.start();
    driver.add([{ address: DATA, length: 8, writable: true }]);
    driver.kick();
    expect([log, config.read(6, 2) & 8]).toEqual([[], 8]);
    config.write(4, 2, 0);
    expect(log).toEqual(["intx high"]);
  });
});

describe("virtio-net", () => {
  it("moves frames behind a 12-byte header, and drops what nobody waits for", () => {
    const sent: Uint8Array[] = [];
    const net = new VirtioNet(0, Uint8Array.of(2, 0, 0, 0, 0, 1), { send: (f) => sent.push(f) });
    const card = plug(net);
    net.receive(new Uint8Array(60));
    const receive = new TestDriver(card, memory, 0, 16);
    receive.start([5, 16]);
    expect([0, 1, 2, 3, 4, 5].map((i) => card.registers.read(0x2000 + i, 1))).toEqual([2, 0, 0, 0, 0, 1]);
    const transmit = new TestDriver(card, memory, 1, 16);
    memory.bytes.fill(0x11, DATA, DATA + 12 + 60);
    transmit.add([{ address: DATA, length: 12 }, { address: DATA + 12, length: 60 }]);
    transmit.kick();
    expect(sent).toEqual([new Uint8Array(60).fill(0x11)]);
    net.receive(new Uint8Array(100).fill(0x22));
    receive.add([{ address: DATA, length: 1526, writable: true }]);
    receive.kick();
    expect(receive.used()).toEqual({ id: 0, length: 112 });
    expect(memory.bytes.slice(DATA, DATA + 14)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x22, 0x22));
  });
});
