/** The IDE channels against ATA/ATAPI-6, MMC-3 and the bus master interface's specification. */
import { beforeEach, describe, expect, it } from "vitest";
import { restoreSections, saveSection } from "../../base/persist.ts";
import { testDisk, type TestDisk } from "../testing/disks.ts";
import { testSlot } from "../testing/virtio-driver.ts";
import { AtaDisk } from "./ata-disk.ts";
import { AtapiCdrom } from "./atapi-cdrom.ts";
import { IdeController } from "./ide-controller.ts";

let disk: TestDisk;
let disc: TestDisk;
let memory: Uint8Array;
let irq: boolean[];
let ide: IdeController;

function make(options: { disk?: TestDisk; disc?: TestDisk } = {}): IdeController {
  const a = options.disk ?? disk;
  const c = options.disc ?? disc;
  return new IdeController({
    lines: [{ set: (on) => (irq[0] = on) }, { set: (on) => (irq[1] = on) }],
    drives: [(h) => new AtaDisk(h, a, "SER1"), null, (h) => new AtapiCdrom(h, c, "SER2"), null],
    memory: {
      read: (at, into) => into.set(memory.subarray(at, at + into.length)),
      write: (at, from) => memory.set(from, at),
    },
    slot: testSlot(() => undefined, false, () => null),
  });
}
beforeEach(() => {
  disk = testDisk(20_000);
  disc = testDisk(4000, { readOnly: true });
  memory = new Uint8Array(1 << 20);
  irq = [false, false];
  ide = make();
});
const out = (register: number, value: number, channel = 0): void => ide.channels[channel].commandPorts.write(register, 1, value);
const inb = (register: number, channel = 0): number => ide.channels[channel].commandPorts.read(register, 1);
const words = (n: number, channel = 0): number[] => Array.from({ length: n }, () => ide.channels[channel].commandPorts.read(0, 2) & 0xffff);
function lba28(command: number, lba: number, count: number): void {
  out(6, 0xe0 | ((lba >>> 24) & 15));
  [count, lba & 255, (lba >>> 8) & 255, (lba >>> 16) & 255].forEach((v, i) => out(2 + i, v));
  out(7, command);
}
const bytesOf = (list: readonly number[]): Uint8Array => Uint8Array.from(list.flatMap((w) => [w & 255, w >>> 8]));
const sectorBytes = (lba: number, count: number): Uint8Array => disk.bytes.slice(lba * 512, (lba + count) * 512);

describe("disk", () => {
  it("shows the ATA signature after a software reset (§9.12)", () => {
    ide.channels[0].controlPort.write(0, 1, 4);
    ide.channels[0].controlPort.write(0, 1, 0);
    expect([1, 2, 3, 4, 5, 7].map((r) => inb(r))).toEqual([1, 1, 1, 0, 0, 0x50]);
  });
  it("IDENTIFY: sizes, model with swapped characters, checksum (§8.15)", () => {
    lba28(0xec, 0, 0);
    expect(irq[0]).toBe(true);
    expect(inb(7)).toBe(0x58);
    expect(irq[0]).toBe(false);
    const w = words(256);
    expect(w[60] + w[61] * 65536).toBe(20_000);
    expect(w[100] + w[101] * 65536).toBe(20_000);
    expect(String.fromCharCode(...w.slice(27, 47).flatMap((x) => [x >>> 8, x & 255])).trim()).toBe("TABVISOR HARDDISK");
    expect(bytesOf(w).reduce((a, b) => (a + b) & 255, 0)).toBe(0);
    expect(inb(7)).toBe(0x50);
  });
  it("reads by PIO with LBA28, an interrupt before each sector", () => {
    lba28(0x20, 1000, 3);
    for (let i = 0; i < 3; i++) {
      expect(irq[0]).toBe(true);
      expect(inb(7)).toBe(0x58);
      expect(bytesOf(words(256))).toEqual(sectorBytes(1000 + i, 1));
    }
    expect([irq[0], inb(7)]).toEqual([false, 0x50]);
  });
  it("reads by CHS with the geometry that INITIALIZE DEVICE PARAMETERS sets (§6.2)", () => {
    out(6, 0xa7); // 8 heads
    out(2, 32);
    out(7, 0x91);
    [1, 5, 3, 0].forEach((v, i) => out(2 + i, v)); // cylinder 3, sector 5
    out(6, 0xa2); // head 2
    out(7, 0x20);
    expect(bytesOf(words(256))).toEqual(sectorBytes((3 * 8 + 2) * 32 + 4, 1));
  });
  it("a count of 0 is 256 sectors (§7.14)", () => {
    lba28(0x20, 0, 0);
    expect(bytesOf(words(256 * 256))).toEqual(sectorBytes(0, 256));
    expect(inb(7)).toBe(0x50);
  });
  it("48-bit commands take both bytes of each register (§6.20)", () => {
    const wide = testDisk(0x1_0200);
    ide = make({ disk: wide });
    out(6, 0x40);
    out(2, 0); out(2, 2);
    out(3, 0); out(3, 0xff);
    out(4, 0); out(4, 0xff);
    out(5, 0); out(5, 0);
    out(7, 0x24);
    expect(bytesOf(words(512))).toEqual(wide.bytes.slice(0xffff * 512, 0x1_0001 * 512));
    // The high bytes are seen with HOB.
    ide.channels[0].controlPort.write(0, 1, 0x80);
    expect(inb(2)).toBe(0);
  });
  it("READ MULTIPLE interrupts for each block; SET MULTIPLE MODE takes powers of two to 16", () => {
    out(2, 3);
    out(7, 0xc6);
    expect(inb(7) & 1).toBe(1);
    out(2, 4);
    out(7, 0xc6);
    expect(inb(7)).toBe(0x50);
    lba28(0xc4, 10, 6);
    let interrupts = 0;
    const data: number[] = [];
    while ((inb(7) & 8) !== 0) {
      interrupts++;
      data.push(...words(interrupts === 1 ? 1024 : 512));
    }
    expect([interrupts, bytesOf(data)]).toEqual([2, sectorBytes(10, 6)]);
  });
  it("writes by PIO, and FLUSH CACHE reaches the backend", () => {
    lba28(0x30, 77, 2);
    expect(irq[0]).toBe(false);
    for (let i = 0; i < 256; i++) ide.channels[0].commandPorts.write(0, 4, 0x01020304 + i);
    expect(irq[0]).toBe(true);
    expect(inb(7)).toBe(0x50);
    const view = new DataView(disk.bytes.buffer);
    expect([view.getUint32(77 * 512, true), view.getUint32(78 * 512 + 508, true)]).toEqual([0x01020304, 0x01020304 + 255]);
    out(7, 0xe7);
    expect([disk.flushes, inb(7)]).toEqual([1, 0x50]);
  });
  it("addresses beyond the end: IDNF; a backend's error: UNC; a read-only disk: WP", () => {
    lba28(0x20, 19_999, 2);
    expect([inb(7) & 1, inb(1) & 0x10]).toEqual([1, 0x10]);
    disk.failNext = { kind: "io", message: "x" };
    lba28(0x20, 5, 1);
    expect([inb(7) & 1, inb(1)]).toEqual([1, 0x40]);
    ide = make({ disk: testDisk(100, { readOnly: true }) });
    lba28(0x30, 5, 1);
    expect([inb(7) & 1, inb(1)]).toEqual([1, 0x44]);
  });
  it("unknown commands abort; an absent drive shows 0", () => {
    out(7, 0xfe);
    expect([inb(7), inb(1)]).toEqual([0x51, 4]);
    out(6, 0xb0);
    expect(inb(7)).toBe(0);
    out(7, 0xec);
    expect(inb(7)).toBe(0);
  });
  it("nIEN holds the interrupt off, and lets a pending one through (§7.9)", () => {
    ide.channels[0].controlPort.write(0, 1, 2);
    lba28(0x20, 0, 1);
    expect(irq[0]).toBe(false);
    ide.channels[0].controlPort.write(0, 1, 0);
    expect(irq[0]).toBe(true);
  });
});

/** Bus master registers of channel 0 at 0, of channel 1 at 8. */
const bm = (offset: number, width: 1 | 2 | 4, value: number): void => ide.busMasterPorts.write(offset, width, value);
function prd(at: number, entries: readonly (readonly [address: number, bytes: number])[]): void {
  const view = new DataView(memory.buffer);
  entries.forEach(([address, bytes], i) => {
    view.setUint32(at + 8 * i, address, true);
    view.setUint16(at + 8 * i + 4, bytes & 0xffff, true);
    view.setUint16(at + 8 * i + 6, i === entries.length - 1 ? 0x8000 : 0, true);
  });
}

describe("bus master", () => {
  it("scatters a read over the table's regions; status tells the end and the interrupt", () => {
    prd(0x1000, [[0x2000, 100], [0x3000, 924]]);
    bm(4, 4, 0x1000);
    lba28(0xc8, 40, 2);
    expect(inb(7)).toBe(0x58);
    bm(0, 1, 9);
    expect(ide.busMasterPorts.read(2, 1) & 7).toBe(4);
    expect(irq[0]).toBe(true);
    const data = sectorBytes(40, 2);
    expect(memory.slice(0x2000, 0x2064)).toEqual(data.slice(0, 100));
    expect(memory.slice(0x3000, 0x3000 + 924)).toEqual(data.slice(100));
    expect(inb(7)).toBe(0x50);
    bm(2, 1, 4);
    expect(ide.busMasterPorts.read(2, 1) & 4).toBe(0);
  });
  it("gathers a write; a count of 0 is 64 KiB", () => {
    for (let i = 0; i < 0x1_0000; i++) memory[0x2_0000 + i] = (i * 7) & 255;
    prd(0x1000, [[0x2_0000, 0]]);
    bm(4, 4, 0x1000);
    bm(0, 1, 1);
    lba28(0xca, 300, 128);
    expect(inb(7)).toBe(0x50);
    expect(disk.bytes.slice(300 * 512, 428 * 512)).toEqual(memory.slice(0x2_0000, 0x3_0000));
  });
  it("a table that is too short stops the controller with the drive still waiting", () => {
    prd(0x1000, [[0x2000, 512]]);
    bm(4, 4, 0x1000);
    lba28(0xc8, 0, 2);
    bm(0, 1, 9);
    expect([ide.busMasterPorts.read(2, 1) & 5, inb(7) & 8]).toEqual([0, 8]);
  });
});

function packet(...bytes: number[]): void {
  [0, 0, 0, 0xff, 0xff].forEach((v, i) => out(1 + i, v, 1));
  out(6, 0xa0, 1);
  out(7, 0xa0, 1);
  const all = [...bytes, ...new Array<number>(12 - bytes.length).fill(0)];
  for (let i = 0; i < 12; i += 2) ide.channels[1].commandPorts.write(0, 2, all[i] | (all[i + 1] << 8));
}
/** All that the drive gives, piece by piece. */
function answer(): Uint8Array {
  const data: number[] = [];
  while ((inb(7, 1) & 8) !== 0) data.push(...bytesOf(words(Math.ceil((inb(4, 1) | (inb(5, 1) << 8)) / 2), 1)));
  return Uint8Array.from(data);
}

describe("CD-ROM", () => {
  const ready = (): void => {
    packet(0);
    packet(0);
  };
  it("has the packet signature, aborts IDENTIFY DEVICE, and identifies itself", () => {
    out(6, 0xa0, 1);
    out(7, 0xec, 1);
    expect([inb(7, 1) & 1, inb(4, 1), inb(5, 1)]).toEqual([1, 0x14, 0xeb]);
    out(7, 0xa1, 1);
    expect(words(256, 1)[0]).toBe(0x85c0);
  });
  it("tells a unit attention once, with sense data", () => {
    packet(0);
    expect([inb(7, 1) & 1, inb(1, 1) >>> 4]).toEqual([1, 6]);
    packet(3, 0, 0, 0, 18);
    const sense = answer();
    expect([sense[2], sense[12]]).toEqual([6, 0x28]);
    packet(0);
    expect(inb(7, 1) & 1).toBe(0);
  });
  it("READ CAPACITY and READ (10): sectors of 2,048 bytes, by the host's byte count", () => {
    ready();
    packet(0x25);
    expect([...answer()]).toEqual([0, 0, 3, 0xe7, 0, 0, 8, 0]);
    packet(0x28, 0, 0, 0, 0, 5, 0, 0, 40);
    const data = answer();
    expect(data.length).toBe(40 * 2048);
    expect(data).toEqual(disc.bytes.slice(5 * 2048, 45 * 2048));
    expect([inb(2, 1) & 3, inb(7, 1)]).toEqual([3, 0x50]);
  });
  it("READ TOC: one data track and the lead-out, in MSF", () => {
    ready();
    packet(0x43, 2, 0, 0, 0, 0, 0, 0, 100);
    expect([...answer()]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 2, 0, 0, 0x14, 0xaa, 0, 0, 0, 15, 25]);
  });
  it("out of range and unknown commands: illegal request", () => {
    ready();
    packet(0x28, 0, 0, 0, 3, 0xe7, 0, 0, 2);
    expect([inb(7, 1) & 1, inb(1, 1) >>> 4]).toEqual([1, 5]);
    packet(0xf7);
    packet(3, 0, 0, 0, 18);
    expect(answer()[12]).toBe(0x20);
  });
  it("reads by DMA", () => {
    ready();
    prd(0x1000, [[0x2000, 4096]]);
    bm(12, 4, 0x1000);
    out(1, 1, 1);
    out(7, 0xa0, 1);
    for (const word of [0x28, 0, 0, 0, 2, 0]) ide.channels[1].commandPorts.write(0, 2, word);
    bm(8, 1, 9);
    expect(memory.slice(0x2000, 0x3000)).toEqual(disc.bytes.slice(0, 4096));
    expect(inb(7, 1)).toBe(0x50);
  });
});

it("a backend that answers late keeps BSY; a reset drops the answer; a restore asks again", () => {
  const late: (() => void)[] = [];
  const slow = testDisk(100, { late });
  ide = make({ disk: slow });
  lba28(0x20, 3, 1);
  expect(inb(7) & 0x80).toBe(0x80);
  const section = saveSection(ide);
  ide.channels[0].controlPort.write(0, 1, 4);
  ide.channels[0].controlPort.write(0, 1, 0);
  late.shift()?.();
  expect(inb(7)).toBe(0x50);

  const copy = make({ disk: slow });
  restoreSections([copy], [section]);
  copy.resume();
  late.shift()?.();
  ide = copy;
  expect(inb(7)).toBe(0x58);
  expect(bytesOf(words(256))).toEqual(slow.bytes.slice(3 * 512, 4 * 512));
});
